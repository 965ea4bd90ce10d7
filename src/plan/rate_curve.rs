//! How many iterations a scenario starts a second at each instant: piecewise linear, and its integral.
//!
//! Rates are a number per time unit, as the script gives them, so `1` per `3m` is as exact as `200` per `1s`.
//! Arrival k (from 0) belongs to the first instant at which the integral exceeds k; [`super::Schedule`] finds
//! it. The curve lasts from 0 up to, and not including, its duration.

use super::PlanError;
use crate::units::{duration_text, format_amount, format_duration, parse_duration, parse_rate};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A part of a ramp: over `duration` the rate goes linearly to `target`; a stage of 0 s is a step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RateStage {
    /// How long it takes.
    #[serde(with = "duration_text")]
    pub duration: Duration,
    /// The rate at its end, per time unit.
    pub target: f64,
}

impl RateStage {
    /// Reads `30s:50` or `30s:200/s`, the short form of a stage; a bare number is per `time_unit`.
    pub fn parse(text: &str, time_unit: Duration) -> Result<RateStage, PlanError> {
        let bad = || PlanError::Stage { text: text.to_string() };
        let (duration, target) = text.split_once(':').ok_or_else(bad)?;
        let unit = |source| PlanError::Unit { option: "stages".into(), source };
        let duration = parse_duration(duration).map_err(|source| match parse_duration(target) {
            // The wrong way round.
            Ok(_) => bad(),
            Err(_) => unit(source),
        })?;
        let target = match target.trim().parse::<f64>() {
            Ok(number) => number,
            Err(_) if target.contains('/') => parse_rate(target).map_err(unit)? * time_unit.as_secs_f64(),
            Err(_) => return Err(bad()),
        };
        Ok(RateStage { duration, target })
    }
}

/// A corner of the curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Point {
    #[serde(with = "duration_text")]
    at: Duration,
    rate: f64,
}

/// The rate of arrivals over time. Two points at one time are a step; the later one holds from there on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RateCurve {
    /// What the rates are per.
    #[serde(with = "duration_text")]
    time_unit: Duration,
    /// At least two; times never decrease, the first is 0.
    points: Vec<Point>,
}

impl RateCurve {
    /// The same rate all the time.
    pub fn constant(rate: f64, time_unit: Duration, duration: Duration) -> RateCurve {
        RateCurve {
            time_unit,
            points: vec![Point { at: Duration::ZERO, rate }, Point { at: duration, rate }],
        }
    }

    /// From `start` through the stages, one after another.
    pub fn ramp(start: f64, time_unit: Duration, stages: &[RateStage]) -> RateCurve {
        let mut at = Duration::ZERO;
        let mut points = vec![Point { at, rate: start }];
        for stage in stages {
            at = at.saturating_add(stage.duration);
            points.push(Point { at, rate: stage.target });
        }
        if points.len() == 1 {
            points.push(points[0]);
        }
        RateCurve { time_unit, points }
    }

    /// The same shape with so many times the rate.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> RateCurve {
        let points = self.points.iter().map(|point| Point { rate: point.rate * factor, ..*point });
        RateCurve { points: points.collect(), ..*self }
    }

    /// What is left of it from an instant on, which becomes its start.
    #[must_use]
    pub fn rest(&self, from_ns: u64) -> RateCurve {
        let mut points = Vec::new();
        for slope in self.slopes().filter(|slope| slope.end_ns > from_ns) {
            let start_ns = slope.start_ns.max(from_ns);
            let share = (start_ns - slope.start_ns) as f64 / slope.length_ns() as f64;
            let from = slope.from + (slope.to - slope.from) * share;
            let point = |ns: u64, rate| Point { at: Duration::from_nanos(ns - from_ns), rate };
            points.extend([point(start_ns, from), point(slope.end_ns, slope.to)]);
        }
        if points.is_empty() {
            points = vec![Point { at: Duration::ZERO, rate: 0.0 }; 2];
        }
        RateCurve { points, ..*self }
    }

    /// How long the curve lasts.
    pub fn duration(&self) -> Duration {
        self.points.last().map_or(Duration::ZERO, |point| point.at)
    }

    /// How long the curve lasts, in nanoseconds.
    pub fn duration_ns(&self) -> u64 {
        nanoseconds(self.duration())
    }

    /// The rate per second at an instant; 0 from the curve's end on.
    pub fn per_second_at(&self, ns: u64) -> f64 {
        let slope = self.slopes().find(|slope| (slope.start_ns..slope.end_ns).contains(&ns));
        let rate = slope.map_or(0.0, |slope| {
            let share = (ns - slope.start_ns) as f64 / slope.length_ns() as f64;
            slope.from + (slope.to - slope.from) * share
        });
        rate / self.time_unit.as_secs_f64()
    }

    /// The highest rate per second.
    pub fn peak_per_second(&self) -> f64 {
        let rates = self.slopes().flat_map(|slope| [slope.from, slope.to]);
        rates.fold(0.0, f64::max) / self.time_unit.as_secs_f64()
    }

    /// Whether the rate never changes.
    pub fn is_constant(&self) -> bool {
        self.points.windows(2).all(|pair| pair[0].rate.total_cmp(&pair[1].rate).is_eq())
    }

    /// How many arrivals there are in all: the integral, rounded up.
    pub fn arrivals(&self) -> u64 {
        self.stretches().last().map_or(0, |stretch| stretch.end_index())
    }

    /// As text for people: `200/s`, or `up to 200/s`.
    pub fn describe(&self) -> String {
        let rate = self.slopes().flat_map(|slope| [slope.from, slope.to]).fold(0.0, f64::max);
        let period = format_duration(self.time_unit);
        let period = match period.strip_prefix('1') {
            Some(unit) if unit.chars().all(char::is_alphabetic) => unit,
            _ => &period,
        };
        let up_to = if self.is_constant() { "" } else { "up to " };
        format!("{up_to}{}/{period}", format_amount(rate))
    }

    /// The parts that take time, with the arrivals before and after each.
    pub(super) fn stretches(&self) -> impl Iterator<Item = Stretch> + '_ {
        self.stretches_from(0.0)
    }

    /// The same with so many arrivals before all of it.
    pub(super) fn stretches_from(&self, mut before: f64) -> impl Iterator<Item = Stretch> + '_ {
        let unit_ns = nanoseconds(self.time_unit) as f64;
        self.slopes().map(move |slope| {
            let after = before + slope.from.midpoint(slope.to) * slope.length_ns() as f64 / unit_ns;
            let stretch = Stretch { slope, unit_ns, before: snap(before), after: snap(after) };
            before = after;
            stretch
        })
    }

    fn slopes(&self) -> impl Iterator<Item = Slope> + '_ {
        self.points
            .windows(2)
            .map(|pair| Slope {
                start_ns: nanoseconds(pair[0].at),
                end_ns: nanoseconds(pair[1].at),
                from: pair[0].rate,
                to: pair[1].rate,
            })
            .filter(|slope| slope.start_ns < slope.end_ns)
    }
}

/// A straight part of the curve, from `start_ns` up to, not including, `end_ns`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Slope {
    start_ns: u64,
    end_ns: u64,
    from: f64,
    to: f64,
}

impl Slope {
    fn length_ns(&self) -> u64 {
        self.end_ns - self.start_ns
    }
}

/// A straight part of the curve as a part of the integral.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stretch {
    slope: Slope,
    unit_ns: f64,
    /// The integral at its start.
    pub(super) before: f64,
    /// The integral at its end.
    pub(super) after: f64,
}

impl Stretch {
    /// The first arrival that belongs to it or to a later one.
    pub(super) fn first_index(&self) -> u64 {
        whole(self.before.ceil())
    }

    /// The first arrival that belongs to a later one.
    pub(super) fn end_index(&self) -> u64 {
        whole(self.after.ceil())
    }

    /// The first instant at which the integral is `value`, which lies between `before` and `after`.
    pub(super) fn instant_ns(&self, value: f64) -> u64 {
        let Slope { start_ns, from, to, .. } = self.slope;
        let length_ns = self.slope.length_ns();
        let length = length_ns as f64;
        // Seen from its lower end the line rises, so nothing cancels: low·x + rise·x²/2·length = area.
        let (low, area) = if from <= to { (from, value - self.before) } else { (to, self.after - value) };
        let area = area.max(0.0) * self.unit_ns;
        let root = (low * low + 2.0 * (to - from).abs() / length * area).sqrt();
        let along = if area > 0.0 { 2.0 * area / (low + root) } else { 0.0 };
        let along = if from <= to { along } else { length - along };
        // The curve doesn't last through its end.
        start_ns + whole(along.max(0.0)).min(length_ns - 1)
    }

    /// What it adds to the integral until an instant.
    pub(super) fn up_to(&self, ns: u64) -> f64 {
        let Slope { start_ns, end_ns, from, to } = self.slope;
        let passed = ns.clamp(start_ns, end_ns) - start_ns;
        let now = from + (to - from) * passed as f64 / self.slope.length_ns() as f64;
        f64::midpoint(from, now) * passed as f64 / self.unit_ns
    }
}

#[cfg(test)]
impl Stretch {
    pub(super) fn start_ns(&self) -> u64 {
        self.slope.start_ns
    }

    pub(super) fn end_ns(&self) -> u64 {
        self.slope.end_ns
    }
}

/// An integral that is a whole number, but for the rounding of its terms, is that number.
fn snap(value: f64) -> f64 {
    let near = value.round();
    if (value - near).abs() <= 1e-9 + 1e-13 * value { near } else { value }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count below 2^63, and not negative"
)]
fn whole(value: f64) -> u64 {
    value as u64
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "whole numbers and halves, which are exact")]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn stage(seconds: u64, target: f64) -> RateStage {
        RateStage { duration: Duration::from_secs(seconds), target }
    }

    /// From 0 to 100/s in 10 s, 10 s of that, a step to 20/s, 10 s of that.
    fn ramp() -> RateCurve {
        RateCurve::ramp(0.0, SECOND, &[stage(10, 100.0), stage(10, 100.0), stage(0, 20.0), stage(10, 20.0)])
    }

    fn at(curve: &RateCurve, seconds: f64) -> f64 {
        curve.per_second_at(whole(seconds * 1e9))
    }

    #[test]
    fn the_rate_at_an_instant_lies_on_the_line_between_its_corners() {
        let curve = ramp();
        let rates = [0.0, 2.5, 5.0, 10.0, 19.999, 20.0, 29.0].map(|seconds| at(&curve, seconds));
        assert_eq!(rates, [0.0, 25.0, 50.0, 100.0, 100.0, 20.0, 20.0]);
        assert_eq!((at(&curve, 30.0), at(&curve, 99.0)), (0.0, 0.0), "nothing at its end and behind");
        let falling = RateCurve::ramp(80.0, SECOND, &[stage(10, 80.0), stage(20, 0.0)]);
        assert_eq!(at(&falling, 15.0), 60.0, "a quarter of the way down");
        let per_minute = RateCurve::constant(600.0, 60 * SECOND, SECOND);
        assert_eq!(at(&per_minute, 0.5), 10.0);
    }

    #[test]
    fn the_peak_is_the_highest_corner_per_second() {
        assert_eq!(ramp().peak_per_second(), 100.0);
        assert_eq!(RateCurve::constant(600.0, 60 * SECOND, SECOND).peak_per_second(), 10.0);
        assert_eq!(RateCurve::ramp(40.0, SECOND, &[stage(1, 0.0)]).peak_per_second(), 40.0);
    }

    #[test]
    fn a_scaled_curve_has_its_shape_and_so_many_times_the_arrivals() {
        let (one, three) = (ramp(), ramp().scaled(3.0));
        assert_eq!((one.arrivals(), three.arrivals()), (1_700, 5_100));
        assert_eq!(three.duration(), 30 * SECOND);
        assert_eq!([5.0, 15.0, 25.0].map(|seconds| at(&three, seconds)), [150.0, 300.0, 60.0]);
    }

    #[test]
    fn the_rest_goes_on_where_the_curve_was() {
        let corner = |seconds: u64, rate| Point { at: Duration::from_secs(seconds), rate };
        let rest = |seconds: u64| ramp().rest(seconds * 1_000_000_000);
        assert_eq!(rest(0).arrivals(), 1_700);
        let middle = [(0, 50.0), (5, 100.0), (5, 100.0), (15, 100.0), (15, 20.0), (25, 20.0)];
        assert_eq!(rest(5).points, middle.map(|(seconds, rate)| corner(seconds, rate)));
        // Nothing is left of a part that ends at that very instant.
        let behind = [(0, 20.0), (10, 20.0)];
        assert_eq!(rest(20).points, behind.map(|(seconds, rate)| corner(seconds, rate)));
        assert_eq!((rest(30).arrivals(), rest(99).duration()), (0, Duration::ZERO));
        let falling = RateCurve::ramp(80.0, SECOND, &[stage(20, 0.0)]).rest(5_000_000_000);
        assert_eq!(falling.points, [corner(0, 60.0), corner(15, 0.0)]);
    }

    #[test]
    fn a_curve_is_told_by_its_highest_rate_and_its_time_unit() {
        let told = |rate, unit| RateCurve::constant(rate, unit, SECOND).describe();
        assert_eq!((told(200.0, SECOND), told(5.0, 60 * SECOND)), ("200/s".into(), "5/m".into()));
        assert_eq!((told(1.0, 180 * SECOND), told(1.0, 10 * SECOND)), ("1/3m".into(), "1/10s".into()));
        assert_eq!(told(1.0, Duration::from_millis(1_500)), "1/1.5s", "not `.5s`");
        assert_eq!(ramp().describe(), "up to 100/s");
        assert!(!ramp().is_constant() && RateCurve::constant(1.0, SECOND, SECOND).is_constant());
    }

    #[test]
    fn an_integral_is_whole_but_for_rounding_and_else_stays() {
        let snapped = [2.999_999_999_9, 3.000_000_000_1, 1e10 + 0.000_5, 0.0].map(snap);
        assert_eq!(snapped, [3.0, 3.0, 1e10, 0.0]);
        for fraction in [2.999_999, 0.5, 1e10 + 0.25, 0.2] {
            assert_eq!(snap(fraction), fraction);
        }
    }

    #[test]
    fn a_ramp_without_stages_lasts_no_time() {
        let none = RateCurve::ramp(5.0, SECOND, &[]);
        assert_eq!((none.arrivals(), none.duration()), (0, Duration::ZERO));
    }
}
