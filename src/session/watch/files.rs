//! The files of a script, and the moment when one of them was saved.
//!
//! Watched are folders, not files: an editor that writes a new file and renames it leaves a watch on the file behind.
//! What the system tells is a hint, that something may have happened: it costs a look at the files, and a look is had
//! now and then without one too, for folders that no event comes from (of a network, of another machine) and for those
//! that were removed and made again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};

/// So long nothing may happen before files are read: an editor's save is several events, some milliseconds apart.
const QUIET: Duration = Duration::from_millis(20);
/// But whoever writes on and on is not waited for.
const QUIET_MAX: Duration = Duration::from_millis(100);
/// How often files are looked at without an event.
const LOOK: Duration = Duration::from_millis(500);
/// The same where the system tells no events at all.
const LOOK_ALONE: Duration = Duration::from_millis(100);
/// Events that wait; more are looked for.
const EVENTS_MAX: usize = 1_024;

/// Why the wait is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Woken {
    /// These files may have changed, and have been left alone since. When the first sign of it came.
    Saved(BTreeSet<PathBuf>, Instant),
    /// Somebody called [`Waker::wake`].
    Called,
}

/// What ends a wait from elsewhere.
#[derive(Debug, Clone)]
pub struct Waker(SyncSender<Sign>);

impl Waker {
    /// Ends the present wait, or the next one.
    pub fn wake(&self) {
        // A full queue wakes as well.
        let _ = self.0.try_send(Sign::Call);
    }
}

#[derive(Debug)]
enum Sign {
    Touched(Vec<PathBuf>),
    Call,
}

/// The files that are looked after.
pub(super) struct Files {
    /// As they were when they were about to be read; none that was not there.
    known: BTreeMap<PathBuf, Option<Stamp>>,
    /// Where links lead, to the link's path.
    targets: BTreeMap<PathBuf, PathBuf>,
    /// The folders that events come from.
    folders: BTreeMap<PathBuf, Stamp>,
    watcher: Option<RecommendedWatcher>,
    signs: Receiver<Sign>,
    waker: Waker,
}

/// What tells a file from what it was. A write within the clock's grain that keeps the size is told by its event alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    number: u64,
    /// Not of folders: they change with each file in them.
    bytes: u64,
    modified_ns: i128,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let about: Metadata = path.metadata().ok()?;
        let (device, number) = (about.dev(), about.ino());
        if about.is_dir() {
            return Some(Self { device, number, bytes: 0, modified_ns: 0 });
        }
        let modified_ns = i128::from(about.mtime()) * 1_000_000_000 + i128::from(about.mtime_nsec());
        Some(Self { device, number, bytes: about.len(), modified_ns })
    }
}

impl Files {
    /// None so far. With what to tell a user where the system tells no events.
    pub(super) fn new() -> (Self, Option<String>) {
        let (send, signs) = sync_channel(EVENTS_MAX);
        let waker = Waker(send.clone());
        let told = move |event: notify::Result<notify::Event>| {
            let paths = match event {
                Ok(event) if is_change(event.kind) => event.paths,
                // Whatever was lost is looked for.
                Err(_) => Vec::new(),
                Ok(_) => return,
            };
            match send.try_send(Sign::Touched(paths)) {
                Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
            }
        };
        let (watcher, note) = match notify::recommended_watcher(told) {
            Ok(watcher) => (Some(watcher), None),
            Err(error) => (
                None,
                Some(format!(
                    "the system tells no changes of files ({error}): they are looked at ten times a second"
                )),
            ),
        };
        let (known, targets, folders) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        (Self { known, targets, folders, watcher, signs, waker }, note)
    }

    pub(super) fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Looks after these from now on, as they are now. Who reads them does so afterwards: what is saved in between is
    /// a change.
    pub(super) fn watch(&mut self, paths: impl IntoIterator<Item = PathBuf>) {
        let paths: BTreeSet<PathBuf> = paths.into_iter().map(|path| plain(&path)).collect();
        self.targets =
            paths.iter().filter_map(|path| Some((path.canonicalize().ok()?, path.clone()))).collect();
        // The folders first: an event is rather had twice than never.
        self.watch_folders(&paths);
        let before = std::mem::take(&mut self.known);
        // What changed since it was read is still to be noticed.
        let stamp = |path: PathBuf| {
            let stamp = before.get(&path).copied().unwrap_or_else(|| Stamp::of(&path));
            (path, stamp)
        };
        self.known = paths.into_iter().map(stamp).collect();
    }

    /// Takes the files as they are now: they are about to be read.
    pub(super) fn stamp(&mut self) {
        for (path, stamp) in &mut self.known {
            *stamp = Stamp::of(path);
        }
    }

    fn watch_folders(&mut self, paths: &BTreeSet<PathBuf>) {
        let Some(watcher) = &mut self.watcher else { return };
        let real = self.targets.keys();
        let wanted: BTreeSet<PathBuf> =
            paths.iter().chain(real).filter_map(|path| nearest_folder(path)).collect();
        let gone: Vec<PathBuf> =
            self.folders.keys().filter(|folder| !wanted.contains(*folder)).cloned().collect();
        for folder in gone {
            let _ = watcher.unwatch(&folder);
            self.folders.remove(&folder);
        }
        for folder in wanted {
            let Some(stamp) = Stamp::of(&folder) else { continue };
            if self.folders.get(&folder) == Some(&stamp) {
                continue;
            }
            // One that was removed and made again: the watch went with the old one.
            if self.folders.remove(&folder).is_some() {
                let _ = watcher.unwatch(&folder);
            }
            // One that can't be watched is looked at.
            if watcher.watch(&folder, RecursiveMode::NonRecursive).is_ok() {
                self.folders.insert(folder, stamp);
            }
        }
    }

    /// Blocks until a file may have changed and nothing has happened to it for a moment.
    pub(super) fn wait(&mut self) -> Woken {
        let mut changed = BTreeSet::new();
        let mut first: Option<Instant> = None;
        // Something happened beside the files: it may concern them, as a folder that is linked elsewhere.
        let mut is_near = false;
        loop {
            let limit = match first {
                Some(_) => QUIET,
                None if is_near => QUIET,
                None if self.watcher.is_some() => LOOK,
                None => LOOK_ALONE,
            };
            let sign = self.signs.recv_timeout(limit);
            match sign {
                // This holds a sender itself, so nobody hangs up.
                Ok(Sign::Call) | Err(RecvTimeoutError::Disconnected) => return Woken::Called,
                Ok(Sign::Touched(paths)) => {
                    let ours: Vec<PathBuf> = paths.iter().filter_map(|path| self.ours(path)).collect();
                    is_near |= ours.is_empty();
                    if !ours.is_empty() {
                        first.get_or_insert_with(Instant::now);
                        changed.extend(ours);
                    }
                    if first.is_none_or(|first| first.elapsed() < QUIET_MAX) {
                        continue;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            let seen = self.look();
            is_near = false;
            if !seen.is_empty() {
                let is_first_sign = first.is_none();
                changed.extend(seen);
                // Nobody knows how long ago it was: it is left alone for a moment first.
                if is_first_sign {
                    first = Some(Instant::now());
                    self.stamp();
                    continue;
                }
            }
            if let Some(first) = first {
                return Woken::Saved(changed, first);
            }
        }
    }

    /// The file of ours that an event is of.
    fn ours(&self, path: &Path) -> Option<PathBuf> {
        let path = plain(path);
        if self.known.contains_key(&path) { Some(path) } else { self.targets.get(&path).cloned() }
    }

    /// The files that are not what they were; folders that are others are watched anew.
    fn look(&mut self) -> Vec<PathBuf> {
        let paths: BTreeSet<PathBuf> = self.known.keys().cloned().collect();
        self.watch_folders(&paths);
        let differ = self.known.iter().filter(|(path, stamp)| Stamp::of(path) != **stamp);
        differ.map(|(path, _)| path.clone()).collect()
    }
}

/// Opening and reading change nothing, and we do both.
fn is_change(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

/// The path from the root, without `.`; links stay.
pub(super) fn plain(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    whole.components().filter(|component| *component != Component::CurDir).collect()
}

/// The folder that a file lies in, or the nearest one above it that is there.
fn nearest_folder(path: &Path) -> Option<PathBuf> {
    path.ancestors().skip(1).find(|folder| folder.is_dir()).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// What a wait gives when `change` happens to the folder, beside files that nobody looks after.
    fn after(paths: &[&str], change: impl FnOnce(&Path) + Send + 'static) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("lib")).unwrap();
        for name in ["flow.rhai", "lib/login.rhai", "other.txt"] {
            std::fs::write(folder.path().join(name), "old").unwrap();
        }
        let (mut files, note) = Files::new();
        assert_eq!(note, None);
        files.watch(paths.iter().map(|name| folder.path().join(name)));
        files.stamp();
        let (root, is_over) = (folder.path().to_owned(), Arc::new(AtomicBool::new(false)));
        let (over, waker) = (Arc::clone(&is_over), files.waker());
        let thread = std::thread::spawn(move || {
            change(&root);
            // A guard against a wait without end.
            for _ in 0..500 {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                std::thread::park_timeout(Duration::from_millis(10));
            }
            waker.wake();
        });
        let woken = files.wait();
        is_over.store(true, Ordering::SeqCst);
        thread.join().unwrap();
        match woken {
            Woken::Called => Vec::new(),
            Woken::Saved(paths, _) => {
                let short = |path: &PathBuf| path.strip_prefix(folder.path()).unwrap().display().to_string();
                paths.iter().map(short).collect()
            }
        }
    }

    #[test]
    fn a_file_that_is_written_renamed_removed_or_made_is_noticed() {
        let ours = ["flow.rhai", "lib/login.rhai", "lib/new.rhai"];
        assert_eq!(
            after(&ours, |root| std::fs::write(root.join("flow.rhai"), "new").unwrap()),
            ["flow.rhai"]
        );
        let renamed = after(&ours, |root| {
            std::fs::write(root.join("lib/.login.tmp"), "new").unwrap();
            std::fs::rename(root.join("lib/.login.tmp"), root.join("lib/login.rhai")).unwrap();
        });
        assert_eq!(renamed, ["lib/login.rhai"]);
        assert_eq!(after(&ours, |root| std::fs::remove_file(root.join("flow.rhai")).unwrap()), ["flow.rhai"]);
        let made = after(&ours, |root| std::fs::write(root.join("lib/new.rhai"), "new").unwrap());
        assert_eq!(made, ["lib/new.rhai"]);
    }

    #[test]
    fn a_write_that_keeps_size_and_time_is_told_by_its_event() {
        let kept = after(&["flow.rhai"], |root| {
            let path = root.join("flow.rhai");
            let about = path.metadata().unwrap();
            std::fs::write(&path, "NEW").unwrap();
            std::fs::File::open(&path).unwrap().set_modified(about.modified().unwrap()).unwrap();
        });
        assert_eq!(kept, ["flow.rhai"]);
    }

    #[test]
    fn a_folder_that_is_removed_and_made_again_is_looked_after() {
        let again = after(&["lib/login.rhai"], |root| {
            std::fs::remove_dir_all(root.join("lib")).unwrap();
            std::fs::create_dir(root.join("lib")).unwrap();
            std::fs::write(root.join("lib/login.rhai"), "new").unwrap();
        });
        assert_eq!(again, ["lib/login.rhai"]);
    }

    #[test]
    fn a_file_behind_a_link_is_noticed_and_a_link_that_leads_elsewhere_too() {
        use std::os::unix::fs::symlink;
        let elsewhere = tempfile::tempdir().unwrap();
        let real = elsewhere.path().join("real.rhai");
        std::fs::write(&real, "old").unwrap();
        let folder = tempfile::tempdir().unwrap();
        // As Kubernetes mounts a map of files.
        for version in ["one", "two"] {
            std::fs::create_dir(folder.path().join(version)).unwrap();
            std::fs::write(folder.path().join(version).join("flow.rhai"), version).unwrap();
        }
        symlink("one", folder.path().join("data")).unwrap();
        symlink("data/flow.rhai", folder.path().join("flow.rhai")).unwrap();
        symlink(&real, folder.path().join("linked.rhai")).unwrap();
        let (mut files, _) = Files::new();
        files.watch(["flow.rhai", "linked.rhai"].map(|name| folder.path().join(name)));
        files.stamp();
        std::fs::write(&real, "new").unwrap();
        assert!(
            matches!(files.wait(), Woken::Saved(paths, _) if paths == [folder.path().join("linked.rhai")].into())
        );
        files.stamp();
        symlink("two", folder.path().join("swap")).unwrap();
        std::fs::rename(folder.path().join("swap"), folder.path().join("data")).unwrap();
        assert!(
            matches!(files.wait(), Woken::Saved(paths, _) if paths == [folder.path().join("flow.rhai")].into())
        );
    }

    #[test]
    fn what_happens_beside_the_files_is_no_save_and_a_call_ends_the_wait() {
        let (mut files, _) = Files::new();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("flow.rhai"), "old").unwrap();
        files.watch([folder.path().join("flow.rhai")]);
        files.stamp();
        std::fs::read(folder.path().join("flow.rhai")).unwrap();
        std::fs::write(folder.path().join("beside.txt"), "new").unwrap();
        files.waker().wake();
        assert_eq!(files.wait(), Woken::Called);
    }
}
