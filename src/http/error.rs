//! Why a URL, a request or an exchange failed, and k6's `error_code` for each.
//!
//! A failure is a value, not an `Err` of the client. Messages are lower-case fragments that hold
//! limits and names but no measured number, so that they can serve as the `error` tag.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustix::io::Errno;

use super::coding::CodingError;
use super::error_code::{DESCRIPTORS, ErrorCode, MEMORY, PORTS, RESOLVER, Side};
use super::events::EventsError;
use super::h2::Http2Error;
use super::proxy::ProxyError;
use super::tls::TlsError;
use super::upload::UploadError;
use super::url_error::UrlError;
use super::way_error::WayError;
use super::websocket::WebSocketError;
use crate::units::format_duration;

/// What an exchange was doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Resolving the host's name.
    Resolving,
    /// Opening a connection.
    Connecting,
    /// Waiting until the server takes one more request on its connection (HTTP/2).
    Queueing,
    /// Agreeing on keys.
    Handshaking,
    /// Writing the request.
    Sending,
    /// Waiting for the first byte of the response.
    Waiting,
    /// Reading the response.
    Receiving,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolving => "resolving the host",
            Self::Connecting => "connecting",
            Self::Queueing => "waiting for a free stream",
            Self::Handshaking => "in the TLS handshake",
            Self::Sending => "sending the request",
            Self::Waiting => "waiting for the response",
            Self::Receiving => "receiving the response",
        })
    }
}

/// What the generator's own machine ran out of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// File descriptors (EMFILE, ENFILE).
    Descriptors,
    /// Local ports to this address (EADDRNOTAVAIL, or EAGAIN on connect).
    Ports,
    /// Kernel memory for sockets (ENOBUFS, ENOMEM).
    Memory,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Descriptors => "file descriptors",
            Self::Ports => "local ports",
            Self::Memory => "memory for sockets",
        })
    }
}

/// Why a header of a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeaderFault {
    /// Empty, or with a byte that no header name may have.
    Name,
    /// A value with a line break, a NUL or another control character.
    Value,
    /// Given twice, where HTTP allows one.
    Duplicate,
    /// A `content-length` that is not the body's.
    Length,
    /// A `transfer-encoding`: the client frames bodies itself.
    Coding,
}

impl fmt::Display for HeaderFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "is not a valid name",
            Self::Value => "has a value with a line break or another control character",
            Self::Duplicate => "is given twice",
            Self::Length => "does not match the body's length: leave it out",
            Self::Coding => "cannot be set: bodies go with a content-length",
        })
    }
}

/// Why there is no response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The URL cannot be called.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// There is no TLS with the server, or it broke.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A header that must not be sent; nothing was.
    #[error("request header {name:?} {fault}")]
    RequestHeader {
        /// As the user wrote it.
        name: Box<str>,
        /// What is wrong with it.
        fault: HeaderFault,
    },
    /// A method that is no token, or that this client cannot speak.
    #[error("method {method:?} is not supported")]
    Method {
        /// As the user wrote it.
        method: Box<str>,
    },
    /// Request headers past the limit; nothing was sent.
    #[error("the request's headers take more than {max_bytes} bytes")]
    RequestHeadTooLarge {
        /// The limit.
        max_bytes: usize,
    },

    /// The total time-out passed.
    #[error("timed out after {}, {phase}", format_duration(*limit))]
    Timeout {
        /// What it was doing.
        phase: Phase,
        /// The time-out that was set.
        limit: Duration,
    },
    /// The time-out for connecting passed.
    #[error("no connection within {}, {phase}", format_duration(*limit))]
    ConnectTimeout {
        /// [`Phase::Resolving`], [`Phase::Connecting`] or [`Phase::Handshaking`].
        phase: Phase,
        /// The time-out that was set.
        limit: Duration,
    },

    /// The name does not exist or has no address.
    #[error("no address for host `{host}`")]
    HostNotFound {
        /// The name.
        host: Box<str>,
    },
    /// The resolver itself did not answer properly: the generator's trouble, not the target's.
    #[error("cannot resolve host `{host}`: {reason}")]
    Resolver {
        /// The name.
        host: Box<str>,
        /// The system's words.
        reason: Box<str>,
    },
    /// The run doesn't allow this way to the host, or there is none.
    #[error(transparent)]
    Way(#[from] WayError),

    /// Nobody listens there.
    #[error("connection refused by {address}")]
    Refused {
        /// The address tried.
        address: SocketAddr,
    },
    /// The kernel gave up on connecting (ETIMEDOUT).
    #[error("{address} did not answer the connection attempt")]
    DialTimeout {
        /// The address tried.
        address: SocketAddr,
    },
    /// No route to the host or its network.
    #[error("{address} is unreachable")]
    Unreachable {
        /// The address tried.
        address: SocketAddr,
    },
    /// Any other error of connecting.
    #[error("cannot connect to {address}: {errno}")]
    Dial {
        /// The address tried.
        address: SocketAddr,
        /// The system's error.
        errno: Errno,
    },
    /// A proxy did not do what it was asked.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The generator's machine ran out of something.
    #[error("the load generator ran out of {resource}")]
    Exhausted {
        /// Of what.
        resource: Resource,
    },

    /// The peer reset the connection.
    #[error("connection reset by peer, {phase}")]
    Reset {
        /// What it was doing.
        phase: Phase,
    },
    /// The peer no longer reads.
    #[error("broken pipe: the peer closed the connection, {phase}")]
    BrokenPipe {
        /// What it was doing.
        phase: Phase,
    },
    /// Any other error of an open connection.
    #[error("connection failed, {phase}: {errno}")]
    Connection {
        /// What it was doing.
        phase: Phase,
        /// The system's error.
        errno: Errno,
    },
    /// The server closed a kept-alive connection just when a request went over it, and the method
    /// must not be sent twice.
    #[error("the server closed the idle connection that the request was sent on")]
    StaleConnection,
    /// The server closed a new connection without a byte of response.
    #[error("the server closed the connection without a response")]
    NoResponse,
    /// The connection ended inside the response's head.
    #[error("the connection closed inside the response's head")]
    TruncatedHead,
    /// The connection ended before the body was complete.
    #[error("the connection closed before the response's body was complete")]
    TruncatedBody,

    /// HTTP/2 failed, for the request or for all of its connection.
    #[error(transparent)]
    Http2(#[from] Http2Error),

    /// What came back does not start as HTTP does.
    #[error("the answer is not HTTP")]
    NotHttp,
    /// What came back is a record of TLS.
    #[error("the answer is TLS, not HTTP: use https://")]
    AnswerIsTls,
    /// HTTP of a version that was not asked for.
    #[error("the response's HTTP version is not supported")]
    Version,
    /// The status line is malformed.
    #[error("the response's status line is malformed")]
    StatusLine,
    /// A header is malformed.
    #[error("a header of the response is malformed")]
    ResponseHeader,
    /// A header goes on over the next line, which RFC 9112 §5.2 forbids.
    #[error("a header of the response is folded over several lines")]
    FoldedHeader,
    /// A NUL byte in the head.
    #[error("the response's head has a NUL byte")]
    NulInHead,
    /// More headers than the limit.
    #[error("the response has more than {max} headers")]
    TooManyHeaders {
        /// The limit.
        max: usize,
    },
    /// A head larger than the limit.
    #[error("the response's head is larger than {max_bytes} bytes")]
    HeadTooLarge {
        /// The limit.
        max_bytes: usize,
    },
    /// More interim (1xx) responses than the limit.
    #[error("more than {max} interim responses")]
    TooManyInterim {
        /// The limit.
        max: u8,
    },
    /// Status 101: the server wants another protocol.
    #[error("the server switched protocols (101): upgrades are not supported yet")]
    Upgrade,
    /// A `content-length` that is no number.
    #[error("the response's content-length is not a number")]
    ContentLength,
    /// Several `content-length` values that differ.
    #[error("the response has conflicting content-length headers")]
    ConflictingLength,
    /// A `transfer-encoding` other than `chunked`.
    #[error("the response's transfer-encoding is not supported: only `chunked` is")]
    TransferCoding,
    /// Chunked framing that breaks RFC 9112 §7.1.
    #[error("the response's chunked framing is malformed")]
    Chunk,
    /// Chunk extensions or trailers past the limit.
    #[error("the response's chunk extensions or trailers take more than {max_bytes} bytes")]
    ChunkOverhead {
        /// The limit.
        max_bytes: usize,
    },
    /// A body larger than the request's `body_max_bytes`.
    #[error("the response's body is larger than {max_bytes} bytes")]
    BodyTooLarge {
        /// The limit.
        max_bytes: u64,
    },
    /// The request's own body can't be read to its end.
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// A body whose content coding can't be undone.
    #[error(transparent)]
    Coding(#[from] CodingError),

    /// A web socket that could not be opened, or broke off.
    #[error(transparent)]
    WebSocket(#[from] WebSocketError),
    /// A stream of events that is none, or can't be read on.
    #[error(transparent)]
    Events(#[from] EventsError),
}

impl Failure {
    /// k6's number for this failure; codes without an exact meaning there take the range's general one,
    /// and what the generator ran out of has numbers of its own.
    pub fn error_code(&self) -> u16 {
        match self {
            Self::RequestHeader { .. }
            | Self::Method { .. }
            | Self::RequestHeadTooLarge { .. }
            | Self::NoResponse
            | Self::TruncatedHead
            | Self::TruncatedBody
            | Self::Version
            | Self::StatusLine
            | Self::ResponseHeader
            | Self::FoldedHeader
            | Self::NulInHead
            | Self::TooManyHeaders { .. }
            | Self::HeadTooLarge { .. }
            | Self::TooManyInterim { .. }
            | Self::Upgrade
            | Self::ContentLength
            | Self::ConflictingLength
            | Self::TransferCoding
            | Self::Chunk
            | Self::ChunkOverhead { .. }
            | Self::BodyTooLarge { .. }
            | Self::Upload(_)
            | Self::Events(_) => 1000,
            Self::Http2(error) => error.error_code(),
            Self::Tls(error) => error.error_code(),
            Self::WebSocket(error) => error.error_code(),
            Self::NotHttp | Self::AnswerIsTls => 1010,
            Self::Url(_) => 1020,
            Self::Timeout { .. } => 1050,
            Self::Resolver { .. } | Self::ConnectTimeout { phase: Phase::Resolving, .. } => RESOLVER,
            Self::HostNotFound { .. } => 1101,
            Self::BrokenPipe { .. } => 1201,
            Self::Connection { .. } => 1202,
            Self::Unreachable { .. } => 1210,
            Self::Way(error) => error.error_code(),
            Self::Proxy(error) => error.error_code(),
            Self::Exhausted { resource: Resource::Ports } => PORTS,
            Self::Exhausted { resource: Resource::Descriptors } => DESCRIPTORS,
            Self::Exhausted { resource: Resource::Memory } => MEMORY,
            Self::ConnectTimeout { .. } | Self::DialTimeout { .. } => 1211,
            Self::Refused { .. } => 1212,
            Self::Dial { .. } => 1213,
            Self::Reset { .. } | Self::StaleConnection => 1220,
            Self::Coding(_) => 1701,
        }
    }

    /// Whether the generator's own machine is to blame, so that the run proves nothing about the target.
    pub fn is_generator_fault(&self) -> bool {
        let code = self.error_code();
        ErrorCode::find(code).is_some_and(|known| known.side == Side::Generator)
    }

    /// Whether this is what a connection shows that the server had closed while it lay idle.
    pub(super) fn is_disconnect(&self) -> bool {
        matches!(self, Self::NoResponse | Self::Reset { .. } | Self::BrokenPipe { .. })
    }

    /// The failure behind an error of `connect`.
    pub(super) fn dial(error: &io::Error, address: SocketAddr) -> Self {
        let errno = errno(error);
        if let Some(resource) = exhausted(errno) {
            return Self::Exhausted { resource };
        }
        match errno {
            Errno::CONNREFUSED => Self::Refused { address },
            Errno::TIMEDOUT => Self::DialTimeout { address },
            Errno::HOSTUNREACH | Errno::NETUNREACH => Self::Unreachable { address },
            Errno::CONNRESET => Self::Reset { phase: Phase::Connecting },
            errno => Self::Dial { address, errno },
        }
    }

    /// The failure behind an error of connecting to a Unix socket.
    pub(super) fn socket(error: &io::Error, path: &std::path::Path) -> Self {
        match errno(error) {
            Errno::MFILE | Errno::NFILE => Self::Exhausted { resource: Resource::Descriptors },
            Errno::NOBUFS | Errno::NOMEM => Self::Exhausted { resource: Resource::Memory },
            errno => WayError::Socket { path: path.to_string_lossy().into(), errno }.into(),
        }
    }

    /// The failure behind an error of an open connection.
    pub(super) fn connection(error: &io::Error, phase: Phase) -> Self {
        if let Some(error) = error.get_ref().and_then(|error| error.downcast_ref::<TlsError>()) {
            return Self::Tls(error.clone());
        }
        match errno(error) {
            Errno::CONNRESET | Errno::CONNABORTED => Self::Reset { phase },
            Errno::PIPE => Self::BrokenPipe { phase },
            Errno::NOBUFS | Errno::NOMEM => Self::Exhausted { resource: Resource::Memory },
            errno => Self::Connection { phase, errno },
        }
    }
}

/// The number behind a socket's error; every error of a socket has one.
fn errno(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

fn exhausted(errno: Errno) -> Option<Resource> {
    match errno {
        Errno::MFILE | Errno::NFILE => Some(Resource::Descriptors),
        Errno::ADDRNOTAVAIL | Errno::AGAIN => Some(Resource::Ports),
        Errno::NOBUFS | Errno::NOMEM => Some(Resource::Memory),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address() -> SocketAddr {
        "127.0.0.1:1".parse().unwrap()
    }

    fn os(errno: Errno) -> io::Error {
        io::Error::from_raw_os_error(errno.raw_os_error())
    }

    #[test]
    fn errors_of_connecting_have_k6s_codes() {
        for (errno, code, ours) in [
            (Errno::CONNREFUSED, 1212, false),
            (Errno::TIMEDOUT, 1211, false),
            (Errno::HOSTUNREACH, 1210, false),
            (Errno::NETUNREACH, 1210, false),
            (Errno::CONNRESET, 1220, false),
            (Errno::ACCESS, 1213, false),
            (Errno::MFILE, 1291, true),
            (Errno::NFILE, 1291, true),
            (Errno::ADDRNOTAVAIL, 1290, true),
            (Errno::NOBUFS, 1292, true),
        ] {
            let failure = Failure::dial(&os(errno), address());
            assert_eq!((failure.error_code(), failure.is_generator_fault()), (code, ours), "{failure}");
        }
        let ports = Failure::dial(&os(Errno::ADDRNOTAVAIL), address());
        assert_eq!(ports.to_string(), "the load generator ran out of local ports");
    }

    #[test]
    fn errors_of_a_connection_have_k6s_codes() {
        for (errno, code) in
            [(Errno::CONNRESET, 1220), (Errno::PIPE, 1201), (Errno::TIMEDOUT, 1202), (Errno::NOBUFS, 1292)]
        {
            assert_eq!(Failure::connection(&os(errno), Phase::Sending).error_code(), code);
        }
    }

    #[test]
    fn time_outs_tell_the_phase() {
        let limit = Duration::from_millis(250);
        let total = Failure::Timeout { phase: Phase::Waiting, limit };
        assert_eq!(
            (total.error_code(), &*total.to_string()),
            (1050, "timed out after 250ms, waiting for the response")
        );
        let dial = Failure::ConnectTimeout { phase: Phase::Connecting, limit };
        assert_eq!((dial.error_code(), &*dial.to_string()), (1211, "no connection within 250ms, connecting"));
        // Printed as a script writes it, not as `{:?}` does (90s).
        let limit = Duration::from_secs(90);
        let lookup = Failure::ConnectTimeout { phase: Phase::Resolving, limit };
        assert_eq!(
            (lookup.error_code(), &*lookup.to_string()),
            (1100, "no connection within 1m30s, resolving the host")
        );
    }

    #[test]
    fn other_codes_follow_k6s_table() {
        assert_eq!(Failure::Url(UrlError::NoHost { url: "http://".into() }).error_code(), 1020);
        assert_eq!(Failure::NotHttp.error_code(), 1010);
        assert_eq!(Failure::HostNotFound { host: "h".into() }.error_code(), 1101);
        assert_eq!(Failure::StaleConnection.error_code(), 1220);
        assert_eq!(Failure::TruncatedBody.error_code(), 1000);
    }

    #[test]
    fn every_code_can_be_explained() {
        let source = include_str!("error.rs");
        let table = source.split_once("pub fn error_code").expect("the function");
        let body = table.1.split_once("/// Whether the generator").expect("what follows it").0;
        for number in body.split(|c: char| !c.is_ascii_digit()).filter(|word| word.len() == 4) {
            let code: u16 = number.parse().unwrap();
            assert!(ErrorCode::find(code).is_some(), "{code} is not in ERROR_CODES");
        }
    }
}
