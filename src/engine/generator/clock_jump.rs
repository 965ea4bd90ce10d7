//! The wall clock was set during the run.
//!
//! No figure goes by it: wall time is the wall clock at the start plus monotonic time.

use super::evidence::Evidence;
use super::{Rule, Weight};
use crate::units::{format_count, format_latency_us};

pub(super) const RULE: Rule = Rule {
    code: "clock-jump",
    about: "the wall clock was set during the run",
    threshold: || {
        "a warning from 100 ms within a second on; time services slew by 0.5 ms a second, and step from 128 ms on".to_owned()
    },
    reason: "times of the day in the results follow the clock as it was at the start, and won't meet those of the service's log",
    advice: "let the clock be set before a run; a virtual machine that was paused shows the same",
    look,
};

fn look(evidence: &Evidence) -> Option<(Weight, String)> {
    let (count, largest_ns) = evidence.host.clock_steps;
    let direction = if largest_ns < 0 { "back" } else { "ahead" };
    let times = match count {
        0 => return None,
        1 => String::new(),
        _ => format!(" (the largest of {} steps)", format_count(count)),
    };
    let size = format_latency_us(largest_ns.unsigned_abs() as f64 / 1e3);
    Some((
        Weight::Warning,
        format!("the wall clock was set {direction} by {size}{times}: the results keep the old one"),
    ))
}
