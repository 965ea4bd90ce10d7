//! The lines of earlier sessions, in a file for their owner alone. What may hold a secret is not written.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::diagnostic::Mask;

/// Lines that are kept from one session to the next.
const LINES_MAX: usize = 10_000;

/// A longer one is a pasted file.
const LINE_BYTES_MAX: usize = 64 << 10;

/// Only its owner may read it.
const MODE: u32 = 0o600;

/// Words of a line that may hold a secret.
const TELLS: [&str; 11] = [
    "secret",
    "passw",
    "token",
    "auth",
    "bearer",
    "apikey",
    "api_key",
    "api-key",
    "credential",
    "cookie",
    "jwt",
];

/// The file of lines.
#[derive(Debug)]
pub(super) struct History {
    path: PathBuf,
}

impl History {
    /// In the folder that the system has for what programs remember; none where nobody has a home.
    pub(super) fn place(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let state = variable("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let home =
            || Some(Path::new(&variable("HOME").filter(|home| !home.is_empty())?).join(".local/state"));
        Some(Self { path: state.or_else(home)?.join("runner").join("repl-history") })
    }

    /// The lines of earlier sessions, the oldest first; a file that has grown too long is cut.
    pub(super) fn read(&self) -> io::Result<Vec<String>> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        file.set_permissions(Permissions::from_mode(MODE))?;
        let mut lines = Vec::new();
        for line in BufReader::new(file).split(b'\n') {
            // What is no text was not written here.
            lines.extend(
                String::from_utf8(line?).ok().map(|line| unescaped(&line)).filter(|line| !line.is_empty()),
            );
        }
        if lines.len() > 2 * LINES_MAX {
            lines.drain(..lines.len() - LINES_MAX);
            self.rewrite(&lines)?;
        }
        let first = lines.len().saturating_sub(LINES_MAX);
        Ok(lines.split_off(first))
    }

    /// Adds a line at the end, in one write: several sessions may do so.
    pub(super) fn append(&self, line: &str) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let mut file = OpenOptions::new().append(true).create(true).mode(MODE).open(&self.path)?;
        file.write_all((escaped(line) + "\n").as_bytes())
    }

    fn rewrite(&self, lines: &[String]) -> io::Result<()> {
        let fresh = self.path.with_extension(format!("{}.new", std::process::id()));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&fresh)?;
        let text: String = lines.iter().map(|line| escaped(line) + "\n").collect();
        file.write_all(text.as_bytes())?;
        std::fs::rename(&fresh, &self.path)
    }
}

/// Whether a line is to be forgotten with the session: it may hold a secret, or begins with a blank.
pub(super) fn is_private(line: &str, mask: &Mask) -> bool {
    let lower = line.to_lowercase();
    line.starts_with(char::is_whitespace)
        || line.len() > LINE_BYTES_MAX
        || TELLS.iter().any(|word| lower.contains(word))
        || has_login(&lower)
        || !mask.find(line).is_empty()
}

/// `http://user:password@host`.
fn has_login(line: &str) -> bool {
    line.split("://").skip(1).any(|rest| {
        let end = rest
            .find(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '`' | '?' | '#'))
            .unwrap_or(rest.len());
        rest[..end].contains('@')
    })
}

fn escaped(line: &str) -> String {
    line.replace('\\', "\\\\").replace('\n', "\\n")
}

fn unescaped(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => match characters.next() {
                Some('n') => text.push('\n'),
                Some(other) => text.push(other),
                None => text.push('\\'),
            },
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_as_they_were_typed() {
        for line in ["1 + 1", "fn f() {\n  `a\\n`\n}", "\"\\\\\"", "ends with \\"] {
            assert_eq!(unescaped(&escaped(line)), line);
        }
    }

    #[test]
    fn what_may_hold_a_secret_is_forgotten() {
        let mask = Mask::default();
        mask.hide("hunter2Tango");
        for line in [
            "let k = secret(\"KEY\")",
            "http::get(\"http://me:pw@host/\")",
            "#{ json: #{ Password: \"x\" } }",
            "headers: #{ \"Authorization\": x }",
            "let x = \"hunter2Tango\"",
            " let x = 1",
        ] {
            assert!(is_private(line, &mask), "{line}");
        }
        for line in ["http::get(\"http://host/a@b\")", "1 + 1", "http::get(\"/prices\").status"] {
            assert!(!is_private(line, &mask), "{line}");
        }
    }

    #[test]
    fn the_file_is_for_its_owner_and_stays_short() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_str().unwrap().to_owned();
        let history = History::place(|name| (name == "HOME").then(|| home.clone())).unwrap();
        assert!(history.read().unwrap().is_empty());
        history.append("1 + 1").unwrap();
        history.append("fn f() {\n}").unwrap();
        assert_eq!(history.read().unwrap(), ["1 + 1", "fn f() {\n}"]);
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&history.path), mode(history.path.parent().unwrap())), (0o600, 0o700));
        // Widened by somebody, it is narrowed again.
        std::fs::set_permissions(&history.path, Permissions::from_mode(0o644)).unwrap();
        history.read().unwrap();
        assert_eq!(mode(&history.path), 0o600);
        let long = (0..25_000).map(|number| number.to_string()).collect::<Vec<_>>().join("\n");
        std::fs::write(&history.path, long).unwrap();
        let lines = history.read().unwrap();
        assert_eq!((lines.len(), lines[0].as_str()), (LINES_MAX, "15000"));
        assert_eq!(std::fs::read_to_string(&history.path).unwrap().lines().count(), LINES_MAX);
        assert_eq!(mode(&history.path), 0o600);
    }

    #[test]
    fn the_folder_is_the_one_that_the_system_names() {
        let place = |state: Option<&str>, home: Option<&str>| {
            let variable = |name: &str| (if name == "HOME" { home } else { state }).map(str::to_owned);
            History::place(variable).map(|history| history.path.display().to_string())
        };
        assert_eq!(place(Some("/s"), Some("/h")).as_deref(), Some("/s/runner/repl-history"));
        assert_eq!(place(None, Some("/h")).as_deref(), Some("/h/.local/state/runner/repl-history"));
        assert_eq!(place(Some("relative"), None), None);
    }
}
