//! What the outputs of samples share: rows of a batch, and the gauges that no worker records, once a second.

use crate::metrics::{Figure, Kind, Sample, TagSet, Value, builtin};
use crate::results::PlayedSecond;

/// One number, where and when.
pub(super) struct Row<'a> {
    pub(super) at_unix_ns: u64,
    pub(super) tags: &'a TagSet,
    pub(super) figure: Figure<&'a str>,
}

impl Row<'_> {
    /// Its value as k6 has it: of a rate the share of true ones, of times milliseconds.
    pub(super) fn value(&self) -> f64 {
        match self.figure.kind {
            Kind::Rate if self.figure.total != 1 => self.figure.value / self.figure.total as f64,
            _ => self.figure.value,
        }
    }

    /// What k6's layout has no place for: how many samples a rate's value stands for, and that a time is a lower bound,
    /// since no answer came.
    pub(super) fn metadata(&self) -> Vec<(&'static str, String)> {
        let total = (self.figure.total != 1).then(|| ("total", self.figure.total.to_string()));
        let at_least = self.figure.at_least.then(|| ("at_least", "true".to_owned()));
        total.into_iter().chain(at_least).collect()
    }
}

/// The rows of samples.
pub(super) fn rows(samples: &[Sample]) -> impl Iterator<Item = Row<'_>> {
    samples.iter().flat_map(|sample| {
        let row = |figure| Row { at_unix_ns: sample.at_unix_ns, tags: &sample.tags, figure };
        sample.figures().map(row)
    })
}

/// The gauges of a second that the workers' samples don't hold: users, and what the generator saw of itself.
pub(super) fn gauges(second: &PlayedSecond) -> impl Iterator<Item = Row<'_>> {
    second.delta.iter().filter_map(|series| match series.value {
        Value::Gauge { last: value, .. } if builtin(&series.metric).is_some() => {
            let kind = Kind::Gauge;
            let figure = Figure { metric: &*series.metric, kind, value, total: 1, at_least: false };
            Some(Row { at_unix_ns: second.end_unix_ms.saturating_mul(1_000_000), tags: &series.tags, figure })
        }
        _ => None,
    })
}
