//! A metric's figures in words: `avg 2.41ms`, `p(99) –`, `98.20%`. Rounding is `units`' alone.
//!
//! Signs that need a word (`–` too few samples, `>` at least) are remembered as they are used, so that a
//! footnote explains exactly those that occur.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::metrics::{Quantile, Trend, Unit, Value};
use crate::results::Summary;
use crate::units::{
    format_count, format_duration, format_latency_us, format_percent, format_rate, format_significant,
    format_size,
};

/// The percentiles of a trend's line.
const PERCENTILES: [f64; 3] = [90.0, 95.0, 99.0];

/// So many samples must lie above a percentile, or it is a matter of luck.
const ABOVE_MIN: f64 = 10.0;

/// The signs that were used.
#[derive(Debug, Default)]
pub(super) struct Signs {
    /// A trend was shown.
    pub(super) trend: bool,
    /// Percentiles with too few samples, as they are printed, and how many they need.
    pub(super) too_few: BTreeMap<String, u64>,
    /// A figure is only a lower bound.
    pub(super) at_least: bool,
}

impl Signs {
    /// What the signs mean, a line each.
    pub(super) fn footnotes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.too_few.is_empty() {
            let few = self.too_few.iter();
            let needed: Vec<String> = few
                .map(|(percent, needed)| format!("p({percent}) needs {}", format_count(*needed)))
                .collect();
            notes.push(format!("– too few samples for this percentile: {}", needed.join(", ")));
        }
        if self.at_least {
            notes.push("> at least: the figure falls among requests that got no answer".to_owned());
        }
        if self.trend {
            let precision = "percentiles by nearest rank, HDR within ±0.05 %, whole µs below 1 ms";
            notes.push(precision.to_owned());
        }
        notes
    }
}

/// The samples that a percentile needs: n·(1−p) must be 10.
fn samples_needed(percent: f64) -> u64 {
    // The least bits of 100 − 99.9 must not ask for one sample more.
    let needed = (ABOVE_MIN * 100.0 / (100.0 - percent) - 1e-6).ceil();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small whole number")]
    let needed = needed as u64;
    needed
}

/// A value's figures, as cells; of a trend always the same seven, so that lines align.
pub(super) fn figures(value: &Value, unit: Unit, summary: &Summary, signs: &mut Signs) -> Vec<String> {
    match value {
        Value::Counter(sum) => {
            let rate = summary.per_second(*sum).map(|rate| per_second(rate, unit));
            std::iter::once(number(*sum, unit)).chain(rate).collect()
        }
        Value::Gauge { last, min, max } => {
            let [last, min, max] = [last, min, max].map(|value| number(*value, unit));
            vec![last, format!("min {min}"), format!("max {max}")]
        }
        Value::Rate { hits, total } => share(*hits, *total),
        Value::Trend(trend) => trend_figures(trend, unit, signs),
    }
}

/// `98.20%` and `1,180 of 1,204`.
pub(super) fn share(hits: u64, total: u64) -> Vec<String> {
    if total == 0 {
        return vec!["no samples".to_owned()];
    }
    vec![percent(hits, total), format!("{} of {}", format_count(hits), format_count(total))]
}

/// A share of counts; `–` of nothing.
pub(super) fn percent(hits: u64, total: u64) -> String {
    format_percent(hits as f64 / total as f64)
}

fn trend_figures(trend: &Trend, unit: Unit, signs: &mut Signs) -> Vec<String> {
    if trend.count() == 0 {
        return vec!["no samples".to_owned()];
    }
    let mut figures = vec![
        format!("avg {}", average(trend, unit, signs)),
        format!("min {}", quantile(trend.min(), unit, signs)),
        format!("med {}", median(trend, unit, signs)),
    ];
    for percent in PERCENTILES {
        figures.push(format!("p({percent}) {}", percentile(trend, percent, unit, signs)));
    }
    figures.push(format!("max {}", quantile(trend.max(), unit, signs)));
    figures
}

/// The mean; a lower bound when something is censored.
pub(super) fn average(trend: &Trend, unit: Unit, signs: &mut Signs) -> String {
    let Some(mean_us) = trend.mean_us() else { return "–".to_owned() };
    bounded(mean_us, trend.censored() > 0, unit, signs)
}

/// The median, however few samples: it claims nothing about a tail.
pub(super) fn median(trend: &Trend, unit: Unit, signs: &mut Signs) -> String {
    quantile(trend.quantile(0.5), unit, signs)
}

/// A percentile, or `–` when it has too few samples.
pub(super) fn percentile(trend: &Trend, percent: f64, unit: Unit, signs: &mut Signs) -> String {
    let needed = samples_needed(percent);
    if trend.count() > 0 && trend.count() < needed {
        signs.too_few.insert(percent.to_string(), needed);
        return "–".to_owned();
    }
    quantile(trend.quantile(percent / 100.0), unit, signs)
}

/// Median, p(95), p(99), p(99.9) and maximum of a time: where waiting shows.
pub(super) fn tail(trend: &Trend, signs: &mut Signs) -> [String; 5] {
    let [p95, p99, p999] = [95.0, 99.0, 99.9].map(|percent| percentile(trend, percent, Unit::Time, signs));
    [median(trend, Unit::Time, signs), p95, p99, p999, quantile(trend.max(), Unit::Time, signs)]
}

/// A quantile; `–` without samples, `> 30.0s` when it is a lower bound. Below a millisecond it is whole
/// microseconds, and shows no digit more than it has.
pub(super) fn quantile(quantile: Option<Quantile>, unit: Unit, signs: &mut Signs) -> String {
    match quantile {
        None => "–".to_owned(),
        Some(Quantile { value_us: us @ 1..1_000, at_least: false }) if unit == Unit::Time => {
            signs.trend = true;
            format_duration(Duration::from_micros(us))
        }
        Some(Quantile { value_us, at_least }) => bounded(value_us as f64, at_least, unit, signs),
    }
}

fn bounded(stored: f64, at_least: bool, unit: Unit, signs: &mut Signs) -> String {
    signs.trend = true;
    signs.at_least |= at_least;
    let shown = match unit {
        Unit::Time => format_latency_us(stored),
        Unit::None | Unit::Bytes => number(stored / 1_000.0, unit),
    };
    if at_least { format!("> {shown}") } else { shown }
}

/// A number of a unit; times are in milliseconds here, as users give them.
fn number(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Time => format_latency_us(value * 1_000.0),
        Unit::Bytes => format_size(value),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and in range")]
        Unit::None if value.fract() == 0.0 && (0.0..9e15).contains(&value) => format_count(value as u64),
        Unit::None => format_significant(value),
    }
}

fn per_second(rate: f64, unit: Unit) -> String {
    match unit {
        Unit::None => format_rate(rate),
        Unit::Time | Unit::Bytes => format!("{}/s", number(rate, unit)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trend(values: impl IntoIterator<Item = u64>) -> Trend {
        let mut trend = Trend::new();
        values.into_iter().for_each(|us| trend.record_us(us));
        trend
    }

    #[test]
    fn a_percentile_needs_ten_samples_above_it() {
        assert_eq!([90.0, 95.0, 99.0, 99.9].map(samples_needed), [100, 200, 1_000, 10_000]);
        let mut signs = Signs::default();
        assert_eq!(percentile(&trend(1..=99), 90.0, Unit::Time, &mut signs), "–");
        assert_eq!(signs.too_few, BTreeMap::from([("90".to_owned(), 100)]));
        let mut signs = Signs::default();
        assert_eq!(percentile(&trend(1..=100), 90.0, Unit::Time, &mut signs), "90µs");
        assert_eq!(signs.too_few, BTreeMap::new());
    }

    #[test]
    fn nothing_recorded_is_no_zero() {
        let mut signs = Signs::default();
        assert_eq!(trend_figures(&Trend::new(), Unit::Time, &mut signs), ["no samples"]);
        assert_eq!(percentile(&Trend::new(), 95.0, Unit::Time, &mut signs), "–");
        assert_eq!(average(&Trend::new(), Unit::Time, &mut signs), "–");
        assert!(signs.too_few.is_empty() && !signs.trend);
        assert_eq!(share(0, 0), ["no samples"]);
    }

    #[test]
    fn unanswered_requests_make_lower_bounds() {
        let mut trend = trend([1_000; 500]);
        for _ in 0..500 {
            trend.record_at_least_us(30_000_000);
        }
        let mut signs = Signs::default();
        let figures = trend_figures(&trend, Unit::Time, &mut signs);
        assert_eq!(figures[0], "avg > 15.0s");
        assert_eq!(figures[1..3], ["min 1.00ms", "med 1.00ms"]);
        assert_eq!(figures[6], "max > 30.0s");
        assert!(signs.at_least);
    }

    #[test]
    fn a_custom_trend_is_read_as_it_was_given() {
        let mut custom = Trend::new();
        custom.record(12.5);
        let shown = |unit| quantile(custom.max(), unit, &mut Signs::default());
        assert_eq!(shown(Unit::None), "12.5");
        assert_eq!(shown(Unit::Time), "12.5ms");
        assert_eq!(shown(Unit::Bytes), "12.5 B");
    }

    #[test]
    fn whole_numbers_are_counts_and_others_have_three_digits() {
        assert_eq!(number(1_204.0, Unit::None), "1,204");
        assert_eq!(number(2.0 / 3.0, Unit::None), "0.667");
        assert_eq!(number(-3.0, Unit::None), "-3.00");
        assert_eq!(number(1.5, Unit::Time), "1.50ms");
        assert_eq!(per_second(1_500.0, Unit::Bytes), "1.50 KB/s");
    }
}
