//! What the executors of users share: options, and the demand of a constant number of them.

use super::super::{Bound, Curve, Users};
use super::{Demand, OptionSpec};
use std::time::Duration;

/// The same number of users all the time, which they or their iterations end.
pub(super) fn constant(users: u64, duration: Duration, bound: Option<Bound>) -> Demand {
    let curve = Curve::constant(users, duration);
    // The curve never falls: this is for users that are steered away.
    Demand::Users(Users { curve, bound, graceful_ramp_down: GRACEFUL_RAMP_DOWN, max: None })
}

/// How long users that are no longer wanted may finish, where the script can't or doesn't say: k6's.
pub(super) const GRACEFUL_RAMP_DOWN: Duration = Duration::from_secs(30);

pub(super) const VUS: OptionSpec =
    OptionSpec { name: "vus", takes: "an integer", default: Some("1"), about: "how many virtual users" };

/// The options of a bounded executor; `about` says whose number of iterations it is.
pub(super) const fn bounded_options(about: &'static str) -> [OptionSpec; 3] {
    let iterations = OptionSpec { name: "iterations", takes: "an integer", default: Some("1"), about };
    let max_duration = OptionSpec {
        name: "max_duration",
        takes: "a duration",
        default: Some("10m"),
        about: "when the scenario ends, however many iterations are left",
    };
    [VUS, iterations, max_duration]
}
