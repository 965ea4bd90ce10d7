//! What keys do: to the page, and to the runs. Whether a run can be steered so its `Control` says, and the page shows it.

use std::time::{Duration, Instant};

use super::board::{Answer, Board, Overlay};
use super::key::Key;
use crate::engine::{Control, ControlError, Progress, ScenarioStatus};
use crate::units::{format_count, format_rate};

/// What keys ask of whoever holds the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    None,
    /// End the runs; a second time, at once.
    Stop,
    /// Give the terminal back for a while.
    Suspend,
}

/// For how long what was asked is more than the status knows: that is told once a second.
const ASKED_HOLDS: Duration = Duration::from_secs(2);

/// Lines that a page's key scrolls.
const PAGE_LINES: usize = 10;

/// All keys and what they do: what `?` shows.
pub(super) const KEYS: &[(&str, &str)] = &[
    ("p", "pause all, and go on"),
    ("w  W", "1, 10 users more in the chosen scenario, or in all that have users"),
    ("s  S", "1, 10 users less"),
    ("+  -", "10 % more, less iterations a second, in scenarios that have a rate"),
    ("Tab  ↑ ↓", "choose a scenario, or all again"),
    ("← →", "the next script, where several are played"),
    ("r", "count anew: what follows is compared with what was"),
    ("e", "what failed, with an example of each kind"),
    ("q", "stop, with `on_stop` and `teardown`; once more: at once. Ctrl-C does the same"),
    ("Ctrl-Z", "put it to sleep; `fg` wakes it up"),
    ("?", "this; Esc closes it"),
];

/// Does what a key says.
pub(super) fn press(board: &mut Board, key: Key) -> Wish {
    match key {
        Key::Suspend => return Wish::Suspend,
        Key::Char('q' | 'Q') => {
            let is_second = board.runs.iter().all(|run| run.control.is_stopping());
            let said = if is_second { "stopping at once" } else { "stopping: `q` once more ends it at once" };
            board.set_answer(Answer::Done(said.to_owned()));
            return Wish::Stop;
        }
        Key::Char('?' | 'h') => toggle(board, Overlay::Help),
        Key::Char('e') => toggle(board, Overlay::Failures),
        Key::Escape => toggle(board, Overlay::None),
        Key::Char('p' | ' ') => answer(board, pause),
        Key::Char('r') => answer(board, |board| {
            board.run().control.reset()?;
            Ok("counting anew".to_owned())
        }),
        Key::Char('w') => answer(board, |board| steer(board, &Users(1))),
        Key::Char('W') => answer(board, |board| steer(board, &Users(10))),
        Key::Char('s') => answer(board, |board| steer(board, &Users(-1))),
        Key::Char('S') => answer(board, |board| steer(board, &Users(-10))),
        Key::Char('+' | '=') => answer(board, |board| steer(board, &Rate(1.1))),
        Key::Char('-') => answer(board, |board| steer(board, &Rate(0.9))),
        Key::Left | Key::Right => {
            let runs = board.runs.len();
            let step = if key == Key::Right { 1 } else { runs - 1 };
            board.shown = (board.shown + step) % runs;
            board.chosen = None;
        }
        Key::Up | Key::Down | Key::PageUp | Key::PageDown if board.overlay != Overlay::None => {
            board.scroll = match key {
                Key::Up => board.scroll.saturating_sub(1),
                Key::Down => board.scroll + 1,
                Key::PageUp => board.scroll.saturating_sub(PAGE_LINES),
                _ => board.scroll + PAGE_LINES,
            };
        }
        Key::Up | Key::BackTab => choose(board, false),
        Key::Down | Key::Tab => choose(board, true),
        Key::Char(_) | Key::PageUp | Key::PageDown => {}
    }
    Wish::None
}

fn toggle(board: &mut Board, overlay: Overlay) {
    board.overlay = if board.overlay == overlay { Overlay::None } else { overlay };
    board.scroll = 0;
}

/// Goes through the scenarios, and through none of them: then keys are for all.
fn choose(board: &mut Board, forwards: bool) {
    let last = board.run().scenarios.len().checked_sub(1);
    board.chosen = match (board.chosen, forwards) {
        (None, true) => last.map(|_| 0),
        (None, false) => last,
        (Some(at), true) => Some(at + 1).filter(|at| Some(*at) <= last),
        (Some(at), false) => at.checked_sub(1),
    };
}

fn answer(board: &mut Board, ask: impl FnOnce(&mut Board) -> Result<String, Refusal>) {
    let answer = match ask(board) {
        Ok(done) => Answer::Done(board.mask.mask(&done).into_owned()),
        Err(refusal) => Answer::Refused(board.mask.mask(&refusal.to_string()).into_owned()),
    };
    board.set_answer(answer);
}

/// Why a key does nothing.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    /// The run can't be steered so.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// A scenario whose users and arrivals are to come yet.
    #[error("scenario `{0}` has not begun: it can be steered once it has")]
    NotBegun(String),
}

/// Pauses all runs, or lets all go on, as the signal does.
fn pause(board: &mut Board) -> Result<String, Refusal> {
    let are_paused = board.runs.iter().any(|run| run.control.is_paused());
    let change = if are_paused { Control::resume } else { Control::pause };
    let mut results: Vec<_> = board.runs.iter().map(|run| change(&run.control)).collect();
    if results.iter().all(Result::is_err) {
        // There is one run at least.
        results.swap_remove(0)?;
    }
    Ok(if are_paused { "going on" } else { "paused: `p` goes on" }.to_owned())
}

/// What a key makes of a scenario's load.
trait Change {
    /// What is wanted instead; none where the scenario has no such load.
    fn wanted(&self, now: &ScenarioStatus, lately: Option<f64>) -> Option<f64>;

    fn set(&self, control: &Control, scenario: &str, wanted: f64) -> Result<(), ControlError>;

    fn shown(&self, wanted: f64) -> String;

    fn not_of_this_kind(&self, scenario: &str) -> ControlError;
}

/// So many users more.
struct Users(i32);

impl Change for Users {
    fn wanted(&self, now: &ScenarioStatus, lately: Option<f64>) -> Option<f64> {
        Some((lately.unwrap_or(now.users? as f64) + f64::from(self.0)).max(0.0))
    }

    fn set(&self, control: &Control, scenario: &str, wanted: f64) -> Result<(), ControlError> {
        control.users(scenario, whole(wanted))
    }

    fn shown(&self, wanted: f64) -> String {
        match whole(wanted) {
            1 => "1 user".to_owned(),
            users => format!("{} users", format_count(users)),
        }
    }

    fn not_of_this_kind(&self, scenario: &str) -> ControlError {
        ControlError::NoUsers { scenario: scenario.to_owned() }
    }
}

/// So many times the rate.
struct Rate(f64);

impl Change for Rate {
    fn wanted(&self, now: &ScenarioStatus, lately: Option<f64>) -> Option<f64> {
        Some(lately.unwrap_or(now.rate?) * self.0)
    }

    fn set(&self, control: &Control, scenario: &str, wanted: f64) -> Result<(), ControlError> {
        control.rate(scenario, wanted)
    }

    fn shown(&self, wanted: f64) -> String {
        format_rate(wanted)
    }

    fn not_of_this_kind(&self, scenario: &str) -> ControlError {
        ControlError::NoRate { scenario: scenario.to_owned() }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole users, at most the limit of all"
)]
fn whole(users: f64) -> u64 {
    users as u64
}

/// Steers the chosen scenario, or all that run and have such a load.
fn steer(board: &mut Board, change: &dyn Change) -> Result<String, Refusal> {
    let chosen = board.chosen;
    let run = &mut board.runs[board.shown];
    let status = run.control.status();
    let (mut done, mut refused) = (Vec::new(), None);
    for (index, now) in status.scenarios.iter().enumerate() {
        let is_meant = match chosen {
            Some(chosen) => chosen == index,
            None => now.progress == Progress::Running,
        };
        if !is_meant || index >= run.asked.len() {
            continue;
        }
        let name = &now.name;
        if now.progress == Progress::Waiting {
            refused = Some(Refusal::NotBegun(name.clone()));
            continue;
        }
        let lately = run.asked[index].filter(|(since, _)| since.elapsed() < ASKED_HOLDS);
        let Some(wanted) = change.wanted(now, lately.map(|(_, asked)| asked)) else {
            refused = Some(change.not_of_this_kind(name).into());
            continue;
        };
        match change.set(&run.control, name, wanted) {
            Ok(()) => {
                run.asked[index] = Some((Instant::now(), wanted));
                done.push(format!("{name}: {}", change.shown(wanted)));
            }
            Err(error) => refused = Some(error.into()),
        }
    }
    match (done.is_empty(), refused) {
        (true, Some(refusal)) => Err(refusal),
        (true, None) => Err(ControlError::NoLoad.into()),
        (false, _) => Ok(done.join(", ")),
    }
}

#[cfg(test)]
mod tests;
