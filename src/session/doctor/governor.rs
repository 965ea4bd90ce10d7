//! The governor: who decides how fast the cores run.

use std::collections::BTreeSet;

use super::{Check, Machine, Planned, Seen};

pub(super) const CHECK: Check = Check {
    name: "governor",
    why: "a core that slows down between requests needs a while to wake: idle runs show higher latencies",
    look,
};

fn look(machine: &Machine, _: &Planned) -> Seen {
    let cores = machine.cores().unwrap_or_default();
    let governor =
        |core: &u64| machine.word(&format!("/sys/devices/system/cpu/cpu{core}/cpufreq/scaling_governor"));
    let governors: BTreeSet<String> = cores.iter().filter_map(governor).collect();
    if governors.is_empty() {
        return Seen::unknown("the system doesn't say (most virtual machines don't)");
    }
    let saw = governors.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    if saw == "performance" {
        Seen::good(saw)
    } else {
        Seen::look(saw, "sudo cpupower frequency-set -g performance")
    }
}
