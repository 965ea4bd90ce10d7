//! A sample as it was recorded, for who wants each one. Its value is the one that was counted, so that samples add up to
//! what the seconds and the summary say: times in whole microseconds, other trends to a thousandth, within their range.

use std::sync::Arc;

use super::request::Bundle;
use super::{Kind, RequestSample, TagSet};

/// What was recorded at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// When: nanoseconds since 1970, UTC, by the wall clock at the start of the run and the worker's clock since. Of a
    /// request its end.
    pub at_unix_ns: u64,
    /// The tags of its series.
    pub tags: TagSet,
    /// What it was.
    pub measured: Measured,
}

/// A request, or one number.
#[derive(Debug, Clone, PartialEq)]
pub enum Measured {
    /// A request: a number for each of its metrics that is recorded.
    Request {
        /// What was measured.
        sample: RequestSample,
        /// Which of its metrics are recorded, by the order of [`Figure`]s that [`Sample::figures`] gives.
        recorded: u16,
    },
    /// One number.
    Number(Figure<Arc<str>>),
}

/// One number of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figure<M> {
    /// Its metric.
    pub metric: M,
    /// The metric's kind.
    pub kind: Kind,
    /// What was added or set. Of a rate how many were true; of times milliseconds.
    pub value: f64,
    /// How many samples it stands for: of a rate the total that was added, else 1.
    pub total: u64,
    /// The true value is this or more: no answer came.
    pub at_least: bool,
}

impl Sample {
    /// How many numbers there are in it.
    pub fn count(&self) -> u64 {
        match &self.measured {
            Measured::Number(_) => 1,
            Measured::Request { sample, recorded } => {
                let told = if sample.responded { *recorded } else { recorded & UNANSWERED };
                u64::from(told.count_ones())
            }
        }
    }

    /// Its numbers.
    pub fn figures(&self) -> impl Iterator<Item = Figure<&str>> {
        let (one, request) = match &self.measured {
            Measured::Number(Figure { metric, kind, value, total, at_least }) => {
                let (kind, value, total, at_least) = (*kind, *value, *total, *at_least);
                (Some(Figure { metric: &**metric, kind, value, total, at_least }), None)
            }
            Measured::Request { sample, recorded } => (None, Some(of_request(sample, *recorded))),
        };
        one.into_iter().chain(request.into_iter().flatten())
    }
}

/// The metrics that a request without an answer has: the first five.
const UNANSWERED: u16 = 0b1_1111;

fn of_request(sample: &RequestSample, recorded: u16) -> impl Iterator<Item = Figure<&str>> {
    let times = sample.times_us();
    let value = move |index: usize| match index {
        0 => (Kind::Counter, 1.0),
        1 => (Kind::Rate, f64::from(u8::from(sample.has_failed()))),
        2 => (Kind::Counter, sample.bytes_sent as f64),
        3 => (Kind::Counter, sample.bytes_received as f64),
        _ => (Kind::Trend, times[index - 4] as f64 / 1_000.0),
    };
    let told = if sample.responded { recorded } else { recorded & UNANSWERED };
    let metrics = Bundle::METRICS.into_iter().enumerate();
    metrics.filter(move |(index, _)| told >> index & 1 == 1).map(move |(index, metric)| {
        let (kind, value) = value(index);
        let at_least = kind == Kind::Trend && !sample.responded;
        Figure { metric, kind, value, total: 1, at_least }
    })
}
