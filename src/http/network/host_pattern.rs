//! Which hosts are meant: a name, or all that end in something, as k6 writes them.
//!
//! | written | stands for |
//! |---|---|
//! | `example.com` | that name |
//! | `*.example.com` | all below it, at any depth, not itself |
//! | `*example.com` | all that end in it, itself too |
//! | `*` | every host |
//!
//! Case makes no difference; a name beyond ASCII is meant as it goes over the wire.

use std::fmt;
use std::str::FromStr;

use super::place_error::PlaceError;

/// A pattern of a host name, with a port where it holds for that one alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct HostPattern {
    /// Whether anything may stand in front of `tail`.
    is_wild: bool,
    /// In lower case.
    tail: Box<str>,
    port: Option<u16>,
}

impl HostPattern {
    /// Whether it means this host (an IPv6 address in brackets) at this port.
    pub(in super::super) fn matches(&self, host: &str, port: u16) -> bool {
        if self.port.is_some_and(|own| own != port) {
            return false;
        }
        let host = host.strip_suffix('.').unwrap_or(host).as_bytes();
        let tail = self.tail.as_bytes();
        let Some(front) = host.len().checked_sub(tail.len()) else { return false };
        // `*.example.com` wants something in front of its dot.
        let is_enough = if self.is_wild { front > 0 || tail.first() != Some(&b'.') } else { front == 0 };
        is_enough && host[front..].eq_ignore_ascii_case(tail)
    }

    /// Of several that match, the largest of these is meant: one with a port, then a name, then what leaves
    /// the least open.
    pub(super) fn rank(&self) -> (bool, bool, usize) {
        (self.port.is_some(), !self.is_wild, self.tail.len())
    }

    /// The same without a port, for what holds for whole hosts.
    pub(in super::super) fn without_port(text: &str) -> Result<Self, PlaceError> {
        let pattern: Self = text.parse()?;
        if pattern.port.is_some() {
            return Err(PlaceError::Pattern { text: text.trim().into() });
        }
        Ok(pattern)
    }
}

impl FromStr for HostPattern {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let text = text.trim();
        let wrong = || PlaceError::Pattern { text: text.into() };
        let bracket = text.rfind(']');
        let colon = text.rfind(':').filter(|colon| bracket.is_none_or(|bracket| bracket < *colon));
        let (name, port) = match colon {
            Some(colon) => {
                let port = text[colon + 1..].parse().ok().filter(|port| *port != 0);
                let port = port.ok_or_else(|| PlaceError::Port { text: text.into() })?;
                (&text[..colon], Some(port))
            }
            None => (text, None),
        };
        let (is_wild, tail) = name.strip_prefix('*').map_or((false, name), |tail| (true, tail));
        if tail.is_empty() && !is_wild {
            return Err(wrong());
        }
        Ok(Self { is_wild, tail: written(tail, is_wild).ok_or_else(wrong)?, port })
    }
}

/// The name as a URL has it, or `None` if no host may be called so.
fn written(tail: &str, is_wild: bool) -> Option<Box<str>> {
    if tail.starts_with('[') && !is_wild {
        return url::Host::parse(tail).ok().map(|host| host.to_string().into());
    }
    let (dot, name) = match tail.strip_prefix('.') {
        Some(name) if is_wild => (".", name),
        _ => ("", tail),
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() {
        return (dot.is_empty() && tail.is_empty()).then(Box::default);
    }
    let name = match url::Host::parse(name) {
        Ok(url::Host::Domain(name)) if !name.is_ascii() => return None,
        Ok(url::Host::Domain(name)) => name,
        // An address, or the end of one behind a star.
        _ if name.is_ascii() => name.to_ascii_lowercase(),
        _ => return None,
    };
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    name.split('.').all(is_label).then(|| format!("{dot}{name}").into())
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.is_wild { "*" } else { "" }, self.tail)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> HostPattern {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_star_in_front_stands_for_anything() {
        for (written, host, matches) in [
            ("example.com", "example.com", true),
            ("example.com", "EXAMPLE.com", true),
            ("EXAMPLE.com", "example.com", true),
            ("example.com", "example.com.", true),
            ("example.com.", "example.com", true),
            ("example.com", "www.example.com", false),
            ("example.com", "notexample.com", false),
            ("*.example.com", "www.example.com", true),
            ("*.example.com", "a.b.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", ".example.com", false),
            ("*.example.com", "notexample.com", false),
            ("*example.com", "example.com", true),
            ("*example.com", "notexample.com", true),
            ("*example.com", "www.example.com", true),
            ("*", "anything", true),
            ("*", "10.0.0.1", true),
            ("*.com", "example.com", true),
            ("*.com", "example.org", false),
            ("10.0.0.1", "10.0.0.1", true),
            ("[::1]", "[::1]", true),
            ("[::1]", "[::2]", false),
            ("my_service", "my_service", true),
            ("bücher.example", "xn--bcher-kva.example", true),
            ("*.bücher.example", "www.xn--bcher-kva.example", true),
        ] {
            assert_eq!(pattern(written).matches(host, 80), matches, "{written} {host}");
        }
    }

    #[test]
    fn a_port_holds_for_that_port() {
        assert!(pattern("example.com:8080").matches("example.com", 8080));
        assert!(!pattern("example.com:8080").matches("example.com", 80));
        assert!(pattern("*:8080").matches("example.com", 8080));
        assert!(pattern("[::1]:8080").matches("[::1]", 8080));
        for text in ["example.com:", "example.com:0", "example.com:65536", "example.com:x", "a:1:b"] {
            assert!(matches!(text.parse::<HostPattern>(), Err(PlaceError::Port { .. })), "{text}");
        }
        assert!(HostPattern::without_port("example.com:80").is_err());
        assert!(HostPattern::without_port("*.example.com").is_ok());
    }

    #[test]
    fn a_star_elsewhere_is_refused() {
        for text in
            ["", "a.*", "www.*.com", "**", "*.*", "*.", ".example.com", "a..b", "a b", "http://h", "ex?mple"]
        {
            let error = text.parse::<HostPattern>().expect_err(text);
            assert!(matches!(error, PlaceError::Pattern { .. } | PlaceError::Port { .. }), "{text}: {error}");
        }
    }

    #[test]
    fn printed_and_parsed_it_stays_the_same() {
        for text in ["example.com", "*.example.com", "*", "*com:80", "[::1]:80"] {
            assert_eq!(pattern(text).to_string(), text);
        }
    }
}
