//! What a run was played with: machine, build, the script as it ran, and the commit that it lies in.
//!
//! Git is asked once, when the load is over, and not about files but about its own objects: whether the commit holds
//! the very texts that ran. So neither a change during the run nor one before it goes unseen, and no hook, filter or
//! index of the repository comes into it. Without git, or outside of a repository, there is no commit to tell.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use sha1::{Digest as _, Sha1};
use sha2::Sha256;

use crate::diagnostic::Source;
use crate::engine::Version;
use crate::results::{Commit, Fingerprint, Provenance, ScriptVersion};
use crate::script::ModuleFiles;

use super::run::Settings;

/// How long git may take: a hundred times what it needs, and what a user may wait for a summary.
const GIT_MAX: Duration = Duration::from_secs(2);

/// Characters of a commit in git's older format, which names objects by SHA-1.
const SHA1_CHARACTERS: usize = 40;

/// What the provenance of a run is worked out of.
pub(super) struct Origin {
    workers: usize,
    source: Option<Arc<Source>>,
    folder: PathBuf,
    modules: Arc<ModuleFiles>,
}

impl Origin {
    pub(super) fn of(settings: &Settings) -> Self {
        Self {
            workers: settings.workers.max(1),
            source: settings.source.clone(),
            folder: settings.outside.folder.clone(),
            modules: Arc::clone(&settings.outside.modules),
        }
    }

    /// That of another version of the script.
    pub(super) fn edited(&self, version: &Version) -> Self {
        Self {
            source: Some(Arc::clone(&version.source)),
            modules: Arc::clone(&version.outside.modules),
            folder: version.outside.folder.clone(),
            ..*self
        }
    }

    /// The files of the script as they run, by their paths from its folder, the script first. None where there is no
    /// script; one that came over standard input has no name of its own.
    pub(super) fn files(&self, nameless: &str) -> Vec<(String, String)> {
        let Some(source) = &self.source else { return Vec::new() };
        let name = file_name(&source.name).unwrap_or_else(|| nameless.to_owned());
        let modules = self.modules.sources();
        let modules = modules.iter().filter(|(module, _)| *module != name);
        let modules = modules.map(|(name, module)| (name.clone(), module.text.clone()));
        std::iter::once((name.clone(), source.text.clone())).chain(modules).collect()
    }

    /// To be called when the load is over.
    pub(super) fn provenance(&self) -> Provenance {
        let script = self.source.as_ref().map(|source| {
            let modules = self.modules.sources();
            let modules = modules.iter().map(|(name, module)| (name.clone(), module.text.as_str()));
            let script = file_name(&source.name).unwrap_or_else(|| source.name.clone());
            let files: Vec<(String, &str)> =
                std::iter::once((script, source.text.as_str())).chain(modules).collect();
            // What came over standard input lies nowhere.
            let commit = file_name(&source.name).and_then(|_| commit(&self.folder, &files));
            ScriptVersion::of(&files, commit)
        });
        Provenance { machine: Fingerprint::here(self.workers), script }
    }
}

/// The last part of a script's path; none of what came over standard input.
fn file_name(name: &str) -> Option<String> {
    let name = Path::new(name).file_name()?.to_str()?;
    (name != "-").then(|| name.to_owned())
}

/// The commit that the folder's repository is at, and whether it holds these files, named from the folder.
fn commit(folder: &Path, files: &[(String, &str)]) -> Option<Commit> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let names = files.iter().map(|(name, _)| name.as_str());
    let asked = names.fold("HEAD\n".to_owned(), |asked, name| asked + "HEAD:./" + name + "\n");
    let answer = git(folder, asked)?;
    let mut lines = answer.lines();
    // `OBJECT commit SIZE`, or `HEAD missing` before the first commit.
    let (id, what) = lines.next()?.split_once(' ')?;
    if !what.starts_with("commit ") {
        return None;
    }
    let holds = |((name, text), line): (&(String, &str), &str)| {
        !name.contains('\n') && line.split(' ').next() == Some(&object_id(text, id.len() == SHA1_CHARACTERS))
    };
    let holds_script = answer.lines().count() == files.len() + 1 && files.iter().zip(lines).all(holds);
    Some(Commit { id: id.to_owned(), holds_script })
}

/// What git calls a file of this text.
fn object_id(text: &str, is_sha1: bool) -> String {
    use std::fmt::Write as _;
    let head = format!("blob {}\0", text.len());
    let hash = if is_sha1 {
        Sha1::new().chain_update(head).chain_update(text).finalize().to_vec()
    } else {
        Sha256::new().chain_update(head).chain_update(text).finalize().to_vec()
    };
    hash.iter().fold(String::new(), |mut id, byte| {
        let _ = write!(id, "{byte:02x}");
        id
    })
}

/// What `git cat-file --batch-check` says of these objects; none where it doesn't in time.
fn git(folder: &Path, asked: String) -> Option<String> {
    let mut child = Command::new("git")
        .arg("-C")
        .arg(folder)
        // A partial clone must not go out to fetch what it lacks.
        .args(["-c", "protocol.allow=never", "cat-file", "--batch-check"])
        .env("GIT_NO_LAZY_FETCH", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let (mut stdin, mut stdout) = (child.stdin.take()?, child.stdout.take()?);
    let (told, answered) = mpsc::channel();
    std::thread::spawn(move || {
        let written = stdin.write_all(asked.as_bytes());
        drop(stdin);
        let mut answer = String::new();
        let read = stdout.read_to_string(&mut answer);
        told.send(written.and(read).ok().map(|_| answer))
    });
    let answer = answered.recv_timeout(GIT_MAX).ok().flatten();
    if answer.is_none() {
        // It may have ended; if not, nobody waits for it.
        let _ = child.kill();
    }
    let ended = child.wait().ok()?;
    answer.filter(|_| ended.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_git(folder: &Path, arguments: &[&str]) {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
        let ended = Command::new("git").arg("-C").arg(folder).args(identity).args(arguments).output();
        assert!(ended.is_ok_and(|ended| ended.status.success()), "git {arguments:?}");
    }

    #[test]
    fn objects_are_named_as_git_names_them() {
        // `printf abc | git hash-object --stdin`
        assert_eq!(object_id("abc", true), "f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f");
        assert_eq!(object_id("", true), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
    }

    #[test]
    fn a_commit_is_told_with_whether_it_holds_what_ran() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("load");
        std::fs::create_dir_all(folder.join("lib")).unwrap();
        let files = |a, b| [("a.rhai".to_owned(), a), ("lib/b.rhai".to_owned(), b)];
        assert_eq!(commit(&folder, &files("1", "2")), None, "no repository");
        run_git(outer.path(), &["init", "-q"]);
        assert_eq!(commit(&folder, &files("1", "2")), None, "no commit");
        std::fs::write(folder.join("a.rhai"), "1").unwrap();
        std::fs::write(folder.join("lib/b.rhai"), "2").unwrap();
        run_git(outer.path(), &["add", "."]);
        run_git(outer.path(), &["commit", "-q", "-m", "first"]);
        let holds = |files: &[(String, &str)]| commit(&folder, files).unwrap().holds_script;
        let found = commit(&folder, &files("1", "2")).unwrap();
        assert_eq!((found.id.len(), found.holds_script), (SHA1_CHARACTERS, true));
        assert!(!holds(&files("1 changed", "2")) && !holds(&files("1", "2 changed")));
        assert!(!holds(&[("new.rhai".to_owned(), "1")]), "never committed");
        // What lies in the folder by now doesn't matter: what ran does.
        std::fs::write(folder.join("a.rhai"), "changed while it ran").unwrap();
        assert!(holds(&files("1", "2")));
    }

    #[test]
    fn standard_input_is_no_file() {
        assert_eq!(file_name("-"), None);
        assert_eq!(file_name("load/a.rhai").as_deref(), Some("a.rhai"));
    }
}
