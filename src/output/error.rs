//! Why there is no such output, and why one lost something.

use std::io;

use super::OUTPUTS;
use crate::diagnostic::{Code, Diagnostic, suggest};

/// Why an output can't be opened; told before the load.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// There is none of that name.
    #[error("there is no output `{name}`")]
    Unknown {
        /// As it was written.
        name: String,
        /// What to do.
        hint: String,
    },
    /// Nothing says where it goes.
    #[error("`{0}` doesn't say where the output goes")]
    NoPlace(String),
    /// It has no such option.
    #[error("the output `{output}` has no option `{key}`: {known}")]
    NoOption {
        /// Its name.
        output: &'static str,
        /// The option.
        key: String,
        /// Those that it has, in words.
        known: String,
    },
    /// An option can't have this value.
    #[error("the option `{key}={value}` of the output `{output}` {why}")]
    Option {
        /// Its name.
        output: &'static str,
        /// The option.
        key: String,
        /// Its value.
        value: String,
        /// What is wrong.
        why: String,
    },
    /// The file, the address.
    #[error("the output `{output}` can't use `{at}`: {error}")]
    Open {
        /// Its name.
        output: &'static str,
        /// Where it should go.
        at: String,
        /// The system's answer.
        error: io::Error,
    },
    /// The place has not the form that the output wants.
    #[error("the output `{output}` can't use `{at}`: {why}")]
    Place {
        /// Its name.
        output: &'static str,
        /// Where it should go.
        at: String,
        /// What is wrong, and what is right.
        why: String,
    },
}

impl OutputError {
    pub(super) fn unknown(name: &str) -> Self {
        let names: Vec<&str> = OUTPUTS.iter().map(|output| output.name).collect();
        let near = suggest(name, names.iter().copied());
        let hint = match near.first() {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are: {}", names.join(", ")),
        };
        Self::Unknown { name: name.to_owned(), hint }
    }

    pub(super) fn no_option(
        output: &'static str,
        key: &str,
        names: impl Iterator<Item = &'static str>,
    ) -> Self {
        let names: Vec<&str> = names.collect();
        let known =
            if names.is_empty() { "it has none".to_owned() } else { format!("it has {}", names.join(", ")) };
        Self::NoOption { output, key: key.to_owned(), known }
    }

    /// As the user sees it.
    pub fn diagnostic(&self) -> Diagnostic {
        let code = if matches!(self, Self::Open { .. }) { Code::Results } else { Code::Plan };
        let diagnostic = Diagnostic::new(code, self.to_string());
        match self {
            Self::Unknown { hint, .. } => diagnostic.hint(hint),
            Self::NoPlace(_) => diagnostic.hint("write `-o NAME=WHERE`, as in `-o json=seconds.jsonl`"),
            _ => diagnostic,
        }
    }
}

/// Why a sink lost a second.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// A file or a socket.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// What a server answered, or why it didn't, in words.
    #[error("{0}")]
    Refused(String),
}
