//! Where runs wait for each other that are to start together.
//!
//! | gate    | event                                    | next                             |
//! |---------|------------------------------------------|----------------------------------|
//! | filling | a run has its `setup` behind it          | filling, open once it is the last |
//! | filling | a run was stopped before that            | the same: nobody waits for it    |
//! | filling | a run ended otherwise before that        | closed                           |
//!
//! One clock and one instant for all: what they count since the start is the same time.

use tokio::sync::watch;

use super::timer::Epoch;

/// From the last arrival to the start, for a run alone: workers on busy cores need a moment to hear it.
pub(super) const START_DELAY_NS: u64 = 1_000_000;
/// The same for several: first their control threads have to wake up, on the same cores.
const START_TOGETHER_DELAY_NS: u64 = 5_000_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// So many have not arrived.
    Filling { missing: usize },
    /// The load starts at this instant of the common clock.
    Open { start_ns: u64 },
    /// The run of this name ended before its load: there is none for the others either.
    Closed { by: String },
}

/// One run's place at a gate. Dropped before it was used, it closes the gate.
#[derive(Debug)]
pub struct Pass {
    epoch: Epoch,
    gate: watch::Sender<State>,
    name: String,
    delay_ns: u64,
    is_used: bool,
}

impl Pass {
    /// Of a run that waits for no other.
    pub fn alone() -> Self {
        Self::several([String::new()]).pop().expect("a name gives a pass")
    }

    /// Passes of runs that start together, by their names.
    pub fn several(names: impl IntoIterator<Item = String>) -> Vec<Self> {
        let names: Vec<String> = names.into_iter().collect();
        let (epoch, gate) = (Epoch::now(), watch::Sender::new(State::Filling { missing: names.len() }));
        let delay_ns = if names.len() > 1 { START_TOGETHER_DELAY_NS } else { START_DELAY_NS };
        let pass = |name| Self { epoch, gate: gate.clone(), name, delay_ns, is_used: false };
        names.into_iter().map(pass).collect()
    }

    /// The clock that all go by.
    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The run is ready, or was stopped; the answer comes once all are.
    pub(super) fn arrive(&mut self) -> watch::Receiver<State> {
        if !std::mem::replace(&mut self.is_used, true) {
            let start_ns = self.epoch.now_ns() + self.delay_ns;
            self.gate.send_modify(|state| {
                *state = match state {
                    State::Filling { missing: 1 } => State::Open { start_ns },
                    State::Filling { missing } => State::Filling { missing: *missing - 1 },
                    State::Open { .. } | State::Closed { .. } => return,
                };
            });
        }
        self.gate.subscribe()
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if !self.is_used {
            self.gate.send_if_modified(|state| {
                let is_filling = matches!(state, State::Filling { .. });
                if is_filling {
                    *state = State::Closed { by: self.name.clone() };
                }
                is_filling
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes() -> (Pass, Pass) {
        let mut passes = Pass::several(["a".to_owned(), "b".to_owned()]);
        let second = passes.pop().unwrap();
        (passes.pop().unwrap(), second)
    }

    #[test]
    fn the_last_to_come_opens_it_at_one_instant_for_all() {
        let (mut a, mut b) = passes();
        let first = a.arrive();
        assert_eq!(*first.borrow(), State::Filling { missing: 1 });
        a.arrive();
        assert_eq!(*first.borrow(), State::Filling { missing: 1 }, "it counts once");
        let second = b.arrive();
        let State::Open { start_ns } = *second.borrow() else { panic!("not open") };
        assert_eq!(*first.borrow(), State::Open { start_ns });
        assert!(start_ns > a.epoch().now_ns(), "both have a moment to hear of it");
        drop((a, b));
        assert_eq!(*first.borrow(), State::Open { start_ns });
    }

    #[test]
    fn a_run_that_ends_before_its_load_closes_it() {
        let (mut a, b) = passes();
        let waits = a.arrive();
        drop(b);
        assert_eq!(*waits.borrow(), State::Closed { by: "b".into() });
        let (a, mut b) = passes();
        drop(a);
        assert_eq!(*b.arrive().borrow(), State::Closed { by: "a".into() }, "also for who comes later");
    }
}
