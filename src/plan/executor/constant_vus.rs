//! `constant-vus`: the same number of users for a time.

use super::super::options::VUS_MAX;
use super::{Curve, Demand, Duration, Executor, OptionSpec, Options, PlanError, Reader, Users, VUS};

pub(super) const EXECUTOR: Executor = Executor {
    name: "constant-vus",
    about: "a constant number of virtual users loops for a time",
    options: OPTIONS,
    demand,
};

const OPTIONS: &[OptionSpec] =
    &[VUS, OptionSpec { name: "duration", takes: "a duration", default: None, about: "how long they loop" }];

fn demand(options: &Options) -> Result<Demand, PlanError> {
    let reader = Reader::new("executor `constant-vus`", options, &[OPTIONS]);
    let vus = reader.count("vus", 1..=VUS_MAX)?;
    let curve = Curve::constant(vus, reader.positive_duration("duration")?);
    // The curve never falls, so nobody is ramped down.
    Ok(Demand::Users(Users { curve, bound: None, graceful_ramp_down: Duration::ZERO }))
}
