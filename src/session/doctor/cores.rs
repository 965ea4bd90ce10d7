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
    let online = machine.word("/sys/devices/system/cpu/online");
    let count = online.as_deref().and_then(list).map(|online| online.len());
    let usable = usable.len();
    match count.zip(online) {
        Some((count, online)) if usable < count => Seen::look(
            format!("{usable} of {count} usable"),
            format!("taskset -pc {online} $$   # this shell; a container: --cpuset-cpus"),
        ),
        _ if usable < 2 => Seen::look(
            "a single one",
            "lscpu   # a machine with two or more keeps the system off the load's core",
        ),
        _ => Seen::good(format!("{usable}, all usable")),
    }
}
