//! Several scripts in one call: at the same time and in series, with one verdict; and a process that stays.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::fixture::{Runner, pause, runner, wait_until};
use crate::server::{Reply, Server};

const SOON: Duration = Duration::from_secs(20);

/// `runner run a.rhai b.rhai` against a server.
fn both(a: &str, b: &str, server: &Server, args: &[&str]) -> Runner {
    let args = ["run", "a.rhai", "b.rhai"].iter().chain(args);
    let with_host = |script: &str| format!("base_url(env(\"TARGET_URL\"));\n{script}");
    runner(args).file("a.rhai", &with_host(a)).file("b.rhai", &with_host(b)).env("TARGET_URL", server.url())
}

fn paths(server: &Server) -> Vec<String> {
    server.requests().iter().map(|request| request.path().to_owned()).collect()
}

fn position(paths: &[String], path: &str) -> usize {
    paths.iter().position(|seen| seen == path).unwrap_or_else(|| panic!("no {path} in {paths:?}"))
}

const A: &str = "fn flow() { http::get(\"/a\"); }\n";
const B: &str = "fn flow() { http::get(\"/b\"); }\n";

// ---------------------------------------------------------------- together

#[test]
fn loads_of_several_scripts_start_together_once_each_is_set_up() {
    let times: Arc<Mutex<Vec<(String, Instant)>>> = Arc::default();
    let seen = Arc::clone(&times);
    let server = Server::start(move |request| {
        seen.lock().expect("no thread panics with it").push((request.path().to_owned(), Instant::now()));
        Reply::ok("ok")
    });
    let slow = format!("{A}fn setup() {{ http::get(\"/setup\"); sleep(1); http::get(\"/ready\"); }}");
    let finished = both(&slow, B, &server, &[]).run().expect_code(0).expect_said("✓ passed: 2 of 2 scripts");
    let times = times.lock().expect("no thread panics with it");
    let at = |path: &str| times.iter().find(|(seen, _)| seen == path).expect("it was asked for").1;
    let set_up = at("/ready") - at("/setup");
    let apart = at("/a").max(at("/b")) - at("/a").min(at("/b"));
    assert!(at("/b") > at("/ready"), "{}", finished.printed());
    assert!(apart < set_up / 4, "{apart:?} apart, {set_up:?} of set up\n{}", finished.printed());
    // Each has its summary, in the order of the command line, and the tally is the last line.
    let (a, b) = (finished.stdout.find("  a.rhai · "), finished.stdout.find("  b.rhai · "));
    assert!(a.is_some() && a < b, "{}", finished.printed());
    assert_eq!(finished.stdout.lines().last(), Some("✓ passed: 2 of 2 scripts"));
}

#[test]
fn the_exit_code_is_the_weightiest_and_the_last_line_names_who_failed() {
    let server = Server::plain();
    let throws = "fn flow() { http::get(\"/b\"); throw \"no\"; }";
    let target = format!("{A}target(\"http_reqs\", \"count > 5\");");
    let finished = both(&target, throws, &server, &[]).run().expect_code(107);
    assert_eq!(
        finished.stdout.lines().last(),
        Some("✗ failed: 0 of 2 scripts passed; failed: a.rhai, b.rhai"),
        "{}",
        finished.printed()
    );
    let finished = both(&target, B, &server, &[]).run().expect_code(99);
    assert!(
        finished.stdout.ends_with("✗ failed: 1 of 2 scripts passed; failed: a.rhai\n"),
        "{}",
        finished.printed()
    );
}

#[test]
fn a_script_that_cant_be_loaded_stops_all_before_any_load() {
    let server = Server::plain();
    let finished = both(A, "fn flow() { let = 5; }", &server, &[]).run().expect_code(107);
    finished.expect_said("b.rhai:2");
    both(A, B, &server, &["--scenario", "browse"])
        .run()
        .expect_code(104)
        .expect_said("the script has no scenario `browse`")
        .expect_said("in `a.rhai`");
    let named =
        "scenario(\"one\", #{ executor: \"ramping-vus\", stages: [\"1s:5\"], flow: || http::get(\"/\") });";
    both(A, named, &server, &["-u", "2"]).run().expect_code(104).expect_said("in `b.rhai`");
    both(A, B, &server, &["--param", "x=1"]).run().expect_code(2).expect_said("in `a.rhai`");
    runner(["run", "-", "-"]).run().expect_code(2).expect_said("`-` is given twice");
    assert_eq!(server.count(), 0);
}

#[test]
fn a_flag_that_changes_the_load_applies_to_each() {
    let server = Server::plain();
    both(A, B, &server, &["-i", "6", "-u", "2"]).run().expect_code(0);
    assert_eq!((server.count_of("/a"), server.count_of("/b")), (6, 6));
}

#[test]
fn a_setup_that_fails_leaves_the_others_without_a_load_but_with_their_teardown() {
    let server = Server::plain();
    let hooks = format!("{A}fn setup() {{ http::get(\"/up\"); }} fn teardown() {{ http::get(\"/down\"); }}");
    let fails = format!("{B}fn setup() {{ sleep(0.3); throw \"not today\"; }}");
    let finished = both(&hooks, &fails, &server, &[]).run().expect_code(107).expect_said("not today");
    assert_eq!(paths(&server), ["/up", "/down"], "{}", finished.printed());
    finished
        .expect_said("`b.rhai` did not get as far as its load")
        .expect_said("✗ failed: 0 of 2 scripts passed");
}

#[test]
fn ctrl_c_stops_all_scripts() {
    let server = Server::plain();
    let life = |name: &str| {
        format!(
            "scenario(\"long\", #{{ executor: \"constant-vus\", vus: 1, duration: \"10m\", flow: \"flow\" }});
            fn flow() {{ http::get(\"/{name}\"); sleep(60); }}
            fn teardown() {{ http::get(\"/down/{name}\"); }}"
        )
    };
    let running = both(&life("a"), &life("b"), &server, &[]).start();
    wait_until("both", SOON, || server.count() == 2);
    running.interrupt();
    let finished = running.wait().expect_code(105).expect_said("0 of 2 scripts passed");
    assert_eq!((server.count_of("/down/a"), server.count_of("/down/b")), (1, 1), "{}", finished.printed());
}

#[test]
fn a_stop_while_one_waits_for_anothers_setup_is_no_failure_of_it() {
    let server = Server::plain();
    let slow = format!("{B}fn setup() {{ http::get(\"/slow\"); sleep(60); }}");
    let ready =
        format!("{A}fn setup() {{ http::get(\"/ready\"); }} fn teardown() {{ http::get(\"/down\"); }}");
    let running = both(&ready, &slow, &server, &[]).start();
    wait_until("both setups", SOON, || server.count() == 2);
    pause(Duration::from_millis(200));
    running.interrupt();
    let finished = running.wait().expect_code(105);
    assert_eq!(server.count_of("/a") + server.count_of("/b"), 0, "{}", finished.printed());
    assert_eq!(server.count_of("/down"), 1, "{}", finished.printed());
    assert!(!finished.printed().contains("did not get as far"), "{}", finished.printed());
}

#[test]
fn scripts_at_the_same_time_share_the_demo_and_in_series_each_has_its_own() {
    let script = "base_url(\"demo\");\nfn flow() { log::info(http::get(\"/health\").url); }";
    let urls = |args: &[&str]| {
        let args = ["run", "a.rhai", "b.rhai"].iter().chain(args);
        let finished = runner(args).file("a.rhai", script).file("b.rhai", script).run().expect_code(0);
        let urls: Vec<String> = finished
            .stderr
            .lines()
            .filter(|line| line.starts_with("info "))
            .filter_map(|line| line.split_whitespace().last().map(str::to_owned))
            .collect();
        assert_eq!(urls.len(), 2, "{}", finished.printed());
        urls
    };
    let together = urls(&[]);
    assert_eq!(together[0], together[1]);
    let series = urls(&["--in-series"]);
    assert!(series.iter().all(|url| url.starts_with("http://127.0.0.1:")), "{series:?}");
}

#[test]
fn a_secret_of_one_script_is_hidden_in_what_the_other_prints() {
    let server = Server::plain();
    let keeps = format!("const KEY = secret(\"KEY\");\n{A}");
    // It must not come in what this script declares, which is printed before the other is read.
    let tells = "fn flow() { log::info(`the key is ${env(\"PLAIN\")}`); http::get(\"/b\"); }";
    let finished = both(&keeps, tells, &server, &[])
        .env("RUNNER_SECRET_KEY", "swordfish-9")
        .env("PLAIN", "swordfish-9")
        .run()
        .expect_code(0)
        .expect_said("info b.rhai [default #1] the key is ***");
    assert!(!finished.printed().contains("swordfish"), "{}", finished.printed());
}

// ---------------------------------------------------------------- in series

#[test]
fn in_series_one_begins_when_the_other_is_over_and_a_failed_one_stops_none() {
    let server = Server::plain();
    let first =
        format!("{A}fn teardown() {{ http::get(\"/down\"); }} target(\"http_reqs\", \"count > 100\");");
    let second = format!("{B}fn setup() {{ http::get(\"/up\"); }}");
    let finished = both(&first, &second, &server, &["--in-series"]).run().expect_code(99);
    let paths = paths(&server);
    let order = ["/a", "/down", "/up", "/b"].map(|path| position(&paths, path));
    assert!(order.is_sorted(), "{paths:?}\n{}", finished.printed());
    assert!(
        finished.stdout.ends_with("✗ failed: 1 of 2 scripts passed; failed: a.rhai\n"),
        "{}",
        finished.printed()
    );
}

#[test]
fn after_a_stop_the_scripts_behind_it_are_not_played() {
    let server = Server::plain();
    let long = "fn flow() { http::get(\"/a\"); sleep(60); }";
    let running = both(long, B, &server, &["--in-series"]).start();
    wait_until("the first", SOON, || server.count() == 1);
    running.interrupt();
    let finished = running.wait().expect_code(105);
    assert_eq!(server.count_of("/b"), 0);
    let last =
        "✗ stopped by the user: 0 of 2 scripts passed; stopped by the user: a.rhai; not played: b.rhai\n";
    assert!(finished.stdout.ends_with(last), "{}", finished.printed());
}

#[test]
fn in_series_by_the_environment_or_the_configuration() {
    let server = Server::plain();
    let slow = "fn flow() { http::get(\"/a\"); sleep(0.3); http::get(\"/a/end\"); }";
    both(slow, B, &server, &[]).env("RUNNER_IN_SERIES", "true").run().expect_code(0);
    both(slow, B, &server, &[]).file("runner.toml", "in_series = true\n").run().expect_code(0);
    assert_eq!(paths(&server), ["/a", "/a/end", "/b", "/a", "/a/end", "/b"]);
}

#[test]
fn a_host_that_is_not_there_fails_its_script_alone_in_series_and_all_together() {
    let server = Server::plain();
    let gone = format!(
        "base_url(\"http://127.0.0.1:{}\");\nfn flow() {{ http::get(\"/b\"); }}",
        crate::fixture::closed_port()
    );
    let call = |args: &[&str]| {
        runner(["run", "a.rhai", "b.rhai"].iter().chain(args))
            .file("a.rhai", &format!("base_url(env(\"TARGET_URL\"));\n{A}"))
            .file("b.rhai", &gone)
            .env("TARGET_URL", server.url())
            .run()
            .expect_code(99)
    };
    call(&[]).expect_said("0 of 2 scripts passed; failed: a.rhai, b.rhai");
    assert_eq!(server.count(), 0);
    call(&["--in-series"]).expect_said("1 of 2 scripts passed; failed: b.rhai");
    assert_eq!(server.count(), 1);
}

// ---------------------------------------------------------------- lingering

#[test]
fn a_process_that_lingers_stays_until_a_signal_and_keeps_the_code_of_the_run() {
    let server = Server::plain();
    let failing = format!("base_url(env(\"TARGET_URL\"));\n{A}target(\"http_reqs\", \"count > 5\");");
    let call =
        || runner(["run", "a.rhai", "-l", "-q"]).file("a.rhai", &failing).env("TARGET_URL", server.url());
    for signal in [rustix::process::Signal::INT, rustix::process::Signal::TERM] {
        let mut running = call().start();
        // Two pipes: what came over one says nothing of the other.
        wait_until("the wait", SOON, || {
            running.stderr().contains("lingering") && running.stdout().contains("✗ failed")
        });
        let id = running.id();
        assert!(
            running.stderr().contains(&format!("Ctrl-C, or `kill {id}`, ends it")),
            "{}",
            running.stderr()
        );
        pause(Duration::from_millis(300));
        assert!(running.is_running());
        running.signal(signal);
        let finished = running.wait().expect_code(99);
        assert!(!finished.stderr.contains("stopping"), "{}", finished.printed());
    }
}

#[test]
fn the_demo_is_there_while_the_process_lingers() {
    let script = "options(#{ linger: true });\nbase_url(\"demo\");\nfn flow() { http::get(\"/health\"); }";
    let running = runner(["run", "a.rhai"]).file("a.rhai", script).start();
    // Two pipes: what came over one says nothing of the other.
    wait_until("the wait", SOON, || {
        running.stderr().contains("lingering") && running.stdout().contains("passed:")
    });
    let url = running
        .stdout()
        .split_whitespace()
        .find(|word| word.starts_with("http://"))
        .expect("the demo's address")
        .to_owned();
    let address = url.trim_start_matches("http://").to_owned();
    assert!(std::net::TcpStream::connect(&address).is_ok(), "{address}");
    running.interrupt();
    running.wait().expect_code(0);
    assert!(std::net::TcpStream::connect(&address).is_err(), "{address}");
}

#[test]
fn a_run_that_was_stopped_does_not_linger() {
    let server = Server::plain();
    let script = "base_url(env(\"TARGET_URL\"));\nfn flow() { http::get(\"/a\"); sleep(60); }";
    let running =
        runner(["run", "a.rhai", "--linger"]).file("a.rhai", script).env("TARGET_URL", server.url()).start();
    wait_until("the flow", SOON, || server.count() == 1);
    running.interrupt();
    running.wait().expect_code(105);
}
