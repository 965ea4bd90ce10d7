//! Resolving names and opening TCP connections, each timed by the caller.
//!
//! Names are resolved by the system, one look-up at a time per name and worker, and kept for a
//! while; a failure is kept for a moment, so that ten thousand users who start together ask once.

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use rustc_hash::FxHashMap;
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use super::clock::Clock;
use super::endpoint::Endpoint;
use super::error::{Failure, Resource};

/// How long an address is believed: k6's `--dns ttl=5m`.
const FOUND_TTL_NS: u64 = 300_000_000_000;
/// How long a failed look-up is believed: long enough for a crowd, short enough for a repair to show.
const FAILED_TTL_NS: u64 = 1_000_000_000;
/// Names remembered per worker; a test calls a handful. Past it all are forgotten and asked again.
const NAMES_MAX: usize = 1024;

/// The names that a worker has resolved.
#[derive(Debug, Default)]
pub(super) struct Resolver {
    names: RefCell<FxHashMap<Box<str>, Rc<Name>>>,
}

#[derive(Debug, Default)]
struct Name {
    /// Held by whoever asks the system; the others wait for the answer.
    turn: Mutex<()>,
    answer: RefCell<Option<Answer>>,
}

#[derive(Debug)]
struct Answer {
    found: Result<Rc<[IpAddr]>, Failure>,
    until_ns: u64,
}

impl Resolver {
    /// The addresses of a host, the one that worked last first.
    pub(super) async fn resolve(&self, host: &str, clock: &dyn Clock) -> Result<Rc<[IpAddr]>, Failure> {
        let name = self.name(host);
        if let Some(known) = name.known(clock.now_ns()) {
            return known;
        }
        let _turn = name.turn.lock().await;
        if let Some(known) = name.known(clock.now_ns()) {
            return known;
        }
        let found = look_up(host).await;
        let ttl_ns = if found.is_ok() { FOUND_TTL_NS } else { FAILED_TTL_NS };
        *name.answer.borrow_mut() = Some(Answer { found: found.clone(), until_ns: clock.now_ns() + ttl_ns });
        found
    }

    /// Puts the address that could be connected to first: `localhost` is `::1` before `127.0.0.1`,
    /// and a service often listens on the second alone.
    fn prefer(&self, host: &str, address: IpAddr) {
        let name = self.name(host);
        let mut answer = name.answer.borrow_mut();
        if let Some(Answer { found: Ok(addresses), .. }) = &mut *answer
            && addresses.first() != Some(&address)
        {
            let others = addresses.iter().copied().filter(|other| *other != address);
            *addresses = std::iter::once(address).chain(others).collect();
        }
    }

    fn name(&self, host: &str) -> Rc<Name> {
        let mut names = self.names.borrow_mut();
        if let Some(name) = names.get(host) {
            return Rc::clone(name);
        }
        if names.len() >= NAMES_MAX {
            names.clear();
        }
        Rc::clone(names.entry(host.into()).or_default())
    }
}

impl Name {
    fn known(&self, now_ns: u64) -> Option<Result<Rc<[IpAddr]>, Failure>> {
        let answer = self.answer.borrow();
        answer.as_ref().filter(|answer| now_ns < answer.until_ns).map(|answer| answer.found.clone())
    }
}

async fn look_up(host: &str) -> Result<Rc<[IpAddr]>, Failure> {
    match tokio::net::lookup_host((host, 0)).await {
        Ok(addresses) => {
            let found: Rc<[IpAddr]> = addresses.map(|address| address.ip()).collect();
            if found.is_empty() { Err(Failure::HostNotFound { host: host.into() }) } else { Ok(found) }
        }
        Err(error) => Err(look_up_failure(host, &error.to_string())),
    }
}

/// The standard library passes `getaddrinfo`'s answer on as text only: glibc's and musl's words for
/// "there is no such name" are the target's fault, any other is a resolver that failed us.
fn look_up_failure(host: &str, text: &str) -> Failure {
    const NO_SUCH_NAME: [&str; 5] = [
        "Name or service not known",
        "No address associated",
        "does not resolve",
        "has no usable address",
        "nodename nor servname",
    ];
    if NO_SUCH_NAME.iter().any(|words| text.contains(words)) {
        return Failure::HostNotFound { host: host.into() };
    }
    let reason = text.strip_prefix("failed to lookup address information: ").unwrap_or(text);
    Failure::Resolver { host: host.into(), reason: reason.into() }
}

/// Where an endpoint may be reached.
#[derive(Debug)]
pub(super) enum Addresses {
    Literal(SocketAddr),
    Resolved(Rc<[IpAddr]>),
}

impl Addresses {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Literal(_) => 1,
            Self::Resolved(addresses) => addresses.len(),
        }
    }

    /// The address at `index`, which is below [`len`](Self::len).
    pub(super) fn get(&self, index: usize, port: u16) -> SocketAddr {
        match self {
            Self::Literal(address) => *address,
            Self::Resolved(addresses) => SocketAddr::new(addresses[index], port),
        }
    }

    /// Remembers that the address at `index` worked.
    pub(super) fn worked(&self, index: usize, endpoint: &Endpoint, resolver: &Resolver) {
        if let Self::Resolved(addresses) = self
            && index > 0
        {
            resolver.prefer(endpoint.host(), addresses[index]);
        }
    }
}

/// Opens one connection. Small writes go out at once: a request is one write already.
pub(super) async fn dial(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Of the failures of several addresses the one to report: the first that says something about the
/// target. A machine without IPv6 answers `::1` with "address not available", which says nothing.
pub(super) fn more_telling(first: Option<Failure>, second: Failure) -> Failure {
    match first {
        None | Some(Failure::Unreachable { .. } | Failure::Exhausted { resource: Resource::Ports }) => second,
        Some(first) => first,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_name_is_not_a_failing_resolver() {
        for text in [
            "failed to lookup address information: Name or service not known",
            "failed to lookup address information: Name does not resolve",
            "failed to lookup address information: No address associated with hostname",
        ] {
            assert_eq!(look_up_failure("h", text), Failure::HostNotFound { host: "h".into() });
        }
        let failing = look_up_failure(
            "h",
            "failed to lookup address information: Temporary failure in name resolution",
        );
        assert_eq!(failing.to_string(), "cannot resolve host `h`: Temporary failure in name resolution");
        assert!(failing.is_generator_fault());
    }

    #[test]
    fn the_address_that_worked_goes_first() {
        let resolver = Resolver::default();
        let addresses: Rc<[IpAddr]> =
            ["::1", "127.0.0.1", "127.0.0.2"].map(|text| text.parse().unwrap()).into();
        *resolver.name("h").answer.borrow_mut() =
            Some(Answer { found: Ok(Rc::clone(&addresses)), until_ns: u64::MAX });
        let endpoint = Endpoint::parse(None, "http://h/").unwrap();
        Addresses::Resolved(addresses).worked(1, &endpoint, &resolver);
        let now = resolver.name("h").known(0).unwrap().unwrap();
        assert_eq!(
            now.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["127.0.0.1", "::1", "127.0.0.2"]
        );
    }

    #[test]
    fn names_are_bounded() {
        let resolver = Resolver::default();
        for number in 0..=NAMES_MAX {
            resolver.name(&number.to_string());
        }
        assert_eq!(resolver.names.borrow().len(), 1);
    }

    #[test]
    fn reports_what_the_target_did() {
        let address: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let refused = || Failure::Refused { address };
        let ports = || Failure::Exhausted { resource: Resource::Ports };
        assert_eq!(more_telling(Some(ports()), refused()), refused());
        assert_eq!(more_telling(Some(refused()), ports()), refused());
        assert_eq!(more_telling(None, ports()), ports());
    }
}
