//! What a script may read: files within its own folder, and nothing else.
//!
//! One place for imports, data and secrets. A path is refused for how it is written (absolute, `..`)
//! and for where it leads (a link out of the folder, a device), and a missing file names its near ones.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use super::error::HostError;
use crate::diagnostic::suggest;

/// Names of a folder that are looked through for a near one.
const NAMES_MAX: usize = 10_000;

/// What to do about a path that leads out of the folder.
const INSIDE: &str = "a script reads files of its own folder and the folders in it: put the file there, and write its path from there";

/// The real path of a plain file that `path` names within `folder`. Empty: the working directory.
pub(super) fn resolve(folder: &Path, path: &str) -> Result<PathBuf, HostError> {
    let refuse = |why: &str| HostError::new(format!("`{path}` {why}")).word(path);
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    if path.is_empty() {
        return Err(HostError::new("the path of a file is empty").hint("write it as `\"data/users.csv\"`"));
    }
    for component in Path::new(path).components() {
        match component {
            Component::RootDir | Component::Prefix(_) => {
                return Err(refuse("is an absolute path").hint(INSIDE));
            }
            Component::ParentDir => return Err(refuse("leads upwards with `..`").hint(INSIDE)),
            Component::CurDir | Component::Normal(_) => {}
        }
    }
    let home = folder.canonicalize().map_err(|error| {
        refuse(&format!("can't be looked for: the script's folder can't be read: {error}"))
    })?;
    let real = match home.join(path).canonicalize() {
        Ok(real) => real,
        Err(error) => return Err(missing(&home, path, &error)),
    };
    if !real.starts_with(&home) {
        return Err(refuse("is a link that leads out of the script's folder").hint(INSIDE));
    }
    let kind = real.metadata().map_err(|error| refuse(&format!("can't be read: {error}")))?.file_type();
    if kind.is_dir() {
        return Err(refuse("is a folder, not a file").hint("name a file in it"));
    }
    if !kind.is_file() {
        return Err(refuse("is a device, a pipe or a socket, not a file")
            .hint("only plain files are read, so that each run reads the same"));
    }
    Ok(real)
}

/// Opens a plain file within `folder`; with its size in bytes.
pub(super) fn open(folder: &Path, path: &str) -> Result<(File, u64), HostError> {
    let real = resolve(folder, path)?;
    let opened = File::open(real).and_then(|file| file.metadata().map(|about| (file, about.len())));
    opened.map_err(|error| {
        let error = match error.kind() {
            ErrorKind::PermissionDenied => HostError::new(format!("`{path}` can't be read: no permission"))
                .hint("look at who may read the file"),
            _ => HostError::new(format!("`{path}` can't be read: {error}")),
        };
        error.word(path)
    })
}

fn missing(home: &Path, path: &str, error: &std::io::Error) -> HostError {
    if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) {
        return HostError::new(format!("`{path}` can't be read: {error}")).word(path);
    }
    let error = HostError::new(format!("there is no file `{path}` in the script's folder")).word(path);
    if path.contains('\\') {
        return error.hint(format!("folders are separated by `/`: write \"{}\"", path.replace('\\', "/")));
    }
    match near(home, path) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => {
            error.hint("paths start at the folder in which the script lies, not where `runner` is called")
        }
    }
}

/// A file with a name like the missing one, beside it or where its first missing folder should be.
fn near(home: &Path, path: &str) -> Option<String> {
    let mut known = PathBuf::new();
    for component in Path::new(path).components() {
        let Component::Normal(name) = component else { continue };
        let next = known.join(name);
        if home.join(&next).exists() {
            known = next;
            continue;
        }
        let entries = std::fs::read_dir(home.join(&known)).ok()?;
        let mut names: Vec<String> = entries
            .take(NAMES_MAX)
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| !name.starts_with('.'))
            .collect();
        names.sort_unstable();
        let near = suggest(name.to_str()?, names.iter().map(String::as_str)).first().copied()?.to_owned();
        return Some(known.join(near).display().to_string());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        std::fs::write(folder.path().join("data/users.csv"), "a\n1\n").unwrap();
        folder
    }

    fn refusal(folder: &Path, path: &str) -> HostError {
        resolve(folder, path).map(|path| panic!("{}", path.display())).unwrap_err()
    }

    #[test]
    fn a_file_within_is_found() {
        let folder = folder();
        for path in ["data/users.csv", "./data/users.csv", "data//users.csv"] {
            assert!(resolve(folder.path(), path).is_ok(), "{path}");
        }
        assert_eq!(open(folder.path(), "data/users.csv").unwrap().1, 4);
    }

    #[test]
    fn a_path_out_of_the_folder_is_refused_as_it_is_written() {
        let folder = folder();
        let absolute = folder.path().join("data/users.csv").display().to_string();
        for (path, why) in [
            ("/etc/passwd", "absolute"),
            (absolute.as_str(), "absolute"),
            ("../users.csv", "`..`"),
            ("data/../../x", "`..`"),
            ("data/../data/users.csv", "`..`"),
            ("", "empty"),
        ] {
            let error = refusal(folder.path(), path);
            assert!(error.message.contains(why) && error.hint.is_some(), "{path}: {error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_followed_within_the_folder_alone() {
        use std::os::unix::fs::symlink;
        let (folder, outside) = (folder(), folder());
        symlink(folder.path().join("data/users.csv"), folder.path().join("inside.csv")).unwrap();
        symlink(outside.path().join("data/users.csv"), folder.path().join("outside.csv")).unwrap();
        symlink(outside.path(), folder.path().join("there")).unwrap();
        symlink("/dev/zero", folder.path().join("zero.csv")).unwrap();
        symlink("loop.csv", folder.path().join("loop.csv")).unwrap();
        assert!(resolve(folder.path(), "inside.csv").is_ok());
        for path in ["outside.csv", "there/data/users.csv", "zero.csv"] {
            assert!(refusal(folder.path(), path).message.contains("leads out"), "{path}");
        }
        assert!(refusal(folder.path(), "loop.csv").message.contains("can't be read"));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_plain_file_is_refused_and_never_opened() {
        let folder = folder();
        let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
        assert!(refusal(folder.path(), "socket").message.contains("a socket"));
        assert!(refusal(folder.path(), "data").message.contains("is a folder"));
    }

    #[test]
    fn a_missing_file_names_what_is_near() {
        let folder = folder();
        let hint = |path: &str| refusal(folder.path(), path).hint.unwrap_or_default();
        assert_eq!(hint("data/user.csv"), "did you mean `data/users.csv`?");
        assert_eq!(hint("dat/users.csv"), "did you mean `data`?");
        assert_eq!(hint("data\\users.csv"), "folders are separated by `/`: write \"data/users.csv\"");
        assert!(hint("nothing.json").contains("paths start at"));
        assert!(refusal(folder.path(), "data/users.csv/x").message.contains("no file"));
        assert!(refusal(folder.path(), "nul\0").message.contains("can't be read"));
    }
}
