//! The scenarios and how they can be steered: `GET /v1/scenarios`, `GET` and `PATCH /v1/scenarios/NAME`.

use serde_json::{Map, Value as Json, json};

use crate::engine::{Books, Control, ControlError, Progress, ScenarioStatus};

use super::board::Board;
use super::reply::{Answer, Refusal};
use super::wish::{Wish, count, factor};

/// What `PATCH` can change.
const WISHES: &[&str] = &["users", "rate"];

pub(super) fn all(control: &Control, board: &Board) -> Json {
    let scenarios = control.status().scenarios;
    json!({ "data": scenarios.iter().map(|scenario| resource(scenario, board)).collect::<Vec<_>>() })
}

pub(super) fn one(control: &Control, board: &Board, name: &str) -> Answer {
    let scenarios = control.status().scenarios;
    match scenarios.iter().find(|scenario| scenario.name == name) {
        Some(found) => Ok(json!({ "data": resource(found, board) })),
        None if scenarios.is_empty() => Err(ControlError::NoLoad.into()),
        None => Err(ControlError::UnknownScenario {
            name: name.to_owned(),
            near: crate::diagnostic::suggest(name, scenarios.iter().map(|scenario| scenario.name.as_str()))
                .into_iter()
                .map(str::to_owned)
                .collect(),
            known: scenarios.into_iter().map(|scenario| scenario.name).collect(),
        }
        .into()),
    }
}

/// Wants another number of users or another rate, until the scenario's end.
pub(super) fn patch(control: &Control, name: &str, attributes: &Map<String, Json>) -> Result<(), Refusal> {
    Wish::check(attributes, WISHES, &[])?;
    match (count(attributes, "users")?, factor(attributes, "rate")?) {
        (Some(users), None) => Ok(control.users(name, users)?),
        (None, Some(rate)) => Ok(control.rate(name, rate)?),
        (Some(_), Some(_)) => Err(Refusal::bad("a scenario has users or a rate: send one of them")),
        (None, None) => Err(Refusal::bad(
            "send {\"users\": N}, or {\"rate\": N} of a scenario that starts iterations at a rate",
        )),
    }
}

fn resource(scenario: &ScenarioStatus, board: &Board) -> Json {
    let books =
        board.scenarios.iter().find(|outcome| outcome.name == scenario.name).map(|outcome| outcome.books);
    json!({
        "type": "scenarios",
        "id": scenario.name,
        "attributes": {
            "progress": match scenario.progress {
                Progress::Waiting => "waiting",
                Progress::Running => "running",
                Progress::Over => "over",
            },
            "users": scenario.users,
            "rate": scenario.rate,
            "iterations": iterations(books.unwrap_or_default()),
        },
    })
}

/// The books; `running` are those that have begun and not ended.
pub(super) fn iterations(books: Books) -> Json {
    json!({
        "scheduled": books.scheduled,
        "started": books.started,
        "ok": books.ok,
        "failed": books.failed,
        "interrupted": books.interrupted,
        "dropped": books.dropped,
        "running": books.running(),
    })
}
