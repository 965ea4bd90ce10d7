//! What a run says of TLS, as plain values; [`super::Context`] makes it ready.

use std::path::PathBuf;

use super::error::TlsSettingsError;

/// A version of TLS that is spoken here, older first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

impl TlsVersion {
    /// k6's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tls12 => "tls1.2",
            Self::Tls13 => "tls1.3",
        }
    }
}

/// Whose certificate is not looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Unverified {
    /// Nobody's.
    #[default]
    None,
    /// Everybody's.
    All,
    /// That of these hosts; `*.` in front stands for one further label or more.
    Hosts(Vec<Box<str>>),
}

impl Unverified {
    pub(super) fn has(&self, host: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Hosts(patterns) => patterns.iter().any(|pattern| matches(pattern, host)),
        }
    }
}

/// PEM in a file, or as text.
#[derive(Clone, PartialEq, Eq)]
pub enum Pem {
    /// Where it lies.
    File(PathBuf),
    /// The text itself.
    Text(Box<str>),
}

impl std::fmt::Debug for Pem {
    /// Without the text, which may be a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Text(_) => f.debug_tuple("Text").finish_non_exhaustive(),
        }
    }
}

impl Pem {
    /// Text that begins as PEM does is taken as it is, anything else as a path.
    pub fn new(text: &str) -> Self {
        if text.trim_start().starts_with("-----BEGIN") {
            Self::Text(text.into())
        } else {
            Self::File(text.into())
        }
    }

    pub(super) fn read(&self) -> Result<Vec<u8>, TlsSettingsError> {
        match self {
            Self::Text(text) => Ok(text.as_bytes().to_vec()),
            Self::File(path) => std::fs::read(path)
                .map_err(|error| TlsSettingsError::Read { path: path.clone(), error }),
        }
    }

    pub(super) fn place(&self, what: &str) -> Box<str> {
        match self {
            Self::File(path) => format!("`{}`", path.display()).into(),
            Self::Text(_) => what.into(),
        }
    }
}

/// A client certificate, and who is shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Hosts as in a URL, `*.` in front for all below; none means every host.
    pub domains: Vec<Box<str>>,
    /// The certificate, and those between it and the authority's.
    pub certificate: Pem,
    /// Its private key: PKCS #8, PKCS #1 or SEC 1.
    pub key: Pem,
}

/// All settings of TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// Whose certificates are not verified.
    pub unverified: Unverified,
    /// The lowest version offered.
    pub min_version: TlsVersion,
    /// The highest version offered.
    pub max_version: TlsVersion,
    /// Authorities trusted beside the system's.
    pub roots: Vec<Pem>,
    /// Client certificates; of several that fit a host the first is shown.
    pub identities: Vec<Identity>,
    /// Whether a connection may take up an earlier one's keys, as browsers do.
    pub resumption: bool,
}

impl Default for TlsSettings {
    fn default() -> Self {
        Self {
            unverified: Unverified::None,
            min_version: TlsVersion::Tls12,
            max_version: TlsVersion::Tls13,
            roots: Vec::new(),
            identities: Vec::new(),
            resumption: true,
        }
    }
}

/// Whether a host is meant by a pattern: its name, or `*.` and the end of it.
pub(super) fn matches(pattern: &str, host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    match pattern.strip_prefix("*.") {
        Some(parent) => {
            let Some(at) = host.len().checked_sub(parent.len() + 1) else { return false };
            host.is_char_boundary(at)
                && host[at..].starts_with('.')
                && host[at + 1..].eq_ignore_ascii_case(parent)
                && at > 0
        }
        None => pattern.trim_start_matches('[').trim_end_matches(']').eq_ignore_ascii_case(host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_a_host_or_all_below() {
        for (pattern, host, expected) in [
            ("a.test", "a.test", true),
            ("A.test", "a.TEST.", true),
            ("a.test", "b.a.test", false),
            ("*.a.test", "b.a.test", true),
            ("*.a.test", "c.b.a.test", true),
            ("*.a.test", "a.test", false),
            ("*.a.test", "ba.test", false),
            ("*.a.test", ".a.test", false),
            ("*.a.test", "xä.test", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("::1", "[::1]", true),
            ("[::1]", "::1", true),
        ] {
            assert_eq!(matches(pattern, host), expected, "{pattern} {host}");
        }
        assert!(!Unverified::None.has("a") && Unverified::All.has("a"));
        assert!(Unverified::Hosts(vec!["a".into()]).has("a"));
    }

    #[test]
    fn pem_is_text_or_a_path_and_never_printed() {
        let text = "\n-----BEGIN PRIVATE KEY-----\nsecret";
        assert_eq!(Pem::new(text), Pem::Text(text.into()));
        assert_eq!(Pem::new("certs/key.pem"), Pem::File("certs/key.pem".into()));
        assert!(!format!("{:?}", Pem::new(text)).contains("secret"));
    }
}
