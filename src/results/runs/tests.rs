//! Runs by what users call them, beside whatever else may lie in their folder.

use super::*;
use crate::results::RunFolder;

struct Store {
    results: tempfile::TempDir,
}

impl Store {
    fn new() -> Self {
        Self { results: tempfile::tempdir().unwrap() }
    }

    /// Keeps a run that began then.
    fn keep(&self, second: i64) -> String {
        let start = Timestamp::from_second(second).unwrap();
        let run = RunFolder::create(self.results.path(), start, 5).unwrap();
        run.write_soon("summary.json", b"{}").unwrap();
        run.id.to_string()
    }

    fn runs(&self) -> Runs {
        Runs::open(self.results.path()).unwrap()
    }
}

fn name(found: Result<KeptRun, StoreError>) -> String {
    found.unwrap().name()
}

#[test]
fn no_results_are_no_error_and_no_run() {
    let store = Store::new();
    assert!(store.runs().list().unwrap().is_empty());
    assert!(Runs::open(&store.results.path().join("none")).unwrap().list().unwrap().is_empty());
    for name in ["last", "x"] {
        assert!(matches!(store.runs().find(name), Err(StoreError::NoRuns { .. })));
    }
}

#[test]
fn runs_are_listed_newest_first_and_nothing_else_is() {
    let store = Store::new();
    let ids = [1_000_000_100, 1_000_000_000, 1_000_000_200].map(|second| store.keep(second));
    let runs = store.results.path().join("runs");
    std::fs::create_dir(runs.join("notes")).unwrap();
    std::fs::write(runs.join("20261128T095155Z-4k2f"), "a file").unwrap();
    std::os::unix::fs::symlink(&ids[0], runs.join("20261128T095155Z-4k2g")).unwrap();
    let listed: Vec<String> = store.runs().list().unwrap().iter().map(KeptRun::name).collect();
    assert_eq!(listed, [&ids[2], &ids[0], &ids[1]].map(Clone::clone));
}

#[test]
fn a_run_is_found_by_what_users_call_it() {
    let store = Store::new();
    let (old, new) = (store.keep(1_000_000_000), store.keep(1_100_000_000));
    let runs = store.runs();
    assert_eq!(name(runs.find("last")), new);
    assert_eq!(name(runs.find(&old)), old);
    assert_eq!(name(runs.find("2001")), old, "the beginning of an id");
    assert!(!runs.tag(&runs.find(&old).unwrap(), "before", false).unwrap());
    assert!(runs.tag(&runs.find(&old).unwrap(), "before", false).unwrap(), "it had it");
    assert_eq!(name(runs.find("before")), old);
    let folder = store.results.path().join("runs").join(&old);
    assert_eq!(name(runs.find(folder.to_str().unwrap())), old);
    let journal = folder.join("journal");
    std::fs::write(&journal, "j").unwrap();
    let by_journal = runs.find(journal.to_str().unwrap()).unwrap();
    assert_eq!(by_journal.name(), old);
    assert!(by_journal.open_journal().unwrap().is_some());
    let Err(StoreError::Ambiguous { ids, .. }) = runs.find("20") else { panic!("two begin so") };
    assert_eq!(ids.len(), 2);
}

#[test]
fn a_wrong_name_hears_of_those_like_it() {
    let store = Store::new();
    let id = store.keep(1_000_000_000);
    let runs = store.runs();
    runs.tag(&runs.find("last").unwrap(), "before", false).unwrap();
    let near = |name: &str| match runs.find(name) {
        Err(StoreError::NoRun { near, .. }) => near,
        other => panic!("{other:?}"),
    };
    assert_eq!(near("befor"), ["before"]);
    assert_eq!(near("lsat"), ["last"]);
    assert_eq!(near(&id.replace("-5", "-6")), [id]);
    assert!(near("").is_empty());
    assert!(matches!(runs.find("./none"), Err(StoreError::File { verb: "open", .. })));
    assert!(matches!(runs.find("./none/of/these"), Err(StoreError::File { .. })));
}

#[test]
fn a_tag_is_on_one_run_and_moves_on_demand() {
    let store = Store::new();
    let (old, new) = (store.keep(1_000_000_000), store.keep(1_100_000_000));
    let runs = store.runs();
    let run = |id: &str| runs.find(id).unwrap();
    runs.tag(&run(&old), "x", false).unwrap();
    let taken = runs.tag(&run(&new), "x", false).unwrap_err();
    assert_eq!(taken.to_string(), format!("the tag `x` is on run {old} already"));
    runs.tag(&run(&new), "x", true).unwrap();
    assert_eq!(name(runs.find("x")), new);
    assert!(run(&old).tags().unwrap().is_empty());
    Runs::untag(&run(&new), "x").unwrap();
    assert!(matches!(Runs::untag(&run(&new), "x"), Err(StoreError::NoTag { .. })));
    assert!(matches!(runs.find("x"), Err(StoreError::NoRun { .. })));
}

#[test]
fn what_lies_in_place_of_the_store_is_not_followed() {
    let (store, other) = (Store::new(), Store::new());
    other.keep(1_000_000_000);
    std::os::unix::fs::symlink(other.results.path().join("runs"), store.results.path().join("runs")).unwrap();
    assert!(matches!(Runs::open(store.results.path()), Err(StoreError::Planted { .. })));
}

#[test]
fn a_broken_run_does_not_hide_the_others() {
    let store = Store::new();
    let (old, _) = (store.keep(1_000_000_000), store.keep(1_100_000_000));
    let folder = store.results.path().join("runs").join(&old);
    std::fs::write(folder.join("environment.json"), "{").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.join("tags.json")).unwrap();
    let cards = store.runs().cards(Timestamp::now()).unwrap();
    assert_eq!(cards.len(), 2);
    assert_eq!(cards[0].fault, None);
    let fault = cards[1].fault.as_deref().unwrap();
    assert!(fault.contains("environment.json is not what it should be"), "{fault}");
    assert!(fault.contains("tags.json is a link"), "{fault}");
}
