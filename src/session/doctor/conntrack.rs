//! Connection tracking: a full table drops new connections in silence.

use super::{Check, Machine, ORDINARY_USERS, Planned, Seen, rounded_up};
use crate::units::format_count;

pub(super) const CHECK: Check = Check {
    name: "connection tracking",
    why: "a firewall's full table drops packets, which looks like a service that doesn't answer",
    look,
};

const MAX: &str = "/proc/sys/net/netfilter/nf_conntrack_max";
const COUNT: &str = "/proc/sys/net/netfilter/nf_conntrack_count";

/// The system's default allowance for a connection that was closed is two minutes: the table holds twice as
/// many as are open where they are opened anew.
const SPARE: u64 = 2;

fn look(machine: &Machine, planned: &Planned) -> Seen {
    let Some(max) = machine.number(MAX) else {
        return Seen::unknown("not in use here, or this process can't see it");
    };
    let used = machine.number(COUNT).unwrap_or(0);
    let free = max.saturating_sub(used);
    let saw = format!("{} of {} entries free", format_count(free), format_count(max));
    let wanted = planned.users.unwrap_or(ORDINARY_USERS).saturating_mul(planned.connections());
    let change = |wanted: u64| {
        let size = used.saturating_add(wanted.saturating_mul(SPARE));
        let size = rounded_up(size);
        format!("sudo sysctl -w net.netfilter.nf_conntrack_max={size}")
    };
    match planned.users {
        Some(users) if free < wanted => {
            Seen::in_the_way(format!("{saw} for {} users", format_count(users)), change(wanted))
        }
        _ if free < wanted.saturating_mul(SPARE) => Seen::look(saw, change(wanted)),
        _ => Seen::good(saw),
    }
}
