//! What an executor asks of the engine, as data: the engine knows demands and no executor's name.

use super::{Curve, RateCurve};
use crate::units::{duration_text, format_count, format_duration};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The load of a scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Demand {
    /// Users that loop (the closed model).
    Users(Users),
    /// Iterations that start at given times, whoever runs them (the open model).
    Arrivals(Arrivals),
}

/// Users that run one iteration after another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Users {
    /// How many there are at each instant.
    pub curve: Curve,
    /// What ends them before the curve does.
    pub bound: Option<Bound>,
    /// How long a user that the curve no longer wants may finish its iteration.
    #[serde(with = "duration_text")]
    pub graceful_ramp_down: Duration,
    /// How many there may be when the run is steered, if the plan reserves them: such a scenario lasts for
    /// its whole time, with users or without. Nothing: the curve's peak is reserved.
    pub max: Option<u64>,
}

/// A number of iterations that ends a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// All users together run so many; iteration k is run by the owner of user k mod users.
    Shared(u64),
    /// Each user runs so many.
    PerUser(u64),
}

/// Iterations that are due at given times, and the users that run them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Arrivals {
    /// How many iterations start a second at each instant.
    pub rate: RateCurve,
    /// How they are spread within it.
    pub jitter: Jitter,
    /// Users that are there before the scenario starts, all shards together.
    pub pre_allocated_vus: u64,
    /// The most users there may be; they are hired by need. Arrival k is run by the owner of user k mod this.
    pub vus_max: u64,
    /// What becomes of an arrival that finds no free user.
    pub when_busy: WhenBusy,
}

/// How arrivals are spread within their rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Jitter {
    /// Evenly.
    #[default]
    None,
    /// At random, as independent clients come; each thousand of them keeps to its time.
    Poisson,
}

/// What becomes of an arrival that finds all users busy, and none left to hire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenBusy {
    /// It is dropped.
    Drop,
    /// It waits, and starts late; beyond so many that wait it is dropped.
    Queue {
        /// The most that wait, all shards together.
        queue_max: u64,
    },
}

impl Demand {
    /// How long it lasts at most, without its graceful stop.
    pub fn duration(&self) -> Duration {
        match self {
            Demand::Users(users) => users.curve.duration(),
            Demand::Arrivals(arrivals) => arrivals.rate.duration(),
        }
    }

    /// The most users that exist at one instant, or may be steered to.
    pub fn peak(&self) -> u64 {
        match self {
            Demand::Users(users) => users.max.unwrap_or(users.curve.peak()),
            Demand::Arrivals(arrivals) => arrivals.vus_max,
        }
    }

    /// The most iterations that are to start in a second; users that loop take what they get.
    pub fn peak_rate(&self) -> Option<f64> {
        match self {
            Demand::Users(_) => None,
            Demand::Arrivals(arrivals) => Some(arrivals.rate.peak_per_second()),
        }
    }

    /// How many iterations it runs, where that is known beforehand.
    pub fn iterations(&self) -> Option<u64> {
        match self {
            Demand::Users(users) => users.bound.map(|bound| match bound {
                Bound::Shared(total) => total,
                Bound::PerUser(each) => each.saturating_mul(users.curve.peak()),
            }),
            Demand::Arrivals(arrivals) => Some(arrivals.rate.arrivals()),
        }
    }

    /// As text for people: `10 VUs for 30s`, `200/s for 1m, up to 10,000 VUs`.
    pub fn describe(&self) -> String {
        match self {
            Demand::Users(users) => users.describe(),
            Demand::Arrivals(arrivals) => arrivals.describe(),
        }
    }
}

impl Users {
    fn describe(&self) -> String {
        let (peak, duration) = (self.curve.peak(), format_duration(self.curve.duration()));
        let vus = count(peak, "VU");
        match self.bound {
            Some(Bound::Shared(total)) => {
                format!("{} shared by {vus}, at most {duration}", count(total, "iteration"))
            }
            Some(Bound::PerUser(each)) => {
                format!("{} for each of {vus}, at most {duration}", count(each, "iteration"))
            }
            None if let Some(max) = self.max => {
                format!("{vus}, steered up to {}, for {duration}", format_count(max))
            }
            None if self.curve.is_constant() => format!("{vus} for {duration}"),
            None => format!("up to {} for {duration}", count(self.curve.highest(), "VU")),
        }
    }
}

impl Arrivals {
    fn describe(&self) -> String {
        let (rate, duration) = (self.rate.describe(), format_duration(self.rate.duration()));
        let jitter = if self.jitter == Jitter::Poisson { " (poisson)" } else { "" };
        let queue = if self.when_busy == WhenBusy::Drop { "" } else { ", then a queue" };
        format!("{rate}{jitter} for {duration}, up to {}{queue}", count(self.vus_max, "VU"))
    }
}

fn count(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", format_count(number), if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_demand_comes_to_is_that_of_its_curve() {
        let (minute, ten) = (Duration::from_mins(1), Duration::from_secs(10));
        let arrivals = Demand::Arrivals(Arrivals {
            rate: RateCurve::constant(600.0, minute, ten),
            jitter: Jitter::None,
            pre_allocated_vus: 0,
            vus_max: 7,
            when_busy: WhenBusy::Drop,
        });
        assert_eq!((arrivals.peak_rate(), arrivals.iterations()), (Some(10.0), Some(100)));
        assert_eq!((arrivals.peak(), arrivals.duration()), (7, ten));
        let users = |bound, max| {
            let curve = Curve::constant(5, ten);
            Demand::Users(Users { curve, bound, graceful_ramp_down: Duration::ZERO, max })
        };
        assert_eq!((users(None, None).peak_rate(), users(None, None).iterations()), (None, None));
        assert_eq!((users(None, None).peak(), users(None, Some(9)).peak()), (5, 9));
        assert_eq!(users(Some(Bound::Shared(40)), None).iterations(), Some(40));
        assert_eq!(users(Some(Bound::PerUser(40)), None).iterations(), Some(200));
        assert_eq!(users(None, None).duration(), ten);
    }
}
