//! Rights to profile: no load needs them, finding out why a service is slow does.

use super::{Check, Machine, Planned, Seen};

pub(super) const CHECK: Check =
    Check { name: "perf rights", why: "profiling another process needs them; a load does not", look };

const PARANOID: &str = "/proc/sys/kernel/perf_event_paranoid";
const POINTERS: &str = "/proc/sys/kernel/kptr_restrict";

/// Capabilities that lift the setting: `CAP_SYS_ADMIN` and `CAP_PERFMON`.
const CAPABILITIES: u64 = 1 << 21 | 1 << 38;

fn look(machine: &Machine, _: &Planned) -> Seen {
    let paranoid = machine.word(PARANOID).and_then(|word| word.parse::<i64>().ok());
    let Some(paranoid) = paranoid else { return Seen::unread(PARANOID) };
    let pointers =
        machine.number(POINTERS).map_or_else(String::new, |value| format!(", kptr_restrict {value}"));
    let saw = format!("perf_event_paranoid {paranoid}{pointers}");
    let capabilities = machine.field("/proc/self/status", "CapEff");
    let capabilities = capabilities.and_then(|text| u64::from_str_radix(&text, 16).ok()).unwrap_or(0);
    if capabilities & CAPABILITIES != 0 {
        return Seen::good(format!("{saw}, lifted by a capability of this process"));
    }
    match paranoid {
        // The kernel's part too.
        ..=1 => Seen::good(saw),
        2 => Seen::good(format!("{saw}: own processes, without the kernel's part")),
        _ => Seen::look(saw, "sudo sysctl -w kernel.perf_event_paranoid=1 kernel.kptr_restrict=0"),
    }
}
