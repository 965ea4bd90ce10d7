//! `per-vu-iterations`: a number of iterations for each user.

use super::super::options::{ITERATIONS_MAX, VUS_MAX};
use super::{Bound, Demand, Executor, MAX_DURATION, OptionSpec, Options, PlanError, Reader, VUS, bounded};

pub(super) const EXECUTOR: Executor = Executor {
    name: "per-vu-iterations",
    about: "each virtual user runs a number of iterations",
    options: OPTIONS,
    demand,
};

const OPTIONS: &[OptionSpec] = &[
    VUS,
    OptionSpec {
        name: "iterations",
        takes: "an integer",
        default: Some("1"),
        about: "how many iterations each of them runs",
    },
    MAX_DURATION,
];

fn demand(options: &Options) -> Result<Demand, PlanError> {
    let reader = Reader::new("executor `per-vu-iterations`", options, &[OPTIONS]);
    let vus = reader.count("vus", 1..=VUS_MAX)?;
    let iterations = reader.count("iterations", 1..=ITERATIONS_MAX)?;
    Ok(bounded(vus, reader.positive_duration("max_duration")?, Bound::PerUser(iterations)))
}
