//! What keys do: to the page, and to the runs. Whether a run can be steered so its `Control` says, and the page shows it.

use std::time::{Duration, Instant};

use super::board::{Answer, Board, Overlay, Run};
use super::key::Key;
use crate::engine::{Control, ControlError, Progress};
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
            let said = if is_second { "stopping at once" } else { "stopping: once more ends it at once" };
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
        Key::Char('w') => answer(board, |board| add_users(board, 1)),
        Key::Char('W') => answer(board, |board| add_users(board, 10)),
        Key::Char('s') => answer(board, |board| add_users(board, -1)),
        Key::Char('S') => answer(board, |board| add_users(board, -10)),
        Key::Char('+' | '=') => answer(board, |board| scale_rate(board, 1.1)),
        Key::Char('-') => answer(board, |board| scale_rate(board, 0.9)),
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

fn answer(board: &mut Board, ask: impl FnOnce(&mut Board) -> Result<String, ControlError>) {
    let answer = match ask(board) {
        Ok(done) => Answer::Done(done),
        Err(error) => Answer::Refused(error.to_string()),
    };
    let hidden = |text: &String| board.mask.mask(text).into_owned();
    let answer = match &answer {
        Answer::Done(text) => Answer::Done(hidden(text)),
        Answer::Refused(text) => Answer::Refused(hidden(text)),
    };
    board.set_answer(answer);
}

/// Pauses all runs, or lets all go on, as the signal does.
fn pause(board: &mut Board) -> Result<String, ControlError> {
    let are_paused = board.runs.iter().any(|run| run.control.is_paused());
    let change = if are_paused { Control::resume } else { Control::pause };
    let mut results: Vec<_> = board.runs.iter().map(|run| change(&run.control)).collect();
    if results.iter().all(Result::is_err) {
        // There is one run at least.
        results.swap_remove(0)?;
    }
    Ok(if are_paused { "going on" } else { "paused: `p` goes on" }.to_owned())
}

/// More or less users, in the chosen scenario or in all that have users.
fn add_users(board: &mut Board, more: i64) -> Result<String, ControlError> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole numbers of users, far below 2^53")]
    let set = |control: &Control, name: &str, users: f64| control.users(name, users as u64);
    let change = |run: &Run, index: usize| {
        let status = run.control.status();
        let users = status.scenarios.get(index).and_then(|scenario| scenario.users).map(|users| users as f64);
        users.map(|users| (lately(run, index).unwrap_or(users) + more as f64).max(0.0))
    };
    let shown = |users: f64| {
        let users = format!("{users:.0}").parse().map_or_else(|_| users.to_string(), format_count);
        format!("{users} user{}", if users == "1" { "" } else { "s" })
    };
    let error = |name: &str| ControlError::NoUsers { scenario: name.to_owned() };
    steer(board, change, set, shown, error)
}

/// Another rate, in the chosen scenario or in all that have one.
fn scale_rate(board: &mut Board, factor: f64) -> Result<String, ControlError> {
    let change = |run: &Run, index: usize| {
        let status = run.control.status();
        let rate = status.scenarios.get(index).and_then(|scenario| scenario.rate);
        rate.map(|rate| lately(run, index).unwrap_or(rate) * factor)
    };
    let error = |name: &str| ControlError::NoRate { scenario: name.to_owned() };
    steer(board, change, Control::rate, format_rate, error)
}

/// What a scenario was lately asked for.
fn lately(run: &Run, index: usize) -> Option<f64> {
    let (since, asked) = run.asked.get(index).copied().flatten()?;
    (since.elapsed() < ASKED_HOLDS).then_some(asked)
}

/// Steers the chosen scenario, or all that `change` has something for and that are not over.
fn steer(
    board: &mut Board,
    change: impl Fn(&Run, usize) -> Option<f64>,
    set: impl Fn(&Control, &str, f64) -> Result<(), ControlError>,
    shown: impl Fn(f64) -> String,
    not_of_this_kind: impl Fn(&str) -> ControlError,
) -> Result<String, ControlError> {
    let chosen = board.chosen;
    let run = &mut board.runs[board.shown];
    let status = run.control.status();
    let is_over = |index: usize| {
        status.scenarios.get(index).is_none_or(|scenario| scenario.progress == Progress::Over)
    };
    let (mut done, mut refused) = (Vec::new(), None);
    for index in 0..run.scenarios.len() {
        let name = run.scenarios[index].name.clone();
        if chosen.is_some_and(|chosen| chosen != index) || chosen.is_none() && is_over(index) {
            continue;
        }
        let Some(wanted) = change(run, index) else {
            refused.get_or_insert_with(|| not_of_this_kind(&name));
            continue;
        };
        match set(&run.control, &name, wanted) {
            Ok(()) => {
                run.asked[index] = Some((Instant::now(), wanted));
                done.push(format!("{name}: {}", shown(wanted)));
            }
            Err(error) => refused = Some(error),
        }
    }
    match (done.is_empty(), refused) {
        (true, Some(error)) => Err(error),
        (true, None) => Err(ControlError::NoLoad),
        (false, _) => Ok(done.join(", ")),
    }
}
