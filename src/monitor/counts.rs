//! Handles for what stands behind a service: cache layers, outside providers, background tasks.
//!
//! They count events only; the rates are computed from the counts when the text is read, so a rate
//! can't disagree with its counters.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec};

/// Look-ups of one cache layer.
#[derive(Debug, Clone)]
pub struct CacheLayer {
    hits: IntCounter,
    misses: IntCounter,
}

impl CacheLayer {
    pub(super) fn new(name: &str, operations: &IntCounterVec) -> CacheLayer {
        CacheLayer {
            hits: operations.with_label_values(&[name, "hit"]),
            misses: operations.with_label_values(&[name, "miss"]),
        }
    }

    /// Counts a look-up that the layer answered.
    pub fn hit(&self) {
        self.hits.inc();
    }

    /// Counts a look-up that the layer could not answer.
    pub fn miss(&self) {
        self.misses.inc();
    }

    /// Look-ups answered so far.
    pub fn hits(&self) -> u64 {
        self.hits.get()
    }

    /// Look-ups not answered so far.
    pub fn misses(&self) -> u64 {
        self.misses.get()
    }

    /// Share of look-ups answered, or `None` before the first.
    pub fn hit_rate(&self) -> Option<f64> {
        let (hits, misses) = (self.hits(), self.misses());
        (hits + misses > 0).then(|| hits as f64 / (hits + misses) as f64)
    }
}

/// How a call to a provider ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallOutcome {
    /// It answered.
    Success,
    /// It answered that it doesn't know what was asked for.
    NotFound,
    /// It failed.
    Error,
}

/// The calls of one operation to one provider.
#[derive(Debug, Clone)]
pub struct ProviderCalls {
    success: IntCounter,
    not_found: IntCounter,
    error: IntCounter,
    seconds: Histogram,
}

impl ProviderCalls {
    pub(super) fn new(
        provider: &str,
        operation: &str,
        requests: &IntCounterVec,
        seconds: &HistogramVec,
    ) -> ProviderCalls {
        let count = |status| requests.with_label_values(&[provider, operation, status]);
        ProviderCalls {
            success: count("success"),
            not_found: count("not_found"),
            error: count("error"),
            seconds: seconds.with_label_values(&[provider, operation]),
        }
    }

    /// Counts one call.
    pub fn observe(&self, outcome: CallOutcome, elapsed: Duration) {
        match outcome {
            CallOutcome::Success => self.success.inc(),
            CallOutcome::NotFound => self.not_found.inc(),
            CallOutcome::Error => self.error.inc(),
        }
        self.seconds.observe(elapsed.as_secs_f64());
    }

    /// Calls so far that ended so.
    pub fn count(&self, outcome: CallOutcome) -> u64 {
        match outcome {
            CallOutcome::Success => self.success.get(),
            CallOutcome::NotFound => self.not_found.get(),
            CallOutcome::Error => self.error.get(),
        }
    }

    /// Seconds that all calls took together.
    pub fn total_seconds(&self) -> f64 {
        self.seconds.get_sample_sum()
    }
}

/// Background tasks: how many were made, completed and failed.
#[derive(Debug, Clone, Default)]
pub struct TaskCounts {
    inner: Arc<TaskInner>,
}

#[derive(Debug, Default)]
struct TaskInner {
    created: AtomicU64,
    completed: AtomicU64,
    failed: AtomicU64,
}

impl TaskCounts {
    /// Counts a task that was made.
    pub fn create(&self) {
        self.inner.created.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a task that reached its end.
    pub fn complete(&self) {
        self.inner.completed.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a task that failed.
    pub fn fail(&self) {
        self.inner.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// Tasks made so far.
    pub fn created(&self) -> u64 {
        self.inner.created.load(Ordering::Relaxed)
    }

    /// Tasks completed so far.
    pub fn completed(&self) -> u64 {
        self.inner.completed.load(Ordering::Relaxed)
    }

    /// Tasks failed so far.
    pub fn failed(&self) -> u64 {
        self.inner.failed.load(Ordering::Relaxed)
    }

    /// Share of ended tasks that completed, or `None` before the first end.
    pub fn completion_rate(&self) -> Option<f64> {
        let (completed, failed) = (self.completed(), self.failed());
        (completed + failed > 0).then(|| completed as f64 / (completed + failed) as f64)
    }
}
