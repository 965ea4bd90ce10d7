//! Why a URL cannot be called. A text that is wrong is quoted as the user wrote it, a login in it never.

use super::auth::AuthError;

/// A URL that cannot be called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// A relative URL, and nothing to complete it with.
    #[error("`{url}` is relative, and no `base_url` is set to complete it")]
    Relative {
        /// As the user wrote it.
        url: Box<str>,
    },
    /// `localhost:8080/x`, `//host/x`: a host, but no scheme.
    #[error("`{url}` has no scheme: write `http://{rest}`")]
    NoScheme {
        /// As the user wrote it.
        url: Box<str>,
        /// What should follow `http://`.
        rest: Box<str>,
    },
    /// Neither `http` nor `https`.
    #[error("scheme `{scheme}` is not supported: use http:// or https:// (`{url}`)")]
    Scheme {
        /// The scheme found.
        scheme: Box<str>,
        /// As the user wrote it.
        url: Box<str>,
    },
    /// `http://user:password@host/` with what can't be sent; the message leaves the secret out.
    #[error("the URL of `{host}`: {reason}")]
    Login {
        /// The URL's host.
        host: Box<str>,
        /// What is wrong with it.
        reason: AuthError,
    },
    /// `http+unix://` with no absolute path in the host's place, or a port behind it.
    #[error("`{url}` names no Unix socket: write `http+unix://%2Fpath%2Fto.sock/path`")]
    Socket {
        /// As the user wrote it.
        url: Box<str>,
    },
    /// Nothing between `http://` and the path.
    #[error("`{url}` has no host")]
    NoHost {
        /// As the user wrote it.
        url: Box<str>,
    },
    /// Not a number from 1 to 65535.
    #[error("`{url}` has an invalid port: use 1 to 65535")]
    Port {
        /// As the user wrote it.
        url: Box<str>,
    },
    /// A line break, a tab or another control character, which a URL parser would drop in silence.
    #[error("{url:?} has a control character")]
    ControlCharacter {
        /// As the user wrote it.
        url: Box<str>,
    },
    /// A base with a query or a fragment, to which no path can be appended.
    #[error("base_url `{base}` must end with a host or a path, not with a query or a fragment")]
    Base {
        /// As the user wrote it.
        base: Box<str>,
    },
    /// Anything else that the URL standard refuses.
    #[error("`{url}` is not a valid URL: {reason}")]
    Invalid {
        /// As the user wrote it.
        url: Box<str>,
        /// The parser's words.
        reason: Box<str>,
    },
}
