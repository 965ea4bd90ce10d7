//! A file below a folder whose name somebody else chose: it can't lead out of the folder, no link is followed on the
//! way, and it is there whole or not at all.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Component, Path};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::StoreError;

/// Others may read it, as other files of the working directory; the process's mask holds.
const FILE_MODE: u32 = 0o666;

/// Names that are tried for the draft.
const TRIES_MAX: u32 = 100;

/// Why a name is none of a file below the folder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It begins at the root.
    #[error("`{0}` is an absolute path")]
    Absolute(String),
    /// It has `..`.
    #[error("`{0}` leads upwards with `..`")]
    Upwards(String),
    /// It names a folder, or nothing.
    #[error("{0:?} names no file")]
    NoFile(String),
}

/// Whether a name may be written below a folder.
pub fn check_name(name: &str) -> Result<(), NameError> {
    for component in Path::new(name).components() {
        match component {
            Component::RootDir | Component::Prefix(_) => return Err(NameError::Absolute(name.to_owned())),
            Component::ParentDir => return Err(NameError::Upwards(name.to_owned())),
            Component::CurDir | Component::Normal(_) => {}
        }
    }
    let is_file = Path::new(name).file_name().is_some() && !name.ends_with('/') && !name.contains('\0');
    if is_file { Ok(()) } else { Err(NameError::NoFile(name.to_owned())) }
}

/// Writes a file of that name below a folder, in place of one that is there. The name has passed [`check_name`], and the
/// folders in it have to be there.
pub fn write_below(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
    let path = Path::new(name);
    // The folder itself is the caller's choice, and may be a link.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut at = rustix::fs::open(folder, flags, Mode::empty())
        .map_err(|error| StoreError::of("write", path, error))?;
    for component in path.parent().unwrap_or(Path::new("")).components() {
        if let Component::Normal(part) = component {
            at = open_folder(at.as_fd(), Path::new(part), path)?;
        }
    }
    let file_name = path.file_name().unwrap_or_default();
    match rustix::fs::statat(&at, file_name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(about) => match FileType::from_raw_mode(about.st_mode) {
            FileType::RegularFile => {}
            FileType::Symlink => return Err(StoreError::Planted { path: path.to_owned(), what: "a link" }),
            _ => return Err(StoreError::Planted { path: path.to_owned(), what: "no plain file" }),
        },
        Err(Errno::NOENT) => {}
        Err(error) => return Err(StoreError::of("write", path, error)),
    }
    let (draft, mut file) = draft(&at, path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    let written = written.and_then(|()| Ok(rustix::fs::renameat(&at, draft.as_str(), &at, file_name)?));
    written.map_err(|error| {
        let _ = rustix::fs::unlinkat(&at, draft.as_str(), AtFlags::empty());
        StoreError::of("write", path, error)
    })
}

/// A new file beside the one to come.
fn draft(folder: &OwnedFd, path: &Path) -> Result<(String, File), StoreError> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut attempt = 0;
    loop {
        // Of its own, since the name itself may be as long as names can be.
        let name = format!(".runner-{}-{attempt}.part", std::process::id());
        match rustix::fs::openat(folder, name.as_str(), flags, Mode::from_raw_mode(FILE_MODE)) {
            Ok(file) => return Ok((name, File::from(file))),
            Err(Errno::EXIST) if attempt < TRIES_MAX => attempt += 1,
            Err(error) => return Err(StoreError::of("write", path, error)),
        }
    }
}

fn open_folder(parent: std::os::fd::BorrowedFd<'_>, name: &Path, path: &Path) -> Result<OwnedFd, StoreError> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(parent, name, flags, Mode::empty()).map_err(|error| match error {
        Errno::LOOP | Errno::NOTDIR => {
            StoreError::Planted { path: path.to_owned(), what: "behind a link, or below a file" }
        }
        error => StoreError::of("write", path, error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_name_stays_below_the_folder() {
        for fine in ["a.json", "./a.json", "out/a.json", "ö ü.txt", "..a", "a..json"] {
            assert_eq!(check_name(fine), Ok(()), "{fine}");
        }
        for (name, said) in [
            ("/tmp/a", "is an absolute path"),
            ("../a", "leads upwards"),
            ("out/../../a", "leads upwards"),
            ("out/..", "leads upwards"),
            ("", "names no file"),
            (".", "names no file"),
            ("out/", "names no file"),
            ("a\0b", "names no file"),
        ] {
            let error = check_name(name).expect_err(name).to_string();
            assert!(error.contains(said), "{name}: {error}");
        }
    }

    #[test]
    fn what_is_written_is_whole_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("out")).unwrap();
        for text in ["first", "second, longer", "third"] {
            write_below(folder.path(), "out/a.txt", text.as_bytes()).unwrap();
            assert_eq!(std::fs::read_to_string(folder.path().join("out/a.txt")).unwrap(), text);
        }
        let left: Vec<_> = std::fs::read_dir(folder.path().join("out")).unwrap().flatten().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn no_link_is_followed() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let victim = elsewhere.path().join("victim");
        std::fs::write(&victim, "mine").unwrap();
        symlink(&victim, folder.path().join("a.txt")).unwrap();
        symlink(elsewhere.path(), folder.path().join("out")).unwrap();
        std::fs::create_dir(folder.path().join("folder")).unwrap();
        for name in ["a.txt", "out/victim", "out/new", "folder"] {
            let error = write_below(folder.path(), name, b"x").expect_err(name);
            assert!(matches!(error, StoreError::Planted { .. }), "{name}: {error}");
        }
        let error = write_below(folder.path(), "gone/a", b"x").unwrap_err();
        assert!(matches!(error, StoreError::File { .. }), "{error}");
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "mine");
        assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 1);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3, "no draft is left");
    }
}
