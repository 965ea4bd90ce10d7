//! Plays a plan: workers, life cycle, the closed driver, the aggregator.
//!
//! Thread per core, a fiber per virtual user. The control thread ([`run`]) tells the workers what to do
//! and joins what they record; a worker shares nothing hot with another. Whoever watches is an
//! [`Observer`], whoever stops has a [`Control`].

mod aggregator;
mod closed;
mod control;
mod crew;
mod error;
mod event;
mod gate;
mod life;
mod lifecycle;
mod message;
mod run;
mod timer;
mod worker;

use std::sync::Arc;

pub use control::{Control, Urgency};
pub use error::EngineError;
pub use event::{
    Books, End, FAILURES_MAX, FailureKind, Observer, Outcome, ScenarioOutcome, ScriptFailure, Tick,
};
pub use gate::Pass;
pub use run::{run, run_together};
pub use timer::{Epoch, Timer};

use crate::diagnostic::Source;
use crate::plan::Plan;
use crate::script::Outside;

/// What is played.
#[derive(Debug)]
pub struct Job {
    /// The script: each worker loads it for itself.
    pub source: Arc<Source>,
    /// The plan as the script declares it: what each worker must declare too.
    pub declared: Plan,
    /// The plan as it is played, flags applied.
    pub plan: Plan,
    /// What scripts take from outside.
    pub outside: Outside,
    /// How many worker threads.
    pub workers: usize,
}
