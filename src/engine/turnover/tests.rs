//! Scripts that are edited while they run.

use super::super::control::Control;
use super::super::run::tests::{Recording, job, play_job, play_with};
use super::super::status::State;
use super::super::version::Version;
use super::super::{Job, Outcome};
use super::*;

/// Waits; no worker's thread is held up by it.
fn rest(milliseconds: u64) {
    let (_keep, never) = std::sync::mpsc::channel::<()>();
    let _ = never.recv_timeout(Duration::from_millis(milliseconds));
}

fn version(number: u64, script: &str, running: &Job) -> Version {
    let Job { source, declared, plan, .. } = job(script, 1);
    Version { number, source: source.unwrap(), outside: running.outside.renewed(), declared, plan }
}

/// Plays a script, and others in its place, each so many milliseconds after the one before.
fn play(first: &str, workers: usize, others: &[(u64, &str)]) -> (Outcome, Recording) {
    let control = Control::default();
    let running = job(first, workers);
    let versions: Vec<(u64, Version)> = (others.iter().zip(2..))
        .map(|((milliseconds, script), number)| (*milliseconds, version(number, script, &running)))
        .collect();
    let hand = control.clone();
    let editing = std::thread::spawn(move || {
        while hand.status().state == State::Preparing {
            rest(1);
        }
        for (milliseconds, version) in versions {
            rest(milliseconds);
            hand.reload(version).unwrap();
        }
    });
    let played = play_job(running, &control);
    editing.join().unwrap();
    assert!(played.0.errors.is_empty(), "{:?}", played.0.errors);
    played
}

fn count(seen: &Recording, line: &str) -> usize {
    seen.lines.iter().filter(|said| *said == line).count()
}

/// A scenario of users for a second, and what it plays.
fn users(vus: u64, rest: &str) -> String {
    format!(
        "scenario(\"s\", #{{ executor: \"constant-vus\", vus: {vus}, duration: \"1s\", flow: \"flow\" }}); {rest}"
    )
}

#[test]
fn the_next_iteration_is_the_new_versions_and_users_stay_who_they_are() {
    let before = users(
        3,
        "fn on_start() { this.n = 0; log::info(\"start\"); } fn on_stop() { log::info(`old ${this.n}`); }
         fn flow() { this.n += 1; log::info(\"before\"); sleep(0.01); }",
    );
    let after = users(
        3,
        "fn on_start() { log::info(\"start\"); } fn on_stop() { log::info(`new ${vu::iteration() == this.n}`); }
         fn flow() { this.n += 1; log::info(\"after\"); sleep(0.01); }",
    );
    let (outcome, seen) = play(&before, 2, &[(400, &after)]);
    assert!(count(&seen, "before") > 10 && count(&seen, "after") > 10, "{}", seen.lines.len());
    let turn = seen.lines.iter().rposition(|line| line == "before").unwrap();
    let early = seen.lines[..turn].iter().filter(|line| *line == "after").count();
    assert!(
        early <= 6,
        "{early} of the new version before the last of the old one: those of the other users"
    );
    assert_eq!((count(&seen, "start"), count(&seen, "new true")), (3, 3), "users live on, and none is lost");
    assert_eq!(outcome.books().started, outcome.books().ok);
    assert_eq!(outcome.books().ok, (count(&seen, "before") + count(&seen, "after")) as u64);
    let [(number, EpochCause::Reload { version, .. }, first_second)] = &seen.epochs[..] else {
        panic!("{:?}", seen.epochs)
    };
    assert_eq!((*number, *version, *first_second), (2, 2, 2));
}

#[test]
fn an_iteration_under_way_ends_on_the_version_that_it_began_on() {
    let script = |word: &str| {
        users(
            1,
            &format!(
                "const WORD = \"{word}\"; fn say() {{ log::info(global::WORD); }} fn flow() {{ say(); sleep(0.6); say(); }}"
            ),
        )
    };
    let (_, seen) = play(&script("old"), 1, &[(200, &script("new"))]);
    assert_eq!(seen.lines, ["old", "old", "new", "new"], "its constants and its functions");
}

#[test]
fn another_demand_holds_from_the_instant_on() {
    let users = |vus| users(vus, "fn flow() { log::info(vu::id()); sleep(0.005); }");
    let (outcome, seen) = play(&users(2), 2, &[(300, &users(5)), (300, &users(1))]);
    let ids: std::collections::BTreeSet<&String> = seen.lines.iter().collect();
    assert_eq!(ids.len(), 5, "{ids:?}");
    assert_eq!(seen.lines.last().map(String::as_str), Some("1"));
    assert_eq!(outcome.books().interrupted, 0);
    let rate = |rate, seconds| {
        format!(
            "scenario(\"s\", #{{ executor: \"constant-arrival-rate\", rate: {rate}, duration: \"{seconds}s\", pre_allocated_vus: 2, max_vus: 10, flow: \"flow\" }}); fn flow() {{}}"
        )
    };
    let (outcome, _) = play(&rate(20, 30), 2, &[(500, &rate(200, 2))]);
    let books = outcome.books();
    // 0.5 s of 20 a second, then 200 until the end that has moved to 2 s.
    assert!((250..=330).contains(&books.scheduled) && books.dropped == 0, "{books:?}");
    assert!((1.9..2.5).contains(&outcome.elapsed.as_secs_f64()), "{:?}", outcome.elapsed);
}

#[test]
fn a_pause_between_iterations_and_a_graceful_stop_are_taken_too() {
    let script = |think: &str, graceful: &str, flow: &str| {
        format!(
            "scenario(\"s\", #{{ executor: \"constant-vus\", vus: 1, duration: \"1s\", think: \"{think}\", graceful_stop: \"{graceful}\", flow: \"flow\" }}); fn flow() {{ {flow} }}"
        )
    };
    let quick = script("1ms", "5s", "");
    let (outcome, _) = play(&script("200ms", "0s", ""), 1, &[(500, &quick)]);
    assert!(outcome.books().ok > 100, "{:?}", outcome.books());
    let slow = script("1ms", "5s", "sleep(0.7);");
    let (outcome, _) = play(&script("100ms", "0s", ""), 1, &[(500, &slow)]);
    assert_eq!(outcome.books().interrupted, 0, "the last one may end now");
}

#[test]
fn a_scenario_whose_end_has_moved_into_the_past_ends_in_grace() {
    let script = |duration: &str| {
        format!(
            "scenario(\"s\", #{{ executor: \"constant-vus\", vus: 2, duration: \"{duration}\", graceful_stop: \"5s\", flow: \"flow\" }}); fn flow() {{ sleep(1.0); }}"
        )
    };
    let (outcome, _) = play(&script("30s"), 2, &[(1_500, &script("100ms"))]);
    assert_eq!((outcome.books().ok, outcome.books().interrupted), (4, 0), "those under way may end");
    let arrivals = |seconds: &str| {
        format!(
            "scenario(\"s\", #{{ executor: \"constant-arrival-rate\", rate: 5, duration: \"{seconds}\", pre_allocated_vus: 10, graceful_stop: \"5s\", flow: \"flow\" }}); fn flow() {{ sleep(1.0); }}"
        )
    };
    let (outcome, _) = play(&arrivals("30s"), 2, &[(1_500, &arrivals("100ms"))]);
    let books = outcome.books();
    assert_eq!((books.ok, books.interrupted, books.dropped), (books.scheduled, 0, 0), "{books:?}");
    assert!(outcome.elapsed < Duration::from_secs(4), "{:?}", outcome.elapsed);
}

#[test]
fn a_version_that_cannot_be_loaded_is_refused_and_the_old_one_goes_on() {
    let control = Control::default();
    let first = users(2, "fn flow() { log::info(\"on\"); sleep(0.01); }");
    let good = version(2, &first, &job(&first, 2));
    let broken = |text: &str| {
        let source = crate::diagnostic::Source { name: "test.rhai".into(), text: text.into() };
        Version { source: Arc::new(source), ..good.clone() }
    };
    let versions = [
        broken("fn flow( {"),
        broken(&users(2, "fn flow() {} fn setup() {}")),
        broken(&users(2, "fn other() {}")),
    ];
    let hand = control.clone();
    let editing = std::thread::spawn(move || {
        while hand.status().state == State::Preparing {
            rest(1);
        }
        for version in versions {
            rest(200);
            hand.reload(version).unwrap();
        }
    });
    let (outcome, seen) = play_with(&first, 2, &control);
    editing.join().unwrap();
    assert_eq!(seen.refused.len(), 3, "{:?}", seen.refused);
    assert!(seen.refused[0].labels[0].position.to_string().starts_with("1:"), "{:?}", seen.refused[0]);
    assert!(seen.refused[1].message.contains("something else"), "{:?}", seen.refused[1]);
    assert!(seen.epochs.is_empty() && outcome.replaced_by.is_none());
    assert_eq!(count(&seen, "on") as u64, outcome.books().ok);
}

#[test]
fn targets_metrics_and_teardown_are_those_of_the_last_version() {
    let first = users(
        1,
        "target(\"iterations\", \"count > 1000000\"); fn flow() { sleep(0.01); } fn teardown(data) { log::info(\"old\"); }",
    );
    let last = users(
        1,
        "const SEEN = counter(\"seen\"); target(\"seen\", \"count > 3\");
         fn flow() { global::SEEN.add(1); sleep(0.01); } fn teardown(data) { log::info(\"new\"); }",
    );
    let (outcome, seen) = play(&first, 2, &[(300, &last)]);
    let verdicts: Vec<_> = outcome.judgements.iter().map(|judgement| judgement.verdict).collect();
    assert_eq!(verdicts, [crate::plan::Verdict::Passed]);
    assert_eq!(seen.lines, ["new"]);
    assert_eq!(outcome.replaced_by.unwrap().plan.targets[0].key, "seen");
}

#[test]
fn what_all_users_share_goes_on() {
    let script = |step| {
        users(
            2,
            &format!(
                "const N = shared::counter(\"n\"); fn flow() {{ log::info(global::N.next() > 0); let step = {step}; sleep(0.01); }}"
            ),
        )
    };
    let (outcome, seen) = play(&script(1), 2, &[(200, &script(2)), (200, &script(3))]);
    // A counter that began anew would give 0 again.
    assert!(count(&seen, "false") <= 1, "{:?}", seen.lines.len());
    assert_eq!(outcome.books().ok, outcome.books().started);
}

#[test]
fn of_versions_in_a_row_the_last_is_played_and_no_iteration_is_lost() {
    let script = |word: u64| users(5, &format!("fn flow() {{ log::info({word}); sleep(0.002); }}"));
    let scripts: Vec<String> = (2..=40).map(script).collect();
    let others: Vec<(u64, &str)> = scripts.iter().map(|script| (10, script.as_str())).collect();
    let (outcome, seen) = play(&script(1), 2, &others);
    assert_eq!(seen.lines.last().map(String::as_str), Some("40"));
    let books = outcome.books();
    assert_eq!((books.ok, books.failed, books.interrupted), (books.started, 0, 0));
    assert!(seen.refused.is_empty(), "{:?}", seen.refused);
}
