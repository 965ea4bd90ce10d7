//! What the network looks like to the clients of a worker: the run's options of HTTP, made ready.

mod address_range;
mod destination;
mod exempt;
mod host_pattern;
mod hosts;
mod local_addresses;
mod place_error;
mod proxies;

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::rc::Rc;

pub(super) use destination::Destination;
pub(super) use proxies::ProxyUrl;

use self::address_range::AddressRange;
use self::host_pattern::HostPattern;
use self::hosts::Hosts;
use self::local_addresses::LocalAddresses;
use self::place_error::PlaceError;
use self::proxies::Proxies;
use super::endpoint::Endpoint;
use super::error::Failure;
use super::resolve::{Lookup, Resolver, Servers};
use super::tls;
use super::way::{Place, Way};
use super::way_error::WayError;
use crate::plan::{HttpOptions, ProxyChoice};

/// Local addresses that are tried out before a run; of more the first ones stand for the rest.
const LOCAL_TRIED_MAX: u64 = 256;

/// An option that can't be carried out on this machine, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{option}`: {reason}")]
pub struct NetworkError {
    /// The option's name.
    pub option: &'static str,
    /// What is wrong with it.
    pub reason: String,
    /// What to do.
    pub hint: String,
}

impl NetworkError {
    fn place(option: &'static str, error: PlaceError) -> Self {
        Self { option, reason: error.to_string(), hint: error.hint() }
    }
}

/// The run's options of HTTP, made ready for the clients of one worker.
#[derive(Debug, Default)]
pub struct Network {
    options: HttpOptions,
    tls: tls::Context,
    hosts: Hosts,
    blocked: Vec<HostPattern>,
    blacklisted: Vec<AddressRange>,
    local: Option<LocalAddresses>,
    proxies: Proxies,
    resolver: Resolver,
}

impl Network {
    /// Makes the options ready; says which of them can't be carried out.
    pub fn new(options: &HttpOptions) -> Result<Self, NetworkError> {
        let wrong = |option| move |error| NetworkError::place(option, error);
        let pairs = options.hosts.iter().map(|(name, place)| (name.as_str(), place.as_str()));
        let hosts = Hosts::parse(pairs).map_err(wrong("hosts"))?;
        let blocked = options.block_hostnames.iter().map(|text| HostPattern::without_port(text));
        let blocked = blocked.collect::<Result<_, _>>().map_err(wrong("block_hostnames"))?;
        let blacklisted = options.blacklist_ips.iter().map(|text| text.parse());
        let blacklisted = blacklisted.collect::<Result<_, _>>().map_err(wrong("blacklist_ips"))?;
        let ranges = options.local_ips.iter().map(|text| text.parse());
        let ranges = ranges.collect::<Result<_, _>>().map_err(wrong("local_ips"))?;
        let local = LocalAddresses::new(ranges);
        local.as_ref().map_or(Ok(()), try_out)?;
        let proxies = match &options.proxy {
            ProxyChoice::None => Proxies::default(),
            ProxyChoice::Url(url) => Proxies::all(url.parse().map_err(wrong("proxy"))?),
            ProxyChoice::Environment => {
                Proxies::from_environment(|name| std::env::var(name).ok()).map_err(wrong("proxy"))?
            }
        };
        let dns = &options.dns;
        let lookup = if dns.system {
            Lookup::System
        } else {
            Lookup::Servers(Box::new(Servers::new(dns.server).map_err(no_name_server)?))
        };
        let resolver = Resolver::new(dns, lookup);
        let tls = tls::Context::new(options).map_err(|error| NetworkError {
            option: error.option(),
            reason: error.to_string(),
            hint: error.hint().to_owned(),
        })?;
        let options = options.clone();
        Ok(Self { options, tls, hosts, blocked, blacklisted, local, proxies, resolver })
    }

    /// How TLS is spoken.
    pub(super) fn tls(&self) -> &tls::Context {
        &self.tls
    }

    /// As they were given.
    pub fn options(&self) -> &HttpOptions {
        &self.options
    }

    /// What is connected to for a URL; a failure if the run forbids it.
    pub fn place<'a>(&'a self, endpoint: &'a Endpoint) -> Result<Place<'a>, Failure> {
        Way::to(endpoint, self).map(|way| way.place)
    }

    /// The proxy that a URL is called through, as it may be printed.
    pub fn proxy_of(&self, endpoint: &Endpoint) -> Option<String> {
        Way::to(endpoint, self).ok()?.proxy.map(ToString::to_string)
    }

    /// The addresses of a name that may be called, in the order they would be tried; at least one. It blocks, and is
    /// not for a thread that has a runtime: it is a look before a run.
    pub fn look_up(&self, host: &str) -> Result<Vec<IpAddr>, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        let runtime = runtime
            .map_err(|error| Failure::Resolver { host: host.into(), reason: error.to_string().into() })?;
        runtime.block_on(self.resolver.look_up(host))
    }

    /// The address of this machine that the virtual user with this number (from 0) connects from, if the run
    /// says so.
    pub fn local_address(&self, index: u64) -> Option<IpAddr> {
        self.local.as_ref().map(|local| local.of(index))
    }

    pub(super) fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    pub(super) fn resolver(&self) -> &Resolver {
        &self.resolver
    }

    pub(super) fn proxy(&self, is_tls: bool, host: &str, port: u16) -> Option<&Rc<ProxyUrl>> {
        self.proxies.find(is_tls, host, port)
    }

    /// Whether a host may be called.
    pub(super) fn check_host(&self, host: &str) -> Result<(), Failure> {
        match self.blocked.iter().find(|pattern| pattern.matches(host, 0)) {
            None => Ok(()),
            Some(pattern) => {
                Err(WayError::BlockedHost { host: host.into(), pattern: pattern.to_string().into() }.into())
            }
        }
    }

    /// Whether an address may be called.
    pub(super) fn check_address(&self, address: IpAddr) -> Result<(), Failure> {
        match self.blacklisted.iter().find(|range| range.contains(address)) {
            None => Ok(()),
            Some(range) => Err(WayError::Blacklisted { address, range: range.to_string().into() }.into()),
        }
    }
}

fn no_name_server(reason: String) -> NetworkError {
    let hint = "name one (`dns: \"server=10.0.0.2\"`), or ask the system (`server=system`)";
    NetworkError { option: "dns", reason, hint: hint.to_owned() }
}

/// Whether this machine has the addresses: a datagram socket can be bound to those alone.
fn try_out(local: &LocalAddresses) -> Result<(), NetworkError> {
    let count = u64::try_from(local.count()).unwrap_or(u64::MAX).min(LOCAL_TRIED_MAX);
    for address in (0..count).map(|index| local.of(index)) {
        if let Err(error) = UdpSocket::bind(SocketAddr::new(address, 0)) {
            return Err(NetworkError {
                option: "local_ips",
                reason: format!("this machine has no address {address} to connect from ({error})"),
                hint: "name addresses that `ip address` lists".to_owned(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named_with_its_option_and_what_to_write() {
        let one = |text: &str| vec![text.to_owned()];
        let default = HttpOptions::default;
        let hosts = [("a.test".to_owned(), "b.test".to_owned())].into();
        let dns = crate::plan::Dns::default();
        for (options, wanted) in [
            (HttpOptions { hosts, ..default() }, "`hosts`: `b.test` is neither an address nor a Unix socket"),
            (
                HttpOptions { block_hostnames: one("a.*"), ..default() },
                "`block_hostnames`: `a.*` is no host name or pattern of one",
            ),
            (
                HttpOptions { blacklist_ips: one("10.0.0.0/33"), ..default() },
                "`blacklist_ips`: the prefix of `10.0.0.0/33` is too long",
            ),
            (
                HttpOptions { local_ips: one("eth0"), ..default() },
                "`local_ips`: `eth0` is no address, range or block",
            ),
            (
                HttpOptions { local_ips: one("192.0.2.1"), ..default() },
                "`local_ips`: this machine has no address 192.0.2.1 to connect from (Cannot assign requested address (os error 99))",
            ),
            (
                HttpOptions { proxy: ProxyChoice::Url("socks5://a:1".to_owned()), ..default() },
                "`proxy`: a proxy by `socks5` is not supported",
            ),
        ] {
            let error = Network::new(&options).unwrap_err();
            assert_eq!(error.to_string(), wanted);
            assert!(!error.hint.is_empty());
        }
        assert!(
            Network::new(&HttpOptions { dns, local_ips: one("127.0.0.2-127.0.0.9"), ..default() }).is_ok()
        );
    }

    #[test]
    fn users_connect_from_the_local_addresses_in_turn() {
        let local_ips = vec!["127.0.0.2".to_owned(), "127.0.0.3".to_owned()];
        let network = Network::new(&HttpOptions { local_ips, ..HttpOptions::default() }).unwrap();
        let spread: Vec<_> = (0..3).map(|index| network.local_address(index).unwrap().to_string()).collect();
        assert_eq!(spread, ["127.0.0.2", "127.0.0.3", "127.0.0.2"]);
        assert_eq!(Network::default().local_address(0), None);
    }
}
