//! Open files: each connection is one.

use super::{Check, Machine, Planned, Seen};
use crate::units::format_count;

pub(super) const CHECK: Check = Check {
    name: "descriptors",
    why: "each connection is a descriptor; without one a request fails with the generator's own error",
    look,
};

/// What a process has open beside its users: streams, files, timers and pollers of the workers.
const OTHERS: u64 = 64;

fn look(machine: &Machine, planned: &Planned) -> Seen {
    let Some((soft, hard)) = machine.limit("Max open files") else {
        return Seen::unread("/proc/self/limits");
    };
    let each = planned.descriptors_per_user();
    let needed = planned.wanted().saturating_mul(each).saturating_add(OTHERS);
    let change = match hard {
        _ if hard >= needed => format!("ulimit -n {needed}   # in the shell that starts runner"),
        _ => format!(
            "sudo prlimit --pid $$ --nofile={needed}:{needed}   # this shell; a container: --ulimit nofile={needed}"
        ),
    };
    let saw = format!("{} (hard limit {})", count(soft), count(hard));
    Seen::enough_for(soft.saturating_sub(OTHERS) / each, planned, saw, change)
}

fn count(limit: u64) -> String {
    if limit == u64::MAX { "unlimited".to_owned() } else { format_count(limit) }
}
