//! The load that a machine is judged against.

use serde::Serialize;

use super::Verdict;
use crate::plan::{Demand, Plan};
use crate::script::DEMO_URL;

/// Users that a load generator should be ready for where nobody says how many are planned.
const ORDINARY_USERS: u64 = 10_000;

/// A planned load, as far as it is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Planned {
    /// Virtual users that there will be at once.
    pub users: Option<u64>,
    /// The most that there may be: arrivals hire users by need.
    pub users_max: Option<u64>,
    /// Iterations that start in a second.
    pub rate_per_s: Option<f64>,
    /// Whether the service is the embedded one, whose ends of the connections this process holds as well.
    pub is_embedded: bool,
}

impl Planned {
    /// What a script's plan asks for.
    pub fn of(plan: &Plan) -> Self {
        let certain = plan.scenarios.iter().map(|scenario| match &scenario.demand {
            Demand::Users(users) => users.curve.peak(),
            Demand::Arrivals(arrivals) => arrivals.pre_allocated_vus,
        });
        let mut urls = plan.scenarios.iter().map(|scenario| &scenario.base_url).chain([&plan.base_url]);
        Self {
            users: Some(certain.fold(0, u64::saturating_add)),
            users_max: Some(plan.vus_max()),
            rate_per_s: plan.peak_rate(),
            is_embedded: urls.any(|url| url.as_deref() == Some(DEMO_URL)),
        }
    }

    /// What it means that the machine can take so many users.
    pub(super) fn verdict(&self, capacity: u64) -> Verdict {
        if self.users.is_some_and(|users| users > capacity) {
            Verdict::InTheWay
        } else if self.wanted() > capacity {
            Verdict::Look
        } else {
            Verdict::Good
        }
    }

    /// Users that the machine should be made ready for.
    pub(super) fn wanted(&self) -> u64 {
        self.users_max.or(self.users).unwrap_or(ORDINARY_USERS)
    }

    /// Descriptors that a user takes: its connection to one host, and the other end if that is here too.
    pub(super) fn descriptors_per_user(&self) -> u64 {
        if self.is_embedded { 2 } else { 1 }
    }
}
