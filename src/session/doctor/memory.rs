//! Memory: what users touch, and what a control group allows.

use super::cgroup::groups;
use super::{Check, Machine, Planned, Seen, Verdict};
use crate::units::format_size;

pub(super) const CHECK: Check = Check {
    name: "memory",
    why: "a user takes some 22 KB and what its script keeps; past a control group's limit the run is killed",
    look,
};

/// A connected user that keeps nothing of its own (`make bench-memory`).
const USER_BYTES: u64 = 22_000;

/// A user with answers and values of some size.
const ROOMY_USER_BYTES: u64 = 100_000;

/// The process without users: the program, its compiled script, histograms.
const PROCESS_BYTES: u64 = 64_000_000;

/// What version 1 says for "no limit" is a little less than 2⁶³.
const UNLIMITED: u64 = 1 << 62;

fn look(machine: &Machine, planned: &Planned) -> Seen {
    let Some(available) = machine.memory("MemAvailable") else { return Seen::unread("/proc/meminfo") };
    let limit = groups(machine, "memory").into_iter().filter_map(|group| {
        let names = if group.is_v2 {
            ("memory.max", "memory.current")
        } else {
            ("memory.limit_in_bytes", "memory.usage_in_bytes")
        };
        let max = machine.number(&format!("{}/{}", group.folder, names.0)).filter(|max| *max < UNLIMITED)?;
        let used = machine.number(&format!("{}/{}", group.folder, names.1)).unwrap_or(0);
        Some((max.saturating_sub(used), max, format!("{}/{}", group.folder, names.0)))
    });
    let tightest = limit.min_by_key(|(free, ..)| *free);
    let free = tightest.as_ref().map_or(available, |(free, ..)| available.min(*free));
    let saw = match &tightest {
        Some((_, max, _)) => {
            format!(
                "{} free, the control group allows {}",
                format_size(free as f64),
                format_size(*max as f64)
            )
        }
        None => format!("{} available", format_size(free as f64)),
    };
    let roomy = planned.wanted().saturating_mul(ROOMY_USER_BYTES).saturating_add(PROCESS_BYTES);
    let change = match &tightest {
        Some((group_free, _, path)) if *group_free < available => {
            format!("echo {roomy} | sudo tee {path}   # a container: --memory")
        }
        _ => "ps aux --sort=-rss | head   # who else takes memory".to_owned(),
    };
    let capacity = free.saturating_sub(PROCESS_BYTES) / USER_BYTES;
    if planned.verdict(capacity) == Verdict::Good && roomy > free {
        return Seen::look(format!("{saw}: little for users that keep something"), change);
    }
    Seen::enough_for(capacity, planned, saw, change)
}
