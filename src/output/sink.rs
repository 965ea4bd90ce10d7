//! What an output has to be able to do.

use std::time::Duration;

use super::{SendError, SpanRoute};
use crate::metrics::Sample;
use crate::plan::Plan;
use crate::results::{PlayedSecond, Summary};

/// What is known of a run when its load begins.
#[derive(Debug, Clone)]
pub struct Played {
    /// The run's name, where it is kept.
    pub id: Option<String>,
    /// The script as the user named it.
    pub script_name: String,
    /// When the load began: milliseconds since 1970, UTC.
    pub start_unix_ms: u64,
    /// What is played, with real addresses, without secrets.
    pub plan: Plan,
}

/// Seconds that failed at first, and have arrived since.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CaughtUp {
    /// How many.
    pub seconds: u64,
    /// The samples in them.
    pub samples: u64,
}

/// Where seconds go. Runs on a thread of its own and may block: what waits meanwhile is the queue's business.
/// What a call can't deliver it says, and that second is counted as lost: a sink keeps nothing back from one call to
/// the next, unless it delivers it in `end`.
pub trait Sink: Send {
    /// Called once, when the load begins.
    fn begin(&mut self, _run: &Played) -> Result<(), SendError> {
        Ok(())
    }

    /// Called for each second, in order.
    fn second(&mut self, second: &PlayedSecond) -> Result<(), SendError>;

    /// Where it wants spans, and how many; asked once, before anything else. None unless the user wants them.
    fn spans(&mut self) -> Option<SpanRoute> {
        None
    }

    /// Whether it wants each sample too: asked once, before the load.
    fn takes_samples(&self) -> bool {
        false
    }

    /// Called for samples as the workers hand them over, without what the mask hides: those of a second before that
    /// second, in no order among workers.
    fn samples(&mut self, _samples: &[Sample]) -> Result<(), SendError> {
        Ok(())
    }

    /// Called once, when all is over.
    fn end(&mut self, _summary: &Summary) -> Result<(), SendError> {
        Ok(())
    }

    /// What an earlier call had to give up and the last one, which succeeded, delivered after all: of sums that go on.
    /// Asked after each call that succeeded; told once.
    fn caught_up(&mut self) -> CaughtUp {
        CaughtUp::default()
    }

    /// How much longer than for others the exit may wait for this one's end, since the user asked for it.
    fn linger(&self) -> Duration {
        Duration::ZERO
    }
}
