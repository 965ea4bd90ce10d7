//! Processes under measurement: pinned to a core, their CPU and memory read from `/proc`, killed by
//! pid when dropped. Shared by the programs of this folder.
//!
//! CPU is user + system of the whole process, ended threads included; the kernel scales it from
//! nanoseconds and prints ticks of 10 ms, so a round of some seconds resolves it to a third of a per cent.
#![allow(dead_code, reason = "each bench uses its part")]

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Read, Seek};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, WaitId, WaitIdOptions, getrlimit, setrlimit, waitid};

/// The core that generators are pinned to.
pub(crate) const GENERATOR_CORE: usize = 0;
/// The core that the server is pinned to.
pub(crate) const SERVER_CORE: usize = 1;
/// A server that takes longer is broken.
const SERVER_STARTS: Duration = Duration::from_secs(10);

/// The binary under test: the one just built, or `BENCH_RUNNER`, to measure another build.
pub(crate) fn runner() -> OsString {
    std::env::var_os("BENCH_RUNNER").unwrap_or_else(|| env!("CARGO_BIN_EXE_runner").into())
}

/// A flow script of this folder.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches").join(name)
}

/// A number from the environment, or what stands in its place.
pub(crate) fn setting(name: &str, default: u32) -> u32 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A port that was free just now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound address").port()
}

/// `program ARGS…`, on one core if asked; taskset replaces itself by the program, so the pid is its own.
pub(crate) fn command(core: Option<usize>, program: &OsString) -> Command {
    match core {
        Some(core) => {
            let mut command = Command::new("taskset");
            command.arg("-c").arg(core.to_string()).arg(program);
            command
        }
        None => Command::new(program),
    }
}

/// Waits a moment; a bench's own thread blocks nobody.
#[expect(clippy::disallowed_methods, reason = "no worker runs on a bench's own thread")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// The runner's exit code when it accuses itself.
const INCONCLUSIVE: i32 = 111;

/// CPU time, by where it was spent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cpu {
    pub(crate) user: Duration,
    pub(crate) system: Duration,
}

impl Cpu {
    pub(crate) fn total(self) -> Duration {
        self.user + self.system
    }

    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            user: self.user.saturating_sub(before.user),
            system: self.system.saturating_sub(before.system),
        }
    }
}

/// CPU time that a process has used, its ended threads included; also for one that ended but was not
/// yet waited for.
pub(crate) fn cpu(pid: u32) -> Option<Cpu> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold spaces and brackets: fields are counted from the last bracket; utime and stime
    // are fields 14 and 15 of proc(5), the state being field 3.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || {
        let ticks: u64 = fields.next()?.parse().ok()?;
        Some(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
    };
    Some(Cpu { user: next()?, system: next()? })
}

/// A size of `/proc/PID/status` (`VmRSS`, `VmHWM`) in bytes.
pub(crate) fn memory(pid: u32, field: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

/// How many TCP connections to `port` a machine's process holds open, seen from the client's side.
pub(crate) fn connections_to(port: u16) -> usize {
    const ESTABLISHED: &str = "01";
    let table = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let remote = format!(":{port:04X}");
    table
        .lines()
        .filter(|line| {
            let mut fields = line.split_whitespace().skip(2);
            fields.next().is_some_and(|address| address.ends_with(&remote))
                && fields.next() == Some(ESTABLISHED)
        })
        .count()
}

/// Steal and total time of all cores so far, in ticks.
#[derive(Clone, Copy)]
pub(crate) struct Ticks {
    steal: u64,
    total: u64,
}

impl Ticks {
    pub(crate) fn now() -> Self {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        let first = stat.lines().next().unwrap_or_default();
        // user nice system idle iowait irq softirq steal; guest time is part of user.
        let fields: Vec<u64> =
            first.split_whitespace().skip(1).take(8).filter_map(|field| field.parse().ok()).collect();
        Self { steal: fields.get(7).copied().unwrap_or(0), total: fields.iter().sum() }
    }

    /// The share of the machine's time that others took away since.
    pub(crate) fn steal_since(self) -> f64 {
        let now = Self::now();
        let total = now.total.saturating_sub(self.total).max(1);
        now.steal.saturating_sub(self.steal) as f64 / total as f64
    }
}

/// Time that one core has worked so far.
pub(crate) fn core_busy(core: usize) -> Duration {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = stat.lines().find_map(|line| line.strip_prefix(&format!("cpu{core} "))).unwrap_or_default();
    let fields: Vec<u64> = line.split_whitespace().take(8).filter_map(|field| field.parse().ok()).collect();
    // Without idle, iowait and steal.
    let busy: u64 =
        fields.iter().enumerate().filter(|(at, _)| !matches!(at, 3 | 4 | 7)).map(|(_, ticks)| ticks).sum();
    Duration::from_secs_f64(busy as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// Lets this process and its children open as many files as the machine permits; says how many.
pub(crate) fn raise_file_limit() -> u64 {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Refused, the old limit stays and is what we return.
    let _ = setrlimit(Resource::Nofile, limit);
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// A process that is killed by its pid when dropped.
pub(crate) struct Guard {
    child: Child,
    /// Standard error goes to a file: nobody reads it unless the process fails, and a pipe would fill.
    stderr: File,
}

impl Guard {
    /// Starts it in the folder for temporary files, its standard output in a pipe for [`Guard::finish`].
    pub(crate) fn start(command: &mut Command) -> Result<Self, String> {
        let stderr = tempfile::tempfile().map_err(|error| error.to_string())?;
        let sink = stderr.try_clone().map_err(|error| error.to_string())?;
        let folder = std::env::temp_dir();
        let spawned =
            command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(sink).spawn();
        let child = spawned.map_err(|error| format!("failed to start {command:?}: {error}"))?;
        Ok(Self { child, stderr })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Fails, with what it said, if it has ended.
    pub(crate) fn expect_running(&mut self) -> Result<(), String> {
        match self.child.try_wait() {
            Ok(Some(status)) => Err(format!("ended early, {status}\n{}", self.said())),
            _ => Ok(()),
        }
    }

    /// Waits for the end and returns the CPU it used, then what it printed; `Err` says how it failed.
    pub(crate) fn finish(mut self) -> Result<(Cpu, String), String> {
        let pid = self.id();
        let mut stdout = String::new();
        if let Some(mut pipe) = self.child.stdout.take() {
            pipe.read_to_string(&mut stdout).map_err(|error| error.to_string())?;
        }
        // Ended but not reaped: `/proc` still holds its times.
        let handle = Pid::from_child(&self.child);
        waitid(WaitId::Pid(handle), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
            .map_err(|error| error.to_string())?;
        let used = cpu(pid).ok_or_else(|| format!("/proc/{pid}/stat is gone"))?;
        let status = self.child.wait().map_err(|error| error.to_string())?;
        // A generator at its limit is what a bench measures, so its own verdict on that is no failure here.
        let is_inconclusive = status.code() == Some(INCONCLUSIVE);
        if status.success() || is_inconclusive {
            Ok((used, stdout))
        } else {
            Err(format!("{status}\n{stdout}{}", self.said()))
        }
    }

    /// What it wrote to standard error so far.
    fn said(&mut self) -> String {
        let mut said = String::new();
        let read = self.stderr.rewind().and_then(|()| self.stderr.read_to_string(&mut said));
        read.map_or_else(|error| error.to_string(), |_| said)
    }
}

/// Ends a process that we started and that is stuck; whoever waits for it then sees it fail.
pub(crate) fn kill(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The null server, `runner demo --null PORT`, in a process of its own.
pub(crate) struct NullServer {
    pub(crate) process: Guard,
    pub(crate) port: u16,
}

impl NullServer {
    /// Starts it on the server's core and waits until it accepts.
    pub(crate) fn start() -> Result<Self, String> {
        let port = free_port();
        let mut call = command(Some(SERVER_CORE), &runner());
        let mut process = Guard::start(call.args(["demo", "--null", &port.to_string()]))?;
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            process.expect_running().map_err(|error| format!("the null server {error}"))?;
            if start.elapsed() > SERVER_STARTS {
                return Err(format!("the null server did not listen within {SERVER_STARTS:?}"));
            }
            pause(Duration::from_millis(10));
        }
        Ok(Self { process, port })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// The first figure of a summary line such as `http_reqs......: 100  9.8/s`.
pub(crate) fn figure(summary: &str, metric: &str) -> Option<f64> {
    let line = summary.lines().find_map(|line| {
        line.trim_start().strip_prefix(metric)?.trim_start_matches(['.', ' ']).strip_prefix(':')
    })?;
    line.split_whitespace().next()?.trim_end_matches('%').replace(',', "").parse().ok()
}
