//! The folder of a run, for nobody but its owner. Files are opened by the folder's own descriptor, and
//! links are not followed: whoever may write beside it can't send what is written elsewhere.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::{RunId, StoreError};

/// Folders are entered, listed and written by their owner alone.
const FOLDER_MODE: u32 = 0o700;

/// And so are files.
const FILE_MODE: u32 = 0o600;

/// Names that are tried before a folder of another run that begins in this second is an error.
const TRIES_MAX: u64 = 100;

/// The folder of one run.
#[derive(Debug)]
pub struct RunFolder {
    /// The run's name.
    pub id: RunId,
    path: PathBuf,
    folder: OwnedFd,
}

impl RunFolder {
    /// Makes a folder for a run that begins now, `RESULTS/runs/ID`; those above it too, where they are missing.
    pub fn create(results: &Path, start: Timestamp, random: u64) -> Result<Self, StoreError> {
        let runs = results.join("runs");
        std::fs::create_dir_all(results).map_err(|error| StoreError::of("create", results, error))?;
        let results_folder = open_folder(rustix::fs::CWD, results, results)?;
        let parent = enter(&results_folder, "runs", &runs)?;
        let mut attempt = 0;
        loop {
            let id = RunId::new(start, random.wrapping_add(attempt));
            let path = runs.join(id.as_str());
            match rustix::fs::mkdirat(&parent, id.as_str(), Mode::from_raw_mode(FOLDER_MODE)) {
                Ok(()) => {
                    let folder = open_folder(parent.as_fd(), Path::new(id.as_str()), &path)?;
                    return Ok(Self { id, path, folder });
                }
                Err(Errno::EXIST) if attempt < TRIES_MAX => attempt += 1,
                Err(error) => return Err(StoreError::of("create", &path, error)),
            }
        }
    }

    /// Where it lies, as it is told to people.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a file that isn't there yet.
    pub fn create_file(&self, name: &str) -> Result<File, StoreError> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.folder, name, flags, Mode::from_raw_mode(FILE_MODE))
            .map_err(|error| StoreError::of("create", &self.path.join(name), error))?;
        Ok(File::from(file))
    }

    /// Writes a file so that it is there whole, or not at all, whenever the machine stops.
    pub fn write_whole(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let draft = format!("{name}.part");
        let path = self.path.join(&draft);
        match rustix::fs::unlinkat(&self.folder, draft.as_str(), rustix::fs::AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(StoreError::of("remove", &path, error)),
        }
        let mut file = self.create_file(&draft)?;
        file.write_all(bytes).map_err(|error| StoreError::of("write", &path, error))?;
        file.sync_all().map_err(|error| StoreError::of("sync", &path, error))?;
        rustix::fs::renameat(&self.folder, draft.as_str(), &self.folder, name)
            .map_err(|error| StoreError::of("rename", &path, error))?;
        rustix::fs::fsync(&self.folder).map_err(|error| StoreError::of("sync", &self.path, error))
    }
}

/// Opens a folder of ours inside of another, and makes it if it isn't there.
fn enter(parent: &OwnedFd, name: &str, path: &Path) -> Result<OwnedFd, StoreError> {
    match rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(FOLDER_MODE)) {
        Ok(()) | Err(Errno::EXIST) => open_folder(parent.as_fd(), Path::new(name), path),
        Err(error) => Err(StoreError::of("create", path, error)),
    }
}

/// Opens a folder, unless a link or a file lies there.
fn open_folder(parent: std::os::fd::BorrowedFd<'_>, name: &Path, path: &Path) -> Result<OwnedFd, StoreError> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(parent, name, flags, Mode::empty()).map_err(|error| match error {
        Errno::LOOP => StoreError::Planted { path: path.to_owned(), what: "a link" },
        // Of a link, some systems say this too.
        Errno::NOTDIR => StoreError::Planted { path: path.to_owned(), what: "no folder, or a link to one" },
        error => StoreError::of("open", path, error),
    })
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
        let one = RunFolder::create(results.path(), start(), 5).unwrap();
        let other = RunFolder::create(results.path(), start(), 5).unwrap();
        assert_ne!(one.id, other.id);
        let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(one.path()), 0o700);
        assert_eq!(mode(&results.path().join("runs")), 0o700);
        one.write_whole("summary.json", b"{}").unwrap();
        assert_eq!(mode(&one.path().join("summary.json")), 0o600);
        one.write_whole("summary.json", b"{ }").unwrap();
        assert_eq!(std::fs::read(one.path().join("summary.json")).unwrap(), b"{ }", "replaced as a whole");
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
        symlink(&victim, run.path().join("journal")).unwrap();
        assert!(run.create_file("journal").is_err());
        symlink(&victim, run.path().join("summary.json.part")).unwrap();
        symlink(&victim, run.path().join("summary.json")).unwrap();
        run.write_whole("summary.json", b"{}").unwrap();
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "mine");
    }
}
