//! What becomes of arrivals: each is started once or dropped with its reason, late or not.

use std::time::{Duration, Instant};

use super::super::act::tests::{block_on, crew};
use super::super::run::tests::{play, play_with};
use super::super::{Control, Outcome, driver};
use crate::fiber::Fiber;
use crate::metrics::{Selector, Snapshot, Value};

/// A scenario of arrivals that runs `flow`.
fn scenario(options: &str) -> String {
    format!("scenario(\"s\", #{{ {options}, flow: \"flow\" }});\n")
}

/// A counter's sum under a selector; 0 where nothing was counted.
fn count(total: &Snapshot, selector: &str) -> u64 {
    match total.select(&Selector::parse(selector).unwrap()) {
        Some(Value::Counter(sum)) => format!("{sum}").parse().unwrap(),
        None => 0,
        other => panic!("{selector} is {other:?}"),
    }
}

/// Dropped iterations: no free user, queue full, not started, `on_start` failed; they sum to the books'.
fn dropped(outcome: &Outcome) -> [u64; 4] {
    let reasons = ["no_free_vu", "queue_full", "not_started", "on_start_failed"];
    let counts =
        reasons.map(|reason| count(&outcome.total, &format!("dropped_iterations{{reason:{reason}}}")));
    assert_eq!(counts.iter().sum::<u64>(), outcome.books().dropped, "the metric is not the books");
    assert_eq!(count(&outcome.total, "dropped_iterations"), outcome.books().dropped);
    counts
}

/// The longest of a trend, in milliseconds.
fn longest_ms(outcome: &Outcome, metric: &str) -> f64 {
    match outcome.total.select(&Selector::all(metric)) {
        Some(Value::Trend(trend)) => trend.max().unwrap().value(),
        other => panic!("{metric} is {other:?}"),
    }
}

#[test]
fn each_arrival_starts_once_on_any_number_of_workers() {
    let script = scenario("executor: \"constant-arrival-rate\", rate: 997, duration: \"500ms\"")
        + "fn flow() { log::info(scenario::iteration()); }";
    for workers in 1..=3 {
        let (outcome, seen) = play(&script, workers);
        let books = outcome.books();
        assert_eq!((books.scheduled, books.ok, books.dropped), (499, 499, 0), "{books:?}");
        let mut numbers: Vec<u64> = seen.lines.iter().map(|line| line.parse().unwrap()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..499).collect::<Vec<_>>());
        assert!(outcome.elapsed >= Duration::from_millis(500), "it lasts as long as it says");
    }
}

#[test]
fn a_ramp_with_jitter_keeps_its_count() {
    for jitter in ["none", "poisson"] {
        let script = scenario(&format!(
            "executor: \"ramping-arrival-rate\", stages: [\"300ms:1000\", \"200ms:1000\", \"0s:0\", \"100ms:0\"], jitter: \"{jitter}\""
        )) + "fn flow() {}";
        let (outcome, _) = play(&script, 2);
        assert_eq!(outcome.books().ok, 150 + 200);
    }
}

#[test]
fn users_are_hired_by_need_and_the_last_to_be_free_is_the_first_to_go() {
    let script = scenario("executor: \"constant-arrival-rate\", rate: 20, duration: \"1s\"")
        + "fn flow() { log::info(vu::id()); sleep(0.02); }";
    let (outcome, seen) = play(&script, 1);
    assert_eq!((outcome.books().ok, dropped(&outcome)), (20, [0; 4]));
    let highest = seen.lines.iter().map(|line| line.parse::<u64>().unwrap()).max();
    // An iteration of 20 ms each 50 ms needs one user; a busy machine may start some late, and together.
    assert!(highest < Some(15), "{highest:?} users");
}

#[test]
fn an_arrival_without_a_free_user_is_dropped() {
    let script = scenario(
        "executor: \"constant-arrival-rate\", rate: 100, duration: \"500ms\", max_vus: 3, graceful_stop: \"0s\"",
    ) + "fn flow() { sleep(60); }";
    let (outcome, _) = play(&script, 2);
    assert_eq!((outcome.books().interrupted, dropped(&outcome)), (3, [47, 0, 0, 0]));
}

#[test]
fn a_queued_arrival_starts_late_and_its_lateness_counts() {
    let script = scenario(
        "executor: \"constant-arrival-rate\", rate: 100, duration: \"200ms\", max_vus: 1, when_busy: \"queue\", queue_max: 5",
    ) + "fn flow() { sleep(0.3); }";
    let (outcome, _) = play(&script, 1);
    assert_eq!((outcome.books().ok, dropped(&outcome)), (6, [0, 14, 0, 0]));
    // The sixth was due at 50 ms and started at 1,500.
    let (service, response) =
        (longest_ms(&outcome, "iteration_duration"), longest_ms(&outcome, "iteration_response_time"));
    assert!(longest_ms(&outcome, "iteration_lateness") > 1_400.0);
    assert!(response > service + 1_300.0, "service {service} ms, response {response} ms");
}

#[test]
fn a_queue_without_waits_in_its_flow_is_served_all_the_same() {
    let script = scenario(
        "executor: \"constant-arrival-rate\", rate: 2000, duration: \"200ms\", max_vus: 1, when_busy: \"queue\"",
    ) + "fn flow() { let x = 0; for i in 0..50 { x += i; } }";
    let (outcome, _) = play(&script, 1);
    assert_eq!((outcome.books().ok, dropped(&outcome)), (400, [0; 4]));
}

#[test]
fn what_still_waits_after_the_graceful_stop_is_dropped() {
    let script = scenario(
        "executor: \"constant-arrival-rate\", rate: 100, duration: \"200ms\", max_vus: 1, when_busy: \"queue\", queue_max: 5, graceful_stop: \"100ms\"",
    ) + "fn flow() { sleep(60); }";
    let (outcome, _) = play(&script, 1);
    assert_eq!((outcome.books().interrupted, dropped(&outcome)), (1, [0, 14, 5, 0]));
}

#[test]
fn a_user_that_fails_in_on_start_takes_its_arrival_along() {
    let script = scenario("executor: \"constant-arrival-rate\", rate: 50, duration: \"200ms\", max_vus: 3")
        + "fn on_start() { throw \"no\"; }\nfn flow() {}";
    let (outcome, _) = play(&script, 1);
    assert_eq!((outcome.books().started, dropped(&outcome)), (0, [7, 0, 0, 3]));
    assert_eq!(outcome.scenarios[0].threw, 3);
}

#[test]
fn pre_allocated_users_are_ready_before_their_scenario() {
    let script = scenario(
        "executor: \"constant-arrival-rate\", rate: 20, duration: \"200ms\", pre_allocated_vus: 3, start_time: \"400ms\"",
    ) + "fn on_start() { sleep(0.1); log::info(\"start\"); }\nfn flow() { log::info(\"flow\"); }";
    let (outcome, seen) = play(&script, 1);
    assert_eq!((outcome.books().ok, dropped(&outcome)), (4, [0; 4]));
    assert_eq!(seen.lines, ["start", "start", "start", "flow", "flow", "flow", "flow"]);
}

#[test]
fn an_arrival_waits_for_a_pre_allocated_user_that_is_not_ready() {
    let script =
        scenario("executor: \"constant-arrival-rate\", rate: 10, duration: \"500ms\", pre_allocated_vus: 3")
            + "fn on_start() { sleep(0.25); }\nfn flow() {}";
    let (outcome, _) = play(&script, 1);
    assert_eq!((outcome.books().ok, dropped(&outcome)), (5, [0; 4]), "three are as many as there may be");
    assert!(longest_ms(&outcome, "iteration_lateness") > 240.0, "and it is late by `on_start`");
}

#[test]
fn a_failed_iteration_does_not_end_its_user() {
    let script = scenario(
        "executor: \"constant-arrival-rate\", rate: 100, duration: \"100ms\", max_vus: 1, when_busy: \"queue\"",
    ) + "fn flow() { throw \"no\"; }";
    let (outcome, _) = play(&script, 1);
    assert_eq!((outcome.books().failed, dropped(&outcome)), (10, [0; 4]));
    assert_eq!(outcome.scenarios[0].threw, 10);
}

#[test]
fn a_stop_cuts_the_schedule_and_what_waits_is_dropped() {
    let script = scenario(
        "executor: \"constant-arrival-rate\", rate: 100, duration: \"1h\", max_vus: 1, when_busy: \"queue\", queue_max: 4",
    ) + "fn flow() { sleep(600); }\nfn on_stop() { log::info(\"bye\"); }";
    let control = Control::default();
    let stopper = control.clone();
    let thread = std::thread::spawn(move || {
        #[expect(clippy::disallowed_methods, reason = "a thread of its own")]
        std::thread::sleep(Duration::from_millis(300));
        stopper.stop();
    });
    let begun = Instant::now();
    let (outcome, seen) = play_with(&script, 1, &control);
    thread.join().unwrap();
    let [no_free, full, not_started, failed] = dropped(&outcome);
    assert_eq!((outcome.books().interrupted, no_free, not_started, failed), (1, 0, 4, 0));
    assert!((10..90).contains(&full), "{full} in 0.3 s at 100 a second");
    assert_eq!(seen.lines, ["bye"]);
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_late_dispatcher_starts_all_that_it_missed() {
    block_on(async {
        let script =
            scenario("executor: \"constant-arrival-rate\", rate: 5000, duration: \"100ms\"") + "fn flow() {}";
        let (crew, timer) = crew(&script);
        tokio::task::spawn_local(std::rc::Rc::clone(&timer).run());
        // Nobody dispatched while the whole scenario passed.
        let late = crew.stage.clock().alarm();
        late.set(200_000_000);
        std::future::poll_fn(|context| late.poll_due(context)).await;
        driver::start(&crew);
        crew.over.notified().await;
        let books = crew.books();
        assert_eq!((books.scheduled, books.ok, books.balance()), (500, 500, true), "{books:?}");
        let total = crew.stage.recorder().with(|recorder| recorder.take(1));
        let Some(Value::Trend(lateness)) = total.select(&Selector::all("iteration_lateness")) else {
            panic!("no lateness")
        };
        // The last was due at 99.8 ms.
        assert!(lateness.count() == 500 && lateness.min().unwrap().value() >= 100.0);
    });
}

#[test]
fn without_a_stack_an_arrival_is_dropped_and_the_reason_told() {
    block_on(async {
        let script =
            scenario("executor: \"constant-arrival-rate\", rate: 1000, duration: \"20ms\", max_vus: 9")
                + "fn flow() { sleep(60); }";
        let (crew, timer) = crew(&script);
        tokio::task::spawn_local(std::rc::Rc::clone(&timer).run());
        // All stacks but two are in use; the arena has spare ones beside one for each user.
        let mut taken: Vec<_> =
            std::iter::from_fn(|| Fiber::new(&crew.arena().unwrap(), crew.stage.current(), || ()).ok())
                .collect();
        taken.truncate(taken.len() - 2);
        driver::start(&crew);
        let alarm = crew.stage.clock().alarm();
        alarm.set(crew.stage.clock().now_ns() + 100_000_000);
        std::future::poll_fn(|context| alarm.poll_due(context)).await;
        crew.stop();
        crew.over.notified().await;
        let books = crew.books();
        assert_eq!((books.interrupted, books.dropped, books.balance()), (2, 18, true), "{books:?}");
        let bugs = crew.bugs();
        // As many as were hired before the first of them failed.
        assert!(bugs.len() == 1 && bugs[0].1 <= 7, "{bugs:?}");
        assert!(
            bugs[0].0.message.starts_with("no stack for a virtual user of scenario `s`: all"),
            "{bugs:?}"
        );
    });
}

#[test]
fn ten_thousand_users_that_nobody_needs_cost_nothing() {
    let script =
        scenario("executor: \"constant-arrival-rate\", rate: 10, duration: \"100ms\"") + "fn flow() {}";
    let begun = Instant::now();
    let (outcome, _) = play(&script, 2);
    assert_eq!(outcome.books().ok, 1);
    assert!(begun.elapsed() < Duration::from_secs(5));
}
