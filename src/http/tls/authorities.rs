//! Whom certificates are trusted from: the system's authorities, else Mozilla's, and the run's own.
//!
//! The system's are some 140 files or one of 200 KB, and most runs need none of them: they are read at the first
//! handshake, away from the workers ([`Authorities::prepare`]).

use std::sync::{Arc, OnceLock};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use super::error::TlsOptionError;
use super::pem::Pem;

/// The roots of trust.
#[derive(Debug, Default)]
pub(super) struct Authorities {
    own: Vec<CertificateDer<'static>>,
    store: OnceLock<RootCertStore>,
}

impl Authorities {
    /// Reads the run's own.
    pub(super) fn load(roots: &[String]) -> Result<Self, TlsOptionError> {
        let mut own = Vec::new();
        for written in roots {
            let pem = Pem::read("tls_roots", written, "the text of a root")?;
            for certificate in pem.certificates()? {
                // Tried here, so that a wrong file is told before the run.
                RootCertStore::empty().add(certificate.clone()).map_err(|error| TlsOptionError::Root {
                    place: pem.place(),
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
            // A file that can't be read is one that nothing is trusted from.
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
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
