//! Where a run's requests may go, from where, and by which way: ranges of addresses, patterns of host
//! names, overrides of look-ups, proxies and what is exempt from them.
//!
//! All of it is data, parsed once and without a look at the network. `http` follows it when it connects;
//! a request over an open connection never comes here.

mod address_range;
mod destination;
mod error;
mod exempt;
mod host_pattern;
mod hosts;
mod local_addresses;
mod proxy;

pub use address_range::AddressRange;
pub use destination::Destination;
pub use error::NetworkError;
pub use exempt::Exempt;
pub use host_pattern::HostPattern;
pub use hosts::Hosts;
pub use local_addresses::LocalAddresses;
pub use proxy::{Proxies, ProxyUrl};
