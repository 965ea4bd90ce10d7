//! Others had the core: a worker was ready to run and waited.
//!
//! A worker's share of CPU says nothing of it: beside a busy neighbour it uses half a core, and looks as if
//! it had the other half to spare. The kernel counts for each thread how long it waited in the queue of a
//! core (`/proc/thread-self/schedstat`), and that is what is looked at.

use super::evidence::Evidence;
use super::generator_lag::{SECONDS_MIN, SHARE_SECONDS, is_slow, slow_text};
use super::{Rule, Weight};
use crate::engine::vitals::{SHARE_MAX, WAIT_HIGH};
use crate::units::format_percent;

pub(super) const RULE: Rule = Rule {
    code: "generator-wait",
    about: "others had the generator's cores: it was ready to run and waited",
    threshold: || {
        format!(
            "a warning from {} of the time on; inconclusive when in {SECONDS_MIN} seconds and {} of them the loop's lag, met twice by a request, was {} of its response time or more, and one probe in ten was as late",
            format_percent(WAIT_HIGH),
            format_percent(SHARE_SECONDS),
            format_percent(SHARE_MAX)
        )
    },
    reason: "on cores of its own a worker waits for less than 1 % of the time; each wait delays whatever is ready, by a turn of the \
             kernel's scheduler (3 to 4 ms), and is measured as latency",
    advice: "give the generator cores of its own: another machine than the service's or the demo's, `taskset`, fewer workers than cores",
    look,
};

fn look(evidence: &Evidence) -> Option<(Weight, String)> {
    let slow = evidence.seconds.slow;
    if is_slow(evidence) && slow.wait > slow.cpu && slow.wait >= slow.other {
        let text = format!("others had the generator's cores: {}", slow_text(evidence));
        return Some((Weight::Inconclusive, text));
    }
    evidence.wait.filter(|wait| *wait >= WAIT_HIGH).map(|wait| {
        let text =
            format!("a worker waited for a core for {} of the time: others had it", format_percent(wait));
        (Weight::Warning, text)
    })
}
