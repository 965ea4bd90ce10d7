//! A metric's figures in words: `avg 2.41ms`, `p(99) –`, `98.20%`. Rounding is `units`' alone.
//!
//! Signs that need a word (`–` too few samples, `>` at least) are remembered as they are used, so that a
//! footnote explains exactly those that occur.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::metrics::{Quantile, Trend, Unit, Value};
use crate::plan::{SummaryOptions, TimeUnit, TrendStat};
use crate::results::Summary;
use crate::stats::samples_needed;
use crate::units::{
    format_count, format_duration, format_latency_us, format_percent, format_range, format_rate,
    format_significant, format_size,
};

/// The signs that were used, and what figures look like.
#[derive(Debug, Default)]
pub(super) struct Signs {
    /// A trend was shown.
    pub(super) trend: bool,
    /// Percentiles with too few samples, as they are printed, and how many they need.
    pub(super) too_few: BTreeMap<String, u64>,
    /// A figure is only a lower bound.
    pub(super) at_least: bool,
    /// An interval was shown.
    pub(super) interval: bool,
    /// Which figures a trend has, and the unit of times.
    pub(super) layout: SummaryOptions,
}

impl Signs {
    /// None yet, for a summary laid out so.
    pub(super) fn of(layout: &SummaryOptions) -> Self {
        Self { layout: layout.clone(), ..Self::default() }
    }

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
        if self.interval {
            let interval = "95 %: the true percentile lies there in 95 of 100 such runs, if requests don't depend on each other";
            notes.push(interval.to_owned());
        }
        notes
    }
}

/// A value's figures, as cells; of a trend always those that are asked for, so that lines align.
pub(super) fn figures(value: &Value, unit: Unit, summary: &Summary, signs: &mut Signs) -> Vec<String> {
    match value {
        Value::Counter(sum) => {
            let time = signs.layout.time_unit;
            let rate = summary.per_second(*sum).map(|rate| per_second(rate, unit, time));
            std::iter::once(number(*sum, unit, time)).chain(rate).collect()
        }
        Value::Gauge { last, min, max } => {
            let time = signs.layout.time_unit;
            let [last, min, max] = [last, min, max].map(|value| number(*value, unit, time));
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

/// The figures of a trend that are asked for: `avg 2.41ms`.
pub(super) fn trend_figures(trend: &Trend, unit: Unit, signs: &mut Signs) -> Vec<String> {
    if trend.count() == 0 {
        return vec!["no samples".to_owned()];
    }
    let stats = std::mem::take(&mut signs.layout.trend_stats);
    let figure = |stat: &TrendStat| {
        let figure = match *stat {
            TrendStat::Average => average(trend, unit, signs),
            TrendStat::Min => quantile(trend.min(), unit, signs),
            TrendStat::Median => median(trend, unit, signs),
            TrendStat::Max => quantile(trend.max(), unit, signs),
            TrendStat::Count => format_count(trend.count()),
            TrendStat::Percentile(percent) => percentile(trend, percent, unit, signs),
        };
        format!("{stat} {figure}")
    };
    let figures = stats.iter().map(figure).collect();
    signs.layout.trend_stats = stats;
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
    let needed = samples_needed(percent / 100.0);
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

/// The 95 % interval of a percentile: `12.1–12.6ms`; none where the samples are too few.
pub(super) fn interval(trend: &Trend, percent: f64, unit: Unit, signs: &mut Signs) -> Option<String> {
    let interval = trend.interval(percent / 100.0)?;
    signs.interval = true;
    let [low, high] = [interval.low, interval.high].map(|end| plain(end, unit, signs.layout.time_unit));
    Some(format_range(&low, &high, interval.high.at_least))
}

/// The intervals of [`tail`]'s figures, in their units; none of the maximum. None at all where no percentile has one.
pub(super) fn tail_intervals(trend: &Trend, figures: &[String; 5], signs: &mut Signs) -> Option<[String; 5]> {
    let percents = [50.0, 95.0, 99.0, 99.9];
    let mut cells: [String; 5] = Default::default();
    for ((cell, figure), percent) in cells.iter_mut().zip(figures).zip(percents) {
        let Some(interval) = interval(trend, percent, Unit::Time, signs) else { continue };
        // The unit stands above it.
        let unit = figure.trim_start_matches(|c: char| !c.is_alphabetic() && c != 'µ');
        let number = interval.strip_suffix(unit).filter(|rest| !rest.contains(char::is_alphabetic));
        *cell = number.map_or_else(|| interval.clone(), str::to_owned);
    }
    cells.iter().any(|cell| !cell.is_empty()).then_some(cells)
}

/// A quantile; `–` without samples, `> 30.0s` when it is a lower bound. Below a millisecond it is whole
/// microseconds, and shows no digit more than it has.
pub(super) fn quantile(quantile: Option<Quantile>, unit: Unit, signs: &mut Signs) -> String {
    let Some(quantile) = quantile else { return "–".to_owned() };
    signed(plain(quantile, unit, signs.layout.time_unit), quantile.at_least, signs)
}

/// A quantile's number, whether it is a lower bound or not.
fn plain(quantile: Quantile, unit: Unit, time: Option<TimeUnit>) -> String {
    match quantile.value_us {
        us @ 1..1_000 if unit == Unit::Time && time.is_none() => format_duration(Duration::from_micros(us)),
        stored => scaled(stored as f64, unit, time),
    }
}

fn bounded(stored: f64, at_least: bool, unit: Unit, signs: &mut Signs) -> String {
    signed(scaled(stored, unit, signs.layout.time_unit), at_least, signs)
}

fn scaled(stored: f64, unit: Unit, time: Option<TimeUnit>) -> String {
    match unit {
        Unit::Time => latency(stored, time),
        Unit::None | Unit::Bytes => number(stored / 1_000.0, unit, time),
    }
}

/// A time in the unit that is asked for, else in the one that suits it.
fn latency(us: f64, unit: Option<TimeUnit>) -> String {
    unit.map_or_else(|| format_latency_us(us), |unit| unit.format_us(us))
}

fn signed(shown: String, at_least: bool, signs: &mut Signs) -> String {
    signs.trend = true;
    signs.at_least |= at_least;
    if at_least { format!("> {shown}") } else { shown }
}

/// A number of a unit; times are in milliseconds here, as users give them.
fn number(value: f64, unit: Unit, time: Option<TimeUnit>) -> String {
    match unit {
        Unit::Time => latency(value * 1_000.0, time),
        Unit::Bytes => format_size(value),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and in range")]
        Unit::None if value.fract() == 0.0 && (0.0..9e15).contains(&value) => format_count(value as u64),
        Unit::None => format_significant(value),
    }
}

fn per_second(rate: f64, unit: Unit, time: Option<TimeUnit>) -> String {
    match unit {
        Unit::None => format_rate(rate),
        Unit::Time | Unit::Bytes => format!("{}/s", number(rate, unit, time)),
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
        let mut signs = Signs::default();
        assert_eq!(percentile(&trend(1..=99), 90.0, Unit::Time, &mut signs), "–");
        assert_eq!(signs.too_few, BTreeMap::from([("90".to_owned(), 100)]));
        let mut signs = Signs::default();
        assert_eq!(percentile(&trend(1..=100), 90.0, Unit::Time, &mut signs), "90µs");
        assert_eq!(signs.too_few, BTreeMap::new());
    }

    #[test]
    fn an_interval_stands_in_the_unit_of_its_figure() {
        let mut signs = Signs::default();
        let spread = trend((1..=1_000).map(|n| n * 100));
        assert_eq!(interval(&spread, 50.0, Unit::Time, &mut signs).as_deref(), Some("46.9–53.1ms"));
        let figures = tail(&spread, &mut signs);
        let cells = tail_intervals(&spread, &figures, &mut signs).unwrap();
        assert_eq!(figures, ["50.0ms", "95.0ms", "99.0ms", "–", "100ms"]);
        assert_eq!(cells, ["46.9–53.1", "93.7–96.4", "98.4–99.6", "", ""]);
        assert!(signs.interval && signs.footnotes().iter().any(|note| note.starts_with("95 %")));
        let around = trend((1..=1_000).map(|n| 500 + n));
        let figures = tail(&around, &mut signs);
        assert_eq!(tail_intervals(&around, &figures, &mut signs).unwrap()[0], "969µs–1.03ms", "{figures:?}");
    }

    #[test]
    fn an_interval_that_reaches_into_unanswered_requests_has_no_upper_end() {
        let mut signs = Signs::default();
        let mut mixed = trend((1..=950).map(|n| n * 20));
        (0..50).for_each(|_| mixed.record_at_least_us(30_000_000));
        let shown = |percent| interval(&mixed, percent, Unit::Time, &mut Signs::default());
        assert_eq!(shown(95.0).as_deref(), Some("18.7ms – > 30.0s"));
        assert_eq!(shown(99.0).as_deref(), Some("> 30.0s"));
        assert_eq!(percentile(&mixed, 95.0, Unit::Time, &mut signs), "19.0ms");
        assert_eq!(interval(&trend(1..=199), 95.0, Unit::Time, &mut signs), None);
        assert!(!signs.interval);
    }

    #[test]
    fn figures_are_those_that_are_asked_for_in_the_unit_that_is() {
        let p = TrendStat::Percentile;
        let layout = SummaryOptions {
            trend_stats: vec![TrendStat::Count, p(99.9), TrendStat::Median, p(50.0), TrendStat::Max],
            time_unit: Some(TimeUnit::Seconds),
            ..SummaryOptions::default()
        };
        let mut signs = Signs::of(&layout);
        let figures = trend_figures(&trend((1..=1_000).map(|n| n * 100)), Unit::Time, &mut signs);
        assert_eq!(figures, ["count 1,000", "p(99.9) –", "med 0.0500s", "p(50) 0.0500s", "max 0.100s"]);
        assert_eq!(signs.layout, layout, "they are still asked for");
        assert_eq!(number(1.5, Unit::Time, layout.time_unit), "0.00150s");
        let spread = trend((1..=1_000).map(|n| n * 100));
        assert_eq!(interval(&spread, 50.0, Unit::Time, &mut signs).as_deref(), Some("0.0469–0.0531s"));
        signs.layout.time_unit = Some(TimeUnit::Microseconds);
        assert_eq!(quantile(trend([7]).max(), Unit::Time, &mut signs), "7.00µs");
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
        assert_eq!(number(1_204.0, Unit::None, None), "1,204");
        assert_eq!(number(2.0 / 3.0, Unit::None, None), "0.667");
        assert_eq!(number(-3.0, Unit::None, None), "-3.00");
        assert_eq!(number(1.5, Unit::Time, None), "1.50ms");
        assert_eq!(per_second(1_500.0, Unit::Bytes, None), "1.50 KB/s");
    }
}
