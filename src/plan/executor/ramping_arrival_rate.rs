//! `ramping-arrival-rate`: iterations start at a rate that changes in stages, whoever is free to run them.

use super::super::RateCurve;
use super::arrivals::{self, JITTER, MAX_VUS, PRE_ALLOCATED_VUS, QUEUE, TIME_UNIT, WHEN_BUSY};
use super::{Demand, Executor, OptionSpec, Options, PlanError, Reader};

pub(super) const EXECUTOR: Executor = Executor {
    name: "ramping-arrival-rate",
    about: "iterations start at a rate that grows and shrinks in stages, however long each takes",
    options: OPTIONS,
    demand,
};

const OPTIONS: &[OptionSpec] = &[
    OptionSpec {
        name: "start_rate",
        takes: "a number, or a rate such as \"200/s\"",
        default: Some("0"),
        about: "the rate before the first stage",
    },
    OptionSpec {
        name: "stages",
        takes: "a list of `#{ duration, target }` or \"30s:50\"",
        default: None,
        about: "the stages, one after another; targets are rates",
    },
    TIME_UNIT,
    PRE_ALLOCATED_VUS,
    MAX_VUS,
    WHEN_BUSY,
    QUEUE,
    JITTER,
];

fn demand(options: &Options) -> Result<Demand, PlanError> {
    let reader = Reader::new("executor `ramping-arrival-rate`", options, &[OPTIONS]);
    let time_unit = reader.positive_duration("time_unit")?;
    let start = arrivals::rate_per(&reader, "start_rate", time_unit)?;
    let rate = RateCurve::ramp(start, time_unit, &arrivals::stages(&reader, "stages", time_unit)?);
    if rate.arrivals() == 0 {
        return Err(PlanError::NoArrivals);
    }
    arrivals::demand(&reader, rate)
}
