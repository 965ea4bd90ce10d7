//! Whatever else runs at the moment.

use super::{Check, Machine, Planned, Seen};
use crate::units::format_significant;

pub(super) const CHECK: Check = Check {
    name: "other work",
    why: "a worker that waits for its core sends late and measures its own wait",
    look,
};

/// Tasks that run, for each core, from which a worker has to wait often.
const BUSY: f64 = 0.5;

fn look(machine: &Machine, _: &Planned) -> Seen {
    let load = machine.text("/proc/loadavg").and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    let Some(load) = load else { return Seen::unread("/proc/loadavg") };
    let cores = machine.cores().map_or(1, |cores| cores.len().max(1));
    let saw = format!(
        "{} tasks ran or waited over the last minute, on {cores} core{}",
        format_significant(load),
        if cores == 1 { "" } else { "s" }
    );
    if load / cores as f64 <= BUSY {
        Seen::good(saw)
    } else {
        Seen::look(saw, "ps aux --sort=-pcpu | head   # who it is")
    }
}
