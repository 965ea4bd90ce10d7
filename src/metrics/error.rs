//! What can be wrong with a metric that somebody named or sent. Sampled failures are not here: those
//! are values (`http_req_failed`, `clamped_values`), never errors on the hot path.

use super::Kind;

/// A selector that can't be read. Positions are 1-based characters of the selector's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// Something else stands where the grammar needs `expected`.
    #[error("expected {expected} at character {position}, found {found}")]
    Expected {
        /// What would have been right there.
        expected: &'static str,
        /// What stands there instead, in backticks, or "the end".
        found: String,
        /// Where, 1-based.
        position: usize,
    },
    /// `tag~regex`: part of the grammar, not yet of this version.
    #[error("a selector by regular expression (`~`, character {position}) isn't supported yet")]
    Regex {
        /// Where the `~` stands, 1-based.
        position: usize,
    },
}

impl SelectorError {
    /// Where in the selector's text, as a 1-based character.
    pub fn position(&self) -> usize {
        match self {
            Self::Expected { position, .. } | Self::Regex { position } => *position,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Expected { .. } => {
                "a selector is `metric{tag:value, tag2!:value}`; quote a value that holds `,`, `{` or `}`"
            }
            Self::Regex { .. } => "name the values one by one, a target for each: `metric{tag:value}`",
        }
    }
}

/// Two values of different kinds under one name: they can't be merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a {found} can't be merged into a {expected}")]
pub struct KindMismatch {
    /// The kind of the value that was there.
    pub expected: Kind,
    /// The kind of the value that came.
    pub found: Kind,
}
