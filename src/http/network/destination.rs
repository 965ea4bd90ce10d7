//! Where a host leads instead of what its name resolves to.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::place_error::PlaceError;

/// What `sun_path` takes on Linux, less its closing NUL.
const SOCKET_PATH_MAX_BYTES: usize = 107;

/// An address, or a Unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Destination {
    /// `10.0.0.1`, `10.0.0.1:8080`
    Address {
        /// Where to.
        ip: IpAddr,
        /// The URL's own port, where none is given.
        port: Option<u16>,
    },
    /// `unix:/path/to/socket`
    Unix(PathBuf),
}

impl Destination {
    /// A Unix socket at this path, if the kernel takes it.
    pub(in super::super) fn unix(path: &str) -> Result<Self, PlaceError> {
        let fits = path.len() <= SOCKET_PATH_MAX_BYTES && !path.contains('\0');
        if !fits || !Path::new(path).is_absolute() {
            return Err(PlaceError::SocketPath { text: path.into(), max_bytes: SOCKET_PATH_MAX_BYTES });
        }
        Ok(Self::Unix(path.into()))
    }
}

impl FromStr for Destination {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let text = text.trim();
        if let Some(path) = text.strip_prefix("unix:") {
            // `unix:///path`, as Docker and gRPC write it.
            let path = if path.starts_with("///") { &path[2..] } else { path };
            return Self::unix(path);
        }
        if let Ok(ip) = text.parse() {
            return Ok(Self::Address { ip, port: None });
        }
        if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'))
            && let Ok(ip @ IpAddr::V6(_)) = inner.parse()
        {
            return Ok(Self::Address { ip, port: None });
        }
        match text.parse::<SocketAddr>() {
            Ok(address) if address.port() != 0 => {
                Ok(Self::Address { ip: address.ip(), port: Some(address.port()) })
            }
            Ok(_) => Err(PlaceError::Port { text: text.into() }),
            Err(_) => Err(PlaceError::Destination { text: text.into() }),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { ip, port: None } => ip.fmt(f),
            Self::Address { ip, port: Some(port) } => SocketAddr::new(*ip, *port).fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_sockets_are_read() {
        for (text, printed) in [
            ("10.0.0.1", "10.0.0.1"),
            (" 10.0.0.1:8080 ", "10.0.0.1:8080"),
            ("::1", "::1"),
            ("[::1]", "::1"),
            ("[::1]:8080", "[::1]:8080"),
            ("unix:/run/app.sock", "unix:/run/app.sock"),
            ("unix:///run/app.sock", "unix:/run/app.sock"),
        ] {
            assert_eq!(text.parse::<Destination>().expect(text).to_string(), printed);
        }
    }

    #[test]
    fn wrong_ones_say_what_to_write() {
        let error = |text: &str| text.parse::<Destination>().expect_err(text).to_string();
        for text in ["", "example.com", "example.com:80", "10.0.0.1:", "10.0.0.1:99999", "[10.0.0.1]"] {
            assert!(error(text).contains("neither an address nor a Unix socket"), "{text}: {}", error(text));
        }
        assert!(error("10.0.0.1:0").contains("invalid port"));
        let long = format!("unix:/{}", "x".repeat(SOCKET_PATH_MAX_BYTES));
        for text in ["unix:", "unix:app.sock", "unix:/a\0b", &long] {
            assert!(error(text).contains("is no path of a Unix socket"), "{text}");
        }
    }
}
