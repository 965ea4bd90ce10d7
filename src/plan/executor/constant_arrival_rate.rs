//! `constant-arrival-rate`: iterations start at the same rate for a time, whoever is free to run them.

use super::super::RateCurve;
use super::arrivals::{self, JITTER, MAX_VUS, PRE_ALLOCATED_VUS, QUEUE, TIME_UNIT, WHEN_BUSY};
use super::{Demand, Executor, OptionSpec, Options, PlanError, Reader};

pub(super) const EXECUTOR: Executor = Executor {
    name: "constant-arrival-rate",
    about: "iterations start at a constant rate, however long each takes",
    options: OPTIONS,
    demand,
};

const OPTIONS: &[OptionSpec] = &[
    OptionSpec {
        name: "rate",
        takes: "a number, or a rate such as \"200/s\"",
        default: None,
        about: "how many iterations start in each time unit",
    },
    OptionSpec {
        name: "duration",
        takes: "a duration",
        default: None,
        about: "for how long iterations start",
    },
    TIME_UNIT,
    PRE_ALLOCATED_VUS,
    MAX_VUS,
    WHEN_BUSY,
    QUEUE,
    JITTER,
];

fn demand(options: &Options) -> Result<Demand, PlanError> {
    let reader = Reader::new("executor `constant-arrival-rate`", options, &[OPTIONS]);
    let (rate, time_unit) = arrivals::rate(&reader, "rate")?;
    let duration = reader.positive_duration("duration")?;
    arrivals::demand(&reader, RateCurve::constant(rate, time_unit, duration))
}
