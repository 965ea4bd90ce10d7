//! Percentiles through the binary: intervals, too few samples, answers that failed apart from those that didn't, requests
//! without an answer. The samples come from real requests to a server that counts.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::fixture::{Finished, Runner, pause, runner};
use crate::server::{Reply, Server};

/// `iterations` requests and one target.
fn script(server: &Server, iterations: u32, target: &str) -> String {
    format!(
        "base_url(\"{}\");\n\
         scenario(\"s\", #{{ executor: \"shared-iterations\", vus: 4, iterations: {iterations}, flow: || http::get(\"/x\") }});\n\
         target({target});\n",
        server.url()
    )
}

fn call(script: &str, args: &[&str]) -> Runner {
    runner(["run", "-q"].iter().chain(args).chain(&["test.rhai"])).file("test.rhai", script)
}

/// The one line of the first target.
fn target_line(finished: &Finished) -> String {
    let line = finished.stdout.lines().find(|line| line.contains("http_req_duration  "));
    line.unwrap_or_else(|| panic!("no target\n{}", finished.printed())).trim().to_owned()
}

#[test]
fn a_target_on_too_few_samples_fails_says_so_and_what_to_do() {
    let server = Server::plain();
    let few = script(&server, 199, "\"http_req_duration\", \"p(95) < 10s\"");
    let finished = call(&few, &[]).run().expect_counted(server.count()).expect_code(99);
    let line = target_line(&finished);
    assert!(line.starts_with('✗') && line.contains("too few: 199 samples, it needs 200"), "{line}");
    let finished = finished.expect_said("`#{ allow_few: true }` at the target");
    let verdict = finished.stdout.lines().last().unwrap_or_default();
    assert_eq!(verdict, "✗ failed: 1 of 1 target rests on too few samples");
    let enough = script(&server, 200, "\"http_req_duration\", \"p(95) < 10s\"");
    let line = target_line(&call(&enough, &[]).run().expect_code(0));
    assert!(line.starts_with('✓') && line.contains("(95 %: ") && line.contains("200 samples"), "{line}");
}

#[test]
fn few_samples_are_judged_where_script_command_line_variable_or_file_allow_it() {
    let server = Server::plain();
    let plain = script(&server, 20, "\"http_req_duration\", \"p(95) < 10s\"");
    let own = script(&server, 20, "\"http_req_duration\", \"p(95) < 10s\", #{ allow_few: true }");
    let allowed = [
        call(&own, &[]),
        call(&plain, &["--allow-few"]),
        call(&plain, &[]).env("RUNNER_ALLOW_FEW", "yes"),
        call(&plain, &[]).file("runner.toml", "allow_few = true\n"),
    ];
    for call in allowed {
        let line = target_line(&call.run().expect_code(0));
        assert!(line.starts_with('✓') && line.contains("too few: 20 samples, it needs 200"), "{line}");
    }
    let missed = script(&server, 20, "\"http_req_duration\", \"p(95) < 1ns\", #{ allow_few: true }");
    call(&missed, &[]).run().expect_code(99).expect_said("1 of 1 target doesn't hold");
    runner(["inspect", "--allow-few", "test.rhai"])
        .file("test.rhai", &plain)
        .run()
        .expect_code(0)
        .expect_said("few samples will do");
}

#[test]
fn a_window_with_too_few_samples_fails_though_the_run_has_enough() {
    let server = Server::plain();
    let text = format!(
        "base_url(\"{}\");\n\
         scenario(\"s\", #{{ executor: \"constant-arrival-rate\", rate: 80, duration: \"4s\", flow: || http::get(\"/x\") }});\n\
         target(\"http_req_duration\", \"p(95) < 10s over 2s\");\n\
         target(\"http_req_duration\", \"p(95) < 10s\");\n",
        server.url()
    );
    let finished = call(&text, &[]).run().expect_code(99);
    let line = target_line(&finished);
    assert!(line.starts_with('✗') && line.contains("over 2s") && line.contains("it needs 200"), "{line}");
    finished.expect_said("1 of 2 targets rests on too few samples");
}

#[test]
fn answers_that_failed_stand_apart_from_those_that_did_not() {
    let (asked, slow) = (AtomicUsize::new(0), Duration::from_millis(20));
    let server = Server::start(move |_| {
        if asked.fetch_add(1, Ordering::SeqCst) % 3 == 0 {
            return Reply::new(500, "no");
        }
        pause(slow);
        Reply::ok("ok")
    });
    let finished =
        call(&script(&server, 90, "\"http_req_duration\", \"max < 10s\""), &[]).run().expect_code(0);
    let minimum = |start: &str| {
        let line = finished.stdout.lines().find(|line| line.trim_start().starts_with(start));
        let cell = line.and_then(|line| line.split("min ").nth(1)?.split_whitespace().next());
        cell.unwrap_or_else(|| panic!("no {start}\n{}", finished.printed())).to_owned()
    };
    let (all, ok, failed) = (
        minimum("http_req_duration."),
        minimum("{ expected_response:true }."),
        minimum("{ expected_response:false }."),
    );
    assert_eq!(all, failed, "the fast ones failed\n{}", finished.printed());
    let ok_ms: f64 = ok.trim_end_matches("ms").parse().unwrap_or_else(|_| panic!("{ok}"));
    assert!(ok_ms >= 20.0, "no answer that was expected came sooner\n{}", finished.printed());
    let server = Server::plain();
    let finished = call(&script(&server, 10, "\"http_req_duration\", \"max < 10s\""), &[]).run();
    assert!(!finished.stdout.contains("expected_response"), "nothing failed\n{}", finished.printed());
}

#[test]
fn hit_shows_intervals_and_how_far_requests_without_answer_reach_into_them() {
    let asked = AtomicUsize::new(0);
    let server = Server::start(move |_| {
        // The preflight asks too; of what follows one in twenty is never answered in time.
        if asked.fetch_add(1, Ordering::SeqCst) % 20 == 19 {
            pause(Duration::from_millis(800));
        }
        Reply::ok("ok")
    });
    let url = format!("{}/x", server.url());
    let args = ["hit", "-n", "400", "-c", "20", "--timeout", "300ms", &url];
    let finished = runner(args).run().expect_code(0);
    let line = |percent: &str| {
        let found = finished.stdout.lines().find(|line| line.trim_start().starts_with(percent));
        found.unwrap_or_else(|| panic!("no {percent}\n{}", finished.printed())).to_owned()
    };
    assert!(line("50.00%").contains("(95 %: ") && !line("50.00%").contains('>'), "{}", line("50.00%"));
    assert!(line("95.00%").contains(" – > 300ms)"), "{}", line("95.00%"));
    assert!(line("99.00%").trim_end().ends_with('–'), "too few\n{}", line("99.00%"));

    let finished = runner(args.iter().chain(&["--json"])).run().expect_code(0);
    let json: serde_json::Value = serde_json::from_str(&finished.stdout).expect("JSON");
    let times = &json["response_time"];
    for name in ["p10_us", "p50_us", "p75_us"] {
        let [low, found, high] = [&times["intervals"][name][0], &times[name], &times["intervals"][name][1]]
            .map(serde_json::Value::as_u64);
        assert!(low <= found && found <= high && high.is_some(), "{name}\n{times}");
    }
    let reaches = &times["intervals"]["p95_us"];
    assert!(reaches[0].is_u64() && reaches[1].is_null(), "{times}");
    assert_eq!(times["too_few"], serde_json::json!(["p99_us", "p99_9_us", "p99_99_us"]));
    let count = |side: &str| json[side]["count"].as_u64().unwrap_or_default();
    assert_eq!(count("service_time_ok") + count("service_time_failed"), count("service_time"));
}

#[test]
fn values_out_of_range_are_counted_and_named_and_the_error_of_percentiles_is_stated() {
    let server = Server::plain();
    let text = format!(
        "base_url(\"{}\");\noptions(#{{ iterations: 3 }});\nconst SCORE = trend(\"score\");\n\
         fn flow() {{ http::get(\"/x\"); global::SCORE.add(-1.0); global::SCORE.add(1e300); global::SCORE.add(5); }}\n",
        server.url()
    );
    let finished = call(&text, &[]).run().expect_code(0);
    finished
        .expect_said("6 samples of `score` were out of range: clamped or left out [clamped-values]")
        .expect_said("HDR within ±0.05 %, whole µs below 1 ms");
}
