//! The names that a worker has resolved.
//!
//! One look-up at a time per name and worker, and who waits for it takes its answer too; the answer is kept
//! for a while. A failure is kept for a moment, so that ten thousand users who start together ask once.

use std::cell::{Cell, RefCell};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rustc_hash::FxHashMap;
use tokio::sync::Mutex;

use super::super::clock::Clock;
use super::super::error::Failure;
use super::super::way_error::WayError;
use super::choice::{Turn, is_allowed, order};
use super::lookup::Lookup;
use crate::plan::Dns;

/// How long a failed look-up is believed, unless found ones are believed for less: long enough for a crowd,
/// short enough for a repair to show.
const FAILED_TTL: Duration = Duration::from_secs(1);
/// Names remembered per worker; a test calls a handful. Past it all are forgotten and asked again.
const NAMES_MAX: usize = 1024;

/// The names that a worker has resolved.
#[derive(Debug)]
pub(in super::super) struct Resolver {
    dns: Dns,
    lookup: Lookup,
    names: RefCell<FxHashMap<Box<str>, Rc<Name>>>,
    random: RefCell<Pcg64Mcg>,
}

#[derive(Debug, Default)]
struct Name {
    /// Held by whoever asks; the others wait for the answer.
    gate: Mutex<()>,
    /// How many look-ups have ended.
    asked: Cell<u64>,
    answer: RefCell<Option<Answer>>,
    turn: Turn,
}

#[derive(Debug)]
struct Answer {
    found: Result<Rc<[IpAddr]>, Failure>,
    until_ns: u64,
}

/// Nothing is drawn that has to be drawn alike in another run.
impl Default for Resolver {
    fn default() -> Self {
        Self::new(&Dns::default(), Lookup::System)
    }
}

impl Resolver {
    pub(in super::super) fn new(dns: &Dns, lookup: Lookup) -> Self {
        let seed = RandomState::new().hash_one(0);
        let random = RefCell::new(Pcg64Mcg::seed_from_u64(seed));
        Self { dns: dns.clone(), lookup, names: RefCell::default(), random }
    }

    /// The addresses of a host in the order they are to be tried; at least one.
    pub(in super::super) async fn resolve(
        &self,
        host: &str,
        clock: &dyn Clock,
    ) -> Result<Vec<IpAddr>, Failure> {
        let name = self.name(host);
        let found = self.found(&name, host, clock).await?;
        Ok(self.ordered(&name, &found))
    }

    /// The same, asked anew and not kept.
    pub(in super::super) async fn look_up(&self, host: &str) -> Result<Vec<IpAddr>, Failure> {
        let found = self.ask(host).await?;
        Ok(self.ordered(&self.name(host), &found))
    }

    fn ordered(&self, name: &Name, found: &[IpAddr]) -> Vec<IpAddr> {
        let rule = (self.dns.select, self.dns.policy);
        let mut random = self.random.borrow_mut();
        order(found, rule, &name.turn, |below| random.random_range(0..below))
    }

    async fn found(&self, name: &Name, host: &str, clock: &dyn Clock) -> Result<Rc<[IpAddr]>, Failure> {
        if let Some(known) = name.known(clock.now_ns()) {
            return known;
        }
        let asked = name.asked.get();
        let _gate = name.gate.lock().await;
        if let Some(known) = name.known(clock.now_ns()) {
            return known;
        }
        // Even an answer that isn't kept is for those who waited for it.
        if name.asked.get() != asked
            && let Some(answer) = &*name.answer.borrow()
        {
            return answer.found.clone();
        }
        let found = self.ask(host).await;
        name.asked.set(name.asked.get() + 1);
        let ttl = if found.is_ok() { self.dns.ttl } else { self.dns.ttl.min(FAILED_TTL) };
        let ttl_ns = u64::try_from(ttl.as_nanos()).unwrap_or(u64::MAX);
        let until_ns = clock.now_ns().saturating_add(ttl_ns);
        let answer = Answer { found: found.clone(), until_ns };
        let former = name.answer.borrow_mut().replace(answer);
        // The same addresses again: what worked is believed further on.
        if former.is_some_and(|former| former.found != found) {
            name.turn.forget();
        }
        found
    }

    async fn ask(&self, host: &str) -> Result<Rc<[IpAddr]>, Failure> {
        let policy = self.dns.policy;
        let found = self.lookup.ask(host, policy).await?;
        if found.iter().any(|address| is_allowed(policy, *address)) {
            Ok(found)
        } else {
            Err(WayError::NoAddressOfKind { host: host.into(), is_ipv4: found[0].is_ipv4() }.into())
        }
    }

    /// Remembers that a host could be connected to at this address.
    pub(in super::super) fn worked(&self, host: &str, address: IpAddr) {
        self.name(host).turn.worked(address);
    }

    fn name(&self, host: &str) -> Rc<Name> {
        let mut names = self.names.borrow_mut();
        if let Some(name) = names.get(host) {
            return Rc::clone(name);
        }
        if names.len() >= NAMES_MAX {
            names.clear();
        }
        let turn = Turn::beginning(self.random.borrow_mut().random_range(0..NAMES_MAX));
        let name = Rc::new(Name { turn, ..Name::default() });
        names.insert(host.into(), Rc::clone(&name));
        name
    }
}

impl Name {
    fn known(&self, now_ns: u64) -> Option<Result<Rc<[IpAddr]>, Failure>> {
        let answer = self.answer.borrow();
        answer.as_ref().filter(|answer| now_ns < answer.until_ns).map(|answer| answer.found.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded() {
        let resolver = Resolver::default();
        for number in 0..=NAMES_MAX {
            resolver.name(&number.to_string());
        }
        assert_eq!(resolver.names.borrow().len(), 1);
    }
}
