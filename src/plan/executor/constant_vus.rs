//! `constant-vus`: the same number of users for a time.

use super::super::options::VUS_MAX;
use super::users::{VUS, constant};
use super::{Demand, Executor, OptionSpec, Options, PlanError, Reader};

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
    Ok(constant(vus, reader.positive_duration("duration")?, None))
}
