//! The CPU that a control group allows, and how often it has stopped this group so far.

use super::cgroup::{Group, groups};
use super::{Check, Machine, Planned, Seen};
use crate::units::{format_count, format_significant};

pub(super) const CHECK: Check = Check {
    name: "CPU quota",
    why: "a group that used up its share stands still for the rest of the period, up to 100 ms",
    look,
};

fn look(machine: &Machine, _: &Planned) -> Seen {
    if machine.text("/proc/self/cgroup").is_none() {
        return Seen::unread("/proc/self/cgroup");
    }
    let groups = groups(machine, "cpu");
    let allowed = |group: &Group| Some((quota(machine, group)?, group.clone()));
    let tightest = groups.iter().filter_map(allowed).min_by(|(one, _), (other, _)| one.total_cmp(other));
    let throttled: u64 = groups.iter().filter_map(|group| throttled(machine, group)).max().unwrap_or(0);
    let so_far = match throttled {
        0 => String::new(),
        1 => ", stopped once so far".to_owned(),
        times => format!(", stopped {} times so far", format_count(times)),
    };
    let Some((quota, Group { folder, is_v2 })) = tightest else { return Seen::good(format!("none{so_far}")) };
    let saw = format!("{} cores{so_far}", format_significant(quota));
    let cores = machine.cores().map_or(f64::INFINITY, |cores| cores.len() as f64);
    // A quota of all cores can't be used up.
    if quota >= cores && throttled == 0 {
        return Seen::good(saw);
    }
    let lift = if is_v2 {
        format!("echo max | sudo tee {folder}/cpu.max")
    } else {
        format!("echo -1 | sudo tee {folder}/cpu.cfs_quota_us")
    };
    Seen::look(saw, format!("{lift}   # a container: --cpus"))
}

/// The cores' worth of time that a group may use.
fn quota(machine: &Machine, group: &Group) -> Option<f64> {
    let Group { folder, is_v2 } = group;
    let (quota, period): (f64, f64) = if *is_v2 {
        let text = machine.text(&format!("{folder}/cpu.max"))?;
        let (quota, period) = text.trim().split_once(' ')?;
        (quota.parse().ok()?, period.parse().ok()?)
    } else {
        let read = |name: &str| machine.word(&format!("{folder}/{name}"))?.parse().ok();
        (read("cpu.cfs_quota_us")?, read("cpu.cfs_period_us")?)
    };
    (quota > 0.0 && period > 0.0).then(|| quota / period)
}

fn throttled(machine: &Machine, group: &Group) -> Option<u64> {
    let text = machine.text(&format!("{}/cpu.stat", group.folder))?;
    text.lines().find_map(|line| line.strip_prefix("nr_throttled "))?.trim().parse().ok()
}
