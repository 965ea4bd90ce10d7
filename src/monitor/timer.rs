//! Timing of what a service does: a stopwatch, and operations that know when they were slow.
//!
//! A timing that is dropped before its end (a cancelled request) records nothing: it has no
//! duration that would mean anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use prometheus::{Histogram, IntCounter};

/// A started clock.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch {
    started: Instant,
}

impl Stopwatch {
    /// Starts now.
    pub fn start() -> Stopwatch {
        Stopwatch { started: Instant::now() }
    }

    /// Time since the start.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Records the time since the start and returns it.
    pub fn observe(&self, histogram: &Histogram) -> Duration {
        let elapsed = self.elapsed();
        histogram.observe(elapsed.as_secs_f64());
        elapsed
    }
}

/// A named piece of work: how often it ran, how long it took, how often it was slow.
#[derive(Debug, Clone)]
pub struct Operation {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    slow_after: Duration,
    slow: IntCounter,
    count: AtomicU64,
    total_us: AtomicU64,
    slowest_us: AtomicU64,
}

/// A run of an [`Operation`] that has not ended.
#[derive(Debug)]
#[must_use = "a timing records nothing until `stop` is called"]
pub struct Timing<'a> {
    operation: &'a Operation,
    stopwatch: Stopwatch,
}

impl Operation {
    pub(super) fn new(slow_after: Duration, slow: IntCounter) -> Operation {
        let inner = Inner {
            slow_after,
            slow,
            count: AtomicU64::new(0),
            total_us: AtomicU64::new(0),
            slowest_us: AtomicU64::new(0),
        };
        Operation { inner: Arc::new(inner) }
    }

    /// Starts a run of it.
    pub fn start(&self) -> Timing<'_> {
        Timing { operation: self, stopwatch: Stopwatch::start() }
    }

    /// Counts a run that took `elapsed`.
    pub fn observe(&self, elapsed: Duration) {
        let us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        self.inner.count.fetch_add(1, Ordering::Relaxed);
        self.inner.total_us.fetch_add(us, Ordering::Relaxed);
        self.inner.slowest_us.fetch_max(us, Ordering::Relaxed);
        if elapsed > self.inner.slow_after {
            self.inner.slow.inc();
        }
    }

    /// Runs so far.
    pub fn count(&self) -> u64 {
        self.inner.count.load(Ordering::Relaxed)
    }

    /// Runs so far that took longer than the threshold.
    pub fn slow(&self) -> u64 {
        self.inner.slow.get()
    }

    /// The threshold past which a run is slow.
    pub fn slow_after(&self) -> Duration {
        self.inner.slow_after
    }

    /// Mean duration in milliseconds, or `None` before the first run.
    pub fn mean_ms(&self) -> Option<f64> {
        let count = self.count();
        let total_us = self.inner.total_us.load(Ordering::Relaxed);
        (count > 0).then(|| total_us as f64 / count as f64 / 1_000.0)
    }

    /// Longest duration in milliseconds, or `None` before the first run.
    pub fn slowest_ms(&self) -> Option<f64> {
        (self.count() > 0).then(|| self.inner.slowest_us.load(Ordering::Relaxed) as f64 / 1_000.0)
    }
}

impl Timing<'_> {
    /// Ends the run, counts it and returns how long it took.
    pub fn stop(self) -> Duration {
        let elapsed = self.stopwatch.elapsed();
        self.operation.observe(elapsed);
        elapsed
    }
}
