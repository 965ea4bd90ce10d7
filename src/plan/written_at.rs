//! Where a target was written, for whoever shows a verdict at its line.

use serde::{Deserialize, Serialize};

use crate::diagnostic::Position;

/// A place in a script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenAt {
    /// The file as the user named it; none is the script.
    pub file: Option<String>,
    /// Where in it.
    pub position: Position,
}
