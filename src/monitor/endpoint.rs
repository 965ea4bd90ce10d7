//! The series of one matched route, and the gauge of requests being answered.
//!
//! A (method, status) pair is resolved when it first occurs and then costs an array index. Methods
//! outside the standard ones share the label `OTHER`, so a client can't grow the labels.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge};

/// The methods that get a label of their own; anything else is the last one.
const METHODS: [&str; 10] =
    ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT", "OTHER"];

/// Statuses from 100 to 599 have a slot each; others share the slot of 599.
const STATUS_FIRST: u16 = 100;
const STATUS_LAST: u16 = 599;
const STATUS_SLOTS: usize = (STATUS_LAST - STATUS_FIRST + 1) as usize;

/// The requests of one route: how many by method and status, and how long they took.
#[derive(Debug, Clone)]
pub struct Endpoint {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    route: String,
    requests: IntCounterVec,
    seconds: HistogramVec,
    methods: [OnceLock<Box<MethodSeries>>; METHODS.len()],
}

/// What one method of a route feeds.
#[derive(Debug)]
struct MethodSeries {
    seconds: Histogram,
    statuses: Vec<OnceLock<IntCounter>>,
}

impl Endpoint {
    pub(super) fn new(route: &str, requests: &IntCounterVec, seconds: &HistogramVec) -> Endpoint {
        let inner = Inner {
            route: route.to_owned(),
            requests: requests.clone(),
            seconds: seconds.clone(),
            methods: Default::default(),
        };
        Endpoint { inner: Arc::new(inner) }
    }

    /// Counts one answered request.
    pub fn observe(&self, method: &str, status: u16, elapsed: Duration) {
        let inner = &*self.inner;
        let at = METHODS.iter().position(|known| *known == method).unwrap_or(METHODS.len() - 1);
        let series = inner.methods[at].get_or_init(|| {
            Box::new(MethodSeries {
                seconds: inner.seconds.with_label_values(&[METHODS[at], &inner.route]),
                statuses: std::iter::repeat_with(OnceLock::new).take(STATUS_SLOTS).collect(),
            })
        });
        let status = status.clamp(STATUS_FIRST, STATUS_LAST);
        let count = series.statuses[usize::from(status - STATUS_FIRST)].get_or_init(|| {
            inner.requests.with_label_values(&[METHODS[at], &inner.route, &status.to_string()])
        });
        count.inc();
        series.seconds.observe(elapsed.as_secs_f64());
    }

    /// Requests answered so far, and the seconds that they took together.
    pub fn totals(&self) -> (u64, f64) {
        let seen = self.inner.methods.iter().filter_map(OnceLock::get);
        seen.fold((0, 0.0), |(count, seconds), method| {
            (count + method.seconds.get_sample_count(), seconds + method.seconds.get_sample_sum())
        })
    }

    /// Answers so far with a status of 500 and up.
    pub fn server_errors(&self) -> u64 {
        let first = usize::from(500 - STATUS_FIRST);
        let seen = self.inner.methods.iter().filter_map(OnceLock::get);
        seen.flat_map(|method| &method.statuses[first..]).filter_map(OnceLock::get).map(IntCounter::get).sum()
    }
}

/// One request being answered; counted until it drops.
#[derive(Debug)]
pub struct Active {
    gauge: IntGauge,
}

impl Active {
    pub(super) fn new(gauge: IntGauge) -> Active {
        gauge.inc();
        Active { gauge }
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}
