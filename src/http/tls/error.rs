//! What goes wrong with TLS, each in words that say which certificate or side it was and what to do.
//!
//! Every error names what differs between two causes, never a measured number: the text is the tag `error`.

use rustls::{AlertDescription, CertificateError, Error, OtherError, PeerIncompatible};

use super::certificate::date;

/// Names of a certificate that an error lists.
const NAMES_SHOWN: usize = 5;

/// Why there is no TLS connection, or why it broke.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// Past its end.
    #[error(
        "the certificate of `{host}` expired on {on}: renew it, or let it pass by `insecure_skip_tls_verify`"
    )]
    Expired {
        /// As the URL has it.
        host: Box<str>,
        /// `2026-11-28`
        on: Box<str>,
    },
    /// Before its beginning.
    #[error(
        "the certificate of `{host}` is not valid before {from}: look at this machine's clock and at the certificate"
    )]
    NotYetValid {
        /// As the URL has it.
        host: Box<str>,
        /// `2026-11-28`
        from: Box<str>,
    },
    /// Nobody else vouches for it.
    #[error(
        "the certificate of `{host}` is self-signed (by `{subject}`): trust it by `tls_roots`, or let it pass by `insecure_skip_tls_verify`"
    )]
    SelfSigned {
        /// As the URL has it.
        host: Box<str>,
        /// Whom it names.
        subject: Box<str>,
    },
    /// Signed by an authority that isn't trusted, or without the certificates in between.
    #[error(
        "the certificate of `{host}` is signed by an unknown authority (`{issuer}`): trust that by `tls_roots`, let the server send its whole chain, or let it pass by `insecure_skip_tls_verify`"
    )]
    UnknownAuthority {
        /// As the URL has it.
        host: Box<str>,
        /// Who signed it.
        issuer: Box<str>,
    },
    /// Somebody else's.
    #[error(
        "the certificate is for {names}, not for `{host}`: call a host that it names (`hosts` gives a name another address), or let it pass by `insecure_skip_tls_verify`"
    )]
    WrongHost {
        /// As the URL has it.
        host: Box<str>,
        /// In backticks.
        names: Box<str>,
    },
    /// Whatever else speaks against it.
    #[error("the certificate of `{host}` is refused: {reason}")]
    Certificate {
        /// As the URL has it.
        host: Box<str>,
        /// What is wrong with it.
        reason: Box<str>,
    },
    /// The URL's host can't be asked for.
    #[error("`{host}` is no name that a certificate could have")]
    Name {
        /// As the URL has it.
        host: Box<str>,
    },

    /// One side is too old, or was told to be.
    #[error(
        "`{host}` speaks no version of TLS that is allowed here: it is 1.2 or 1.3, and `tls_version` may narrow that"
    )]
    Version {
        /// As the URL has it.
        host: Box<str>,
    },
    /// Nothing in common.
    #[error(
        "`{host}` shares no cipher suite, group or signature with this client: let it offer AES-GCM or ChaCha20 with an elliptic curve"
    )]
    NoCommonCipher {
        /// As the URL has it.
        host: Box<str>,
    },
    /// None of the protocols that were offered.
    #[error("`{host}` speaks none of the protocols that were offered (ALPN)")]
    NoCommonProtocol {
        /// As the URL has it.
        host: Box<str>,
    },
    /// The server wants to know who calls.
    #[error("`{host}` asks for a client certificate: give one by `tls_auth`")]
    CertificateRequired {
        /// As the URL has it.
        host: Box<str>,
    },
    /// The server doesn't like ours.
    #[error(
        "`{host}` refused the client certificate ({alert}): look at who signed it, at its dates and its purpose"
    )]
    CertificateRefused {
        /// As the URL has it.
        host: Box<str>,
        /// In RFC 8446's words.
        alert: &'static str,
    },
    /// It knows no such host.
    #[error("the server knows no host `{host}` (alert unrecognized_name)")]
    UnknownName {
        /// As the URL has it.
        host: Box<str>,
    },
    /// Any other alert.
    #[error("`{host}` ended the connection by an alert: {alert}")]
    Alert {
        /// As the URL has it.
        host: Box<str>,
        /// In RFC 8446's words.
        alert: &'static str,
    },

    /// An answer in clear HTTP to the first message.
    #[error("`{host}` answers in plain HTTP on this port: use http://, or the port of TLS")]
    PlainHttp {
        /// As the URL has it.
        host: Box<str>,
    },
    /// Another protocol altogether.
    #[error("what answers for `{host}` on this port is not TLS")]
    NotTls {
        /// As the URL has it.
        host: Box<str>,
    },
    /// The end before the beginning.
    #[error("`{host}` closed the connection in the TLS handshake")]
    Closed {
        /// As the URL has it.
        host: Box<str>,
    },
    /// A record that can't be read: changed on the way, or the server is wrong.
    #[error("`{host}` broke TLS: {reason}")]
    Broken {
        /// As the URL has it.
        host: Box<str>,
        /// What is wrong.
        reason: Box<str>,
    },
    /// TLS 1.2's second handshake.
    #[error(
        "`{host}` asks to renegotiate, which isn't supported: let it ask for certificates in the first handshake, or speak TLS 1.3"
    )]
    Renegotiation {
        /// As the URL has it.
        host: Box<str>,
    },
    /// TLS 1.2 has no way to change keys.
    #[error("the connection to `{host}` sent as much as one key may encrypt")]
    Worn {
        /// As the URL has it.
        host: Box<str>,
    },
}

impl TlsError {
    /// k6's number: 1310 for an unknown authority, 1311 for a wrong host, else 1300.
    pub fn error_code(&self) -> u16 {
        match self {
            Self::SelfSigned { .. } | Self::UnknownAuthority { .. } => 1310,
            Self::WrongHost { .. } => 1311,
            _ => 1300,
        }
    }

    /// What rustls found, in our words. `asked` tells whether the server wanted a certificate of ours.
    pub(super) fn new(host: &str, error: Error, asked: bool) -> Self {
        let host = Box::from(host);
        match error {
            Error::InvalidCertificate(error) => Self::certificate(host, error),
            Error::NoCertificatesPresented => {
                Self::Certificate { host, reason: "the server sent none".into() }
            }
            Error::AlertReceived(alert) => Self::alert(host, alert, asked),
            Error::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
                | PeerIncompatible::Tls12NotOffered
                | PeerIncompatible::Tls12NotOfferedOrEnabled,
            ) => Self::Version { host },
            Error::PeerIncompatible(_) => Self::NoCommonCipher { host },
            Error::NoApplicationProtocol => Self::NoCommonProtocol { host },
            error => Self::Broken { host, reason: error.to_string().into() },
        }
    }

    fn certificate(host: Box<str>, error: CertificateError) -> Self {
        match error {
            CertificateError::ExpiredContext { not_after, .. } => {
                Self::Expired { host, on: date(not_after).into() }
            }
            CertificateError::NotValidYetContext { not_before, .. } => {
                Self::NotYetValid { host, from: date(not_before).into() }
            }
            CertificateError::NotValidForNameContext { presented, .. } => {
                Self::WrongHost { host, names: names(&presented).into() }
            }
            CertificateError::Other(OtherError(error)) => match error.downcast_ref::<Distrust>() {
                Some(Distrust::SelfSigned { subject }) => Self::SelfSigned { host, subject: subject.clone() },
                Some(Distrust::UnknownAuthority { issuer }) => {
                    Self::UnknownAuthority { host, issuer: issuer.clone() }
                }
                None => Self::Certificate { host, reason: error.to_string().into() },
            },
            CertificateError::UnknownIssuer => {
                Self::UnknownAuthority { host, issuer: "without a name".into() }
            }
            CertificateError::BadEncoding => Self::Certificate { host, reason: "it can't be read".into() },
            CertificateError::BadSignature => {
                Self::Certificate { host, reason: "a signature of it is wrong".into() }
            }
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                Self::Certificate { host, reason: "it is not meant for servers (extended key usage)".into() }
            }
            CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
                let reason =
                    "it is signed by an algorithm that isn't supported (SHA-1, or RSA below 2048 bits?)";
                Self::Certificate { host, reason: reason.into() }
            }
            error => Self::Certificate { host, reason: error.to_string().into() },
        }
    }

    /// The alert that the server sent.
    pub(super) fn alert(host: Box<str>, alert: AlertDescription, asked: bool) -> Self {
        use AlertDescription as A;
        match alert {
            A::ProtocolVersion => Self::Version { host },
            A::CertificateRequired => Self::CertificateRequired { host },
            A::BadCertificate
            | A::UnsupportedCertificate
            | A::CertificateRevoked
            | A::CertificateExpired
            | A::CertificateUnknown
            | A::UnknownCA
            | A::AccessDenied => Self::CertificateRefused { host, alert: alert_name(alert) },
            // TLS 1.2 has no alert for "a certificate is required".
            A::HandshakeFailure if asked => Self::CertificateRequired { host },
            A::HandshakeFailure | A::InsufficientSecurity => Self::NoCommonCipher { host },
            A::NoApplicationProtocol => Self::NoCommonProtocol { host },
            A::UnrecognisedName => Self::UnknownName { host },
            alert => Self::Alert { host, alert: alert_name(alert) },
        }
    }
}

/// What the verifier tells beside webpki's words; it travels through rustls.
#[derive(Debug, thiserror::Error)]
pub(super) enum Distrust {
    #[error("self-signed by {subject}")]
    SelfSigned { subject: Box<str> },
    #[error("signed by {issuer}")]
    UnknownAuthority { issuer: Box<str> },
}

fn names(presented: &[String]) -> String {
    // rustls prints a name as `DnsName("a.test")`, an address as `IpAddress(127.0.0.1)`.
    let plain = |name: &String| {
        let name = name.split_once('(').map_or(&**name, |(_, rest)| rest.trim_end_matches(')'));
        format!("`{}`", name.trim_matches('"'))
    };
    let mut list: Vec<String> = presented.iter().take(NAMES_SHOWN).map(plain).collect();
    if presented.len() > NAMES_SHOWN {
        list.push("others".into());
    }
    match list.pop() {
        None => "no host at all".into(),
        Some(only) if list.is_empty() => only,
        Some(last) => format!("{} and {last}", list.join(", ")),
    }
}

/// The alert's name in RFC 8446 §6.
fn alert_name(alert: AlertDescription) -> &'static str {
    use AlertDescription as A;
    match alert {
        A::CloseNotify => "close_notify",
        A::UnexpectedMessage => "unexpected_message",
        A::BadRecordMac => "bad_record_mac",
        A::RecordOverflow => "record_overflow",
        A::HandshakeFailure => "handshake_failure",
        A::BadCertificate => "bad_certificate",
        A::UnsupportedCertificate => "unsupported_certificate",
        A::CertificateRevoked => "certificate_revoked",
        A::CertificateExpired => "certificate_expired",
        A::CertificateUnknown => "certificate_unknown",
        A::IllegalParameter => "illegal_parameter",
        A::UnknownCA => "unknown_ca",
        A::AccessDenied => "access_denied",
        A::DecodeError => "decode_error",
        A::DecryptError => "decrypt_error",
        A::ProtocolVersion => "protocol_version",
        A::InsufficientSecurity => "insufficient_security",
        A::InternalError => "internal_error",
        A::InappropriateFallback => "inappropriate_fallback",
        A::UserCanceled => "user_canceled",
        A::NoRenegotiation => "no_renegotiation",
        A::MissingExtension => "missing_extension",
        A::UnsupportedExtension => "unsupported_extension",
        A::UnrecognisedName => "unrecognized_name",
        A::UnknownPSKIdentity => "unknown_psk_identity",
        A::CertificateRequired => "certificate_required",
        A::NoApplicationProtocol => "no_application_protocol",
        _ => "of an unknown number",
    }
}

/// Why the options of TLS can't be carried out: told before anything is sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TlsOptionError {
    /// A file that can't be read.
    #[error("cannot read `{path}`: {reason}")]
    Read {
        /// The option that names it.
        option: &'static str,
        /// The file.
        path: Box<str>,
        /// The system's word.
        reason: Box<str>,
    },
    /// A file without what it is there for.
    #[error("{place} has no {wanted} in PEM (`-----BEGIN …-----`)")]
    Empty {
        /// The option that names it.
        option: &'static str,
        /// The file, or what the text was given for.
        place: Box<str>,
        /// `certificate`, `private key`
        wanted: &'static str,
    },
    /// A key that is locked.
    #[error("the private key of {place} is encrypted")]
    EncryptedKey {
        /// The file, or what the text was given for.
        place: Box<str>,
    },
    /// PEM that is broken.
    #[error("{place} can't be read as PEM: {reason}")]
    Pem {
        /// The option that names it.
        option: &'static str,
        /// The file, or what the text was given for.
        place: Box<str>,
        /// What is wrong.
        reason: Box<str>,
    },
    /// A certificate that can't be a root.
    #[error("a certificate of {place} can't be trusted as a root: {reason}")]
    Root {
        /// The file, or what the text was given for.
        place: Box<str>,
        /// What is wrong.
        reason: Box<str>,
    },
    /// A client certificate and a key that don't go together, or of a kind that isn't supported.
    #[error("the client certificate of {place} can't be used: {reason}")]
    Identity {
        /// The file, or what the text was given for.
        place: Box<str>,
        /// What is wrong.
        reason: Box<str>,
    },
}

impl TlsOptionError {
    /// The option that it is about.
    pub(crate) fn option(&self) -> &'static str {
        match self {
            Self::Read { option, .. } | Self::Empty { option, .. } | Self::Pem { option, .. } => option,
            Self::Root { .. } => "tls_roots",
            Self::EncryptedKey { .. } | Self::Identity { .. } => "tls_auth",
        }
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Read { .. } => "paths are relative to the folder that runner is started in",
            Self::Empty { .. } | Self::Pem { .. } => {
                "a file in DER becomes PEM by `openssl x509 -inform der -in FILE -out FILE.pem`"
            }
            Self::EncryptedKey { .. } => {
                "write the key without its password: `openssl pkey -in KEY -out PLAIN`"
            }
            Self::Root { .. } => "give the authority's own certificate, or the server's if it signed itself",
            Self::Identity { .. } => {
                "`cert` holds the certificate first and then those between it and the authority's, `key` its key: RSA, P-256, P-384 or Ed25519"
            }
        }
    }
}
