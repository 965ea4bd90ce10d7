//! A file that the user names, written so that it is there whole, or as it was before.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::StoreError;

/// Writes a file: beside it first, and then in its place. A link is the user's own, and is followed. What is no file (a
/// pipe, a terminal) has no place beside it, and is written to as it is.
pub fn write_whole_file(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let failed = |error: io::Error| StoreError::of("write", path, error);
    let target = match std::fs::canonicalize(path) {
        Ok(target) => target,
        Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
        Err(error) => return Err(failed(error)),
    };
    match std::fs::metadata(&target) {
        Ok(there) if !there.is_file() => {
            return OpenOptions::new()
                .write(true)
                .open(&target)
                .and_then(|mut file| file.write_all(bytes))
                .map_err(failed);
        }
        _ => {}
    }
    let draft = draft(&target);
    let written = put(&draft, bytes).and_then(|()| {
        // Who may read the old one may read the new one.
        if let Ok(there) = std::fs::metadata(&target) {
            std::fs::set_permissions(&draft, there.permissions())?;
        }
        std::fs::rename(&draft, &target)
    });
    written.map_err(|error| {
        let _ = std::fs::remove_file(&draft);
        failed(error)
    })
}

/// Adds to a file's end, in one go; makes the file where there is none.
pub fn append_file(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let opened = OpenOptions::new().append(true).create(true).open(path);
    opened.and_then(|mut file| file.write_all(bytes)).map_err(|error| StoreError::of("write", path, error))
}

/// A name beside the target that no other process takes.
fn draft(target: &Path) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    target.with_file_name(name)
}

fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // What lies there by now is of a process of the same number that was killed, or planted: it is not written to.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file: File = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = folder
            .read_dir()
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn it_is_replaced_as_a_whole_and_nothing_lies_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.xml");
        write_whole_file(&path, b"a long one").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        write_whole_file(&path, b"short").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"short");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(names(folder.path()), ["report.xml"]);
    }

    #[test]
    fn a_link_of_the_users_stays_one() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        std::fs::write(&real, "old").unwrap();
        symlink("real", &link).unwrap();
        write_whole_file(&link, b"new").unwrap();
        assert_eq!(std::fs::read(&real).unwrap(), b"new");
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[test]
    fn what_cannot_be_written_is_told_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let error = write_whole_file(&folder.path().join("none/report.xml"), b"x").unwrap_err();
        assert!(error.to_string().contains("none/report.xml: No such file or directory"), "{error}");
        assert!(write_whole_file(folder.path(), b"x").is_err());
        assert_eq!(names(folder.path()), [""; 0]);
    }

    #[test]
    fn a_pipe_is_written_to() {
        let (mut read, write) = io::pipe().unwrap();
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&write));
        write_whole_file(Path::new(&path), b"through").unwrap();
        drop(write);
        let mut text = String::new();
        io::Read::read_to_string(&mut read, &mut text).unwrap();
        assert_eq!(text, "through");
    }

    #[test]
    fn what_is_added_comes_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("summary.md");
        append_file(&path, b"one\n").unwrap();
        append_file(&path, b"two\n").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"one\ntwo\n");
    }
}
