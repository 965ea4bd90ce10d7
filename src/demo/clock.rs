//! The demo's time of day: the wall clock read once, plus the monotonic clock.
//!
//! So a jump of the wall clock can't make an answer look fresh or stale.

use std::time::Instant;

use jiff::Timestamp;

/// Tells the time of day since it was made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    wall: Timestamp,
    started: Instant,
}

impl Clock {
    pub(super) fn start() -> Clock {
        Clock { wall: Timestamp::now(), started: Instant::now() }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.wall.saturating_add(self.started.elapsed()).unwrap_or(self.wall)
    }

    /// Now in ISO-8601, UTC, with milliseconds.
    pub(super) fn now_text(&self) -> String {
        text(self.now())
    }

    pub(super) fn uptime_seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }
}

/// `at` in ISO-8601, UTC, with milliseconds.
pub(super) fn text(at: Timestamp) -> String {
    format!("{at:.3}")
}
