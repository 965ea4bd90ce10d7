//! Why a run could not be kept, or is not found.

use std::io;
use std::path::{Path, PathBuf};

use crate::diagnostic::{Code, Diagnostic};
use crate::units::format_size;

/// Why a run could not be kept, or is not found.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file or folder of the run.
    #[error("failed to {verb} {path}: {error}")]
    File {
        /// What was tried: `create`, `write`, `read`, `sync`, `remove`.
        verb: &'static str,
        /// Which one.
        path: PathBuf,
        /// The system's answer.
        error: io::Error,
    },
    /// Something else lies where a folder of ours should be: a link, a file, a folder of somebody else.
    #[error("{path} is {what}, and is left alone")]
    Planted {
        /// Where.
        path: PathBuf,
        /// What lies there: `a link`, `no folder`.
        what: &'static str,
    },
    /// A file is larger than any of its kind.
    #[error("{path} is larger than {}, and no file of `runner`'s", format_size(*bytes_max as f64))]
    TooLarge {
        /// Which one.
        path: PathBuf,
        /// What it may have.
        bytes_max: u64,
    },
    /// A file holds something else.
    #[error("{path} is not what it should be: {what}")]
    Malformed {
        /// Which one.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// No run has that name.
    #[error("there is no run `{name}` in {place}")]
    NoRun {
        /// The name as given.
        name: String,
        /// Where runs lie.
        place: PathBuf,
        /// Names like it.
        near: Vec<String>,
    },
    /// There are no runs at all.
    #[error("there are no runs in {place}")]
    NoRuns {
        /// Where they would lie.
        place: PathBuf,
    },
    /// A name fits several.
    #[error("`{name}` may be any of {} runs: {}", ids.len(), shown(ids))]
    Ambiguous {
        /// The name as given.
        name: String,
        /// Those that it fits.
        ids: Vec<String>,
    },
    /// A tag that can't be one.
    #[error("`{tag}` can't be a tag: {why}")]
    Tag {
        /// As given.
        tag: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Another run has the tag.
    #[error("the tag `{tag}` is on run {id} already")]
    TagTaken {
        /// As given.
        tag: String,
        /// Who has it.
        id: String,
    },
    /// The run doesn't have the tag.
    #[error("run {id} has no tag `{tag}`")]
    NoTag {
        /// As given.
        tag: String,
        /// Who doesn't have it.
        id: String,
        /// What it has.
        tags: Vec<String>,
    },
}

/// The first few of a list.
fn shown(names: &[String]) -> String {
    const SHOWN_MAX: usize = 5;
    let more = if names.len() > SHOWN_MAX { ", …" } else { "" };
    format!("{}{more}", names[..names.len().min(SHOWN_MAX)].join(", "))
}

impl StoreError {
    /// Of a system's answer.
    pub(super) fn of(verb: &'static str, path: &Path, error: impl Into<io::Error>) -> Self {
        Self::File { verb, path: path.to_owned(), error: error.into() }
    }

    /// As the user sees it where a run is kept.
    pub fn diagnostic(&self) -> Diagnostic {
        Diagnostic::new(Code::Results, self.to_string()).hint(self.hint())
    }

    /// As the user sees it where a run is looked for: nothing of a run was lost.
    pub fn looking(&self) -> Diagnostic {
        let code = match self {
            Self::File { verb: "write" | "sync" | "rename" | "create" | "remove", .. } => Code::Results,
            Self::NoRun { .. }
            | Self::NoRuns { .. }
            | Self::Ambiguous { .. }
            | Self::Tag { .. }
            | Self::TagTaken { .. }
            | Self::NoTag { .. } => Code::Usage,
            _ => Code::Other,
        };
        let hint = match self {
            Self::File { .. } => "look at the folder, or name another with `--results DIR`".to_owned(),
            _ => self.hint(),
        };
        Diagnostic::new(code, self.to_string()).hint(hint)
    }

    fn hint(&self) -> String {
        match self {
            Self::File { error, .. } if error.kind() == io::ErrorKind::StorageFull => {
                "the disk is full: make room (`runner runs prune`), or keep results elsewhere with `--results DIR`".to_owned()
            }
            Self::File { .. } => {
                "keep results elsewhere with `--results DIR`, or nothing with `--no-save`".to_owned()
            }
            Self::Planted { path, what: "a link" } if path == Path::new(super::RESULTS_FOLDER) => {
                format!("remove it; if it is yours, name it: `--results ./{}`", path.display())
            }
            Self::Planted { .. } => "remove it, or name another place with `--results DIR`".to_owned(),
            Self::TooLarge { .. } | Self::Malformed { .. } => {
                "was it changed by hand, or written by a later version of `runner`?".to_owned()
            }
            Self::NoRun { near, .. } if !near.is_empty() => {
                format!("did you mean `{}`?", near.join("` or `"))
            }
            Self::NoRun { .. } => "`runner runs` lists them; a name is an id, its beginning, a tag, `last`, or a path with a `/`".to_owned(),
            Self::NoRuns { .. } => {
                "`runner run SCRIPT` keeps one, unless `--no-save` is given; `--results DIR` names another place".to_owned()
            }
            Self::Ambiguous { .. } => "write more of the id".to_owned(),
            Self::Tag { .. } => "use 1 to 64 letters, digits, `.`, `_` and `-`, beginning with a letter".to_owned(),
            Self::TagTaken { .. } => "`--move` takes it from there".to_owned(),
            Self::NoTag { tags, .. } if tags.is_empty() => "it has none".to_owned(),
            Self::NoTag { tags, .. } => format!("it has `{}`", tags.join("`, `")),
        }
    }
}
