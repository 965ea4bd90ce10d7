//! An error with code, labels, source line and hint; rendered for people and for tools.
//!
//! A [`Diagnostic`] is data: any room may build one, [`render`] alone turns it into text, and [`exit_code`]
//! alone gives its [`Code`] a number. Messages are lower case, without a full stop, with code in
//! backticks; the hint says what to do.

mod code;
mod exit_code;
mod json;
mod mask;
mod render;
mod source;
mod suggest;

pub use code::{Code, Severity};
pub use exit_code::{exit_code, worst_exit_code};
pub use json::{to_finding, to_json};
pub use mask::Mask;
pub use render::{clean, render, render_masked};
pub use source::{Position, Source};
pub use suggest::suggest;

use std::fmt;
use std::sync::Arc;

/// A place in a source that a diagnostic points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The text that the position belongs to; without it only line and column are shown.
    pub source: Option<Arc<Source>>,
    /// Where it starts.
    pub position: Position,
    /// How many characters it spans, at least one.
    pub length: u32,
    /// What to say beside the carets; may be empty.
    pub text: String,
}

/// A failure, or a warning, as it will be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The lint that found it, by which it can be allowed.
    pub lint: Option<&'static str>,
    /// The kind of the failure.
    pub code: Code,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// Where; the first is the place of the failure, further ones explain it.
    pub labels: Vec<Label>,
    /// Facts that help to understand it.
    pub notes: Vec<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// A failure without a place.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Diagnostic {
            severity: Severity::Error,
            lint: None,
            code,
            message: message.into(),
            labels: Vec::new(),
            notes: Vec::new(),
            hint: None,
        }
    }

    /// What a lint warns of, without a place.
    pub fn warning(code: Code, lint: &'static str, message: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Warning, lint: Some(lint), ..Self::new(code, message) }
    }

    /// Adds a place; the word that starts there is underlined. `text` stands beside the carets and may be empty.
    #[must_use]
    pub fn at(self, source: &Arc<Source>, position: Position, text: impl Into<String>) -> Self {
        let length = source.word_length(position);
        self.label(Label { source: Some(Arc::clone(source)), position, length, text: text.into() })
    }

    /// Adds a place, as given.
    #[must_use]
    pub fn label(mut self, label: Label) -> Self {
        self.labels.push(label);
        self
    }

    /// Adds a fact that helps to understand the failure.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Says what to do; a second hint replaces the first.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Diagnostic {}
