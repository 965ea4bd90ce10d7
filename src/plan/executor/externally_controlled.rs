//! `externally-controlled`: users whose number is set while the run goes on.

use super::super::options::VUS_MAX;
use super::super::{Curve, Users};
use super::users::GRACEFUL_RAMP_DOWN;
use super::{Demand, Executor, OptionSpec, Options, PlanError, Reader};
use crate::units::format_count;

pub(super) const EXECUTOR: Executor = Executor {
    name: "externally-controlled",
    about: "a number of virtual users that is set from outside while the run goes on",
    options: OPTIONS,
    demand,
};

/// The most users where the script names no number: enough to explore with; their ids are reserved.
const MAX_VUS: &str = "10000";

const OPTIONS: &[OptionSpec] = &[
    OptionSpec {
        name: "vus",
        takes: "an integer",
        default: Some("1"),
        about: "the virtual users until it is steered; 0 is allowed",
    },
    OptionSpec {
        name: "max_vus",
        takes: "an integer",
        default: Some(MAX_VUS),
        about: "the most that it can be steered to",
    },
    OptionSpec { name: "duration", takes: "a duration", default: None, about: "how long they loop" },
];

fn demand(options: &Options) -> Result<Demand, PlanError> {
    let reader = Reader::new("executor `externally-controlled`", options, &[OPTIONS]);
    let vus = reader.count("vus", 0..=VUS_MAX)?;
    let max = reader.count("max_vus", 1..=VUS_MAX)?;
    if vus > max && reader.is_given("max_vus") {
        let allowed = format!("at most `max_vus`, which is {}", format_count(max));
        return Err(PlanError::OutOfRange { option: "vus".into(), got: format_count(vus), allowed });
    }
    let curve = Curve::constant(vus, reader.positive_duration("duration")?);
    let graceful_ramp_down = GRACEFUL_RAMP_DOWN;
    Ok(Demand::Users(Users { curve, bound: None, graceful_ramp_down, max: Some(max.max(vus)) }))
}
