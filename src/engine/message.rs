//! What the control thread and the workers tell each other. Everything here crosses threads, so
//! nothing of Rhai is in it.

use std::sync::Arc;
use std::time::Duration;

use crate::diagnostic::Diagnostic;
use crate::http::{Connections, Examples};
use crate::metrics::Snapshot;
use crate::script::LogLine;

use super::EngineError;
use super::books::{Books, ScenarioOutcome};
use super::control::Steer;
use super::event::{Interrupted, NewFailures, ScriptFailure};
use super::version::Version;
use super::vitals::{Gap, ThreadUse};

/// From the control thread to a worker.
#[derive(Debug, Clone)]
pub(super) enum Command {
    /// Run `setup`.
    SetUp,
    /// Play the load from `start_ns` on; `data` is what `setup` returned. It may begin with a pause.
    Start { start_ns: u64, data: serde_json::Value, opening: Opening },
    /// Change the load at an instant, a little ahead; changes are numbered from 1.
    Change { number: u64, at_ns: u64, changes: Vec<Change> },
    /// Load another version of the script beside the one that is played, for a [`Change::Take`] to come.
    Prepare(Arc<Version>),
    /// Every scenario is over on all workers: hand in what there is.
    Finish,
    /// Cut what runs.
    Stop,
    /// Leave behind what runs.
    Leave,
    /// Run `teardown`.
    TearDown { data: serde_json::Value },
}

/// A change of the load that goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Change {
    /// The schedule's clock stands.
    Pause,
    /// It goes on.
    Resume,
    /// A scenario that waited for another may start.
    Begin {
        /// Which scenario, in the order of declaration.
        part: usize,
    },
    /// Another load in a scenario.
    Steer {
        /// Which scenario, in the order of declaration.
        part: usize,
        steer: Steer,
    },
    /// The version that was prepared last is played from here on.
    Take,
    /// The load of a scenario is the one that the version says which was taken last.
    Replan {
        /// Which scenario, in the order of declaration.
        part: usize,
    },
}

/// How a load begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    /// It plays.
    Playing,
    /// Its schedule stands until it is resumed.
    Paused,
    /// It was stopped before: nothing of it begins, and what was due is dropped.
    Stopped,
}

/// From a worker to the control thread.
#[derive(Debug)]
pub(super) enum Report {
    /// The script is loaded, and declared the same plan as on the control thread.
    Loaded(Result<(), Box<Diagnostic>>),
    /// `setup` ended; its result crosses as JSON. What it recorded stands in the first second of the
    /// load, or here when it failed and none follows.
    SetUp(Result<serde_json::Value, Ended>, Recorded),
    /// What the second that ended at tick `number` recorded, and what the scenarios had come to by then.
    Tick { number: u64, delta: Snapshot, books: Books, vus: u64, scenarios: Vec<ScenarioOutcome> },
    /// Something failed in a way that is new to the worker.
    Failing(NewFailures),
    /// A line of the script's log.
    Log(LogLine),
    /// `abort(reason)` was called.
    Aborted(String),
    /// Another version of the script is loaded, and declared the same plan as on the control thread.
    Prepared(Result<(), Box<Diagnostic>>),
    /// This worker has no user of a scenario left, as far as it knows changes of it.
    Over { part: usize, change: u64 },
    /// The load is over for this worker.
    Done(Box<Done>),
    /// `teardown` ended.
    TornDown(Result<(), Ended>, Recorded),
    /// The worker can't go on, and its thread ends.
    Gone(EngineError),
}

/// What was recorded outside of the load.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    pub(super) delta: Snapshot,
    /// Requests under way when it was cut.
    pub(super) requests_cut: u64,
    /// Examples of what failed.
    pub(super) examples: Examples,
    pub(super) connections: Connections,
}

/// How a hook of the whole run ended otherwise than by returning.
#[derive(Debug)]
pub(super) enum Ended {
    /// It threw or failed.
    Failed(Box<Diagnostic>),
    /// `abort(reason)` was called.
    Aborted(String),
    /// It was stopped from outside.
    Stopped,
}

/// A worker's share of the outcome.
#[derive(Debug)]
pub(super) struct Done {
    /// What was recorded since the last tick.
    pub(super) delta: Snapshot,
    /// From the start of the load to the end of its last user.
    pub(super) elapsed: Duration,
    /// The most users at once since the last tick.
    pub(super) vus_rest: u64,
    pub(super) scenarios: Vec<ScenarioOutcome>,
    pub(super) failures: Vec<ScriptFailure>,
    pub(super) failures_more: u64,
    pub(super) requests_cut: u64,
    pub(super) log_lost: u64,
    /// Users whose script didn't end within the time that a stop allows.
    pub(super) leaked: u64,
    /// Bugs of ours, each with how often it was met.
    pub(super) bugs: Vec<(Diagnostic, u64)>,
    /// The reason of the first `abort(reason)`: a user's last act may overtake the report of it.
    pub(super) aborted: Option<String>,
    /// What the worker had of the cores.
    pub(super) used: ThreadUse,
    /// When it stood still.
    pub(super) gaps: Vec<Gap>,
    /// Iterations that were cut.
    pub(super) interrupted: Vec<Interrupted>,
    /// Examples of what failed.
    pub(super) examples: Examples,
    /// Those that it opened, `setup`'s included.
    pub(super) connections: Connections,
}
