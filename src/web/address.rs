//! Where the control API listens: `HOST:PORT`, or a port alone for this machine.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs};
use std::str::FromStr;

use super::error::WebError;

/// As it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// A name, or an address without brackets.
    pub(super) host: String,
    port: u16,
}

impl FromStr for Address {
    type Err = WebError;

    /// `127.0.0.1:6565`, `[::1]:6565`, `localhost:6565`; `6565` and `:6565` are 127.0.0.1's.
    fn from_str(text: &str) -> Result<Self, WebError> {
        let wrong = || WebError::Address(text.to_owned());
        let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
        let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|_| is_port).ok_or_else(wrong)?;
        let host = match host.strip_prefix('[').map(|host| host.strip_suffix(']')) {
            Some(Some(inner)) if inner.parse::<std::net::Ipv6Addr>().is_ok() => inner,
            Some(_) => return Err(wrong()),
            None if host.is_empty() => "127.0.0.1",
            None => host,
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        if host.parse::<IpAddr>().is_err() && !host.chars().all(is_name) {
            return Err(wrong());
        }
        if host.contains(':') && !text.starts_with('[') {
            return Err(wrong());
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl Address {
    /// Takes the port. Of a name's addresses the first that can be had, of version 4 before 6: that is what most clients
    /// try first. An address that others reach is refused unless `is_open_allowed`.
    pub(super) fn bind(&self, is_open_allowed: bool) -> Result<TcpListener, WebError> {
        let failed = |error| WebError::Listen { address: self.to_string(), error };
        let found = (self.host.as_str(), self.port).to_socket_addrs().map_err(failed)?;
        let mut found: Vec<SocketAddr> = found.collect();
        found.sort_by_key(SocketAddr::is_ipv6);
        if let Some(open) = found.iter().find(|address| !address.ip().is_loopback())
            && !is_open_allowed
        {
            return Err(WebError::Open(open.ip()));
        }
        let mut last = io::Error::new(io::ErrorKind::AddrNotAvailable, "the name has no address");
        for address in found {
            match TcpListener::bind(address) {
                Ok(listener) => return Ok(listener),
                Err(error) => last = error,
            }
        }
        Err(failed(last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        text.parse::<Address>().ok().map(|address| address.to_string())
    }

    #[test]
    fn an_address_is_a_host_and_a_port_or_a_port_alone() {
        assert_eq!(read("127.0.0.1:6565").as_deref(), Some("127.0.0.1:6565"));
        assert_eq!(read("[::1]:80").as_deref(), Some("[::1]:80"));
        assert_eq!(read("localhost:0").as_deref(), Some("localhost:0"));
        assert_eq!(read("6565").as_deref(), Some("127.0.0.1:6565"));
        assert_eq!(read(":6565").as_deref(), Some("127.0.0.1:6565"));
        for wrong in ["", ":", "localhost", "a b:80", "::1:80", "[::1]", "[x]:80", "1.2.3.4:99999", "h:+80"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!(read("http://127.0.0.1:80"), None, "a URL is no address");
    }

    #[test]
    fn others_are_served_only_where_that_is_allowed() {
        let open: Address = "0.0.0.0:0".parse().unwrap();
        assert!(matches!(open.bind(false), Err(WebError::Open(_))));
        assert!(open.bind(true).is_ok());
        let own: Address = "localhost:0".parse().unwrap();
        assert!(own.bind(false).unwrap().local_addr().unwrap().ip().is_loopback());
    }

    #[test]
    fn a_port_that_is_taken_is_an_error_that_says_so() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address: Address = taken.local_addr().unwrap().to_string().parse().unwrap();
        let error = address.bind(false).unwrap_err();
        assert!(error.hint().contains("another process"), "{error}");
    }
}
