//! What of a load the figures are of: the warm-up that is left out, when the service became steady, iterations that
//! were cut, and how soon a target that fails ends the run. The server's own log is the truth.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use crate::fixture::{Finished, conclusive, pause, runner};
use crate::server::{Reply, Server};

/// A server that counts its time from its first request on.
struct Timed {
    server: Server,
    /// When each request arrived, since the first.
    arrivals: Arc<Mutex<Vec<Duration>>>,
}

impl Timed {
    /// Answers by the time since the first request.
    fn start(answer: impl Fn(Duration) -> Reply + Send + Sync + 'static) -> Self {
        let (begin, arrivals) = (OnceLock::new(), Arc::new(Mutex::new(Vec::new())));
        let log = Arc::clone(&arrivals);
        let server = Server::start(move |_| {
            let since = begin.get_or_init(Instant::now).elapsed();
            log.lock().expect("no thread panics with it").push(since);
            answer(since)
        });
        Self { server, arrivals }
    }

    fn last(&self) -> Duration {
        let arrivals = self.arrivals.lock().expect("no thread panics with it");
        arrivals.iter().copied().max().unwrap_or_default()
    }

    fn before(&self, limit: Duration) -> usize {
        let arrivals = self.arrivals.lock().expect("no thread panics with it");
        arrivals.iter().filter(|arrival| **arrival < limit).count()
    }
}

fn play(script: &str, server: &Server, args: &[&str]) -> Finished {
    let script = format!("base_url(env(\"TARGET_URL\"));\n{script}");
    let args = ["run", "-q", "--no-preflight", "test.rhai"].iter().chain(args);
    runner(args).file("test.rhai", &script).env("TARGET_URL", server.url()).run()
}

/// The number in front of a word, in the line that begins with another.
fn number(finished: &Finished, line: &str, word: &str) -> usize {
    let found = finished.stdout.lines().find(|text| text.trim_start().starts_with(line));
    let words: Vec<&str> = found.unwrap_or_default().split_whitespace().collect();
    let at = words.iter().position(|one| one.trim_end_matches(',') == word);
    let number = at.and_then(|at| words.get(at.checked_sub(1)?)?.replace(',', "").parse().ok());
    number.unwrap_or_else(|| panic!("no {word} in the line `{line}`\n{}", finished.printed()))
}

/// `12.3s`, `450ms`, `1m2s` in seconds.
fn seconds(text: &str) -> f64 {
    let split = text.find(|c: char| c.is_alphabetic() || c == 'µ').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().unwrap_or_else(|_| panic!("{text} is no time"));
    match unit {
        "s" => number,
        "ms" => number / 1e3,
        "µs" => number / 1e6,
        minutes => number * 60.0 + seconds(minutes.strip_prefix('m').unwrap_or_else(|| panic!("{text}"))),
    }
}

// ---------------------------------------------------------------- warm-up

/// 40 requests a second, all of which fail in the first two and a half seconds.
const COLD: &str =
    "scenario(\"main\", #{ executor: \"constant-arrival-rate\", rate: 40, duration: \"6s\", flow: || http::get(\"/\") });
    target(\"http_req_failed\", \"rate == 0%\", #{ abort_on_fail: true });
    target(\"http_reqs\", \"rate < 44/s\");
    target(\"http_reqs\", \"rate > 36/s\");
    target(\"http_reqs\", \"rate > 20/s over 2s\");";

fn cold() -> Timed {
    Timed::start(|since| {
        if since < Duration::from_millis(2_500) { Reply::new(500, "cold") } else { Reply::ok("warm") }
    })
}

#[test]
fn full_a_warm_up_is_left_out_of_figures_and_targets_and_shown_beside_them() {
    let mut timed = cold();
    let finished = conclusive(|| {
        timed = cold();
        play(&format!("options(#{{ warm_up: \"3s\" }});\n{COLD}"), &timed.server, &[])
    });
    let finished =
        finished.expect_code(0).expect_said("4 of 4 targets hold").expect_said("3.00s of it warm-up");
    let [warm, measured] = ["warm-up", "measured"].map(|part| number(&finished, part, "requests"));
    // The books: both parts are what the server saw, and what the plan asked for.
    assert_eq!((warm + measured, warm + measured), (timed.server.count(), 240), "{}", finished.printed());
    assert!((finished.figure("http_reqs") - measured as f64).abs() < 0.5, "{}", finished.printed());
    assert!((finished.figure("iterations") - measured as f64).abs() < 0.5, "{}", finished.printed());
    // The seconds are the runner's, the log's are from the first request: a request or two lie in between.
    let due = timed.before(Duration::from_secs(3));
    assert!(warm.abs_diff(due) <= 4, "{warm} and {due}\n{}", finished.printed());
    let cold = timed.before(Duration::from_millis(2_500));
    assert_eq!((number(&finished, "warm-up", "failed"), number(&finished, "measured", "failed")), (cold, 0));
}

#[test]
fn a_warm_up_of_the_script_is_taken_back_by_a_flag_and_by_a_variable() {
    let script = format!("options(#{{ warm_up: \"3s\" }});\n{COLD}");
    let timed = cold();
    play(&script, &timed.server, &["--warm-up", "0s"]).expect_code(99).expect_said("http_req_failed");
    let inspect = |variable: &str, flags: &[&str], shown: &str| {
        let args = ["inspect", "test.rhai", "--json"].iter().chain(flags);
        let call = runner(args).file("test.rhai", &format!("base_url(\"http://127.0.0.1:1\");\n{script}"));
        call.env("RUNNER_WARM_UP", variable).run().expect_code(0).expect_said(shown);
    };
    inspect("4s", &[], "\"warm_up\": \"4s\"");
    inspect("4s", &["--warm-up", "5s"], "\"warm_up\": \"5s\"");
    inspect("7s", &["--warm-up", "0s"], "\"warm_up\": \"0s\"");
}

#[test]
fn a_load_that_is_over_within_its_warm_up_shows_nothing() {
    let server = Server::plain();
    let script = "scenario(\"main\", #{ executor: \"shared-iterations\", vus: 1, iterations: 5, flow: || http::get(\"/\") });";
    play(script, &server, &["--warm-up", "2s"])
        .expect_code(99)
        .expect_said("the load was over within its warm-up of 2s: nothing was measured");
    assert_eq!(server.count(), 5);
    let target = format!("{script}\ntarget(\"http_req_failed\", \"rate == 0%\");");
    play(&target, &server, &["--warm-up", "2s"]).expect_code(99).expect_said("no samples");
}

#[test]
fn a_hit_leaves_its_warm_up_out_too() {
    let server = Server::plain();
    let url = server.url();
    let finished =
        runner(["hit", &url, "-d", "3s", "-q", "30", "--warm-up", "1s", "--no-preflight", "--json"]).run();
    let json: serde_json::Value = serde_json::from_str(&finished.stdout).expect("JSON");
    let count =
        |value: &serde_json::Value| value.as_u64().unwrap_or_else(|| panic!("{}", finished.printed()));
    let (warm, measured) = (count(&json["warm_up"]["requests"]), count(&json["requests"]));
    assert_eq!(usize::try_from(warm + measured).unwrap(), server.count(), "{}", finished.printed());
    assert!(warm.abs_diff(30) <= 3 && measured.abs_diff(60) <= 3, "{warm} and {measured}");
    assert_eq!(json["steady"]["state"], "unknown", "{}", finished.printed());
    runner(["hit", &url, "-d", "1s", "--warm-up", "1500ms"])
        .run()
        .expect_code(2)
        .expect_said("`--warm-up` is 1.5s");
}

// ---------------------------------------------------------------- steady state

#[test]
fn full_the_second_in_which_a_service_becomes_steady_is_found() {
    let mut timed = Timed::start(|_| Reply::ok(""));
    let finished = conclusive(|| {
        timed = Timed::start(|since| {
            pause(Duration::from_millis(if since < Duration::from_secs(7) { 120 } else { 30 }));
            Reply::ok("ok")
        });
        let script = "scenario(\"main\", #{ executor: \"constant-arrival-rate\", rate: 40, duration: \"26s\", flow: || http::get(\"/\") });";
        play(script, &timed.server, &[])
    });
    let line = finished.stdout.lines().find(|line| line.trim_start().starts_with("steady from "));
    let line = line.unwrap_or_else(|| panic!("no steady state\n{}", finished.printed()));
    let words: Vec<&str> = line.split_whitespace().collect();
    let found = seconds(words[2]);
    assert!((6.0..=9.0).contains(&found), "{line}");
    let median = |after: &str| {
        let (_, rest) = line.split_once(after).unwrap_or_else(|| panic!("{line}"));
        seconds(rest.split([',', ';', ' ']).next().unwrap_or_default())
    };
    let [before, since] = [median("the median was "), median("since then ")];
    assert!((0.12..0.2).contains(&before) && (0.03..0.1).contains(&since), "{line}");
}

#[test]
fn a_load_that_changes_or_is_short_says_that_nothing_can_be_said() {
    let server = Server::plain();
    let ramp = "scenario(\"main\", #{ executor: \"ramping-vus\", stages: [\"2s:4\"], flow: || { http::get(\"/\"); sleep(0.05) } });";
    play(ramp, &server, &[]).expect_said("too short to say whether it was steady");
}

// ---------------------------------------------------------------- cut iterations

#[test]
fn iterations_that_were_cut_are_listed_with_their_place_and_age() {
    let server = Server::start(|request| {
        if request.path() == "/hangs" {
            pause(Duration::from_secs(20));
        }
        Reply::ok("ok")
    });
    let script = "scenario(\"buy\", #{ executor: \"constant-vus\", vus: 3, duration: \"1s\", graceful_stop: \"500ms\", flow: \"flow\" });
        scenario(\"nap\", #{ executor: \"constant-vus\", vus: 1, duration: \"1s\", graceful_stop: \"0s\", flow: || sleep(30) });
        fn flow() {
            http::get(\"/\");
            http::get(\"/hangs\");
        }";
    let finished = play(script, &server, &[]).expect_said("INTERRUPTED");
    let age = |line: &str, after: &str| {
        let found = finished.stdout.lines().find(|text| text.contains(line)).unwrap_or_default();
        let (_, rest) = found.split_once(after).unwrap_or_else(|| panic!("{line}\n{}", finished.printed()));
        seconds(rest.split([',', ' ']).next().unwrap_or_default())
    };
    // What was measured by the same clocks is the bound: the load took so long, and they were cut at its end.
    let bought = age("3 × buy at test.rhai:6:", "the oldest after ");
    assert!((1.4..=finished.duration.as_secs_f64()).contains(&bought), "{bought}\n{}", finished.printed());
    let napped = age("1 × nap at test.rhai:3:", "after ");
    assert!((0.9..=bought).contains(&napped), "{napped}\n{}", finished.printed());
}

// ---------------------------------------------------------------- a target that ends the run

/// How long the run had gone when a target ended it, by its own clock.
fn ended_after(finished: &Finished) -> f64 {
    let (_, rest) = finished
        .stdout
        .split_once("ended the run after ")
        .unwrap_or_else(|| panic!("no target ended it\n{}", finished.printed()));
    seconds(rest.split_whitespace().next().unwrap_or_default())
}

/// The load of the tests below: four users with a request every 50 ms or so.
const LOAD: &str = "scenario(\"main\", #{ executor: \"constant-vus\", vus: 4, duration: \"60s\", graceful_stop: \"0s\", flow: || { http::get(\"/\"); sleep(0.05) } });";

#[test]
fn full_a_target_ends_the_run_within_a_second_and_a_half_of_the_second_that_decides() {
    let fails_from = Duration::from_millis(2_300);
    let mut timed = Timed::start(|_| Reply::ok(""));
    for (target, decides) in [
        // The third second is the first with failures.
        ("rate < 5%", 3.0),
        // Two thirds of seconds two and three fail less than half.
        ("rate < 50% over 2s", 4.0),
    ] {
        let finished = conclusive(|| {
            timed = Timed::start(
                move |since| {
                    if since < fails_from { Reply::ok("ok") } else { Reply::new(503, "over") }
                },
            );
            let target = format!("target(\"http_req_failed\", \"{target}\", #{{ abort_on_fail: true }});");
            play(&format!("{LOAD}\n{target}"), &timed.server, &["--workers", "2"])
        })
        .expect_code(99);
        let ended = ended_after(&finished);
        assert!((decides..decides + 1.5).contains(&ended), "{target}: {ended}\n{}", finished.printed());
        // The server agrees: it was asked until then, and no longer.
        let last = timed.last().as_secs_f64();
        assert!(last >= decides - 0.2 && last < decides + 1.5, "{target}: the last request came at {last}");
    }
}

#[test]
fn full_a_service_that_falls_silent_ends_the_run_by_its_rate() {
    let silent_from = Duration::from_millis(2_500);
    let finished = conclusive(|| {
        let timed = Timed::start(move |since| {
            if since > silent_from {
                pause(Duration::from_secs(30));
            }
            Reply::ok("ok")
        });
        let target = "target(\"http_reqs\", \"rate > 10/s over 2s\", #{ abort_on_fail: true });";
        play(&format!("{LOAD}\n{target}"), &timed.server, &[])
    })
    .expect_code(99);
    // Half of the third second is busy, so that of seconds three and four is above; four and five are silent.
    let ended = ended_after(&finished);
    assert!((5.0..6.5).contains(&ended), "{ended}\n{}", finished.printed());
}
