//! Where the connection for a URL leads, before any name is resolved: to its host, to what an override puts in
//! its place, to a Unix socket, or to a proxy. Hosts that must not be called end here.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::rc::Rc;

use super::endpoint::Endpoint;
use super::error::Failure;
use super::network::{Destination, Network, ProxyUrl};
use crate::plan::HttpVersion;

/// The next thing to connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    /// A name that is to be resolved, and a port.
    Name(&'a str, u16),
    /// An address: nothing to resolve.
    Address(SocketAddr),
    /// A Unix socket.
    Unix(&'a Path),
}

/// The way to a URL's host.
#[derive(Debug)]
pub(super) struct Way<'a> {
    pub(super) place: Place<'a>,
    /// The proxy that is connected to, if it is one.
    pub(super) proxy: Option<&'a Rc<ProxyUrl>>,
    /// Whether that proxy is asked to let bytes through, rather than to pass requests on.
    pub(super) is_tunnel: bool,
}

impl<'a> Way<'a> {
    /// The way from here to the endpoint's host; a failure if the run forbids it.
    pub(super) fn to(endpoint: &'a Endpoint, network: &'a Network) -> Result<Self, Failure> {
        if let Some(path) = endpoint.unix() {
            return Ok(Self { place: Place::Unix(path), proxy: None, is_tunnel: false });
        }
        let (host, port) = (endpoint.host(), endpoint.port());
        network.check_host(host)?;
        let proxy = network.proxy(endpoint.is_tls(), host, port);
        let place = match proxy {
            None => place(host, port, network),
            Some(proxy) => {
                // The proxy resolves the name: only what is written as an address can be judged here.
                if let Some(address) = literal(host) {
                    network.check_address(address)?;
                }
                place(proxy.host(), proxy.port(), network)
            }
        };
        if proxy.is_none()
            && let Place::Address(address) = place
        {
            network.check_address(address.ip())?;
        }
        // What a proxy passes on is HTTP/1.1.
        let is_tunnel =
            proxy.is_some() && (endpoint.is_tls() || network.options().version == HttpVersion::Http2);
        Ok(Self { place, proxy, is_tunnel })
    }
}

fn place<'a>(host: &'a str, port: u16, network: &'a Network) -> Place<'a> {
    match network.hosts().find(host, port) {
        Some(Destination::Unix(path)) => Place::Unix(path),
        Some(Destination::Address { ip, port: own }) => {
            Place::Address(SocketAddr::new(*ip, own.unwrap_or(port)))
        }
        None => literal(host)
            .map_or(Place::Name(host, port), |address| Place::Address(SocketAddr::new(address, port))),
    }
}

/// The address that a URL's host is written as.
fn literal(host: &str) -> Option<IpAddr> {
    match host.as_bytes().first()? {
        b'[' => host.strip_prefix('[')?.strip_suffix(']')?.parse().ok(),
        first if first.is_ascii_digit() => host.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{HttpOptions, ProxyChoice};

    fn way(network: &Network, url: &str) -> String {
        let endpoint = Endpoint::parse(None, url).unwrap();
        match Way::to(&endpoint, network) {
            Ok(way) => format!("{:?}{}", way.place, if way.proxy.is_some() { " (proxy)" } else { "" }),
            Err(failure) => format!("{} {failure}", failure.error_code()),
        }
    }

    fn direct() -> HttpOptions {
        HttpOptions { proxy: ProxyChoice::None, ..HttpOptions::default() }
    }

    #[test]
    fn without_options_a_host_leads_to_itself() {
        let network = Network::new(&direct()).unwrap();
        for (url, wanted) in [
            ("http://example.com/x", "Name(\"example.com\", 80)"),
            ("http://example.com:81/x", "Name(\"example.com\", 81)"),
            ("http://127.0.0.1:81/x", "Address(127.0.0.1:81)"),
            ("http://[::1]:81/x", "Address([::1]:81)"),
            ("http://1and1.example/", "Name(\"1and1.example\", 80)"),
            ("http+unix://%2Frun%2Fapp.sock/x", "Unix(\"/run/app.sock\")"),
        ] {
            assert_eq!(way(&network, url), wanted);
        }
    }

    #[test]
    fn overrides_lead_elsewhere_and_keep_the_port_unless_they_name_one() {
        let hosts = [
            ("a.test", "10.0.0.1"),
            ("b.test", "10.0.0.2:8080"),
            ("*.c.test", "[::1]:9"),
            ("d.test:81", "unix:/run/d.sock"),
            ("127.0.0.1", "10.0.0.3"),
        ];
        let hosts = hosts.map(|(name, place)| (name.to_owned(), place.to_owned())).into();
        let network = Network::new(&HttpOptions { hosts, ..direct() }).unwrap();
        for (url, wanted) in [
            ("http://a.test:81/", "Address(10.0.0.1:81)"),
            ("http://b.test/", "Address(10.0.0.2:8080)"),
            ("http://x.c.test/", "Address([::1]:9)"),
            ("http://c.test/", "Name(\"c.test\", 80)"),
            ("http://d.test:81/", "Unix(\"/run/d.sock\")"),
            ("http://d.test/", "Name(\"d.test\", 80)"),
            ("http://127.0.0.1/", "Address(10.0.0.3:80)"),
        ] {
            assert_eq!(way(&network, url), wanted);
        }
    }

    #[test]
    fn forbidden_hosts_and_addresses_end_here() {
        let block_hostnames = vec!["*.evil.test".to_owned(), "10.9.9.9".to_owned()];
        let blacklist_ips = vec!["10.0.0.0/8".to_owned(), "::1".to_owned()];
        let hosts = [("a.test".to_owned(), "10.0.0.1".to_owned())].into();
        let options = HttpOptions { hosts, block_hostnames, blacklist_ips, ..direct() };
        let network = Network::new(&options).unwrap();
        for (url, wanted) in [
            (
                "http://x.evil.test/",
                "1111 host `x.evil.test` is blocked: `block_hostnames` has `*.evil.test`",
            ),
            ("http://10.9.9.9/", "1111 host `10.9.9.9` is blocked: `block_hostnames` has `10.9.9.9`"),
            ("http://evil.test/", "Name(\"evil.test\", 80)"),
            ("http://10.1.2.3/", "1110 10.1.2.3 is blacklisted: `blacklist_ips` has `10.0.0.0/8`"),
            ("http://a.test/", "1110 10.0.0.1 is blacklisted: `blacklist_ips` has `10.0.0.0/8`"),
            ("http://[::1]/", "1110 ::1 is blacklisted: `blacklist_ips` has `::1`"),
            ("http://11.1.2.3/", "Address(11.1.2.3:80)"),
        ] {
            assert_eq!(way(&network, url), wanted);
        }
        // The proxy may lie where the target must not.
        let proxy = ProxyChoice::Url("http://10.0.0.5:3128".to_owned());
        let network = Network::new(&HttpOptions { proxy, ..options }).unwrap();
        assert_eq!(way(&network, "http://example.com/"), "Address(10.0.0.5:3128) (proxy)");
        assert!(way(&network, "http://10.1.2.3/").starts_with("1110 "));
        assert!(way(&network, "http://x.evil.test/").starts_with("1111 "));
        assert_eq!(way(&network, "http+unix://%2Frun%2Fapp.sock/"), "Unix(\"/run/app.sock\")");
    }
}
