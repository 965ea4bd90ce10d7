//! Address space: each user's stack reserves 1 MiB of it, which costs no memory unless the system says so.

use super::{Check, Machine, Planned, Seen, Verdict};
use crate::fiber::STACK_BYTES;
use crate::units::format_size;

pub(super) const CHECK: Check = Check {
    name: "address space",
    why: "each user reserves 1 MiB of addresses, not of memory; strict overcommit counts them as memory",
    look,
};

const OVERCOMMIT: &str = "/proc/sys/vm/overcommit_memory";

/// The value by which the kernel promises no more than it has.
const STRICT: u64 = 2;

fn look(machine: &Machine, planned: &Planned) -> Seen {
    let Some(mode) = machine.number(OVERCOMMIT) else { return Seen::unread(OVERCOMMIT) };
    let fits = |bytes: u64| bytes / STACK_BYTES as u64;
    if let Some((soft, _)) = machine.limit("Max address space").filter(|(soft, _)| *soft != u64::MAX)
        && planned.verdict(fits(soft)) != Verdict::Good
    {
        let saw = format!("limited to {}", format_size(soft as f64));
        let change = "ulimit -v unlimited   # in the shell that starts runner";
        return Seen::enough_for(fits(soft), planned, saw, change);
    }
    if mode != STRICT {
        return Seen::good(format!("overcommit_memory {mode}, reserving costs nothing"));
    }
    let room = machine.memory("CommitLimit").zip(machine.memory("Committed_AS"));
    let Some(room) = room.map(|(limit, used)| limit.saturating_sub(used)) else {
        return Seen::unread("/proc/meminfo");
    };
    let saw = format!("overcommit_memory {STRICT} (strict), {} left to promise", format_size(room as f64));
    Seen::enough_for(fits(room), planned, saw, "sudo sysctl -w vm.overcommit_memory=0")
}
