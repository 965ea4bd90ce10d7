//! The generator's own work took all of a core.
//!
//! A closed load without think time takes all that it gets, against any service: a full core alone is
//! therefore a warning, since the rate is then what the generator could do and the latencies may still be
//! the service's. It decides once responses lie ready while the worker is busy with others, and that wait
//! makes up most of the latency; other tools print such numbers without a word.

use super::evidence::Evidence;
use super::generator_lag::{SECONDS_MIN, SHARE_SECONDS, is_slow, slow_text};
use super::{Rule, Weight};
use crate::engine::vitals::{CPU_FULL, SHARE_MAX};
use crate::units::format_percent;

pub(super) const RULE: Rule = Rule {
    code: "generator-cpu",
    about: "a worker had no CPU left: the rate is the generator's limit, and the latencies hold its own delay",
    threshold: || {
        format!(
            "a warning from {} of a core on, in any second; inconclusive when in {SECONDS_MIN} seconds and {} of them the loop's lag, met twice by a request, was {} of its response time or more, and one probe in ten was as late",
            format_percent(CPU_FULL),
            format_percent(SHARE_SECONDS),
            format_percent(SHARE_MAX)
        )
    },
    reason: "beyond nine tenths of a core what is ready waits in a queue of the generator's, and the wait is measured as latency; \
             from half of it on a number says more of the generator than of the service",
    advice: "more cores (`--workers`), less work in the flow, think times or a rate below this machine's top (`runner calibrate`)",
    look,
};

fn look(evidence: &Evidence) -> Option<(Weight, String)> {
    let slow = evidence.seconds.slow;
    if is_slow(evidence) && slow.cpu >= slow.wait.max(slow.other) {
        return Some((
            Weight::Inconclusive,
            format!("the generator's CPU was the limit: {}", slow_text(evidence)),
        ));
    }
    (evidence.cpu_max >= CPU_FULL).then(|| {
        let text = format!(
            "the busiest worker used up to {} of a core: the rate may be the generator's limit",
            format_percent(evidence.cpu_max)
        );
        (Weight::Warning, text)
    })
}
