//! A container's CPU quota held the generator back.

use super::evidence::Evidence;
use super::{Rule, Weight};
use crate::units::format_percent;

/// A quota is handed out every 100 ms: at one hundredth of the time some requests have met a pause of tens
/// of milliseconds, which a p(99) shows.
const THROTTLED_MIN: f64 = 0.01;

pub(super) const RULE: Rule = Rule {
    code: "cpu-quota",
    about: "the container's CPU quota held the generator back",
    threshold: || {
        format!(
            "a warning from {} of the time on; the delay that it makes is judged by `generator-lag`",
            format_percent(THROTTLED_MIN)
        )
    },
    reason: "a group that has used its quota stands still for the rest of the period (100 ms by default), however idle the machine is",
    advice: "run the generator without a quota (Kubernetes: `limits.cpu`), or with one above what its workers use",
    look,
};

fn look(evidence: &Evidence) -> Option<(Weight, String)> {
    evidence.host.throttled.filter(|share| *share >= THROTTLED_MIN).map(|share| {
        let text = format!(
            "the CPU quota held the generator back for {} of the time, all cores together",
            format_percent(share)
        );
        (Weight::Warning, text)
    })
}
