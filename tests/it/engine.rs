//! The engine as a user meets it: how runs end, what is stopped and what is let end, who counts what.
//! The counts are held against those of the test's own server.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use crate::fixture::{Finished, Runner, folder, pause, runner, wait_until};
use crate::server::{Reply, Server};

const SOON: Duration = Duration::from_secs(20);

fn prepare(script: &str, server: &Server, args: &[&str]) -> Runner {
    let args = ["run"].iter().chain(args).chain(&["test.rhai"]);
    let script = format!("base_url(env(\"TARGET_URL\"));\n{script}");
    runner(args).file("test.rhai", &script).env("TARGET_URL", server.url())
}

fn play(script: &str, server: &Server, args: &[&str]) -> Finished {
    let before = server.count();
    let finished = prepare(script, server, args).run();
    finished.expect_counted(server.count() - before)
}

/// A server that takes a while over `/slow…`.
fn slow(time: Duration) -> Server {
    Server::start(move |request| {
        if request.path().starts_with("/slow") {
            pause(time);
        }
        Reply::ok("ok")
    })
}

/// Paths that were asked for, sorted, with how often.
fn paths(server: &Server) -> Vec<String> {
    let mut paths: Vec<String> = server.requests().iter().map(|request| request.path().to_owned()).collect();
    paths.sort_unstable();
    paths
}

/// The functions of the life cycle around a flow, each of which tells the server.
const LIFE: &str = "fn setup() { http::get(\"/setup\"); }
fn on_start() { http::get(\"/start\"); }
fn on_stop() { http::get(\"/stop\"); }
fn teardown() { http::get(\"/down\"); }
";

// ---------------------------------------------------------------- stops

#[test]
fn a_stop_in_setup_ends_the_run_before_its_load() {
    let server = Server::plain();
    let script = "fn setup() { http::get(\"/setup\"); sleep(60); }
        fn flow() { http::get(\"/flow\"); }
        fn teardown() { http::get(\"/down\"); }";
    let running = prepare(script, &server, &[]).start();
    wait_until("setup", SOON, || server.count() == 1);
    running.interrupt();
    let finished = running.wait().expect_code(105);
    assert_eq!(paths(&server), ["/setup"], "{}", finished.printed());
}

#[test]
fn sigterm_stops_like_ctrl_c_and_every_user_says_goodbye() {
    let server = Server::plain();
    let script = format!(
        "scenario(\"test\", #{{ executor: \"constant-vus\", vus: 3, duration: \"10m\", flow: || {{ http::get(\"/flow\"); sleep(60) }} }});\n{LIFE}"
    );
    let running = prepare(&script, &server, &["--workers", "2"]).start();
    wait_until("the users", SOON, || server.count_of("/flow") == 3);
    running.signal(rustix::process::Signal::TERM);
    let finished = running.wait().expect_code(105).expect_said("3 interrupted");
    assert_eq!(
        paths(&server),
        [
            "/down", "/flow", "/flow", "/flow", "/setup", "/start", "/start", "/start", "/stop", "/stop",
            "/stop"
        ],
        "{}",
        finished.printed()
    );
}

#[test]
fn a_second_ctrl_c_ends_at_once_and_is_no_bug() {
    let server = Server::plain();
    let script =
        "scenario(\"test\", #{ executor: \"constant-vus\", vus: 2, duration: \"10m\", flow: \"flow\" });
        fn flow() { http::get(\"/flow\"); sleep(60); }
        fn on_stop() { http::get(\"/stop\"); loop { try { sleep(60); } catch { } } }
        fn teardown() { http::get(\"/down\"); }";
    let running = prepare(script, &server, &[]).start();
    wait_until("the users", SOON, || server.count_of("/flow") == 2);
    running.interrupt();
    wait_until("their end", SOON, || server.count_of("/stop") == 2);
    running.interrupt();
    let finished = running.wait().expect_code(105).expect_said("2 interrupted");
    assert_eq!(server.count_of("/down"), 0, "{}", finished.printed());
}

#[test]
fn ctrl_c_ends_a_wait_for_a_silent_host() {
    // A host behind a full queue of connections: the preflight's is not answered. Where the system
    // answers it all the same, the request is what waits.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound address");
    let keep: Vec<_> = (0..300)
        .map_while(|_| std::net::TcpStream::connect_timeout(&address, Duration::from_millis(100)).ok())
        .collect();
    let running = runner(["run", "test.rhai"])
        .file("test.rhai", "base_url(env(\"TARGET_URL\"));\nfn flow() { http::get(\"/\"); }")
        .env("TARGET_URL", format!("http://{address}"))
        .start();
    pause(Duration::from_millis(500));
    running.interrupt();
    let finished = running.wait().expect_code(105);
    assert!(finished.duration < Duration::from_secs(4), "{:?}\n{}", finished.duration, finished.printed());
    drop(keep);
}

#[test]
fn on_stop_that_never_ends_is_cut_and_nothing_leaks() {
    let server = Server::plain();
    let script = "scenario(\"test\", #{ executor: \"constant-vus\", vus: 2, duration: \"100ms\", graceful_stop: \"0s\", think: constant(\"10ms\"), flow: \"flow\" });
        fn flow() { http::get(\"/flow\"); }
        fn on_stop() { http::get(\"/stop\"); loop { try { sleep(60); } catch { } } }";
    let finished = play(script, &server, &[]).expect_code(0);
    assert_eq!(server.count_of("/stop"), 2, "{}", finished.printed());
}

// ---------------------------------------------------------------- hooks of the run

#[test]
fn a_setup_that_takes_too_long_is_100_and_a_teardown_101() {
    let server = Server::plain();
    let script = "options(#{ setup_timeout: \"200ms\" });
        fn setup() { http::get(\"/setup\"); loop { try { sleep(60); } catch { } } }
        fn flow() { http::get(\"/flow\"); }";
    play(script, &server, &[]).expect_code(100).expect_said("`setup` took longer than 200ms");
    assert_eq!(paths(&server), ["/setup"]);
    let script = "options(#{ teardown_timeout: \"200ms\" });
        fn flow() { http::get(\"/flow\"); }
        fn teardown() { http::get(\"/down\"); sleep(60); }";
    play(script, &server, &[]).expect_code(101).expect_said("`teardown` took longer than 200ms");
    assert_eq!(paths(&server), ["/down", "/flow", "/setup"]);
}

#[test]
fn a_request_that_the_end_of_teardown_cuts_is_counted() {
    let server = slow(Duration::from_secs(2));
    let script = "options(#{ teardown_timeout: \"200ms\" });
        fn flow() { http::get(\"/flow\"); }
        fn teardown() { http::get(\"/slow\"); }";
    play(script, &server, &[]).expect_code(101).expect_said("1 request was under way at the stop");
}

#[test]
fn an_abort_in_setup_makes_no_load_and_one_in_on_start_no_iteration() {
    let server = Server::plain();
    let script = "fn setup() { abort(\"not today\"); }
        fn flow() { http::get(\"/flow\"); }
        fn teardown() { http::get(\"/down\"); }";
    play(script, &server, &[]).expect_code(108).expect_said("not today");
    assert_eq!(server.count(), 0);
    let script = "fn on_start() { abort(\"not here\"); }
        fn flow() { http::get(\"/flow\"); }
        fn on_stop() { http::get(\"/stop\"); }
        fn teardown() { http::get(\"/down\"); }";
    play(script, &server, &[]).expect_code(108).expect_said("not here");
    assert_eq!(paths(&server), ["/down", "/stop"]);
}

#[test]
fn a_plan_that_differs_from_worker_to_worker_is_107() {
    let server = Server::plain();
    let script = "let start = timestamp(); let i = 0; while i < 1000 { i += 1; }
        scenario(\"test\", #{ executor: \"constant-vus\", vus: 1, duration: \"1s\", tags: #{ took: `${start.elapsed}` }, flow: || http::get(\"/\") });";
    play(script, &server, &["--workers", "2"]).expect_code(107).expect_said("something else each time");
    assert_eq!(server.count(), 0);
}

// ---------------------------------------------------------------- grace

#[test]
fn a_graceful_stop_lets_iterations_end_and_none_cuts_them() {
    let run = |grace: &str| {
        let server = slow(Duration::from_millis(400));
        let script = format!(
            "scenario(\"test\", #{{ executor: \"constant-vus\", vus: 2, duration: \"100ms\", graceful_stop: \"{grace}\", flow: || http::get(\"/slow\") }});"
        );
        (play(&script, &server, &[]), server.count())
    };
    let (graceful, count) = run("10s");
    let graceful = graceful.expect_code(0);
    assert_eq!(count, 2);
    assert!((graceful.figure("iterations") - 2.0).abs() < 0.5, "{}", graceful.printed());
    assert!((graceful.figure("http_reqs") - 2.0).abs() < 0.5, "{}", graceful.printed());
    let (cut, count) = run("0s");
    assert_eq!(count, 2);
    let cut = cut.expect_said("2 interrupted");
    assert!((cut.figure("iterations")).abs() < 0.5, "{}", cut.printed());
    assert!(cut.duration < graceful.duration, "{:?} and {:?}", cut.duration, graceful.duration);
}

#[test]
fn a_user_that_is_ramped_down_may_end_its_iteration_within_its_grace() {
    let run = |grace: &str| {
        let server = slow(Duration::from_millis(400));
        let script = format!(
            "scenario(\"test\", #{{ executor: \"ramping-vus\", start_vus: 2, graceful_ramp_down: \"{grace}\", graceful_stop: \"0s\",
                stages: [\"200ms:2\", \"0s:0\", \"800ms:0\"], flow: || http::get(\"/slow\") }});"
        );
        play(&script, &server, &[])
    };
    let graceful = run("10s");
    assert!((graceful.figure("iterations") - 2.0).abs() < 0.5, "{}", graceful.printed());
    let cut = run("0s").expect_said("2 interrupted");
    assert!((cut.figure("iterations")).abs() < 0.5, "{}", cut.printed());
}

// ---------------------------------------------------------------- users and workers

#[test]
fn users_that_come_again_start_afresh_under_their_old_names() {
    let server = Server::plain();
    let script = "scenario(\"test\", #{ executor: \"ramping-vus\", start_vus: 0, flow: \"flow\",
            stages: [\"0s:3\", \"200ms:3\", \"0s:1\", \"200ms:1\", \"0s:2\", \"200ms:2\"] });
        fn on_start() { http::get(`/start/${vu::id()}/${this.contains(\"seen\")}`); this.seen = true; }
        fn flow() { http::get(`/flow/${vu::id()}/${this.seen}`); sleep(0.02); }
        fn on_stop() { http::get(`/stop/${vu::id()}/${this.seen}`); }";
    play(script, &server, &["--workers", "2"]).expect_code(0);
    let starts = [1, 2, 3].map(|id| server.count_of(&format!("/start/{id}/false")));
    let stops = [1, 2, 3].map(|id| server.count_of(&format!("/stop/{id}/true")));
    assert_eq!((starts, stops), ([1, 2, 1], [1, 2, 1]));
    let flows: usize = [1, 2, 3].iter().map(|id| server.count_of(&format!("/flow/{id}/true"))).sum();
    assert_eq!(server.count(), flows + 8, "{:?}", paths(&server));
}

#[test]
fn a_run_is_the_same_on_any_number_of_workers() {
    let walk = |workers: &str| {
        let server = Server::plain();
        let script = "const WORDS = [\"a\", \"b\", \"c\", \"d\"];
            scenario(\"one\", #{ executor: \"per-vu-iterations\", vus: 3, iterations: 4, flow: \"flow\" });
            scenario(\"two\", #{ executor: \"per-vu-iterations\", vus: 1, iterations: 5, start_time: \"50ms\", flow: \"flow\" });
            scenario(\"three\", #{ executor: \"per-vu-iterations\", vus: 2, iterations: 6,
                flow: weighted(#{ flow: 1, other: 2 }) });
            fn flow() { http::get(`/${vu::scenario()}/${vu::id()}/${vu::iteration()}/${pick(global::WORDS)}`); }
            fn other() { http::get(`/other/${vu::id()}/${vu::iteration()}/${pick(global::WORDS)}`); }";
        let finished = play(script, &server, &["--seed", "11", "--workers", workers]).expect_code(0);
        assert!((finished.figure("http_reqs") - server.count() as f64).abs() < 0.5, "{}", finished.printed());
        paths(&server)
    };
    let one = walk("1");
    assert_eq!(one.len(), 3 * 4 + 5 + 2 * 6);
    assert_eq!(one, walk("3"));
    assert_eq!(one, walk("8"), "more workers than users");
}

#[test]
fn shared_iterations_on_many_workers_are_run_once_each() {
    let server = Server::plain();
    let script = "scenario(\"test\", #{ executor: \"shared-iterations\", vus: 5, iterations: 103, flow: || http::get(\"/\") });";
    play(script, &server, &["--workers", "4"]).expect_code(0);
    assert_eq!(server.count(), 103);
}

#[test]
fn what_max_duration_cuts_off_is_dropped_and_said() {
    let server = Server::plain();
    let script = "scenario(\"test\", #{ executor: \"shared-iterations\", vus: 2, iterations: 1000, max_duration: \"300ms\", flow: \"flow\" });
        fn flow() { http::get(\"/\"); sleep(0.05); }";
    let finished = play(script, &server, &["--workers", "2"]);
    let dropped = finished.figure("dropped_iterations");
    assert!((dropped + server.count() as f64 - 1000.0).abs() < 0.5, "{}", finished.printed());
}

#[test]
fn a_stage_of_no_time_is_a_step() {
    let server = Server::plain();
    let script = "fn on_start() { http::get(\"/start\"); } fn flow() { sleep(0.05); }";
    play(script, &server, &["--stage", "0s:4,200ms:4,0s:0,100ms:0"]).expect_code(0);
    assert_eq!(server.count_of("/start"), 4);
}

// ---------------------------------------------------------------- the command line, impatiently

/// Runs a line of the shell with `$RUNNER`, in a folder with `flow.rhai`.
fn shell(line: &str, prepare: impl FnOnce(&Path)) -> Output {
    let folder = folder();
    std::fs::write(folder.path().join("flow.rhai"), "fn flow() {}").expect("a writable folder");
    prepare(folder.path());
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).current_dir(folder.path()).env("RUNNER", env!("CARGO_BIN_EXE_runner"));
    shell.env("NO_COLOR", "1").output().expect("a shell")
}

#[track_caller]
fn expect(output: &Output, code: i32, said: &str) {
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(text.contains(said), "{said:?} was not said:\n{text}");
    assert!(!text.contains("panicked"), "{text}");
}

#[test]
fn streams_that_take_nothing_are_no_panic() {
    for command in ["run", "inspect", "inspect --json", "check"] {
        let full = shell(&format!("\"$RUNNER\" {command} flow.rhai > /dev/full"), |_| {});
        expect(&full, 112, "failed to write to standard output");
        // The reader is gone before the first byte.
        let closed =
            shell(&format!("(sleep 0.2; \"$RUNNER\" {command} flow.rhai; echo $? >&2) | true"), |_| {});
        expect(&closed, 0, "0\n");
    }
    let threw = shell("echo 'fn flow() { throw 1 }' | \"$RUNNER\" run - > /dev/full", |_| {});
    expect(&threw, 107, "failed to write to standard output");
    let mute = shell("\"$RUNNER\" run flow.rhai 2> /dev/full", |_| {});
    expect(&mute, 0, "passed");
    let mute = shell("\"$RUNNER\" run missing.rhai 2> /dev/full", |_| {});
    expect(&mute, 104, "");
}

#[test]
fn a_script_may_come_from_standard_input() {
    let output = shell("echo 'fn flow() { print(\"piped\") }' | \"$RUNNER\" -", |_| {});
    expect(&output, 0, "piped");
    let output = shell("\"$RUNNER\" run - < /dev/null", |_| {});
    expect(&output, 104, "declares no scenario");
}

#[test]
fn what_is_no_script_is_named_with_what_to_do() {
    let write = |name: &'static str, bytes: &'static [u8]| {
        move |folder: &Path| std::fs::write(folder.join(name), bytes).expect("a writable folder")
    };
    let output = shell("\"$RUNNER\" run x.rhai", write("x.rhai", b"\xff\xfe\x00f"));
    expect(&output, 104, "the script `x.rhai` is no text in UTF-8");
    let output = shell("\"$RUNNER\" run x.rhai", write("x.rhai", b"\xef\xbb\xbffn flow() {}"));
    expect(&output, 0, "passed");
    let output = shell("mkdir x.rhai; \"$RUNNER\" run x.rhai", |_| {});
    expect(&output, 104, "`x.rhai` is a folder, not a script");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!text.contains("did you mean"), "it is itself no better:\n{text}");
    let output = shell("\"$RUNNER\" run flo.rhai", |_| {});
    expect(&output, 104, "did you mean `flow.rhai`?");
    let output = shell("\"$RUNNER\" run empty.rhai", write("empty.rhai", b""));
    expect(&output, 104, "has no `fn flow()`");
}

#[test]
fn wrong_values_are_named_with_where_they_come_from() {
    let said = [
        ("RUNNER_VUS=many \"$RUNNER\" run flow.rhai", 2, "environment variable `RUNNER_VUS`"),
        ("RUNNER_STAGES=1s:1,x \"$RUNNER\" run flow.rhai", 2, "environment variable `RUNNER_STAGES`"),
        ("\"$RUNNER\" run -u many flow.rhai", 2, "'many' for '--vus <N>': write a whole number"),
        ("\"$RUNNER\" run --stage 5s flow.rhai", 2, "such as 30s:50"),
        ("\"$RUNNER\" run -d 5 flow.rhai", 2, "`5` has no unit"),
        ("\"$RUNNER\" run -u 0 flow.rhai", 104, "`vus` is 0"),
        ("\"$RUNNER\" run -i 5 -u 10 flow.rhai", 104, "too few for 10 virtual users"),
        ("\"$RUNNER\" run -e X flow.rhai", 2, "write `-e X=VALUE`"),
        ("\"$RUNNER\" run --base-url ftp://x flow.rhai", 2, "(`ftp://x`)"),
        ("\"$RUNNER\" chekc flow.rhai", 2, "'check'"),
    ];
    for (line, code, text) in said {
        expect(&shell(line, |_| {}), code, text);
    }
}

// ---------------------------------------------------------------- what users draw and say

#[test]
fn a_user_that_comes_back_draws_anew() {
    let server = Server::plain();
    let script = "scenario(\"test\", #{ executor: \"ramping-vus\", start_vus: 1, flow: \"flow\",
            stages: [\"300ms:1\", \"0s:0\", \"100ms:0\", \"0s:1\", \"300ms:1\"] });
        fn on_start() { http::get(\"/start\"); }
        fn flow() { http::get(`/${random::int(1, 1000000000)}`); sleep(\"50ms\"); }";
    play(script, &server, &["--seed", "3"]).expect_code(0);
    assert_eq!(server.count_of("/start"), 2, "two lives");
    let mut drawn = paths(&server);
    drawn.retain(|path| path != "/start");
    let count = drawn.len();
    drawn.dedup();
    assert!(count >= 4 && drawn.len() == count, "{count} draws, {} different ones", drawn.len());
}

#[test]
fn a_logged_text_cannot_steer_the_terminal() {
    let server = Server::start(|_| Reply::ok("a\u{1b}[2Jb"));
    let script = "fn flow() { log::info(http::get(\"/\").body); }";
    let finished = play(script, &server, &[]).expect_code(0);
    assert!(finished.stderr.contains("a\u{fffd}[2Jb"), "{}", finished.printed());
    assert!(!finished.stderr.contains('\u{1b}'));
}
