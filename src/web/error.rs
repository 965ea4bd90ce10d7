//! Why the control API can't start.

use std::io;
use std::net::IpAddr;

/// What stands in its way, before the load.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// No form of an address.
    #[error("`{0}` is no address to listen at")]
    Address(String),
    /// A token that is too short to keep anybody out, or can't be sent in a header.
    #[error("an API token has from {min} to {max} letters, digits and signs, and no spaces")]
    Token {
        /// The fewest characters.
        min: usize,
        /// The most.
        max: usize,
    },
    /// The system gives no random numbers.
    #[error("the system gave no random numbers for an API token")]
    Random,
    /// Others than this machine would be served, and nobody said by which token.
    #[error("the control API at {0} can be reached from other machines, and has no token of yours")]
    Open(IpAddr),
    /// The name has no address, the port is taken, or may not be used.
    #[error("the control API can't listen at {address}: {error}")]
    Listen {
        /// As it was written.
        address: String,
        /// The system's answer.
        error: io::Error,
    },
    /// Its thread or its runtime.
    #[error("the control API can't start: {0}")]
    Start(io::Error),
}

impl WebError {
    /// What to do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Address(_) => {
                "write HOST:PORT, as in `127.0.0.1:6565`, or a port alone; port 0 is any free one"
            }
            Self::Token { .. } => "leave it out to have one made, or make one with `openssl rand -hex 16`",
            Self::Random | Self::Start(_) => "look at `ulimit -n`, `ulimit -u` and the memory",
            Self::Open(_) => "set RUNNER_API_TOKEN, or listen at 127.0.0.1",
            Self::Listen { error, .. } => match error.kind() {
                io::ErrorKind::AddrInUse => {
                    "another process listens there: name another port, or 0 for any free one"
                }
                io::ErrorKind::PermissionDenied => "ports below 1024 need rights: name a higher one",
                io::ErrorKind::AddrNotAvailable => "name an address of this machine, such as 127.0.0.1",
                _ => "write an address of this machine, as in `127.0.0.1:6565`",
            },
        }
    }

    /// Whether the command line is at fault, rather than the machine.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Address(_) | Self::Token { .. } | Self::Open(_))
    }
}
