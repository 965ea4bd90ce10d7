//! A folder that is worked in by its descriptor, so that nobody who may write beside it can lead what is written or
//! removed elsewhere: a name is one part of a path, and links are not followed.
//!
//! What a signal cuts short (`EINTR`) is tried again here, once for all callers.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::{Errno, retry_on_intr};

use super::StoreError;

/// Folders are entered, listed and written by their owner alone.
const FOLDER_MODE: Mode = Mode::RWXU;

/// And so are files.
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);

/// A folder, held open.
#[derive(Debug)]
pub struct PrivateFolder {
    path: PathBuf,
    folder: OwnedFd,
}

/// Whether a link at the end of a path leads somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Links {
    /// The user named the path, and with it what it leads to.
    Followed,
    /// Nobody asked for it.
    Refused,
}

/// Whose lock it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// This descriptor's, until it is closed.
    Here,
    /// Another process's (or another descriptor's of this one).
    Elsewhere,
    /// The file system has no locks.
    Unknown,
}

impl PrivateFolder {
    /// Opens a folder.
    pub(super) fn open(path: &Path, links: Links) -> Result<Self, StoreError> {
        open_folder(rustix::fs::CWD, path, path, links)
    }

    /// Opens a folder, and makes it and those above it where they are missing.
    pub(super) fn make(path: &Path, links: Links) -> Result<Self, StoreError> {
        let failed = |error: io::Error| StoreError::of("create", path, error);
        if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty()) {
            std::fs::create_dir_all(above).map_err(failed)?;
        }
        match retry_on_intr(|| rustix::fs::mkdir(path, FOLDER_MODE)) {
            Ok(()) | Err(Errno::EXIST) => Self::open(path, links),
            Err(error) => Err(failed(error.into())),
        }
    }

    /// Where it lies, as it is told to people.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a folder in it.
    pub fn folder(&self, name: &str) -> Result<Self, StoreError> {
        let path = self.inner(name, "open")?;
        open_folder(self.folder.as_fd(), Path::new(name), &path, Links::Refused)
    }

    /// The same folder, opened anew: who has it holds no lock of this one's.
    pub fn again(&self) -> Result<Self, StoreError> {
        open_folder(self.folder.as_fd(), Path::new("."), &self.path, Links::Refused)
    }

    /// Opens a folder in it, and makes it if it isn't there.
    pub fn enter(&self, name: &str) -> Result<Self, StoreError> {
        self.make_folder(name)?;
        self.folder(name)
    }

    /// Makes a folder in it; whether there was none.
    pub(super) fn make_folder(&self, name: &str) -> Result<bool, StoreError> {
        let path = self.inner(name, "create")?;
        match retry_on_intr(|| rustix::fs::mkdirat(&self.folder, name, FOLDER_MODE)) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(error) => Err(StoreError::of("create", &path, error)),
        }
    }

    /// Makes a file that isn't there yet.
    pub fn create_file(&self, name: &str) -> Result<File, StoreError> {
        let path = self.inner(name, "create")?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = retry_on_intr(|| rustix::fs::openat(&self.folder, name, flags, FILE_MODE));
        file.map(File::from).map_err(|error| StoreError::of("create", &path, error))
    }

    /// Opens a file for reading; none where nothing lies there. A link, a pipe or a device is an error.
    pub fn open_file(&self, name: &str) -> Result<Option<File>, StoreError> {
        let path = self.inner(name, "open")?;
        // A pipe that was put there must not block.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match retry_on_intr(|| rustix::fs::openat(&self.folder, name, flags, Mode::empty())) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => return Err(StoreError::Planted { path, what: "a link" }),
            Err(error) => return Err(StoreError::of("open", &path, error)),
        };
        let is_file = rustix::fs::fstat(&file).map(|stat| kind(&stat) == FileType::RegularFile);
        match is_file {
            Ok(true) => Ok(Some(File::from(file))),
            Ok(false) => Err(StoreError::Planted { path, what: "no file" }),
            Err(error) => Err(StoreError::of("open", &path, error)),
        }
    }

    /// The whole of a file that may be so large; none where nothing lies there.
    pub fn read(&self, name: &str, bytes_max: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(file) = self.open_file(name)? else { return Ok(None) };
        let path = self.path.join(name);
        let mut bytes = Vec::new();
        file.take(bytes_max + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| StoreError::of("read", &path, error))?;
        if bytes.len() as u64 > bytes_max {
            return Err(StoreError::TooLarge { path, bytes_max });
        }
        Ok(Some(bytes))
    }

    /// Writes a file so that it is there whole, or not at all, whenever the machine stops.
    pub fn write_whole(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.replace(name, bytes, true)
    }

    /// Writes a file so that it is there whole, or not at all, whenever the process stops: for what is written before
    /// a load, which shouldn't wait for a disk.
    pub fn write_soon(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.replace(name, bytes, false)
    }

    fn replace(&self, name: &str, bytes: &[u8], is_synced: bool) -> Result<(), StoreError> {
        let path = self.inner(name, "write")?;
        let draft = format!("{name}.part");
        // What a run before left there, or somebody else put there.
        self.remove_if_there(&draft)?;
        let mut file = self.create_file(&draft)?;
        let written = file
            .write_all(bytes)
            .map_err(|error| StoreError::of("write", &path, error))
            .and_then(|()| if is_synced { self.sync(file.as_fd(), &path) } else { Ok(()) })
            .and_then(|()| {
                retry_on_intr(|| rustix::fs::renameat(&self.folder, draft.as_str(), &self.folder, name))
                    .map_err(|error| StoreError::of("rename", &path, error))
            })
            .and_then(|()| if is_synced { self.sync(self.folder.as_fd(), &self.path) } else { Ok(()) });
        if written.is_err() {
            // A full disk needs the room, and whoever looks in needn't wonder; the error above is what is told.
            let _ = self.remove_if_there(&draft);
        }
        written
    }

    #[expect(clippy::unused_self, reason = "a verb of the folder's, beside the others")]
    fn sync(&self, what: BorrowedFd<'_>, path: &Path) -> Result<(), StoreError> {
        match retry_on_intr(|| rustix::fs::fsync(what)) {
            // Some file systems know no sync of folders.
            Ok(()) | Err(Errno::INVAL | Errno::NOTSUP) => Ok(()),
            Err(error) => Err(StoreError::of("sync", path, error)),
        }
    }

    fn remove_if_there(&self, name: &str) -> Result<(), StoreError> {
        match retry_on_intr(|| rustix::fs::unlinkat(&self.folder, name, AtFlags::empty())) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(StoreError::of("remove", &self.path.join(name), error)),
        }
    }

    /// Removes a folder in it, if it is empty.
    pub(super) fn remove_empty(&self, name: &str) -> Result<(), StoreError> {
        let path = self.inner(name, "remove")?;
        retry_on_intr(|| rustix::fs::unlinkat(&self.folder, name, AtFlags::REMOVEDIR))
            .map_err(|error| StoreError::of("remove", &path, error))
    }

    /// What lies in it, by name, in order.
    pub(super) fn entries(&self) -> Result<Vec<Entry>, StoreError> {
        let failed = |error: Errno| StoreError::of("list", &self.path, error);
        let mut entries = Vec::new();
        for entry in Dir::read_from(&self.folder).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name().to_owned();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            match retry_on_intr(|| {
                rustix::fs::statat(&self.folder, name.as_c_str(), AtFlags::SYMLINK_NOFOLLOW)
            }) {
                Ok(stat) => entries.push(Entry { name, stat }),
                Err(Errno::NOENT) => {} // gone meanwhile
                Err(error) => return Err(failed(error)),
            }
        }
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// Removes what lies in it under that name and still is what [`PrivateFolder::entries`] saw.
    pub(super) fn remove_file(&self, name: &CStr) -> Result<(), StoreError> {
        retry_on_intr(|| rustix::fs::unlinkat(&self.folder, name, AtFlags::empty()))
            .map_err(|error| StoreError::of("remove", &self.path.join(&*name.to_string_lossy()), error))
    }

    /// What the system knows of it.
    pub(super) fn stat(&self) -> Result<Stat, StoreError> {
        rustix::fs::fstat(&self.folder).map_err(|error| StoreError::of("look at", &self.path, error))
    }

    /// Takes it for this process, which gives it back when it ends, however it does.
    pub(super) fn hold(&self) -> Held {
        match retry_on_intr(|| rustix::fs::flock(&self.folder, FlockOperation::NonBlockingLockExclusive)) {
            Ok(()) => Held::Here,
            Err(Errno::WOULDBLOCK) => Held::Elsewhere,
            Err(_) => Held::Unknown,
        }
    }

    /// Whether somebody holds it, without a trace.
    pub(super) fn held(&self) -> Held {
        let held =
            match retry_on_intr(|| rustix::fs::flock(&self.folder, FlockOperation::NonBlockingLockShared)) {
                Ok(()) => Held::Here,
                Err(Errno::WOULDBLOCK) => Held::Elsewhere,
                Err(_) => Held::Unknown,
            };
        let _ = rustix::fs::flock(&self.folder, FlockOperation::Unlock);
        held
    }

    /// The path of something in it. What isn't one part of a path never becomes a part of one.
    fn inner(&self, name: &str, verb: &'static str) -> Result<PathBuf, StoreError> {
        let path = self.path.join(name.trim_start_matches('/'));
        if is_plain(name) {
            return Ok(path);
        }
        Err(StoreError::of(verb, &path, io::Error::from(io::ErrorKind::InvalidFilename)))
    }
}

/// Something in a folder.
pub(super) struct Entry {
    pub(super) name: CString,
    stat: Stat,
}

impl Entry {
    pub(super) fn is_folder(&self) -> bool {
        kind(&self.stat) == FileType::Directory
    }

    pub(super) fn is_file(&self) -> bool {
        kind(&self.stat) == FileType::RegularFile
    }

    /// The size of a file.
    pub(super) fn bytes(&self) -> u64 {
        if self.is_file() { u64::try_from(self.stat.st_size).unwrap_or(0) } else { 0 }
    }

    /// When it was last written, in seconds since 1970.
    pub(super) fn modified_s(&self) -> i64 {
        self.stat.st_mtime
    }

    /// Whether it is that very folder.
    pub(super) fn is_same(&self, stat: &Stat) -> bool {
        (self.stat.st_dev, self.stat.st_ino) == (stat.st_dev, stat.st_ino)
    }

    /// Whether it lies on that file system.
    pub(super) fn is_beside(&self, stat: &Stat) -> bool {
        self.stat.st_dev == stat.st_dev
    }
}

fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// Whether it is one part of a path, and no way up.
pub(super) fn is_plain(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\0'])
}

/// Opens a folder, unless a link (that nobody asked for) or a file lies there.
fn open_folder(
    parent: BorrowedFd<'_>,
    name: &Path,
    path: &Path,
    links: Links,
) -> Result<PrivateFolder, StoreError> {
    let mut flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    flags.set(OFlags::NOFOLLOW, links == Links::Refused);
    let opened = retry_on_intr(|| rustix::fs::openat(parent, name, flags, Mode::empty()));
    let folder = opened.map_err(|error| match error {
        Errno::LOOP => StoreError::Planted { path: path.to_owned(), what: "a link" },
        // Of a link, some systems say this too.
        Errno::NOTDIR => StoreError::Planted { path: path.to_owned(), what: "no folder, or a link to one" },
        error => StoreError::of("open", path, error),
    })?;
    Ok(PrivateFolder { path: path.to_owned(), folder })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn opened(path: &Path) -> PrivateFolder {
        PrivateFolder::open(path, Links::Refused).unwrap()
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_refused_by_every_verb() {
        let outer = tempfile::tempdir().unwrap();
        let inner = opened(outer.path()).enter("inner").unwrap();
        for name in ["", ".", "..", "../x", "/etc/passwd", "a/b", "a\0b"] {
            assert!(inner.create_file(name).is_err(), "{name:?}");
            assert!(inner.write_whole(name, b"x").is_err(), "{name:?}");
            assert!(inner.enter(name).is_err(), "{name:?}");
            assert!(inner.folder(name).is_err(), "{name:?}");
            assert!(inner.open_file(name).is_err(), "{name:?}");
            assert!(inner.remove_empty(name).is_err(), "{name:?}");
        }
        assert_eq!(opened(outer.path()).entries().unwrap().len(), 1, "nothing was made beside it");
    }

    #[test]
    fn a_link_a_pipe_and_a_device_are_not_read() {
        let outer = tempfile::tempdir().unwrap();
        let folder = opened(outer.path());
        std::fs::write(outer.path().join("secret"), "mine").unwrap();
        symlink("secret", outer.path().join("link")).unwrap();
        symlink("/dev/zero", outer.path().join("zero")).unwrap();
        let made = std::process::Command::new("mkfifo").arg(outer.path().join("pipe")).status().unwrap();
        assert!(made.success());
        for name in ["link", "zero", "pipe"] {
            assert!(matches!(folder.read(name, 10), Err(StoreError::Planted { .. })), "{name}");
        }
        assert_eq!(folder.read("secret", 4).unwrap().unwrap(), b"mine");
        assert!(matches!(folder.read("secret", 3), Err(StoreError::TooLarge { .. })));
        assert!(folder.read("none", 3).unwrap().is_none());
    }

    #[test]
    fn a_write_that_fails_leaves_no_draft_and_what_was_there() {
        let outer = tempfile::tempdir().unwrap();
        let folder = opened(outer.path());
        // A folder can't be replaced by a file.
        std::fs::create_dir(outer.path().join("taken")).unwrap();
        let error = folder.write_whole("taken", b"x").unwrap_err().to_string();
        assert!(error.starts_with("failed to rename "), "{error}");
        assert!(outer.path().join("taken").is_dir());
        assert!(!outer.path().join("taken.part").exists());
    }

    #[test]
    fn a_folder_is_held_by_one() {
        let outer = tempfile::tempdir().unwrap();
        let (first, second) = (opened(outer.path()), opened(outer.path()));
        assert_eq!((first.held(), second.held()), (Held::Here, Held::Here), "to look holds nothing");
        assert_eq!(
            (first.hold(), second.hold(), second.held()),
            (Held::Here, Held::Elsewhere, Held::Elsewhere)
        );
        drop(first);
        assert_eq!(second.hold(), Held::Here);
    }
}
