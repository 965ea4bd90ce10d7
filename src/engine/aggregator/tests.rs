//! Workers that hand in seconds in any order, and what observers, targets and the total make of them.

use super::*;
use crate::metrics::{Selector, Value};
use crate::plan::TargetOptions;
use crate::script::LogLine;

/// A tick as the observer saw it: number, elapsed, the `iterations` of its delta, users, iterations ok.
type Seen = (u64, Duration, f64, u64, u64);

#[derive(Default)]
struct Recording {
    ticks: Vec<Seen>,
    sum: Snapshot,
}

impl Observer for Recording {
    fn tick(&mut self, tick: &Tick<'_>) {
        self.ticks.push((tick.number, tick.elapsed, count(tick.delta), tick.vus, tick.books.ok));
        self.sum.append(tick.delta.clone());
    }

    fn log(&mut self, _line: &LogLine) {}
}

fn count(snapshot: &Snapshot) -> f64 {
    match snapshot.select(&Selector::all("iterations")) {
        Some(Value::Counter(sum)) => sum,
        _ => 0.0,
    }
}

fn delta(tick: u64, iterations: u32) -> Snapshot {
    let mut recorder = Recorder::new(&[]);
    let (metric, _) = recorder.metric("iterations").unwrap();
    let series = recorder.series(metric, &TagSet::default());
    recorder.add(series, f64::from(iterations));
    recorder.take(tick)
}

fn books(ok: u64) -> Books {
    Books { scheduled: ok, started: ok, ok, ..Books::default() }
}

/// The last words of a worker that came to `ok` iterations after so many ms.
fn done(iterations: u32, ok: u64, elapsed_ms: u64) -> Done {
    Done {
        delta: delta(9, iterations),
        elapsed: Duration::from_millis(elapsed_ms),
        vus_rest: 2,
        scenarios: vec![ScenarioOutcome { name: "s".into(), books: books(ok), threw: 0 }],
        failures: Vec::new(),
        failures_more: 0,
        requests_cut: 1,
        log_lost: 0,
        leaked: 0,
        bugs: Vec::new(),
        aborted: None,
        used: vitals::ThreadUse::default(),
        gaps: Vec::new(),
        connections: Connections::default(),
    }
}

fn outcome() -> Outcome {
    Outcome { elapsed: Duration::ZERO, ..Outcome::uneventful() }
}

/// A plan with one target on the counter `iterations`, which ends the run.
fn watched(expression: &str, delay: u64) -> Plan {
    let options = TargetOptions { abort_on_fail: true, delay_abort_eval: Duration::from_secs(delay) };
    let target = Target::parse("iterations", expression, &options, &[], None).unwrap();
    Plan { targets: vec![target], ..Plan::default() }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_second_is_closed_once_when_all_have_handed_it_in() {
    let plan = Plan::default();
    let mut sums = Aggregator::new(&plan, 2);
    let mut seen = Recording::default();
    sums.tick(0, 1, delta(1, 3), (books(3), 5), &mut seen);
    sums.tick(0, 2, delta(2, 4), (books(7), 6), &mut seen);
    assert!(seen.ticks.is_empty(), "the other worker still plays its first second");
    sums.tick(1, 1, delta(1, 10), (books(10), 1), &mut seen);
    // Books and users are those of this second, though one worker is ahead.
    assert_eq!(seen.ticks, [(1, SECOND, 13.0, 6, 13)]);
    sums.tick(1, 2, delta(2, 20), (books(30), 2), &mut seen);
    assert_eq!(seen.ticks[1], (2, 2 * SECOND, 24.0, 8, 37));
}

#[test]
fn a_worker_that_is_done_before_the_slowest_closes_nothing_twice() {
    let plan = Plan::default();
    let mut sums = Aggregator::new(&plan, 2);
    let mut seen = Recording::default();
    sums.tick(0, 1, delta(1, 3), (books(3), 5), &mut seen);
    sums.done(0, done(1, 4, 1100), &mut seen);
    assert!(seen.ticks.is_empty(), "the other worker has not handed in the first second");
    sums.tick(1, 1, delta(1, 10), (books(10), 1), &mut seen);
    assert_eq!(seen.ticks, [(1, SECOND, 13.0, 6, 13)]);
    // The rest of the first worker belongs to the second second; its books stay.
    sums.tick(1, 2, delta(2, 10), (books(20), 1), &mut seen);
    sums.tick(1, 3, delta(3, 10), (books(30), 1), &mut seen);
    assert_eq!(seen.ticks[1..], [(2, 2 * SECOND, 11.0, 1, 24), (3, 3 * SECOND, 10.0, 1, 34)]);
    sums.done(1, done(5, 35, 3200), &mut seen);
    let rest = Duration::from_millis(3200);
    assert_eq!(seen.ticks[3..], [(4, rest, 5.0, 0, 39)]);
    assert!(!sums.is_playing());
    sums.append(Recorded { delta: delta(5, 2), requests_cut: 0, ..Recorded::default() }, &mut seen);
    assert_eq!(seen.ticks[4..], [(5, rest, 2.0, 0, 39)]);
    sums.append(Recorded { delta: Snapshot::new(6), requests_cut: 0, ..Recorded::default() }, &mut seen);
    assert_eq!(seen.ticks.len(), 5, "nothing recorded is no second");
    let outcome = sums.finish(outcome());
    assert_eq!((outcome.total.clone(), outcome.elapsed), (seen.sum, rest));
    assert!((count(&outcome.total) - 41.0).abs() < 0.5);
    assert_eq!((outcome.books(), outcome.requests_cut), (books(39), 2));
}

#[test]
fn users_are_a_gauge_of_whole_seconds_and_of_the_rest_only_when_it_is_all() {
    let plan = Plan::default();
    let gauge = |outcome: &Outcome| outcome.total.select(&Selector::all("vus"));
    let mut sums = Aggregator::new(&plan, 2);
    let mut seen = Recording::default();
    for worker in [0, 1] {
        sums.tick(worker, 1, delta(1, 1), (books(1), 4), &mut seen);
        sums.done(worker, done(1, 2, 1500), &mut seen);
    }
    assert_eq!(gauge(&sums.finish(outcome())), Some(Value::Gauge { last: 8.0, min: 8.0, max: 8.0 }));
    let mut sums = Aggregator::new(&plan, 2);
    for worker in [0, 1] {
        sums.done(worker, done(1, 2, 500), &mut seen);
    }
    assert_eq!(gauge(&sums.finish(outcome())), Some(Value::Gauge { last: 4.0, min: 4.0, max: 4.0 }));
}

#[test]
fn workers_that_are_given_up_keep_what_they_said() {
    let plan = Plan::default();
    let mut sums = Aggregator::new(&plan, 2);
    let mut seen = Recording::default();
    sums.tick(0, 1, delta(1, 3), (books(3), 5), &mut seen);
    sums.give_up(2 * SECOND, &mut seen);
    assert_eq!(seen.ticks, [(1, SECOND, 3.0, 5, 3)]);
    assert!(!sums.is_playing());
    assert_eq!(sums.finish(outcome()).elapsed, 2 * SECOND);
}

#[test]
fn a_target_ends_the_run_once_its_delay_is_over() {
    let plan = watched("count < 5", 2);
    let mut sums = Aggregator::new(&plan, 1);
    let mut seen = Recording::default();
    assert_eq!(sums.tick(0, 1, delta(1, 9), (books(9), 1), &mut seen), None);
    let key = sums.tick(0, 2, delta(2, 0), (books(9), 1), &mut seen);
    assert_eq!(key.as_deref(), Some("iterations count < 5"));
}

#[test]
fn a_windowed_target_looks_at_full_windows_of_whole_seconds() {
    let plan = watched("rate < 5/s over 2s", 0);
    let mut sums = Aggregator::new(&plan, 1);
    let mut seen = Recording::default();
    let mut tick =
        |number: u64, iterations| sums.tick(0, number, delta(number, iterations), (books(1), 1), &mut seen);
    // The second in which it was heard first is no whole one for it, and one more fills no window.
    assert_eq!((tick(1, 50), tick(2, 6)), (None, None));
    assert_eq!(tick(3, 3), None, "9 in 2 s");
    assert!(tick(4, 8).is_some(), "11 in 2 s");
}

#[test]
fn a_target_without_samples_and_a_run_that_is_over_end_nothing() {
    let plan = watched("count > 5", 0);
    let mut sums = Aggregator::new(&plan, 1);
    let mut seen = Recording::default();
    assert_eq!(sums.tick(0, 1, Snapshot::new(1), (books(0), 1), &mut seen), None);
    assert_eq!(sums.done(0, done(1, 1, 1200), &mut seen), None);
    assert_eq!(sums.finish(outcome()).judgements[0].verdict, Verdict::Failed);
}

#[test]
fn the_same_failure_of_two_workers_is_one() {
    let plan = Plan::default();
    let mut sums = Aggregator::new(&plan, 2);
    let failure = |message: &str, count| ScriptFailure {
        kind: super::super::event::FailureKind::Threw,
        scenario: "s".into(),
        diagnostic: Diagnostic::new(crate::diagnostic::Code::Script, message),
        count,
    };
    for worker in [0, 1] {
        let bug = Diagnostic::new(crate::diagnostic::Code::Bug, "boom");
        let failures = vec![failure("rare", worker as u64), failure("often", 5)];
        let words = Done { failures, bugs: vec![(bug, 2)], ..done(1, 1, 100) };
        sums.done(worker, words, &mut Recording::default());
    }
    assert_eq!(sums.bugs.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [4]);
    let counts: Vec<u64> = sums.finish(outcome()).failures.iter().map(|failure| failure.count).collect();
    assert_eq!(counts, [10, 1]);
}
