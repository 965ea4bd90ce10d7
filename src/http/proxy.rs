//! What is said to a proxy: a request to be passed on (RFC 9112 §3.2.2), or to let bytes through to a host
//! (RFC 9110 §9.3.6).

use std::future::poll_fn;
use std::io::IoSlice;

use super::error::{Failure, Phase};
use super::network::ProxyUrl;
use super::stream::Stream;

/// The head of an answer to CONNECT: proxies explain a refusal in the body, which is not read.
const HEAD_MAX_BYTES: usize = 16 << 10;
/// Headers of such an answer.
const HEADERS_MAX: usize = 64;
/// What the client calls itself: some proxies let nobody through who doesn't say.
const USER_AGENT: &str = concat!("runner/", env!("CARGO_PKG_VERSION"));

/// What a proxy did not do. It is named without its password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// No connection to it.
    #[error("no connection to the proxy {proxy}: {cause}")]
    Unreached {
        /// The proxy.
        proxy: Box<str>,
        /// Why.
        cause: Box<Failure>,
    },
    /// It refused to connect to the host.
    #[error("the proxy {proxy} answered CONNECT with status {status}")]
    Refused {
        /// The proxy.
        proxy: Box<str>,
        /// Its answer.
        status: u16,
    },
    /// It wants to know who asks (407), or doesn't believe it (407, and 401 from some).
    #[error(
        "the proxy {proxy} wants another user and password ({status}): write `http://user:password@host:port`"
    )]
    Credentials {
        /// The proxy.
        proxy: Box<str>,
        /// Its answer.
        status: u16,
    },
    /// It hung up before its answer was complete.
    #[error("the proxy {proxy} closed the connection without an answer to CONNECT")]
    Closed {
        /// The proxy.
        proxy: Box<str>,
    },
    /// What it answered is not HTTP, too large, or followed by something that nobody asked for.
    #[error("the proxy {proxy} gave an answer to CONNECT that can't be read")]
    Malformed {
        /// The proxy.
        proxy: Box<str>,
    },
}

impl ProxyError {
    /// Numbers of ours, in k6's range for connections: it has none for proxies.
    pub fn error_code(&self) -> u16 {
        match self {
            Self::Unreached { .. } | Self::Closed { .. } | Self::Malformed { .. } => 1280,
            Self::Refused { .. } => 1281,
            Self::Credentials { .. } => 1282,
        }
    }
}

/// The failure to connect to a proxy, told from the same failure of a host. What this machine lacks, and
/// time-outs of the whole request, stay what they are.
pub(super) fn unreached(proxy: &ProxyUrl, cause: Failure) -> Failure {
    match cause {
        Failure::Refused { .. }
        | Failure::DialTimeout { .. }
        | Failure::Unreachable { .. }
        | Failure::Dial { .. }
        | Failure::HostNotFound { .. }
        | Failure::Way(_)
        | Failure::Reset { .. }
        | Failure::ConnectTimeout { phase: Phase::Connecting, .. } => {
            ProxyError::Unreached { proxy: proxy.to_string().into(), cause: Box::new(cause) }.into()
        }
        other => other,
    }
}

/// Makes a request one that a proxy passes on: `head` is its head from `begin` on, up to the empty line, and
/// its method takes `method_len` bytes.
pub(super) fn forward(head: &mut Vec<u8>, begin: usize, method_len: usize, origin: &str, proxy: &ProxyUrl) {
    if let Some(authorization) = proxy.authorization() {
        head.truncate(head.len() - b"\r\n".len());
        for part in ["Proxy-Authorization: ", authorization, "\r\n\r\n"] {
            head.extend_from_slice(part.as_bytes());
        }
    }
    let target = begin + method_len + b" ".len();
    head.splice(target..target, origin.bytes());
}

/// Bytes sent and received.
pub(super) type Traffic = (u64, u64);

/// Asks a proxy, over an open connection to it, to let bytes through to a host (an IPv6 address in brackets).
/// What was said is counted in `traffic`.
pub(super) async fn tunnel(
    stream: &Stream,
    proxy: &ProxyUrl,
    (host, port): (&str, u16),
    traffic: &mut Traffic,
) -> Result<(), Failure> {
    let mut ask =
        format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: {USER_AGENT}\r\n");
    if let Some(authorization) = proxy.authorization() {
        ask.extend(["Proxy-Authorization: ", authorization, "\r\n"]);
    }
    ask.push_str("\r\n");
    let mut rest = ask.as_bytes();
    let lost = |error: std::io::Error| Failure::connection(&error, Phase::Connecting);
    while !rest.is_empty() {
        let sent = poll_fn(|cx| stream.poll_write(cx, &[IoSlice::new(rest)])).await.map_err(lost)?;
        traffic.0 += sent as u64;
        rest = &rest[sent..];
    }

    let name = || Box::from(proxy.to_string());
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    loop {
        let received = poll_fn(|cx| stream.poll_read(cx, &mut buffer)).await.map_err(lost)?;
        if received == 0 {
            return Err(ProxyError::Closed { proxy: name() }.into());
        }
        traffic.1 += received as u64;
        head.extend_from_slice(&buffer[..received]);
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut answer = httparse::Response::new(&mut headers);
        return match (answer.parse(&head), answer.code) {
            (Ok(httparse::Status::Partial), _) if head.len() < HEAD_MAX_BYTES => continue,
            // The host speaks after us: whatever follows at once can't be from it.
            (Ok(httparse::Status::Complete(end)), Some(200..=299)) if end == head.len() => Ok(()),
            (Ok(httparse::Status::Complete(_)), Some(status @ (401 | 407))) => {
                Err(ProxyError::Credentials { proxy: name(), status }.into())
            }
            (Ok(httparse::Status::Complete(_)), Some(status)) if !(200..=299).contains(&status) => {
                Err(ProxyError::Refused { proxy: name(), status }.into())
            }
            _ => Err(ProxyError::Malformed { proxy: name() }.into()),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(text: &str) -> ProxyUrl {
        text.parse().unwrap()
    }

    #[test]
    fn a_passed_on_request_names_the_whole_url() {
        let forwarded = |url: &str| {
            let mut head = b"GET /before\r\n\r\nPOST /x?y HTTP/1.1\r\nHost: h:1\r\n\r\n".to_vec();
            forward(&mut head, 15, 4, "http://h:1", &proxy(url));
            String::from_utf8(head).unwrap()
        };
        assert_eq!(
            forwarded("http://p:1"),
            "GET /before\r\n\r\nPOST http://h:1/x?y HTTP/1.1\r\nHost: h:1\r\n\r\n"
        );
        assert_eq!(
            forwarded("http://me:geheim@p:1"),
            "GET /before\r\n\r\nPOST http://h:1/x?y HTTP/1.1\r\nHost: h:1\r\nProxy-Authorization: Basic bWU6Z2VoZWlt\r\n\r\n"
        );
    }

    #[test]
    fn what_the_generator_lacks_is_not_the_proxys_fault() {
        let proxy = proxy("http://me:geheim@127.0.0.1:1");
        let address = "127.0.0.1:1".parse().unwrap();
        let refused = unreached(&proxy, Failure::Refused { address });
        assert_eq!(
            (refused.error_code(), &*refused.to_string()),
            (1280, "no connection to the proxy http://127.0.0.1:1: connection refused by 127.0.0.1:1")
        );
        let ports = Failure::Exhausted { resource: super::super::error::Resource::Ports };
        assert_eq!(unreached(&proxy, ports.clone()), ports);
    }
}
