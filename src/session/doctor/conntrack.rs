//! Connection tracking: a full table drops new connections in silence.

use super::{Check, Machine, Planned, Seen, Verdict, rounded_up};
use crate::units::format_count;

pub(super) const CHECK: Check = Check {
    name: "connection tracking",
    why: "a firewall's full table drops packets, which looks like a service that doesn't answer",
    look,
};

const MAX: &str = "/proc/sys/net/netfilter/nf_conntrack_max";
const COUNT: &str = "/proc/sys/net/netfilter/nf_conntrack_count";

/// Of a connection that was closed the table keeps the entry for two minutes: it should hold twice as many as are
/// open at once.
const SPARE: u64 = 2;

fn look(machine: &Machine, planned: &Planned) -> Seen {
    let Some(max) = machine.number(MAX) else {
        return Seen::unknown("not in use here, or this process can't see it");
    };
    let used = machine.number(COUNT).unwrap_or(0);
    let free = max.saturating_sub(used);
    let size = rounded_up(used.saturating_add(planned.wanted().saturating_mul(SPARE)));
    let saw = format!("{} of {} entries free", format_count(free), format_count(max));
    let change = format!("sudo sysctl -w net.netfilter.nf_conntrack_max={size}");
    match planned.verdict(free / SPARE) {
        // Too few to spare, but each connection has its entry.
        Verdict::InTheWay if planned.verdict(free) != Verdict::InTheWay => Seen::look(saw, change),
        _ => Seen::enough_for(free / SPARE, planned, saw, change),
    }
}
