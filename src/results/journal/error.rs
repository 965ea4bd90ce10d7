//! Why a journal can't be read.

use std::io;

/// Why a journal can't be read at all. What is wrong behind its head is no error: the run is told up to there.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The system's answer.
    #[error("it can't be read: {0}")]
    Io(#[from] io::Error),
    /// It begins otherwise.
    #[error("it is no journal of a run")]
    Foreign,
    /// It is of another version.
    #[error(
        "it was written by another version of runner, in the form {found}; this one reads the form 1: use a later one"
    )]
    Version {
        /// What stands in the place of the number.
        found: char,
    },
    /// It ends within its head, or that is damaged.
    #[error("its head is missing or damaged, so nothing is known of the run: {what}")]
    Head {
        /// What is wrong.
        what: String,
    },
}
