//! The folder of a run, for nobody but its owner, and held for as long as the run goes: whoever clears up can tell
//! a run that is under way from one that was killed.

use std::fs::File;
use std::path::Path;

use jiff::Timestamp;

use super::private_folder::{Held, Links, PrivateFolder};
use super::{RunId, StoreError};

/// Where results lie, unless the user says otherwise.
pub const RESULTS_FOLDER: &str = ".runner";

/// The folder of runs among the results.
pub const RUNS_FOLDER: &str = "runs";

/// Names that are tried before a folder of another run that begins in this second is an error.
const TRIES_MAX: u64 = 100;

/// The folder of one run. One that is still empty when it is dropped goes away again: nothing began.
#[derive(Debug)]
pub struct RunFolder {
    /// The run's name.
    pub id: RunId,
    /// When it began.
    pub start: Timestamp,
    folder: PrivateFolder,
    runs: PrivateFolder,
}

/// Whether a link in the place of results is followed: where the user named the place, it is the user's wish.
pub(super) fn links(results: &Path) -> Links {
    if results == Path::new(RESULTS_FOLDER) { Links::Refused } else { Links::Followed }
}

impl RunFolder {
    /// Makes a folder for a run that begins now, `RESULTS/runs/ID`; those above it too, where they are missing.
    pub fn create(results: &Path, start: Timestamp, random: u64) -> Result<Self, StoreError> {
        let runs = PrivateFolder::make(results, links(results))?.enter(RUNS_FOLDER)?;
        let mut taken = String::new();
        for attempt in 0..TRIES_MAX {
            let id = RunId::new(start, random.wrapping_add(attempt));
            if runs.make_folder(id.as_str())? {
                if let Some(folder) = take(&runs, &id)? {
                    return Ok(Self { id, start, folder, runs });
                }
                // Who looked into it at that instant leaves it behind; who clears up has taken it away.
                let _ = runs.remove_empty(id.as_str());
            }
            taken = id.to_string();
        }
        let error = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
        Err(StoreError::of("create", &runs.path().join(taken), error))
    }

    /// Where it lies, as it is told to people.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The folder, for whoever writes into it later on than the run goes.
    pub fn again(&self) -> Result<PrivateFolder, StoreError> {
        self.folder.again()
    }

    /// Opens a folder in it, and makes it if it isn't there.
    pub fn enter(&self, name: &str) -> Result<PrivateFolder, StoreError> {
        self.folder.enter(name)
    }

    /// Makes a file that isn't there yet.
    pub fn create_file(&self, name: &str) -> Result<File, StoreError> {
        self.folder.create_file(name)
    }

    /// Writes a file so that it is there whole, or not at all, whenever the machine stops.
    pub fn write_whole(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.folder.write_whole(name, bytes)
    }

    /// The same whenever the process stops.
    pub fn write_soon(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.folder.write_soon(name, bytes)
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        // One that holds something can't be removed so.
        let _ = self.runs.remove_empty(self.id.as_str());
    }
}

/// Takes a folder that was just made, unless somebody was faster: who clears up, or who plants one of theirs.
fn take(runs: &PrivateFolder, id: &RunId) -> Result<Option<PrivateFolder>, StoreError> {
    let folder = match runs.folder(id.as_str()) {
        Ok(folder) => folder,
        Err(StoreError::File { error, .. }) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    if folder.hold() == Held::Elsewhere {
        return Ok(None);
    }
    let stat = folder.stat()?;
    // Where a file system gives all files one owner (a share, a mounted volume), the folder above has it too.
    let is_ours = stat.st_uid == rustix::process::geteuid().as_raw() || stat.st_uid == runs.stat()?.st_uid;
    if !is_ours {
        return Err(StoreError::Planted { path: folder.path().to_owned(), what: "somebody else's folder" });
    }
    Ok((stat.st_nlink > 0).then_some(folder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt as _, symlink};

    fn start() -> Timestamp {
        Timestamp::from_second(1_000_000_000).unwrap()
    }

    #[test]
    fn runs_that_begin_together_have_folders_of_their_own_for_their_owner_alone() {
        let results = tempfile::tempdir().unwrap();
        let inner = results.path().join("a/b");
        let one = RunFolder::create(&inner, start(), 5).unwrap();
        let other = RunFolder::create(&inner, start(), 5).unwrap();
        assert_ne!(one.id, other.id);
        let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(one.path()), 0o700);
        assert_eq!(mode(&inner.join("runs")), 0o700);
        assert_eq!(mode(&inner), 0o700);
        one.write_whole("summary.json", b"{}").unwrap();
        assert_eq!(mode(&one.path().join("summary.json")), 0o600);
        one.write_whole("summary.json", b"{ }").unwrap();
        assert_eq!(std::fs::read(one.path().join("summary.json")).unwrap(), b"{ }", "replaced as a whole");
        assert_eq!(mode(one.enter("script").unwrap().path()), 0o700);
    }

    #[test]
    fn a_run_that_never_began_leaves_no_folder() {
        let results = tempfile::tempdir().unwrap();
        let (empty, full) = (
            RunFolder::create(results.path(), start(), 5).unwrap(),
            RunFolder::create(results.path(), start(), 5).unwrap(),
        );
        full.write_soon("journal", b"").unwrap();
        let paths = [empty.path().to_owned(), full.path().to_owned()];
        drop((empty, full));
        assert_eq!(paths.map(|path| path.exists()), [false, true]);
    }

    #[test]
    fn a_planted_link_is_not_followed() {
        let (results, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        symlink(elsewhere.path(), results.path().join("runs")).unwrap();
        let refused = RunFolder::create(results.path(), start(), 5).unwrap_err();
        assert!(matches!(refused, StoreError::Planted { .. }), "{refused}");
        assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);

        let results = tempfile::tempdir().unwrap();
        let run = RunFolder::create(results.path(), start(), 5).unwrap();
        let victim = elsewhere.path().join("victim");
        std::fs::write(&victim, "mine").unwrap();
        for name in ["journal", "summary.json.part", "summary.json", "script"] {
            symlink(&victim, run.path().join(name)).unwrap();
        }
        assert!(run.create_file("journal").is_err());
        run.write_whole("summary.json", b"{}").unwrap();
        assert!(matches!(run.enter("script"), Err(StoreError::Planted { .. })));
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "mine");
        assert_eq!(std::fs::read_to_string(run.path().join("summary.json")).unwrap(), "{}");
    }

    #[test]
    fn a_link_in_place_of_the_results_is_followed_where_the_user_named_it() {
        assert_eq!(links(Path::new(RESULTS_FOLDER)), Links::Refused, "nobody named it");
        let outer = tempfile::tempdir().unwrap();
        let (real, link) = (outer.path().join("real"), outer.path().join("link"));
        std::fs::create_dir(&real).unwrap();
        symlink(&real, &link).unwrap();
        let run = RunFolder::create(&link, start(), 5).unwrap();
        assert!(real.join("runs").join(run.id.as_str()).is_dir());
        let refused = PrivateFolder::make(&link, Links::Refused).unwrap_err();
        assert!(matches!(refused, StoreError::Planted { .. }), "{refused}");
    }
}
