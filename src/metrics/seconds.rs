//! The seconds of a load as a recorder counts them, so that a sample falls in its own.
//!
//! Whoever comes for a second may be late: behind users that run, or a worker that was stopped. What is recorded says
//! when it happened ([`super::Recorder::at`]), which costs a comparison, and a second that is over by then is set aside.

use std::collections::VecDeque;

use super::Snapshot;

const SECOND_NS: u64 = 1_000_000_000;

/// Where a recorder is in its seconds; as long as nobody counts them none ends.
#[derive(Debug)]
pub(super) struct Seconds {
    /// When the one under way ends, on the worker's clock.
    pub(super) end_ns: u64,
    /// Its tick.
    pub(super) tick: u64,
    /// Those that ended before anybody came for them, in order.
    pub(super) ended: VecDeque<Snapshot>,
}

impl Seconds {
    pub(super) fn uncounted() -> Self {
        Self { end_ns: u64::MAX, tick: 0, ended: VecDeque::new() }
    }

    /// The next one is under way.
    pub(super) fn next(&mut self) {
        self.tick += 1;
        self.end_ns = self.end_ns.saturating_add(SECOND_NS);
    }
}
