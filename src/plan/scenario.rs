//! A scenario: who runs what, how much, and when.

use super::executor::{self, COMMON_OPTIONS, EXECUTORS, Executor};
use super::{Demand, Flow, Options, PlanError, Reader, Think, Value, canonical};
use crate::diagnostic::Position;
use crate::units::{duration_text, format_duration, format_rate};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The longest name of a scenario: it is a tag on each sample and a column in each table.
const NAME_CHARACTERS_MAX: usize = 100;

/// A declared scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// Its name, unique in the plan; the tag `scenario`.
    pub name: String,
    /// The executor that made the demand; for display only.
    pub executor: String,
    /// How much load.
    pub demand: Demand,
    /// What an iteration runs.
    pub flow: Flow,
    /// The pause between two iterations.
    pub think: Think,
    /// When it starts: from the start of the run, or from the end of the scenario that it starts after.
    #[serde(with = "duration_text")]
    pub start_time: Duration,
    /// The scenario that must be over before.
    pub start_after: Option<String>,
    /// How long iterations may finish once it is over.
    #[serde(with = "duration_text")]
    pub graceful_stop: Duration,
    /// The most requests a second that its users together send; nothing for no cap of its own.
    pub rps: Option<f64>,
    /// Where relative URLs go, instead of the plan's.
    pub base_url: Option<String>,
    /// Variables that its flow sees.
    pub env: BTreeMap<String, String>,
    /// Tags on each of its samples.
    pub tags: BTreeMap<String, String>,
    /// Where the script declares it.
    pub position: Option<Position>,
}

impl Scenario {
    /// Reads a scenario's options.
    pub fn from_options(
        name: &str,
        options: &Options,
        position: Option<Position>,
    ) -> Result<Scenario, PlanError> {
        check_name(name)?;
        let executor = match options.get("executor") {
            Some(Value::Text(executor)) => executor::find(executor)?,
            Some(other) => {
                let (option, takes) = ("executor".to_string(), COMMON_OPTIONS[0].takes.to_string());
                return Err(PlanError::WrongType { option, takes, got: other.describe() });
            }
            None => {
                let (scenario, known) = (name.to_string(), executor::names());
                let meant = executor::meant(options).map(String::from);
                return Err(PlanError::NoExecutor { scenario, meant, known });
            }
        };
        let owner = format!("executor `{}`", executor.name);
        let names = Reader::new(owner, options, &[executor.options, COMMON_OPTIONS]).check_names();
        names.map_err(|error| foreign(executor, error))?;
        let reader = Reader::new(format!("scenario `{name}`"), options, &[COMMON_OPTIONS]);
        let demand = (executor.demand)(options)?;
        if matches!(demand, Demand::Arrivals(_)) && reader.is_given("think") {
            return Err(PlanError::ThinkWithArrivals { scenario: name.to_string() });
        }
        Ok(Scenario {
            name: name.to_string(),
            executor: executor.name.to_string(),
            demand,
            flow: reader.flow("flow")?,
            think: reader.think("think")?,
            start_time: reader.duration("start_time")?,
            start_after: reader.optional_text("start_after")?.filter(|name| !name.is_empty()),
            graceful_stop: reader.duration("graceful_stop")?,
            rps: reader.cap("rps")?,
            base_url: reader.optional_text("base_url")?,
            env: reader.texts("env")?,
            tags: reader.texts("tags")?,
            position,
        })
    }

    /// How much load, when, and under which cap, as text for people: ``10 VUs for 30s, after `warmup` ``.
    pub fn describe(&self) -> String {
        let (load, time) = (self.demand.describe(), format_duration(self.start_time));
        let load = match (&self.start_after, self.start_time.is_zero()) {
            (None, true) => load,
            (None, false) => format!("{load}, from {time}"),
            (Some(name), true) => format!("{load}, after `{name}`"),
            (Some(name), false) => format!("{load}, {time} after `{name}`"),
        };
        match self.rps {
            None => load,
            Some(rps) => format!("{load}, at most {} requests", format_rate(rps)),
        }
    }
}

/// An option that only another executor has is no misspelling of this one's.
fn foreign(executor: &Executor, error: PlanError) -> PlanError {
    let PlanError::UnknownOption { option, known, .. } = &error else { return error };
    let has = |other: &&&Executor| other.options.iter().any(|spec| spec.name == canonical(option));
    let owners: Vec<String> = EXECUTORS.iter().filter(has).map(|other| other.name.to_string()).collect();
    if owners.is_empty() {
        return error;
    }
    let (option, known) = (option.clone(), known.clone());
    PlanError::ForeignOption { executor: executor.name.to_string(), option, owners, known }
}

/// Selectors, file names and tables hold the name, so it has none of their marks.
fn check_name(name: &str) -> Result<(), PlanError> {
    let fine = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty() || name.chars().count() > NAME_CHARACTERS_MAX || !name.chars().all(fine) {
        return Err(PlanError::Name { what: "scenario", name: name.to_string() });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
