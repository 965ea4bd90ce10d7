//! Why a run could not be kept, or is not found.

use std::io;
use std::path::{Path, PathBuf};

use crate::diagnostic::{Code, Diagnostic};

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
    #[error("{path} is {what}, and nothing is written there")]
    Planted {
        /// Where.
        path: PathBuf,
        /// What lies there: `a link`, `no folder`.
        what: &'static str,
    },
}

impl StoreError {
    /// Of a system's answer.
    pub(super) fn of(verb: &'static str, path: &Path, error: impl Into<io::Error>) -> Self {
        Self::File { verb, path: path.to_owned(), error: error.into() }
    }

    /// As the user sees it.
    pub fn diagnostic(&self) -> Diagnostic {
        let hint = match self {
            Self::File { error, .. } if error.kind() == io::ErrorKind::StorageFull => {
                "the disk is full: make room, or keep results elsewhere with `--results DIR`"
            }
            Self::File { .. } => "keep results elsewhere with `--results DIR`, or nothing with `--no-save`",
            Self::Planted { .. } => "remove it, or keep results elsewhere with `--results DIR`",
        };
        Diagnostic::new(Code::Results, self.to_string()).hint(hint)
    }
}
