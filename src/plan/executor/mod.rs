//! Executors: how a scenario's options become its demand. A file each, and a line in [`EXECUTORS`].
//!
//! An executor is pure data and a function; the engine never sees its name.

mod arrivals;
mod constant_arrival_rate;
mod constant_vus;
mod externally_controlled;
mod per_vu_iterations;
mod ramping_arrival_rate;
mod ramping_vus;
mod shared_iterations;
mod users;

use super::{Demand, OptionSpec, Options, PlanError, Reader};
use crate::diagnostic::suggest;

/// A way to turn options into a demand.
pub struct Executor {
    /// Its name in scripts.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// Its own options, beside [`COMMON_OPTIONS`].
    pub options: &'static [OptionSpec],
    /// Reads its own options; it ignores all others.
    pub demand: fn(&Options) -> Result<Demand, PlanError>,
}

/// All executors, in the order of the reference.
pub const EXECUTORS: &[&Executor] = &[
    &shared_iterations::EXECUTOR,
    &per_vu_iterations::EXECUTOR,
    &constant_vus::EXECUTOR,
    &ramping_vus::EXECUTOR,
    &constant_arrival_rate::EXECUTOR,
    &ramping_arrival_rate::EXECUTOR,
    &externally_controlled::EXECUTOR,
];

/// The options that every scenario has.
pub const COMMON_OPTIONS: &[OptionSpec] = &[
    OptionSpec {
        name: "executor",
        takes: "an executor's name",
        default: None,
        about: "how the scenario's load is made",
    },
    OptionSpec {
        name: "flow",
        takes: "a function's name, a closure or `weighted(#{ … })`",
        default: None,
        about: "what a virtual user runs in an iteration",
    },
    OptionSpec {
        name: "think",
        takes: "a duration, `between`, `constant`, `pacing` or `throughput`",
        default: Some("0s"),
        about: "the pause between two iterations of a user; not with a rate of arrivals",
    },
    OptionSpec {
        name: "start_time",
        takes: "a duration",
        default: Some("0s"),
        about: "when the scenario starts, from the start of the run, or from the end of `start_after`",
    },
    OptionSpec {
        name: "start_after",
        takes: "a scenario's name",
        default: Some("\"\""),
        about: "the scenario that must be over, its users ended, before this one starts",
    },
    OptionSpec {
        name: "graceful_stop",
        takes: "a duration",
        default: Some("30s"),
        about: "how long iterations may finish once the scenario is over",
    },
    OptionSpec {
        name: "rps",
        takes: "a number a second, or a rate such as \"600/m\"",
        default: Some("0"),
        about: "the most requests that its users together send; 0 is no cap",
    },
    OptionSpec {
        name: "base_url",
        takes: "a URL",
        default: Some("the script's"),
        about: "where relative URLs of this scenario go",
    },
    OptionSpec {
        name: "env",
        takes: "a map of texts",
        default: Some("#{}"),
        about: "variables that `env` sees in this scenario",
    },
    OptionSpec {
        name: "tags",
        takes: "a map of texts",
        default: Some("#{}"),
        about: "tags on each sample of this scenario",
    },
];

/// The executor of a name, or an error that lists what there is.
pub fn find(name: &str) -> Result<&'static Executor, PlanError> {
    if let Some(executor) = EXECUTORS.iter().find(|executor| executor.name == name) {
        return Ok(executor);
    }
    let near = suggest(name, EXECUTORS.iter().map(|executor| executor.name));
    let near = near.into_iter().map(String::from).collect();
    Err(PlanError::UnknownExecutor { name: name.to_string(), near, known: names() })
}

/// The names of all executors.
pub(super) fn names() -> Vec<String> {
    EXECUTORS.iter().map(|executor| executor.name.to_string()).collect()
}

/// The executor that is meant by options that name none.
pub(super) fn meant(options: &Options) -> Option<&'static str> {
    let given = |name: &str| options.keys().any(|written| super::canonical(written) == name);
    let arrives = ["start_rate", "time_unit", "pre_allocated_vus", "max_vus", "when_busy", "jitter"];
    match (given("stages"), given("iterations"), given("duration")) {
        _ if given("rate") => Some("constant-arrival-rate"),
        (true, _, _) if arrives.into_iter().any(given) => Some("ramping-arrival-rate"),
        (true, _, _) => Some("ramping-vus"),
        (_, true, _) => Some("shared-iterations"),
        (_, _, true) => Some("constant-vus"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
