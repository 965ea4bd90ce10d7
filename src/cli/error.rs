//! What a subcommand can fail with.

use std::io;

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
}
