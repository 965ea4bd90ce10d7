//! `per-vu-iterations`: a number of iterations for each user.

use super::super::options::{ITERATIONS_MAX, VUS_MAX};
use super::{Bound, Demand, Executor, OptionSpec, Options, PlanError, Reader, bounded_options, constant};

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
