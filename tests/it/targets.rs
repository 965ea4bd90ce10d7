//! Targets that are narrowed: by scenario, by group, by name, over windows, each held against what the server did;
//! and targets that come from another file.

use std::time::Duration;

use crate::fixture::{Finished, conclusive, pause, runner};
use crate::server::{Reply, Server};

/// How long the slow parts take: a multiple of what a busy machine adds to the fast ones.
const SLOW: Duration = Duration::from_millis(250);

/// How long the fast parts of a load take that is judged second by second: well above what a busy machine adds, so
/// that it isn't inconclusive.
const CALM: Duration = Duration::from_millis(40);

/// Answers `/slow…` late, `/calm…` not at once, and `/broken…` wrong.
fn server() -> Server {
    Server::start(|request| match request.path() {
        path if path.starts_with("/slow") => {
            pause(SLOW);
            Reply::ok("late")
        }
        path if path.starts_with("/calm") => {
            pause(CALM);
            if path.ends_with("broken") { Reply::new(500, "no") } else { Reply::ok("ok") }
        }
        path if path.starts_with("/broken") => Reply::new(500, "no"),
        _ => Reply::ok("ok"),
    })
}

fn play(script: &str, server: &Server, args: &[&str]) -> Finished {
    let script = format!("base_url(env(\"TARGET_URL\"));\n{script}");
    let args = ["run", "test.rhai"].iter().chain(args);
    runner(args).file("test.rhai", &script).env("TARGET_URL", server.url()).run()
}

/// The line that tells of a target.
#[track_caller]
fn told<'f>(finished: &'f Finished, key: &str, text: &str) -> &'f str {
    let found = finished.stdout.lines().find(|line| line.contains(key) && line.contains(text));
    found.unwrap_or_else(|| panic!("no line of {key} {text}\n{}", finished.printed()))
}

#[test]
fn a_target_of_a_scenario_is_judged_on_its_samples_alone() {
    let script = "
        scenario(\"fast\", #{ executor: \"shared-iterations\", vus: 2, iterations: 60, flow: || http::get(\"/a\") });
        scenario(\"slow\", #{ executor: \"shared-iterations\", vus: 4, iterations: 12, flow: || http::get(\"/slow\") });
        scenario(\"broken\", #{ executor: \"shared-iterations\", vus: 1, iterations: 5, flow: || http::get(\"/broken\") });
        target(\"http_reqs{scenario:fast}\", \"count == 60\");
        target(\"http_reqs{scenario:slow}\", \"count == 12\");
        target(\"http_req_duration{scenario:fast}\", \"med < 250ms\");
        target(\"http_req_duration{scenario:slow}\", \"min >= 250ms\");
        target(\"http_req_failed{scenario:broken}\", \"rate == 100%\");
        target(\"http_req_failed{scenario!:broken}\", \"rate == 0%\");
        target(\"iterations{scenario:slow}\", \"count == 12\");
        target(\"iteration_duration{scenario:slow}\", \"min >= 250ms\");";
    let server = server();
    play(script, &server, &[]).expect_code(0).expect_counted(server.count());
    let wrong = script.replace("{scenario:fast}\", \"med < 250ms\"", "{scenario:slow}\", \"max < 250ms\"");
    let finished =
        play(&wrong, &self::server(), &[]).expect_code(99).expect_said("1 of 8 targets doesn't hold");
    let line = told(&finished, "http_req_duration{scenario:slow}", "max < 250ms");
    assert!(line.trim_start().starts_with('✗') && line.contains("12 samples"), "{line}");
}

#[test]
fn a_target_of_a_group_or_a_name_is_judged_on_its_samples_alone() {
    let script = "
        scenario(\"a\", #{ executor: \"shared-iterations\", vus: 2, iterations: 10, flow: \"flow\" });
        target(\"http_reqs{group:::cart}\", \"count == 20\");
        target(\"http_reqs{group:::cart::pay}\", \"count == 10\");
        target(\"http_req_duration{group:::cart::pay}\", \"min >= 250ms\");
        target(\"http_req_duration{group:::cart}\", \"med < 250ms\");
        target(\"group_duration{group:::cart}\", \"min >= 250ms\");
        target(\"checks{group:::cart,check:is there}\", \"rate == 100%\");
        target(\"http_reqs{name:item}\", \"count == 20\");
        target(\"http_req_failed{name:item}\", \"rate == 0%\");
        target(\"http_req_failed{name:/broken/7}\", \"rate == 100%\");
        target(\"http_req_failed{name!:/broken/7}\", \"rate == 0%\");
        fn flow() {
            group(\"cart\", || {
                for n in 0..2 { check(http::get(`/items/${n}`, #{ name: \"item\" }).status == 200, \"is there\"); }
                group(\"pay\", || http::get(\"/slow\"));
            });
            http::get(\"/broken/7\");
        }";
    let server = server();
    play(script, &server, &[]).expect_code(0).expect_counted(server.count());
    assert_eq!(server.count_of("/slow"), 10);
}

#[test]
fn a_window_of_a_scenario_is_judged_in_its_own_time() {
    // The second one is slow and comes when the first is over: a window over both would see either.
    let script = "
        scenario(\"first\", #{ executor: \"constant-vus\", vus: 2, duration: \"4s\", flow: || http::get(\"/calm\") });
        scenario(\"second\", #{ executor: \"constant-vus\", vus: 1, duration: \"4s\", start_after: \"first\", flow: || http::get(\"/slow\") });
        target(\"http_req_duration{scenario:first}\", \"med < 250ms over 2s\");
        target(\"http_req_duration{scenario:second}\", \"min >= 250ms over 2s\");
        target(\"http_reqs{scenario:second}\", \"count >= 2 over 2s\");";
    let finished = conclusive(|| play(script, &server(), &[])).expect_code(0);
    for (key, text) in
        [("{scenario:first}", "med < 250ms over 2s"), ("{scenario:second}", "min >= 250ms over 2s")]
    {
        let line = told(&finished, key, text);
        assert!(line.contains(" over 2s") && !line.contains("whole run"), "{line}");
    }
    let wrong = script.replace("min >= 250ms over 2s", "max < 250ms over 2s");
    let finished = conclusive(|| play(&wrong, &server(), &[])).expect_code(99);
    let line = told(&finished, "{scenario:second}", "max < 250ms over 2s");
    assert!(line.trim_start().starts_with('✗'), "{line}");
    let line = told(&finished, "{scenario:first}", "med < 250ms over 2s");
    assert!(line.trim_start().starts_with('✓'), "{line}");
}

#[test]
fn a_target_of_a_scenario_that_fails_in_its_window_ends_the_run() {
    let script = "
        scenario(\"good\", #{ executor: \"constant-vus\", vus: 1, duration: \"30s\", flow: || http::get(\"/calm\") });
        scenario(\"bad\", #{ executor: \"constant-vus\", vus: 1, duration: \"30s\", start_time: \"1s\", flow: || http::get(\"/calm/broken\") });
        target(\"http_req_failed{scenario:good}\", \"rate == 0% over 2s\", #{ abort_on_fail: true });
        target(\"http_req_failed{scenario:bad}\", \"rate < 50% over 2s\", #{ abort_on_fail: true });";
    let finished = conclusive(|| play(script, &server(), &[])).expect_code(99);
    let finished =
        finished.expect_said("`http_req_failed{scenario:bad} rate < 50% over 2s` ended the run after");
    assert!(finished.duration < Duration::from_secs(20), "{:?}", finished.duration);
}

#[test]
fn a_tag_value_that_is_not_there_is_told_with_those_near_it() {
    let script = "
        target(\"http_reqs{name:prise}\", \"count > 0\");
        target(\"http_reqs{group:::cardt}\", \"count > 0\");
        target(\"checks{check:is up}\", \"rate > 0\");
        fn flow() {
            http::get(\"/a\", #{ name: \"price\" });
            group(\"cart\", || http::get(\"/b\"));
            check(true, \"is_up\");
        }";
    let finished = play(script, &server(), &[]).expect_code(99);
    for near in [
        "did you mean `http_reqs{name:price}`?",
        "did you mean `http_reqs{group:::cart}`?",
        "did you mean `checks{check:is_up}`?",
    ] {
        assert!(finished.stdout.contains(near), "{near}\n{}", finished.printed());
    }
}

// ---------------------------------------------------------------- targets alone, and of another file

/// With a metric of its own, and a target that doesn't hold.
const PLAYED: &str = "base_url(env(\"TARGET_URL\"));
const SOLD = counter(\"sold\");
target(\"http_reqs\", \"count > 1000\");
scenario(\"shop\", #{ executor: \"shared-iterations\", vus: 1, iterations: 3, flow: \"flow\" });
fn flow() { http::get(\"/a\"); global::SOLD.add(2); }
";

fn with_targets(targets: &str, args: &[&str]) -> Finished {
    let server = server();
    let args = ["run", "test.rhai"].iter().chain(args);
    runner(args)
        .file("test.rhai", PLAYED)
        .file("of/targets.rhai", targets)
        .env("TARGET_URL", server.url())
        .run()
}

#[test]
fn targets_alone_are_printed_with_the_verdict_and_nothing_else() {
    let finished = with_targets("", &["--targets-only"]).expect_code(99);
    assert_eq!(
        finished.stdout,
        "  ✗ http_reqs  count > 1000  count=3\n\n✗ failed: 1 of 1 target doesn't hold\n",
        "{}",
        finished.printed()
    );
    let none = "base_url(env(\"TARGET_URL\"));\nfn flow() { http::get(\"/a\"); }";
    let server = server();
    let finished = runner(["run", "none.rhai", "--targets-only"])
        .file("none.rhai", none)
        .env("TARGET_URL", server.url());
    assert_eq!(finished.run().expect_code(0).stdout, "✓ passed: no targets declared, 1 iteration ok\n");
    with_targets("", &["--targets-only", "--no-targets"]).expect_code(2);
}

#[test]
fn targets_of_another_file_replace_the_scripts_own() {
    // A whole script, with a load that nobody plays and constants that its targets need.
    let targets = "const MOST = 5;
        scenario(\"shop\", #{ executor: \"constant-vus\", vus: 50, duration: \"1h\", flow: \"never\" });
        target(\"sold\", \"count == 6\");
        target(\"iterations{scenario:shop}\", `count < ${MOST}`);
        fn never() { http::get(\"/never\"); }";
    let finished = with_targets(targets, &["--targets", "of/targets.rhai", "--targets-only"]).expect_code(0);
    assert!(finished.stdout.ends_with("✓ passed: 2 of 2 targets hold\n"), "{}", finished.printed());
    assert!(!finished.stdout.contains("count > 1000"), "{}", finished.printed());
    finished.expect_said("note: `--targets of/targets.rhai` replaces the script's own targets");
    let inspected = runner(["inspect", "test.rhai", "--targets", "of/targets.rhai"])
        .file("test.rhai", PLAYED)
        .file("of/targets.rhai", targets)
        .env("TARGET_URL", "http://127.0.0.1:1")
        .run();
    inspected.expect_code(0).expect_said("count < 5");
}

#[test]
fn what_is_wrong_with_the_targets_of_another_file_is_shown_in_its_lines() {
    let play = |targets: &str| with_targets(targets, &["--targets", "of/targets.rhai"]).expect_code(104);
    play("\ntarget(\"iterations{scenario:shopp}\", \"count > 1\");")
        .expect_said(
            "the target `iterations{scenario:shopp}` is on a scenario that the script doesn't have: `shopp`",
        )
        .expect_said("--> of/targets.rhai:2:")
        .expect_said("did you mean `shop`?");
    play("target(\"solid\", \"count > 1\");")
        .expect_said("there is no metric `solid`")
        .expect_said("--> of/targets.rhai:1:")
        .expect_said("did you mean `sold`?");
    play("const A = counter(\"bought\");\ntarget(\"bought\", \"count > 1\");")
        .expect_said("the script that is played has no metric `bought`")
        .expect_said("--> of/targets.rhai:2:");
    play("const A = trend(\"sold\");")
        .expect_said("`sold` is declared already, as a counter")
        .expect_said("--> of/targets.rhai:1:");
    play("fn flow() { }").expect_said("`of/targets.rhai` declares no target");
    with_targets("", &["--targets", "of/target.rhai"])
        .expect_code(104)
        .expect_said("failed to read the script `of/target.rhai`");
    with_targets("", &["--targets", "of/targets.rhai", "--no-targets"]).expect_code(2);
}
