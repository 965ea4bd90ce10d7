//! Iterations: what each scenario asked for and what became of it, what the stop cut, and what fell into the warm-up.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::distribution::Times;
use super::form::{DocumentError, micros};
use crate::engine::{Books, Interrupted};
use crate::results::{Model, ScenarioLine, WarmUpLine, WarmUpPart};

/// What a scenario asked for, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Played {
    name: String,
    executor: String,
    model: LoadModel,
    demand: String,
    iterations: Account,
    threw: u64,
}

/// Whether load waits for answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum LoadModel {
    Closed,
    Open,
}

/// scheduled = started + dropped; started = ok + failed + interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Account {
    scheduled: u64,
    started: u64,
    ok: u64,
    failed: u64,
    interrupted: u64,
    dropped: u64,
}

impl From<&ScenarioLine> for Played {
    fn from(line: &ScenarioLine) -> Self {
        let Books { scheduled, started, ok, failed, interrupted, dropped } = line.books;
        Self {
            name: line.name.clone(),
            executor: line.executor.clone(),
            model: match line.model {
                Model::Closed => LoadModel::Closed,
                Model::Open => LoadModel::Open,
            },
            demand: line.demand.clone(),
            iterations: Account { scheduled, started, ok, failed, interrupted, dropped },
            threw: line.threw,
        }
    }
}

impl Played {
    pub(super) fn line(self) -> ScenarioLine {
        let Account { scheduled, started, ok, failed, interrupted, dropped } = self.iterations;
        ScenarioLine {
            name: self.name,
            executor: self.executor,
            demand: self.demand,
            books: Books { scheduled, started, ok, failed, interrupted, dropped },
            threw: self.threw,
            model: match self.model {
                LoadModel::Closed => Model::Closed,
                LoadModel::Open => Model::Open,
            },
        }
    }
}

/// Iterations that were cut at one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cut {
    scenario: String,
    place: Option<String>,
    count: u64,
    oldest_us: u64,
    sum_us: u64,
}

impl From<&Interrupted> for Cut {
    fn from(cut: &Interrupted) -> Self {
        Self {
            scenario: cut.scenario.clone(),
            place: cut.place.clone(),
            count: cut.count,
            oldest_us: micros(cut.oldest),
            sum_us: micros(cut.sum),
        }
    }
}

impl Cut {
    pub(super) fn interrupted(self) -> Interrupted {
        Interrupted {
            scenario: self.scenario,
            place: self.place,
            count: self.count,
            oldest: Duration::from_micros(self.oldest_us),
            sum: Duration::from_micros(self.sum_us),
        }
    }
}

/// The warm-up, beside what was measured after it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct LeftOut {
    length_us: u64,
    elapsed_us: u64,
    is_over: bool,
    before: Part,
    after: Part,
}

/// What fell into a part of the load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Part {
    requests: u64,
    failed: u64,
    iterations: u64,
    response_time: Times,
}

impl From<&WarmUpLine> for LeftOut {
    fn from(line: &WarmUpLine) -> Self {
        Self {
            length_us: micros(line.length),
            elapsed_us: micros(line.elapsed),
            is_over: line.is_over,
            before: (&line.before).into(),
            after: (&line.after).into(),
        }
    }
}

impl LeftOut {
    pub(super) fn line(self) -> Result<WarmUpLine, DocumentError> {
        Ok(WarmUpLine {
            length: Duration::from_micros(self.length_us),
            elapsed: Duration::from_micros(self.elapsed_us),
            is_over: self.is_over,
            before: self.before.part()?,
            after: self.after.part()?,
        })
    }
}

impl From<&WarmUpPart> for Part {
    fn from(part: &WarmUpPart) -> Self {
        Self {
            requests: part.requests,
            failed: part.failed,
            iterations: part.iterations,
            response_time: (&part.times).into(),
        }
    }
}

impl Part {
    fn part(self) -> Result<WarmUpPart, DocumentError> {
        Ok(WarmUpPart {
            requests: self.requests,
            failed: self.failed,
            times: self.response_time.trend()?,
            iterations: self.iterations,
        })
    }
}
