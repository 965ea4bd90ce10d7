//! Options of the run that concern HTTP: what the network looks like to it, and how its users behave on it.

mod dns;
mod options;
mod specs;
mod tls;

pub use dns::{Dns, DnsPolicy, DnsSelect};
pub use options::{HttpDebug, HttpOptions, HttpVersion, ProxyChoice};
pub use specs::HTTP_OPTIONS;
pub use tls::{ClientCertificate, Insecure, Tls, TlsVersion};

#[cfg(test)]
mod tests;
