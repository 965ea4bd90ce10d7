//! Steal: time that a virtual machine wanted and its host gave to others.

use super::{Check, Machine, Planned, Seen};
use crate::units::format_percent;

pub(super) const CHECK: Check = Check {
    name: "steal",
    why: "while the host runs others, this machine stands still, and latencies grow by it",
    look,
};

/// Rounds with more are not worth comparing.
const HIGH: f64 = 0.01;

fn look(machine: &Machine, _: &Planned) -> Seen {
    let Some(share) = machine.text("/proc/stat").and_then(|text| share(&text)) else {
        return Seen::unread("/proc/stat");
    };
    let saw = format!("{} of the time since boot", format_percent(share));
    if share <= HIGH {
        Seen::good(saw)
    } else {
        Seen::look(saw, "vmstat 1   # column st; a machine of its own, or dedicated cores, has none")
    }
}

/// Steal's share of the time that is no idling, since boot: an idle machine can't be stolen from.
fn share(stat: &str) -> Option<f64> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Vec<f64> = line.split_whitespace().map_while(|word| word.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal; guest time is part of user's.
    let [user, nice, system, _, _, irq, softirq, steal, ..] = ticks[..] else { return None };
    let wanted = user + nice + system + irq + softirq + steal;
    Some(if wanted > 0.0 { steal / wanted } else { 0.0 })
}
