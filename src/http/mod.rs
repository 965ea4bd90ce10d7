//! The measuring HTTP client: plain async, testable without a fiber.
//!
//! One virtual user owns one [`Client`] (its small pool, as a browser has), the clients of a worker
//! share one [`Shared`] (scratch buffers, resolved names), and time comes from the caller's
//! [`Clock`]. [`Client::send`] never fails as a call: an [`Exchange`] carries a [`Response`] or a
//! [`Failure`], with every phase timed and every byte counted.
//!
//! Today it speaks HTTP/1.1 over TCP and TLS. Redirects, cookies, compression and HTTP/2 are
//! still to come, and errors say so.

mod cache_status;
mod chunked;
mod client;
mod clock;
mod connect;
mod connector;
mod decode;
mod endpoint;
mod error;
mod error_code;
mod exchange;
mod grow;
mod network;
mod outbox;
mod pool;
mod request;
mod response;
mod side_by_side;
mod stream;
mod timings;
mod tls;
mod transfer;

#[cfg(test)]
mod tests;

pub use cache_status::CacheStatus;
pub use client::{Client, Options, Shared};
pub use clock::{Alarm, Clock};
#[cfg(feature = "trial")]
pub use decode::trial;
pub use endpoint::Endpoint;
pub use error::{Failure, HeaderFault, Phase, Resource, UrlError};
pub use error_code::{DESCRIPTORS, ERROR_CODES, ErrorCode, MEMORY, PORTS, RESOLVER, Side};
pub use exchange::Exchange;
pub use network::{Network, NetworkError};
pub use request::{BODY_MAX_BYTES, CONNECT_TIMEOUT_NS, Method, Prepared, Request, TIMEOUT_NS};
pub use response::{Headers, Protocol, Response};
pub use side_by_side::side_by_side;
pub use timings::Timings;
pub use tls::{Negotiated, TlsError};
