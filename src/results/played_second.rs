//! A second of a run as it is kept and sent on: owned, dated, and without secrets.

use std::borrow::Cow;
use std::time::Duration;

use crate::diagnostic::Mask;
use crate::engine::{Books, Tick};
use crate::metrics::Snapshot;

/// One second of the run, all workers together. The last one may be a part of a second, and one behind the load
/// holds what `teardown` recorded: the sum of all is the run's total (and its warm-up).
#[derive(Debug, Clone, PartialEq)]
pub struct PlayedSecond {
    /// Which second of the load, from 1.
    pub number: u64,
    /// When it ended: milliseconds since 1970, UTC, by the wall clock at the start of the load and the run's own clock
    /// since. So a clock that is set meanwhile doesn't matter.
    pub end_unix_ms: u64,
    /// Since the start of the load.
    pub elapsed: Duration,
    /// Whether it belongs to the warm-up, which no total holds.
    pub is_warm_up: bool,
    /// Whether the load is paused.
    pub is_paused: bool,
    /// Virtual users that are active.
    pub vus: u64,
    /// The most that are wanted, as planned or steered.
    pub vus_max: u64,
    /// The iterations so far.
    pub books: Books,
    /// What it recorded.
    pub delta: Snapshot,
}

impl PlayedSecond {
    /// What the engine told of a load that began at that time, without what the mask hides.
    pub fn of(tick: &Tick<'_>, start_unix_ms: u64, mask: &Mask) -> Self {
        let hide = |text: &str| match mask.mask(text) {
            Cow::Borrowed(_) => None,
            Cow::Owned(masked) => Some(masked),
        };
        let elapsed_ms = u64::try_from(tick.elapsed.as_millis()).unwrap_or(u64::MAX);
        Self {
            number: tick.number,
            end_unix_ms: start_unix_ms.saturating_add(elapsed_ms),
            elapsed: tick.elapsed,
            is_warm_up: tick.is_warm_up,
            is_paused: tick.is_paused,
            vus: tick.vus,
            vus_max: tick.vus_max,
            books: tick.books,
            delta: tick.delta.relabelled(hide),
        }
    }

    /// How many samples it holds: of each series what it counts, of a counter or a gauge one.
    pub fn samples(&self) -> u64 {
        self.delta.iter().map(|series| series.value.samples()).sum()
    }
}
