//! Which runs go, which are spared, and what is left of the rest: always more than the rules ask for.

use std::path::{Path, PathBuf};

use super::*;
use crate::results::RunFolder;

const NOW: i64 = 1_000_000_000;
const DAY: i64 = 86_400;

struct Store(tempfile::TempDir);

impl Store {
    /// Runs that began so many days ago.
    fn new(days: &[i64]) -> Self {
        let store = Self(tempfile::tempdir().unwrap());
        for day in days {
            drop(store.begin(*day));
        }
        store
    }

    fn begin(&self, day: i64) -> RunFolder {
        let start = Timestamp::from_second(NOW - day * DAY).unwrap();
        let run = RunFolder::create(self.0.path(), start, 5).unwrap();
        run.write_soon("summary.json", b"12345").unwrap();
        run.enter("script").unwrap().enter("lib").unwrap().write_soon("a.rhai", b"12345").unwrap();
        run
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.0.path().join("runs").join(name)
    }

    fn runs(&self) -> Runs {
        Runs::open(self.0.path()).unwrap()
    }

    fn prune(&self, keep: Option<usize>, days: Option<u64>, is_dry_run: bool) -> Pruned {
        let older_than = days.map(|days| Duration::from_hours(24 * days));
        let now = Timestamp::from_second(NOW).unwrap();
        self.runs().prune(Pruning { keep, older_than }, now, is_dry_run).unwrap()
    }

    /// How many days ago the runs began that are left.
    fn left(&self) -> Vec<i64> {
        let days = |run: &KeptRun| (NOW - run.begun().unwrap().as_second()) / DAY;
        self.runs().list().unwrap().iter().map(days).collect()
    }
}

#[test]
fn a_run_goes_only_if_every_rule_lets_it_go() {
    let store = Store::new(&[1, 2, 3, 4, 5]);
    assert_eq!(store.prune(Some(2), Some(4), false).removed.len(), 2);
    assert_eq!(store.left(), [1, 2, 3]);
    assert_eq!(store.prune(None, Some(4), false).removed.len(), 0);
    let pruned = store.prune(Some(1), None, false);
    assert_eq!((pruned.removed.len(), pruned.removed[0].bytes, pruned.left), (2, 10, 1));
    assert!(pruned.removed[0].begun_at < pruned.removed[1].begun_at, "the oldest first");
    assert_eq!(store.left(), [1]);
    assert_eq!(store.prune(Some(0), None, false).left, 0);
    assert_eq!(std::fs::read_dir(store.folder("")).unwrap().count(), 0);
}

#[test]
fn a_dry_run_says_the_same_and_removes_nothing() {
    let store = Store::new(&[1, 2, 3]);
    let told = store.prune(Some(1), None, true);
    assert_eq!(store.left(), [1, 2, 3]);
    assert_eq!(store.prune(Some(1), None, false).removed, told.removed);
}

#[test]
fn what_is_under_way_tagged_or_no_run_is_spared() {
    let store = Store::new(&[2]);
    let under_way = store.begin(3);
    let runs = store.runs();
    runs.tag(&runs.find("last").unwrap(), "kept", false).unwrap();
    // A folder of somebody's with the name of a run.
    let foreign = store.folder("20010101T000000Z-aaaa");
    std::fs::create_dir(&foreign).unwrap();
    std::fs::write(foreign.join("thesis.txt"), "mine").unwrap();
    std::fs::create_dir(store.folder("notes")).unwrap();
    let pruned = store.prune(Some(0), None, false);
    assert_eq!(pruned.removed, []);
    let why: Vec<&str> = pruned.spared.iter().map(|spared| spared.why.as_str()).collect();
    assert_eq!(why, ["it holds no file of a run", "it is under way", "it is tagged `kept`"]);
    assert!(foreign.join("thesis.txt").exists() && store.folder("notes").exists());
    drop(under_way);
    assert_eq!(store.prune(Some(0), None, false).removed.len(), 1, "it is over");
}

#[test]
fn links_in_a_run_go_and_what_they_lead_to_stays() {
    let store = Store::new(&[1]);
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(elsewhere.path().join("mine"), "x").unwrap();
    let run = store.folder("").join(store.runs().find("last").unwrap().name());
    std::os::unix::fs::symlink(elsewhere.path(), run.join("away")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path().join("mine"), run.join("script/file")).unwrap();
    assert_eq!(store.prune(Some(0), None, false).removed.len(), 1);
    assert!(!run.exists());
    assert!(elsewhere.path().join("mine").exists());
}

#[test]
fn a_run_that_was_killed_before_its_first_byte_can_go() {
    let store = Store::new(&[]);
    let folder = store.folder("20010101T000000Z-aaaa");
    std::fs::create_dir_all(&folder).unwrap();
    assert_eq!(store.prune(Some(0), None, false).removed.len(), 1);
    assert!(!Path::new(&folder).exists());
}
