//! Settings made ready: files read, keys checked, and per worker a maker of handshakes.
//!
//! A [`Context`] is made once a run, where an error can still be told to whoever wrote the settings; a worker's
//! [`Connector`] adds its own store of sessions, so that workers share nothing that is written to.

use std::sync::Arc;

use rustls::client::{Resumption, UnbufferedClientConnection};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, SupportedProtocolVersion};

use super::authorities::{Authorities, certificates};
use super::error::{TlsError, TlsSettingsError};
use super::handshake::Handshake;
use super::settings::{Identity, Pem, TlsSettings, TlsVersion, matches};
use super::verifier::Verifier;

/// Hosts whose sessions a worker remembers; a test calls a handful. Eight tickets each.
const SESSION_HOSTS_MAX: usize = 256;

/// Which protocols a connection is to speak: what ALPN offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Offer {
    /// HTTP/1.1 alone.
    #[default]
    Http1,
    /// HTTP/2 alone.
    Http2,
    /// HTTP/2 where the server speaks it, else HTTP/1.1.
    Either,
}

impl Offer {
    fn protocols(self) -> Vec<Vec<u8>> {
        let names: &[&[u8]] = match self {
            Self::Http1 => &[b"http/1.1"],
            Self::Http2 => &[b"h2"],
            Self::Either => &[b"h2", b"http/1.1"],
        };
        names.iter().map(|name| name.to_vec()).collect()
    }
}

/// What one run trusts and shows; shared by its workers.
#[derive(Clone, Debug)]
pub struct Context {
    authorities: Arc<Authorities>,
    anonymous: Arc<ClientConfig>,
    /// With the patterns of the hosts that see them; none is every host.
    identified: Vec<(Vec<Box<str>>, Arc<ClientConfig>)>,
    resumption: bool,
}

impl Context {
    /// Reads what the settings name. The system's authorities are left for the first handshake.
    pub fn load(settings: &TlsSettings) -> Result<Self, TlsSettingsError> {
        let versions = versions(settings)?;
        let provider = Arc::new(ring::default_provider());
        let authorities = Arc::new(Authorities::load(&settings.roots)?);
        let verifier = Arc::new(Verifier {
            authorities: Arc::clone(&authorities),
            unverified: settings.unverified.clone(),
            algorithms: provider.signature_verification_algorithms,
        });
        let config = |identity: Option<&Identity>| config(&provider, versions, &verifier, identity);
        let identified = settings.identities.iter().map(|identity| {
            Ok((identity.domains.clone(), Arc::new(config(Some(identity))?)))
        });
        Ok(Self {
            identified: identified.collect::<Result<_, TlsSettingsError>>()?,
            anonymous: Arc::new(config(None)?),
            authorities,
            resumption: settings.resumption,
        })
    }

    /// What a worker makes its connections with.
    pub fn connector(&self) -> Connector {
        // Who shows different certificates to a host has different sessions with it.
        let own = |config: &Arc<ClientConfig>| {
            let mut config = ClientConfig::clone(config);
            config.resumption = if self.resumption {
                Resumption::in_memory_sessions(SESSION_HOSTS_MAX)
            } else {
                Resumption::disabled()
            };
            Arc::new(config)
        };
        Connector {
            authorities: Arc::clone(&self.authorities),
            anonymous: own(&self.anonymous),
            identified: self.identified.iter().map(|(hosts, config)| (hosts.clone(), own(config))).collect(),
        }
    }
}

/// A worker's way to begin handshakes.
#[derive(Debug)]
pub struct Connector {
    authorities: Arc<Authorities>,
    anonymous: Arc<ClientConfig>,
    identified: Vec<(Vec<Box<str>>, Arc<ClientConfig>)>,
}

impl Connector {
    /// Waits until whatever is to be read from disk has been; the first time only.
    pub(crate) async fn prepare(&self) {
        self.authorities.prepare().await;
    }

    /// A handshake with this host, of which nothing was sent yet.
    pub(crate) fn begin(&self, host: &str, offer: Offer) -> Result<Handshake, TlsError> {
        let shown = self
            .identified
            .iter()
            .find(|(hosts, _)| hosts.is_empty() || hosts.iter().any(|pattern| matches(pattern, host)));
        let config = shown.map_or(&self.anonymous, |(_, config)| config);
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(bare.to_owned());
        let name = name.map_err(|_| TlsError::Name { host: host.into() })?;
        let connection =
            UnbufferedClientConnection::new_with_alpn(Arc::clone(config), name, offer.protocols());
        let connection = connection.map_err(|error| TlsError::new(host, error, false))?;
        Ok(Handshake::new(host, connection))
    }
}

fn versions(settings: &TlsSettings) -> Result<&'static [&'static SupportedProtocolVersion], TlsSettingsError> {
    use rustls::version::{TLS12, TLS13};
    match (settings.min_version, settings.max_version) {
        (TlsVersion::Tls12, TlsVersion::Tls13) => Ok(&[&TLS13, &TLS12]),
        (TlsVersion::Tls13, TlsVersion::Tls13) => Ok(&[&TLS13]),
        (TlsVersion::Tls12, TlsVersion::Tls12) => Ok(&[&TLS12]),
        (min, max) => Err(TlsSettingsError::Versions { min: min.as_str(), max: max.as_str() }),
    }
}

fn config(
    provider: &Arc<CryptoProvider>,
    versions: &[&'static SupportedProtocolVersion],
    verifier: &Arc<Verifier>,
    identity: Option<&Identity>,
) -> Result<ClientConfig, TlsSettingsError> {
    let builder = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(versions)
        .expect("ring has suites for both versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(verifier) as _);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let place = identity.certificate.place("the text of a client certificate");
            let chain = certificates(&identity.certificate, &place)?;
            let key = private_key(&identity.key)?;
            builder.with_client_auth_cert(chain, key).map_err(|error| TlsSettingsError::Identity {
                place,
                reason: error.to_string().into(),
            })?
        }
    };
    // The records are ours: see `record.rs`.
    config.enable_secret_extraction = true;
    Ok(config)
}

fn private_key(pem: &Pem) -> Result<PrivateKeyDer<'static>, TlsSettingsError> {
    let place = pem.place("the text of a private key");
    let text = pem.read()?;
    match PrivateKeyDer::from_pem_slice(&text) {
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) => {
            let is_encrypted = String::from_utf8_lossy(&text).contains("ENCRYPTED");
            Err(if is_encrypted {
                TlsSettingsError::EncryptedKey { place }
            } else {
                TlsSettingsError::Empty { place, wanted: "private key" }
            })
        }
        Err(error) => Err(TlsSettingsError::Pem { place, reason: error.to_string().into() }),
    }
}
