//! What hosts lead to without asking a resolver: the run's own `/etc/hosts`, with patterns and ports.

use super::destination::Destination;
use super::host_pattern::HostPattern;
use super::place_error::PlaceError;

/// Overrides of look-ups; of several that match, the most particular one holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Hosts {
    /// The most particular first.
    entries: Vec<(HostPattern, Destination)>,
}

impl Hosts {
    /// Reads pairs of a pattern and where it leads.
    pub(in super::super) fn parse<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, PlaceError> {
        let mut entries = Vec::new();
        for (pattern, destination) in pairs {
            entries.push((pattern.parse::<HostPattern>()?, destination.parse()?));
        }
        entries.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.rank()));
        Ok(Self { entries })
    }

    /// Where this host (an IPv6 address in brackets) leads at this port, unless to itself.
    pub(in super::super) fn find(&self, host: &str, port: u16) -> Option<&Destination> {
        self.entries
            .iter()
            .find(|(pattern, _)| pattern.matches(host, port))
            .map(|(_, destination)| destination)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_particular_entry_holds() {
        let hosts = Hosts::parse([
            ("*", "10.0.0.1"),
            ("*.example.com", "10.0.0.2"),
            ("*.api.example.com", "10.0.0.3"),
            ("api.example.com", "10.0.0.4"),
            ("api.example.com:8080", "10.0.0.5:80"),
            ("*:9090", "unix:/run/nine.sock"),
            ("::1", "10.0.0.9"),
        ]);
        assert!(hosts.is_err(), "an IPv6 address is written in brackets");
        let hosts = Hosts::parse([
            ("*", "10.0.0.1"),
            ("*.example.com", "10.0.0.2"),
            ("*.api.example.com", "10.0.0.3"),
            ("api.example.com", "10.0.0.4"),
            ("api.example.com:8080", "10.0.0.5:80"),
            ("*:9090", "unix:/run/nine.sock"),
        ])
        .unwrap();
        for (host, port, found) in [
            ("other", 80, "10.0.0.1"),
            ("www.example.com", 80, "10.0.0.2"),
            ("v1.api.example.com", 80, "10.0.0.3"),
            ("api.example.com", 80, "10.0.0.4"),
            ("API.example.com", 8080, "10.0.0.5:80"),
            ("api.example.com", 9090, "unix:/run/nine.sock"),
        ] {
            assert_eq!(hosts.find(host, port).unwrap().to_string(), found, "{host}:{port}");
        }
        assert_eq!(Hosts::default().find("h", 80), None);
    }
}
