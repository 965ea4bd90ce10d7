//! Every `error_code` that a request can have, in words: what it means, whose it is, what to do.
//!
//! The numbers are k6's; ours are 1030, for a redirect, 1280 to 1282, for proxies, 1290 to 1292, for what the
//! generator's own machine ran out of, and 1800, for web sockets.
//! `runner explain 1050` reads this list, and a test holds [`super::Failure`] to it.

use super::h2::http2_reason;

/// Who has to look into a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The service, or the way to it.
    Target,
    /// The script: nothing was sent.
    Script,
    /// The generator's own machine: it says nothing of the service.
    Generator,
}

/// A number that a failed request has as its tag `error_code`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorCode {
    /// The number.
    pub code: u16,
    /// What happened, in half a sentence.
    pub about: &'static str,
    /// Who has to look into it.
    pub side: Side,
    /// What to do.
    pub advice: &'static str,
}

use Side::{Generator, Script, Target};

const fn code(code: u16, side: Side, about: &'static str, advice: &'static str) -> ErrorCode {
    ErrorCode { code, about, side, advice }
}

/// No local port was left to connect from.
pub const PORTS: u16 = 1290;
/// No file descriptor was left for a socket.
pub const DESCRIPTORS: u16 = 1291;
/// No kernel memory was left for a socket.
pub const MEMORY: u16 = 1292;
/// The resolver did not answer properly, or not in time.
pub const RESOLVER: u16 = 1100;

/// A redirect that is not followed; ours.
pub(super) const REDIRECT: u16 = 1030;
/// A web socket failed; k6 has no number for that.
pub const WEB_SOCKET: u16 = 1800;

impl ErrorCode {
    /// What is known of a number. HTTP/2's own codes (1611 to 1624, 1631 to 1644, 1651 to 1664) stand in the row
    /// of their family, see [`super::http2_reason`].
    pub fn find(code: u16) -> Option<&'static Self> {
        let code = http2_reason(code).map_or(code, |(family, _)| family);
        ERROR_CODES.iter().find(|known| known.code == code)
    }
}

/// All of them, in order; of HTTP/2's the families.
pub const ERROR_CODES: &[ErrorCode] = &[
    code(
        1000,
        Target,
        "the exchange failed in a way that has no number of its own: a head or body cut short, malformed, or too large",
        "the tag `error` says which; when it names a request header or the method, nothing was sent and the script is to be changed",
    ),
    code(
        1010,
        Target,
        "what came back is not HTTP",
        "look who listens on that port: another protocol, or TLS on a plain URL",
    ),
    code(
        1020,
        Script,
        "the URL can't be called: no scheme, no host, a wrong port",
        "write `http://host/path`, or set `base_url` and write the path alone",
    ),
    code(
        REDIRECT,
        Target,
        "a redirect was not followed: one too many, or to something that can't be called",
        "`r.status` and `r.header(\"location\")` say which; `redirects` of the request or `max_redirects` of `options` allows more, and 0 takes each redirect as the answer",
    ),
    code(
        1050,
        Target,
        "no complete answer within the request's time-out",
        "the tag `error` says what it waited for; `timeout` of the request or of `options` allows more",
    ),
    code(
        RESOLVER,
        Generator,
        "the resolver could not be asked, or did not answer in time",
        "look at this machine's resolver (`/etc/resolv.conf`); an address in the URL needs none",
    ),
    code(
        1101,
        Target,
        "the host's name does not exist, or has no address",
        "look at the name in the URL: the resolver answered",
    ),
    code(
        1110,
        Script,
        "the address is blacklisted: nothing was sent",
        "the tag `error` has the entry of `blacklist_ips` (`--blacklist-ip`); change it, or the URL",
    ),
    code(
        1111,
        Script,
        "the host is blocked: nothing was sent",
        "the tag `error` has the entry of `block_hostnames` (`--block-hostnames`); change it, or the URL",
    ),
    code(
        1201,
        Target,
        "broken pipe: the service closed the connection while the request was sent",
        "look at the service's limits for requests and at its log",
    ),
    code(
        1202,
        Target,
        "an open connection failed",
        "the tag `error` has the system's word for it; look at what lies between the machines",
    ),
    code(
        1210,
        Target,
        "no way to the host or its network",
        "look at routes and firewalls between the machines",
    ),
    code(
        1211,
        Target,
        "no connection in time",
        "the host is away, a firewall drops packets, or the service's queue of connections is full (`somaxconn`)",
    ),
    code(1212, Target, "connection refused: nothing listens there", "start the service, or correct the port"),
    code(
        1213,
        Target,
        "connecting failed with an error that has no number of its own",
        "the tag `error` has the system's word for it",
    ),
    code(
        1220,
        Target,
        "the service reset the connection, or closed an idle one just when a request went over it",
        "look at the service's log, and at its time-out for idle connections",
    ),
    code(
        1280,
        Target,
        "the proxy could not be reached, or did not answer properly",
        "the tag `error` names it; it comes from `proxy` (`--proxy`), or from `http_proxy` and `https_proxy`: `--proxy none` goes without",
    ),
    code(
        1281,
        Target,
        "the proxy refused to connect to the host",
        "look at the proxy's rules (many allow CONNECT to port 443 alone) and its log",
    ),
    code(
        1282,
        Target,
        "the proxy wants a user and a password, or others",
        "write them into its URL: `http://user:password@host:port`",
    ),
    code(
        PORTS,
        Generator,
        "no local port was left to connect from: each connection to one address takes one, for a minute after it closed, too",
        "keep connections (don't send `connection: close`), use fewer virtual users, or widen `net.ipv4.ip_local_port_range`",
    ),
    code(
        DESCRIPTORS,
        Generator,
        "no file descriptor was left: each connection takes one",
        "raise the limit (`ulimit -n`), or use fewer virtual users",
    ),
    code(
        MEMORY,
        Generator,
        "the kernel had no memory left for a socket",
        "use fewer connections, or raise `net.ipv4.tcp_mem` and the container's memory",
    ),
    code(
        1300,
        Target,
        "there is no TLS with the service, or it broke: a certificate that is refused, no version or cipher in common, an alert",
        "the tag `error` says which, whose certificate it is, and what to do",
    ),
    code(
        1310,
        Target,
        "the service's certificate is signed by nobody who is trusted here, or by itself",
        "trust its authority by `tls_roots`, or let it pass by `insecure_skip_tls_verify`",
    ),
    code(
        1311,
        Target,
        "the service's certificate is for another host",
        "call a host that it names (`hosts` gives a name another address), or let it pass by `insecure_skip_tls_verify`",
    ),
    code(
        1600,
        Target,
        "HTTP/2 was asked for, and the service speaks something else there",
        "leave the option `http_version` at `auto`, or call a port that speaks HTTP/2",
    ),
    code(
        1610,
        Target,
        "the service ended an HTTP/2 connection (GOAWAY) while the request was under way, or before it took it",
        "1611 + n with HTTP/2's reason n, which the tag `error` names; look at the service's log, and at its limit of requests per connection",
    ),
    code(
        1630,
        Target,
        "an HTTP/2 stream failed: the service reset or refused it, or its response broke the protocol",
        "1631 + n with HTTP/2's reason n: 1638 is a refused stream, 1639 a cancelled one; the tag `error` says which; look at the service's log, and at its limit of streams per connection",
    ),
    code(
        1650,
        Target,
        "an HTTP/2 connection was ended because the service broke the protocol on it",
        "1651 + n with HTTP/2's reason n that we ended it with; the tag `error` says how: a fault of the service, or of a proxy on the way",
    ),
    code(
        1701,
        Target,
        "the body is not in the coding that its `Content-Encoding` names, or ends before it is complete",
        "look at what the service or a proxy before it compresses, and whether it does so twice",
    ),
    code(
        WEB_SOCKET,
        Target,
        "a web socket could not be opened, or broke off: the service broke the protocol, or closed without a close frame or by a code of an error",
        "the tag `error` and `socket.error` say which; look at the service's log",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_in_order_and_texts_fit_behind_a_colon() {
        assert!(ERROR_CODES.is_sorted_by(|a, b| a.code < b.code));
        for code in ERROR_CODES {
            assert!(!code.about.ends_with('.') && !code.advice.ends_with('.'), "{}", code.code);
        }
    }
}
