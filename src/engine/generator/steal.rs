//! The hypervisor gave the machine's time to others.

use super::evidence::Evidence;
use super::{Rule, Weight};
use crate::units::format_percent;

/// From one hundredth of the time on a p(99) is another machine's.
const STEAL_MIN: f64 = 0.01;

pub(super) const RULE: Rule = Rule {
    code: "steal",
    about: "the hypervisor gave the machine's time to other machines",
    threshold: || {
        format!(
            "a warning from {} of the cores' time on; the delay that it makes is judged by `generator-lag`",
            format_percent(STEAL_MIN)
        )
    },
    reason: "stolen time looks to the kernel as if the thread had run, so that only the loop's lag and this counter show it",
    advice: "repeat the run, or use a machine with cores of its own; compare nothing that was measured under steal",
    look,
};

fn look(evidence: &Evidence) -> Option<(Weight, String)> {
    evidence.host.steal.filter(|share| *share >= STEAL_MIN).map(|share| {
        let text = format!("other machines had {} of the cores' time (steal)", format_percent(share));
        (Weight::Warning, text)
    })
}
