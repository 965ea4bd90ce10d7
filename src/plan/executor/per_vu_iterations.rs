//! `per-vu-iterations`: a number of iterations for each user.

use super::super::Bound;
use super::super::options::{ITERATIONS_MAX, VUS_MAX};
use super::users::{bounded_options, constant};
use super::{Demand, Executor, OptionSpec, Options, PlanError, Reader};

pub(super) const EXECUTOR: Executor = Executor {
    name: "per-vu-iterations",
    about: "each virtual user runs a number of iterations",
    options: OPTIONS,
    demand,
};

const OPTIONS: &[OptionSpec] = &bounded_options("how many iterations each of them runs");

fn demand(options: &Options) -> Result<Demand, PlanError> {
    let reader = Reader::new("executor `per-vu-iterations`", options, &[OPTIONS]);
    let vus = reader.count("vus", 1..=VUS_MAX)?;
    let iterations = reader.count("iterations", 1..=ITERATIONS_MAX)?;
    Ok(constant(vus, reader.positive_duration("max_duration")?, Some(Bound::PerUser(iterations))))
}
