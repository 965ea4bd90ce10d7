//! What is wrong with an address, a pattern or a proxy that the user wrote.

/// A text that names no place in the network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Neither an address, nor `FIRST-LAST`, nor `ADDRESS/BITS`.
    #[error("`{text}` is no address, range or block: write `10.0.0.1`, `10.0.0.1-10.0.0.9` or `10.0.0.0/24`")]
    Range {
        /// As the user wrote it.
        text: Box<str>,
    },
    /// `ADDRESS/BITS` with more bits than the address has.
    #[error("`{text}` has a prefix that is too long: an IPv4 address has 32 bits, an IPv6 address 128")]
    Prefix {
        /// As the user wrote it.
        text: Box<str>,
    },
    /// `10.0.0.1-::1`
    #[error("`{text}` mixes IPv4 and IPv6: write a range for each")]
    Mixed {
        /// As the user wrote it.
        text: Box<str>,
    },
    /// `10.0.0.9-10.0.0.1`
    #[error("`{text}` ends before it begins: write the lower address first")]
    Backwards {
        /// As the user wrote it.
        text: Box<str>,
    },
    /// A star elsewhere than in front, or a character that no host name has.
    #[error(
        "`{text}` is no pattern of a host name: write `example.com`, or `*.example.com` for all below it (a `*` may only stand in front)"
    )]
    Pattern {
        /// As the user wrote it.
        text: Box<str>,
    },
    /// A port that is no number from 1 to 65535.
    #[error("`{text}` has an invalid port: use 1 to 65535")]
    Port {
        /// As the user wrote it.
        text: Box<str>,
    },
    /// Neither an address nor the path of a Unix socket.
    #[error("`{text}` is nowhere to connect to: write `10.0.0.1`, `10.0.0.1:8080`, `[::1]:8080` or `unix:/path/to/socket`")]
    Destination {
        /// As the user wrote it.
        text: Box<str>,
    },
    /// A path that is empty, relative or longer than the kernel takes.
    #[error("`{text}` is no path of a Unix socket: write an absolute path of at most {max_bytes} bytes")]
    SocketPath {
        /// As the user wrote it.
        text: Box<str>,
        /// What the kernel takes.
        max_bytes: usize,
    },
    /// A proxy spoken to by something else than plain HTTP. The text is left out: it may hold a password.
    #[error("a proxy by `{scheme}` is not supported: write `http://host:port`")]
    ProxyScheme {
        /// The scheme found.
        scheme: Box<str>,
    },
    /// A proxy that is no URL. The text is left out: it may hold a password.
    #[error("the proxy is no valid URL: write `http://host:port`, or `http://user:password@host:port`")]
    ProxyUrl,
    /// The same, found in a variable of the environment.
    #[error("the environment variable `{name}`: {error}")]
    Variable {
        /// The variable.
        name: &'static str,
        /// What is wrong with it.
        error: Box<NetworkError>,
    },
}
