//! How many users a scenario wants at each instant: piecewise linear over integer nanoseconds.
//!
//! User g (from 1) exists while the curve is at least g, so a demand divides by index and not by
//! rounding (DESIGN §8). All is integer arithmetic: at any nanosecond t exactly
//! `floor(curve(t))` users are active. The curve lasts from 0 up to, and not including, its duration.
//! So a rising edge starts a user at the first nanosecond that reaches g, a falling edge ends it one
//! nanosecond after the last that does, and a ramp whose end is the curve's end never starts its last user.

use super::PlanError;
use crate::units::{duration_text, parse_duration};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A part of a ramp: over `duration` the users go linearly to `target`; a stage of 0 s is a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// How long it takes.
    #[serde(with = "duration_text")]
    pub duration: Duration,
    /// The users at its end.
    pub target: u64,
}

impl Stage {
    /// Reads `30s:50`, the form of the flag `--stage`.
    pub fn parse(text: &str) -> Result<Stage, PlanError> {
        let bad = || PlanError::Stage { text: text.to_string() };
        let (duration, target) = text.split_once(':').ok_or_else(bad)?;
        let duration = parse_duration(duration).map_err(|source| match parse_duration(target) {
            // The wrong way round.
            Ok(_) => bad(),
            Err(_) => PlanError::Unit { option: "stages".into(), source },
        })?;
        Ok(Stage { duration, target: target.trim().parse().map_err(|_| bad())? })
    }
}

/// A span of time in which a user is active: from `start_ns` up to, not including, `end_ns`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    /// The first nanosecond, from the scenario's start.
    pub start_ns: u64,
    /// The first nanosecond after it.
    pub end_ns: u64,
}

/// A corner of the curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Point {
    #[serde(with = "duration_text")]
    at: Duration,
    users: u64,
}

/// The users wanted over time. Two points at one time are a step; the later one holds from there on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Curve {
    /// At least two; times never decrease, the first is 0.
    points: Vec<Point>,
}

impl Curve {
    /// The same number of users all the time.
    pub fn constant(users: u64, duration: Duration) -> Curve {
        Curve { points: vec![Point { at: Duration::ZERO, users }, Point { at: duration, users }] }
    }

    /// From `start` users through the stages, one after another.
    pub fn ramp(start: u64, stages: &[Stage]) -> Curve {
        let mut at = Duration::ZERO;
        let mut points = vec![Point { at, users: start }];
        for stage in stages {
            at = at.saturating_add(stage.duration);
            points.push(Point { at, users: stage.target });
        }
        if points.len() == 1 {
            points.push(points[0]);
        }
        Curve { points }
    }

    /// The same shape with so many times the users, rounded at its corners. Where there are users some are
    /// left, unless the factor is 0.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Curve {
        let scaled = |users: u64| {
            let least = if factor > 0.0 { users.min(1) } else { 0 };
            // A float above every integer becomes the largest; who scales keeps the limits.
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "saturates, never negative"
            )]
            let users = (users as f64 * factor).round() as u64;
            users.max(least)
        };
        let points = self.points.iter().map(|point| Point { users: scaled(point.users), ..*point });
        Curve { points: points.collect() }
    }

    /// The curve's value, with fractions; 0 from its end on.
    pub fn at(&self, ns: u64) -> f64 {
        self.segments().find(|segment| segment.contains(ns)).map_or(0.0, |segment| {
            let share = (ns - segment.start_ns) as f64 / segment.length_ns() as f64;
            segment.from as f64 + (segment.to as f64 - segment.from as f64) * share
        })
    }

    /// How many users are active: the curve's value without its fraction, exactly.
    pub fn users_at(&self, ns: u64) -> u64 {
        self.segments().find(|segment| segment.contains(ns)).map_or(0, |segment| segment.users_at(ns))
    }

    /// How long the curve lasts.
    pub fn duration(&self) -> Duration {
        self.points.last().map_or(Duration::ZERO, |point| point.at)
    }

    /// How long the curve lasts, in nanoseconds.
    pub fn duration_ns(&self) -> u64 {
        nanoseconds(self.duration())
    }

    /// The most users that are ever active at one instant; users above it never exist.
    pub fn peak(&self) -> u64 {
        self.segments()
            .map(|segment| segment.users_at(segment.start_ns).max(segment.users_at(segment.end_ns - 1)))
            .max()
            .unwrap_or(0)
    }

    /// The highest point that it reaches, if only at its very end; as its author wrote it.
    pub fn highest(&self) -> u64 {
        self.points.iter().map(|point| point.users).max().unwrap_or(0)
    }

    /// Whether the number of users never changes.
    pub fn is_constant(&self) -> bool {
        self.points.windows(2).all(|pair| pair[0].users == pair[1].users)
    }

    /// When user `user`, counted from 1, exists: ordered, apart from each other, none empty.
    pub fn active(&self, user: u64) -> Vec<Interval> {
        let mut intervals: Vec<Interval> = Vec::new();
        for interval in self.segments().filter_map(|segment| segment.active(user)) {
            match intervals.last_mut() {
                Some(last) if last.end_ns == interval.start_ns => last.end_ns = interval.end_ns,
                _ => intervals.push(interval),
            }
        }
        intervals
    }

    /// The parts that take time; steps lie between them.
    fn segments(&self) -> impl Iterator<Item = Segment> + '_ {
        self.points
            .windows(2)
            .map(|pair| Segment {
                start_ns: nanoseconds(pair[0].at),
                end_ns: nanoseconds(pair[1].at),
                from: pair[0].users,
                to: pair[1].users,
            })
            .filter(|segment| segment.start_ns < segment.end_ns)
    }
}

/// A straight part of the curve, from `start_ns` up to, not including, `end_ns`.
#[derive(Clone, Copy)]
struct Segment {
    start_ns: u64,
    end_ns: u64,
    from: u64,
    to: u64,
}

impl Segment {
    fn contains(&self, ns: u64) -> bool {
        (self.start_ns..self.end_ns).contains(&ns)
    }

    fn length_ns(&self) -> u64 {
        self.end_ns - self.start_ns
    }

    /// `floor` of the straight line; `ns` lies in the segment.
    fn users_at(&self, ns: u64) -> u64 {
        let (rise, length) = (self.from.abs_diff(self.to), u128::from(self.length_ns()));
        let moved = u128::from(rise) * u128::from(ns - self.start_ns);
        if self.to >= self.from {
            self.from + narrow(moved / length)
        } else {
            self.from - narrow(moved.div_ceil(length))
        }
    }

    /// The nanoseconds at which the line is at least `user`: one span, since it is straight.
    fn active(&self, user: u64) -> Option<Interval> {
        let length = u128::from(self.length_ns());
        let (start_ns, end_ns) = if self.to >= self.from {
            let start_ns = if self.from >= user {
                self.start_ns
            } else if self.to > user {
                // The first nanosecond at or above the crossing.
                let rise = u128::from(self.to - self.from);
                self.start_ns + narrow((u128::from(user - self.from) * length).div_ceil(rise))
            } else {
                return None; // a line that reaches `user` only at its end, which is the next segment's
            };
            (start_ns, self.end_ns)
        } else if self.from < user {
            return None;
        } else if self.to >= user {
            (self.start_ns, self.end_ns)
        } else {
            // The last nanosecond at or above the crossing still counts.
            let fall = u128::from(self.from - self.to);
            let last_ns = self.start_ns + narrow(u128::from(self.from - user) * length / fall);
            (self.start_ns, last_ns.saturating_add(1).min(self.end_ns))
        };
        (start_ns < end_ns).then_some(Interval { start_ns, end_ns })
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn narrow(value: u128) -> u64 {
    u64::try_from(value).expect("a part of a u64 fits")
}

#[cfg(test)]
mod tests;
