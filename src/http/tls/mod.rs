//! TLS: rustls shakes hands, the records of an open connection are ours.
//!
//! [`Context`] holds what the run says of TLS and [`secure`] shakes hands by it; [`TlsStream`] is the
//! connection that comes of it. Records are sealed into and opened in buffers that a worker has anyway, so that a request
//! over TLS costs its ciphers and nothing else: no allocation, one send, one receive.

mod authorities;
mod certificate;
mod connect;
mod context;
mod error;
mod handshake;
mod pattern;
mod pem;
mod record;
mod session;
mod stream;
mod verifier;

#[cfg(test)]
mod tests;

pub(super) use connect::secure;
pub(super) use context::Context;
pub use error::TlsError;
pub(super) use pattern::any_matches;
pub use session::Negotiated;
pub(super) use stream::TlsStream;
