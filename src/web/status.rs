//! The run's status in k6's layout, and what may be wanted of it: `GET` and `PATCH /v1/status`.

use serde_json::{Map, Value as Json, json};

use crate::engine::{Control, ControlError, Progress, State};

use super::board::Board;
use super::reply::Refusal;
use super::wish::{Wish, boolean, count, factor};

/// k6's numbers of what a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    PausedBeforeRun = 4,
    Setup = 6,
    Running = 7,
    Teardown = 8,
    Ended = 9,
    Interrupted = 10,
}

fn phase(control: &Control, state: State, board: &Board) -> Phase {
    match (state, board) {
        (_, Board { is_over: true, .. }) if control.is_stopping() => Phase::Interrupted,
        (_, Board { is_over: true, .. }) => Phase::Ended,
        (_, Board { is_load_over: true, .. }) => Phase::Teardown,
        (State::Preparing, _) if control.is_paused() => Phase::PausedBeforeRun,
        (State::Preparing, _) => Phase::Setup,
        (State::Running | State::Paused | State::Stopping, _) => Phase::Running,
    }
}

/// k6's document. `paused` and `stopped` tell what is wanted, which holds within a second.
pub(super) fn document(control: &Control, board: &Board) -> Json {
    let status = control.status();
    let phase = phase(control, status.state, board);
    json!({ "data": {
        "type": "status",
        "id": "default",
        "attributes": {
            "status": phase as u8,
            "paused": control.is_paused(),
            "vus": status.vus,
            "vus-max": status.vus_max,
            "stopped": control.is_stopping(),
            "running": matches!(phase, Phase::Setup | Phase::Running | Phase::Teardown),
            "tainted": board.is_tainted(),
        },
    } })
}

/// What `PATCH /v1/status` can change, by name; what k6's clients send besides, they read.
const WISHES: &[&str] = &["paused", "vus", "scale", "stopped"];
const READ_ONLY: &[&str] = &["status", "running", "tainted", "vus-max"];

/// Wants what the attributes say: the load first, then whether it stands, then whether it ends. What can't be is told
/// before anything is changed of the rest.
pub(super) fn patch(control: &Control, attributes: &Map<String, Json>) -> Result<(), Refusal> {
    Wish::check(attributes, WISHES, READ_ONLY)?;
    check_vus_max(control, attributes)?;
    let paused = boolean(attributes, "paused")?;
    let vus = count(attributes, "vus")?;
    let scale = factor(attributes, "scale")?;
    let stopped = boolean(attributes, "stopped")?;
    if vus.is_some() && scale.is_some() {
        return Err(Refusal::bad("`vus` and `scale` say the same twice: send one of them"));
    }
    if let Some(vus) = vus {
        control.users(&only_scenario_of_users(control)?, vus)?;
    }
    if let Some(scale) = scale {
        control.scale(scale)?;
    }
    match paused {
        Some(true) => control.pause()?,
        Some(false) => control.resume()?,
        None => {}
    }
    if stopped == Some(true) {
        stop(control, false);
    }
    Ok(())
}

/// k6's `scale` sends it beside `vus`; what it is can't be changed, and it may be said that it stays.
fn check_vus_max(control: &Control, attributes: &Map<String, Json>) -> Result<(), Refusal> {
    let vus_max = control.status().vus_max;
    match count(attributes, "vus-max")? {
        Some(asked) if asked != vus_max && asked != 0 => {
            Err(Refusal::bad(format!("`vus-max` is {vus_max}, and follows from the scenarios: leave it out")))
        }
        _ => Ok(()),
    }
}

/// Ends the run in good order, however often it is asked for; `now` ends it at once.
pub(super) fn stop(control: &Control, now: bool) {
    if !control.is_stopping() {
        control.stop();
    }
    if now {
        control.stop();
    }
}

fn only_scenario_of_users(control: &Control) -> Result<String, Refusal> {
    let scenarios = control.status().scenarios;
    let of_users = scenarios
        .into_iter()
        .filter(|scenario| scenario.users.is_some() && scenario.progress != Progress::Over);
    let names: Vec<String> = of_users.map(|scenario| scenario.name).collect();
    match names.as_slice() {
        [name] => Ok(name.clone()),
        [] => Err(Refusal::new(
            axum::http::StatusCode::CONFLICT,
            format!(
                "{}: no scenario of users goes on; see `GET /v1/scenarios`",
                ControlError::NothingToScale
            ),
        )),
        names => {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            Err(Refusal::new(
                axum::http::StatusCode::CONFLICT,
                format!(
                    "there are several scenarios of users, {}: send `users` to `PATCH /v1/scenarios/NAME`",
                    names.join(", ")
                ),
            ))
        }
    }
}
