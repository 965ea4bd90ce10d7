//! What went wrong, and where. The line that stands there is not in it: it may hold a secret, and the script lies beside it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::own::own;
use crate::diagnostic::{Code, Diagnostic, Label, Position, Severity, Source};

/// An error, or what the script failed by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Problem {
    severity: Severity,
    lint: Option<String>,
    code: Code,
    message: String,
    labels: Vec<Place>,
    notes: Vec<String>,
    hint: Option<String>,
}

/// A place in a script.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Place {
    file: Option<String>,
    line: u32,
    column: u32,
    length: u32,
    text: String,
}

impl From<&Diagnostic> for Problem {
    fn from(diagnostic: &Diagnostic) -> Self {
        Self {
            severity: diagnostic.severity,
            lint: diagnostic.lint.map(str::to_owned),
            code: diagnostic.code,
            message: diagnostic.message.clone(),
            labels: diagnostic.labels.iter().map(Place::from).collect(),
            notes: diagnostic.notes.clone(),
            hint: diagnostic.hint.clone(),
        }
    }
}

impl From<&Label> for Place {
    fn from(label: &Label) -> Self {
        Self {
            file: label.source.as_ref().map(|source| source.name.clone()),
            line: label.position.line,
            column: label.position.column,
            length: label.length,
            text: label.text.clone(),
        }
    }
}

impl Problem {
    pub(super) fn diagnostic(self) -> Diagnostic {
        Diagnostic {
            severity: self.severity,
            lint: self.lint.map(|lint| own(lint, [])),
            code: self.code,
            message: self.message,
            labels: self.labels.into_iter().map(Place::label).collect(),
            notes: self.notes,
            hint: self.hint,
        }
    }
}

impl Place {
    /// Its source has a name and no text: the script as it ran lies beside the document.
    fn label(self) -> Label {
        Label {
            source: self.file.map(|name| Arc::new(Source { name, text: String::new() })),
            position: Position { line: self.line, column: self.column },
            length: self.length,
            text: self.text,
        }
    }
}
