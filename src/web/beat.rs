//! What the control API is told of a run, as its own.

use std::time::Duration;

use crate::diagnostic::Diagnostic;
use crate::engine::{Books, EpochCause, NewEpoch, ScenarioOutcome, Tick};
use crate::metrics::{Snapshot, Value};
use crate::plan::Plan;
use crate::results::{Summary, Verdict as Ended};
use crate::script::LogLine;

/// Something that was told, in order.
#[derive(Debug)]
pub(super) enum Notice {
    /// Another load is about to be played, by this plan.
    Plays(Box<Plan>),
    LoadBegins,
    LoadEnds,
    Second(Box<Beat>),
    Line(LogLine),
    Epoch(Box<EpochNews>),
    Refused(Box<Diagnostic>),
    End(Verdict),
}

/// A second, or several that were not fetched in time.
#[derive(Debug)]
pub(super) struct Beat {
    pub(super) number: u64,
    pub(super) elapsed: Duration,
    pub(super) end_max: Duration,
    pub(super) is_paused: bool,
    pub(super) is_warm_up: bool,
    pub(super) vus: u64,
    pub(super) vus_max: u64,
    pub(super) books: Books,
    pub(super) scenarios: Vec<ScenarioOutcome>,
    /// Of each target with a window the worst one so far.
    pub(super) worst: Vec<Option<Value>>,
    pub(super) delta: Snapshot,
}

impl Beat {
    pub(super) fn of(tick: &Tick<'_>) -> Self {
        Self {
            number: tick.number,
            elapsed: tick.elapsed,
            end_max: tick.end_max,
            is_paused: tick.is_paused,
            is_warm_up: tick.is_warm_up,
            vus: tick.vus,
            vus_max: tick.vus_max,
            books: tick.books,
            scenarios: tick.so_far.scenarios.clone(),
            worst: tick.so_far.worst.iter().map(|worst| worst.value.cloned()).collect(),
            delta: tick.delta.clone(),
        }
    }

    /// Takes a later second in: its state, and what both recorded.
    pub(super) fn append(&mut self, later: Self) {
        let mut delta = std::mem::take(&mut self.delta);
        delta.append(&later.delta);
        *self = Self { delta, ..later };
    }
}

/// A new epoch.
#[derive(Debug)]
pub(super) struct EpochNews {
    pub(super) number: u64,
    pub(super) first_second: u64,
    pub(super) last_second: u64,
    pub(super) cause: EpochCause,
    /// What is played from here on.
    pub(super) plan: Plan,
}

impl EpochNews {
    pub(super) fn of(new: &NewEpoch<'_>) -> Self {
        Self {
            number: new.number,
            first_second: new.first_second,
            last_second: new.last_second,
            cause: new.cause.clone(),
            plan: new.plan.clone(),
        }
    }
}

/// How a run ended.
#[derive(Debug)]
pub(super) struct Verdict {
    /// `passed`, `failed`, `stopped`, `inconclusive`; none where there is no summary.
    pub(super) word: Option<&'static str>,
    pub(super) exit_code: Option<u8>,
    pub(super) reasons: Vec<String>,
}

impl Verdict {
    pub(super) fn of(summary: Option<&Summary>) -> Self {
        let verdict = summary.map(Summary::verdict);
        Self {
            word: verdict.as_ref().map(Ended::word),
            exit_code: verdict.as_ref().map(Ended::exit_code),
            reasons: verdict.iter().flat_map(Ended::reasons).map(ToString::to_string).collect(),
        }
    }
}
