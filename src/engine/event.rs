//! What the engine tells: a tick a second to its observers, an outcome at the end.
//!
//! Plain data: whoever shows, writes or judges it stands in a room below. An observer that is slow
//! delays nobody but the control thread, which has a second for each tick.

use std::time::Duration;

use crate::diagnostic::Diagnostic;
use crate::http::Connections;
use crate::metrics::Snapshot;
use crate::plan::Judgement;
use crate::script::LogLine;

use super::vitals::Vitals;

/// Iterations by what became of them: scheduled = started + dropped, started = ok + failed +
/// interrupted (+ those still running, until the end).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Books {
    /// Iterations that the demand asked for.
    pub scheduled: u64,
    /// Iterations that began.
    pub started: u64,
    /// Those that ran to their end.
    pub ok: u64,
    /// Those that threw, or that an `assert` or `fail` ended.
    pub failed: u64,
    /// Those that the stop cut.
    pub interrupted: u64,
    /// Iterations that could not begin.
    pub dropped: u64,
}

impl Books {
    /// Adds another part's books.
    pub fn add(&mut self, other: Books) {
        self.scheduled += other.scheduled;
        self.started += other.started;
        self.ok += other.ok;
        self.failed += other.failed;
        self.interrupted += other.interrupted;
        self.dropped += other.dropped;
    }

    /// Iterations that run now.
    pub fn running(&self) -> u64 {
        self.started.saturating_sub(self.ok + self.failed + self.interrupted)
    }

    /// Whether both equations hold, once nothing runs any more.
    pub fn balance(&self) -> bool {
        self.scheduled == self.started + self.dropped && self.running() == 0
    }
}

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
    /// What the run has recorded so far.
    pub total: &'a Snapshot,
    /// Virtual users that are active.
    pub vus: u64,
    /// The most that are wanted, as planned or steered.
    pub vus_max: u64,
    /// The iterations so far.
    pub books: Books,
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

/// What became of one scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioOutcome {
    /// Its name.
    pub name: String,
    /// Its iterations.
    pub books: Books,
    /// How many of the failed ones threw, rather than an `assert` or `fail` ended them.
    pub threw: u64,
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
    /// Everything recorded.
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
    /// The connections that were opened, `setup`'s and `teardown`'s included.
    pub connections: Connections,
}

/// Different failures that are kept: what a reader looks at; the rest is counted.
pub const FAILURES_MAX: usize = 50;

impl Outcome {
    /// A run that came to its end in a second and of which nothing else is to be told, for tests to add to.
    #[cfg(test)]
    pub(crate) fn uneventful() -> Self {
        Self {
            total: Snapshot::default(),
            elapsed: Duration::from_secs(1),
            paused: Duration::ZERO,
            end: End::Finished,
            judgements: Vec::new(),
            scenarios: Vec::new(),
            failures: Vec::new(),
            failures_more: 0,
            errors: Vec::new(),
            imbalances: Vec::new(),
            requests_cut: 0,
            log_lost: 0,
            seed: 0,
            vitals: Vitals::default(),
            connections: Connections::default(),
        }
    }

    /// All scenarios' iterations.
    pub fn books(&self) -> Books {
        self.scenarios.iter().fold(Books::default(), |mut sum, scenario| {
            sum.add(scenario.books);
            sum
        })
    }
}
