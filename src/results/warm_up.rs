//! The warm-up as a summary shows it: what is left out, beside what counts.

use std::time::Duration;

use crate::engine::Outcome;
use crate::metrics::{Selector, Snapshot, Trend, Value};

use super::summary::whole_us;

/// A warm-up beside what was measured after it.
#[derive(Debug, Clone, PartialEq)]
pub struct WarmUpLine {
    /// How long it was to be.
    pub length: Duration,
    /// How long it was; pauses in it make it longer.
    pub elapsed: Duration,
    /// Whether something was measured behind it.
    pub is_over: bool,
    /// What fell into it.
    pub before: WarmUpPart,
    /// What fell behind it.
    pub after: WarmUpPart,
}

/// What fell into a part of the load.
#[derive(Debug, Clone, PartialEq)]
pub struct WarmUpPart {
    /// Requests.
    pub requests: u64,
    /// Those that failed.
    pub failed: u64,
    /// Their response times.
    pub times: Trend,
    /// Iterations that ran to an end of their own.
    pub iterations: u64,
}

impl WarmUpPart {
    fn of(recorded: &Snapshot) -> Self {
        let value = |name: &str| recorded.select(&Selector::all(name));
        let (failed, requests) = match value("http_req_failed") {
            Some(Value::Rate { hits, total }) => (hits, total),
            _ => (0, 0),
        };
        let times = match value("http_req_response_time") {
            Some(Value::Trend(trend)) => *trend,
            _ => Trend::new(),
        };
        let iterations = match value("iterations") {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count; saturates")]
            Some(Value::Counter(sum)) => sum as u64,
            _ => 0,
        };
        Self { requests, failed, times, iterations }
    }
}

impl WarmUpLine {
    /// Of an outcome with a warm-up.
    pub(super) fn of(outcome: &Outcome) -> Option<Self> {
        let warm_up = outcome.warm_up.as_ref()?;
        Some(Self {
            length: warm_up.length,
            elapsed: whole_us(warm_up.elapsed),
            is_over: warm_up.is_over,
            before: WarmUpPart::of(&warm_up.recorded),
            after: WarmUpPart::of(&outcome.total),
        })
    }
}
