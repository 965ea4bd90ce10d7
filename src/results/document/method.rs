//! How it was measured: connections, protocols, what the generator says of itself, and what became of the outputs.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::distribution::Times;
use super::finding::{Weighing, rule};
use super::form::DocumentError;
use super::measured::finite;
use super::own::own;
use crate::engine::{Connections, Negotiated, Peer};
use crate::plan::TlsVersion;
use crate::results::{Health, OutputLine};

/// Connections, and to whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Connected {
    opened: u64,
    reused: u64,
    peers: Vec<End>,
    opened_to_further_peers: u64,
}

/// An end that connections were opened to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct End {
    origin: String,
    address: Option<SocketAddr>,
    is_proxied: bool,
    tls: Option<Encrypted>,
    opened: u64,
}

/// What TLS agreed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Encrypted {
    version: Version,
    cipher_suite: String,
    is_http2: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Version {
    #[serde(rename = "tls1.2")]
    Tls12,
    #[serde(rename = "tls1.3")]
    Tls13,
}

impl From<&Connections> for Connected {
    fn from(all: &Connections) -> Self {
        let end = |peer: &Peer| End {
            origin: peer.origin.clone(),
            address: peer.address,
            is_proxied: peer.is_proxied,
            tls: peer.tls.as_ref().map(Encrypted::from),
            opened: peer.opened,
        };
        Self {
            opened: all.opened,
            reused: all.reused,
            peers: all.peers.iter().map(end).collect(),
            opened_to_further_peers: all.peers_more,
        }
    }
}

impl Connected {
    pub(super) fn connections(self) -> Connections {
        let peer = |end: End| Peer {
            origin: end.origin,
            address: end.address,
            is_proxied: end.is_proxied,
            tls: end.tls.map(Encrypted::negotiated),
            opened: end.opened,
        };
        Connections {
            opened: self.opened,
            reused: self.reused,
            peers: self.peers.into_iter().map(peer).collect(),
            peers_more: self.opened_to_further_peers,
        }
    }
}

impl From<&Negotiated> for Encrypted {
    fn from(negotiated: &Negotiated) -> Self {
        let version = match negotiated.version {
            TlsVersion::Tls12 => Version::Tls12,
            TlsVersion::Tls13 => Version::Tls13,
        };
        let cipher_suite = negotiated.cipher_suite.to_owned();
        Self { version, cipher_suite, is_http2: negotiated.is_http2 }
    }
}

impl Encrypted {
    fn negotiated(self) -> Negotiated {
        let version = match self.version {
            Version::Tls12 => TlsVersion::Tls12,
            Version::Tls13 => TlsVersion::Tls13,
        };
        Negotiated { version, cipher_suite: own(self.cipher_suite, []), is_http2: self.is_http2 }
    }
}

/// How many answers came by a protocol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Spoken {
    protocol: String,
    answers: u64,
}

impl Spoken {
    pub(super) fn all(protocols: &[(String, u64)]) -> Vec<Self> {
        protocols
            .iter()
            .map(|(protocol, answers)| Self { protocol: protocol.clone(), answers: *answers })
            .collect()
    }

    pub(super) fn pairs(all: Vec<Self>) -> Vec<(String, u64)> {
        all.into_iter().map(|own| (own.protocol, own.answers)).collect()
    }
}

/// What the generator measured of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Fitness {
    /// None where it says nothing against itself.
    weight: Option<Weighing>,
    codes: Vec<String>,
    cpu: Option<f64>,
    cpu_max: Option<f64>,
    loop_lag: Option<Times>,
    lateness: Option<Times>,
}

impl From<&Health> for Fitness {
    fn from(health: &Health) -> Self {
        Self {
            weight: health.weight.map(Weighing::from),
            codes: health.codes.iter().map(|code| (*code).to_owned()).collect(),
            cpu: health.cpu.map(finite),
            cpu_max: health.cpu_max.map(finite),
            loop_lag: health.lag.as_ref().map(Times::from),
            lateness: health.lateness.as_ref().map(Times::from),
        }
    }
}

impl Fitness {
    pub(super) fn health(self) -> Result<Health, DocumentError> {
        Ok(Health {
            cpu: self.cpu,
            cpu_max: self.cpu_max,
            lag: self.loop_lag.map(Times::trend).transpose()?,
            lateness: self.lateness.map(Times::trend).transpose()?,
            weight: self.weight.map(Weighing::into),
            codes: self.codes.into_iter().map(rule).collect(),
        })
    }
}

/// An output, and what it delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Delivery {
    output: String,
    place: String,
    delivered_seconds: u64,
    delivered_samples: u64,
    lost_seconds: u64,
    lost_samples: u64,
    delivered_spans: u64,
    lost_spans: u64,
    error: Option<String>,
}

impl From<&OutputLine> for Delivery {
    fn from(line: &OutputLine) -> Self {
        Self {
            output: line.output.clone(),
            place: line.place.clone(),
            delivered_seconds: line.delivered_seconds,
            delivered_samples: line.delivered_samples,
            lost_seconds: line.lost_seconds,
            lost_samples: line.lost_samples,
            delivered_spans: line.delivered_spans,
            lost_spans: line.lost_spans,
            error: line.error.clone(),
        }
    }
}

impl Delivery {
    pub(super) fn line(self) -> OutputLine {
        OutputLine {
            output: self.output,
            place: self.place,
            delivered_seconds: self.delivered_seconds,
            delivered_samples: self.delivered_samples,
            lost_seconds: self.lost_seconds,
            lost_samples: self.lost_samples,
            delivered_spans: self.delivered_spans,
            lost_spans: self.lost_spans,
            error: self.error,
        }
    }
}
