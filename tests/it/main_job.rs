//! The main job from end to end: a script runs against a service, and the exit code, the summary and
//! the service's own books agree.
//!
//! Loads are small and go to a server inside the test, whose count is the truth the runner is held
//! against; only `full_…` plays the real thing, `scripts/targets.rhai` on the embedded demo.

use std::time::Duration;

use crate::fixture::{Finished, closed_port, conclusive, pause, root, runner, scripts, wait_until};
use crate::server::{Reply, Request, Server};

/// A server or a first request is there in far less, also on a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// Runs a script text against a server, as `runner ARGS… test.rhai`.
fn play(script: &str, server: &Server, args: &[&str]) -> Finished {
    let args = ["run"].iter().chain(args).chain(&["test.rhai"]);
    runner(args).file("test.rhai", script).env("TARGET_URL", server.url()).run()
}

/// A script of one scenario, `vus` users sharing `iterations`, with `body` after it.
fn shared(vus: u32, iterations: u32, body: &str) -> String {
    format!(
        "base_url(env(\"TARGET_URL\", \"demo\"));\n\
         scenario(\"test\", #{{ executor: \"shared-iterations\", vus: {vus}, iterations: {iterations}, flow: \"play\" }});\n\
         {body}\n"
    )
}

/// Where the first summary line of a metric stands.
fn place_of(summary: &str, metric: &str) -> Option<usize> {
    summary.lines().position(|line| {
        let rest = line.trim_start().strip_prefix(metric);
        rest.is_some_and(|rest| rest.trim_start_matches("_total").starts_with('.'))
    })
}

// ---------------------------------------------------------------- the main job itself

#[test]
fn full_main_job_passes_on_the_embedded_demo() {
    let script = root().join("scripts/targets.rhai");
    let play = || runner([script.as_os_str()]).timeout(Duration::from_mins(3)).run();
    let finished = conclusive(play).expect_code(0);
    let summary = &finished.stdout;
    assert!(!summary.contains('✗'), "a passed run shows a failure\n{}", finished.printed());
    assert!(summary.contains('✓'), "no target is shown as passed\n{}", finished.printed());
    let order = ["checks", "http_req_duration", "iteration_duration", "data_received"];
    let places: Vec<Option<usize>> = order.iter().map(|metric| place_of(summary, metric)).collect();
    assert!(
        places.iter().all(Option::is_some) && places.is_sorted(),
        "{order:?} stand at lines {places:?}\n{}",
        finished.printed()
    );
    assert!(finished.figure("http_reqs") >= 1000.0, "too few requests for a p(99)\n{}", finished.printed());
    let verdict = summary.trim_end().lines().last().unwrap_or_default();
    assert!(verdict.contains("passed"), "the verdict is the last line\n{}", finished.printed());
}

#[test]
fn a_service_that_is_down_ends_with_99_and_says_why() {
    let port = closed_port();
    let script = root().join("scripts/targets.rhai");
    let finished = runner([script.as_os_str()]).env("TARGET_URL", format!("http://127.0.0.1:{port}")).run();
    finished.expect_code(99).expect_said(&port.to_string()).expect_said("refused");
}

#[test]
fn a_host_that_does_not_exist_is_not_a_pass() {
    let script = root().join("scripts/targets.rhai");
    let finished = runner([script.as_os_str()]).env("TARGET_URL", "http://no-such-host.invalid:80").run();
    // Without any resolver at hand the fault is ours (111), with one it is the target's (99).
    assert!(matches!(finished.code, Some(99 | 111)), "{:?}\n{}", finished.code, finished.printed());
    finished.expect_said("no-such-host.invalid");
}

// ---------------------------------------------------------------- targets

#[test]
fn a_target_that_cannot_hold_ends_with_99_and_is_shown() {
    let server = Server::start(|_| {
        pause(Duration::from_millis(5));
        Reply::ok("late")
    });
    let script =
        shared(4, 200, "target(\"http_req_duration\", \"p(95) < 1ms\");\nfn play() { http::get(\"/\"); }");
    let finished = play(&script, &server, &[]).expect_code(99);
    assert!(finished.stdout.contains('✗') && finished.stdout.contains("p(95)"), "{}", finished.printed());
    assert!(finished.stdout.contains("1 of 1 target doesn't hold"), "{}", finished.printed());
    assert_eq!(server.count(), 200);
}

#[test]
fn a_target_that_holds_passes() {
    let server = Server::plain();
    let script = shared(
        2,
        20,
        "target(\"http_req_failed\", \"rate < 1%\");\ntarget(\"checks\", \"rate == 100%\");\n\
         fn play() { let r = http::get(\"/\"); check(r.status == 200, \"is up\"); }",
    );
    let finished = play(&script, &server, &[]).expect_code(0);
    assert!(finished.stdout.contains("is up"), "{}", finished.printed());
}

#[test]
fn a_target_without_samples_fails() {
    let server = Server::plain();
    let script = shared(
        1,
        5,
        "const SLOW = counter(\"slow_prices\");\ntarget(\"slow_prices\", \"count < 10\");\nfn play() { http::get(\"/\"); }",
    );
    play(&script, &server, &[]).expect_code(99).expect_said("slow_prices");
}

#[test]
fn errors_of_the_service_fail_the_target_on_failures() {
    let server = Server::start(|_| Reply::new(503, "down"));
    let script =
        shared(1, 10, "target(\"http_req_failed\", \"rate < 5%\");\nfn play() { http::get(\"/\"); }");
    play(&script, &server, &[]).expect_code(99);
}

#[test]
fn a_connection_that_is_cut_is_a_failure_and_no_fast_answer() {
    let server = Server::start(|_| Reply::Hangup);
    let script = shared(
        1,
        10,
        "target(\"http_req_duration\", \"p(95) < 10s\");\nfn play() { let r = http::get(\"/\"); check(r.status == 0, \"cut\"); }",
    );
    // Nothing answered, so the target saw no samples: it fails although every cut was quick.
    play(&script, &server, &[]).expect_code(99);
    assert!(server.count() >= 10, "the server read {} requests", server.count());
}

#[test]
fn a_false_check_alone_does_not_fail_the_run() {
    let server = Server::plain();
    let script =
        shared(1, 4, "fn play() { let r = http::get(\"/\"); check(r.status == 204, \"is empty\"); }");
    let finished = play(&script, &server, &[]).expect_code(0);
    assert!(finished.stdout.contains("is empty") && finished.stdout.contains('✗'), "{}", finished.printed());
}

// ---------------------------------------------------------------- the books

#[test]
fn the_runner_counts_what_the_server_counts() {
    let server = Server::plain();
    let script = shared(5, 200, "fn play() { http::get(\"/a\"); http::post(\"/b\", #{ json: #{ n: 1 } }); }");
    let finished = play(&script, &server, &[]).expect_code(0);
    assert_eq!((server.count_of("/a"), server.count_of("/b"), server.count()), (200, 200, 400));
    assert!((finished.figure("http_reqs") - 400.0).abs() < 0.5, "{}", finished.printed());
    assert!((finished.figure("iterations") - 200.0).abs() < 0.5, "{}", finished.printed());
}

#[test]
fn each_user_of_per_vu_iterations_plays_its_own_share() {
    let server = Server::plain();
    let script = "base_url(env(\"TARGET_URL\"));\n\
        scenario(\"test\", #{ executor: \"per-vu-iterations\", vus: 4, iterations: 6, flow: \"play\" });\n\
        fn play() { http::get(`/vu/${vu::id()}`); }\n";
    play(script, &server, &[]).expect_code(0);
    for id in 1..=4 {
        assert_eq!(server.count_of(&format!("/vu/{id}")), 6, "requests of VU {id}");
    }
}

#[test]
fn two_scenarios_share_a_run() {
    let server = Server::plain();
    let script = "base_url(env(\"TARGET_URL\"));\n\
        scenario(\"one\", #{ executor: \"shared-iterations\", vus: 2, iterations: 10, flow: || http::get(\"/one\") });\n\
        scenario(\"two\", #{ executor: \"shared-iterations\", vus: 1, iterations: 5, start_time: \"200ms\", flow: \"two\" });\n\
        fn two() { http::get(\"/two\"); }\n";
    play(script, &server, &[]).expect_code(0);
    assert_eq!((server.count_of("/one"), server.count_of("/two")), (10, 5));
    let order: Vec<String> = server.requests().iter().map(|request| request.path().to_owned()).collect();
    assert_eq!(order[0], "/one", "the late scenario came first: {order:?}");
}

#[test]
fn the_life_cycle_runs_each_part_as_often_as_it_should() {
    let server = Server::start(|request| Reply::json(&format!("{{\"path\":\"{}\"}}", request.path())));
    let script = "base_url(env(\"TARGET_URL\"));\n\
        scenario(\"test\", #{ executor: \"per-vu-iterations\", vus: 3, iterations: 4, flow: \"play\" });\n\
        fn setup() { http::post(\"/setup\", #{}); #{ word: \"from-setup\" } }\n\
        fn on_start() { this.token = `t${vu::id()}`; http::post(\"/start\", #{}); }\n\
        fn play(data) { http::get(`/go/${data.word}/${this.token}`); }\n\
        fn on_stop() { http::post(\"/stop\", #{}); }\n\
        fn teardown(data) { http::post(`/teardown/${data.word}`, #{}); }\n";
    play(script, &server, &[]).expect_code(0);
    let counts = ["/setup", "/start", "/stop", "/teardown/from-setup"].map(|path| server.count_of(path));
    assert_eq!(counts, [1, 3, 3, 1], "setup, on_start, on_stop, teardown");
    let tokens = [1, 2, 3].map(|id| server.count_of(&format!("/go/from-setup/t{id}")));
    assert_eq!(tokens, [4, 4, 4], "iterations that carried their own VU's token");
    let requests = server.requests();
    assert_eq!(requests.first().map(Request::path), Some("/setup"));
    assert_eq!(requests.last().map(Request::path), Some("/teardown/from-setup"));
}

#[test]
fn one_seed_is_one_run() {
    let walk = |seed: &str| -> Vec<String> {
        let server = Server::plain();
        let script = shared(
            1,
            40,
            "const NAMES = [\"a\", \"b\", \"c\", \"d\", \"e\"];\nfn play() { http::get(`/${pick(global::NAMES)}`); }",
        );
        play(&script, &server, &["--seed", seed]).expect_code(0);
        server.requests().iter().map(|request| request.path().to_owned()).collect()
    };
    let first = walk("7");
    assert_eq!(first.len(), 40);
    assert_eq!(first, walk("7"));
    assert_ne!(first, walk("8"));
}

#[test]
fn a_body_goes_with_a_get_too() {
    let server = Server::plain();
    let script = shared(1, 1, "fn play() { http::get(\"/q\", #{ json: #{ symbol: \"AAPL\" } }); }");
    play(&script, &server, &[]).expect_code(0);
    let requests = server.requests();
    assert_eq!((requests[0].method.as_str(), requests[0].text().as_str()), ("GET", "{\"symbol\":\"AAPL\"}"));
}

#[test]
fn a_connection_is_kept_and_framing_is_read() {
    let server = Server::start(|request| match request.path() {
        "/empty" => Reply::new(204, ""),
        _ => Reply::ok("body"),
    });
    let script = shared(
        1,
        10,
        "target(\"checks\", \"rate == 100%\");\nfn play() {\n  check(http::get(\"/full\").body == \"body\", \"get\");\n  \
         check(http::head(\"/full\").status == 200, \"head\");\n  check(http::get(\"/empty\").status == 204, \"empty\");\n}",
    );
    play(&script, &server, &[]).expect_code(0);
    assert_eq!(server.count(), 30);
    // One for the preflight, one for the user.
    assert!(server.connections() <= 2, "{} connections for one user", server.connections());
}

#[test]
fn a_chunked_answer_with_trailers_is_read_to_its_end() {
    let server = Server::start(|_| {
        let text = "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=1\r\ndefg\r\n0\r\nX-Sum: 7\r\n\r\n";
        Reply::Raw(text.into())
    });
    let script = shared(
        1,
        5,
        "target(\"checks\", \"rate == 100%\");\nfn play() { check(http::get(\"/\").body == \"abcdefg\", \"whole\"); }",
    );
    play(&script, &server, &[]).expect_code(0);
    assert_eq!(server.count(), 5);
}

#[test]
fn think_time_is_kept_between_iterations() {
    let server = Server::plain();
    let script = "base_url(env(\"TARGET_URL\"));\n\
        scenario(\"test\", #{ executor: \"per-vu-iterations\", vus: 1, iterations: 4, think: constant(\"250ms\"), flow: \"play\" });\n\
        fn play() { http::get(\"/\"); }\n";
    let finished = play(script, &server, &[]).expect_code(0);
    // Three pauses lie between four iterations; how much longer it took is the machine's affair.
    assert!(finished.duration >= Duration::from_millis(750), "took only {:?}", finished.duration);
    assert_eq!(server.count(), 4);
}

// ---------------------------------------------------------------- flags and exit codes

#[test]
fn flags_override_the_script_and_say_so() {
    let server = Server::plain();
    let script = shared(1, 3, "fn play() { http::get(\"/\"); }");
    let finished = play(&script, &server, &["-u", "2", "-i", "7"]).expect_code(0);
    assert_eq!(server.count(), 7);
    assert!(
        finished.stderr.contains("replace"),
        "no word that flags replace the plan\n{}",
        finished.printed()
    );
}

#[test]
fn an_environment_variable_of_the_flag_reaches_the_script() {
    let server = Server::plain();
    let script = shared(1, 1, "fn play() { http::get(`/${env(\"WORD\", \"none\")}`); }");
    play(&script, &server, &["-e", "WORD=given"]).expect_code(0);
    assert_eq!(server.count_of("/given"), 1);
}

#[test]
fn a_wrong_command_line_is_2() {
    let finished = runner(["run", "--no-such-flag", "x.rhai"]).run().expect_code(2);
    assert!(
        finished.stdout.is_empty() && finished.stderr.contains("--no-such-flag"),
        "{}",
        finished.printed()
    );
}

#[test]
fn single_throws_fail_iterations_and_not_the_run() {
    let server = Server::plain();
    let script = shared(
        1,
        10,
        "fn play() { http::get(\"/\"); if vu::iteration() == 3 { throw \"the fourth is unlucky\"; } }",
    );
    play(&script, &server, &[]).expect_code(0).expect_said("unlucky");
    assert_eq!(server.count(), 10);
}

#[test]
fn no_ok_iteration_for_fail_is_99_and_for_throw_107() {
    let server = Server::plain();
    play(&shared(1, 3, "fn play() { fail(\"no stock\"); }"), &server, &[])
        .expect_code(99)
        .expect_said("no stock");
    play(&shared(1, 3, "fn play() { throw \"no stock\"; }"), &server, &[])
        .expect_code(107)
        .expect_said("no stock");
}

#[test]
fn a_throw_of_the_top_level_or_of_setup_is_107_and_makes_no_load() {
    let server = Server::plain();
    let script = shared(1, 3, "throw \"top level\";\nfn play() { http::get(\"/\"); }");
    play(&script, &server, &[]).expect_code(107).expect_said("test.rhai:3");
    let script = shared(1, 3, "fn setup() { throw \"in setup\"; }\nfn play() { http::get(\"/\"); }");
    play(&script, &server, &[]).expect_code(107).expect_said("in setup");
    assert_eq!(server.count(), 0);
}

#[test]
fn abort_ends_the_run_with_108_and_teardown_still_runs() {
    let server = Server::plain();
    let script = shared(
        2,
        100_000,
        "fn play() { http::get(\"/\"); if vu::iteration() == 5 { abort(\"seen enough\"); } }\nfn teardown() { http::get(\"/down\"); }",
    );
    play(&script, &server, &[]).expect_code(108).expect_said("seen enough");
    assert!(server.count() < 50_000, "{} requests after an abort", server.count());
    assert_eq!(server.count_of("/down"), 1);
}

#[test]
fn ctrl_c_ends_the_run_with_105_and_a_summary() {
    let server = Server::plain();
    let script = "base_url(env(\"TARGET_URL\"));\n\
        scenario(\"test\", #{ executor: \"constant-vus\", vus: 2, duration: \"10m\", flow: \"play\" });\n\
        fn play() { http::get(\"/\"); sleep(0.01); }\n";
    let running =
        runner(["run", "test.rhai"]).file("test.rhai", script).env("TARGET_URL", server.url()).start();
    wait_until("the first requests", SOON, || server.count() >= 10);
    running.interrupt();
    let finished = running.wait().expect_code(105);
    let counted = finished.figure("http_reqs");
    // What the stop cut may have reached the server: at most one request a user.
    assert!(
        (counted - server.count() as f64).abs() < 2.5,
        "the server saw {}\n{}",
        server.count(),
        finished.printed()
    );
}

#[test]
fn a_target_that_aborts_ends_the_run_early() {
    let server = Server::start(|_| Reply::new(500, "broken"));
    let script = "base_url(env(\"TARGET_URL\"));\n\
        scenario(\"test\", #{ executor: \"constant-vus\", vus: 1, duration: \"10m\", graceful_stop: \"0s\", flow: \"play\" });\n\
        target(\"http_req_failed\", \"rate < 5%\", #{ abort_on_fail: true });\n\
        fn play() { http::get(\"/\"); sleep(0.01); }\n";
    play(script, &server, &[]).expect_code(99).expect_said("http_req_failed");
}

#[test]
fn a_flow_that_never_ends_is_cut_at_the_end_of_its_scenario() {
    let server = Server::plain();
    let script = "base_url(env(\"TARGET_URL\"));\n\
        scenario(\"test\", #{ executor: \"constant-vus\", vus: 2, duration: \"500ms\", graceful_stop: \"100ms\", flow: \"play\" });\n\
        fn play() { http::get(\"/\"); [1, 2].for_each(|x| { try { sleep(3600); } catch { sleep(3600); } }); }\n";
    let finished = play(script, &server, &[]);
    assert!(finished.code.is_some(), "{}", finished.printed());
    assert_ne!(finished.code, Some(109), "a fiber was leaked\n{}", finished.printed());
    assert_eq!(server.count(), 2);
}

// ---------------------------------------------------------------- the other commands

#[test]
fn every_script_of_the_repository_is_sound() {
    for folder in ["scripts", "benches"] {
        let scripts = scripts(folder);
        assert!(scripts.len() >= 3, "only {} scripts in {folder}/", scripts.len());
        for script in scripts {
            runner(["check".as_ref(), script.as_os_str()]).run().expect_code(0);
        }
    }
}

#[test]
fn check_finds_what_run_would_refuse() {
    let script =
        shared(1, 1, "target(\"http_req_duratoin\", \"p(95) < 1s\");\nfn play() { http::get(\"/\"); }");
    let server = Server::plain();
    let checked =
        runner(["check", "test.rhai"]).file("test.rhai", &script).env("TARGET_URL", server.url()).run();
    checked.expect_code(104).expect_said("http_req_duration");
    assert_eq!(server.connections(), 0, "check made a connection");
}

#[test]
fn inspect_prints_the_plan_as_json_on_stdout_alone() {
    let server = Server::plain();
    let script = shared(3, 9, "target(\"http_req_failed\", \"rate < 5%\");\nfn play() { http::get(\"/\"); }");
    let finished = runner(["inspect", "--json", "test.rhai"])
        .file("test.rhai", &script)
        .env("TARGET_URL", server.url())
        .run()
        .expect_code(0);
    let plan: serde_json::Value = serde_json::from_str(&finished.stdout)
        .unwrap_or_else(|error| panic!("not JSON: {error}\n{}", finished.printed()));
    let text = plan.to_string();
    assert!(text.contains("shared-iterations") && text.contains("http_req_failed"), "{text}");
    assert_eq!(server.connections(), 0, "inspect made a connection");
}

#[test]
fn the_null_server_answers_until_it_is_stopped() {
    let port = closed_port();
    let mut demo = runner(["demo", "--null", &port.to_string()]).start();
    wait_until("the null server", SOON, || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    let script = shared(
        2,
        50,
        "target(\"checks\", \"rate == 100%\");\nfn play() { check(http::get(\"/\").status == 200, \"ok\"); }",
    );
    let load = runner(["run", "test.rhai"])
        .file("test.rhai", &script)
        .env("TARGET_URL", format!("http://127.0.0.1:{port}"))
        .run()
        .expect_code(0);
    assert!((load.figure("http_reqs") - 50.0).abs() < 0.5, "{}", load.printed());
    assert!(demo.is_running(), "the null server ended by itself");
}
