//! A worker's loop ran late, whatever the cause.
//!
//! The lag is what a response waits until the loop comes to it, so it can be held against the latency, second
//! by second. Where the cause is known the accusation stands under `generator-cpu` or `generator-wait`; here
//! is what is left: a blocked thread, time stolen by a hypervisor, memory that is read back.

use super::evidence::Evidence;
use super::{Rule, Weight, p99_us};
use crate::engine::vitals::{LAG_FLOOR_US, SHARE_MAX};
use crate::units::{format_count, format_latency_us, format_percent};

/// So many slow seconds it takes: the start, a neighbour's cron job and the like make one or two.
pub(super) const SECONDS_MIN: u64 = 3;

/// And so large a part of all seconds: in fewer, percentiles up to the p(90) are the service's still.
pub(super) const SHARE_SECONDS: f64 = 0.1;

/// A loop that is later than this for one probe in a hundred shows in the latencies it measures.
const LAG_HIGH_US: u64 = 10_000;

pub(super) const RULE: Rule = Rule {
    code: "generator-lag",
    about: "the generator's loop ran late: what was ready waited, and the wait was measured as latency",
    threshold: || {
        format!(
            "a warning from a p(99) of {} on; inconclusive when in {SECONDS_MIN} seconds and {} of them the mean lag was {} or more and, met twice by a request, {} of its response time, and one probe in ten was as late",
            format_latency_us(LAG_HIGH_US as f64),
            format_percent(SHARE_SECONDS),
            format_latency_us(LAG_FLOOR_US),
            format_percent(SHARE_MAX)
        )
    },
    reason: "from half of the latency on a number says more of the generator than of the service; \
             less than half a millisecond is what it takes to wake a thread, on any machine",
    advice: "look at the generator's machine: steal, swapping, a CPU quota; and at the flow for long computations without a request",
    look,
};

fn look(evidence: &Evidence) -> Option<(Weight, String)> {
    if !evidence.gaps.is_empty() {
        // A process that was stopped is late as well, and `generator-stopped` says why.
        return None;
    }
    let slow = evidence.seconds.slow;
    if is_slow(evidence) && slow.other > slow.cpu && slow.other > slow.wait {
        return Some((
            Weight::Inconclusive,
            format!("the generator's loop ran late: {}", slow_text(evidence)),
        ));
    }
    let late_us = p99_us(&evidence.lag).filter(|late_us| *late_us >= LAG_HIGH_US)?;
    let text = format!(
        "the generator's loop ran late, p(99) {}: latencies may hold its own delay",
        format_latency_us(late_us as f64)
    );
    Some((Weight::Warning, text))
}

/// Whether the generator's own delay made up most of what was measured, in more than a few seconds.
pub(super) fn is_slow(evidence: &Evidence) -> bool {
    let (slow, judged) = (evidence.seconds.slow.all(), evidence.seconds.judged);
    slow >= SECONDS_MIN && slow as f64 >= SHARE_SECONDS * judged as f64
}

/// The figures, behind the cause.
pub(super) fn slow_text(evidence: &Evidence) -> String {
    let seconds = evidence.seconds;
    format!(
        "in {} of {} seconds its own delay was {} of the latency",
        format_count(seconds.slow.all()),
        format_count(seconds.judged),
        format_percent(seconds.share())
    )
}
