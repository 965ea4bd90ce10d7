//! Each check on texts of machines that it should praise, question and refuse.

use super::top_rate::Calibrated;
use super::*;

const LIMITS: &str = "Limit                     Soft Limit           Hard Limit           Units     \n\
    Max open files            1024                 524288               files     \n\
    Max address space         unlimited            unlimited            bytes     \n";
const STATUS: &str = "Name:\trunner\nCapEff:\t0000000000000000\nCpus_allowed_list:\t0-1\n";
const CGROUP: &str = "0::/job\n";
const MOUNTS: &str = "31 23 0:28 / /cg rw - cgroup2 cgroup2 rw\n";

type Files = &'static [(&'static str, &'static str)];

fn users(users: u64) -> Planned {
    Planned { users: Some(users), ..Planned::default() }
}

/// The verdict, what was seen and the change, in one text.
fn says(check: &Check, files: Files, planned: &Planned) -> String {
    let Seen { verdict, saw, change } = (check.look)(&Machine::of(files), planned);
    assert_eq!(change.is_some(), matches!(verdict, Verdict::Look | Verdict::InTheWay), "{saw}");
    format!("{verdict:?}: {saw} | {}", change.unwrap_or_default())
}

#[track_caller]
fn expect(check: &Check, files: Files, planned: &Planned, expected: &str) {
    let said = says(check, files, planned);
    assert!(said.starts_with(expected), "expected {expected:?}\n     got {said:?}");
}

const NOBODY: &Planned = &Planned { users: None, users_max: None, rate_per_s: None, is_embedded: false };

#[test]
fn an_empty_machine_is_unknown_and_never_an_error() {
    for finding in examine(&Machine::of(&[]), &users(100)) {
        let known = ["clock"];
        assert_eq!(finding.verdict == Verdict::Unknown, !known.contains(&finding.name), "{finding:?}");
        assert!(!finding.saw.is_empty());
    }
}

#[test]
fn garbage_is_unknown_and_never_a_panic() {
    for text in [
        "",
        "\n",
        "-1",
        "99999999999999999999999",
        "a: b\nc",
        "0-",
        "5-2",
        "1 2 3 4 5 6 7 8 9",
        "max 0",
        "4:cpu:/\n0::/",
    ] {
        let read = Box::new(move |_: &str| Some(text.to_owned()));
        let machine = Machine { read, clock_reading_ns: u64::MAX, ..Machine::of(&[]) };
        for planned in [NOBODY, &users(u64::MAX), &Planned { rate_per_s: Some(1e300), ..users(1) }] {
            assert_eq!(examine(&machine, planned).len(), CHECKS.len(), "{text:?}");
        }
    }
}

#[test]
fn names_are_distinct_and_reasons_fit_a_line() {
    let names: std::collections::BTreeSet<_> = CHECKS.iter().map(|check| check.name).collect();
    assert_eq!(names.len(), CHECKS.len());
    for check in CHECKS {
        assert!(check.why.chars().count() <= 115 && !check.why.ends_with('.'), "{}", check.why);
    }
}

#[test]
fn descriptors_are_held_against_the_users() {
    const FILES: Files = &[("/proc/self/limits", LIMITS)];
    let check = &descriptors::CHECK;
    expect(check, FILES, &users(960), "Good: 1,024 (hard limit 524,288)");
    expect(
        check,
        FILES,
        &users(961),
        "InTheWay: 1,024 (hard limit 524,288): enough for 960 users | ulimit -n 1025 ",
    );
    expect(check, FILES, NOBODY, "Look: 1,024 (hard limit 524,288): enough for 960 users | ulimit -n 10064 ");
    expect(
        check,
        FILES,
        &users(600_000),
        "InTheWay: 1,024 (hard limit 524,288): enough for 960 users | sudo prlimit",
    );
    let embedded = Planned { is_embedded: true, ..users(500) };
    expect(
        check,
        FILES,
        &embedded,
        "InTheWay: 1,024 (hard limit 524,288): enough for 480 users | ulimit -n 1064",
    );
    // Users that are hired by need may never come.
    let by_need = Planned { users_max: Some(10_000), ..users(5) };
    expect(
        check,
        FILES,
        &by_need,
        "Look: 1,024 (hard limit 524,288): enough for 960 users | ulimit -n 10064 ",
    );
}

#[test]
fn ports_leave_out_the_reserved_ones() {
    const FILES: Files = &[
        ("/proc/sys/net/ipv4/ip_local_port_range", "32768\t32831\n"),
        ("/proc/sys/net/ipv4/ip_local_reserved_ports", "100,32768-32771,40000\n"),
        ("/proc/sys/net/ipv4/tcp_tw_reuse", "2\n"),
        ("/proc/sys/net/ipv4/tcp_fin_timeout", "30\n"),
    ];
    const REUSED: Files =
        &[("/proc/sys/net/ipv4/ip_local_port_range", "1 2"), ("/proc/sys/net/ipv4/tcp_tw_reuse", "1\n")];
    const SAW: &str = "60 (32768 to 32831) to one address";
    const WAIT: &str = "tcp_tw_reuse 2 (on within this machine alone), tcp_fin_timeout 30s: 1 new";
    let check = &ports::CHECK;
    expect(check, FILES, &users(60), &format!("Good: {SAW}"));
    expect(check, FILES, &users(61), &format!("InTheWay: {SAW}: enough for 60 users | sudo sysctl"));
    expect(check, FILES, &users(100_000), &format!("InTheWay: {SAW}: enough for 60 users | runner run"));
    expect(check, FILES, NOBODY, &format!("Look: {SAW}: enough for 60 users"));
    let rate = |rate| Planned { rate_per_s: Some(rate), ..Planned::default() };
    let check = &time_wait::CHECK;
    expect(check, FILES, &rate(1.0), &format!("Good: {WAIT}"));
    expect(check, FILES, &rate(1.5), &format!("Look: {WAIT}"));
    expect(check, FILES, NOBODY, &format!("Look: {WAIT}"));
    expect(check, REUSED, &rate(1e6), "Good: tcp_tw_reuse 1 (on)");
}

#[test]
fn a_table_of_connections_that_is_full_is_in_the_way() {
    const FILES: Files = &[
        ("/proc/sys/net/netfilter/nf_conntrack_max", "1000\n"),
        ("/proc/sys/net/netfilter/nf_conntrack_count", "400\n"),
    ];
    const CHANGE: &str = "| sudo sysctl -w net.netfilter.nf_conntrack_max=";
    let check = &conntrack::CHECK;
    expect(check, FILES, &users(300), "Good: 600 of 1,000 entries free");
    expect(check, FILES, &users(301), &format!("Look: 600 of 1,000 entries free {CHANGE}1024"));
    let expected = format!("InTheWay: 600 of 1,000 entries free: enough for 300 users {CHANGE}2048");
    expect(check, FILES, &users(601), &expected);
}

#[test]
fn a_short_queue_of_a_listener_is_worth_a_look() {
    const FILES: Files = &[("/proc/sys/net/core/somaxconn", "128\n")];
    expect(&backlog::CHECK, FILES, &users(100), "Good: 128");
    expect(
        &backlog::CHECK,
        FILES,
        NOBODY,
        "Look: 128 (of a service on this machine) | sudo sysctl -w net.core.somaxconn=4096",
    );
    expect(
        &backlog::CHECK,
        FILES,
        &users(5_000),
        "Look: 128 (of a service on this machine) | sudo sysctl -w net.core.somaxconn=8192",
    );
}

#[test]
fn guards_cost_mappings_on_older_kernels_alone() {
    const OLD: Files =
        &[("/proc/sys/kernel/osrelease", "6.12.9-amd64\n"), ("/proc/sys/vm/max_map_count", "65530\n")];
    const NEW: Files =
        &[("/proc/sys/kernel/osrelease", "6.13.0\n"), ("/proc/sys/vm/max_map_count", "65530\n")];
    const SAW: &str = "Linux 6.12.9-amd64, max_map_count 65,530";
    let check = &stacks::CHECK;
    expect(check, OLD, &users(32_000), &format!("Good: {SAW}"));
    let expected =
        format!("InTheWay: {SAW}: enough for 32,265 users | sudo sysctl -w vm.max_map_count=131072");
    expect(check, OLD, &users(40_000), &expected);
    expect(check, OLD, NOBODY, "Good");
    expect(check, NEW, &users(1_000_000), "Good: Linux 6.13.0: guards take no mappings");
}

#[test]
fn strict_overcommit_counts_stacks_as_memory() {
    const FILES: Files = &[
        ("/proc/self/limits", LIMITS),
        ("/proc/sys/vm/overcommit_memory", "2\n"),
        ("/proc/meminfo", "CommitLimit:     2048000 kB\nCommitted_AS:    1024000 kB\n"),
    ];
    const LIMITED: Files = &[
        (
            "/proc/self/limits",
            "Max address space         1073741824           unlimited            bytes     \n",
        ),
        ("/proc/sys/vm/overcommit_memory", "0\n"),
    ];
    const SAW: &str = "overcommit_memory 2 (strict), 1.05 GB left to promise";
    let check = &address_space::CHECK;
    expect(check, FILES, &users(1_000), &format!("Good: {SAW}"));
    let expected = format!("InTheWay: {SAW}: enough for 1,000 users | sudo sysctl -w vm.overcommit_memory=0");
    expect(check, FILES, &users(1_001), &expected);
    expect(check, LIMITED, &users(1_025), "InTheWay: limited to 1.07 GB: enough for 1,024 users | ulimit -v");
    expect(check, LIMITED, &users(1_024), "Good: overcommit_memory 0");
}

#[test]
fn the_tightest_control_group_says_how_much_memory_there_is() {
    const FILES: Files = &[
        ("/proc/meminfo", "MemAvailable:   8000000 kB\n"),
        ("/proc/self/cgroup", "0::/outer/job\n"),
        ("/proc/self/mountinfo", MOUNTS),
        ("/cg/outer/job/memory.max", "max\n"),
        ("/cg/outer/memory.max", "300000000\n"),
        ("/cg/outer/memory.current", "100000000\n"),
    ];
    const SAW: &str = "200 MB free, the control group allows 300 MB";
    let check = &memory::CHECK;
    expect(check, FILES, &users(1_000), &format!("Good: {SAW}"));
    let expected = format!(
        "Look: {SAW}: little for users that keep something | echo 264000000 | sudo tee /cg/outer/memory.max"
    );
    expect(check, FILES, &users(2_000), &expected);
    expect(check, FILES, &users(10_000), &format!("InTheWay: {SAW}: enough for 6,181 users"));
    expect(check, &[("/proc/meminfo", "MemAvailable:   8000000 kB\n")], NOBODY, "Good: 8.19 GB available");
}

#[test]
fn cores_that_may_not_be_used_are_named() {
    const BOTH: Files = &[("/proc/self/status", STATUS), ("/sys/devices/system/cpu/online", "0-1\n")];
    const SOME: Files = &[("/proc/self/status", STATUS), ("/sys/devices/system/cpu/online", "0-3,6-7\n")];
    const ONE: Files =
        &[("/proc/self/status", "Cpus_allowed_list:\t0\n"), ("/sys/devices/system/cpu/online", "0\n")];
    expect(&cores::CHECK, BOTH, NOBODY, "Good: 2, all usable");
    expect(&cores::CHECK, SOME, NOBODY, "Look: 2 of 6 usable | taskset -pc 0-3,6-7 $$");
    expect(&cores::CHECK, ONE, NOBODY, "Look: a single one");
}

#[test]
fn a_quota_below_the_cores_or_one_that_was_felt_is_worth_a_look() {
    const HALF: Files = &[
        ("/proc/self/status", STATUS),
        ("/proc/self/cgroup", CGROUP),
        ("/proc/self/mountinfo", MOUNTS),
        ("/cg/job/cpu.max", "50000 100000\n"),
        ("/cg/job/cpu.stat", "usage_usec 5\nnr_periods 9\nnr_throttled 3\nthrottled_usec 7\n"),
    ];
    const WHOLE: Files = &[
        ("/proc/self/status", STATUS),
        ("/proc/self/cgroup", CGROUP),
        ("/proc/self/mountinfo", MOUNTS),
        ("/cg/job/cpu.max", "max 100000\n"),
        ("/cg/cpu.max", "200000 100000\n"),
    ];
    const FIRST: Files = &[
        ("/proc/self/status", STATUS),
        ("/proc/self/cgroup", "2:cpu,cpuacct:/\n"),
        ("/proc/self/mountinfo", "32 31 0:29 / /cg/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"),
        ("/cg/cpu/cpu.cfs_quota_us", "150000\n"),
        ("/cg/cpu/cpu.cfs_period_us", "100000\n"),
    ];
    expect(
        &quota::CHECK,
        HALF,
        NOBODY,
        "Look: 0.500 cores, stopped 3 times so far | echo max | sudo tee /cg/job/cpu.max",
    );
    expect(&quota::CHECK, WHOLE, NOBODY, "Good: 2.00 cores");
    expect(&quota::CHECK, FIRST, NOBODY, "Look: 1.50 cores | echo -1 | sudo tee /cg/cpu/cpu.cfs_quota_us");
    expect(&quota::CHECK, &[("/proc/self/cgroup", "0::/\n")], NOBODY, "Good: none");
}

#[test]
fn what_blurs_a_load_is_worth_a_look() {
    const BUSY: Files = &[("/proc/self/status", STATUS), ("/proc/loadavg", "1.02 0.5 0.1 1/99 1\n")];
    const CALM: Files = &[("/proc/self/status", STATUS), ("/proc/loadavg", "0.99 9 9 1/99 1\n")];
    const STOLEN: Files = &[("/proc/stat", "cpu  50 10 20 9000 100 3 2 15 0 0\ncpu0 1 1 1\n")];
    const OWN: Files = &[("/proc/stat", "cpu  500 10 480 9000 100 3 2 5 0 0\n")];
    const SAVING: Files = &[
        ("/proc/self/status", STATUS),
        ("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n"),
        ("/sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "powersave\n"),
        ("/sys/devices/system/cpu/intel_pstate/no_turbo", "0\n"),
    ];
    expect(&busy::CHECK, BUSY, NOBODY, "Look: 1.02 tasks");
    expect(&busy::CHECK, CALM, NOBODY, "Good: 0.990 tasks");
    expect(&steal::CHECK, STOLEN, NOBODY, "Look: 15.00% of the time since boot");
    expect(&steal::CHECK, OWN, NOBODY, "Good: 0.50% of the time since boot");
    expect(&governor::CHECK, SAVING, NOBODY, "Look: performance, powersave | sudo cpupower");
    expect(
        &turbo::CHECK,
        SAVING,
        NOBODY,
        "Look: on | echo 1 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo",
    );
    expect(&turbo::CHECK, &[("/sys/devices/system/cpu/cpufreq/boost", "0\n")], NOBODY, "Good: off");
}

#[test]
fn a_clock_is_judged_by_what_a_reading_costs() {
    const FILES: Files = &[
        ("/sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n"),
        ("/sys/devices/system/clocksource/clocksource0/available_clocksource", "hpet tsc acpi_pm\n"),
    ];
    expect(&clock::CHECK, FILES, NOBODY, "Good: hpet, 25ns a reading");
    let machine = Machine { clock_reading_ns: 800, ..Machine::of(FILES) };
    let seen = (clock::CHECK.look)(&machine, NOBODY);
    assert_eq!(seen.verdict, Verdict::Look);
    assert!(seen.change.unwrap().starts_with("echo tsc | sudo tee "));
    // How dear the true one is differs; that it is measured at all doesn't.
    assert!(Machine::here(std::path::Path::new("/nowhere"), 1).clock_reading_ns > 0);
}

#[test]
fn a_rate_is_held_against_the_one_that_was_measured() {
    let says = |calibrated: Calibrated, rate_per_s: Option<f64>| {
        let machine = Machine { calibrated, ..Machine::of(&[]) };
        let Seen { verdict, saw, change } =
            (top_rate::CHECK.look)(&machine, &Planned { rate_per_s, ..Planned::default() });
        format!("{verdict:?}: {saw} | {}", change.unwrap_or_default())
    };
    let good = "Good: 1,000 requests a second against the null server | ";
    assert_eq!(says(Calibrated::At(1_000), None), good);
    assert_eq!(says(Calibrated::At(1_000), Some(1_000.0)), good);
    assert!(says(Calibrated::At(1_000), Some(1_001.0)).starts_with("Look: 1,000 requests"));
    assert_eq!(says(Calibrated::Never, Some(1e9)), "Unknown: not measured yet: `runner calibrate` does | ");
    assert_eq!(
        says(Calibrated::Stale("cores 2, now 4".to_owned()), None),
        "Look: measured otherwise: cores 2, now 4 | runner calibrate"
    );
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(Calibrated::read(folder.path(), 1), Calibrated::Never);
    std::fs::write(folder.path().join(crate::results::CALIBRATION_FILE), "{}").unwrap();
    assert!(matches!(Calibrated::read(folder.path(), 1), Calibrated::Unreadable(_)));
}

#[test]
fn rights_to_profile_come_by_the_setting_or_by_a_capability() {
    const REFUSED: Files = &[
        ("/proc/self/status", STATUS),
        ("/proc/sys/kernel/perf_event_paranoid", "4\n"),
        ("/proc/sys/kernel/kptr_restrict", "1\n"),
    ];
    const ROOT: Files = &[
        ("/proc/self/status", "CapEff:\t000001ffffffffff\n"),
        ("/proc/sys/kernel/perf_event_paranoid", "4\n"),
    ];
    expect(
        &perf::CHECK,
        REFUSED,
        NOBODY,
        "Look: perf_event_paranoid 4, kptr_restrict 1 | sudo sysctl -w kernel.perf_event_paranoid=1",
    );
    expect(&perf::CHECK, ROOT, NOBODY, "Good: perf_event_paranoid 4, lifted");
    expect(
        &perf::CHECK,
        &[("/proc/sys/kernel/perf_event_paranoid", "-1\n")],
        NOBODY,
        "Good: perf_event_paranoid -1",
    );
}
