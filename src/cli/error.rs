//! What a subcommand can fail with.

use std::io;

use crate::diagnostic::{Code, Diagnostic};
use crate::profile::ProfileError;
use crate::results::CalibrationError;
use crate::session::SessionError;

/// A failed subcommand.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// A server of ours could not take its port.
    #[error("failed to listen on 127.0.0.1:{port}: {error}")]
    Listen {
        /// The port asked for; 0 is any free one.
        port: u16,
        /// The system's answer.
        error: io::Error,
    },
    /// A server of ours ended with an error.
    #[error("the server failed: {0}")]
    Serve(io::Error),
    /// The signals that end a server could not be received.
    #[error("failed to wait for a signal: {0}")]
    Signal(io::Error),
    /// Standard output took no more; a closed pipe is no error.
    #[error("failed to write to standard output: {0}")]
    Print(io::Error),
    /// The plan could not be written as JSON: a bug.
    #[error("failed to print the plan: {0}")]
    Json(#[from] serde_json::Error),
    /// A script or its plan.
    #[error("{0}")]
    Refused(Box<Diagnostic>),
    /// A session without an outcome.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The calibration could not be kept.
    #[error("failed to store the calibration: {0}")]
    Calibration(CalibrationError),
    /// The profile could not be kept.
    #[error("failed to store the profile: {0}")]
    Profile(ProfileError),
    /// A run that came to its end and did not pass; the summary has said why.
    #[error("the run did not pass")]
    NotPassed(Vec<Code>),
}

impl From<Diagnostic> for CliError {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Refused(Box::new(diagnostic))
    }
}

impl From<Box<Diagnostic>> for CliError {
    fn from(diagnostic: Box<Diagnostic>) -> Self {
        Self::Refused(diagnostic)
    }
}
