//! Plays a plan: workers, life cycle, the closed driver, the aggregator.
//!
//! So far what it will tell (ticks, observers, outcome) and its time: one epoch, a timer a worker.

mod event;
mod timer;

pub use event::{
    Books, End, FAILURES_MAX, FailureKind, Level, LogLine, Observer, Outcome, ScenarioOutcome, ScriptFailure,
    Tick,
};
pub use timer::{Epoch, Timer};
