//! Runs of tiny scripts through the engine's own door, against a server of a few lines.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Mutex;

use super::*;
use crate::diagnostic::Source;
use crate::engine::life::ON_STOP_NS;
use crate::engine::{Books, EpochCause, NewEpoch, Taps};
use crate::fiber::Current;
use crate::metrics::{Selector, Snapshot, Value};
use crate::script::{Level, LogLine, Outside, Program, Stage, StillClock};

/// What an observer saw.
#[derive(Default)]
pub(in super::super) struct Recording {
    sum: Snapshot,
    numbers: Vec<u64>,
    elapsed: Vec<Duration>,
    books: Vec<Books>,
    totals: Vec<Snapshot>,
    pub(in super::super) lines: Vec<String>,
    /// Number, cause and first second of each epoch.
    pub(in super::super) epochs: Vec<(u64, EpochCause, u64)>,
    pub(in super::super) refused: Vec<Diagnostic>,
}

impl Observer for Recording {
    fn tick(&mut self, tick: &crate::engine::Tick<'_>) {
        self.sum.append(tick.delta);
        self.numbers.push(tick.number);
        self.elapsed.push(tick.elapsed);
        self.books.push(tick.books);
        self.totals.push(tick.total.clone());
    }

    fn log(&mut self, line: &LogLine) {
        self.lines.push(line.text.clone());
    }

    fn epoch(&mut self, new: &NewEpoch<'_>) {
        self.epochs.push((new.number, new.cause.clone(), new.first_second));
    }

    fn refused(&mut self, diagnostic: &Diagnostic) {
        self.refused.push(diagnostic.clone());
    }
}

pub(in super::super) fn job(script: &str, workers: usize) -> Job {
    let source = Arc::new(Source { name: "test.rhai".into(), text: script.into() });
    let outside =
        Outside { env: Arc::new(BTreeMap::new()), seed: 7, log_level: Level::Debug, ..Outside::default() };
    let stage = Stage::new(
        std::rc::Rc::new(Current::default()),
        std::rc::Rc::new(StillClock),
        outside.clone(),
        |_| {},
    );
    let (_, declared) = Program::load(&source, &stage).unwrap();
    Job { source: Some(source), plan: declared.clone(), declared, outside, workers, taps: Taps::default() }
}

pub(in super::super) fn play(script: &str, workers: usize) -> (Outcome, Recording) {
    play_with(script, workers, &Control::default())
}

pub(in super::super) fn play_with(script: &str, workers: usize, control: &Control) -> (Outcome, Recording) {
    play_job(job(script, workers), control)
}

pub(in super::super) fn play_job(job: Job, control: &Control) -> (Outcome, Recording) {
    let mut seen = Recording::default();
    let outcome = run(job, control, &mut seen).unwrap();
    let books = outcome.books();
    assert!(books.balance(), "the books don't balance: {books:?}");
    assert_eq!(seen.sum, outcome.total, "what observers saw is not the total");
    (outcome, seen)
}

/// Answers every request with 204 for as long as the process lives, and counts them.
fn server() -> (String, Arc<Mutex<u64>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&count);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let counted = Arc::clone(&counted);
            std::thread::spawn(move || {
                let mut seen: Vec<u8> = Vec::new();
                let mut chunk = [0; 4096];
                while let Ok(length @ 1..) = stream.read(&mut chunk) {
                    seen.extend_from_slice(&chunk[..length]);
                    while let Some(end) = seen.windows(4).position(|four| four == b"\r\n\r\n") {
                        seen.drain(..end + 4);
                        *counted.lock().unwrap() += 1;
                        if stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    (url, count)
}

/// A counter's sum, which is a whole number here.
fn counter(snapshot: &Snapshot, metric: &str) -> u64 {
    match snapshot.select(&Selector::all(metric)) {
        Some(Value::Counter(sum)) => format!("{sum}").parse().unwrap(),
        other => panic!("{metric} is {other:?}"),
    }
}

#[test]
fn observers_see_every_second_and_the_rest_and_their_sum_is_the_total() {
    let (url, count) = server();
    let script = format!(
        "base_url(\"{url}\");
         scenario(\"short\", #{{ executor: \"constant-vus\", vus: 1, duration: \"300ms\", flow: \"play\" }});
         scenario(\"long\", #{{ executor: \"constant-vus\", vus: 3, duration: \"1300ms\", flow: \"play\" }});
         fn setup() {{ http::get(\"/\"); }}
         fn play() {{ http::get(\"/\"); sleep(0.01); }}
         fn teardown() {{ http::get(\"/\"); }}"
    );
    let (outcome, seen) = play(&script, 2);
    assert_eq!(outcome.end, End::Finished);
    // A whole second, the rest, and what `teardown` did.
    assert_eq!(seen.numbers, [1, 2, 3]);
    assert_eq!(seen.elapsed[0], Duration::from_secs(1));
    assert_eq!((seen.elapsed[1], seen.elapsed[2]), (outcome.elapsed, outcome.elapsed));
    assert_eq!(seen.books.last(), Some(&outcome.books()));
    assert_eq!(seen.totals.last(), Some(&outcome.total));
    let requests = counter(&outcome.total, "http_reqs");
    assert_eq!(requests + outcome.requests_cut, *count.lock().unwrap());
    assert_eq!(requests, outcome.books().started + 2, "setup, teardown, and one an iteration");
    let Some(Value::Gauge { max, .. }) = outcome.total.select(&Selector::all("vus")) else { panic!() };
    assert!((max - 3.0).abs() < 0.5, "{max} users at the end of the first second");
}

#[test]
fn a_run_shorter_than_a_second_is_seen_too() {
    let script = "options(#{ vus: 3, iterations: 3 }); fn flow() { sleep(0.01); }";
    let (outcome, seen) = play(script, 2);
    assert_eq!((seen.numbers.as_slice(), outcome.books().ok), ([1].as_slice(), 3));
    let Some(Value::Gauge { max, .. }) = outcome.total.select(&Selector::all("vus")) else { panic!() };
    assert!((max - 3.0).abs() < 0.5, "{max} users");
}

/// What the users of a run say, sorted: each line is a user, its iteration, and what it drew.
fn said(script: &str, workers: usize) -> Vec<String> {
    let mut lines = play(script, workers).1.lines;
    lines.sort_unstable();
    lines
}

#[test]
fn users_their_iterations_and_their_draws_are_the_same_on_one_worker_or_five() {
    let script = "
        scenario(\"each\", #{ executor: \"per-vu-iterations\", vus: 4, iterations: 3, flow: \"say\" });
        scenario(\"weighted\", #{ executor: \"per-vu-iterations\", vus: 3, iterations: 5, think: between(\"1ms\", \"2ms\"),
            flow: weighted(#{ say: 2, tell: 1 }) });
        fn say() { print(`${vu::scenario()} ${vu::id()} ${vu::iteration()} ${random::int(0, 1000000)}`); }
        fn tell() { print(`${vu::scenario()} ${vu::id()} ${vu::iteration()} other ${random::int(0, 1000000)}`); }";
    let one = said(script, 1);
    assert_eq!(one.len(), 4 * 3 + 3 * 5);
    assert_eq!(one, said(script, 3));
    assert_eq!(one, said(script, 5), "more workers than users of a scenario");
}

#[test]
fn shared_iterations_are_run_exactly_once_on_any_number_of_workers() {
    let script =
        "scenario(\"s\", #{ executor: \"shared-iterations\", vus: 3, iterations: 100, flow: || () });";
    for workers in [1, 2, 3, 5] {
        let books = play(script, workers).0.books();
        assert_eq!((books.scheduled, books.ok), (100, 100), "{workers} workers");
    }
}

#[test]
fn iterations_that_do_not_begin_in_time_are_dropped_and_counted() {
    for executor in ["shared-iterations", "per-vu-iterations"] {
        let script = format!(
            "scenario(\"s\", #{{ executor: \"{executor}\", vus: 2, iterations: 1000, max_duration: \"100ms\",
                graceful_stop: \"1s\", flow: || sleep(0.03) }});"
        );
        let (outcome, _) = play(&script, 3);
        let books = outcome.books();
        let asked = if executor == "shared-iterations" { 1000 } else { 2000 };
        assert_eq!((books.scheduled, books.interrupted), (asked, 0), "{executor}: {books:?}");
        assert!(books.started >= 2 && books.dropped > 900, "{executor}: {books:?}");
        assert_eq!(counter(&outcome.total, "dropped_iterations"), books.dropped);
    }
}

#[test]
fn a_worker_that_declares_something_else_ends_the_run_before_the_load() {
    // Some nanoseconds have always passed, and never as many.
    let script = "let start = timestamp(); let i = 0; while i < 1000 { i += 1; }
        scenario(\"s\", #{ executor: \"per-vu-iterations\", vus: 1, tags: #{ took: `${start.elapsed}` }, flow: || print(\"played\") });";
    let (outcome, seen) = play(script, 2);
    assert_eq!(outcome.end, End::NoLoad);
    assert_eq!(outcome.errors.first().map(|error| error.code), Some(Code::Script));
    assert!(seen.lines.is_empty(), "{:?}", seen.lines);
}

#[test]
fn a_stop_before_the_load_makes_none() {
    let control = Control::default();
    control.stop();
    let script = "fn setup() { print(\"set up\"); } fn flow() { print(\"played\"); } fn teardown() { print(\"down\"); }";
    let (outcome, seen) = play_with(script, 2, &control);
    assert_eq!((outcome.end, outcome.errors.len()), (End::Interrupted, 0));
    assert!(seen.lines.is_empty(), "{:?}", seen.lines);
}

/// Stops the run when the script says a word.
struct Stopper {
    control: Control,
    word: &'static str,
    seen: Recording,
}

impl Observer for Stopper {
    fn tick(&mut self, tick: &crate::engine::Tick<'_>) {
        self.seen.tick(tick);
    }

    fn log(&mut self, line: &LogLine) {
        self.seen.log(line);
        if line.text == self.word {
            self.control.stop();
        }
    }
}

fn stop_at(word: &'static str, script: &str) -> (Outcome, Vec<String>) {
    let control = Control::default();
    let mut stopper = Stopper { control: control.clone(), word, seen: Recording::default() };
    let outcome = run(job(script, 2), &control, &mut stopper).unwrap();
    assert!(outcome.books().balance(), "{:?}", outcome.books());
    assert_eq!(stopper.seen.sum, outcome.total);
    assert!(outcome.errors.is_empty(), "{:?}", outcome.errors);
    (outcome, stopper.seen.lines)
}

/// A run in which each part of the life cycle says when it begins and when it ends.
fn life(waits: &str) -> String {
    let part = |name: &str| {
        let wait = if name == waits { "sleep(0.2);" } else { "" };
        format!("fn {name}() {{ print(\"{name}\"); {wait} print(\"{name} over\"); }}\n")
    };
    let parts: String = ["setup", "on_start", "flow", "on_stop", "teardown"].map(part).concat();
    format!(
        "scenario(\"s\", #{{ executor: \"shared-iterations\", vus: 1, iterations: 1, flow: \"flow\" }});\n{parts}"
    )
}

#[test]
fn a_stop_in_setup_cuts_it_and_makes_no_load() {
    let (outcome, lines) = stop_at("setup", &life("setup"));
    assert_eq!((outcome.end, lines), (End::Interrupted, vec!["setup".to_owned()]));
}

#[test]
fn a_stop_between_setup_and_load_skips_the_load_and_tears_down() {
    let (outcome, lines) = stop_at("setup over", &life("none"));
    assert_eq!(outcome.end, End::Interrupted);
    assert_eq!(lines, ["setup", "setup over", "teardown", "teardown over"]);
    assert_eq!(outcome.books().dropped, 1);
}

#[test]
fn a_stop_in_on_start_lets_on_stop_run() {
    let (outcome, lines) = stop_at("on_start", &life("on_start"));
    assert_eq!(outcome.end, End::Interrupted);
    let all = ["setup", "setup over", "on_start", "on_stop", "on_stop over", "teardown", "teardown over"];
    assert_eq!(lines, all);
}

#[test]
fn a_stop_in_a_flow_interrupts_it_and_lets_on_stop_run() {
    let (outcome, lines) = stop_at("flow", &life("flow"));
    assert_eq!((outcome.end.clone(), outcome.books().interrupted), (End::Interrupted, 1));
    assert_eq!(lines[4..], ["flow", "on_stop", "on_stop over", "teardown", "teardown over"]);
}

#[test]
fn a_stop_in_on_stop_or_teardown_lets_them_end() {
    let (outcome, lines) = stop_at("on_stop", &life("on_stop"));
    assert_eq!((outcome.end.clone(), outcome.books().ok), (End::Interrupted, 1));
    assert_eq!(lines[6..], ["on_stop", "on_stop over", "teardown", "teardown over"]);
    let (outcome, lines) = stop_at("teardown", &life("teardown"));
    assert_eq!(outcome.end, End::Finished, "the load was over");
    assert_eq!(lines[8..], ["teardown", "teardown over"]);
}

#[test]
fn a_stop_in_a_think_pause_interrupts_nothing() {
    let script = "scenario(\"s\", #{ executor: \"constant-vus\", vus: 1, duration: \"1m\", think: constant(\"1m\"), flow: \"flow\" });
        fn flow() {} fn on_stop() { print(\"stopped\"); } fn setup() { print(\"set up\"); }";
    let control = Control::default();
    let stopper = control.clone();
    let later = std::thread::spawn(move || {
        let (_keep, never) = std::sync::mpsc::channel::<()>();
        let _ = never.recv_timeout(Duration::from_millis(300));
        stopper.stop();
    });
    let (outcome, seen) = play_with(script, 1, &control);
    later.join().unwrap();
    let books = outcome.books();
    assert_eq!((outcome.end, books.ok, books.interrupted), (End::Interrupted, 1, 0));
    assert_eq!(seen.lines, ["set up", "stopped"]);
}

#[test]
fn a_second_stop_leaves_behind_what_runs_and_is_no_bug() {
    let control = Control::default();
    let stopper = control.clone();
    let later = std::thread::spawn(move || {
        for _ in 0..2 {
            let (_keep, never) = std::sync::mpsc::channel::<()>();
            let _ = never.recv_timeout(Duration::from_millis(200));
            stopper.stop();
        }
    });
    let script =
        "scenario(\"s\", #{ executor: \"constant-vus\", vus: 3, duration: \"1m\", flow: || sleep(60) });
        fn on_stop() { print(\"leaving\"); loop { try { sleep(60); } catch {} } }
        fn teardown() { print(\"down\"); }";
    let (outcome, seen) = play_with(script, 2, &control);
    later.join().unwrap();
    assert_eq!((outcome.end.clone(), outcome.books().interrupted), (End::Interrupted, 3));
    assert!(outcome.errors.is_empty(), "{:?}", outcome.errors);
    assert_eq!(seen.lines, ["leaving"; 3], "no teardown");
    assert!(outcome.elapsed.as_nanos() < u128::from(ON_STOP_NS), "it waited for `on_stop`");
}

/// Reads slower than the scripts write, and wants it to end after a while.
struct Slow(Control, u32);
impl Observer for Slow {
    fn tick(&mut self, _tick: &crate::engine::Tick<'_>) {}

    fn log(&mut self, _line: &LogLine) {
        self.1 += 1;
        if self.1 == 1_000 {
            self.0.stop();
        }
        let begin = Epoch::now();
        while begin.now_ns() < 10_000 {}
    }
}

#[test]
fn a_stop_is_heard_through_a_flood_of_lines() {
    let control = Control::default();
    let script = "scenario(\"s\", #{ executor: \"constant-vus\", vus: 4, duration: \"1m\", flow: || { loop { print(\"x\"); } } });";
    let mut slow = Slow(control.clone(), 0);
    let outcome = run(job(script, 2), &control, &mut slow).unwrap();
    assert_eq!((outcome.end.clone(), outcome.books().interrupted), (End::Interrupted, 4));
    assert!(outcome.log_lost > 0);
}

#[test]
fn an_abort_counts_wherever_it_is_called() {
    for (place, load) in [("setup", false), ("on_start", true), ("flow", true), ("on_stop", true)] {
        let abort = |name: &str| if name == place { "abort(\"enough\");" } else { "" };
        let parts = ["setup", "on_start", "flow", "on_stop"]
            .map(|name| format!("fn {name}() {{ {} }}\n", abort(name)));
        let script = format!("{}fn teardown() {{ print(\"down\"); }}", parts.concat());
        let (outcome, seen) = play(&script, 2);
        assert_eq!(outcome.end, End::Aborted("enough".into()), "in `{place}`");
        assert_eq!(seen.lines.contains(&"down".to_owned()), load, "teardown after `{place}`");
    }
}

#[test]
fn what_a_failed_setup_recorded_is_not_lost() {
    let (url, count) = server();
    let script =
        format!("base_url(\"{url}\"); fn setup() {{ http::get(\"/\"); throw \"no\"; }} fn flow() {{}}");
    let (outcome, _) = play(&script, 2);
    assert_eq!((outcome.end, *count.lock().unwrap()), (End::NoLoad, 1));
    assert_eq!(counter(&outcome.total, "http_reqs"), 1);
}

#[test]
fn hooks_of_the_run_have_their_time_limits() {
    let slow = "loop { try { sleep(60); } catch {} }";
    let script = format!("options(#{{ setup_timeout: \"100ms\" }}); fn setup() {{ {slow} }} fn flow() {{}}");
    let (outcome, _) = play(&script, 1);
    assert_eq!((outcome.end, outcome.errors[0].code), (End::NoLoad, Code::SetupTimeout));
    let script =
        format!("options(#{{ teardown_timeout: \"100ms\" }}); fn teardown() {{ {slow} }} fn flow() {{}}");
    let (outcome, _) = play(&script, 1);
    assert_eq!((outcome.end.clone(), outcome.errors[0].code), (End::Finished, Code::TeardownTimeout));
    assert_eq!(outcome.books().ok, 1);
}

#[test]
fn the_time_of_on_start_is_no_lateness() {
    let script = "fn on_start() { sleep(0.3); } fn flow() {}";
    let (outcome, _) = play(script, 1);
    let Some(Value::Trend(lateness)) = outcome.total.select(&Selector::all("iteration_lateness")) else {
        panic!()
    };
    assert!(lateness.max().unwrap().value_us < 300_000, "{:?}", lateness.max());
}

#[test]
fn state_lasts_from_on_start_to_on_stop_and_no_longer() {
    // One user that is wanted, not wanted, and wanted again.
    let script = "scenario(\"s\", #{ executor: \"ramping-vus\", start_vus: 1, graceful_ramp_down: \"0s\", flow: \"flow\",
            stages: [\"100ms:1\", \"0s:0\", \"100ms:0\", \"0s:1\", \"100ms:1\"] });
        fn on_start() { print(`start ${vu::id()} ${this.count}`); this.count = 0; }
        fn flow() { this.count += 1; sleep(0.01); }
        fn on_stop() { print(`stop ${vu::id()} ${this.count > 0}`); }";
    let (outcome, seen) = play(script, 3);
    assert_eq!(seen.lines, ["start 1 ", "stop 1 true", "start 1 ", "stop 1 true"]);
    assert!(outcome.books().started > 2 && outcome.errors.is_empty());
}

#[test]
fn on_stop_runs_although_no_grace_is_left() {
    // The user leaves its pause at the very instant at which what runs is cut.
    let script =
        "scenario(\"s\", #{ executor: \"constant-vus\", vus: 2, duration: \"100ms\", graceful_stop: \"0s\",
            think: constant(\"1s\"), flow: || () });
        fn on_stop() { sleep(0.05); print(\"stopped\"); }";
    assert_eq!(play(script, 2).1.lines, ["stopped"; 2]);
}

#[test]
fn flows_that_wait_for_nothing_leave_room_for_the_others() {
    let script = "scenario(\"busy\", #{ executor: \"constant-vus\", vus: 20, duration: \"300ms\", flow: || () });
        scenario(\"paced\", #{ executor: \"constant-vus\", vus: 1, duration: \"300ms\", think: pacing(\"10ms\"), flow: || print(\"beat\") });";
    let (outcome, seen) = play(script, 1);
    assert!(seen.lines.len() > 3, "{} beats of 30", seen.lines.len());
    assert!(outcome.elapsed < Duration::from_secs(3), "{:?}", outcome.elapsed);
}

#[test]
fn an_iteration_does_not_last_while_others_run() {
    let script =
        "scenario(\"s\", #{ executor: \"constant-vus\", vus: 50, duration: \"200ms\", flow: || { 1 + 1 } });";
    let (outcome, _) = play(script, 1);
    let Some(Value::Trend(duration)) = outcome.total.select(&Selector::all("iteration_duration")) else {
        panic!()
    };
    // One worker runs one at a time, so all together last no longer than the run (but for rounding to µs).
    let sum_us = duration.mean_us().unwrap() * duration.count() as f64;
    let most_us = outcome.elapsed.as_secs_f64() * 1e6 + 0.5 * duration.count() as f64;
    assert!(sum_us < most_us, "{sum_us} µs of iterations in {most_us} µs");
}

#[test]
fn the_stop_is_a_level_that_no_script_can_swallow() {
    let script = "scenario(\"s\", #{ executor: \"constant-vus\", vus: 2, duration: \"100ms\", graceful_stop: \"0s\", flow: \"flow\" });
        fn flow() { loop { try { [3, 1, 2].sort(|a, b| { sleep(60); a - b }); } catch { } } }";
    let (outcome, _) = play(script, 2);
    assert_eq!((outcome.books().interrupted, outcome.errors.len()), (2, 0));
}

#[test]
fn a_worker_whose_thread_ends_early_is_reported() {
    // More users than there is address space for stacks.
    let mut job = job("fn flow() {}", 2);
    let crate::plan::Demand::Users(users) = &mut job.plan.scenarios[0].demand else { panic!("no users") };
    users.curve = crate::plan::Curve::constant(1 << 40, Duration::from_secs(1));
    let error = run(job, &Control::default(), &mut Recording::default()).unwrap_err();
    assert!(matches!(error, EngineError::Stacks(_)), "{error}");
}
