//! What was measured: metrics, checks, requests by name and by answer.

use serde::{Deserialize, Serialize};

use super::distribution::{Thousandths, Times};
use super::finding::Cause;
use super::form::DocumentError;
use crate::metrics::{self, Kind, Unit, Value};
use crate::results::{Answer, Check, Durations, Endpoint, MetricTotal};

/// A metric over all its series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Metric {
    name: String,
    kind: Kind,
    unit: Unit,
    value: Option<Measurement>,
}

/// What it came to. Counters and gauges are in the metric's unit: of a time that is milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Measurement {
    Counter { sum: f64 },
    Gauge { last: f64, min: f64, max: f64 },
    Rate { hits: u64, total: u64 },
    Times(Box<Times>),
    Trend(Box<Thousandths>),
}

/// JSON has no word for what is no number or beyond all: the nearest that it has stands for it.
pub(super) fn finite(number: f64) -> f64 {
    if number.is_nan() { 0.0 } else { number.clamp(f64::MIN, f64::MAX) }
}

impl From<&MetricTotal> for Metric {
    fn from(total: &MetricTotal) -> Self {
        let unit = total.metric.unit;
        let measurement = |value: &Value| match value {
            Value::Counter(sum) => Measurement::Counter { sum: finite(*sum) },
            Value::Gauge { last, min, max } => {
                Measurement::Gauge { last: finite(*last), min: finite(*min), max: finite(*max) }
            }
            Value::Rate { hits, total } => Measurement::Rate { hits: *hits, total: *total },
            Value::Trend(trend) if unit == Unit::Time => Measurement::Times(Box::new((&**trend).into())),
            Value::Trend(trend) => Measurement::Trend(Box::new((&**trend).into())),
        };
        Self {
            name: total.metric.name.to_string(),
            kind: total.metric.kind,
            unit,
            value: total.value.as_ref().map(measurement),
        }
    }
}

impl Metric {
    pub(super) fn total(self) -> Result<MetricTotal, DocumentError> {
        let value = match self.value {
            None => None,
            Some(Measurement::Counter { sum }) => Some(Value::Counter(sum)),
            Some(Measurement::Gauge { last, min, max }) => Some(Value::Gauge { last, min, max }),
            Some(Measurement::Rate { hits, total }) => Some(Value::Rate { hits, total }),
            Some(Measurement::Times(times)) => Some(Value::Trend(Box::new(times.trend()?))),
            Some(Measurement::Trend(thousandths)) => Some(Value::Trend(Box::new(thousandths.trend()?))),
        };
        let metric = metrics::Metric { name: self.name.into(), kind: self.kind, unit: self.unit };
        Ok(MetricTotal { metric, value })
    }
}

/// A check of one group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Checked {
    group: String,
    name: String,
    passes: u64,
    fails: u64,
}

impl From<&Check> for Checked {
    fn from(check: &Check) -> Self {
        let Check { group, name, passes, fails } = check.clone();
        Self { group, name, passes, fails }
    }
}

impl Checked {
    pub(super) fn check(self) -> Check {
        let Self { group, name, passes, fails } = self;
        Check { group, name, passes, fails }
    }
}

/// The requests of one name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Named {
    name: String,
    requests: u64,
    failed: u64,
    causes: Vec<Cause>,
    duration: Times,
}

impl From<&Endpoint> for Named {
    fn from(endpoint: &Endpoint) -> Self {
        Self {
            name: endpoint.name.clone(),
            requests: endpoint.requests,
            failed: endpoint.failed,
            causes: Cause::all(&endpoint.causes),
            duration: (&endpoint.duration).into(),
        }
    }
}

impl Named {
    pub(super) fn endpoint(self) -> Result<Endpoint, DocumentError> {
        Ok(Endpoint {
            name: self.name,
            requests: self.requests,
            failed: self.failed,
            causes: Cause::pairs(self.causes),
            duration: self.duration.trend()?,
        })
    }
}

/// The requests that one status or one error came back for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answered {
    status: u16,
    error_code: u16,
    requests: u64,
}

impl From<&Answer> for Answered {
    fn from(answer: &Answer) -> Self {
        let Answer { status, error_code, requests } = *answer;
        Self { status, error_code, requests }
    }
}

impl Answered {
    pub(super) fn answer(self) -> Answer {
        let Self { status, error_code, requests } = self;
        Answer { status, error_code, requests }
    }
}

/// `http_req_duration` by whether the answer was expected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Expected {
    expected: Times,
    unexpected: Times,
}

impl From<&Durations> for Expected {
    fn from(durations: &Durations) -> Self {
        Self { expected: (&durations.ok).into(), unexpected: (&durations.failed).into() }
    }
}

impl Expected {
    pub(super) fn durations(self) -> Result<Durations, DocumentError> {
        Ok(Durations { ok: self.expected.trend()?, failed: self.unexpected.trend()? })
    }
}
