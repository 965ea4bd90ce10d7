//! Plays a plan: workers, life cycle, the two drivers, the aggregator.
//!
//! Thread per core, a fiber per virtual user. The control thread ([`run`]) tells the workers what to do
//! and joins what they record; a worker shares nothing hot with another. Whoever watches is an
//! [`Observer`], whoever stops has a [`Control`].

mod act;
mod aggregator;
mod books;
mod calendar;
mod closed;
mod control;
mod crew;
mod driver;
mod error;
mod event;
mod gate;
mod generator;
mod hook;
mod host;
mod ledger;
mod life;
mod lifecycle;
mod message;
mod open;
mod pace;
mod part;
mod play;
mod prepared;
mod pulse;
mod run;
mod second;
mod so_far;
mod status;
mod steering;
mod succession;
mod timer;
mod timetable;
mod turnover;
mod version;
mod vitals;
mod warm_up;
mod worker;

use std::sync::Arc;

pub use books::{Books, ScenarioOutcome};
pub use control::{Control, ControlError, FACTOR_MAX, RATE_MAX, Urgency};
pub use error::EngineError;
pub use event::{
    End, EpochCause, FAILURES_MAX, FailureKind, INTERRUPTED_MAX, Interrupted, NewEpoch, NewFailures,
    Observer, Observers, Outcome, ScriptFailure, Tick,
};
pub use gate::Pass;
pub use generator::{Accusation, RULES, Rule, Weight, accuse};
pub use run::{run, run_together};
pub use second::Second;
pub use so_far::{SoFar, Worst};
pub use status::{Progress, ScenarioStatus, State, Status};
pub use timer::{Epoch, Timer};
pub use version::Version;
pub use vitals::{Gap, HostUse, Seconds, Slow, ThreadUse, Vitals};
pub use warm_up::WarmUp;

// What the room `http` tells of failures passes through this one.
pub use crate::http::{Answer as Reply, Content, Example, Examples, Excerpt, Happened, Kind, Question};

// Rooms below read an outcome, and import no client.
pub use crate::http::{Connections, Negotiated, Peer};

use crate::diagnostic::Source;
use crate::metrics::{Outlets, Sample};
use crate::plan::Plan;
use crate::script::Outside;
pub use crate::script::Tracing;

/// What is played.
#[derive(Debug)]
pub struct Job {
    /// The script: each worker loads it for itself. None where all flows are requests.
    pub source: Option<Arc<Source>>,
    /// The plan as the script declares it: what each worker must declare too. Without a script nobody asks.
    pub declared: Plan,
    /// The plan as it is played, flags applied.
    pub plan: Plan,
    /// What scripts take from outside.
    pub outside: Outside,
    /// How many worker threads.
    pub workers: usize,
    /// Who is told what one by one, from the workers themselves.
    pub taps: Taps,
}

/// Who is told by the workers what no second holds. Nobody: then it isn't made.
#[derive(Debug, Clone)]
pub struct Taps {
    /// Each sample, as it is recorded.
    pub samples: Outlets<Sample>,
    /// Each request and iteration as a span, where somebody takes any.
    pub spans: Option<Tracing>,
}

impl Default for Taps {
    fn default() -> Self {
        Self { samples: Arc::from(Vec::new()), spans: None }
    }
}
