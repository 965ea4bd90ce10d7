//! Open files: each connection is one.

use super::{Check, Machine, ORDINARY_USERS, Planned, Seen};
use crate::units::format_count;

pub(super) const CHECK: Check = Check {
    name: "descriptors",
    why: "each connection is a descriptor; without one a request fails with the generator's own error",
    look,
};

fn look(machine: &Machine, planned: &Planned) -> Seen {
    let Some((soft, hard)) = machine.limit("Max open files") else {
        return Seen::unread("/proc/self/limits");
    };
    let needed = planned.descriptors(planned.users.unwrap_or(ORDINARY_USERS));
    let saw = format!("{} (hard limit {})", count(soft), count(hard));
    if soft >= needed {
        return Seen::good(saw);
    }
    let change = match hard {
        _ if hard >= needed => format!("ulimit -n {needed}   # in the shell that starts runner"),
        _ => format!(
            "sudo prlimit --pid $$ --nofile={needed}:{needed}   # this shell; a container: --ulimit nofile={needed}"
        ),
    };
    match planned.users {
        Some(users) => {
            let (users, needed) = (format_count(users), format_count(needed));
            Seen::in_the_way(format!("{saw}, {users} users take {needed}"), change)
        }
        None => {
            let users = format_count(
                soft.saturating_sub(planned.descriptors(0))
                    / (planned.descriptors(1) - planned.descriptors(0)),
            );
            Seen::look(format!("{saw}, enough for {users} users"), change)
        }
    }
}

fn count(limit: u64) -> String {
    if limit == u64::MAX { "unlimited".to_owned() } else { format_count(limit) }
}
