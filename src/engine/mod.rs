//! Plays a plan: workers, life cycle, the closed driver, the aggregator.
//!
//! So far what it will tell: ticks, observers, outcome.

mod event;

pub use event::{
    Books, End, FAILURES_MAX, FailureKind, Observer, Outcome, ScenarioOutcome, ScriptFailure,
    Tick,
};
