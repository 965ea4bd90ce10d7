//! `runner hit` as a user meets it: what arrives at the service, how much and when, and what is said of it. The
//! counts are held against those of the test's own server.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::fixture::{Finished, Runner, closed_port, conclusive, pause, runner, wait_until};
use crate::server::{Reply, Server};
use crate::witness::Witness;

fn hit(url: &str, args: &[&str]) -> Runner {
    runner(["hit"].iter().chain(args).copied().chain([url]))
}

/// Hits a server, and holds what was counted against what it saw.
fn play(server: &Server, args: &[&str]) -> Finished {
    let before = server.count();
    let finished = hit(&format!("{}/x", server.url()), args).run();
    finished.expect_counted(server.count() - before)
}

/// A field of the JSON, by its path.
fn json(finished: &Finished, path: &[&str]) -> serde_json::Value {
    let mut value: serde_json::Value = serde_json::from_str(&finished.stdout)
        .unwrap_or_else(|error| panic!("{error}\n{}", finished.printed()));
    for key in path {
        value = value[key].take();
    }
    value
}

fn number(finished: &Finished, path: &[&str]) -> u64 {
    json(finished, path).as_u64().unwrap_or_else(|| panic!("no {path:?}\n{}", finished.printed()))
}

/// The requests that the result tells of.
fn counted(finished: &Finished) -> String {
    finished.figure("http_reqs").to_string()
}

/// What was refused, and how.
fn refused(args: &[&str]) -> String {
    let finished = hit("http://127.0.0.1:9/", args).run().expect_code(2);
    assert_eq!(finished.stdout, "");
    finished.stderr.replace("\n\n", "\n")
}

// ---------------------------------------------------------------- how much

#[test]
fn without_a_word_two_hundred_requests_over_fifty_connections() {
    let server = Server::plain();
    let finished = play(&server, &[]).expect_code(0);
    assert_eq!(server.count(), 200, "{}", finished.printed());
    // One is the preflight's.
    assert!(server.connections() <= 51, "{} connections", server.connections());
    assert_eq!(counted(&finished), "200");
    let finished = finished
        .expect_said("200 requests over 50 connections")
        .expect_said("Success rate:  100.00%  200 of 200")
        .expect_said("[200] 200 responses");
    assert!(
        finished.stdout.ends_with("✓ passed: 200 requests ok; no targets declared\n"),
        "{}",
        finished.printed()
    );
}

#[test]
fn requests_are_exact_on_any_number_of_workers() {
    for (workers, requests, connections) in [("1", 1, 50), ("2", 7, 3), ("2", 101, 10), ("3", 64, 64)] {
        let server = Server::plain();
        let (n, c) = (requests.to_string(), connections.to_string());
        play(&server, &["-n", &n, "-c", &c, "--workers", workers]).expect_code(0);
        assert_eq!(server.count(), requests, "{workers} workers");
        assert!(
            server.connections() <= connections.min(requests) + 1,
            "{} connections",
            server.connections()
        );
    }
}

#[test]
fn a_duration_ends_it_and_what_is_under_way_may_finish() {
    let server = Server::start(|_| {
        pause(Duration::from_millis(300));
        Reply::ok("ok")
    });
    let finished = play(&server, &["-c", "4", "-d", "500ms"]).expect_code(0);
    // Two by each: the second ones were under way at the end.
    assert_eq!(server.count(), 8, "{}", finished.printed());
    let finished = play(&server, &["-z500ms", "-c4", "-n5"]).expect_code(0);
    assert_eq!(counted(&finished), "5", "whichever comes first\n{}", finished.printed());
    let finished = play(&server, &["-d", "500ms", "-c", "2", "-n", "1000"]);
    assert_eq!(counted(&finished), "4", "whichever comes first\n{}", finished.printed());
}

#[test]
fn stages_ramp_the_connections() {
    let server = Server::start(|_| {
        pause(Duration::from_millis(20));
        Reply::ok("ok")
    });
    let finished = play(&server, &["--stage", "500ms:8", "--stage", "500ms:8,0s:0"]).expect_code(0);
    let connections = server.connections() - 1;
    assert!((7..=8).contains(&connections), "{connections} connections\n{}", finished.printed());
}

// ---------------------------------------------------------------- rates

#[test]
fn a_rate_is_kept_to_the_last_request() {
    for args in [["-n", "200"], ["-d", "2s"]] {
        let finished = conclusive(|| {
            let witness = Witness::start("/x", None);
            let server = &witness.server;
            let finished = play(server, &[args[0], args[1], "-q", "100", "-c", "5"]);
            assert_eq!(server.count(), 200, "{}", finished.printed());
            let seen = witness.seen();
            let took = seen[199] - seen[0];
            // The last one is due 1.99 s after the first.
            assert!(took > Duration::from_millis(1_900), "{took:?}\n{}", finished.printed());
            finished
        });
        finished.expect_code(0).expect_said("from when each request was due");
    }
}

#[test]
fn a_stall_counts_for_each_request_that_was_due_in_it() {
    let stall = (Duration::from_millis(500), Duration::from_millis(1500));
    let finished = conclusive(|| {
        let server = Witness::start("/x", Some(stall)).server;
        let args = ["-q", "100", "-d", "2s", "-c", "4", "--json", "--workers", "1"];
        let finished = hit(&format!("{}/x", server.url()), &args).run();
        assert_eq!(server.count(), 200, "the queue loses none\n{}", finished.printed());
        assert!(server.connections() <= 5, "{} connections", server.connections());
        finished
    })
    .expect_code(0);
    // Four requests met the stall, and half of all that were due waited for it: the service's own time hides that.
    assert_eq!((number(&finished, &["requests"]), number(&finished, &["dropped"])), (200, 0));
    let of = |time: &str, percentile: &str| number(&finished, &[time, percentile]);
    assert!(of("service_time", "p75_us") < 100_000, "{}", finished.printed());
    assert!(of("response_time", "p75_us") > 300_000, "{}", finished.printed());
    assert!(of("lateness", "p75_us") > 300_000, "{}", finished.printed());
}

#[test]
fn stages_of_a_rate_ramp_it() {
    let server = Witness::start("/x", None).server;
    let finished = play(&server, &["--stage", "1s:200/s", "-c", "5"]);
    assert_eq!(server.count(), 100, "{}", finished.printed());
}

// ---------------------------------------------------------------- what arrives

#[test]
fn method_headers_and_body_arrive() {
    let server = Server::plain();
    let args = [
        "-n",
        "3",
        "-c",
        "2",
        "-m",
        "put",
        "-H",
        "X-One: 1: a",
        "-H",
        "Host: elsewhere",
        "-H",
        "user-agent: me",
        "-b",
        "{\"a\":1}",
    ];
    play(&server, &args).expect_code(0);
    for request in server.requests() {
        assert_eq!((request.method.as_str(), request.target.as_str()), ("PUT", "/x"));
        assert_eq!(request.text(), "{\"a\":1}");
        let header = |name: &str| request.headers.get(name).map(String::as_str);
        assert_eq!(header("x-one"), Some("1: a"));
        assert_eq!((header("host"), header("user-agent")), (Some("elsewhere"), Some("me")));
        assert_eq!(header("content-length"), Some("7"));
    }
}

#[test]
fn a_body_comes_from_a_file_and_large_ones_arrive_whole() {
    let server = Server::plain();
    let text = "0123456789".repeat(30_000);
    let call = hit(&server.url(), &["-n", "4", "-c", "2", "-m", "POST", "--body", "@body.txt"]);
    call.file("body.txt", &text).run().expect_code(0).expect_counted(server.count());
    assert!(server.requests().iter().all(|request| request.text() == text));
    let call = hit(&server.url(), &["-n", "1", "--body", "@gone.txt"]);
    call.run().expect_code(2).expect_said("failed to read `--body @gone.txt`").expect_said("names a file");
}

#[test]
fn a_url_may_lack_its_scheme_and_has_a_query() {
    let server = Server::plain();
    let call = hit(&format!("127.0.0.1:{}/a/b?c=d", server.port()), &["-n", "2"]);
    call.run().expect_code(0).expect_said("has no scheme: `http://127.0.0.1:").expect_counted(2);
    assert!(server.requests().iter().all(|request| request.target == "/a/b?c=d"));
}

#[test]
fn the_demo_is_a_word() {
    hit("demo/health", &["-n", "20"])
        .run()
        .expect_code(0)
        .expect_said("GET demo/health")
        .expect_said("[200] 20 responses");
}

// ---------------------------------------------------------------- what is said

#[test]
fn what_is_no_success_is_none_and_a_service_that_only_fails_is_a_failure() {
    let server =
        Server::start(|request| Reply::new(if request.path() == "/x" { 429 } else { 200 }, "slow down"));
    let finished = play(&server, &["-n", "20"]).expect_code(99);
    finished
        .expect_said("Success rate:  0.00%  0 of 20")
        .expect_said("[429] 20 responses  failed")
        .expect_said("✗ failed: all 20 requests failed");
    let half = Arc::new(Mutex::new(0));
    let server = Server::start(move |_| {
        let mut count = half.lock().unwrap_or_else(PoisonError::into_inner);
        *count += 1;
        Reply::new(if *count % 2 == 0 { 503 } else { 302 }, "")
    });
    play(&server, &["-n", "20", "-c", "1"])
        .expect_code(0)
        .expect_said("Success rate:  50.00%  10 of 20")
        .expect_said("✓ passed: 10 requests ok, 10 failed");
}

#[test]
fn a_host_that_is_away_is_told_before_the_load_and_by_each_request_without_a_look() {
    let url = format!("http://127.0.0.1:{}/", closed_port());
    let finished = hit(&url, &[]).run().expect_code(99).expect_said("refused the connection");
    assert!(!finished.stderr.contains("base_url"), "no script's words\n{}", finished.printed());
    hit(&url, &["--no-preflight", "-n", "12"])
        .run()
        .expect_code(99)
        .expect_said("[12] connection refused: nothing listens there, error code 1212")
        .expect_said("✗ failed: all 12 requests failed");
}

#[test]
fn a_request_without_an_answer_is_at_least_as_slow_as_its_time_out() {
    let server = Server::start(|request| {
        if request.path() == "/x" {
            pause(Duration::from_secs(2));
        }
        Reply::ok("ok")
    });
    let finished = hit(&format!("{}/x", server.url()), &["-n", "3", "-c", "3", "--timeout", "200ms"]).run();
    finished.expect_code(99).expect_said("Slowest:       > 2").expect_said("no answer [3]");
}

#[test]
fn a_stop_ends_it_in_good_order() {
    let server = Server::plain();
    let running = hit(&server.url(), &["-c", "2", "-d", "10m"]).start();
    wait_until("requests", Duration::from_secs(20), || server.count() > 20);
    running.interrupt();
    let finished = running.wait().expect_code(105);
    finished.expect_said("✗ stopped by the user after").expect_counted(server.count());
}

#[test]
fn a_request_that_a_stop_cut_is_told_with_its_age() {
    let server = Server::start(|_| {
        pause(Duration::from_secs(5));
        Reply::ok("late")
    });
    let running = hit(&server.url(), &["-n", "3", "-c", "3"]).start();
    wait_until("requests", Duration::from_secs(20), || server.count() == 3);
    running.interrupt();
    running.interrupt();
    running.wait().expect_code(105).expect_said("Interrupted:\n  3 × hit");
}

#[test]
fn json_is_data_alone() {
    let server = Server::plain();
    let finished = hit(&server.url(), &["-n", "40", "-c", "4", "--json", "--quiet"]).run().expect_code(0);
    assert_eq!(finished.stderr, "");
    assert_eq!((number(&finished, &["requests"]), server.count()), (40, 40));
    assert_eq!(json(&finished, &["statuses"]).to_string(), "{\"200\":40}");
    assert_eq!(json(&finished, &["verdict"]), "passed");
    assert_eq!(number(&finished, &["dialup", "count"]), 4);
    let bars = json(&finished, &["histogram"]);
    let sum: u64 = bars.as_array().expect("bars").iter().filter_map(|bar| bar["requests"].as_u64()).sum();
    assert_eq!(sum, 40, "{}", finished.printed());
}

#[test]
fn wrong_words_are_told_with_what_to_write() {
    insta::assert_snapshot!(refused(&["-d", "10"]), @r#"
    error: `-d`: `10` has no unit
    hint: write "10s" or "10ms"
    "#);
    insta::assert_snapshot!(refused(&["-m", "POST", "-d", "{\"a\":1}"]), @r#"
    error: `-d {"a":1}` is no duration
    hint: `-d` is how long, such as `-d 10s`; a body goes with `--body`: `-b '{"a":1}'`
    "#);
    insta::assert_snapshot!(refused(&["-H", "Authorization Bearer x"]), @r#"
    error: `-H Authorization …` has no colon
    hint: write `-H "Name: value"`, in quotes
    "#);
    insta::assert_snapshot!(refused(&["-H", "X Y: 1"]), @r#"
    error: request header "X Y" is not a valid name
    hint: nothing was sent: correct the `-H`
    "#);
    insta::assert_snapshot!(refused(&["-H", "X: a\r\nY: b"]), @r#"
    error: request header "X" has a value with a line break or another control character
    hint: nothing was sent: correct the `-H`
    "#);
    insta::assert_snapshot!(refused(&["-m", "GE T"]), @r#"
    error: `-m GE T`: method "GE T" is not supported
    hint: write one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS
    "#);
    insta::assert_snapshot!(refused(&["-n", "5", "--stage", "5s:5"]), @r"
    error: `-n` and `--stage` are two loads
    hint: the stages say how long: leave `-n` out
    ");
    insta::assert_snapshot!(refused(&["--stage", "5s:2m"]), @r"
    error: `5s:2m` is no stage
    hint: write a time and the connections at its end, `--stage 30s:500`, or the rate: `--stage 30s:500/s`
    ");
    insta::assert_snapshot!(refused(&["--stage", "5s:2000000"]), @"error: `--stage` is 2,000,000, but must be from 0 to 1,000,000");
    assert!(refused(&["-q", "0"]).contains("must be above 0"));
    assert!(refused(&["-n", "none"]).contains("such as 200 or 10k"));
}

#[test]
fn it_measures_what_a_script_measures() {
    let server = Server::plain();
    let script = "base_url(env(\"TARGET_URL\"));
        scenario(\"s\", #{ executor: \"shared-iterations\", vus: 5, iterations: 50, flow: || { http::get(\"/x\") } });";
    let ran = runner(["run", "test.rhai"]).file("test.rhai", script).env("TARGET_URL", server.url()).run();
    let of_script = ran.expect_code(0).expect_counted(50);
    let of_hit = play(&server, &["-n", "50", "-c", "5"]).expect_code(0);
    let bytes = |finished: &Finished, line: &str| {
        let line = finished.stdout.lines().find(|text| text.trim_start().starts_with(line)).expect("a line");
        let words: Vec<&str> = line.split_once(':').expect("a label").1.split_whitespace().take(2).collect();
        words.join(" ")
    };
    assert_eq!(bytes(&of_script, "data_received"), bytes(&of_hit, "Total data"));
    let [scripted, native] = [0, 50].map(|at| server.requests()[at].clone());
    assert_eq!(
        (scripted.method, scripted.target, scripted.headers),
        (native.method, native.target, native.headers)
    );
    assert_eq!(counted(&of_script), counted(&of_hit));
}
