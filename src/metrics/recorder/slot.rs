//! What a series holds until it is taken.

use super::super::{Kind, Trend, Value};

/// A series' delta since the last take; `None` and empty ones were not touched.
#[derive(Debug)]
pub(super) enum Slot {
    Counter(Option<f64>),
    Gauge(Option<[f64; 3]>),
    Rate { hits: u64, total: u64 },
    Trend(Trend),
}

impl Slot {
    pub(super) fn empty(kind: Kind) -> Self {
        match kind {
            Kind::Counter => Self::Counter(None),
            Kind::Gauge => Self::Gauge(None),
            Kind::Rate => Self::Rate { hits: 0, total: 0 },
            Kind::Trend => Self::Trend(Trend::new()),
        }
    }

    /// Swaps the content out; nothing when there is none.
    pub(super) fn take(&mut self) -> Option<Value> {
        match self {
            Self::Counter(sum) => sum.take().map(Value::Counter),
            Self::Gauge(values) => values.take().map(|[last, min, max]| Value::Gauge { last, min, max }),
            Self::Rate { total: 0, .. } => None,
            Self::Rate { hits, total } => {
                let value = Value::Rate { hits: *hits, total: *total };
                (*hits, *total) = (0, 0);
                Some(value)
            }
            Self::Trend(trend) if trend.is_empty() => None,
            Self::Trend(trend) => Some(Value::Trend(Box::new(std::mem::take(trend)))),
        }
    }
}
