//! `shared-iterations`: a number of iterations that all users share.

use super::super::Bound;
use super::super::options::{ITERATIONS_MAX, VUS_MAX};
use super::users::{bounded_options, constant};
use super::{Demand, Executor, OptionSpec, Options, PlanError, Reader};

pub(super) const EXECUTOR: Executor = Executor {
    name: "shared-iterations",
    about: "virtual users share a number of iterations",
    options: OPTIONS,
    demand,
};

const OPTIONS: &[OptionSpec] = &bounded_options("how many iterations all of them run together");

fn demand(options: &Options) -> Result<Demand, PlanError> {
    let reader = Reader::new("executor `shared-iterations`", options, &[OPTIONS]);
    let vus = reader.count("vus", 1..=VUS_MAX)?;
    let iterations = reader.count("iterations", 1..=ITERATIONS_MAX)?;
    if iterations < vus {
        return Err(PlanError::FewerIterationsThanUsers { iterations, vus });
    }
    Ok(constant(vus, reader.positive_duration("max_duration")?, Some(Bound::Shared(iterations))))
}
