//! One request, and its bytes on the wire.
//!
//! Invariant: whatever a script puts in a header, exactly one request is sent. [`inspect`] refuses
//! what could break out of a line or contradict the framing before a connection is even looked for;
//! [`compose`] then only copies.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use super::endpoint::Endpoint;
use super::error::{Failure, HeaderFault};
use super::upload::Upload;

/// The total time-out of a request unless it says otherwise: 60 s, as k6.
pub const TIMEOUT_NS: u64 = 60_000_000_000;
/// The time-out for resolving and connecting: 10 s outlives three lost SYNs (sent at 0, 1, 3 and 7 s).
pub const CONNECT_TIMEOUT_NS: u64 = 10_000_000_000;
/// The largest body that is read: far above any API's answer, far below what 100 users at once
/// would need to exhaust a machine.
pub const BODY_MAX_BYTES: u64 = 64 << 20;
/// The largest head that is sent: eight times what common servers accept.
pub(super) const REQUEST_HEAD_MAX_BYTES: usize = 64 << 10;

/// A request method.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `PATCH`
    Patch,
    /// `DELETE`
    Delete,
    /// `OPTIONS`
    Options,
    /// Any other token. Made by [`Method::parse`] alone, which has checked it.
    Other(Token),
}

/// A method's name that [`Method::parse`] found to be a valid token.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Token(Box<str>);

impl Method {
    /// Reads a method: the known ones in any case, others as they are, since methods are case-sensitive.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        const KNOWN: [Method; 7] = [
            Method::Get,
            Method::Head,
            Method::Post,
            Method::Put,
            Method::Patch,
            Method::Delete,
            Method::Options,
        ];
        if let Some(known) = KNOWN.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(text)) {
            return Ok(known);
        }
        // CONNECT turns the connection into a tunnel, which a pool must never see again.
        if text.is_empty() || !text.bytes().all(is_token) || text.eq_ignore_ascii_case("CONNECT") {
            return Err(Failure::Method { method: text.into() });
        }
        Ok(Self::Other(Token(text.into())))
    }

    /// As on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Other(Token(name)) => name,
        }
    }

    /// Whether sending it twice means the same as once (RFC 9110 §9.2.2).
    pub fn is_idempotent(&self) -> bool {
        match self {
            Self::Get | Self::Head | Self::Put | Self::Delete | Self::Options => true,
            Self::Post | Self::Patch => false,
            Self::Other(Token(name)) => &**name == "TRACE",
        }
    }

    /// Whether a request without a body still says `Content-Length: 0` (RFC 9110 §8.6).
    fn means_a_body(&self) -> bool {
        matches!(self, Self::Post | Self::Put | Self::Patch)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A request to send. It borrows everything; [`Request::new`] fills in the defaults.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a Method,
    /// Where to.
    pub endpoint: &'a Rc<Endpoint>,
    /// Further headers, sent in this order. `Host`, `User-Agent` and `Connection` replace the
    /// client's own; `Content-Length` is checked and left out.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body; any method may have one.
    pub body: &'a [u8],
    /// A body in its place that is read from disk while it is sent.
    pub upload: Option<&'a Upload>,
    /// From the hand-over to the last byte.
    pub timeout_ns: u64,
    /// For resolving and connecting.
    pub connect_timeout_ns: u64,
    /// A larger response body is a failure, as it comes and as it is decoded.
    pub body_max_bytes: u64,
    /// Whether the response's body is counted and forgotten, however large it is, and not decoded.
    pub discard_body: bool,
    /// Whether the connection may serve further requests; if not, `Connection: close` is sent.
    pub keep_alive: bool,
    /// The head, if it was written before: see [`Prepared`].
    pub(crate) written: Option<&'a Written>,
}

impl<'a> Request<'a> {
    /// A request without headers and body, with the default limits.
    pub fn new(method: &'a Method, endpoint: &'a Rc<Endpoint>) -> Self {
        Self {
            method,
            endpoint,
            headers: &[],
            body: &[],
            upload: None,
            timeout_ns: TIMEOUT_NS,
            connect_timeout_ns: CONNECT_TIMEOUT_NS,
            body_max_bytes: BODY_MAX_BYTES,
            discard_body: false,
            keep_alive: true,
            written: None,
        }
    }

    /// Bytes of the body.
    pub fn body_bytes(&self) -> u64 {
        self.upload.map_or(self.body.len() as u64, Upload::len)
    }

    /// Whether it can be sent; what is wrong with it otherwise, as [`super::Client::send`] would find.
    pub fn check(&self) -> Result<(), Failure> {
        inspect(self).map(drop)
    }

    /// The head as it goes out, for people; empty where it can't be sent.
    pub fn head(&self, user_agent: Option<&str>) -> String {
        let mut out = Vec::new();
        if let Ok(shape) = inspect(self) {
            compose(self, shape, user_agent, &mut out);
        }
        String::from_utf8_lossy(&out).into_owned()
    }
}

/// The head of a request, inspected and composed.
#[derive(Debug)]
pub(crate) struct Written {
    bytes: Box<[u8]>,
    shape: Shape,
}

/// A request that is sent often: its head is inspected and composed once.
#[derive(Debug)]
pub struct Prepared {
    method: Method,
    endpoint: Rc<Endpoint>,
    body: Arc<[u8]>,
    written: Written,
}

impl Prepared {
    /// Makes a request ready. `user_agent` is that of the clients which will send it; `keep_alive` as in [`Request`].
    pub fn new(
        method: Method,
        endpoint: Rc<Endpoint>,
        headers: &[(&str, &str)],
        body: Arc<[u8]>,
        (user_agent, keep_alive): (Option<&str>, bool),
    ) -> Result<Self, Failure> {
        let request = Request { headers, body: &body, keep_alive, ..Request::new(&method, &endpoint) };
        let shape = inspect(&request)?;
        let mut bytes = Vec::new();
        compose(&request, shape, user_agent, &mut bytes);
        let written = Written { bytes: bytes.into(), shape };
        Ok(Self { method, endpoint, body, written })
    }

    /// The request, with the default limits.
    pub fn request(&self) -> Request<'_> {
        let written = Some(&self.written);
        Request { body: &self.body, written, ..Request::new(&self.method, &self.endpoint) }
    }
}

/// What [`inspect`] learned, for [`compose`] and the pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "five independent facts about headers, not a state")]
pub(super) struct Shape {
    own_host: bool,
    own_agent: bool,
    own_connection: bool,
    own_length: bool,
    /// The request asks for the connection to be closed.
    pub(super) close: bool,
}

/// Headers that the client has a say in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Special {
    Host,
    Agent,
    Connection,
    Length,
    Coding,
}

/// Most headers differ from all of these in length, so this costs one jump.
fn special(name: &str) -> Option<Special> {
    let (known, special) = match name.len() {
        4 => ("host", Special::Host),
        10 if name.as_bytes()[0] | 0x20 == b'u' => ("user-agent", Special::Agent),
        10 => ("connection", Special::Connection),
        14 => ("content-length", Special::Length),
        17 => ("transfer-encoding", Special::Coding),
        _ => return None,
    };
    name.eq_ignore_ascii_case(known).then_some(special)
}

/// Checks what is to be sent; nothing that fails here ever reaches a socket.
pub(super) fn inspect(request: &Request<'_>) -> Result<Shape, Failure> {
    if let Some(written) = request.written {
        return Ok(written.shape);
    }
    let mut shape = Shape { close: !request.keep_alive, ..Shape::default() };
    let mut size = request.endpoint.head().len();
    for &(name, value) in request.headers {
        let refuse = |fault| Err(Failure::RequestHeader { name: name.into(), fault });
        if name.is_empty() || !name.bytes().all(is_token) {
            return refuse(HeaderFault::Name);
        }
        if !value.bytes().all(is_value) {
            return refuse(HeaderFault::Value);
        }
        size += name.len() + value.len() + 4;
        let seen = match special(name) {
            None => continue,
            Some(Special::Coding) => return refuse(HeaderFault::Coding),
            Some(Special::Host) => &mut shape.own_host,
            Some(Special::Agent) => &mut shape.own_agent,
            Some(Special::Connection) => {
                shape.close |= has_token(value, "close");
                &mut shape.own_connection
            }
            Some(Special::Length) => {
                if value.trim_matches([' ', '\t']).parse() != Ok(request.body_bytes()) {
                    return refuse(HeaderFault::Length);
                }
                &mut shape.own_length
            }
        };
        if std::mem::replace(seen, true) {
            return refuse(HeaderFault::Duplicate);
        }
    }
    if size > REQUEST_HEAD_MAX_BYTES {
        return Err(Failure::RequestHeadTooLarge { max_bytes: REQUEST_HEAD_MAX_BYTES });
    }
    Ok(shape)
}

/// Writes the head of an inspected request to `out`, behind what is there.
pub(super) fn compose(request: &Request<'_>, shape: Shape, user_agent: Option<&str>, out: &mut Vec<u8>) {
    if let Some(written) = request.written {
        out.extend_from_slice(&written.bytes);
        return;
    }
    out.extend_from_slice(request.method.as_str().as_bytes());
    out.push(b' ');
    if shape.own_host || shape.own_agent || user_agent.is_some() {
        let (line, host, agent) = request.endpoint.head_parts();
        out.extend_from_slice(line);
        if !shape.own_host {
            out.extend_from_slice(host);
        }
        match user_agent {
            _ if shape.own_agent => {}
            Some(name) => push_header(out, "User-Agent", name.as_bytes()),
            None => out.extend_from_slice(agent),
        }
    } else {
        out.extend_from_slice(request.endpoint.head());
    }
    for &(name, value) in request.headers {
        match special(name) {
            Some(Special::Length | Special::Coding) => {}
            // Two `Connection` headers would be merged by the server: ours alone then.
            Some(Special::Connection) if !request.keep_alive => {}
            _ => push_header(out, name, value.as_bytes()),
        }
    }
    if !request.keep_alive {
        out.extend_from_slice(b"Connection: close\r\n");
    }
    let body_bytes = request.body_bytes();
    if body_bytes > 0 || request.method.means_a_body() || shape.own_length {
        let mut digits = [0; DECIMAL_DIGITS];
        push_header(out, "Content-Length", decimal(body_bytes, &mut digits));
    }
    out.extend_from_slice(b"\r\n");
}

fn push_header(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Digits of the largest `u64`.
const DECIMAL_DIGITS: usize = 20;

/// `number` in decimal: a third of what `write!` costs.
fn decimal(mut number: u64, digits: &mut [u8; DECIMAL_DIGITS]) -> &[u8] {
    let mut at = DECIMAL_DIGITS;
    loop {
        at -= 1;
        digits[at] = b"0123456789"[(number % 10) as usize];
        number /= 10;
        if number == 0 {
            return &digits[at..];
        }
    }
}

/// Whether a comma-separated list holds `token`, in any case.
pub(super) fn has_token(list: &str, token: &str) -> bool {
    list.split(',').any(|item| item.trim_matches([' ', '\t']).eq_ignore_ascii_case(token))
}

/// `tchar` of RFC 9110 §5.6.2.
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// What a field value may hold (RFC 9110 §5.5): everything but control characters other than tab.
fn is_value(byte: u8) -> bool {
    (byte >= b' ' || byte == b'\t') && byte != 0x7f
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint() -> Rc<Endpoint> {
        Rc::new(Endpoint::parse(None, "http://h:1/x?y").unwrap())
    }

    fn sent(
        method: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        keep_alive: bool,
    ) -> Result<String, Failure> {
        let method = Method::parse(method)?;
        let endpoint = endpoint();
        let request = Request { headers, body, keep_alive, ..Request::new(&method, &endpoint) };
        let shape = inspect(&request)?;
        let mut out = b"another".to_vec();
        compose(&request, shape, None, &mut out);
        let out = out.strip_prefix(b"another").expect("it is put behind what is there").to_vec();
        Ok(String::from_utf8(out).unwrap().replace(concat!("runner/", env!("CARGO_PKG_VERSION")), "AGENT"))
    }

    #[test]
    fn writes_a_plain_get() {
        assert_eq!(
            sent("get", &[("Accept", "*/*")], b"", true).unwrap(),
            "GET /x?y HTTP/1.1\r\nHost: h:1\r\nUser-Agent: AGENT\r\nAccept: */*\r\n\r\n"
        );
    }

    #[test]
    fn content_length_goes_with_a_body_or_a_method_that_means_one() {
        let length = |method, body: &[u8]| {
            let text = sent(method, &[], body, true).unwrap();
            text.lines().find_map(|line| line.strip_prefix("Content-Length: ").map(str::to_owned))
        };
        assert_eq!(length("GET", b""), None);
        assert_eq!(length("DELETE", b""), None);
        assert_eq!(length("GET", b"1234567890"), Some("10".into()));
        for method in ["POST", "PUT", "PATCH"] {
            assert_eq!(length(method, b""), Some("0".into()));
        }
    }

    #[test]
    fn own_headers_replace_the_clients() {
        let headers =
            [("host", "other"), ("USER-AGENT", "me"), ("Content-Length", "2"), ("connection", "keep-alive")];
        assert_eq!(
            sent("POST", &headers, b"ab", true).unwrap(),
            "POST /x?y HTTP/1.1\r\nhost: other\r\nUSER-AGENT: me\r\nconnection: keep-alive\r\nContent-Length: 2\r\n\r\n"
        );
        let closing = sent("GET", &headers[3..], b"", false).unwrap();
        assert_eq!(closing.to_ascii_lowercase().matches("connection:").count(), 1);
        assert!(closing.contains("Connection: close\r\n"));
    }

    #[test]
    fn a_clients_agent_stands_between_the_default_and_the_requests() {
        let endpoint = endpoint();
        let agent = |headers: &[(&str, &str)]| {
            let request = Request { headers, ..Request::new(&Method::Get, &endpoint) };
            let mut out = Vec::new();
            compose(&request, inspect(&request).unwrap(), Some("client"), &mut out);
            String::from_utf8(out).unwrap()
        };
        assert!(agent(&[]).contains("\r\nUser-Agent: client\r\n"));
        let own = agent(&[("user-agent", "mine")]);
        assert!(own.contains("\r\nuser-agent: mine\r\n") && !own.contains("client"));
    }

    #[test]
    fn a_prepared_request_is_sent_as_it_would_be() {
        let endpoint = endpoint();
        let headers = [("X", "1"), ("user-agent", "mine"), ("Connection", "close")];
        let plain = Request { headers: &headers, body: b"ab", ..Request::new(&Method::Put, &endpoint) };
        let prepared = Prepared::new(
            Method::Put,
            Rc::clone(&endpoint),
            &headers,
            Arc::from(*b"ab"),
            (Some("client"), true),
        )
        .unwrap();
        let written = |request: &Request<'_>| {
            let (shape, mut out) = (inspect(request).unwrap(), Vec::new());
            compose(request, shape, Some("client"), &mut out);
            (shape, String::from_utf8(out).unwrap())
        };
        assert_eq!(written(&prepared.request()), written(&plain));
        assert_eq!(prepared.request().body, b"ab");
        let broken = Prepared::new(Method::Get, endpoint, &[("X", "a\nb")], Arc::from([]), (None, true));
        assert!(matches!(broken, Err(Failure::RequestHeader { fault: HeaderFault::Value, .. })));
    }

    #[test]
    fn closing_is_read_from_the_request() {
        let endpoint = endpoint();
        let close = |headers: &[(&str, &str)], keep_alive| {
            inspect(&Request { headers, keep_alive, ..Request::new(&Method::Get, &endpoint) }).unwrap().close
        };
        assert!(!close(&[], true));
        assert!(close(&[], false));
        assert!(close(&[("Connection", "foo, Close")], true));
        assert!(!close(&[("Connection", "closed")], true));
    }

    #[test]
    fn refuses_what_would_break_out_of_a_line() {
        let fault = |name: &str, value: &str| match sent("GET", &[(name, value)], b"", true) {
            Err(Failure::RequestHeader { fault, .. }) => fault,
            other => panic!("{other:?}"),
        };
        for name in ["", "a b", "a:", "a\r\nb", "ä", "a\0", "(x)"] {
            assert_eq!(fault(name, "v"), HeaderFault::Name, "{name:?}");
        }
        for value in ["a\r\nX: y", "a\nb", "a\rb", "a\0b", "\u{7f}", "\u{1b}[0m"] {
            assert_eq!(fault("X", value), HeaderFault::Value, "{value:?}");
        }
        assert!(sent("GET", &[("X", "tab\tand ümlaut"), ("Y", "")], b"", true).is_ok());
        assert_eq!(fault("Transfer-Encoding", "chunked"), HeaderFault::Coding);
        assert_eq!(fault("Content-Length", "1"), HeaderFault::Length);
        assert_eq!(fault("Content-Length", "x"), HeaderFault::Length);
        let twice = sent("GET", &[("Host", "a"), ("host", "a")], b"", true).unwrap_err();
        assert_eq!(twice.to_string(), "request header \"host\" is given twice");
        assert!(sent("GET", &[("Cookie", "a"), ("Cookie", "b")], b"", true).is_ok());
        let long = "x".repeat(REQUEST_HEAD_MAX_BYTES);
        let failure = sent("GET", &[("X", &long)], b"", true).unwrap_err();
        assert_eq!(failure, Failure::RequestHeadTooLarge { max_bytes: REQUEST_HEAD_MAX_BYTES });
    }

    #[test]
    fn methods_are_known_or_tokens() {
        assert_eq!(Method::parse("delete").unwrap(), Method::Delete);
        assert_eq!(Method::parse("PURGE").unwrap().as_str(), "PURGE");
        assert_eq!(Method::parse("purge").unwrap().as_str(), "purge");
        for bad in ["", "A B", "GET /x", "A\r\nB", "connect", "CONNECT"] {
            assert!(matches!(Method::parse(bad), Err(Failure::Method { .. })), "{bad:?}");
        }
        assert!(Method::parse("TRACE").unwrap().is_idempotent());
        assert!(!Method::parse("PURGE").unwrap().is_idempotent());
        assert!(Method::Put.is_idempotent() && !Method::Patch.is_idempotent());
    }

    #[test]
    fn decimal_prints_as_the_standard_library() {
        for number in [0, 9, 10, 1234, u64::MAX] {
            assert_eq!(decimal(number, &mut [0; DECIMAL_DIGITS]), number.to_string().as_bytes());
        }
    }
}
