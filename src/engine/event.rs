//! What the engine tells: a tick a second to its observers, an outcome at the end.
//!
//! Plain data: whoever shows, writes or judges it stands in a room below. An observer that is slow
//! delays nobody but the control thread, which has a second for each tick.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::diagnostic::Diagnostic;
use crate::http::{Connections, Example, Examples};
use crate::metrics::Snapshot;
use crate::plan::{Judgement, Plan};
use crate::script::LogLine;

use super::books::{Books, ScenarioOutcome};
use super::second::Second;
use super::so_far::SoFar;
use super::version::Version;
use super::vitals::Vitals;
use super::warm_up::WarmUp;

/// One second of the run, all workers together.
#[derive(Debug)]
pub struct Tick<'a> {
    /// Which second of the load, from 1.
    pub number: u64,
    /// Since the start of the load.
    pub elapsed: Duration,
    /// When the load is over at the latest, graceful stops and pauses so far included.
    pub end_max: Duration,
    /// Whether it is paused.
    pub is_paused: bool,
    /// What this second recorded.
    pub delta: &'a Snapshot,
    /// Whether it belongs to the warm-up, which no total holds.
    pub is_warm_up: bool,
    /// What the run has recorded so far.
    pub total: &'a Snapshot,
    /// Virtual users that are active.
    pub vus: u64,
    /// The most that are wanted, as planned or steered.
    pub vus_max: u64,
    /// The iterations so far.
    pub books: Books,
    /// What the run's summary would be made of if nothing followed.
    pub so_far: &'a SoFar<'a>,
}

/// A new epoch: what is recorded from here on is to be compared with what was before.
#[derive(Debug)]
pub struct NewEpoch<'a> {
    /// Which one; the load begins with 1.
    pub number: u64,
    /// The first second ([`Tick::number`]) that is wholly of it. Those between the end of the last epoch and
    /// this one are mixed, and of neither.
    pub first_second: u64,
    /// The last second that is wholly of the epoch before.
    pub last_second: u64,
    /// Why it begins.
    pub cause: EpochCause,
    /// What is played from here on.
    pub plan: &'a Plan,
}

/// Why an epoch begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EpochCause {
    /// Another version of the script is played.
    Reload {
        /// Which one; the run begins with 1.
        version: u64,
        /// From the wish until the last worker played it.
        took: Duration,
    },
    /// Somebody wanted to count anew.
    Reset,
}

/// Failures of kinds that a worker had not met before. How often they are met since stands in the metrics.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewFailures {
    /// Of failed requests and checks.
    pub examples: Vec<Example>,
    /// Of the script.
    pub failures: Vec<ScriptFailure>,
}

impl NewFailures {
    /// Whether nothing new has failed.
    pub fn is_empty(&self) -> bool {
        self.examples.is_empty() && self.failures.is_empty()
    }
}

/// Who wants to know how the run goes.
pub trait Observer {
    /// Called once a second, after the targets were looked at.
    fn tick(&mut self, tick: &Tick<'_>);

    /// Called for each line of a script's log.
    fn log(&mut self, line: &LogLine);

    /// Called when all is set up, just before the load.
    fn load_begins(&mut self) {}

    /// Called when the load is over, before `teardown`.
    fn load_ends(&mut self) {}

    /// Called when a new epoch begins, before its first second is told.
    fn epoch(&mut self, _new: &NewEpoch<'_>) {}

    /// Called when another version of the script could not be taken: the one before is played on.
    fn refused(&mut self, _diagnostic: &Diagnostic) {}

    /// Called once a second at most for each worker, where something failed in a way that is new to it: workers tell of
    /// the same kind one after another.
    fn failing(&mut self, _new: &NewFailures) {}
}

/// Several observers, told one after another.
pub struct Observers<'a>(pub Vec<&'a mut dyn Observer>);

impl Observer for Observers<'_> {
    fn tick(&mut self, tick: &Tick<'_>) {
        self.0.iter_mut().for_each(|observer| observer.tick(tick));
    }

    fn log(&mut self, line: &LogLine) {
        self.0.iter_mut().for_each(|observer| observer.log(line));
    }

    fn load_begins(&mut self) {
        self.0.iter_mut().for_each(|observer| observer.load_begins());
    }

    fn load_ends(&mut self) {
        self.0.iter_mut().for_each(|observer| observer.load_ends());
    }

    fn epoch(&mut self, new: &NewEpoch<'_>) {
        self.0.iter_mut().for_each(|observer| observer.epoch(new));
    }

    fn refused(&mut self, diagnostic: &Diagnostic) {
        self.0.iter_mut().for_each(|observer| observer.refused(diagnostic));
    }

    fn failing(&mut self, new: &NewFailures) {
        self.0.iter_mut().for_each(|observer| observer.failing(new));
    }
}

/// Why an iteration or a part of the life cycle failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailureKind {
    /// The script threw, misused a function, or met a limit of the sandbox: its own fault.
    Threw,
    /// An `assert` did not hold.
    Asserted,
    /// `fail(reason)`.
    Failed,
}

/// A failure of the script, and how often it was met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptFailure {
    /// Why.
    pub kind: FailureKind,
    /// The scenario in which it was met first.
    pub scenario: String,
    /// What and where.
    pub diagnostic: Diagnostic,
    /// How often.
    pub count: u64,
}

/// Why the load ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Every scenario came to its end.
    Finished,
    /// The user stopped it.
    Interrupted,
    /// The script called `abort` with this reason.
    Aborted(String),
    /// A target with `abort_on_fail` failed: its key and expression.
    TargetFailed(String),
    /// `setup` failed, so there was no load; the diagnostic stands in [`Outcome::errors`].
    NoLoad,
}

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Everything recorded, but for the warm-up.
    pub total: Snapshot,
    /// From the start of the load to its end; without setup and teardown.
    pub elapsed: Duration,
    /// How much of that it was paused.
    pub paused: Duration,
    /// Why it ended.
    pub end: End,
    /// The verdicts, in the order of declaration.
    pub judgements: Vec<Judgement>,
    /// A scenario each, in the order of declaration.
    pub scenarios: Vec<ScenarioOutcome>,
    /// Failures of the script, most frequent first; at most [`FAILURES_MAX`] different ones.
    pub failures: Vec<ScriptFailure>,
    /// Failures beyond those.
    pub failures_more: u64,
    /// What went wrong outside of iterations: in setup, teardown, or the runner itself.
    pub errors: Vec<Diagnostic>,
    /// Equations of the books that don't hold, in words: each is a bug of ours.
    pub imbalances: Vec<String>,
    /// Requests under way when the stop cut their iteration: the service saw them, no metric did.
    pub requests_cut: u64,
    /// Lines of the log that were lost because they came too fast.
    pub log_lost: u64,
    /// The seed of this run's random numbers.
    pub seed: u64,
    /// What the generator measured of itself.
    pub vitals: Vitals,
    /// What is left out of all figures, where the plan has a warm-up.
    pub warm_up: Option<WarmUp>,
    /// The load's whole seconds, a line each.
    pub seconds: Vec<Second>,
    /// Iterations that the stop or a deadline cut, by scenario and place; most first.
    pub interrupted: Vec<Interrupted>,
    /// Of each kind of failed request the first one, most frequent first.
    pub examples: Examples,
    /// The connections that were opened, `setup`'s and `teardown`'s included.
    pub connections: Connections,
    /// The version of the script that was played in the end, where that isn't the one that the run began with.
    pub replaced_by: Option<Arc<Version>>,
}

/// Iterations that were cut at one place of the script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interrupted {
    /// Their scenario.
    pub scenario: String,
    /// Where they were: `flow.rhai:12:5`; nothing where nobody knows.
    pub place: Option<String>,
    /// How many.
    pub count: u64,
    /// How long the oldest had run when it ended.
    pub oldest: Duration,
    /// How long they had run, all together.
    pub sum: Duration,
}

/// Different places of cut iterations that are kept; the rest stands under no place.
pub const INTERRUPTED_MAX: usize = 50;

impl Interrupted {
    /// Adds to a list; past [`INTERRUPTED_MAX`] the place is forgotten.
    pub(super) fn note(list: &mut Vec<Interrupted>, mut new: Interrupted) {
        let same = |known: &Interrupted, new: &Interrupted| {
            known.scenario == new.scenario && known.place == new.place
        };
        if list.len() >= INTERRUPTED_MAX && !list.iter().any(|known| same(known, &new)) {
            new.place = None;
        }
        match list.iter_mut().find(|known| same(known, &new)) {
            Some(known) => {
                known.count += new.count;
                known.oldest = known.oldest.max(new.oldest);
                known.sum = known.sum.saturating_add(new.sum);
            }
            None => list.push(new),
        }
    }
}

/// Different failures that are kept: what a reader looks at; the rest is counted.
pub const FAILURES_MAX: usize = 50;

impl Outcome {
    /// A run that came to its end in a second and of which nothing else is to be told, for tests to add to.
    #[cfg(test)]
    pub(crate) fn uneventful() -> Self {
        Self { elapsed: Duration::from_secs(1), ..Self::blank(End::Finished, 0) }
    }

    /// A run of which nothing is known but how it ended, for whoever knows more to add to.
    pub(crate) fn blank(end: End, seed: u64) -> Self {
        Self {
            total: Snapshot::default(),
            elapsed: Duration::ZERO,
            paused: Duration::ZERO,
            end,
            judgements: Vec::new(),
            scenarios: Vec::new(),
            failures: Vec::new(),
            failures_more: 0,
            errors: Vec::new(),
            imbalances: Vec::new(),
            requests_cut: 0,
            log_lost: 0,
            seed,
            vitals: Vitals::default(),
            warm_up: None,
            seconds: Vec::new(),
            interrupted: Vec::new(),
            examples: Examples::default(),
            connections: Connections::default(),
            replaced_by: None,
        }
    }

    /// How much of the load the figures are of: all of it but the warm-up.
    pub fn measured(&self) -> Duration {
        self.elapsed.saturating_sub(self.warm_up.as_ref().map_or(Duration::ZERO, |warm_up| warm_up.elapsed))
    }

    /// Everything recorded, the warm-up included: what the books are held against.
    pub fn recorded(&self) -> Cow<'_, Snapshot> {
        let Some(warm_up) = &self.warm_up else { return Cow::Borrowed(&self.total) };
        let mut whole = warm_up.recorded.clone();
        whole.append(&self.total);
        Cow::Owned(whole)
    }

    /// All scenarios' iterations.
    pub fn books(&self) -> Books {
        self.scenarios.iter().fold(Books::default(), |mut sum, scenario| {
            sum.add(scenario.books);
            sum
        })
    }
}
