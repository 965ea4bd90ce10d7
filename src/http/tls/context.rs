//! The run's options of TLS made ready: files read, keys checked, and from then on a maker of handshakes.

use std::sync::Arc;

use rustls::client::{Resumption, UnbufferedClientConnection};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, SupportedProtocolVersion};

use super::authorities::Authorities;
use super::error::{TlsError, TlsOptionError};
use super::handshake::Handshake;
use super::pattern::{any_matches, bare};
use super::pem::Pem;
use super::stream::SealScratch;
use super::verifier::Verifier;
use crate::plan::{ClientCertificate, HttpOptions, Tls, TlsVersion};

/// Hosts whose sessions a worker remembers, eight tickets each; a test calls a handful.
const SESSION_HOSTS_MAX: usize = 256;

/// Whom a worker trusts, what it shows of itself, and the sessions that it may take up again.
#[derive(Debug)]
pub(crate) struct Context {
    authorities: Arc<Authorities>,
    anonymous: Arc<ClientConfig>,
    /// With the patterns of the hosts that see them; none is every host.
    identified: Vec<(Vec<String>, Arc<ClientConfig>)>,
    scratch: SealScratch,
}

impl Default for Context {
    fn default() -> Self {
        Self::new(&HttpOptions::default()).expect("the defaults name no file")
    }
}

impl Context {
    /// Reads what the options name. The system's authorities are left for the first handshake.
    pub(crate) fn new(options: &HttpOptions) -> Result<Self, TlsOptionError> {
        let tls = &options.tls;
        let provider = Arc::new(ring::default_provider());
        let authorities = Arc::new(Authorities::load(&tls.roots)?);
        let verifier = Arc::new(Verifier {
            authorities: Arc::clone(&authorities),
            insecure: options.insecure.clone(),
            algorithms: provider.signature_verification_algorithms,
        });
        let config = |certificate| config(&provider, tls, &verifier, certificate).map(Arc::new);
        let identified = tls
            .certificates
            .iter()
            .map(|certificate| Ok((certificate.domains.clone(), config(Some(certificate))?)));
        Ok(Self {
            identified: identified.collect::<Result<_, _>>()?,
            anonymous: config(None)?,
            authorities,
            scratch: SealScratch::default(),
        })
    }

    /// Waits until whatever is to be read from disk has been; the first time only.
    pub(crate) async fn prepare(&self) {
        self.authorities.prepare().await;
    }

    /// Where its connections seal what they send.
    pub(super) fn scratch(&self) -> &SealScratch {
        &self.scratch
    }

    /// A handshake with this host, of which nothing was sent yet. `protocols` is what ALPN offers, the best first.
    pub(super) fn begin(&self, host: &str, protocols: &[&[u8]]) -> Result<Handshake, TlsError> {
        let shown = self.identified.iter().find(|(hosts, _)| hosts.is_empty() || any_matches(hosts, host));
        let config = Arc::clone(shown.map_or(&self.anonymous, |(_, config)| config));
        let name = ServerName::try_from(bare(host).to_owned());
        let name = name.map_err(|_| TlsError::Name { host: host.into() })?;
        let protocols = protocols.iter().map(|name| name.to_vec()).collect();
        let connection = UnbufferedClientConnection::new_with_alpn(config, name, protocols);
        let connection = connection.map_err(|error| TlsError::new(host, error, false))?;
        Ok(Handshake::new(host, connection))
    }
}

fn versions(tls: &Tls) -> &'static [&'static SupportedProtocolVersion] {
    use rustls::version::{TLS12, TLS13};
    const BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
    match (tls.min_version, tls.max_version) {
        (TlsVersion::Tls12, TlsVersion::Tls13) => BOTH,
        (TlsVersion::Tls13, _) => &BOTH[..1],
        (_, TlsVersion::Tls12) => &BOTH[1..],
    }
}

fn config(
    provider: &Arc<CryptoProvider>,
    tls: &Tls,
    verifier: &Arc<Verifier>,
    certificate: Option<&ClientCertificate>,
) -> Result<ClientConfig, TlsOptionError> {
    let builder = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(versions(tls))
        .expect("ring has suites for both versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(verifier) as _);
    let mut config = match certificate {
        None => builder.with_no_client_auth(),
        Some(ClientCertificate { cert, key, .. }) => {
            let cert = Pem::read("tls_auth", cert, "the text of `cert`")?;
            let chain = cert.certificates()?;
            let key = Pem::read("tls_auth", key, "the text of `key`")?.private_key()?;
            builder.with_client_auth_cert(chain, key).map_err(|error| TlsOptionError::Identity {
                place: cert.place(),
                reason: error.to_string().into(),
            })?
        }
    };
    config.resumption = if tls.resumption {
        Resumption::in_memory_sessions(SESSION_HOSTS_MAX)
    } else {
        Resumption::disabled()
    };
    // The records are ours: see `record.rs`.
    config.enable_secret_extraction = true;
    Ok(config)
}
