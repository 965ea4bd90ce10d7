//! Runs that are paused, steered and played one after another, and wishes that are refused.

use std::time::Duration;

use super::super::run::tests::{Recording, play, play_with};
use super::super::{End, Outcome};
use super::*;
use crate::metrics::{Selector, Value};

/// What somebody does to a run.
type Deed = fn(&Control) -> Result<(), ControlError>;

/// Waits; no worker's thread is held up by it.
fn rest(milliseconds: u64) {
    let (_keep, never) = std::sync::mpsc::channel::<()>();
    let _ = never.recv_timeout(Duration::from_millis(milliseconds));
}

/// Plays while somebody does this and that, each so many milliseconds after the one before; the first
/// after the start of the load.
fn play_while(script: &str, workers: usize, deeds: &[(u64, Deed)]) -> (Outcome, Recording) {
    // On a busy machine a run may be over before somebody came to do it.
    let played = (0..10).find_map(|_| attempt(script, workers, deeds));
    played.expect("somebody was in time for it once")
}

fn attempt(script: &str, workers: usize, deeds: &[(u64, Deed)]) -> Option<(Outcome, Recording)> {
    let control = Control::default();
    let (hand, deeds) = (control.clone(), deeds.to_vec());
    let steering = std::thread::spawn(move || {
        while hand.status().state == State::Preparing {
            rest(1);
        }
        let mut deeds = deeds.into_iter();
        deeds.all(|(milliseconds, deed)| {
            rest(milliseconds);
            match deed(&hand) {
                Err(ControlError::NoLoad | ControlError::Over { .. }) => false,
                done => done.map(|()| true).unwrap(),
            }
        })
    });
    let played = play_with(script, workers, &control);
    let was_in_time = steering.join().unwrap();
    assert!(played.0.errors.is_empty(), "{:?}", played.0.errors);
    was_in_time.then_some(played)
}

/// The lines as numbers, in order.
fn numbers(seen: &Recording) -> Vec<f64> {
    let mut numbers: Vec<f64> = seen.lines.iter().map(|line| line.parse().unwrap()).collect();
    numbers.sort_unstable_by(f64::total_cmp);
    numbers
}

/// The ids in lines such as `s 3`, without repetition.
fn ids(seen: &Recording, scenario: &str) -> Vec<u64> {
    let own = seen.lines.iter().filter_map(|line| line.strip_prefix(scenario)?.trim().parse().ok());
    let mut ids: Vec<u64> = own.collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// The longest time between two numbers.
fn longest_gap(numbers: &[f64]) -> f64 {
    numbers.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

const PAUSE: [(u64, Deed); 2] = [(150, |run| run.pause()), (500, |run| run.resume())];

#[test]
fn a_paused_run_starts_nothing_and_lasts_longer_by_the_pause() {
    let script =
        "scenario(\"s\", #{ executor: \"constant-vus\", vus: 3, duration: \"400ms\", flow: \"flow\" });
        fn flow() { log::info(run::elapsed()); sleep(0.005); }";
    for workers in [1, 2] {
        let (outcome, seen) = play_while(script, workers, &PAUSE);
        let paused = milliseconds(outcome.paused);
        assert!(paused >= 490.0, "paused for {paused} ms");
        let starts = numbers(&seen);
        let gap = longest_gap(&starts);
        assert!(gap >= paused - 1.0, "nothing began for {gap} ms of {paused}");
        let elapsed = milliseconds(outcome.elapsed);
        assert!(elapsed >= 400.0 + paused - 1.0, "{elapsed} ms");
        // It went on after the pause, to the scenario's end and not much further.
        let last = starts.last().unwrap() - paused;
        assert!(200.0 < last && last < 400.0 + 0.2 * paused, "the last began at {last} ms");
    }
}

#[test]
fn a_pause_makes_nothing_late_and_drops_nothing() {
    let script = "scenario(\"s\", #{ executor: \"constant-arrival-rate\", rate: 100, duration: \"400ms\", flow: \"flow\" });
        scenario(\"paced\", #{ executor: \"per-vu-iterations\", vus: 2, iterations: 4, think: pacing(\"100ms\"), flow: \"flow\" });
        fn flow() {}";
    for workers in [1, 2] {
        let (outcome, _) = play_while(script, workers, &PAUSE);
        let books = outcome.books();
        assert_eq!((books.ok, books.dropped), (40 + 8, 0), "{books:?}");
        let Some(Value::Trend(late)) = outcome.total.select(&Selector::all("iteration_lateness")) else {
            panic!("no lateness")
        };
        let late = late.max().unwrap().value();
        assert!(late < 0.5 * milliseconds(outcome.paused), "late by {late} ms");
        assert!(outcome.elapsed >= Duration::from_millis(400) + outcome.paused);
    }
}

#[test]
fn what_runs_goes_on_in_a_pause_and_deadlines_move() {
    // The iteration ends 350 ms behind its deadline, had there been no pause.
    let script = "scenario(\"s\", #{ executor: \"constant-vus\", vus: 1, duration: \"250ms\", graceful_stop: \"200ms\", flow: \"flow\" });
        fn flow() { sleep(0.8); }";
    let (outcome, _) = play_while(script, 1, &PAUSE);
    let books = outcome.books();
    assert_eq!((books.ok, books.interrupted), (1, 0), "{books:?}");
}

#[test]
fn a_run_may_begin_paused() {
    for arrivals in [false, true] {
        let load = if arrivals {
            "executor: \"constant-arrival-rate\", rate: 20, duration: \"200ms\", pre_allocated_vus: 2"
        } else {
            "executor: \"per-vu-iterations\", vus: 2, iterations: 2"
        };
        let script = format!(
            "scenario(\"s\", #{{ {load}, flow: \"flow\" }});
             fn on_start() {{ log::info(run::elapsed()); }} fn flow() {{ log::info(run::elapsed()); }}"
        );
        let control = Control::default();
        control.pause().unwrap();
        let hand = control.clone();
        let resume = std::thread::spawn(move || {
            while hand.status().state != State::Paused {
                rest(1);
            }
            rest(200);
            hand.resume().unwrap();
        });
        let (outcome, seen) = play_with(&script, 2, &control);
        resume.join().unwrap();
        assert_eq!((outcome.books().ok, outcome.books().dropped), (4, 0));
        assert!(numbers(&seen)[0] >= 200.0, "{:?}", seen.lines);
    }
}

#[test]
fn a_paused_run_can_be_stopped() {
    let script = "scenario(\"s\", #{ executor: \"constant-vus\", vus: 2, duration: \"10m\", think: constant(\"10ms\"), flow: || () });
        scenario(\"t\", #{ executor: \"constant-arrival-rate\", rate: 5, duration: \"10m\", flow: || () });
        scenario(\"u\", #{ executor: \"constant-vus\", start_after: \"s\", duration: \"1s\", flow: || () });
        fn on_stop() { log::info(\"stopped\"); }";
    let stop: Deed = |run| {
        run.stop();
        Ok(())
    };
    let (outcome, seen) = play_while(script, 2, &[(50, |run| run.pause()), (50, stop)]);
    assert_eq!((outcome.end, seen.lines.len() >= 2), (End::Interrupted, true));
    assert!(outcome.elapsed < Duration::from_secs(5), "{:?}", outcome.elapsed);
}

const SAY: &str = "fn flow() { log::info(`${vu::scenario()} ${vu::id()}`); sleep(0.01); }";

#[test]
fn users_are_scaled_up_and_down_under_ids_of_their_own() {
    let script =
        "scenario(\"a\", #{ executor: \"constant-vus\", vus: 2, duration: \"600ms\", flow: \"flow\" });
        scenario(\"b\", #{ executor: \"ramping-vus\", start_vus: 1, stages: [\"600ms:1\"], flow: \"flow\" });
        fn on_stop() { log::info(`${vu::scenario()} stop ${vu::id()}`); }"
            .to_owned()
            + SAY;
    let scale: [(u64, Deed); 2] = [(100, |run| run.scale(3.0)), (200, |run| run.scale(0.5))];
    for workers in [1, 2, 3] {
        let (outcome, seen) = play_while(&script, workers, &scale);
        // 1 and 2 are planned in `a`, 3 in `b`; those beyond take turns.
        assert_eq!(ids(&seen, "a "), [1, 2, 4, 6, 8, 10], "{workers} workers");
        assert_eq!(ids(&seen, "b "), [3, 5, 7]);
        assert_eq!(ids(&seen, "a stop "), [1, 2, 4, 6, 8, 10], "each says goodbye");
        assert_eq!(outcome.books().interrupted, 0, "they may end their iterations");
        let last: Vec<&String> =
            seen.lines.iter().rev().filter(|line| !line.contains("stop")).take(8).collect();
        assert!(last.iter().all(|line| ["a 1", "b 3"].contains(&line.as_str())), "{last:?}");
    }
}

#[test]
fn users_that_are_steered_to_draw_the_same_on_any_number_of_workers() {
    // What each user says first does not depend on when it came, nor where.
    let script =
        "scenario(\"s\", #{ executor: \"constant-vus\", vus: 1, duration: \"400ms\", flow: \"flow\" });
        fn on_start() { log::info(`${vu::id()} ${random::int(0, 1000000)}`); } fn flow() { sleep(0.01); }";
    let grow: [(u64, Deed); 1] = [(50, |run| run.users("s", 5))];
    let said = |workers| {
        let mut lines = play_while(script, workers, &grow).1.lines;
        lines.sort_unstable();
        lines
    };
    assert_eq!(said(1).len(), 5);
    assert_eq!(said(1), said(2));
}

#[test]
fn iterations_of_users_beyond_the_plan_have_numbers_of_their_own() {
    let script =
        "scenario(\"s\", #{ executor: \"constant-vus\", vus: 2, duration: \"300ms\", flow: \"flow\" });
        fn flow() { log::info(scenario::iteration()); sleep(0.01); }";
    let (outcome, seen) = play_while(script, 2, &[(50, |run| run.users("s", 6))]);
    let mut numbers = numbers(&seen);
    numbers.dedup();
    assert_eq!(numbers.len() as u64, outcome.books().started);
}

#[test]
fn more_users_than_stacks_were_reserved_for_get_some() {
    let script =
        "scenario(\"s\", #{ executor: \"constant-vus\", vus: 1, duration: \"500ms\", flow: || sleep(0.1) });
        fn on_start() { log::info(vu::id()); }";
    let (outcome, seen) = play_while(script, 2, &[(50, |run| run.users("s", 3_000))]);
    assert_eq!((seen.lines.len(), outcome.errors.len()), (3_000, 0));
    let Some(Value::Gauge { max, .. }) = outcome.total.select(&Selector::all("vus_max")) else { panic!() };
    assert!((max - 3_000.0).abs() < 0.5, "{max}");
}

#[test]
fn an_externally_controlled_scenario_holds_its_users_until_it_is_steered() {
    let script = "scenario(\"s\", #{ executor: \"externally-controlled\", vus: 0, max_vus: 4, duration: \"500ms\", flow: \"flow\" });
        scenario(\"t\", #{ executor: \"externally-controlled\", vus: 2, duration: \"300ms\", flow: \"flow\" });"
        .to_owned()
        + SAY;
    let deeds: [(u64, Deed); 3] =
        [(100, |run| run.users("s", 3)), (100, |run| run.users("s", 0)), (100, |run| run.users("s", 1))];
    for workers in [1, 2] {
        let (outcome, seen) = play_while(&script, workers, &deeds);
        assert_eq!((ids(&seen, "s "), ids(&seen, "t ")), (vec![1, 2, 3], vec![5, 6]), "{workers} workers");
        assert!(outcome.elapsed >= Duration::from_millis(500), "it lasts for its whole time");
    }
    let (outcome, seen) = play(&script, 2);
    assert!(ids(&seen, "s ").is_empty() && outcome.elapsed >= Duration::from_millis(500));
}

#[test]
fn arrivals_follow_the_rate_that_is_set_and_each_has_its_number() {
    let script = "scenario(\"s\", #{ executor: \"constant-arrival-rate\", rate: 100, duration: \"700ms\", jitter: \"JITTER\", flow: \"flow\" });
        fn flow() { log::info(scenario::iteration()); }";
    // 200 ms each at 100, 400 and none, but for the time it takes to say so; 100 ms at 20.
    let deeds: [(u64, Deed); 3] =
        [(200, |run| run.scale(4.0)), (200, |run| run.rate("s", 0.0)), (200, |run| run.rate("s", 20.0))];
    for (jitter, workers) in [("none", 1), ("none", 2), ("poisson", 2)] {
        let (outcome, seen) = play_while(&script.replace("JITTER", jitter), workers, &deeds);
        let books = outcome.books();
        assert_eq!((books.ok, books.dropped), (books.scheduled, 0));
        assert!((70..=140).contains(&books.ok), "{} arrivals on {workers} workers", books.ok);
        let mut numbers = numbers(&seen);
        numbers.dedup();
        assert_eq!(numbers.len() as u64, books.ok, "no number twice");
        assert!((numbers.last().unwrap() - (books.ok - 1) as f64).abs() < 0.5, "and none left out");
        assert!(outcome.elapsed >= Duration::from_millis(700));
    }
}

// ---------------------------------------------------------------- one after another

#[test]
fn a_scenario_starts_once_the_other_is_over_on_all_workers() {
    let script = "scenario(\"last\", #{ executor: \"per-vu-iterations\", vus: 3, start_after: \"middle\", start_time: \"100ms\", flow: \"flow\" });
        scenario(\"first\", #{ executor: \"constant-vus\", vus: 3, duration: \"100ms\", flow: || { sleep(0.2); print(\"first\") } });
        scenario(\"middle\", #{ executor: \"constant-arrival-rate\", rate: 50, duration: \"100ms\", start_after: \"first\", flow: \"flow\" });
        fn flow() { print(vu::scenario()); }
        fn on_stop() { print(vu::scenario()); }";
    for workers in [1, 2, 5] {
        let (outcome, seen) = play(script, workers);
        let mut order = seen.lines.clone();
        order.dedup();
        assert_eq!(order, ["first", "middle", "last"], "{workers} workers: {:?}", seen.lines);
        assert_eq!(outcome.books().ok, 3 + 5 + 3);
        assert!(outcome.elapsed >= Duration::from_millis(200 + 100 + 100), "{:?}", outcome.elapsed);
    }
}

#[test]
fn a_rate_that_is_set_before_its_scenario_begins_holds_from_its_start() {
    let script = "scenario(\"first\", #{ executor: \"constant-vus\", vus: 1, duration: \"400ms\", flow: || sleep(0.01) });
        scenario(\"second\", #{ executor: \"constant-arrival-rate\", rate: 10, duration: \"1s\", pre_allocated_vus: 5, start_after: \"first\", flow: \"flow\" });
        fn flow() { log::info(scenario::iteration()); }";
    let (_, seen) = play_while(script, 2, &[(100, |run| run.rate("second", 100.0))]);
    assert!((90..=110).contains(&seen.lines.len()), "{} iterations", seen.lines.len());
}

#[test]
fn a_scenario_knows_when_it_started() {
    let script = "scenario(\"first\", #{ executor: \"constant-vus\", vus: 1, duration: \"200ms\", flow: || sleep(0.01) });
        scenario(\"second\", #{ executor: \"shared-iterations\", start_after: \"first\", flow: \"flow\" });
        fn flow() { print(scenario::elapsed() < 100.0 && run::elapsed() >= 200.0); }";
    assert_eq!(play(script, 2).1.lines, ["true"]);
}

#[test]
fn an_abort_before_its_turn_drops_what_a_scenario_would_have_run() {
    let script = "scenario(\"first\", #{ executor: \"constant-vus\", vus: 1, duration: \"10m\", flow: || abort(\"enough\") });
        scenario(\"second\", #{ executor: \"shared-iterations\", vus: 2, iterations: 7, start_after: \"first\", flow: || print(\"played\") });
        scenario(\"third\", #{ executor: \"constant-arrival-rate\", rate: 5, duration: \"1s\", start_after: \"second\", flow: || print(\"played\") });";
    for workers in [1, 2] {
        let (outcome, seen) = play(script, workers);
        assert_eq!((outcome.end, seen.lines.len()), (End::Aborted("enough".into()), 0));
        assert_eq!(outcome.scenarios[1].books.dropped, 7);
    }
}

#[test]
fn a_scenario_of_which_nothing_ran_lets_the_next_one_start() {
    let script = "scenario(\"first\", #{ executor: \"constant-vus\", vus: 2, duration: \"10m\", flow: || print(\"first\") });
        scenario(\"second\", #{ executor: \"shared-iterations\", start_after: \"first\", flow: || print(\"second\") });
        fn on_start() { if vu::scenario() == \"first\" { throw \"no\"; } }";
    assert_eq!(play(script, 2).1.lines, ["second"]);
}

#[test]
fn a_pause_holds_back_whoever_waits_for_another() {
    let script = "scenario(\"first\", #{ executor: \"shared-iterations\", flow: || sleep(0.3) });
        scenario(\"second\", #{ executor: \"shared-iterations\", start_after: \"first\", flow: || print(run::elapsed()) });";
    let (outcome, seen) = play_while(script, 2, &PAUSE);
    assert!(numbers(&seen)[0] >= 150.0 + milliseconds(outcome.paused) - 1.0, "{:?}", seen.lines);
}

// ---------------------------------------------------------------- how things are, and what is refused

#[test]
fn the_status_tells_how_a_run_goes() {
    let script = "scenario(\"a\", #{ executor: \"constant-vus\", vus: 2, duration: \"600ms\", flow: || sleep(0.01) });
        scenario(\"b\", #{ executor: \"constant-arrival-rate\", rate: \"90/m\", duration: \"100ms\", flow: || () });
        scenario(\"c\", #{ executor: \"constant-vus\", duration: \"100ms\", start_after: \"a\", flow: || () });";
    let look: Deed = |run| {
        let status = run.status();
        assert_eq!(status.state, State::Running);
        let told: Vec<_> = status.scenarios.iter().map(|one| (one.progress, one.users)).collect();
        let none = if told[1].0 == Progress::Over { None } else { panic!("{told:?}") };
        assert_eq!(
            told,
            [(Progress::Running, Some(4)), (Progress::Over, none), (Progress::Waiting, Some(0))]
        );
        assert_eq!(run.users("b", 1), Err(ControlError::Over { scenario: "b".into() }));
        assert_eq!((status.vus_max, run.is_paused()), (4 + 10_000 + 1, false));
        Ok(())
    };
    let control = Control::default();
    assert_eq!(control.status(), Status::default());
    let (outcome, _) = play_while(script, 2, &[(250, |run| run.users("a", 4)), (100, look)]);
    assert_eq!(outcome.end, End::Finished);
}

#[test]
fn wishes_that_make_no_load_are_refused() {
    let script = "scenario(\"users\", #{ executor: \"constant-vus\", vus: 2, duration: \"300ms\", flow: || sleep(0.01) });
        scenario(\"steered\", #{ executor: \"externally-controlled\", max_vus: 5, duration: \"300ms\", flow: || sleep(0.01) });
        scenario(\"counted\", #{ executor: \"shared-iterations\", flow: || sleep(0.3) });
        scenario(\"arrivals\", #{ executor: \"constant-arrival-rate\", rate: 5, duration: \"300ms\", flow: || () });";
    let refuse: Deed = |run| {
        let shown = |result: Result<(), ControlError>| result.unwrap_err().to_string();
        assert_eq!(shown(run.users("user", 1)), "no scenario is named `user`: did you mean `users`?");
        assert_eq!(
            shown(run.users("zzz", 1)),
            "no scenario is named `zzz`: there are `users`, `steered`, `counted`, `arrivals`"
        );
        assert_eq!(shown(run.users("steered", 6)), "scenario `steered` can have at most 5 users, not 6");
        assert_eq!(
            shown(run.users("users", 1_000_000)),
            "scenario `users` can have at most 989,994 users, not 1,000,000"
        );
        assert_eq!(run.users("counted", 2), Err(ControlError::Counted { scenario: "counted".into() }));
        assert_eq!(run.users("arrivals", 2), Err(ControlError::NoUsers { scenario: "arrivals".into() }));
        assert_eq!(run.rate("users", 2.0), Err(ControlError::NoRate { scenario: "users".into() }));
        assert_eq!(shown(run.rate("arrivals", -1.0)), "a rate must be from 0 to 10,000,000 a second, not -1");
        assert!(run.rate("arrivals", f64::NAN).is_err() && run.scale(f64::INFINITY).is_err());
        assert_eq!(shown(run.scale(1e6)), "a factor must be from 0 to 1000, not 1000000");
        assert_eq!(shown(run.scale(50.0)), "scenario `steered` can have at most 5 users, not 50");
        assert_eq!(
            run.0.board.lock().unwrap().wanted.steers,
            vec![Steer::default(); 4],
            "nothing was half done"
        );
        Ok(())
    };
    let (outcome, _) = play_while(script, 2, &[(50, refuse)]);
    assert_eq!(outcome.end, End::Finished);
}

#[test]
fn without_a_load_there_is_nothing_to_steer() {
    let control = Control::default();
    assert_eq!(control.scale(2.0), Err(ControlError::NoLoad));
    assert_eq!(control.users("s", 2), Err(ControlError::NoLoad));
    assert_eq!((control.pause(), control.is_paused(), control.resume()), (Ok(()), true, Ok(())));
    play_with("fn flow() {}", 1, &control);
    assert_eq!(control.status().state, State::Stopping);
    assert_eq!((control.pause(), control.scale(2.0)), (Err(ControlError::NoLoad), Err(ControlError::NoLoad)));
}

#[test]
fn only_counted_scenarios_cannot_be_scaled() {
    let script = "scenario(\"s\", #{ executor: \"shared-iterations\", flow: || sleep(0.2) });";
    let refuse: Deed = |run| {
        assert_eq!(run.scale(2.0), Err(ControlError::NothingToScale));
        Ok(())
    };
    play_while(script, 1, &[(20, refuse)]);
}
