//! Which of a name's addresses is tried first: k6's `select` and `policy`.
//!
//! Other than in k6 the rest follows: a connection that one address refuses goes to the next, as a browser's
//! does.

use std::cell::Cell;
use std::net::IpAddr;

use crate::plan::{DnsPolicy, DnsSelect};

/// What is remembered of a name's addresses between two connections.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// How many connections asked, or where the first began.
    next: Cell<usize>,
    /// The address that could be connected to last.
    worked: Cell<Option<IpAddr>>,
}

impl Turn {
    /// The first turn begins at this address, so that several workers don't all begin at the same.
    pub(super) fn beginning(at: usize) -> Self {
        Self { next: Cell::new(at), worked: Cell::default() }
    }

    /// Remembers an address that could be connected to: `localhost` is `::1` and `127.0.0.1`, and a service
    /// often listens on one of them alone.
    pub(super) fn worked(&self, address: IpAddr) {
        self.worked.set(Some(address));
    }

    /// Forgets it: the answer is another.
    pub(super) fn forget(&self) {
        self.worked.set(None);
    }
}

/// Whether the policy allows such an address at all.
pub(super) fn is_allowed(policy: DnsPolicy, address: IpAddr) -> bool {
    match policy {
        DnsPolicy::OnlyIpv4 => address.is_ipv4(),
        DnsPolicy::OnlyIpv6 => address.is_ipv6(),
        DnsPolicy::PreferIpv4 | DnsPolicy::PreferIpv6 | DnsPolicy::Any => true,
    }
}

/// The addresses in the order they are to be tried. `draw` gives a number below its argument by chance.
pub(super) fn order(
    addresses: &[IpAddr],
    (select, policy): (DnsSelect, DnsPolicy),
    turn: &Turn,
    mut draw: impl FnMut(usize) -> usize,
) -> Vec<IpAddr> {
    let is_preferred = |address: &IpAddr| match policy {
        DnsPolicy::PreferIpv4 | DnsPolicy::OnlyIpv4 => address.is_ipv4(),
        DnsPolicy::PreferIpv6 | DnsPolicy::OnlyIpv6 => address.is_ipv6(),
        DnsPolicy::Any => true,
    };
    let allowed = addresses.iter().copied().filter(|address| is_allowed(policy, *address));
    let (mut first, mut rest): (Vec<_>, Vec<_>) = allowed.partition(is_preferred);
    let worked = turn.worked.get();
    // Nobody answered on the preferred kind, or there is none of it.
    if first.is_empty() || worked.is_some_and(|address| rest.contains(&address)) {
        std::mem::swap(&mut first, &mut rest);
    }
    match select {
        DnsSelect::First => {
            if let Some(at) = first.iter().position(|address| Some(*address) == worked) {
                first[..=at].rotate_right(1);
            }
        }
        DnsSelect::RoundRobin if !first.is_empty() => {
            let at = turn.next.get();
            turn.next.set(at.wrapping_add(1));
            let length = first.len();
            first.rotate_left(at % length);
        }
        DnsSelect::RoundRobin => {}
        DnsSelect::Random => {
            for at in 1..first.len() {
                first.swap(at, draw(at + 1));
            }
        }
    }
    first.append(&mut rest);
    first
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64Mcg;

    use super::*;

    const ALL: [&str; 4] = ["::1", "127.0.0.1", "127.0.0.2", "::2"];

    fn ordered(addresses: &[&str], rule: (DnsSelect, DnsPolicy), turn: &Turn) -> String {
        let addresses: Vec<IpAddr> = addresses.iter().map(|text| text.parse().unwrap()).collect();
        let order = order(&addresses, rule, turn, |_| panic!("nothing is drawn"));
        order.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_policy_says_which_kinds_count_and_which_come_first() {
        for (policy, wanted) in [
            (DnsPolicy::PreferIpv4, "127.0.0.1 127.0.0.2 ::1 ::2"),
            (DnsPolicy::PreferIpv6, "::1 ::2 127.0.0.1 127.0.0.2"),
            (DnsPolicy::OnlyIpv4, "127.0.0.1 127.0.0.2"),
            (DnsPolicy::OnlyIpv6, "::1 ::2"),
            (DnsPolicy::Any, "::1 127.0.0.1 127.0.0.2 ::2"),
        ] {
            assert_eq!(ordered(&ALL, (DnsSelect::First, policy), &Turn::default()), wanted, "{policy:?}");
        }
        assert_eq!(ordered(&["::1"], (DnsSelect::First, DnsPolicy::PreferIpv4), &Turn::default()), "::1");
        assert_eq!(ordered(&["::1"], (DnsSelect::RoundRobin, DnsPolicy::OnlyIpv4), &Turn::default()), "");
    }

    #[test]
    fn what_worked_goes_first() {
        let turn = Turn::default();
        turn.worked("127.0.0.2".parse().unwrap());
        let first = |policy| ordered(&ALL, (DnsSelect::First, policy), &turn);
        assert_eq!(first(DnsPolicy::Any), "127.0.0.2 ::1 127.0.0.1 ::2");
        assert_eq!(first(DnsPolicy::PreferIpv4), "127.0.0.2 127.0.0.1 ::1 ::2");
        // The preferred kind did not answer: its turn comes last.
        assert_eq!(first(DnsPolicy::PreferIpv6), "127.0.0.2 127.0.0.1 ::1 ::2");
        turn.forget();
        assert_eq!(first(DnsPolicy::PreferIpv6), "::1 ::2 127.0.0.1 127.0.0.2");
    }

    #[test]
    fn each_has_its_turn_in_round_robin() {
        let turn = Turn::beginning(1);
        let rule = (DnsSelect::RoundRobin, DnsPolicy::PreferIpv4);
        let three = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];
        let firsts: Vec<String> =
            (0..4).map(|_| ordered(&three, rule, &turn).split(' ').next().unwrap().to_owned()).collect();
        assert_eq!(firsts, ["10.0.0.2", "10.0.0.3", "10.0.0.1", "10.0.0.2"]);
        assert_eq!(ordered(&ALL, rule, &Turn::beginning(usize::MAX)), "127.0.0.2 127.0.0.1 ::1 ::2");
    }

    #[test]
    fn chance_gives_each_order_its_share_and_keeps_the_kinds_apart() {
        let mut random = Pcg64Mcg::seed_from_u64(7);
        let addresses: Vec<IpAddr> =
            ["10.0.0.1", "10.0.0.2", "10.0.0.3", "::1"].iter().map(|text| text.parse().unwrap()).collect();
        let mut firsts = std::collections::BTreeMap::new();
        for _ in 0..3_000 {
            let rule = (DnsSelect::Random, DnsPolicy::PreferIpv4);
            let order = order(&addresses, rule, &Turn::default(), |below| random.random_range(0..below));
            assert_eq!(order[3], addresses[3]);
            *firsts.entry(order[0]).or_insert(0) += 1;
        }
        assert_eq!(firsts.len(), 3);
        // 1,000 each; four standard deviations.
        assert!(firsts.values().all(|count| (890..1_110).contains(count)), "{firsts:?}");
    }
}
