//! Iterations began after they were due.
//!
//! Nothing is hidden by it, since response times count from the due time; but `http_req_duration` doesn't, and a
//! reader of that number should know. It never decides: an arrival that waits for a free user (`when_busy:
//! "queue"`) is late because of the service.

use super::evidence::Evidence;
use super::{Rule, Weight, p99_us};
use crate::units::{format_latency_us, format_percent};

/// Later than this for one iteration in a hundred.
const LATE_US: u64 = 10_000;

/// And so large a part of an iteration's mean time.
const SHARE_MIN: f64 = 0.1;

pub(super) const RULE: Rule = Rule {
    code: "late-starts",
    about: "iterations began after they were due",
    threshold: || {
        format!(
            "a p(99) of `iteration_lateness` from {} on, and a mean of {} of `iteration_response_time`",
            format_latency_us(LATE_US as f64),
            format_percent(SHARE_MIN)
        )
    },
    reason: "response times count from the due time and hold the delay; `http_req_duration` and `iteration_duration` do not",
    advice: "read `http_req_response_time`; more `max_vus` if arrivals waited for a user, more cores if the generator was busy",
    look,
};

fn look(evidence: &Evidence) -> Option<(Weight, String)> {
    let late_us = p99_us(&evidence.lateness).filter(|late_us| *late_us >= LATE_US)?;
    let share = evidence.lateness.mean_us()? / evidence.iteration.mean_us()?.max(1.0);
    (share >= SHARE_MIN).then(|| {
        let text = format!(
            "iterations started late, p(99) {}: `http_req_response_time` holds it, `http_req_duration` doesn't",
            format_latency_us(late_us as f64)
        );
        (Weight::Warning, text)
    })
}
