//! Service and generator share a machine that has nothing left.
//!
//! Sharing alone is how everybody begins, and says little while cores are idle. It warns once they aren't,
//! and never decides: whether the generator was delayed is judged by its own lag.

use super::evidence::Evidence;
use super::{Rule, Weight};
use crate::units::format_percent;

/// Busy for so much of the time, all cores together.
const BUSY_HIGH: f64 = 0.9;

pub(super) const RULE: Rule = Rule {
    code: "shared-machine",
    about: "the service runs on the generator's machine, and all cores were busy",
    threshold: || {
        format!(
            "a warning when a host of the plan is a loopback address and the cores were busy for {} of the time",
            format_percent(BUSY_HIGH)
        )
    },
    reason: "each takes the other's CPU: neither the rate nor the latency is what the service shows on a machine of its own",
    advice: "another machine for the generator, or cores of their own (`taskset`) and a load that leaves some idle",
    look,
};

fn look(evidence: &Evidence) -> Option<(Weight, String)> {
    let busy = evidence.host.busy.filter(|busy| evidence.is_local && *busy >= BUSY_HIGH)?;
    let text = format!(
        "the service runs on this machine, whose cores were busy for {} of the time",
        format_percent(busy)
    );
    Some((Weight::Warning, text))
}
