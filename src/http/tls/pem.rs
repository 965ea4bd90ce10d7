//! Certificates and keys as options give them: a PEM file, or its text.

use rustls::pki_types::pem::{Error, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::error::TlsOptionError;

/// PEM with a word for where it comes from. Never printed: it may be a secret.
pub(super) struct Pem {
    text: Vec<u8>,
    option: &'static str,
    place: Box<str>,
}

impl Pem {
    /// Text that begins as PEM does is taken as it is, anything else as a path.
    pub(super) fn read(option: &'static str, written: &str, what: &str) -> Result<Self, TlsOptionError> {
        if written.trim_start().starts_with("-----BEGIN") {
            return Ok(Self { text: written.as_bytes().to_vec(), option, place: what.into() });
        }
        let text = std::fs::read(written).map_err(|error| TlsOptionError::Read {
            option,
            path: written.into(),
            reason: error.to_string().into(),
        })?;
        Ok(Self { text, option, place: format!("`{written}`").into() })
    }

    pub(super) fn place(&self) -> Box<str> {
        self.place.clone()
    }

    /// The certificates in it; at least one.
    pub(super) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, TlsOptionError> {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.text).collect();
        let found = found.map_err(|error| self.broken(&error))?;
        if found.is_empty() {
            return Err(TlsOptionError::Empty {
                option: self.option,
                place: self.place(),
                wanted: "certificate",
            });
        }
        Ok(found)
    }

    /// The first private key in it: PKCS #8, PKCS #1 or SEC 1.
    pub(super) fn private_key(&self) -> Result<PrivateKeyDer<'static>, TlsOptionError> {
        match PrivateKeyDer::from_pem_slice(&self.text) {
            Ok(_) | Err(Error::NoItemsFound) if self.is_encrypted() => {
                Err(TlsOptionError::EncryptedKey { place: self.place() })
            }
            Ok(key) => Ok(key),
            Err(Error::NoItemsFound) => {
                Err(TlsOptionError::Empty { option: self.option, place: self.place(), wanted: "private key" })
            }
            Err(error) => Err(self.broken(&error)),
        }
    }

    /// PKCS #8's own label, or the header that OpenSSL's older files have.
    fn is_encrypted(&self) -> bool {
        let text = String::from_utf8_lossy(&self.text);
        text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED")
    }

    fn broken(&self, error: &Error) -> TlsOptionError {
        TlsOptionError::Pem { option: self.option, place: self.place(), reason: error.to_string().into() }
    }
}
