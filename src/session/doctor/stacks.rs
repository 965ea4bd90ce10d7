//! Guards below the users' stacks: older kernels split a mapping for each.

use super::{Check, Machine, Planned, Seen, rounded_up};
use crate::units::format_count;

pub(super) const CHECK: Check = Check {
    name: "stacks",
    why: "each user's stack has a guard page; before Linux 6.13 it takes two of the process's mappings",
    look,
};

const RELEASE: &str = "/proc/sys/kernel/osrelease";
const MAPS: &str = "/proc/sys/vm/max_map_count";

/// The first version with `MADV_GUARD_INSTALL`, which guards pages without splitting their mapping.
const GUARDS_SINCE: (u64, u64) = (6, 13);

/// Mappings that a process has beside its users' stacks.
const OTHERS: u64 = 1_000;

fn look(machine: &Machine, planned: &Planned) -> Seen {
    let Some(release) = machine.word(RELEASE) else { return Seen::unread(RELEASE) };
    let is_light = version(&release).is_some_and(|version| version >= GUARDS_SINCE);
    if is_light {
        return Seen::good(format!("Linux {release}: guards take no mappings"));
    }
    let Some(maps) = machine.number(MAPS) else { return Seen::unread(MAPS) };
    let saw = format!("Linux {release}, max_map_count {}", format_count(maps));
    let size = rounded_up(planned.wanted().saturating_mul(2).saturating_add(OTHERS));
    let change = format!("sudo sysctl -w vm.max_map_count={size}");
    Seen::enough_for(maps.saturating_sub(OTHERS) / 2, planned, saw, change)
}

/// `6.18.44-generic` is (6, 18).
fn version(release: &str) -> Option<(u64, u64)> {
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}
