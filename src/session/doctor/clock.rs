//! The clock source: each request reads the clock several times.

use super::{Check, Machine, Planned, Seen};

pub(super) const CHECK: Check = Check {
    name: "clock",
    why: "each request reads the clock up to four times; some sources are a call of the kernel, or a slow device",
    look,
};

const CURRENT: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
const AVAILABLE: &str = "/sys/devices/system/clocksource/clocksource0/available_clocksource";

/// A reading that stays within the process takes some 25 ns, one that asks the kernel 100 and more.
const DEAR_NS: u64 = 100;

fn look(machine: &Machine, _: &Planned) -> Seen {
    let source = machine.word(CURRENT);
    let reading_ns = machine.clock_reading_ns;
    let name = source.as_deref().unwrap_or("source unknown");
    let saw = format!("{name}, {reading_ns}ns a reading");
    if reading_ns <= DEAR_NS {
        return Seen::good(saw);
    }
    let available = machine.text(AVAILABLE).unwrap_or_default();
    let better =
        ["tsc", "arch_sys_counter", "kvm-clock", "hyperv_clocksource_tsc_page"].into_iter().find(|better| {
            available.split_whitespace().any(|name| name == *better) && Some(*better) != source.as_deref()
        });
    match better {
        Some(better) => Seen::look(saw, format!("echo {better} | sudo tee {CURRENT}")),
        None => Seen::look(saw, "runner doctor   # once more when nothing else runs; else another machine"),
    }
}
