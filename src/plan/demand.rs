//! What an executor asks of the engine, as data: the engine knows demands and no executor's name.

use super::Curve;
use crate::units::{duration_text, format_count, format_duration};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The load of a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Demand {
    /// Users that loop (the closed model); arrivals will stand beside it.
    Users(Users),
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

impl Demand {
    /// How long it lasts at most, without its graceful stop.
    pub fn duration(&self) -> Duration {
        let Demand::Users(users) = self;
        users.curve.duration()
    }

    /// The most users that exist at one instant, or may be steered to.
    pub fn peak(&self) -> u64 {
        let Demand::Users(users) = self;
        users.max.unwrap_or(users.curve.peak())
    }

    /// How many iterations it runs, where that is known beforehand.
    pub fn iterations(&self) -> Option<u64> {
        let Demand::Users(users) = self;
        users.bound.map(|bound| match bound {
            Bound::Shared(total) => total,
            Bound::PerUser(each) => each.saturating_mul(users.curve.peak()),
        })
    }

    /// As text for people: `10 VUs for 30s`.
    pub fn describe(&self) -> String {
        let Demand::Users(users) = self;
        let (peak, duration) = (users.curve.peak(), format_duration(users.curve.duration()));
        let vus = count(peak, "VU");
        match users.bound {
            Some(Bound::Shared(total)) => {
                format!("{} shared by {vus}, at most {duration}", count(total, "iteration"))
            }
            Some(Bound::PerUser(each)) => {
                format!("{} for each of {vus}, at most {duration}", count(each, "iteration"))
            }
            None if let Some(max) = users.max => {
                format!("{vus}, steered up to {}, for {duration}", format_count(max))
            }
            None if users.curve.is_constant() => format!("{vus} for {duration}"),
            None => format!("up to {vus} for {duration}"),
        }
    }
}

fn count(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", format_count(number), if number == 1 { "" } else { "s" })
}
