//! Turbo: a clock that depends on how warm the machine is.

use super::{Check, Machine, Planned, Seen};

pub(super) const CHECK: Check = Check {
    name: "turbo",
    why: "the clock falls as cores get warm and busy: of two runs the later one may be slower for that alone",
    look,
};

/// Where a driver says it, and what it says when turbo is on.
const SWITCHES: [(&str, u64, u64); 2] = [
    ("/sys/devices/system/cpu/intel_pstate/no_turbo", 0, 1),
    ("/sys/devices/system/cpu/cpufreq/boost", 1, 0),
];

fn look(machine: &Machine, _: &Planned) -> Seen {
    let found = SWITCHES.iter().find_map(|(path, on, off)| Some((machine.number(path)?, path, on, off)));
    match found {
        None => Seen::unknown("the system doesn't say (most virtual machines don't)"),
        Some((value, path, on, off)) if value == *on => {
            Seen::look("on", format!("echo {off} | sudo tee {path}"))
        }
        Some(_) => Seen::good("off"),
    }
}
