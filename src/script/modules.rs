//! The files behind `import`: which a path may name, and their texts, read once for all workers.
//!
//! A path is relative to the script's folder, also in a module, and never leads out of it. The name of
//! a module is that path with `.rhai`, or `std/…` for what the binary brings along.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, FileType, OpenOptions};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::error::HostError;
use super::stdlib;
use crate::diagnostic::{Source, suggest};
use crate::units::format_size;

/// The largest module that is read: a hundred times what one should be.
pub const MODULE_BYTES_MAX: u64 = 4 << 20;

/// The longest path of an import.
const PATH_BYTES_MAX: usize = 512;

/// What a file of a script ends in.
const ENDING: &str = ".rhai";

/// What to write.
const RELATIVE: &str = "write a path from the script's folder: `import \"lib/login\" as login;`";

/// What modules of the binary are called.
const STD: &str = "std/";

/// The texts of all modules that a script imports. Read while declaring, by the control thread first, so
/// that all workers see the same.
#[derive(Debug, Default)]
pub struct ModuleFiles {
    texts: Mutex<BTreeMap<String, Arc<Source>>>,
    /// The names of those that could not be read.
    missed: Mutex<BTreeSet<String>>,
}

impl ModuleFiles {
    /// The files that were read, relative to the script's folder, by name. Modules of the binary are none.
    pub fn paths(&self) -> Vec<PathBuf> {
        let texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        texts.keys().map(PathBuf::from).collect()
    }

    /// The files that were asked for and could not be read, relative to the script's folder.
    pub fn missed(&self) -> Vec<PathBuf> {
        let missed = self.missed.lock().unwrap_or_else(PoisonError::into_inner);
        missed.iter().map(PathBuf::from).collect()
    }

    /// The files that were read, by name: paths from the script's folder.
    pub fn sources(&self) -> Vec<(String, Arc<Source>)> {
        let texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        texts.iter().map(|(name, source)| (name.clone(), Arc::clone(source))).collect()
    }

    /// The text of a module by its name, as [`module_name`] gives it.
    pub(super) fn source(&self, folder: &Path, name: &str) -> Result<Arc<Source>, HostError> {
        if let Some(text) = name.strip_prefix(STD).and_then(stdlib::text) {
            return Ok(Arc::new(Source { name: name.to_owned(), text: text.to_owned() }));
        }
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(source) = texts.get(name) {
            return Ok(Arc::clone(source));
        }
        let text = read(folder, name).inspect_err(|_| {
            self.missed.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
        })?;
        let source = Arc::new(Source { name: folder.join(name).display().to_string(), text });
        texts.insert(name.to_owned(), Arc::clone(&source));
        Ok(source)
    }
}

/// The name of the module that a path in an `import` means.
pub(super) fn module_name(path: &str) -> Result<String, HostError> {
    let refuse =
        |why: &str, hint: &str| Err(HostError::new(format!("`{path}` can't be imported: {why}")).hint(hint));
    if path.trim().is_empty() {
        return refuse("the path is empty", RELATIVE);
    }
    if path.len() > PATH_BYTES_MAX {
        return Err(HostError::new(format!("the path of an import is longer than {PATH_BYTES_MAX} bytes"))
            .hint(RELATIVE));
    }
    if path.contains('\\') {
        return refuse("a path has no `\\`", "write `/` between folders, on every system");
    }
    if path.chars().any(char::is_control) {
        return refuse("a path has no control characters", RELATIVE);
    }
    let has_drive = path.as_bytes().get(1) == Some(&b':') && path.as_bytes()[0].is_ascii_alphabetic();
    if path.starts_with('/') || has_drive {
        return refuse("the path is absolute", RELATIVE);
    }
    let parts: Vec<&str> = path.split('/').filter(|part| *part != ".").collect();
    if parts.contains(&"..") {
        return refuse("`..` may lead out of the script's folder", "move the file into the script's folder");
    }
    if parts.is_empty() || parts.iter().any(|part| part.is_empty()) {
        return refuse("the path names no file", RELATIVE);
    }
    let name = parts.join("/");
    if let Some(of_std) = name.strip_prefix(STD) {
        let of_std = of_std.strip_suffix(ENDING).unwrap_or(of_std);
        return match stdlib::text(of_std) {
            Some(_) => Ok(format!("{STD}{of_std}")),
            None => Err(unknown_std(of_std)),
        };
    }
    Ok(if name.ends_with(ENDING) { name } else { format!("{name}{ENDING}") })
}

fn unknown_std(name: &str) -> HostError {
    let names: Vec<&str> = stdlib::names().collect();
    let hint = match suggest(name, names.iter().copied()).first() {
        Some(near) => format!("did you mean `std/{near}`?"),
        None => {
            format!("there are `std/{}`; files of your own go into another folder", names.join("`, `std/"))
        }
    };
    HostError::new(format!("there is no module `std/{name}`")).hint(hint)
}

/// Reads a file within the folder. What a link swaps between the look and the opening is not seen.
fn read(folder: &Path, name: &str) -> Result<String, HostError> {
    let shown = folder.join(name).display().to_string();
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let fault = |error: &std::io::Error| {
        HostError::new(format!("failed to read the module `{shown}`: {error}"))
            .hint("is the file readable for the user that runs this?")
    };
    let whole = match folder.join(name).canonicalize() {
        Ok(whole) => whole,
        Err(error) if is_missing(&error) => return Err(missing(folder, name, &shown)),
        Err(error) => return Err(fault(&error)),
    };
    let root = folder.canonicalize().map_err(|error| fault(&error))?;
    if !whole.starts_with(&root) {
        return Err(HostError::new(format!("`{shown}` is a link that leads out of the script's folder"))
            .hint("copy the file into the script's folder"));
    }
    let kind = whole.metadata().map_err(|error| fault(&error))?.file_type();
    let file = if kind.is_file() {
        open(&whole).map_err(|error| fault(&error))?
    } else {
        return Err(no_file(&shown, kind));
    };
    let kind = file.metadata().map_err(|error| fault(&error))?.file_type();
    if !kind.is_file() {
        return Err(no_file(&shown, kind));
    }
    let mut bytes = Vec::new();
    file.take(MODULE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| fault(&error))?;
    if bytes.len() as u64 > MODULE_BYTES_MAX {
        let limit = format_size(MODULE_BYTES_MAX as f64);
        return Err(HostError::new(format!("the module `{shown}` is larger than {limit}"))
            .hint("is it a script? Data is read by `data::csv` and its kin"));
    }
    match String::from_utf8(bytes) {
        // What some editors put in front; it is no part of the text.
        Ok(text) => Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)),
        Err(_) => Err(HostError::new(format!("the module `{shown}` is no text in UTF-8"))
            .hint("is this a script, and saved in another encoding?")),
    }
}

/// Opens a file that was looked at: no link any more, and no pipe that would block.
fn open(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW | libc::O_NONBLOCK);
    options.open(path)
}

fn is_missing(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn no_file(shown: &str, kind: FileType) -> HostError {
    let what = if kind.is_dir() { "a folder" } else { "a device or a pipe" };
    HostError::new(format!("`{shown}` is {what}, not a module")).hint("name a `.rhai` file")
}

/// The file is not there: names a file that is, if one is like it.
fn missing(folder: &Path, name: &str, shown: &str) -> HostError {
    let (below, file) = name.rsplit_once('/').unwrap_or(("", name));
    let error = HostError::new(format!("there is no module `{shown}`"));
    let inner = scripts_in(&folder.join(name.trim_end_matches(ENDING)));
    if let Some(first) = inner.first() {
        let (outer, first) = (name.trim_end_matches(ENDING), first.trim_end_matches(ENDING));
        return error.hint(format!("`{outer}` is a folder: name a file in it, such as `{outer}/{first}`"));
    }
    let beside = scripts_in(&folder.join(below));
    let path = |file: &str| {
        let stem = file.trim_end_matches(ENDING);
        if below.is_empty() { stem.to_owned() } else { format!("{below}/{stem}") }
    };
    if let Some(near) = suggest(file, beside.iter().map(String::as_str)).first() {
        return error.hint(format!("did you mean `import \"{}\"`?", path(near)));
    }
    let stem = file.trim_end_matches(ENDING);
    if stdlib::text(stem).is_some() {
        return error.hint(format!("did you mean `import \"{STD}{stem}\"`?"));
    }
    if beside.is_empty() {
        return error.hint("a path starts at the script's folder, also in a module");
    }
    let beside: Vec<String> = beside.iter().take(8).map(|file| path(file)).collect();
    error.hint(format!("a path starts at the script's folder; there are `{}`", beside.join("`, `")))
}

fn scripts_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let names = entries.take(10_000).filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(ENDING)).collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_module_however_it_is_written() {
        assert_eq!(module_name("lib/login").unwrap(), "lib/login.rhai");
        assert_eq!(module_name("./lib/./login.rhai").unwrap(), "lib/login.rhai");
        assert_eq!(module_name("std/phases").unwrap(), "std/phases");
        assert_eq!(module_name("std/phases.rhai").unwrap(), "std/phases");
    }

    #[test]
    fn paths_that_could_lead_out_are_refused_with_what_to_do() {
        for (path, why) in [
            ("", "empty"),
            ("/etc/passwd", "absolute"),
            ("C:/x", "absolute"),
            ("../x", "`..`"),
            ("lib/../../x", "`..`"),
            ("std/../../x", "`..`"),
            ("lib\\x", "`\\`"),
            ("lib//x", "no file"),
            ("lib/", "no file"),
            (".", "no file"),
            ("a\0b", "control"),
            ("std/phase", "no module `std/phase`"),
            ("std/zzz", "no module"),
        ] {
            let error = module_name(path).unwrap_err();
            assert!(error.message.contains(why) && error.hint.is_some(), "{path}: {error:?}");
        }
        assert!(module_name(&"x".repeat(600)).is_err());
    }

    #[test]
    fn a_file_is_read_once_and_listed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.rhai"), "\u{feff}fn x() {}").unwrap();
        let files = ModuleFiles::default();
        let first = files.source(folder.path(), "a.rhai").unwrap();
        assert_eq!(first.text, "fn x() {}");
        std::fs::write(folder.path().join("a.rhai"), "changed").unwrap();
        assert!(Arc::ptr_eq(&first, &files.source(folder.path(), "a.rhai").unwrap()));
        assert_eq!(files.source(folder.path(), "std/phases").unwrap().name, "std/phases");
        assert!(files.source(folder.path(), "lib/b.rhai").is_err());
        assert_eq!(files.paths(), [PathBuf::from("a.rhai")]);
        assert_eq!(files.missed(), [PathBuf::from("lib/b.rhai")]);
    }

    #[cfg(unix)]
    #[test]
    fn nothing_outside_of_the_folder_is_read_by_any_route() {
        use std::os::unix::fs::symlink;
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("scripts");
        std::fs::create_dir_all(folder.join("lib")).unwrap();
        std::fs::write(outer.path().join("secret.rhai"), "fn x() {}").unwrap();
        std::fs::write(folder.join("fine.rhai"), "fn x() {}").unwrap();
        symlink("../secret.rhai", folder.join("out.rhai")).unwrap();
        symlink("out.rhai", folder.join("twice.rhai")).unwrap();
        symlink("..", folder.join("up")).unwrap();
        symlink("fine.rhai", folder.join("in.rhai")).unwrap();
        symlink("/dev/zero", folder.join("zero.rhai")).unwrap();
        symlink("loop.rhai", folder.join("loop.rhai")).unwrap();
        std::fs::create_dir(folder.join("sub.rhai")).unwrap();
        std::fs::write(folder.join("bytes.rhai"), [0xff, 0xfe]).unwrap();
        std::fs::write(folder.join("huge.rhai"), vec![b' '; 5 << 20]).unwrap();
        let files = ModuleFiles::default();
        assert!(files.source(&folder, "in.rhai").is_ok(), "a link within the folder is fine");
        for (name, why) in [
            ("out.rhai", "leads out"),
            ("twice.rhai", "leads out"),
            ("up/secret.rhai", "leads out"),
            ("zero.rhai", "leads out"),
            ("loop.rhai", "failed to read"),
            ("sub.rhai", "a folder"),
            ("bytes.rhai", "UTF-8"),
            ("huge.rhai", "larger than"),
            ("fin.rhai", "no module"),
            ("fine.rhai/x.rhai", "no module"),
        ] {
            let error = files.source(&folder, name).unwrap_err();
            assert!(error.message.contains(why) && error.hint.is_some(), "{name}: {error:?}");
        }
        assert_eq!(
            files.source(&folder, "fin.rhai").unwrap_err().hint.unwrap(),
            "did you mean `import \"fine\"`?"
        );
        assert_eq!(files.paths(), [PathBuf::from("in.rhai")]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_pipe_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe.rhai");
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        let error = ModuleFiles::default().source(folder.path(), "pipe.rhai").unwrap_err();
        assert!(error.message.contains("a device or a pipe"), "{error:?}");
    }
}
