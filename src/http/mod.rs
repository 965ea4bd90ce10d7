//! The measuring HTTP client: plain async, testable without a fiber.
//!
//! One virtual user owns one [`Client`] (its small pool, as a browser has), the clients of a worker
//! share one [`Shared`] (scratch buffers, resolved names), and time comes from the caller's
//! [`Clock`]. [`Client::send`] never fails as a call: an [`Exchange`] carries a [`Response`] or a
//! [`Failure`], with every phase timed and every byte counted.
//!
//! It speaks HTTP/1.1 and HTTP/2, in plain and over TLS. Redirects ([`Redirect`]), cookies ([`Jar`]) and digest
//! authentication ([`Challenge`]) are pure decisions over one exchange; the loop over the hops is the caller's.

mod auth;
mod cache_status;
mod chunked;
mod client;
mod clock;
mod coding;
mod connect;
mod connections;
mod connector;
mod cookie;
mod cookie_date;
mod decode;
mod digest;
mod endpoint;
mod error;
mod error_code;
mod event_stream;
mod events;
mod examples;
mod exchange;
mod fold;
mod grow;
mod jar;
mod multipart;
mod h2;
mod multiplex;
mod inbox;
mod network;
mod opening;
mod outbox;
mod percent;
mod pool;
mod proxy;
mod redirect;
mod request;
mod resolve;
mod response;
mod side_by_side;
mod sink;
mod stream;
mod timings;
mod tls;
mod traceparent;
mod transfer;
mod upload;
mod url_error;
mod way;
mod way_error;
mod websocket;

#[cfg(test)]
mod tests;

pub use auth::{AuthError, Login, bearer};
pub use cache_status::CacheStatus;
pub use client::{Client, Options, Shared};
pub use clock::{Alarm, Clock};
pub use coding::{Coding, CodingError, encode};
pub use connections::{Connections, PEERS_MAX, Peer};
pub use cookie::SetCookie;
#[cfg(feature = "trial")]
pub use decode::trial;
pub use digest::{Asked, Challenge, DigestError};
pub use endpoint::Endpoint;
pub use error::{Failure, HeaderFault, Phase, Resource};
pub use error_code::{DESCRIPTORS, ERROR_CODES, ErrorCode, MEMORY, PORTS, RESOLVER, Side, WEB_SOCKET};
pub use event_stream::EventStream;
pub use events::{Event, EventsError};
pub use examples::{
    Answer, Content, EXAMPLES_MAX, Example, Examples, Excerpt, Happened, Kind, Question, presentable_url,
    shown_word,
};
pub use exchange::Exchange;
pub use fold::fold_ids;
pub use h2::{AnswerFault, Fault, Flood, HpackError, Http2Error, Reason, http2_reason};
pub use inbox::Arrived;
pub use jar::{Cookie, CookieError, Jar};
pub use multipart::{Part, boundary, multipart};
pub use network::{Network, NetworkError};
pub use opening::{Conduit, Opened, Opens};
pub use proxy::ProxyError;
pub use redirect::{Redirect, RedirectError, is_elsewhere, is_of_body, is_redirect, stays_behind};
pub use request::{BODY_MAX_BYTES, CONNECT_TIMEOUT_NS, Method, Prepared, Request, TIMEOUT_NS};
pub use response::{Headers, Protocol, Response};
pub use side_by_side::side_by_side;
pub use timings::Timings;
pub use tls::{Negotiated, TlsError};
pub use traceparent::{TRACEPARENT, Traceparent};
pub use upload::{FileBody, Piece, Upload, UploadError};
pub use url_error::UrlError;
pub use way::Place;
pub use way_error::WayError;
pub use websocket::{Ending, Handshake, MESSAGE_MAX_BYTES, Message, Session, Totals, WebSocketError};
