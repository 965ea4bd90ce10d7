//! Addresses that lie beside each other: one, a block in CIDR notation, or a range from first to last.
//!
//! Invariant: both ends are of one family, and the first is not above the last. An IPv4 address that is
//! written as IPv6 (`::ffff:10.0.0.1`) counts as IPv4, since that is where the packets go.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::place_error::PlaceError;

/// `10.0.0.1`, `10.0.0.0/24` or `10.0.0.1-10.0.0.9`; IPv6 alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct AddressRange {
    first: IpAddr,
    last: IpAddr,
    /// The length of the block's prefix, if it was written as one.
    prefix: Option<u8>,
}

impl AddressRange {
    /// Whether the address lies in it.
    pub(in super::super) fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.first.is_ipv4() && self.first <= address && address <= self.last
    }

    /// How many addresses a machine may have of it: of an IPv4 block without the first and the last, which
    /// name the network and its broadcast, unless it has no others. At most `u128::MAX`.
    pub(in super::super) fn hosts(&self) -> u128 {
        let all = (number(self.last) - number(self.first)).saturating_add(1);
        if self.skips_ends() { all - 2 } else { all }
    }

    /// The address at `index`, which is below [`hosts`](Self::hosts).
    pub(in super::super) fn host(&self, index: u128) -> IpAddr {
        let at = number(self.first) + index + u128::from(self.skips_ends());
        match self.first {
            IpAddr::V4(_) => Ipv4Addr::from(u32::try_from(at).unwrap_or(u32::MAX)).into(),
            IpAddr::V6(_) => Ipv6Addr::from(at).into(),
        }
    }

    fn skips_ends(&self) -> bool {
        self.first.is_ipv4() && self.prefix.is_some_and(|bits| bits <= 30)
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

/// The lowest and the highest address with the same first bits.
fn ends(address: IpAddr, bits: u32) -> (IpAddr, IpAddr) {
    match address {
        IpAddr::V4(address) => {
            let host = u32::MAX.checked_shr(bits).unwrap_or(0);
            let address = u32::from(address);
            (Ipv4Addr::from(address & !host).into(), Ipv4Addr::from(address | host).into())
        }
        IpAddr::V6(address) => {
            let host = u128::MAX.checked_shr(bits).unwrap_or(0);
            let address = u128::from(address);
            (Ipv6Addr::from(address & !host).into(), Ipv6Addr::from(address | host).into())
        }
    }
}

impl FromStr for AddressRange {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let text = text.trim();
        let wrong = || PlaceError::Range { text: text.into() };
        let address = |part: &str| part.trim().parse::<IpAddr>().map_err(|_| wrong());
        if let Some((written, bits)) = text.split_once('/') {
            let address = address(written)?;
            if bits.is_empty() || !bits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(wrong());
            }
            let most: u8 = if address.is_ipv4() { 32 } else { 128 };
            let prefix = bits.parse().ok().filter(|bits: &u8| *bits <= most);
            let Some(prefix) = prefix else { return Err(PlaceError::Prefix { text: text.into() }) };
            let (first, last) = ends(address, prefix.into());
            // `::ffff:10.0.0.0/104` is `10.0.0.0/8`; a shorter prefix is more than IPv4.
            return Ok(match (first.to_canonical(), last.to_canonical()) {
                (IpAddr::V4(low), IpAddr::V4(high)) if address.is_ipv6() => {
                    Self { first: low.into(), last: high.into(), prefix: Some(prefix - 96) }
                }
                _ => Self { first, last, prefix: Some(prefix) },
            });
        }
        let (first, last) = match text.split_once('-') {
            Some((first, last)) => (address(first)?, address(last)?),
            None => (address(text)?, address(text)?),
        };
        let (first, last) = (first.to_canonical(), last.to_canonical());
        if first.is_ipv4() != last.is_ipv4() {
            return Err(PlaceError::Mixed { text: text.into() });
        }
        if first > last {
            return Err(PlaceError::Backwards { text: text.into() });
        }
        Ok(Self { first, last, prefix: None })
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.prefix {
            Some(prefix) => write!(f, "{}/{prefix}", self.first),
            None if self.first == self.last => self.first.fmt(f),
            None => write!(f, "{}-{}", self.first, self.last),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> AddressRange {
        text.parse().expect(text)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect(text)
    }

    #[test]
    fn a_block_holds_what_shares_its_first_bits() {
        for (block, inside, outside) in [
            ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
            ("10.1.2.3/8", "10.0.0.0", "9.255.255.255"),
            ("192.168.1.0/24", "192.168.1.0", "192.168.2.0"),
            ("127.0.0.1/32", "127.0.0.1", "127.0.0.2"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("::/0", "ffff::", "1.2.3.4"),
            ("fd00::/8", "fdff::1", "fe00::"),
            ("::1", "::1", "::2"),
            ("10.0.0.1-10.0.0.9", "10.0.0.5", "10.0.0.10"),
            (" 10.0.0.1 - 10.0.0.9 ", "10.0.0.9", "10.0.0.0"),
            ("::1-::f", "::a", "::10"),
        ] {
            assert!(range(block).contains(ip(inside)), "{block} {inside}");
            assert!(!range(block).contains(ip(outside)), "{block} {outside}");
        }
    }

    #[test]
    fn an_address_of_ipv4_in_ipv6_is_one_of_ipv4() {
        assert!(range("10.0.0.0/8").contains(ip("::ffff:10.1.2.3")));
        assert!(range("::ffff:10.0.0.0/104").contains(ip("10.1.2.3")));
        assert_eq!(range("::ffff:10.0.0.0/104"), range("10.0.0.0/8"));
        assert!(range("::ffff:10.0.0.1").contains(ip("10.0.0.1")));
    }

    #[test]
    fn hosts_leave_out_the_network_and_its_broadcast() {
        for (text, count, first) in [
            ("192.168.0.101", 1, "192.168.0.101"),
            ("192.168.0.101/32", 1, "192.168.0.101"),
            ("192.168.0.101/31", 2, "192.168.0.100"),
            ("192.168.0.101/30", 2, "192.168.0.101"),
            ("192.168.0.101/24", 254, "192.168.0.1"),
            ("192.168.0.1-192.168.0.4", 4, "192.168.0.1"),
            ("fd00::/126", 4, "fd00::"),
            ("::/0", u128::MAX, "::"),
        ] {
            let range = range(text);
            assert_eq!((range.hosts(), range.host(0)), (count, ip(first)), "{text}");
            assert!(range.contains(range.host(range.hosts() - 1)), "{text}");
        }
    }

    #[test]
    fn wrong_ones_say_what_to_write() {
        let error = |text: &str| text.parse::<AddressRange>().expect_err(text).to_string();
        for text in ["", "localhost", "10.0.0", "10.0.0.0/", "10.0.0.0/x", "10.0.0.0/-1", "-", "10.0.0.1-"] {
            assert!(error(text).contains("is no address, range or block"), "{text}: {}", error(text));
        }
        assert!(error("10.0.0.0/33").contains("too long"));
        assert!(error("::/129").contains("too long"));
        assert!(error("::/999").contains("too long"));
        assert!(error("10.0.0.1-::1").contains("mixes"));
        assert!(error("10.0.0.2-10.0.0.1").contains("ends before it begins"));
    }

    #[test]
    fn printed_and_parsed_it_stays_the_same() {
        for text in ["10.0.0.0/8", "10.0.0.1", "10.0.0.1-10.0.0.9", "fd00::/8", "::1"] {
            assert_eq!(range(text).to_string(), text);
        }
    }
}
