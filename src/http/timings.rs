//! When one exchange happened and where its time went, in the clock's nanoseconds.
//!
//! Invariant: the sum of the phases is `end_ns - start_ns`; what failed half-way is charged to the
//! phase in which it failed.

use crate::metrics::Phases;

/// When an exchange began and ended, and how long each of its phases took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// When the request was handed over.
    pub start_ns: u64,
    /// Where the time went.
    pub phases: Phases,
    /// When the response was complete, or the exchange had failed.
    pub end_ns: u64,
}

impl Timings {
    /// Everything from the hand-over to the end.
    pub fn total_ns(&self) -> u64 {
        self.end_ns.saturating_sub(self.start_ns)
    }
}
