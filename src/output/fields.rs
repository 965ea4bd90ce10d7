//! What a series holds as named numbers: the names that JSON lines, CSV and the line protocol share.
//!
//! | kind | fields |
//! |---|---|
//! | counter | `count` |
//! | gauge | `value` (the last), `min`, `max` |
//! | rate | `hits`, `total` |
//! | trend | `count`, `at_least`, `sum`, `min`, `max`, `p50`, `p75`, `p90`, `p95`, `p99`, `p99.9`, `p99.99` |
//!
//! Times are whole microseconds; other trends have their own numbers. `at_least` counts requests without an answer: they
//! rank above all others, so a percentile among them is a lower bound.

use std::fmt;

use rustc_hash::FxHashMap;

use crate::metrics::{Quantile, Trend, Unit, Value, builtin};
use crate::plan::Plan;

/// Percentiles, by name and share.
pub(super) const PERCENTILES: [(&str, f64); 7] = [
    ("p50", 0.5),
    ("p75", 0.75),
    ("p90", 0.9),
    ("p95", 0.95),
    ("p99", 0.99),
    ("p99.9", 0.999),
    ("p99.99", 0.9999),
];

/// A number as it is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    /// A whole one.
    Whole(u128),
    /// Any.
    Real(f64),
}

/// The shortest text that reads back as the same number.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(number) => number.fmt(f),
            Self::Real(number) => number.fmt(f),
        }
    }
}

/// A named number of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Field {
    /// One of those at the file's head.
    pub(super) name: &'static str,
    /// Its value.
    pub(super) number: Number,
    /// Whether it is a time in microseconds.
    pub(super) is_us: bool,
}

impl Field {
    /// Its name, with the unit where it has one: `p95_us`.
    pub(super) fn key(&self) -> String {
        if self.is_us { format!("{}_us", self.name) } else { self.name.to_owned() }
    }
}

/// What the numbers of the metrics are.
#[derive(Debug, Default)]
pub(super) struct Units(FxHashMap<String, Unit>);

impl Units {
    /// Of a plan's own metrics and the built-in ones.
    pub(super) fn of(plan: &Plan) -> Self {
        Self(plan.metrics.iter().map(|metric| (metric.name.to_string(), metric.unit)).collect())
    }

    /// Of one metric.
    pub(super) fn unit(&self, metric: &str) -> Unit {
        builtin(metric)
            .map(|builtin| builtin.unit)
            .or_else(|| self.0.get(metric).copied())
            .unwrap_or(Unit::None)
    }
}

/// The fields of a value.
pub(super) fn fields(value: &Value, unit: Unit) -> Vec<Field> {
    let whole = |name, number: u64| Field { name, number: Number::Whole(number.into()), is_us: false };
    let real = |name, number| Field { name, number: Number::Real(number), is_us: false };
    match value {
        Value::Counter(sum) => vec![real("count", *sum)],
        Value::Gauge { last, min, max } => vec![real("value", *last), real("min", *min), real("max", *max)],
        Value::Rate { hits, total } => vec![whole("hits", *hits), whole("total", *total)],
        Value::Trend(trend) => {
            let mut all = vec![whole("count", trend.count()), whole("at_least", trend.censored())];
            all.extend(times(trend, unit == Unit::Time));
            all
        }
    }
}

fn times(trend: &Trend, is_us: bool) -> Vec<Field> {
    let number = |stored: u128| {
        if is_us { Number::Whole(stored) } else { Number::Real(stored as f64 / 1_000.0) }
    };
    let of = |name, quantile: Option<Quantile>| {
        quantile.map(|quantile| Field { name, number: number(quantile.value_us.into()), is_us })
    };
    let sum = Field { name: "sum", number: number(trend.sum_us()), is_us };
    let ends = [of("min", trend.min()), of("max", trend.max())];
    let percentiles = PERCENTILES.map(|(name, share)| of(name, trend.quantile(share)));
    [sum].into_iter().chain(ends.into_iter().chain(percentiles).flatten()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(value: &Value, unit: Unit) -> String {
        let told = |field: Field| format!("{}={}", field.key(), field.number);
        fields(value, unit).into_iter().map(told).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn times_are_whole_microseconds_and_other_trends_have_their_own_numbers() {
        let mut trend = Trend::new();
        (1..=4).for_each(|us| trend.record_us(us * 1_500));
        let value = Value::Trend(Box::new(trend));
        assert_eq!(
            told(&value, Unit::Time),
            "count=4 at_least=0 sum_us=15000 min_us=1500 max_us=6000 p50_us=3000 p75_us=4500 p90_us=6000 \
             p95_us=6000 p99_us=6000 p99.9_us=6000 p99.99_us=6000"
        );
        assert!(
            told(&value, Unit::None).starts_with("count=4 at_least=0 sum=15 min=1.5 max=6 p50=3 p75=4.5")
        );
    }

    #[test]
    fn each_kind_has_its_fields() {
        assert_eq!(told(&Value::Counter(12.0), Unit::None), "count=12");
        assert_eq!(
            told(&Value::Gauge { last: 2.5, min: -1.0, max: 3.0 }, Unit::None),
            "value=2.5 min=-1 max=3"
        );
        assert_eq!(told(&Value::Rate { hits: 3, total: 4 }, Unit::None), "hits=3 total=4");
        let refused = Value::Trend(Box::default());
        assert_eq!(told(&refused, Unit::Time), "count=0 at_least=0 sum_us=0");
    }
}
