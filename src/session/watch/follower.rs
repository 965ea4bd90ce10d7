//! The observer of a run whose script is edited: which version all workers play, and what that did to the numbers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::diagnostic::Diagnostic;
use crate::engine::{EpochCause, NewEpoch, Observer, Tick};
use crate::plan::Plan;
use crate::results::Epochs;
use crate::script::LogLine;

use super::news::{Compared, News, Span};

/// So many whole seconds of an epoch are compared with the one before: a percentile needs some.
const COMPARED_SECONDS: u64 = 10;
/// Versions on their way; of more the oldest are as good as replaced.
const ON_THEIR_WAY_MAX: usize = 100;

/// What the watching thread and the observer share.
#[derive(Debug, Default)]
pub(super) struct Standing(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// What is played, as far as the workers have said.
    played: Arc<Plan>,
    /// When the versions were saved that are on their way.
    saved: BTreeMap<u64, Instant>,
}

impl Standing {
    /// The load begins with that plan.
    pub(super) fn begin(&self, plan: Plan) {
        *self.state() = State { played: Arc::new(plan), ..State::default() };
    }

    /// What another version is held against.
    pub(super) fn played(&self) -> Arc<Plan> {
        Arc::clone(&self.state().played)
    }

    /// A version is about to be handed to the load.
    pub(super) fn hand_over(&self, version: u64, saved: Instant) {
        let mut state = self.state();
        state.saved.insert(version, saved);
        if state.saved.len() > ON_THEIR_WAY_MAX {
            state.saved.pop_first();
        }
    }

    /// A version is played; when it was saved.
    fn taken(&self, version: u64, plan: &Plan) -> Option<Instant> {
        let mut state = self.state();
        state.played = Arc::new(plan.clone());
        // Those before it were replaced on their way, or refused.
        let later = state.saved.split_off(&(version + 1));
        std::mem::replace(&mut state.saved, later).remove(&version)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells what becomes of the versions of one load.
pub struct Follower<T: FnMut(News)> {
    standing: Arc<Standing>,
    epochs: Epochs,
    /// The epoch was compared with the one before when it had so many seconds.
    compared: u64,
    tell: T,
}

impl<T: FnMut(News)> Follower<T> {
    pub(super) fn new(standing: Arc<Standing>, tell: T) -> Self {
        Self { standing, epochs: Epochs::new(), compared: 0, tell }
    }

    /// Tells what a change did, if enough is new about it.
    fn compare(&mut self, seconds_min: u64) {
        let now = self.epochs.now();
        let Some(before) = self.epochs.before() else { return };
        if now.seconds < seconds_min.max(1) || now.seconds == self.compared {
            return;
        }
        self.compared = now.seconds;
        let span = |epoch: &crate::results::Epoch| Span {
            epoch: epoch.number,
            version: epoch.version,
            seconds: epoch.seconds,
        };
        let compared = Compared { now: span(&now), before: span(before), endpoints: self.epochs.compare() };
        (self.tell)(News::Compared(compared));
    }
}

impl<T: FnMut(News)> Observer for Follower<T> {
    fn tick(&mut self, tick: &Tick<'_>) {
        self.epochs.tick(tick);
        if self.compared == 0 {
            self.compare(COMPARED_SECONDS);
        }
    }

    fn log(&mut self, _line: &LogLine) {}

    fn load_ends(&mut self) {
        self.compare(1);
    }

    fn epoch(&mut self, new: &NewEpoch<'_>) {
        // What the epoch that ends came to, where more of it is known than was told.
        self.compare(COMPARED_SECONDS);
        self.epochs.epoch(new);
        self.compared = 0;
        match new.cause {
            EpochCause::Reload { version, took } => {
                let saved = self.standing.taken(version, new.plan);
                // From the first sign of the save; without one from the wish.
                let took = saved.map_or(took, |saved| saved.elapsed());
                (self.tell)(News::Live { version, epoch: new.number, took });
            }
            EpochCause::Reset => (self.tell)(News::Reset { epoch: new.number }),
        }
    }

    fn refused(&mut self, diagnostic: &Diagnostic) {
        (self.tell)(News::Refused(diagnostic.clone()));
    }
}
