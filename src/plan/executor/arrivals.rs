//! What both executors of arrivals read: rates, and the users that serve them.

use super::super::options::{ITERATIONS_MAX, VUS_MAX, limited, out_of_range};
use super::super::{Arrivals, Jitter, RateCurve, RateStage, Value, WhenBusy};
use super::{Demand, OptionSpec, PlanError, Reader};
use crate::units::{format_count, parse_rate_per};
use std::time::Duration;

/// The highest rate, per second: beyond what one machine's network carries, so a mistake in the unit.
const RATE_MAX: f64 = 10_000_000.0;
/// The most arrivals that may wait for a user: 16 MB of them.
const QUEUE_MAX: u64 = 1_000_000;

pub(super) const TIME_UNIT: OptionSpec = OptionSpec {
    name: "time_unit",
    takes: "a duration",
    default: Some("1s"),
    about: "what a rate without a unit is per",
};

pub(super) const PRE_ALLOCATED_VUS: OptionSpec = OptionSpec {
    name: "pre_allocated_vus",
    takes: "an integer",
    default: Some("0"),
    about: "the virtual users that are there, with `on_start` behind them, when the scenario starts; more come by need",
};

pub(super) const MAX_VUS: OptionSpec = OptionSpec {
    name: "max_vus",
    takes: "an integer",
    default: Some("10000"),
    about: "the most virtual users; without it as many as are pre-allocated, if any are",
};

pub(super) const WHEN_BUSY: OptionSpec = OptionSpec {
    name: "when_busy",
    takes: "\"drop\" or \"queue\"",
    default: Some("\"drop\""),
    about: "what becomes of an iteration that is due while all users are busy",
};

pub(super) const QUEUE: OptionSpec = OptionSpec {
    name: "queue_max",
    takes: "an integer",
    default: Some("10000"),
    about: "with `when_busy: \"queue\"`: the most iterations that wait; the rest is dropped",
};

pub(super) const JITTER: OptionSpec = OptionSpec {
    name: "jitter",
    takes: "\"none\" or \"poisson\"",
    default: Some("\"none\""),
    about: "how iterations are spread: evenly, or at random as independent clients come",
};

/// The demand of a rate, with the users that the options give it.
pub(super) fn demand(reader: &Reader<'_>, rate: RateCurve) -> Result<Demand, PlanError> {
    if rate.arrivals() > ITERATIONS_MAX {
        let allowed = format!("at most {} iterations in all", format_count(ITERATIONS_MAX));
        return Err(out_of_range("rate", format!("{} iterations", format_count(rate.arrivals())), allowed));
    }
    let pre_allocated_vus = reader.count("pre_allocated_vus", 0..=VUS_MAX)?;
    let vus_max = if reader.is_given("max_vus") || pre_allocated_vus == 0 {
        reader.count("max_vus", 1..=VUS_MAX)?
    } else {
        pre_allocated_vus
    };
    if vus_max < pre_allocated_vus {
        return Err(PlanError::FewerUsersThanAllocated { pre_allocated_vus, vus_max });
    }
    let jitter = match reader.word("jitter", &["none", "poisson"])? {
        "poisson" => Jitter::Poisson,
        _ => Jitter::None,
    };
    let when_busy = match reader.word("when_busy", &["drop", "queue"])? {
        "queue" => WhenBusy::Queue { queue_max: reader.count("queue_max", 1..=QUEUE_MAX)? },
        _ if reader.is_given("queue_max") => return Err(PlanError::QueueWithoutQueueing),
        _ => WhenBusy::Drop,
    };
    Ok(Demand::Arrivals(Arrivals { rate, jitter, pre_allocated_vus, vus_max, when_busy }))
}

/// A constant rate above 0, and what it is per: the text's own unit, else `time_unit`.
pub(super) fn rate(reader: &Reader<'_>, name: &str) -> Result<(f64, Duration), PlanError> {
    let (written, value) = reader.given(name)?;
    let (number, time_unit) = match value {
        Value::Text(text) => {
            let unit = |source| PlanError::Unit { option: written.to_string(), source };
            let (number, period) = parse_rate_per(text).map_err(unit)?;
            if reader.is_given("time_unit") {
                return Err(PlanError::RateWithTwoUnits { option: written.to_string(), rate: text.clone() });
            }
            (number, limited(written, period)?)
        }
        value => (number(reader, name, written, value)?, reader.positive_duration("time_unit")?),
    };
    in_range(written, number, time_unit)?;
    if number <= 0.0 {
        return Err(out_of_range(written, "0", "above 0"));
    }
    Ok((number, time_unit))
}

/// A rate from 0, per `time_unit`.
pub(super) fn rate_per(reader: &Reader<'_>, name: &str, time_unit: Duration) -> Result<f64, PlanError> {
    let (written, value) = match reader.find(name) {
        Some(found) => found,
        None if reader.has_default(name) => return Ok(0.0),
        None => reader.given(name)?,
    };
    let number = match value {
        Value::Text(text) => {
            let unit = |source| PlanError::Unit { option: written.to_string(), source };
            let (number, period) = parse_rate_per(text).map_err(unit)?;
            number * (time_unit.as_secs_f64() / period.as_secs_f64())
        }
        value => number(reader, name, written, value)?,
    };
    in_range(written, number, time_unit)
}

/// The stages of a rate, each `#{ duration, target }` or `"30s:50"`.
pub(super) fn stages(
    reader: &Reader<'_>,
    name: &str,
    time_unit: Duration,
) -> Result<Vec<RateStage>, PlanError> {
    reader.stages_of(
        name,
        |map| {
            let reader = Reader::new("a stage", map, &[RATE_STAGE_OPTIONS]);
            reader.check_names()?;
            let target = rate_per(&reader, "target", time_unit)?;
            Ok(RateStage { duration: reader.duration("duration")?, target })
        },
        |text| {
            let stage = RateStage::parse(text, time_unit)?;
            in_range("target", stage.target, time_unit)?;
            Ok(stage)
        },
        |stage| stage.duration,
    )
}

const RATE_STAGE_OPTIONS: &[OptionSpec] = &[
    OptionSpec {
        name: "duration",
        takes: "a duration",
        default: None,
        about: "how long the stage takes; 0s is a step",
    },
    OptionSpec {
        name: "target",
        takes: "a number, or a rate such as \"200/s\"",
        default: None,
        about: "the rate at its end",
    },
];

fn number(reader: &Reader<'_>, name: &str, written: &str, value: &Value) -> Result<f64, PlanError> {
    match value {
        Value::Int(number) => Ok(*number as f64),
        Value::Float(number) => Ok(*number),
        _ => Err(reader.wrong_type(name, written, value)),
    }
}

fn in_range(written: &str, number: f64, time_unit: Duration) -> Result<f64, PlanError> {
    let fine = number >= 0.0 && number / time_unit.as_secs_f64() <= RATE_MAX;
    let allowed = || format!("from 0 to {} a second", format_count(10_000_000));
    if fine { Ok(number) } else { Err(out_of_range(written, format!("{number}"), allowed())) }
}
