//! The process and its machine, looked at once a second from the control thread: time that others
//! took, the container's quota, descriptors, local ports, clocks.
//!
//! All of it is read from the kernel's books; a book that isn't there is left out. A look costs some
//! 50 µs, and up to 10 ms a second where more than half of the local ports are in use.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Resource, getrlimit};

use crate::metrics::{Recorder, Snapshot, TagSet};

use super::timer::{Epoch, suspended_ns};
use super::vitals::HostUse;

/// A shorter time than this says nothing of shares: the kernel counts in ticks of 10 ms.
const SPAN_MIN_NS: u64 = 100_000_000;

/// Nor does the whole of a load that is shorter than this: a tick of steal would be a per cent of it.
const LOAD_MIN_NS: u64 = 1_000_000_000;

/// A wall clock that moves by this much between two looks was set. Time services slew by 0.5 ms a
/// second, and step from 128 ms on.
const STEP_NS: i64 = 100_000_000;

/// What is looked at, and what has been seen.
pub(super) struct Host {
    epoch: Epoch,
    recorder: Recorder,
    quotas: Vec<PathBuf>,
    first: Reading,
    last: Reading,
    seen: HostUse,
}

/// The kernel's books at one instant.
#[derive(Debug, Clone, Copy, Default)]
struct Reading {
    at_ns: u64,
    cores: Option<Cores>,
    throttled_ns: Option<u64>,
    suspended_ns: u64,
    drift_ns: i64,
}

/// Ticks of all cores: `/proc/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cores {
    idle: u64,
    steal: u64,
    total: u64,
}

impl Host {
    /// From now on.
    pub(super) fn start(epoch: Epoch) -> Self {
        let quotas = quota_files(&read("/proc/self/cgroup"));
        let first = Reading::take(epoch, &quotas);
        let seen = HostUse {
            descriptors: (0, getrlimit(Resource::Nofile).current),
            ports: (0, port_range(&read("/proc/sys/net/ipv4/ip_local_port_range")).map(|range| range.2)),
            ..HostUse::default()
        };
        Self { epoch, recorder: Recorder::new(&[]), quotas, first, last: first, seen }
    }

    /// A look, as the gauges of the second that ends; nothing when the last one was a moment ago.
    pub(super) fn look(&mut self, tick: u64) -> Option<Snapshot> {
        if self.epoch.now_ns().saturating_sub(self.last.at_ns) < SPAN_MIN_NS {
            return None;
        }
        let now = Reading::take(self.epoch, &self.quotas);
        let suspended_ns = now.suspended_ns.saturating_sub(self.last.suspended_ns);
        self.seen.suspended += Duration::from_nanos(suspended_ns);
        // The wall clock goes on while a machine is suspended: that isn't a step.
        let step_ns = now.drift_ns - self.last.drift_ns - suspended_ns.cast_signed();
        if step_ns.abs() >= STEP_NS {
            let (count, largest_ns) = &mut self.seen.clock_steps;
            *count += 1;
            if step_ns.abs() > largest_ns.abs() {
                *largest_ns = step_ns;
            }
        }
        let descriptors = open_descriptors();
        let ports = self.seen.ports.1.and_then(ports_in_use);
        let shares = now.since(&self.last);
        self.last = now;
        self.seen.descriptors.0 = self.seen.descriptors.0.max(descriptors.unwrap_or(0));
        self.seen.ports.0 = self.seen.ports.0.max(ports.unwrap_or(0));
        self.set("generator_steal", shares.steal);
        self.set("generator_throttled", shares.throttled);
        self.set("generator_fds", descriptors.map(|count| count as f64));
        self.set("generator_ports", ports.map(|count| count as f64));
        Some(self.recorder.take(tick))
    }

    fn set(&mut self, name: &str, value: Option<f64>) {
        let Some(value) = value else { return };
        let (metric, _) = self.recorder.metric(name).expect("a built-in metric");
        let series = self.recorder.series(metric, &TagSet::default());
        self.recorder.set(series, value);
    }

    /// What it came to, over the whole load.
    pub(super) fn finish(self) -> HostUse {
        let now = Reading::take(self.epoch, &self.quotas);
        if now.at_ns.saturating_sub(self.first.at_ns) < LOAD_MIN_NS {
            return self.seen;
        }
        let shares = now.since(&self.first);
        HostUse { steal: shares.steal, busy: shares.busy, throttled: shares.throttled, ..self.seen }
    }
}

/// What happened between two readings, as shares of the time.
struct Shares {
    steal: Option<f64>,
    busy: Option<f64>,
    throttled: Option<f64>,
}

impl Reading {
    fn take(epoch: Epoch, quotas: &[PathBuf]) -> Self {
        let throttled = quotas.iter().filter_map(|path| throttled_ns(&read(path)));
        Self {
            at_ns: epoch.now_ns(),
            cores: cores(&read("/proc/stat")),
            throttled_ns: throttled.max(),
            suspended_ns: suspended_ns(),
            drift_ns: epoch.wall_drift_ns(),
        }
    }

    fn since(&self, before: &Self) -> Shares {
        let elapsed_ns = self.at_ns.saturating_sub(before.at_ns);
        let span = |now: u64, before: u64| now.saturating_sub(before) as f64;
        let cores = self.cores.zip(before.cores).filter(|(now, before)| now.total > before.total);
        let total = cores.map(|(now, before)| span(now.total, before.total));
        let share = |part: fn(&Cores) -> u64| {
            cores.zip(total).map(|((now, before), total)| span(part(&now), part(&before)) / total)
        };
        let throttled = self.throttled_ns.zip(before.throttled_ns).filter(|_| elapsed_ns > 0);
        Shares {
            steal: share(|cores| cores.steal),
            busy: share(|cores| cores.idle).map(|idle| 1.0 - idle),
            throttled: throttled.map(|(now, before)| span(now, before) / elapsed_ns as f64),
        }
    }
}

/// A book of the kernel's; empty when it isn't there.
fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The first line of `/proc/stat`: user nice system idle iowait irq softirq steal; guest time is in user.
fn cores(stat: &str) -> Option<Cores> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = line.split_ascii_whitespace().take(8).map_while(|word| word.parse().ok()).collect();
    let [_, _, _, idle, iowait, _, _, steal] = *ticks.as_slice() else { return None };
    Some(Cores { idle: idle + iowait, steal, total: ticks.iter().sum() })
}

/// Where the quotas that hold for this process are counted: its control group and those above it, by
/// `/proc/self/cgroup` in either version.
fn quota_files(groups: &str) -> Vec<PathBuf> {
    let roots = groups.lines().filter_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, group) = rest.split_once(':')?;
        let root = match controllers {
            "" => "/sys/fs/cgroup",
            _ if controllers.split(',').any(|name| name == "cpu") => "/sys/fs/cgroup/cpu",
            _ => return None,
        };
        Some((Path::new(root), Path::new(group.trim_start_matches('/'))))
    });
    let files = roots.flat_map(|(root, group)| {
        let groups = group.ancestors().map(|group| root.join(group).join("cpu.stat"));
        groups.collect::<Vec<_>>()
    });
    files.filter(|path| throttled_ns(&read(path)).is_some()).collect()
}

/// How long a control group was held back: `throttled_usec` (version 2) or `throttled_time` (1, in ns).
fn throttled_ns(stat: &str) -> Option<u64> {
    stat.lines().find_map(|line| match line.split_once(' ')? {
        ("throttled_usec", us) => us.parse::<u64>().ok()?.checked_mul(1_000),
        ("throttled_time", ns) => ns.parse().ok(),
        _ => None,
    })
}

/// Descriptors that this process holds open. Linux 6.2 and later say it as the folder's size.
fn open_descriptors() -> Option<u64> {
    let folder = Path::new("/proc/self/fd");
    match folder.metadata().ok()?.len() {
        0 => Some(folder.read_dir().ok()?.count() as u64),
        count => Some(count),
    }
}

/// The first and the last local port that a connection may be given, and how many they are.
fn port_range(text: &str) -> Option<(u16, u16, u64)> {
    let mut words = text.split_ascii_whitespace().map(|word| word.parse::<u16>().ok());
    let (first, last) = (words.next()??, words.next()??);
    (first <= last).then(|| (first, last, u64::from(last - first) + 1))
}

/// Local ports in use towards the address that takes most of them; closed connections hold theirs for a
/// minute. The sockets of a machine are many to read: that is done only where half of the ports may be in
/// use, and until then their number is the bound.
fn ports_in_use(range: u64) -> Option<u64> {
    // Version 6 counts its open ones apart; closed ones are counted together.
    let bound = sockets(&read("/proc/net/sockstat"))? + sockets(&read("/proc/net/sockstat6")).unwrap_or(0);
    if bound < range / 2 {
        return Some(bound);
    }
    let (first, last, _) = port_range(&read("/proc/sys/net/ipv4/ip_local_port_range"))?;
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(read);
    Some(tables.iter().map(|table| busiest(table, first, last)).max().unwrap_or(0))
}

/// TCP sockets of the network namespace, closed ones that still hold their port included.
fn sockets(sockstat: &str) -> Option<u64> {
    let line = sockstat.lines().find_map(|line| line.strip_prefix("TCP:").or(line.strip_prefix("TCP6:")))?;
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let counts = words.chunks_exact(2).filter(|pair| matches!(pair[0], "inuse" | "tw"));
    Some(counts.filter_map(|pair| pair[1].parse::<u64>().ok()).sum())
}

/// The most connections to one remote address from local ports of that range: a table of `/proc/net`.
fn busiest(table: &str, first: u16, last: u16) -> u64 {
    let mut counts: HashMap<&str, u64> = HashMap::new();
    for line in table.lines().skip(1) {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (Some(local), Some(remote)) = (fields.next(), fields.next()) else { continue };
        let port = local.rsplit_once(':').and_then(|(_, port)| u16::from_str_radix(port, 16).ok());
        if port.is_some_and(|port| (first..=last).contains(&port)) && !remote.ends_with(":0000") {
            *counts.entry(remote).or_default() += 1;
        }
    }
    counts.into_values().max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_books_are_read() {
        let stat = "cpu  100 1 20 300 5 0 3 7 50 0\ncpu0 1 2 3 4 5 6 7 8 9 10\n";
        assert_eq!(cores(stat), Some(Cores { idle: 305, steal: 7, total: 436 }));
        assert_eq!(cores("cpu  1 2 3\n"), None);
        assert_eq!(throttled_ns("usage_usec 5\nnr_throttled 2\nthrottled_usec 70\n"), Some(70_000));
        assert_eq!(throttled_ns("nr_throttled 2\nthrottled_time 70\n"), Some(70));
        assert_eq!(throttled_ns("usage_usec 5\n"), None);
        assert_eq!(port_range("32768\t60999\n"), Some((32_768, 60_999, 28_232)));
        assert_eq!(port_range("9 8\n"), None);
        assert_eq!(sockets("TCP6: inuse 3\nUDP6: inuse 2\n"), Some(3));
        assert_eq!(sockets("sockets: used 23\nTCP: inuse 3 orphan 0 tw 9 alloc 5 mem 86\n"), Some(12));
    }

    #[test]
    fn ports_are_counted_towards_one_address_and_listeners_are_not() {
        let table = "  sl  local_address rem_address   st\n\
             0: 0100007F:9C40 00000000:0000 0A\n\
             1: 0100007F:9C41 0100007F:1F90 01\n\
             2: 0100007F:9C42 0100007F:1F90 06\n\
             3: 0100007F:9C43 0100007F:1F91 01\n\
             4: 0100007F:1F90 0100007F:9C41 01\n";
        assert_eq!(busiest(table, 32_768, 60_999), 2);
        assert_eq!(busiest(table, 1, 2), 0);
    }

    #[test]
    fn a_quota_may_lie_in_any_group_above() {
        // Only those that exist are kept; the machine of the test decides which, but never fails.
        assert!(
            quota_files("garbage\n0::/a/b\n1:cpu,cpuacct:/\n").iter().all(|path| path.ends_with("cpu.stat"))
        );
    }

    #[test]
    fn a_look_says_what_this_process_has_open() {
        let epoch = Epoch::now();
        let mut host = Host::start(epoch);
        assert!(host.look(1).is_none(), "a moment says nothing");
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        let _ = receiver.recv_timeout(Duration::from_millis(150));
        drop(sender);
        let seen = host.look(1).expect("a look after 150 ms");
        assert!(seen.of("generator_fds").len() == 1, "{seen:?}");
        let used = host.finish();
        assert!(used.descriptors.0 > 2 && used.clock_steps.0 == 0, "{used:?}");
    }
}
