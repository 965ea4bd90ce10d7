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
        self.sum.append(tick.delta);
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
        interrupted: Vec::new(),
        examples: Examples::default(),
        connections: Connections::default(),
    }
}

fn outcome() -> Outcome {
    Outcome { elapsed: Duration::ZERO, ..Outcome::uneventful() }
}

/// A plan with one target on the counter `iterations`, which ends the run.
fn watched(expression: &str, delay: u64) -> Plan {
    let options =
        TargetOptions { abort_on_fail: true, delay_abort_eval: Duration::from_secs(delay), allow_few: false };
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
    sums.append(Recorded { delta: delta(5, 2), ..Recorded::default() }, &mut seen);
    assert_eq!(seen.ticks[4..], [(5, rest, 2.0, 0, 39)]);
    sums.append(Recorded { delta: Snapshot::new(6), ..Recorded::default() }, &mut seen);
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
fn a_percentile_ends_the_run_once_it_has_its_samples_and_not_before() {
    let slow = |tick: u64, count: usize| {
        let mut recorder = Recorder::new(&[]);
        let (metric, _) = recorder.metric("iteration_duration").unwrap();
        let series = recorder.series(metric, &TagSet::default());
        (0..count).for_each(|_| recorder.trend_us(series, 50_000));
        recorder.take(tick)
    };
    let ends_in = |allow_few| {
        let options = TargetOptions { abort_on_fail: true, allow_few, ..TargetOptions::default() };
        let target = Target::parse("iteration_duration", "p(95) < 10ms", &options, &[], None).unwrap();
        let plan = Plan { targets: vec![target], ..Plan::default() };
        let mut sums = Aggregator::new(&plan, 1);
        (1..=5).find(|number| {
            let state = (books(0), 1);
            sums.tick(0, *number, slow(*number, 70), state, &mut Recording::default()).is_some()
        })
    };
    assert_eq!((ends_in(false), ends_in(true)), (Some(3), Some(1)), "70 a second, and p(95) needs 200");
}

#[test]
fn a_windowed_target_looks_at_full_windows_of_whole_seconds() {
    let plan = watched("rate < 5/s over 2s", 0);
    let mut sums = Aggregator::new(&plan, 1);
    let mut seen = Recording::default();
    let mut tick =
        |number: u64, iterations| sums.tick(0, number, delta(number, iterations), (books(1), 1), &mut seen);
    assert_eq!(tick(1, 6), None, "one second fills no window");
    assert_eq!((tick(2, 3), tick(3, 6)), (None, None), "9 in 2 s");
    assert!(tick(4, 8).is_some(), "14 in 2 s");
    // A rate that must be reached isn't asked of the second in which it was heard first.
    let plan = watched("rate > 5/s over 2s", 0);
    let mut sums = Aggregator::new(&plan, 1);
    let mut seen = Recording::default();
    let mut tick =
        |number: u64, iterations| sums.tick(0, number, delta(number, iterations), (books(1), 1), &mut seen);
    assert_eq!((tick(1, 1), tick(2, 6)), (None, None));
    assert_eq!(tick(3, 5), None, "11 in 2 s");
    assert!(tick(4, 5).is_some(), "10 in 2 s");
}

/// A plan with a warm-up, and a target that the warm-up alone fails.
fn warmed(seconds: u64) -> Plan {
    let mut plan = watched("count < 50", 0);
    plan.options.warm_up = Duration::from_secs(seconds);
    plan
}

#[test]
fn a_warm_up_is_kept_apart_and_decides_no_target() {
    let plan = warmed(2);
    let mut sums = Aggregator::new(&plan, 2);
    let mut seen = Recording::default();
    for number in 1..=3 {
        for worker in [0, 1] {
            let iterations = if number <= 2 { 100 } else { 5 };
            let ending = sums.tick(worker, number, delta(number, iterations), (books(1), 1), &mut seen);
            assert_eq!(ending, None, "second {number}");
        }
    }
    for worker in [0, 1] {
        sums.done(worker, done(4, 109, 3500), &mut seen);
    }
    let outcome = sums.finish(outcome());
    let warm_up = outcome.warm_up.clone().unwrap();
    assert_eq!((warm_up.length, warm_up.elapsed, warm_up.is_over), (2 * SECOND, 2 * SECOND, true));
    assert!((count(&warm_up.recorded) - 400.0).abs() < 0.5 && (count(&outcome.total) - 18.0).abs() < 0.5);
    assert!((count(&outcome.recorded()) - 418.0).abs() < 0.5, "both make the whole");
    assert_eq!(outcome.recorded().into_owned(), seen.sum, "and observers saw it");
    assert_eq!(outcome.measured(), Duration::from_millis(1500));
    assert_eq!(outcome.judgements[0].verdict, Verdict::Passed);
    let lines: Vec<(u64, bool)> = outcome.seconds.iter().map(|line| (line.number, line.is_warm_up)).collect();
    assert_eq!(lines, [(1, true), (2, true), (3, false)]);
}

#[test]
fn a_rate_is_over_the_time_that_was_measured() {
    let mut plan = watched("rate > 9/s", 0);
    plan.options.warm_up = 2 * SECOND;
    let mut sums = Aggregator::new(&plan, 1);
    let mut seen = Recording::default();
    for number in 1..=3 {
        let iterations = if number <= 2 { 0 } else { 10 };
        let ending = sums.tick(0, number, delta(number, iterations), (books(1), 1), &mut seen);
        assert_eq!(ending, None, "10 in one second, not in three");
    }
}

#[test]
fn a_load_that_ends_in_its_warm_up_has_measured_nothing() {
    let plan = warmed(5);
    let mut sums = Aggregator::new(&plan, 1);
    let mut seen = Recording::default();
    sums.tick(0, 1, delta(1, 9), (books(9), 1), &mut seen);
    sums.done(0, done(3, 12, 1700), &mut seen);
    let outcome = sums.finish(outcome());
    let warm_up = outcome.warm_up.clone().unwrap();
    assert!(!warm_up.is_over && (count(&warm_up.recorded) - 12.0).abs() < 0.5);
    assert_eq!(outcome.judgements[0].verdict, Verdict::NoSamples);
    assert_eq!(outcome.measured(), Duration::ZERO);
}

#[test]
fn cut_iterations_of_two_workers_are_listed_once_with_the_oldest() {
    let plan = Plan::default();
    let mut sums = Aggregator::new(&plan, 2);
    let cut = |place: &str, count, oldest: u64| Interrupted {
        scenario: "s".into(),
        place: Some(place.into()),
        count,
        oldest: Duration::from_secs(oldest),
        sum: Duration::from_secs(oldest * count),
    };
    for worker in [0, 1] {
        let interrupted = vec![cut("a:1:1", 1, 2 + worker), cut("b:2:2", 3, 9 - worker)];
        sums.done(
            usize::try_from(worker).unwrap(),
            Done { interrupted, ..done(1, 1, 100) },
            &mut Recording::default(),
        );
    }
    let found: Vec<_> = sums.finish(outcome()).interrupted;
    let found: Vec<_> = found
        .iter()
        .map(|cut| (cut.place.as_deref(), cut.count, cut.oldest.as_secs(), cut.sum.as_secs()))
        .collect();
    assert_eq!(found, [(Some("b:2:2"), 6, 9, 51), (Some("a:1:1"), 2, 3, 5)]);
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
