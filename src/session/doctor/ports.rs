//! Local ports: each connection to one address takes one.

use super::machine::list;
use super::{Check, Machine, Planned, Seen};
use crate::units::format_count;

pub(super) const CHECK: Check = Check {
    name: "local ports",
    why: "each connection to one address of a service takes a local port; without one connects fail here",
    look,
};

const RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";
const RESERVED: &str = "/proc/sys/net/ipv4/ip_local_reserved_ports";

/// The ports above those that need rights.
const PORTS_MAX: u64 = 64_512;

fn look(machine: &Machine, planned: &Planned) -> Seen {
    let Some(Ports { first, last, count }) = ports(machine) else { return Seen::unread(RANGE) };
    // Another address of the service has all ports again.
    let change = match planned.wanted() {
        users if users > PORTS_MAX => "runner run   # on several machines, or against several addresses",
        _ => "sudo sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"",
    };
    let saw = format!("{} ({first} to {last}) to one address", format_count(count));
    Seen::enough_for(count, planned, saw, change)
}

/// The ports that the system gives to connections.
pub(super) struct Ports {
    first: u64,
    last: u64,
    /// How many of them may be given.
    pub(super) count: u64,
}

pub(super) fn ports(machine: &Machine) -> Option<Ports> {
    let text = machine.text(RANGE)?;
    let mut words = text.split_whitespace().map(str::parse::<u64>);
    let (first, last) = (words.next()?.ok()?, words.next()?.ok()?);
    let reserved = machine.text(RESERVED).and_then(|text| list(&text)).unwrap_or_default();
    let reserved = reserved.iter().filter(|port| (first..=last).contains(*port)).count() as u64;
    Some(Ports { first, last, count: (last.checked_sub(first)? + 1).saturating_sub(reserved) })
}
