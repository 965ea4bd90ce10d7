//! How a load is played: caps on requests, requests that throw, a least duration, chosen scenarios. What the
//! server counts and when is what the caps are held against.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::fixture::{Finished, closed_port, runner};
use crate::server::{Reply, Server};

/// When a server was asked for what.
#[derive(Clone, Default)]
struct Times(Arc<Mutex<Vec<(String, Instant)>>>);

impl Times {
    fn note(&self, path: &str) {
        self.0.lock().expect("no thread panics with it").push((path.to_owned(), Instant::now()));
    }

    fn of(&self, path: &str) -> Vec<Instant> {
        let all = self.0.lock().expect("no thread panics with it");
        all.iter().filter(|(seen, _)| seen == path).map(|(_, at)| *at).collect()
    }
}

fn clocked() -> (Server, Times) {
    let times = Times::default();
    let seen = times.clone();
    let server = Server::start(move |request| {
        seen.note(request.path());
        Reply::ok("ok")
    });
    (server, times)
}

fn play(script: &str, server: &Server, args: &[&str]) -> Finished {
    let script = format!("base_url(env(\"TARGET_URL\"));\n{script}");
    let args = ["run", "test.rhai"].iter().chain(args);
    runner(args).file("test.rhai", &script).env("TARGET_URL", server.url()).run()
}

/// The most requests in any span of this length.
fn most_within(times: &[Instant], span: Duration) -> usize {
    times
        .iter()
        .map(|from| times.iter().filter(|at| *at >= from && **at - *from < span).count())
        .max()
        .unwrap_or(0)
}

// ---------------------------------------------------------------- caps

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_cap_of_the_run_holds_for_all_users_on_all_workers_second_by_second() {
    let (server, times) = clocked();
    // Five users on two workers: three and two fifths of the slots.
    let script = "scenario(\"a\", #{ executor: \"constant-vus\", vus: 5, duration: \"3s\", graceful_stop: \"0s\", flow: || http::get(\"/a\") });";
    let finished = play(script, &server, &["--workers", "2", "--rps", "100"]);
    let all = times.of("/a");
    // 300 slots in three seconds; a machine that is busy delays some, and none comes twice.
    assert!((240..=305).contains(&all.len()), "{} requests\n{}", all.len(), finished.printed());
    assert!(most_within(&all, SECOND) <= 112, "{} in a second", most_within(&all, SECOND));
}

#[test]
fn idle_time_saves_no_requests_up() {
    let (server, times) = clocked();
    let script = "options(#{ rps: 20 });
        fn flow() { sleep(2); for i in 0..20 { http::get(\"/a\"); } }";
    play(script, &server, &[]).expect_code(0);
    let all = times.of("/a");
    assert_eq!(all.len(), 20);
    // Nineteen gaps of 50 ms; one that was idle could have sent all at once.
    assert!(all[19] - all[0] > Duration::from_millis(19 * 50 - 100), "{:?}", all[19] - all[0]);
    assert!(
        most_within(&all, Duration::from_millis(200)) <= 6,
        "{}",
        most_within(&all, Duration::from_millis(200))
    );
}

#[test]
fn a_cap_of_a_scenario_holds_for_it_alone_and_the_runs_for_both() {
    let (server, times) = clocked();
    let script = "options(#{ rps: \"3600/m\" });
        scenario(\"slow\", #{ executor: \"constant-vus\", vus: 4, duration: \"2s\", graceful_stop: \"0s\", rps: 10, flow: || http::get(\"/slow\") });
        scenario(\"fast\", #{ executor: \"constant-vus\", vus: 4, duration: \"2s\", graceful_stop: \"0s\", flow: || http::get(\"/fast\") });";
    let finished = play(script, &server, &["--workers", "2"]);
    let (slow, fast) = (times.of("/slow"), times.of("/fast"));
    assert!(most_within(&slow, SECOND) <= 14, "{} in a second", most_within(&slow, SECOND));
    assert!((13..=23).contains(&slow.len()), "{} slow\n{}", slow.len(), finished.printed());
    let mut all = [slow, fast].concat();
    all.sort_unstable();
    assert!(most_within(&all, SECOND) <= 68, "{} in a second", most_within(&all, SECOND));
    assert!((80..=125).contains(&all.len()), "{} in all\n{}", all.len(), finished.printed());
}

#[test]
fn waiting_for_a_slot_is_in_no_time_of_a_request_but_in_the_iterations() {
    let (server, _) = clocked();
    let script = "options(#{ rps: 10 });
        target(\"http_req_response_time\", \"max < 90ms\");
        target(\"http_req_blocked\", \"max < 90ms\");
        target(\"iteration_duration\", \"max > 380ms\");
        fn flow() { for i in 0..5 { http::get(\"/a\"); } }";
    play(script, &server, &[]).expect_code(0);
}

#[test]
fn a_user_that_waits_for_its_slot_can_be_stopped_and_no_request_is_counted() {
    let (server, _) = clocked();
    let script = "options(#{ rps: \"1/m\" });
        scenario(\"a\", #{ executor: \"constant-vus\", vus: 3, duration: \"500ms\", graceful_stop: \"0s\", flow: || http::get(\"/a\") });";
    let finished = play(script, &server, &["--workers", "1"]);
    assert_eq!(server.count(), 1, "{}", finished.printed());
    assert!(finished.duration < Duration::from_secs(20), "{:?}", finished.duration);
}

// ---------------------------------------------------------------- requests that throw

#[test]
fn a_request_without_an_answer_throws_where_it_is_asked_to() {
    let script = |options: &str, call: &str| {
        format!(
            "{options}\nbase_url(\"http://127.0.0.1:{}\");\nfn flow() {{ {call} log::info(\"went on\"); }}",
            closed_port()
        )
    };
    let run = |text: &str, args: &[&str]| {
        let args = ["run", "test.rhai", "--no-preflight"].iter().chain(args);
        runner(args).file("test.rhai", text).run()
    };
    let plain = script("", "http::get(\"/\");");
    run(&plain, &[]).expect_code(0).expect_said("went on");
    // The service's fault, not the script's: 99, not 107.
    for finished in [
        run(&plain, &["--throw"]),
        run(&plain, &["-w"]),
        run(&script("options(#{ throws: true });", "http::get(\"/\");"), &[]),
        run(&script("options(#{ \"throw\": true });", "http::get(\"/\");"), &[]),
        run(&script("", "http::get(\"/\", #{ throws: true });"), &[]),
    ] {
        let finished = finished.expect_code(99).expect_said("`http::get` got no answer");
        assert!(!finished.stderr.contains("info [default #1] went on"), "{}", finished.printed());
    }
    run(&script("options(#{ throws: true });", "http::get(\"/\", #{ throws: false });"), &[])
        .expect_said("went on");
    run(&script("options(#{ throws: true });", "http::get(\"/\");"), &["--throw=false"])
        .expect_said("went on");
    let caught = "try { http::get(\"/\"); } catch (error) { log::info(error.message); }";
    run(&script("", caught), &["-w"]).expect_code(0).expect_said("went on").expect_said("got no answer");
}

#[test]
fn an_answer_never_throws_whatever_its_status() {
    let server = Server::start(|_| Reply::new(503, "no"));
    play("fn flow() { if http::get(\"/\").status == 503 { log::info(\"went on\"); } }", &server, &["-w"])
        .expect_code(0)
        .expect_said("went on");
}

// ---------------------------------------------------------------- a least duration

#[test]
fn an_iteration_that_ends_sooner_is_filled_up() {
    let (server, times) = clocked();
    let script =
        "scenario(\"a\", #{ executor: \"per-vu-iterations\", vus: 1, iterations: 4, flow: \"flow\" });
        target(\"iteration_duration\", \"max < 190ms\");
        fn flow() { http::get(\"/a\"); }";
    play(script, &server, &["--min-iteration-duration", "200ms"]).expect_code(0);
    let all = times.of("/a");
    for pair in all.windows(2) {
        assert!(pair[1] - pair[0] > Duration::from_millis(195), "{:?}", pair[1] - pair[0]);
    }
    // A longer one is followed at once, and a think time comes on top.
    let (server, times) = clocked();
    let script = "options(#{ min_iteration_duration: \"100ms\" });
        scenario(\"a\", #{ executor: \"per-vu-iterations\", vus: 1, iterations: 2, think: \"200ms\", flow: || http::get(\"/a\") });
        scenario(\"b\", #{ executor: \"per-vu-iterations\", vus: 1, iterations: 2, flow: || { http::get(\"/b\"); sleep(0.2); } });";
    play(script, &server, &[]).expect_code(0);
    let gap = |path: &str| {
        let all = times.of(path);
        all[1] - all[0]
    };
    assert!(gap("/a") > Duration::from_millis(295), "{:?}", gap("/a"));
    assert!(gap("/b") < gap("/a"), "{:?} and {:?}", gap("/b"), gap("/a"));
}

// ---------------------------------------------------------------- chosen scenarios

const TWO: &str = "scenario(\"browse\", #{ executor: \"shared-iterations\", vus: 1, iterations: 2, flow: || http::get(\"/browse\") });
    scenario(\"buy\", #{ executor: \"shared-iterations\", vus: 1, iterations: 3, flow: || http::get(\"/buy\") });
    target(\"http_reqs{scenario:buy}\", \"count == 3\");
    target(\"http_reqs\", \"count > 0\");";

#[test]
fn only_chosen_scenarios_are_played_and_judged() {
    let server = Server::plain();
    play(TWO, &server, &["--scenario", "browse"])
        .expect_code(0)
        .expect_said("note: scenarios that are left out: `buy`")
        .expect_said("1 of 1 target holds");
    assert_eq!((server.count_of("/browse"), server.count_of("/buy")), (2, 0));
    play(TWO, &server, &["--scenario", "browse", "--scenario", "buy"])
        .expect_code(0)
        .expect_said("2 of 2 targets");
    assert_eq!((server.count_of("/browse"), server.count_of("/buy")), (4, 3));
    play(TWO, &server, &["--scenario", "by"]).expect_code(104).expect_said("did you mean `buy`?");
}

// ---------------------------------------------------------------- who wins

#[test]
fn each_source_of_a_setting_wins_over_the_ones_below() {
    let flow = "fn flow() { sleep(0.01); }\n";
    let script = format!(
        "options(#{{ rps: 2, throws: true, min_iteration_duration: \"2s\", linger: true }});\n{flow}"
    );
    let config = Some("rps = 1\nthrow = true\nminIterationDuration = \"1s\"\nlinger = true\n");
    let environment: &[(&str, &str)] = &[
        ("RUNNER_RPS", "3"),
        ("RUNNER_THROW", "false"),
        ("RUNNER_MIN_ITERATION_DURATION", "3s"),
        ("RUNNER_LINGER", "0"),
    ];
    let flags: &[&str] = &["--rps", "240/m", "--throw", "--min-iteration-duration", "4s", "--linger"];
    for (script, config, environment, flags, [rps, throws, least, linger]) in [
        (flow, None, &[][..], &[][..], ["null", "false", "0s", "false"]),
        (flow, config, &[], &[], ["1.0", "true", "1s", "true"]),
        (&script, config, &[], &[], ["2.0", "true", "2s", "true"]),
        (&script, config, environment, &[], ["3.0", "false", "3s", "false"]),
        (&script, config, environment, flags, ["4.0", "true", "4s", "true"]),
        (&script, None, &[], &["--rps", "0"], ["null", "true", "2s", "true"]),
    ] {
        let mut call =
            runner(["inspect", "test.rhai", "--json"].iter().chain(flags)).file("test.rhai", script);
        if let Some(config) = config {
            call = call.file("runner.toml", config);
        }
        for (name, value) in environment {
            call = call.env(name, value);
        }
        call.run()
            .expect_code(0)
            .expect_said(&format!("\"rps\": {rps}"))
            .expect_said(&format!("\"throws\": {throws}"))
            .expect_said(&format!("\"min_iteration_duration\": \"{least}\""))
            .expect_said(&format!("\"linger\": {linger}"));
    }
}

#[test]
fn scenarios_are_chosen_by_flag_environment_or_configuration() {
    let inspect = |config: &str, env: Option<&str>, args: &[&str]| {
        let mut call = runner(["inspect", "test.rhai"].iter().chain(args))
            .file("test.rhai", TWO)
            .file("runner.toml", config);
        if let Some(env) = env {
            call = call.env("RUNNER_SCENARIO", env);
        }
        call.run()
    };
    let shows = |finished: Finished, browse: bool, buy: bool| {
        let finished = finished.expect_code(0);
        let has = |name: &str| finished.stdout.lines().any(|line| line.starts_with(name));
        assert_eq!((has("browse "), has("buy ")), (browse, buy), "{}", finished.printed());
    };
    shows(inspect("", None, &[]), true, true);
    shows(inspect("scenario = \"browse\"", None, &[]), true, false);
    shows(inspect("scenario = [\"browse\", \"buy\"]", None, &[]), true, true);
    shows(inspect("scenario = \"browse\"", Some("buy"), &[]), false, true);
    shows(inspect("", Some("browse,buy"), &["--scenario", "buy"]), false, true);
    inspect("scenario = 5", None, &[]).expect_code(104).expect_said("a scenario's name, or a list of names");
}
