//! Which hosts are called without a proxy: `no_proxy`, read as Go and so k6 reads it.
//!
//! | written | exempts |
//! |---|---|
//! | `*` | every host |
//! | `example.com` | it and all below it |
//! | `.example.com`, `*.example.com` | all below it |
//! | `10.0.0.1`, `10.0.0.0/8` | hosts written as such an address |
//! | any of these with `:8080` | that port alone |
//!
//! Names are not resolved for it. What can't be read is skipped, as elsewhere: the variable is shared with
//! other programs.

use std::net::IpAddr;

use super::address_range::AddressRange;

/// The hosts without a proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Exempt {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    what: What,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    All,
    Addresses(AddressRange),
    /// In lower case, without a dot in front.
    Name {
        name: Box<str>,
        itself: bool,
    },
}

impl Exempt {
    /// Reads a list whose parts are separated by commas.
    pub(in super::super) fn parse(list: &str) -> Self {
        Self { rules: list.split(',').filter_map(|part| rule(part.trim())).collect() }
    }

    /// Whether this host (an IPv6 address in brackets) at this port needs no proxy.
    pub(in super::super) fn matches(&self, host: &str, port: u16) -> bool {
        let address = address(host);
        self.rules.iter().any(|rule| {
            rule.port.is_none_or(|own| own == port)
                && match &rule.what {
                    What::All => true,
                    What::Addresses(range) => address.is_some_and(|address| range.contains(address)),
                    What::Name { name, itself } => address.is_none() && is_below(host, name, *itself),
                }
        })
    }
}

/// The host's address, if it is written as one.
pub(super) fn address(host: &str) -> Option<IpAddr> {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host).parse().ok()
}

fn rule(text: &str) -> Option<Rule> {
    if let Ok(range) = text.parse() {
        return Some(Rule { what: What::Addresses(range), port: None });
    }
    let bracket = text.rfind(']');
    let colon = text.rfind(':').filter(|colon| bracket.is_none_or(|bracket| bracket < *colon));
    let (name, port) = match colon {
        Some(colon) => (&text[..colon], Some(text[colon + 1..].parse().ok()?)),
        None => (text, None),
    };
    if name == "*" {
        return Some(Rule { what: What::All, port });
    }
    if let Some(address) = address(name) {
        return Some(Rule { what: What::Addresses(address.to_string().parse().ok()?), port });
    }
    let name = name.strip_prefix('*').unwrap_or(name);
    let (name, itself) = name.strip_prefix('.').map_or((name, true), |name| (name, false));
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    (!name.is_empty()).then(|| Rule { what: What::Name { name: name.into(), itself }, port })
}

fn is_below(host: &str, name: &str, itself: bool) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host).as_bytes();
    let Some(front) = host.len().checked_sub(name.len()) else { return false };
    host[front..].eq_ignore_ascii_case(name.as_bytes())
        && match front {
            0 => itself,
            _ => host[front - 1] == b'.',
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_addresses_and_ports_are_exempt() {
        for (list, host, port, exempt) in [
            ("", "example.com", 80, false),
            ("*", "example.com", 80, true),
            ("example.com", "example.com", 80, true),
            ("example.com", "www.example.com", 80, true),
            ("example.com", "notexample.com", 80, false),
            ("Example.COM", "WWW.example.com", 80, true),
            (".example.com", "example.com", 80, false),
            (".example.com", "www.example.com", 80, true),
            ("*.example.com", "example.com", 80, false),
            ("*.example.com", "a.b.example.com", 80, true),
            ("example.com:8080", "example.com", 8080, true),
            ("example.com:8080", "example.com", 80, false),
            ("*:8080", "example.com", 8080, true),
            ("10.0.0.0/8", "10.1.2.3", 80, true),
            ("10.0.0.0/8", "11.1.2.3", 80, false),
            ("10.0.0.1", "10.0.0.1", 8080, true),
            ("10.0.0.1:80", "10.0.0.1", 8080, false),
            ("10.0.0.1:80", "10.0.0.1", 80, true),
            ("::1", "[::1]", 80, true),
            ("[::1]:80", "[::1]", 80, true),
            ("[::1]:80", "[::1]", 81, false),
            ("fd00::/8", "[fd00::5]", 80, true),
            // The end of an address is no domain.
            ("0.1", "10.0.0.1", 80, false),
            (" a.example , b.example ,, ", "b.example", 80, true),
            ("http://nonsense:x, b.example", "b.example", 80, true),
        ] {
            assert_eq!(Exempt::parse(list).matches(host, port), exempt, "{list} {host}:{port}");
        }
    }
}
