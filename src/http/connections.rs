//! The connections that a worker's clients opened and used again: how many, to whom, and what TLS came to.
//!
//! Told when a connection comes to stand and when a request ends that needed none: a request over a known connection
//! costs an addition. Bounded: past [`PEERS_MAX`] different ends connections are counted alone.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;

use super::tls::Negotiated;

/// Ends that are told apart: more than a report shows, and with each new connection all are looked at.
pub const PEERS_MAX: usize = 64;

/// An end that connections were opened to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Scheme, host and port of the URLs that led there: `https://api.test`.
    pub origin: String,
    /// The other end as the socket has it: the proxy's, where one lies between. A Unix socket has none.
    pub address: Option<SocketAddr>,
    /// Whether a proxy lies between.
    pub is_proxied: bool,
    /// What TLS agreed on, where it is spoken.
    pub tls: Option<Negotiated>,
    /// Connections that came to stand.
    pub opened: u64,
}

impl Peer {
    fn is(&self, other: &PeerRef<'_>) -> bool {
        self.address == other.address
            && self.is_proxied == other.is_proxied
            && self.tls == other.tls
            && self.origin == other.origin
    }
}

/// A peer as a connector has it: most are known, and nothing is copied.
#[derive(Debug, Clone, Copy)]
pub(super) struct PeerRef<'a> {
    pub(super) origin: &'a str,
    pub(super) address: Option<SocketAddr>,
    pub(super) is_proxied: bool,
    pub(super) tls: Option<Negotiated>,
}

/// Connections opened and used again, of a worker or of all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Connections {
    /// Connections that came to stand, TLS included: for requests, web sockets, streams of events.
    pub opened: u64,
    /// Requests that went over a connection which had served one before.
    pub reused: u64,
    /// To whom: at most [`PEERS_MAX`], sorted by origin and address.
    pub peers: Vec<Peer>,
    /// Connections to further peers.
    pub peers_more: u64,
}

impl Connections {
    /// Adds another worker's.
    pub fn merge(&mut self, other: Self) {
        self.opened += other.opened;
        self.reused += other.reused;
        self.peers_more += other.peers_more;
        for peer in other.peers {
            let key = |peer: &Peer| (peer.origin.clone(), peer.address, peer.is_proxied);
            let own = PeerRef {
                origin: &peer.origin,
                address: peer.address,
                is_proxied: peer.is_proxied,
                tls: peer.tls,
            };
            if let Some(known) = self.peers.iter_mut().find(|known| known.is(&own)) {
                known.opened += peer.opened;
            } else if self.peers.len() < PEERS_MAX {
                let at = self.peers.partition_point(|known| key(known) <= key(&peer));
                self.peers.insert(at, peer);
            } else {
                self.peers_more += peer.opened;
            }
        }
    }
}

/// A worker's account of its connections.
#[derive(Debug, Default)]
pub(super) struct Account {
    opened: Cell<u64>,
    reused: Cell<u64>,
    /// How many of both were told by [`Account::count`].
    told: Cell<(u64, u64)>,
    peers: RefCell<Vec<Peer>>,
    peers_more: Cell<u64>,
}

impl Account {
    /// A connection stands.
    pub(super) fn open(&self, peer: PeerRef<'_>) {
        self.opened.set(self.opened.get() + 1);
        let mut peers = self.peers.borrow_mut();
        // Users come to the same few ends in turn: the last one is the likeliest.
        if let Some(known) = peers.iter_mut().rev().find(|known| known.is(&peer)) {
            known.opened += 1;
        } else if peers.len() < PEERS_MAX {
            let PeerRef { origin, address, is_proxied, tls } = peer;
            peers.push(Peer { origin: origin.to_owned(), address, is_proxied, tls, opened: 1 });
        } else {
            self.peers_more.set(self.peers_more.get() + 1);
        }
    }

    /// A request ended that went over a connection which had served one before.
    pub(super) fn reuse(&self) {
        self.reused.set(self.reused.get() + 1);
    }

    /// Opened and reused since the last call or [`Account::take`].
    pub(super) fn count(&self) -> (u64, u64) {
        let now = (self.opened.get(), self.reused.get());
        let before = self.told.replace(now);
        (now.0 - before.0, now.1 - before.1)
    }

    /// All since the last call.
    pub(super) fn take(&self) -> Connections {
        self.told.set((0, 0));
        let mut all = Connections::default();
        all.merge(Connections {
            opened: self.opened.take(),
            reused: self.reused.take(),
            peers: self.peers.take(),
            peers_more: self.peers_more.take(),
        });
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(port: u16) -> PeerRef<'static> {
        let address = Some(SocketAddr::from(([127, 0, 0, 1], port)));
        PeerRef { origin: "http://a.test", address, is_proxied: false, tls: None }
    }

    #[test]
    fn connections_are_counted_by_their_other_end() {
        let account = Account::default();
        for port in [80, 81, 80, 80] {
            account.open(peer(port));
        }
        account.open(PeerRef { is_proxied: true, ..peer(80) });
        account.reuse();
        assert_eq!((account.count(), account.count()), ((5, 1), (0, 0)));
        let taken = account.take();
        assert_eq!((taken.opened, taken.reused, taken.peers_more), (5, 1, 0));
        let opened: Vec<u64> = taken.peers.iter().map(|peer| peer.opened).collect();
        assert_eq!(opened, [3, 1, 1]);
        assert_eq!(account.take(), Connections::default());
    }

    #[test]
    fn peers_are_bounded_and_the_rest_is_counted() {
        let account = Account::default();
        for port in 1..=100 {
            account.open(peer(port));
        }
        let one = account.take();
        assert_eq!((one.peers.len(), one.peers_more, one.opened), (PEERS_MAX, 36, 100));
        account.open(peer(1));
        account.open(peer(99));
        let mut both = one.clone();
        both.merge(account.take());
        assert_eq!((both.peers.len(), both.peers_more, both.opened), (PEERS_MAX, 37, 102));
        assert_eq!(both.peers[0].opened, 2);
        assert_eq!(both.peers.iter().map(|peer| peer.opened).sum::<u64>() + both.peers_more, both.opened);
    }

    #[test]
    fn what_is_told_starts_anew_when_all_is_taken() {
        let account = Account::default();
        account.open(peer(80));
        let _ = account.take();
        account.open(peer(80));
        assert_eq!(account.count(), (1, 0));
    }
}
