//! Whether a server's certificate is believed: by webpki's rules, told more precisely, or, where the run says so,
//! without a look at chain, time and name.
//!
//! Invariant: signatures of the handshake are checked in any case, so that who shows a certificate has its key.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};

use super::authorities::Authorities;
use super::certificate::Certificate;
use super::error::Distrust;
use super::pattern::any_matches;
use crate::plan::Insecure;

/// The judge of all connections of a run.
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) authorities: Arc<Authorities>,
    pub(super) insecure: Insecure,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    /// Whether this host's certificate is taken as it is.
    fn is_let_through(&self, host: &str) -> bool {
        match &self.insecure {
            Insecure::None => false,
            Insecure::All => true,
            Insecure::Hosts(patterns) => any_matches(patterns, host),
        }
    }

    /// Whether somebody who is trusted vouches for it now.
    fn trusts(
        &self,
        end_entity: &CertificateDer<'_>,
        parsed: &ParsedCertificate<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let (roots, algorithms) = (self.authorities.store(), self.algorithms.all);
        let chain = verify_server_cert_signed_by_trust_anchor(parsed, roots, intermediates, now, algorithms);
        // webpki says any of these of a certificate that `openssl req -x509` made: by whether it may sign others, and
        // whether an authority has the name that it gives itself, as Debian's `ssl-cert-snakeoil.pem` has `localhost`.
        let Err(Error::InvalidCertificate(
            CertificateError::UnknownIssuer
            | CertificateError::Other(_)
            | CertificateError::BadSignature
            | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. },
        )) = chain
        else {
            return chain;
        };
        let Some(seen) = Certificate::read(end_entity) else { return chain };
        if self.authorities.vouches_for(end_entity) {
            return holds_at(&seen, now);
        }
        let distrust = if seen.is_self_signed() {
            Distrust::SelfSigned { subject: seen.subject().into() }
        } else if chain == Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) {
            let last = intermediates.last().and_then(|last| Certificate::read(last));
            let issuer = last.map_or_else(|| seen.issuer(), |last| last.issuer());
            Distrust::UnknownAuthority { issuer: issuer.into() }
        } else {
            return chain;
        };
        Err(Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(distrust)))))
    }
}

/// Whether the run's own certificate is used within its time.
fn holds_at(seen: &Certificate<'_>, now: UnixTime) -> Result<(), Error> {
    let at = |second| UnixTime::since_unix_epoch(std::time::Duration::from_secs(second));
    let error = match (seen.not_before, seen.not_after) {
        (Some(from), _) if now.as_secs() < from => {
            CertificateError::NotValidYetContext { time: now, not_before: at(from) }
        }
        (_, Some(until)) if now.as_secs() > until => {
            CertificateError::ExpiredContext { time: now, not_after: at(until) }
        }
        (Some(_), Some(_)) => return Ok(()),
        _ => CertificateError::BadEncoding,
    };
    Err(error.into())
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if !self.is_let_through(&server_name.to_str()) {
            let parsed = ParsedCertificate::try_from(end_entity)?;
            self.trusts(end_entity, &parsed, intermediates, now)?;
            verify_server_name(&parsed, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
