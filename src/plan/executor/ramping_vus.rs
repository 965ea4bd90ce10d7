//! `ramping-vus`: a number of users that changes in stages.

use super::super::options::VUS_MAX;
use super::super::{Curve, Users};
use super::{Demand, Executor, OptionSpec, Options, PlanError, Reader};

pub(super) const EXECUTOR: Executor = Executor {
    name: "ramping-vus",
    about: "a number of virtual users that grows and shrinks in stages",
    options: OPTIONS,
    demand,
};

const OPTIONS: &[OptionSpec] = &[
    OptionSpec {
        name: "start_vus",
        takes: "an integer",
        default: Some("1"),
        about: "the virtual users before the first stage; 0 is allowed",
    },
    OptionSpec {
        name: "stages",
        takes: "a list of `#{ duration, target }` or \"30s:50\"",
        default: None,
        about: "the stages, one after another",
    },
    OptionSpec {
        name: "graceful_ramp_down",
        takes: "a duration",
        default: Some("30s"),
        about: "how long a virtual user may finish its iteration when it is no longer wanted",
    },
];

fn demand(options: &Options) -> Result<Demand, PlanError> {
    let reader = Reader::new("executor `ramping-vus`", options, &[OPTIONS]);
    let start = reader.count("start_vus", 0..=VUS_MAX)?;
    let curve = Curve::ramp(start, &reader.stages("stages")?);
    if curve.peak() == 0 {
        return Err(PlanError::NoUsers);
    }
    let graceful_ramp_down = reader.duration("graceful_ramp_down")?;
    Ok(Demand::Users(Users { curve, bound: None, graceful_ramp_down, max: None }))
}
