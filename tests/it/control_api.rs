//! The control API as scripts and pages meet it: what it shows, what it refuses and why, that what is wanted happens, its events,
//! and how it starts. Who is kept out is in `strangers.rs`.

mod client;
mod strangers;

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::fixture::{Finished, Running, pause, runner, wait_until};
use crate::server::Server;
use client::Api;

const SOON: Duration = Duration::from_secs(20);
/// A pause or another load holds within this.
const HOLDS: Duration = Duration::from_secs(1);

const USERS: &str = "scenario(\"users\", #{ executor: \"externally-controlled\", vus: 2, max_vus: 50, duration: \"10m\", flow: || { http::get(`/u${vu::id()}`); sleep(0.02) } });";
const ARRIVALS: &str = "scenario(\"arrivals\", #{ executor: \"constant-arrival-rate\", rate: 20, duration: \"10m\", flow: || http::get(\"/a\") });";

/// A run of a script whose API is at any free port.
fn start(script: &str, server: &Server, args: &[&str]) -> (Running, Api) {
    let args = ["run", "--address", "127.0.0.1:0"].iter().chain(args).chain(&["test.rhai"]);
    let script = format!("base_url(env(\"TARGET_URL\"));\n{script}");
    let mut running = runner(args).file("test.rhai", &script).env("TARGET_URL", server.url()).start();
    let api = Api::of(&mut running);
    (running, api)
}

/// The same, once its load has begun.
fn under_load(script: &str, server: &Server, args: &[&str]) -> (Running, Api) {
    let before = server.count();
    let (running, api) = start(script, server, args);
    // Of each user something, as they begin together.
    wait_until("the load", SOON, || server.count() > before + 10);
    api.wait_for("a running load", |status| status["status"] == 7);
    (running, api)
}

/// Ends a run by its API.
fn end(running: Running, api: &Api) -> Finished {
    assert_eq!(api.ask("POST", "/v1/stop", "").status, 200);
    running.wait().expect_code(105)
}

// ---------------------------------------------------------------- what is refused

#[test]
fn what_is_wrong_is_told_with_what_to_do() {
    let server = Server::plain();
    let (running, api) = under_load(&format!("{USERS}{ARRIVALS}"), &server, &[]);
    wait_until("a second of it", SOON, || api.ask("GET", "/v1/metrics/http_reqs", "").status == 200);
    let refused = |method: &str, path: &str, body: &str| {
        let answer = api.ask(method, path, body);
        format!("{} {}", answer.status, answer.detail())
    };
    insta::assert_snapshot!(refused("GET", "/v1/nothing", ""), @"404 there is no `/v1/nothing`: there are /v1/status, /v1/metrics, /v1/groups, /v1/scenarios, /v1/reset, /v1/stop and /v1/events");
    insta::assert_snapshot!(refused("DELETE", "/v1/status", ""), @"405 `/v1/status` takes no DELETE");
    insta::assert_snapshot!(refused("PATCH", "/v1/status", "paused"), @"400 the body is no JSON: expected value at line 1 column 1");
    insta::assert_snapshot!(refused("PATCH", "/v1/status", "{\"pause\": true}"), @"400 nothing is named `pause`: did you mean `paused`?");
    insta::assert_snapshot!(refused("PATCH", "/v1/status", "{\"vus-max\": 7}"), @"400 `vus-max` is 10050, and follows from the scenarios: leave it out");
    insta::assert_snapshot!(refused("PATCH", "/v1/status", "{\"scale\": -1}"), @"400 a factor must be from 0 to 1000, not -1");
    insta::assert_snapshot!(refused("PATCH", "/v1/scenarios/user", "{\"users\": 3}"), @"404 no scenario is named `user`: did you mean `users`?");
    insta::assert_snapshot!(refused("GET", "/v1/scenarios/user", ""), @"404 no scenario is named `user`: did you mean `users`?");
    insta::assert_snapshot!(refused("PATCH", "/v1/scenarios/users", "{\"users\": 51}"), @"400 scenario `users` can have at most 50 users, not 51");
    insta::assert_snapshot!(refused("PATCH", "/v1/scenarios/users", "{\"rate\": 3}"), @"409 scenario `users` is one of users, not of arrivals: set its users");
    insta::assert_snapshot!(refused("PATCH", "/v1/scenarios/arrivals", "{\"users\": 3}"), @"409 scenario `arrivals` starts iterations at a rate, and hires users by need: set its rate");
    insta::assert_snapshot!(refused("PATCH", "/v1/scenarios/arrivals", "{}"), @r#"400 send {"users": N}, or {"rate": N} of a scenario that starts iterations at a rate"#);
    insta::assert_snapshot!(refused("GET", "/v1/metrics/http_req", ""), @"404 nothing has been recorded of a metric `http_req`: did you mean `http_reqs` or `http_req_dns` or `http_req_failed`?");
    insta::assert_snapshot!(refused("GET", "/v1/groups/0", ""), @"404 no group has the id `0`: `GET /v1/groups` lists those with samples so far");
    end(running, &api);
}

// ---------------------------------------------------------------- what it shows

/// A document with its numbers taken out, but for those of the status and those that are none.
fn shape(value: &Value) -> Value {
    match value {
        Value::Number(_) => json!("number"),
        Value::Array(items) => items.iter().map(shape).collect(),
        Value::Object(pairs) => pairs.iter().map(|(key, value)| (key.clone(), shape(value))).collect(),
        other => other.clone(),
    }
}

#[test]
fn status_metrics_and_groups_have_k6s_shapes() {
    let server = Server::plain();
    let script = "scenario(\"shop\", #{ executor: \"constant-vus\", vus: 1, duration: \"10m\", flow: || {
            group(\"cart\", || { let r = http::get(\"/u\"); check(r.status == 200, \"it is there\"); });
            sleep(0.02);
        } });
        target(\"http_req_duration\", \"max < 1h\");
        target(\"http_reqs{name:/u}\", \"count > 1000000\");";
    let (running, api) = under_load(script, &server, &[]);
    wait_until("a second of it", SOON, || api.ask("GET", "/v1/metrics/checks", "").status == 200);
    let status = api.get("/v1/status");
    assert!(status.head.contains("content-type: application/json"), "{status:?}");
    insta::assert_snapshot!(status.json(), @r#"{"data":{"type":"status","id":"default","attributes":{"status":7,"paused":false,"vus":1,"vus-max":1,"stopped":false,"running":true,"tainted":true}}}"#);
    let metric = |id: &str| shape(&api.get(&format!("/v1/metrics/{id}")).json());
    insta::assert_snapshot!(metric("http_req_duration"), @r#"{"data":{"type":"metrics","id":"http_req_duration","attributes":{"type":"trend","contains":"time","tainted":false,"sample":{"avg":"number","max":"number","med":"number","min":"number","p(90)":"number","p(95)":"number"}}}}"#);
    insta::assert_snapshot!(metric("http_reqs%7Bname:%2Fu%7D"), @r#"{"data":{"type":"metrics","id":"http_reqs{name:/u}","attributes":{"type":"counter","contains":"default","tainted":true,"sample":{"count":"number","rate":"number"}}}}"#);
    insta::assert_snapshot!(metric("checks"), @r#"{"data":{"type":"metrics","id":"checks","attributes":{"type":"rate","contains":"default","tainted":null,"sample":{"rate":"number"}}}}"#);
    insta::assert_snapshot!(metric("vus"), @r#"{"data":{"type":"metrics","id":"vus","attributes":{"type":"gauge","contains":"default","tainted":null,"sample":{"value":"number"}}}}"#);
    insta::assert_snapshot!(metric("data_sent"), @r#"{"data":{"type":"metrics","id":"data_sent","attributes":{"type":"counter","contains":"data","tainted":null,"sample":{"count":"number","rate":"number"}}}}"#);
    let all = api.get("/v1/metrics").json();
    let ids: Vec<&str> = all["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|metric| metric["id"].as_str().expect("an id"))
        .collect();
    for id in ["checks", "group_duration", "http_reqs", "http_reqs{name:/u}", "iterations", "vus_max"] {
        assert!(ids.contains(&id), "{id}: {ids:?}");
    }
    assert!(ids.is_sorted(), "{ids:?}");
    insta::assert_snapshot!(shape(&api.get("/v1/groups").json()), @r#"{"data":[{"type":"groups","id":"d41d8cd98f00b204e9800998ecf8427e","attributes":{"path":"","name":"","checks":null},"relationships":{"groups":{"data":[{"type":"groups","id":"f04b3cd05742616746bf38f3dd5f5654"}]},"parent":{"data":null}}},{"type":"groups","id":"f04b3cd05742616746bf38f3dd5f5654","attributes":{"path":"::cart","name":"cart","checks":[{"id":"ebbcc2d1f8c54c14b4dea8c6b7399691","path":"::cart::it is there","name":"it is there","passes":"number","fails":"number"}]},"relationships":{"groups":{"data":[]},"parent":{"data":{"type":"groups","id":"d41d8cd98f00b204e9800998ecf8427e"}}}}]}"#);
    let id = api.get("/v1/groups").json()["data"][1]["id"].as_str().expect("an id").to_owned();
    let group = api.get(&format!("/v1/groups/{id}")).attributes();
    assert_eq!((&group["name"], &group["checks"][0]["fails"]), (&json!("cart"), &json!(0)));
    insta::assert_snapshot!(shape(&api.get("/v1/scenarios").json()), @r#"{"data":[{"type":"scenarios","id":"shop","attributes":{"progress":"running","users":"number","rate":null,"iterations":{"scheduled":"number","started":"number","ok":"number","failed":"number","interrupted":"number","dropped":"number","running":"number"}}}]}"#);
    // What it counts is what the service was asked, up to a second ago.
    let counted = |id: &str| api.get(&format!("/v1/metrics/{id}")).attributes()["sample"]["count"].as_u64();
    wait_until("what was asked by now", SOON, {
        let asked = server.count() as u64;
        move || counted("http_reqs").is_some_and(|counted| counted >= asked - 1)
    });
    assert!(counted("http_reqs").expect("a count") <= server.count() as u64);
    end(running, &api);
}

#[test]
fn a_run_in_its_setup_is_running_and_has_no_scenarios_yet() {
    let server = Server::plain();
    let script = format!("fn setup() {{ http::get(\"/setup\"); sleep(1); }} {USERS}");
    let (running, api) = start(&script, &server, &[]);
    wait_until("the setup", SOON, || server.count_of("/setup") == 1);
    let status = api.status();
    assert_eq!((&status["status"], &status["running"], &status["vus"]), (&json!(6), &json!(true), &json!(0)));
    assert_eq!(api.get("/v1/scenarios").json()["data"], json!([]));
    let refused = api.ask("PATCH", "/v1/status", "{\"vus\": 3}");
    assert_eq!(refused.status, 409, "{refused:?}");
    let refused = api.ask("POST", "/v1/reset", "");
    assert_eq!((refused.status, refused.detail().as_str()), (409, "no load is running"));
    wait_until("the load", SOON, || server.count() > 2);
    end(running, &api);
}

// ---------------------------------------------------------------- what is wanted of it

#[test]
fn a_pause_holds_within_a_second_and_so_does_its_end() {
    let server = Server::plain();
    let (running, api) = under_load(&format!("{USERS}{ARRIVALS}"), &server, &[]);
    let asked = Instant::now();
    let paused = api.patch("/v1/status", "{\"data\": {\"type\": \"status\", \"id\": \"default\", \"attributes\": {\"paused\": true, \"vus\": null}}}");
    assert_eq!(paused.attributes()["paused"], true, "as k6's client reads it");
    pause(HOLDS.saturating_sub(asked.elapsed()));
    let before = server.count();
    pause(Duration::from_millis(700));
    assert_eq!(server.count(), before, "requests a second after the pause");
    api.patch("/v1/status", "{\"paused\": false}");
    wait_until("the end of the pause", HOLDS, || server.count() > before);
    let finished = end(running, &api);
    assert!(finished.stdout.contains(" of it paused"), "{}", finished.printed());
}

#[test]
fn users_and_rates_change_within_a_second() {
    let server = Server::plain();
    let (running, api) = under_load(&format!("{USERS}{ARRIVALS}"), &server, &[]);
    let since = |from: usize| -> BTreeSet<String> {
        let users = server.requests().split_off(from);
        users.iter().map(|request| request.path().to_owned()).filter(|path| path.starts_with("/u")).collect()
    };
    let from = server.count();
    let changed = api.patch("/v1/scenarios/users", "{\"users\": 20}");
    wait_until("twenty users", HOLDS, || since(from).len() == 20);
    assert_eq!(changed.json()["data"]["id"], "users");
    api.patch("/v1/status", "{\"vus\": 1}");
    pause(HOLDS);
    let from = server.count();
    pause(Duration::from_millis(300));
    assert_eq!(since(from).len(), 1, "one is left: {:?}", since(from));

    // Twenty a second are six in 300 ms; ten times that are sixty.
    let arrivals = || server.count_of("/a");
    api.patch("/v1/scenarios/arrivals", "{\"rate\": 200}");
    pause(HOLDS);
    let (from, start) = (arrivals(), Instant::now());
    wait_until("a second's arrivals", SOON, || start.elapsed() >= HOLDS);
    let (come, took) = ((arrivals() - from) as f64, start.elapsed().as_secs_f64());
    assert!((0.8..1.2).contains(&(come / took / 200.0)), "{come} in {took} s");
    let scenario = api.get("/v1/scenarios/arrivals").attributes();
    assert_eq!((&scenario["rate"], &scenario["users"]), (&json!(200.0), &Value::Null));

    // A factor is on all of them.
    api.patch("/v1/status", "{\"scale\": 0.5}");
    let rate = || api.get("/v1/scenarios/arrivals").attributes()["rate"].as_f64();
    wait_until("half of it", HOLDS, || rate() == Some(100.0));
    end(running, &api);
}

#[test]
fn a_run_that_begins_paused_goes_on_by_the_api() {
    let server = Server::plain();
    let (running, api) = start(USERS, &server, &["--paused"]);
    api.wait_for("the load", |status| status["status"] == 7);
    assert_eq!(api.status()["paused"], true);
    let before = server.count();
    api.patch("/v1/status", "{\"paused\": false}");
    wait_until("requests", SOON, || server.count() > before + 2);
    end(running, &api);
}

#[test]
fn a_stop_ends_the_run_in_good_order_however_often_it_is_asked_for() {
    let server = Server::plain();
    let script = "scenario(\"users\", #{ executor: \"constant-vus\", vus: 3, duration: \"10m\", flow: || { http::get(\"/u\"); sleep(0.02) } });
        fn on_stop() { http::get(\"/stop\"); } fn teardown() { http::get(\"/down\"); sleep(0.5); }";
    for (method, path, body) in [
        ("POST", "/v1/stop", ""),
        (
            "PATCH",
            "/v1/status",
            "{\"data\": {\"type\": \"status\", \"id\": \"default\", \"attributes\": {\"stopped\": true}}}",
        ),
    ] {
        let (down, stops) = (server.count_of("/down"), server.count_of("/stop"));
        let (running, api) = under_load(script, &server, &[]);
        let answer = api.ask(method, path, body);
        assert_eq!((answer.status, &answer.attributes()["stopped"]), (200, &json!(true)));
        // The API lives as long as the run; another stop of the kind changes nothing.
        wait_until("teardown", SOON, || server.count_of("/down") > down);
        assert_eq!(api.ask(method, path, body).status, 200);
        assert_eq!(api.status()["status"], 8);
        let finished = running.wait().expect_code(105);
        assert_eq!(
            (server.count_of("/stop") - stops, server.count_of("/down") - down),
            (3, 1),
            "{}",
            finished.printed()
        );
    }
}

#[test]
fn a_stop_now_leaves_teardown_out() {
    let server = Server::plain();
    let script =
        format!("{USERS} fn on_stop() {{ http::get(\"/stop\"); }} fn teardown() {{ http::get(\"/down\"); }}");
    let (running, api) = under_load(&script, &server, &[]);
    assert_eq!(api.ask("POST", "/v1/stop", "{\"now\": true}").status, 200);
    let finished = running.wait().expect_code(105);
    assert_eq!(server.count_of("/down"), 0, "{}", finished.printed());
}

// ---------------------------------------------------------------- its events

#[test]
fn events_tell_of_each_second_of_logs_and_of_the_end() {
    let server = Server::plain();
    let script = "scenario(\"users\", #{ executor: \"constant-vus\", vus: 2, duration: \"3s\", flow: || {
            http::get(\"/u\"); if vu::iteration() == 5 { log::warn(\"the fifth\") } sleep(0.02) } });
        target(\"http_req_failed\", \"rate < 1%\");";
    let (running, api) = start(script, &server, &["--paused"]);
    api.wait_for("the load", |status| status["status"] == 7);
    let mut events = api.events();
    let (first, greeting) = events.next().expect("an event");
    assert_eq!((first.as_str(), &greeting["paused"]), ("status", &json!(true)));
    api.patch("/v1/status", "{\"paused\": false}");
    let line = events.next_of("log");
    assert_eq!(
        (&line["level"], &line["text"], &line["scenario"]),
        (&json!("warn"), &json!("the fifth"), &json!("users"))
    );
    let late = api.events();
    let mut told = late.rest();
    assert_eq!(told.remove(0).0, "status");
    let finished = running.wait();
    let of =
        |name: &str| told.iter().filter(|(found, _)| found == name).map(|(_, data)| data).collect::<Vec<_>>();
    let ticks = of("tick");
    let numbers: Vec<u64> = ticks.iter().filter_map(|tick| tick["number"].as_u64()).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "each once: {numbers:?}");
    assert!(numbers.len() >= 3, "{numbers:?}");
    let last = ticks.last().expect("a second");
    assert_eq!(
        last["iterations"]["ok"].as_u64(),
        finished.figure("iterations").to_string().parse().ok(),
        "{last}"
    );
    let busy =
        ticks.iter().find(|tick| tick["vus"] == 2 && tick["requests"] != 0).expect("a second with users");
    assert_eq!(busy["endpoints"][0]["name"], "/u", "{busy}");
    assert!(busy["http_req_duration"]["p95_ms"].as_f64().is_some_and(|p95| p95 > 0.0), "{busy}");
    assert_eq!(busy["targets"][0]["verdict"], "passed", "{busy}");
    assert_eq!(of("load_end").len(), 1);
    let (name, verdict) = told.last().expect("an end");
    // Passed, or inconclusive (111) on a machine whose cores others have: what the run said of itself.
    let word = if finished.code == Some(0) { "passed" } else { "inconclusive" };
    assert_eq!(
        (name.as_str(), &verdict["verdict"], &verdict["exit_code"]),
        ("end", &json!(word), &json!(finished.code)),
        "{}",
        finished.printed()
    );
    assert_eq!(verdict["reasons"] == json!([]), finished.code == Some(0), "{verdict}");
}

#[test]
fn a_reset_begins_an_epoch_and_the_totals_go_on() {
    let server = Server::plain();
    let (running, api) = under_load(USERS, &server, &[]);
    let mut events = api.events();
    let before = events.next_of("tick");
    assert_eq!(api.ask("POST", "/v1/reset", "").attributes()["running"], true);
    let epoch = events.next_of("epoch");
    assert_eq!(
        (&epoch["number"], &epoch["cause"], &epoch["version"]),
        (&json!(2), &json!("reset"), &Value::Null)
    );
    assert!(epoch["first_second"].as_u64() > epoch["last_second"].as_u64(), "{epoch}");
    let after = events.next_of("tick");
    assert!(after["iterations"]["started"].as_u64() >= before["iterations"]["started"].as_u64(), "{after}");
    let counted = api.get("/v1/metrics/http_reqs").attributes()["sample"]["count"].as_u64();
    assert!(counted > Some(0), "{counted:?}");
    end(running, &api);
}

#[test]
fn a_script_that_is_watched_is_steered_load_after_load() {
    let server = Server::plain();
    let script = |path: &str, duration: &str| {
        format!(
            "base_url(\"{}\");
            scenario(\"users\", #{{ executor: \"constant-vus\", vus: 1, duration: \"{duration}\", flow: || {{ http::get(\"/{path}\"); sleep(0.02) }} }});",
            server.url()
        )
    };
    let mut running = runner(["watch", "--address", "127.0.0.1:0", "test.rhai"])
        .file("test.rhai", &script("one", "10m"))
        .start();
    let api = Api::of(&mut running);
    wait_until("the load", SOON, || server.count_of("/one") > 2);
    let file = running.folder().join("test.rhai");
    let mut events = api.events();
    std::fs::write(&file, script("two", "10m")).expect("a writable folder");
    let epoch = events.next_of("epoch");
    assert_eq!((&epoch["cause"], &epoch["version"]), (&json!("reload"), &json!(2)), "{epoch}");
    assert!(epoch["took_ms"].as_f64().is_some_and(|took_ms| took_ms > 0.0), "{epoch}");
    wait_until("the new version", SOON, || server.count_of("/two") > 2);
    // The load ends; the API and its streams stay for the next one.
    assert_eq!(api.ask("POST", "/v1/stop", "").status, 200);
    assert_eq!(events.next_of("end")["verdict"], "stopped");
    api.wait_for("the load's end", |status| status["status"] == 10);
    std::fs::write(&file, script("three", "10m")).expect("a writable folder");
    wait_until("the next load", SOON, || server.count_of("/three") > 2);
    api.wait_for("the next load", |status| status["status"] == 7 && status["stopped"] == false);
    assert_eq!(events.next_of("tick")["number"], 1, "its seconds are counted anew");
    api.patch("/v1/status", "{\"paused\": true}");
    pause(HOLDS);
    let before = server.count();
    pause(Duration::from_millis(300));
    assert_eq!(server.count(), before, "it is this load that stands");
    running.interrupt();
    running.wait().expect_code(105);
}

// ---------------------------------------------------------------- what is hidden

#[test]
fn secrets_are_in_nothing_that_it_sends_nor_is_its_token_in_what_is_kept() {
    const SECRET: &str = "hunter2Tango";
    const TOKEN: &str = "the-token-of-this-very-test";
    let server = Server::plain();
    let script = "base_url(env(\"TARGET_URL\")); const KEY = secret(\"KEY\");
        scenario(\"users\", #{ executor: \"constant-vus\", vus: 1, duration: \"10m\", flow: || {
            let key = global::KEY; http::get(`/u/${key}`); check(true, `is ${key}`); log::info(`have ${key} \x1b[2J`); sleep(0.05) } });";
    let mut running = runner(["run", "--address", "0", "--api-token", TOKEN, "test.rhai"])
        .file("test.rhai", script)
        .env("TARGET_URL", server.url())
        .env("KEY", SECRET)
        .start();
    let api = Api { token: TOKEN.to_owned(), ..Api::of(&mut running) };
    wait_until("the load", SOON, || server.count() > 2);
    let mut events = api.events();
    let line = events.next_of("log");
    let tick = loop {
        let tick = events.next_of("tick");
        if tick["requests"].as_u64() > Some(0) {
            break tick;
        }
    };
    let shown = [
        line.to_string(),
        tick.to_string(),
        api.get("/v1/metrics").text,
        api.get("/v1/groups").text,
        api.get("/v1/scenarios").text,
        api.ask("GET", &format!("/v1/metrics/{SECRET}"), "").text,
        api.ask("GET", &format!("/{SECRET}"), "").text,
    ];
    for text in &shown {
        assert!(!text.contains(SECRET) && !text.contains('\u{1b}'), "{text}");
    }
    assert!(
        shown[0].contains("have ***") && shown[1].contains("/u/***") && shown[3].contains("is ***"),
        "{shown:?}"
    );
    let folder = running.folder().to_owned();
    assert_eq!(api.ask("POST", "/v1/stop", "").status, 200);
    let runs = folder.join(".runner/runs");
    let kept = || std::fs::read_dir(&runs).into_iter().flatten().flatten().next().map(|run| run.path());
    wait_until("what is kept", SOON, || {
        kept()
            .and_then(|run| std::fs::read_to_string(run.join("environment.json")).ok())
            .is_some_and(|text| text.contains("105"))
    });
    let text = std::fs::read_to_string(kept().expect("a run").join("environment.json")).expect("readable");
    assert!(text.contains("--api-token") && !text.contains(TOKEN), "{text}");
    let finished = running.wait().expect_code(105);
    assert!(!finished.printed().contains(TOKEN), "{}", finished.printed());
}

// ---------------------------------------------------------------- how it starts

/// What a command that can't start its API says.
fn refused(args: &[&str], code: i32) -> String {
    let server = Server::plain();
    let script = format!("base_url(\"{}\");{USERS}", server.url());
    let finished = runner(args).file("test.rhai", &script).file("two.rhai", &script).run().expect_code(code);
    assert_eq!((finished.stdout.as_str(), server.count()), ("", 0), "no load: {}", finished.printed());
    finished.stderr.replace("\n\n", "\n")
}

#[test]
fn an_api_that_cannot_start_ends_the_command_before_the_load() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let port = address.rsplit(':').next().expect("a port");
    for command in ["run", "hit"] {
        let target = if command == "run" { "test.rhai" } else { "http://127.0.0.1:9/" };
        let said = refused(&[command, "--address", &address, target], 106).replace(port, "PORT");
        insta::allow_duplicates! {
            insta::assert_snapshot!(said, @"
            error: the control API can't listen at 127.0.0.1:PORT: Address already in use (os error 98)
            hint: another process listens there: name another port, or 0 for any free one
            ");
        }
    }
    insta::assert_snapshot!(refused(&["run", "--address", "0.0.0.0:0", "test.rhai"], 2), @"
    error: the control API at 0.0.0.0 can be reached from other machines, and has no token of yours
    hint: set RUNNER_API_TOKEN, or listen at 127.0.0.1
    ");
    insta::assert_snapshot!(refused(&["run", "--address", "http://localhost", "test.rhai"], 2), @"
    error: `http://localhost` is no address to listen at
    hint: write HOST:PORT, as in `127.0.0.1:6565`, or a port alone; port 0 is any free one
    ");
    insta::assert_snapshot!(refused(&["run", "--address", "0", "--api-token", "short", "test.rhai"], 2), @"
    error: an API token has from 16 to 256 letters, digits and signs, and no spaces
    hint: leave it out to have one made, or make one with `openssl rand -hex 16`
    ");
    insta::assert_snapshot!(refused(&["run", "--address", "0", "test.rhai", "two.rhai"], 2), @"
    error: the control API steers one script, and several are named
    hint: play each in a process of its own, with an address of its own
    ");
}

#[test]
fn other_machines_are_served_where_a_token_is_set() {
    let server = Server::plain();
    let script = format!("base_url(\"{}\");{USERS}", server.url());
    let mut running = runner(["run", "-a", "0.0.0.0:0", "test.rhai"])
        .file("test.rhai", &script)
        .env("RUNNER_API_TOKEN", "0123456789abcdef")
        .start();
    let api = Api::of(&mut running);
    let api =
        Api { address: api.address.replace("0.0.0.0", "127.0.0.1"), token: "0123456789abcdef".to_owned() };
    api.wait_for("the load", |status| status["status"] == 7);
    end(running, &api);
}

#[test]
fn a_hit_has_a_control_api_too() {
    let server = Server::plain();
    let mut running =
        runner(["hit", "-c", "2", "-d", "10m", "--address", "127.0.0.1:0", &format!("{}/x", server.url())])
            .start();
    let api = Api::of(&mut running);
    wait_until("requests", SOON, || server.count() > 10);
    let scenarios = api.get("/v1/scenarios").json();
    assert_eq!(scenarios["data"][0]["attributes"]["users"], 2, "{scenarios}");
    assert_eq!(api.ask("POST", "/v1/stop", "").status, 200);
    running.wait().expect_code(105);
}
