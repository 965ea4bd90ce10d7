//! The addresses that connections start from, spread over the virtual users.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::address_range::AddressRange;
use super::place_error::PlaceError;

/// `10.0.0.1,10.0.1.0/24,10.0.2.1-10.0.2.9`: never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct LocalAddresses {
    ranges: Vec<AddressRange>,
}

impl LocalAddresses {
    /// From ranges in the order they are to be used; `None` if there is none.
    pub(in super::super) fn new(ranges: Vec<AddressRange>) -> Option<Self> {
        (!ranges.is_empty()).then_some(Self { ranges })
    }

    /// How many there are; at most `u128::MAX`.
    pub(in super::super) fn count(&self) -> u128 {
        self.ranges.iter().fold(0, |sum: u128, range| sum.saturating_add(range.hosts()))
    }

    /// The one of the virtual user with this number (from 0): one after another, then from the start again,
    /// as in k6.
    pub(in super::super) fn of(&self, index: u64) -> IpAddr {
        let mut index = u128::from(index) % self.count();
        for range in &self.ranges {
            let hosts = range.hosts();
            if index < hosts {
                return range.host(index);
            }
            index -= hosts;
        }
        unreachable!("the index is below the sum of all ranges")
    }
}

impl FromStr for LocalAddresses {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        // Splitting gives at least one part, and an empty one is no range.
        Ok(Self { ranges: text.split(',').map(str::parse).collect::<Result<_, _>>()? })
    }
}

impl fmt::Display for LocalAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.ranges.iter().enumerate() {
            write!(f, "{}{range}", if index > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(text: &str, users: u64) -> Vec<String> {
        let addresses: LocalAddresses = text.parse().expect(text);
        (0..users).map(|index| addresses.of(index).to_string()).collect()
    }

    #[test]
    fn users_take_them_in_turn() {
        assert_eq!(spread("127.0.0.2", 2), ["127.0.0.2", "127.0.0.2"]);
        assert_eq!(
            spread("127.0.0.2, 127.0.1.1-127.0.1.2,127.0.2.0/30", 6),
            ["127.0.0.2", "127.0.1.1", "127.0.1.2", "127.0.2.1", "127.0.2.2", "127.0.0.2"]
        );
        assert_eq!(spread("::1,127.0.0.1", 3), ["::1", "127.0.0.1", "::1"]);
        let all: LocalAddresses = "::/0,::/0".parse().unwrap();
        assert_eq!(
            (all.count(), all.of(u64::MAX).to_string()),
            (u128::MAX, "::ffff:ffff:ffff:ffff".to_owned())
        );
    }

    #[test]
    fn an_empty_list_is_none() {
        assert_eq!(LocalAddresses::new(Vec::new()), None);
        for text in ["", "10.0.0.1,", ",", "eth0"] {
            assert!(text.parse::<LocalAddresses>().is_err(), "{text:?}");
        }
        let text = "10.0.0.1,10.0.1.0/24";
        assert_eq!(text.parse::<LocalAddresses>().unwrap().to_string(), text);
    }
}
