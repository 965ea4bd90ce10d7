//! The pause between two iterations of a user: think times (Locust's `wait_time`).

use super::PlanError;
use crate::units::{duration_text, format_duration};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a user waits before its next iteration.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Think {
    /// Not at all.
    #[default]
    None,
    /// Uniformly between two durations.
    Between {
        /// The shortest pause.
        #[serde(with = "duration_text")]
        min: Duration,
        /// The longest pause.
        #[serde(with = "duration_text")]
        max: Duration,
    },
    /// The same pause each time.
    Constant(#[serde(with = "duration_text")] Duration),
    /// Iterations start this far apart; one that took longer is followed at once.
    Pacing(#[serde(with = "duration_text")] Duration),
    /// At most so many iterations a second and user: pacing by 1/n.
    Throughput {
        /// Iterations per second, positive.
        per_second: f64,
    },
}

impl Think {
    /// Between `min` and `max`, in this order.
    pub fn between(min: Duration, max: Duration) -> Result<Think, PlanError> {
        if min > max {
            return Err(PlanError::ThinkOrder { min, max });
        }
        Ok(Think::Between { min, max })
    }

    /// At most `per_second` iterations a second and user.
    pub fn throughput(per_second: f64) -> Result<Think, PlanError> {
        // Slower than one a day is a mistake in the unit.
        const PER_SECOND_MIN: f64 = 1.0 / 86_400.0;
        if per_second.is_finite() && per_second >= PER_SECOND_MIN {
            Ok(Think::Throughput { per_second })
        } else {
            Err(PlanError::ThinkThroughput { per_second })
        }
    }

    /// Nanoseconds to sleep after an iteration that started at `iteration_started_ns`, now being `now_ns`.
    /// `draw` is a random number from 0 up to, not including, 1; only [`Think::Between`] looks at it.
    pub fn pause(&self, iteration_started_ns: u64, now_ns: u64, draw: f64) -> u64 {
        let took_ns = now_ns.saturating_sub(iteration_started_ns);
        match self {
            Think::None => 0,
            Think::Between { min, max } => {
                nanoseconds(*min + max.saturating_sub(*min).mul_f64(draw.clamp(0.0, 1.0)))
            }
            Think::Constant(pause) => nanoseconds(*pause),
            Think::Pacing(period) => nanoseconds(*period).saturating_sub(took_ns),
            Think::Throughput { per_second } => {
                let period = Duration::try_from_secs_f64(1.0 / per_second).unwrap_or(Duration::ZERO);
                nanoseconds(period).saturating_sub(took_ns)
            }
        }
    }

    /// As text for people: `between 1s and 5s`.
    pub fn describe(&self) -> String {
        match self {
            Think::None => "none".to_string(),
            Think::Between { min, max } => {
                format!("between {} and {}", format_duration(*min), format_duration(*max))
            }
            Think::Constant(pause) => format_duration(*pause),
            Think::Pacing(period) => format!("pacing {}", format_duration(*period)),
            Think::Throughput { per_second } => format!("at most {}", crate::units::format_rate(*per_second)),
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const SECOND_NS: u64 = 1_000_000_000;

    #[test]
    fn between_spans_its_range() {
        let think = Think::between(SECOND, 5 * SECOND).unwrap();
        assert_eq!(think.pause(0, 9 * SECOND_NS, 0.0), SECOND_NS);
        assert_eq!(think.pause(0, 9 * SECOND_NS, 0.5), 3 * SECOND_NS);
        assert!(think.pause(0, 0, 0.999_999) < 5 * SECOND_NS);
        assert_eq!(Think::between(SECOND, SECOND).unwrap().pause(0, 0, 0.7), SECOND_NS);
        assert!(Think::between(5 * SECOND, SECOND).is_err());
    }

    #[test]
    fn constant_does_not_look_at_the_iteration() {
        assert_eq!(Think::Constant(SECOND).pause(3, 99 * SECOND_NS, 0.9), SECOND_NS);
        assert_eq!(Think::None.pause(3, 4, 0.9), 0);
    }

    #[test]
    fn pacing_goes_from_start_to_start() {
        let think = Think::Pacing(SECOND);
        assert_eq!(think.pause(10, 10 + SECOND_NS / 4, 0.0), SECOND_NS * 3 / 4);
        assert_eq!(think.pause(10, 10 + 2 * SECOND_NS, 0.0), 0, "a slow iteration is followed at once");
        assert_eq!(think.pause(10, 5, 0.0), SECOND_NS, "a clock never runs back, but must not panic");
    }

    #[test]
    fn throughput_is_pacing_by_its_inverse() {
        let think = Think::throughput(4.0).unwrap();
        assert_eq!(think.pause(0, 100_000_000, 0.0), 150_000_000);
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-9] {
            assert!(Think::throughput(bad).is_err(), "{bad}");
        }
    }
}
