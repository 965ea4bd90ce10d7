//! What is wrong with an address, a pattern or a proxy that the user wrote, and what to write instead.

/// A text that names no place in the network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in super::super) enum PlaceError {
    /// Neither an address, nor `FIRST-LAST`, nor `ADDRESS/BITS`.
    #[error("`{text}` is no address, range or block")]
    Range { text: Box<str> },
    /// `ADDRESS/BITS` with more bits than the address has.
    #[error("the prefix of `{text}` is too long")]
    Prefix { text: Box<str> },
    /// `10.0.0.1-::1`
    #[error("`{text}` mixes IPv4 and IPv6")]
    Mixed { text: Box<str> },
    /// `10.0.0.9-10.0.0.1`
    #[error("`{text}` ends before it begins")]
    Backwards { text: Box<str> },
    /// A star elsewhere than in front, or a character that no host name has.
    #[error("`{text}` is no host name or pattern of one")]
    Pattern { text: Box<str> },
    /// A port that is no number from 1 to 65535.
    #[error("`{text}` has an invalid port")]
    Port { text: Box<str> },
    /// Neither an address nor the path of a Unix socket.
    #[error("`{text}` is neither an address nor a Unix socket")]
    Destination { text: Box<str> },
    /// A path that is empty, relative or longer than the kernel takes.
    #[error("`{text}` is no path of a Unix socket")]
    SocketPath { text: Box<str>, max_bytes: usize },
    /// A proxy spoken to by something else than plain HTTP. The text is left out: it may hold a password.
    #[error("a proxy by `{scheme}` is not supported")]
    ProxyScheme { scheme: Box<str> },
    /// A proxy that is no URL. The text is left out: it may hold a password.
    #[error("the proxy is no valid URL")]
    ProxyUrl,
    /// The same, found in a variable of the environment.
    #[error("the environment variable `{name}`: {error}")]
    Variable { name: &'static str, error: Box<PlaceError> },
}

impl PlaceError {
    /// What to write instead.
    pub(super) fn hint(&self) -> String {
        match self {
            Self::Range { .. } => "write `10.0.0.1`, `10.0.0.1-10.0.0.9` or `10.0.0.0/24`".to_owned(),
            Self::Prefix { .. } => "an IPv4 address has 32 bits, an IPv6 address 128".to_owned(),
            Self::Mixed { .. } => "write a range for each".to_owned(),
            Self::Backwards { .. } => "write the lower address first".to_owned(),
            Self::Pattern { .. } => {
                "write `example.com`, or `*.example.com` for all below it: a `*` may only stand in front"
                    .to_owned()
            }
            Self::Port { .. } => "use 1 to 65535".to_owned(),
            Self::Destination { .. } => {
                "write `10.0.0.1`, `10.0.0.1:8080`, `[::1]:8080` or `unix:/path/to/socket`".to_owned()
            }
            Self::SocketPath { max_bytes, .. } => {
                format!("write an absolute path of at most {max_bytes} bytes")
            }
            Self::ProxyScheme { .. } => "write `http://host:port`".to_owned(),
            Self::ProxyUrl => "write `http://host:port`, or `http://user:password@host:port`".to_owned(),
            Self::Variable { error, .. } => {
                format!("{}; with `proxy: \"none\"` the environment's proxies are not used", error.hint())
            }
        }
    }
}
