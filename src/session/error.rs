//! Why a session ended before there was an outcome.

use std::io;

use crate::diagnostic::Diagnostic;
use crate::engine::EngineError;

/// A session without an outcome.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The script, its plan, or a host of the plan.
    #[error("{0}")]
    Refused(Box<Diagnostic>),
    /// The embedded demo.
    #[error("failed to start the embedded demo: {0}")]
    Demo(io::Error),
    /// The null server.
    #[error("failed to serve on 127.0.0.1: {0}")]
    Null(io::Error),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<Diagnostic> for SessionError {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Refused(Box::new(diagnostic))
    }
}

impl From<Box<Diagnostic>> for SessionError {
    fn from(diagnostic: Box<Diagnostic>) -> Self {
        Self::Refused(diagnostic)
    }
}
