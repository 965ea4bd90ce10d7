//! Whom certificates are trusted from: the system's authorities, else Mozilla's, and the run's own.
//!
//! The system's are some 140 files or one of 200 KB, and most runs need none of them: they are read at the first
//! handshake, away from the workers ([`Authorities::prepare`]), once for all of them.

use std::sync::{Arc, OnceLock};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::error::TlsSettingsError;
use super::settings::Pem;

/// The roots of trust.
#[derive(Debug)]
pub(super) struct Authorities {
    own: Vec<CertificateDer<'static>>,
    store: OnceLock<RootCertStore>,
}

impl Authorities {
    /// Reads the run's own.
    pub(super) fn load(roots: &[Pem]) -> Result<Self, TlsSettingsError> {
        let mut own = Vec::new();
        for pem in roots {
            let place = pem.place("the text of a root");
            let certificates = certificates(pem, &place)?;
            let mut store = RootCertStore::empty();
            for certificate in certificates {
                store.add(certificate.clone()).map_err(|error| TlsSettingsError::Root {
                    place: place.clone(),
                    reason: error.to_string().into(),
                })?;
                own.push(certificate);
            }
        }
        Ok(Self { own, store: OnceLock::new() })
    }

    /// Whether the run itself vouches for this very certificate.
    pub(super) fn vouches_for(&self, certificate: &CertificateDer<'_>) -> bool {
        self.own.iter().any(|own| **own == **certificate)
    }

    /// All of them; read now if they weren't before.
    pub(super) fn store(&self) -> &RootCertStore {
        self.store.get_or_init(|| {
            let mut store = RootCertStore::empty();
            let system = rustls_native_certs::load_native_certs();
            // One that can't be read is one that nothing is trusted from.
            store.add_parsable_certificates(system.certs);
            if store.is_empty() {
                store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            }
            store.add_parsable_certificates(self.own.iter().cloned());
            store
        })
    }

    /// Reads them on a thread that may block, if that is still to be done.
    pub(super) async fn prepare(self: &Arc<Self>) {
        if self.store.get().is_none() {
            let authorities = Arc::clone(self);
            // Without them, the handshake reads them itself: late, but not wrong.
            let _ = tokio::task::spawn_blocking(move || authorities.store().len()).await;
        }
    }
}

/// The certificates of a PEM file or text; at least one.
pub(super) fn certificates(pem: &Pem, place: &str) -> Result<Vec<CertificateDer<'static>>, TlsSettingsError> {
    let text = pem.read()?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| TlsSettingsError::Pem {
        place: place.into(),
        reason: error.to_string().into(),
    })?;
    if found.is_empty() {
        return Err(TlsSettingsError::Empty { place: place.into(), wanted: "certificate" });
    }
    Ok(found)
}
