//! A worker's pulse: how late its loop runs, what it has of the cores, and when it stood still.
//!
//! A probe of the loop falls due every 10 ms or so, as a response might come: what it waits until it is
//! seen, a response would have waited too. A stall holds back many probes, and each counts with its own
//! lateness; one sample for a stall would make a rare event of it. All of this costs 0.1 % of a core.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::future::poll_fn;
use std::os::unix::fs::FileExt;
use std::rc::Rc;
use std::time::Duration;

use crate::metrics::{Recorder, SeriesId, Snapshot, TagSet};
use crate::script::Stage;

use super::timer::thread_cpu_ns;
use super::vitals::{Gap, ThreadUse};

/// Between two probes. Not a round number: what a script paces by round ones must not meet all of them.
const PROBE_NS: u64 = 9_970_000;

/// Probes that one stall accounts for: a quarter of an hour.
const PROBES_MAX: u64 = 90_000;

/// A probe that is so late is a stall to look into.
const GAP_NS: u64 = 1_000_000_000;

/// A shorter time than this says nothing of shares: the kernel counts some of them in ticks.
const SPAN_MIN_NS: u64 = 100_000_000;

/// Gaps that a worker keeps; the load was hardly played by then.
const GAPS_MAX: usize = 100;

/// What a worker measures of itself during the load.
pub(super) struct Pulse {
    stage: Rc<Stage>,
    start_ns: u64,
    thread: Thread,
    first: Reading,
    /// At the last look that gave a second's gauges.
    last: Cell<Reading>,
    gaps: RefCell<Vec<Gap>>,
    /// Apart from the worker's: a second whose end is seen late is gone from there, and the gauges are of it.
    gauges: RefCell<Recorder>,
    cpu: SeriesId,
    wait: SeriesId,
    lag: SeriesId,
}

/// What the thread has had so far.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_field_names, reason = "a unit ends a name")]
struct Reading {
    at_ns: u64,
    cpu_ns: u64,
    wait_ns: Option<u64>,
}

impl Pulse {
    /// For the load that starts then; on the worker's own thread.
    pub(super) fn start(stage: &Rc<Stage>, start_ns: u64) -> Rc<Self> {
        let thread = Thread::current();
        let first = thread.read(stage.clock().now_ns());
        let series = |recorder: &mut Recorder, name| {
            let (metric, _) = recorder.metric(name).expect("a built-in metric");
            recorder.series(metric, &TagSet::default())
        };
        let lag = stage.recorder().with(|recorder| series(recorder, "generator_loop_lag"));
        let mut gauges = Recorder::new(&[]);
        let [cpu, wait] = ["generator_cpu", "generator_wait"].map(|name| series(&mut gauges, name));
        let (stage, last, gaps) = (Rc::clone(stage), Cell::new(first), RefCell::default());
        let gauges = RefCell::new(gauges);
        Rc::new(Self { stage, start_ns, thread, first, last, gaps, gauges, cpu, wait, lag })
    }

    /// Probes the loop for as long as it is polled.
    pub(super) async fn beat(self: Rc<Self>) {
        let clock = Rc::clone(self.stage.clock());
        let alarm = clock.alarm();
        let mut due_ns = self.start_ns.max(clock.now_ns()) + PROBE_NS;
        let mut before = self.first;
        loop {
            alarm.set(due_ns);
            poll_fn(|context| alarm.poll_due(context)).await;
            let now = self.thread.read(clock.now_ns());
            self.look_for_gap(before, due_ns, now);
            let held_back = now.at_ns.saturating_sub(due_ns) / PROBE_NS;
            self.stage.recorder().with(|recorder| {
                recorder.at(now.at_ns);
                for probe in 0..=held_back.min(PROBES_MAX) {
                    recorder.trend_us(self.lag, (now.at_ns - due_ns - probe * PROBE_NS) / 1_000);
                }
            });
            due_ns += (held_back + 1) * PROBE_NS;
            before = now;
        }
    }

    /// A thread that is late because it works or waits for a core is a slow generator. One that does
    /// neither was stopped: by a signal, a debugger, its machine, or memory that had to be read back.
    fn look_for_gap(&self, before: Reading, due_ns: u64, now: Reading) {
        let late_ns = now.at_ns.saturating_sub(due_ns);
        if late_ns < GAP_NS {
            return;
        }
        let (cpu_ns, wait_ns) = now.since(before);
        let mut gaps = self.gaps.borrow_mut();
        if cpu_ns + wait_ns.unwrap_or(0) < late_ns / 2 && gaps.len() < GAPS_MAX {
            let start = Duration::from_nanos(due_ns.saturating_sub(self.start_ns));
            gaps.push(Gap { start, length: Duration::from_nanos(late_ns) });
        }
    }

    /// Adds the gauges of the second that ended to what was recorded in it. A fraction of one at the end says
    /// nothing.
    pub(super) fn add_gauges(&self, delta: &mut Snapshot) {
        let now = self.thread.read(self.stage.clock().now_ns());
        let last = self.last.get();
        let elapsed_ns = now.at_ns.saturating_sub(last.at_ns);
        if elapsed_ns < SPAN_MIN_NS {
            return;
        }
        self.last.set(now);
        let (cpu_ns, wait_ns) = now.since(last);
        let mut gauges = self.gauges.borrow_mut();
        gauges.set(self.cpu, cpu_ns as f64 / elapsed_ns as f64);
        if let Some(wait_ns) = wait_ns {
            gauges.set(self.wait, wait_ns as f64 / elapsed_ns as f64);
        }
        delta.join(gauges.take(delta.tick));
    }

    /// What it came to, over the whole load.
    pub(super) fn finish(&self) -> (ThreadUse, Vec<Gap>) {
        let now = self.thread.read(self.stage.clock().now_ns());
        let (cpu_ns, wait_ns) = now.since(self.first);
        let used = ThreadUse {
            elapsed: Duration::from_nanos(now.at_ns.saturating_sub(self.first.at_ns)),
            cpu: Duration::from_nanos(cpu_ns),
            wait: wait_ns.map(Duration::from_nanos),
        };
        (used, self.gaps.take())
    }
}

impl Reading {
    /// CPU used and waited for between two readings.
    fn since(self, before: Self) -> (u64, Option<u64>) {
        let wait_ns = self.wait_ns.zip(before.wait_ns);
        let wait_ns = wait_ns.map(|(now_ns, before_ns)| now_ns.saturating_sub(before_ns));
        (self.cpu_ns.saturating_sub(before.cpu_ns), wait_ns)
    }
}

/// The kernel's books on one thread.
struct Thread {
    /// proc(5): time on a core, time waiting for one, turns. Missing without `CONFIG_SCHED_INFO`.
    schedstat: Option<File>,
}

impl Thread {
    fn current() -> Self {
        Self { schedstat: File::open("/proc/thread-self/schedstat").ok() }
    }

    fn read(&self, at_ns: u64) -> Reading {
        let mut bytes = [0; 96];
        let wait_ns = self.schedstat.as_ref().and_then(|file| {
            let length = file.read_at(&mut bytes, 0).ok()?;
            std::str::from_utf8(&bytes[..length]).ok()?.split_ascii_whitespace().nth(1)?.parse().ok()
        });
        Reading { at_ns, cpu_ns: thread_cpu_ns(), wait_ns }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_works_uses_cpu_and_one_that_waits_does_not() {
        let thread = Thread::current();
        let before = thread.read(0);
        let start = std::time::Instant::now();
        while start.elapsed() < Duration::from_millis(5) {
            std::hint::spin_loop();
        }
        let worked = thread.read(0);
        assert!(worked.since(before).0 > 0);
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        let _ = receiver.recv_timeout(Duration::from_millis(20));
        drop(sender);
        assert!(thread.read(0).since(worked).0 < 20_000_000);
    }
}
