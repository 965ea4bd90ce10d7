//! The queue of connections that a listener has not accepted yet.

use super::{Check, Machine, Planned, Seen, rounded_up};
use crate::units::format_count;

pub(super) const CHECK: Check = Check {
    name: "somaxconn",
    why: "users that connect at once wait in this queue of a service on this machine; past it a connect takes 1 s more",
    look,
};

const PATH: &str = "/proc/sys/net/core/somaxconn";

/// Linux's default since 5.4; before it was 128, which a hundred users overflow.
const ORDINARY: u64 = 4_096;

fn look(machine: &Machine, planned: &Planned) -> Seen {
    let Some(length) = machine.number(PATH) else { return Seen::unread(PATH) };
    // Users that a plan is sure to have may start within one round trip; those hired by need come one by one.
    let wanted = planned.users.unwrap_or(ORDINARY).min(u64::from(u16::MAX));
    let saw = format!("{} (of a service on this machine)", format_count(length));
    if length >= wanted {
        return Seen::good(saw);
    }
    let size = rounded_up(wanted.max(ORDINARY));
    Seen::look(saw, format!("sudo sysctl -w net.core.somaxconn={size}   # where the service runs"))
}
