//! Keys, and what they do to a run.

use std::time::Duration;

use super::super::page::tests::{board, plan};
use super::*;
use crate::engine::Status;

/// The answer to a key.
fn answered(board: &mut Board, key: char) -> Result<String, String> {
    assert_eq!(press(board, Key::Char(key)), Wish::None);
    match board.answer().unwrap() {
        Answer::Done(text) => Ok(text.clone()),
        Answer::Refused(text) => Err(text.clone()),
    }
}

#[test]
fn users_are_added_to_all_scenarios_that_run_and_have_some() {
    let mut board = board();
    assert_eq!(answered(&mut board, 'w').unwrap(), "traffic: 11 users");
    assert_eq!(
        answered(&mut board, 'W').unwrap(),
        "traffic: 21 users",
        "before the status tells of the first one"
    );
    assert_eq!(answered(&mut board, 's').unwrap(), "traffic: 20 users");
    for _ in 0..2 {
        answered(&mut board, 'S').unwrap();
    }
    assert_eq!(answered(&mut board, 'S').unwrap(), "traffic: 0 users", "never below none");
}

#[test]
fn a_rate_changes_by_a_tenth_and_only_where_there_is_one() {
    let mut board = board();
    assert_eq!(answered(&mut board, '+').unwrap(), "arrivals: 22.0/s");
    assert_eq!(answered(&mut board, '-').unwrap(), "arrivals: 19.8/s");
    press(&mut board, Key::Tab);
    assert!(answered(&mut board, '+').unwrap_err().contains("`traffic` is one of users"));
    press(&mut board, Key::Tab);
    assert!(answered(&mut board, 'w').unwrap_err().contains("`arrivals` starts iterations at a rate"));
    press(&mut board, Key::Tab);
    assert!(answered(&mut board, 'w').unwrap_err().contains("`later` has not begun"));
    press(&mut board, Key::Tab);
    assert_eq!(board.chosen, None, "and round again");
    press(&mut board, Key::Up);
    assert_eq!(board.chosen, Some(2));
}

#[test]
fn a_pause_is_wanted_and_taken_back() {
    let mut board = board();
    assert_eq!(answered(&mut board, 'p').unwrap(), "paused: `p` goes on");
    assert!(board.run().control.is_paused());
    assert_eq!(answered(&mut board, 'p').unwrap(), "going on");
    assert!(!board.run().control.is_paused());
    assert_eq!(answered(&mut board, 'r').unwrap(), "counting anew");
}

#[test]
fn what_can_not_be_is_told() {
    let mut board = board();
    board.runs[0].control = Control::sample(&plan(), Status { elapsed: Duration::ZERO, ..Status::default() });
    assert_eq!(answered(&mut board, 'r').unwrap_err(), "no load is running");
    assert_eq!(answered(&mut board, 'w').unwrap_err(), "no load is running");
}

#[test]
fn the_last_key_is_for_whoever_holds_the_run() {
    let mut board = board();
    assert_eq!(press(&mut board, Key::Char('q')), Wish::Stop);
    assert_eq!(press(&mut board, Key::Suspend), Wish::Suspend);
    press(&mut board, Key::Char('e'));
    press(&mut board, Key::Down);
    assert_eq!((board.overlay, board.scroll, board.chosen), (Overlay::Failures, 1, None));
    press(&mut board, Key::Char('?'));
    assert_eq!((board.overlay, board.scroll), (Overlay::Help, 0));
    press(&mut board, Key::Escape);
    assert_eq!(board.overlay, Overlay::None);
}
