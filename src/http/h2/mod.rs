//! HTTP/2 (RFC 9113), the client's side: requests of one user to one host side by side over one connection.
//!
//! From the inside out: `hpack` and [`frame`] are formats; [`connection`] is the protocol without a socket; [`session`]
//! gives it one, shared by the requests that are under way; [`sessions`] are a user's connections.

mod answer;
mod call;
mod connection;
mod error;
mod flow;
mod frame;
mod guard;
mod head;
mod hpack;
mod session;
mod sessions;
mod stream;
#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "test data made of counters")]
mod tests;

pub(super) use call::{Call, Outcome};
pub(super) use connection::Settled;
pub use error::{AnswerFault, Fault, Flood, Http2Error, Reason, http2_reason};
pub use hpack::HpackError;
pub(super) use session::Session;
pub(super) use sessions::{Found, Sessions};

/// What a server may send on one stream before it hears from us: as much as Chrome allows.
const STREAM_WINDOW_BYTES: u32 = 6 << 20;
/// The same for all streams of a connection.
const CONNECTION_WINDOW_BYTES: u32 = 16 << 20;
/// Streams at once until the server has said how many it takes: RFC 9113 §6.5.2 advises it to take no fewer.
const STREAMS_ASSUMED: usize = 100;
/// Bytes of bodies that are queued before the socket has taken what was queued before.
const QUEUE_MAX_BYTES: usize = 64 << 10;
/// What an empty queue keeps of its buffer.
const QUEUE_KEPT_BYTES: usize = 4 << 10;
