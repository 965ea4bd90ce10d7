//! The cores that this process may use: a worker each.

use super::machine::list;
use super::{Check, Machine, Planned, Seen};

pub(super) const CHECK: Check = Check {
    name: "cores",
    why: "a worker runs on each; on a single core the load waits for everything else that runs here",
    look,
};

fn look(machine: &Machine, _: &Planned) -> Seen {
    let Some(usable) = machine.cores() else { return Seen::unread("/proc/self/status") };
    let online = machine.text("/sys/devices/system/cpu/online").and_then(|text| list(&text));
    let usable = usable.len();
    match online.map(|online| online.len()) {
        Some(online) if usable < online => Seen::look(
            format!("{usable} of {online} usable"),
            format!("taskset -pc 0-{} $$   # this shell; a container: --cpuset-cpus", online - 1),
        ),
        _ if usable < 2 => Seen::look(
            "a single one",
            "lscpu   # a machine with two or more keeps the system off the load's core",
        ),
        _ => Seen::good(format!("{usable}, all usable")),
    }
}
