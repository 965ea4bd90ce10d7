//! Where runs wait for each other that are to start together.
//!
//! | gate    | event                                    | next                             |
//! |---------|------------------------------------------|----------------------------------|
//! | filling | a run has its `setup` behind it          | filling, open once it is the last |
//! | filling | a run was stopped before that            | the same: nobody waits for it    |
//! | filling | a run ended otherwise before that        | closed                           |
//!
//! One clock and one instant for all: what they count since the start is the same time.

use tokio::sync::mpsc::Receiver;
use tokio::sync::watch;

use crate::diagnostic::{Code, Diagnostic};

use super::EngineError;
use super::control::Urgency;
use super::event::Observer;
use super::message::Report;
use super::timer::Epoch;

/// From the last arrival to the start, for a run alone: workers on busy cores need a moment to hear it.
const START_DELAY_NS: u64 = 1_000_000;
/// The same for several: first their control threads have to wake up, on the same cores.
const START_TOGETHER_DELAY_NS: u64 = 5_000_000;

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
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

    /// The run was stopped: nobody has to wait for it.
    pub(super) fn leave(&mut self) {
        self.arrive();
    }

    /// The run is ready; the answer comes once all are.
    fn arrive(&mut self) -> watch::Receiver<State> {
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

/// Waits for the runs that start together with this one, and gives the instant; or the name of one that ended
/// before its load. Meanwhile the run hears of a stop, and of its workers.
pub(super) async fn meet(
    mut pass: Pass,
    (urgency, reports): (&mut watch::Receiver<Urgency>, &mut Receiver<(usize, Report)>),
    observer: &mut dyn Observer,
) -> Result<Result<u64, String>, EngineError> {
    let mut gate = pass.arrive();
    loop {
        match &*gate.borrow_and_update() {
            State::Open { start_ns } => return Ok(Ok(*start_ns)),
            State::Closed { by } => return Ok(Err(by.clone())),
            State::Filling { .. } => {}
        }
        tokio::select! {
            biased;
            // Whoever watches the load hears of the stop again.
            Ok(()) = urgency.changed() => return Ok(Ok(pass.epoch.now_ns() + START_DELAY_NS)),
            Ok(()) = gate.changed() => {}
            report = reports.recv() => match report.ok_or(EngineError::Lost)?.1 {
                Report::Log(line) => observer.log(&line),
                Report::Gone(error) => return Err(error),
                _ => {}
            },
        }
    }
}

/// There is no load, since another script that was to be played at the same time has none.
pub(super) fn left_alone(other: &str) -> Diagnostic {
    let text = format!("`{other}` did not get as far as its load, so there was none here either");
    Diagnostic::new(Code::Target, text)
        .hint("scripts that are played together start together; `--in-series` plays each for itself")
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
