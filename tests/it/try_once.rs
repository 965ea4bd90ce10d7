//! `runner try`: what is told of one iteration, which flows are played, how it ends, and the keys of `--step`.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

use crate::fixture::{Finished, folder, root, runner, wait_until};
use crate::redact::redact;
use crate::server::{Reply, Server};

/// Tries a script against a server, with flags behind its name.
fn attempt(server: &Server, script: &str, flags: &[&str]) -> Finished {
    let script = format!("base_url(\"{}\");\n{script}", server.url());
    let words = ["try", "flow.rhai"].into_iter().chain(flags.iter().copied());
    runner(words).file("flow.rhai", &script).run()
}

/// A service with a price, a page that isn't there, and bytes that are no text.
fn shop() -> Server {
    Server::start(|request| match request.path() {
        "/price" => Reply::json(r#"{"price":12.50,"tags":["a","b"]}"#),
        "/image" => Reply::ok(b"\x89PNG\xff\x00".as_slice()).header("content-type", "image/png"),
        "/long" => Reply::ok(format!("{}the end", "0123456789".repeat(300))),
        "/echo" => Reply::ok(request.text()),
        _ => Reply::new(404, "not here"),
    })
}

/// The trace as it is the same each time.
fn told(finished: &Finished) -> String {
    redact(&finished.stdout, &[])
}

/// The events of a trace in JSON.
fn events(finished: &Finished) -> Vec<Value> {
    finished.stdout.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

fn of_kind<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["event"] == kind).collect()
}

#[test]
fn one_iteration_is_told_from_request_to_variable() {
    let server = shop();
    let script = r#"const SOLD = counter("sold");
fn setup() { #{ token: "abc" } }
fn on_start(data) { this.token = data.token; }
fn flow() {
    let r = http::post("/price?day=1", #{ json: #{ id: 7 }, headers: #{ "X-Token": this.token }, name: "price" });
    check(r, #{ "is ok": |r| r.status == 200, "is cheap": |r| r.json("price") < 10 });
    let image = http::get("/image");
    group("cart", || {
        global::SOLD.add(2);
        sleep("5ms");
    });
    log::info(`sold at ${r.json("price")}`);
}
fn on_stop() { this.token = (); }
fn teardown(data) { log::warn("all done"); }
"#;
    let finished = attempt(&server, script, &[]).expect_code(99);
    insta::assert_snapshot!("try_text", told(&finished));
}

#[test]
fn each_flow_of_each_scenario_is_played_once() {
    let server = shop();
    let script = r#"
scenario("shop", #{ executor: "constant-vus", vus: 50, duration: "1h", think: between("1m", "2m"),
    flow: weighted(#{ browse: 3, buy: 1 }) });
scenario("api", #{ executor: "constant-arrival-rate", rate: "900/s", duration: "1h", flow: || http::get("/price?c") });
fn browse() { http::get("/price?browse"); }
fn buy() { http::get(`/price?buy-${vu::iteration()}-${scenario::name()}`); }
fn lonely(data) { http::get("/price?lonely"); }
fn pair(a, b) { http::get(a + b); }
"#;
    let targets = |server: &Server| -> Vec<String> {
        server.requests().into_iter().map(|request| request.target).collect()
    };
    attempt(&server, script, &[]).expect_code(0).expect_said("3 of 4 iterations");
    assert_eq!(targets(&server), ["/price?browse", "/price?buy-1-shop", "/price?c"]);

    for (name, wanted) in [("api", "/price?c"), ("buy", "/price?buy-0-shop"), ("lonely", "/price?lonely")] {
        let server = shop();
        attempt(&server, script, &[name]).expect_code(0);
        assert_eq!(targets(&server), [wanted], "{name}");
    }
    let server = shop();
    attempt(&server, script, &["shpo"]).expect_code(2).expect_said("did you mean `shop`?");
    attempt(&server, script, &["zzz"]).expect_code(2).expect_said("it has `api`, `browse`, `buy`");
    attempt(&server, script, &["pair"]).expect_code(2).expect_said("`pair` has 2 parameters");
    attempt(&server, &format!("{script}\nfn setup() {{}}"), &["setup"])
        .expect_code(2)
        .expect_said("`setup` is no flow");
    assert_eq!(server.count(), 0);
    attempt(&server, "fn flow() { http::get(\"/price\"); }", &["-u", "5", "-i", "100"])
        .expect_code(0)
        .expect_said("one iteration is played");
    assert_eq!(server.count(), 1);
}

#[test]
fn the_exit_code_says_what_went_wrong() {
    let server = shop();
    let code =
        |flow: &str, code: i32| attempt(&server, &format!("fn flow() {{ {flow} }}"), &[]).expect_code(code);
    code("http::get(\"/price\");", 0).expect_said("✓ passed: 1 request, 0 checks");
    code("check(1 > 2, \"a\");", 99).expect_said("failed: 1 of 1 check (`a`)");
    code("http::get(\"/nowhere\");", 99).expect_said("failed: 1 of 1 request (`GET /nowhere`)");
    code("http::get(\"/nowhere\", #{ expected_statuses: [404] });", 0);
    code("assert::is_true(false, \"a\");", 99).expect_said("error: a: is false");
    code("fail(\"no stock\");", 99).expect_said("no stock");
    code("let n = #{}; n.b.c += 1;", 107).expect_said("--> flow.rhai:2:");
    code("abort(\"wrong token\");", 108).expect_said("wrong token");
    attempt(&server, "fn setup() { throw \"no\"; } fn flow() { http::get(\"/late\"); }", &[])
        .expect_code(107);
    assert_eq!(server.count_of("/late"), 0, "nothing begins after a setup that failed");
    attempt(&server, "fn setup() { sleep(5); } fn flow() { }\noptions(#{ setup_timeout: \"100ms\" });", &[])
        .expect_code(100)
        .expect_said("`setup` took longer than 100ms");
    attempt(&server, "fn flow() { loop { } }", &[]).expect_code(107).expect_said("flow.rhai:2:");
    attempt(&server, "fn flow() { htp::get(1); }", &[]).expect_code(107);
}

#[test]
fn a_stop_cuts_what_waits_and_teardown_still_runs() {
    let server = Server::start(|request| {
        if request.path() == "/slow" {
            crate::fixture::pause(Duration::from_secs(30));
        }
        Reply::ok("ok")
    });
    let script = format!(
        "base_url(\"{}\");\nfn flow() {{ http::get(\"/slow\"); }}\nfn teardown() {{ http::get(\"/bye\"); }}",
        server.url()
    );
    let running = runner(["try", "flow.rhai"]).file("flow.rhai", &script).start();
    wait_until("the slow request", Duration::from_secs(40), || server.count_of("/slow") == 1);
    running.interrupt();
    let finished = running.wait().expect_code(105);
    assert!(finished.stdout.contains("`flow` was stopped at flow.rhai:2:"), "{}", finished.printed());
    assert_eq!(server.count_of("/bye"), 1);
}

#[test]
fn bodies_are_cut_unless_all_is_asked_for() {
    let server = shop();
    let script = "fn flow() { http::get(\"/long\"); }";
    let cut = attempt(&server, script, &[]).expect_code(0);
    assert!(cut.stdout.contains("more: `--full` shows all"), "{}", cut.printed());
    assert!(!cut.stdout.contains("the end"), "{}", cut.printed());
    let full = attempt(&server, script, &["--full"]).expect_code(0);
    assert!(full.stdout.contains(&format!("{}the end", "0123456789".repeat(300))), "{}", full.printed());
    let json = events(&attempt(&server, script, &["--json"]).expect_code(0));
    let response = &of_kind(&json, "request")[0]["request"]["response"];
    assert_eq!(
        (response["body"].as_str().map(str::len), &response["body_bytes"]),
        (Some(1_024), &3_007.into())
    );
    assert_eq!(response["body_is_whole"], false);
}

#[test]
fn json_has_a_line_for_each_thing_that_happens() {
    let server = shop();
    let script = r#"
fn flow() {
    let r = http::get("/price", #{ name: "price" });
    check(r.status == 200, "is ok");
    this.price = r.json("price");
    http::get("/image");
    throw "out";
}
"#;
    let all = events(&attempt(&server, script, &["--json"]).expect_code(107));
    let kinds: Vec<&str> = all.iter().filter_map(|event| event["event"].as_str()).collect();
    assert_eq!(
        kinds,
        ["open", "begin", "request", "variable", "check", "variable", "request", "end", "close"]
    );
    let request = &all[2]["request"];
    assert_eq!(
        (&request["name"], &request["status"], &request["failed"]),
        (&"price".into(), &200.into(), &false.into())
    );
    assert_eq!(request["response"]["body"], r#"{"price":12.50,"tags":["a","b"]}"#);
    assert!(request["took_us"].as_u64() > Some(0) && request["phases"]["waiting_us"].is_u64(), "{request}");
    assert_eq!((&all[2]["place"]["line"], &all[2]["place"]["file"]), (&4.into(), &"flow.rhai".into()));
    assert_eq!(
        (&all[3]["variable"]["name"], &all[5]["variable"]["name"]),
        (&"r".into(), &"this.price".into())
    );
    assert_eq!(all[5]["variable"]["value"], "12.5");
    assert_eq!(all[6]["request"]["response"]["body"], Value::Null, "bytes are no text");
    assert_eq!(all[7]["error"]["message"], "out");
    assert_eq!(
        (&all[8]["passed"], &all[8]["requests"], &all[8]["checks"]),
        (&false.into(), &2.into(), &1.into())
    );
}

#[test]
fn secrets_are_hidden_wherever_they_come_up() {
    const SECRET: &str = "hunter2Tango";
    let server = shop();
    let script = r#"
const TOKEN = secret("token");
fn setup() { #{ token: global::TOKEN } }
fn on_start(data) { this.token = data.token; }
fn flow(data) {
    let token = global::TOKEN;
    let list = [token, #{ inner: token }];
    http::post("/echo?t=" + token, #{ json: #{ token: token }, headers: #{ Authorization: "Bearer " + token } });
    log::info(token);
    throw token;
}
"#;
    let script = format!("base_url(\"{}\");\n{script}", server.url());
    for flags in [&[][..], &["--json"], &["--full"]] {
        let words = ["try", "flow.rhai"].into_iter().chain(flags.iter().copied());
        let call = runner(words).file("flow.rhai", &script).env("RUNNER_SECRET_TOKEN", SECRET);
        let finished = call.run().expect_code(107);
        assert!(!finished.printed().contains(SECRET), "{}", finished.printed());
        assert!(finished.stdout.contains("***"), "{}", finished.printed());
    }
    let sent = server.requests();
    assert!(sent.iter().all(|request| request.text().contains(SECRET)), "the service gets it: {sent:?}");
}

#[test]
fn variables_are_told_when_they_change_and_loops_are_cut_short() {
    let server = shop();
    let script = r#"
import "lib/sums" as sums;
fn flow() {
    let total = 0;
    for i in 0..500 { total += 1; }
    let same = total;
    total = total;
    let triple = sums::triple(7);
    let secret_of_closure = [1, 2].map(|x| x + total);
    print(triple);
}
"#;
    let script = format!("base_url(\"{}\");\n{script}", server.url());
    let module = "fn triple(n) {\n    let twice = n * 2;\n    twice + n\n}\n";
    let call =
        runner(["try", "flow.rhai", "--json"]).file("flow.rhai", &script).file("lib/sums.rhai", module);
    let all = events(&call.run().expect_code(0));
    let changes: Vec<(String, String, String)> = of_kind(&all, "variable")
        .iter()
        .map(|event| {
            let of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let variable = &event["variable"];
            (of(&variable["name"]), of(&variable["value"]), of(&event["place"]["file"]))
        })
        .collect();
    let of = |name: &str| -> Vec<&(String, String, String)> {
        changes.iter().filter(|(known, ..)| known == name).collect()
    };
    assert_eq!(of("total").len(), 1 + 10, "{changes:?}");
    assert_eq!(of("same").len(), 1, "{changes:?}");
    assert_eq!(of("same")[0].1, "500");
    let (_, value, file) = of("twice")[0];
    assert_eq!((value.as_str(), file.as_str()), ("14", "lib/sums.rhai"), "{changes:?}");
    assert_eq!(of("triple")[0].1, "21");
    assert_eq!(of("x").len(), 0, "what a closure is given is no news: {changes:?}");
    assert!(of_kind(&all, "end")[0]["changes_untold"].as_u64() > Some(900), "{all:?}");
}

#[test]
fn every_hop_and_every_request_of_a_batch_is_told() {
    let server = Server::start(|request| match request.path() {
        "/old" => Reply::new(302, "").header("location", "/new"),
        _ => Reply::ok("ok"),
    });
    let script = "fn flow() {\n    http::get(\"/old\");\n    http::batch([\"/a\", \"/b\"]);\n}";
    let all = events(&attempt(&server, script, &["--json"]).expect_code(0));
    let mut told: Vec<(u64, String, u64)> = of_kind(&all, "request")
        .iter()
        .map(|event| {
            let (line, seen) = (event["place"]["line"].as_u64(), &event["request"]);
            let url = seen["url"].as_str().unwrap_or_default().replace(&server.url(), "");
            (line.unwrap_or(0), url, seen["status"].as_u64().unwrap_or(0))
        })
        .collect();
    told.sort();
    let of = |line, url: &str, status| (line, url.to_owned(), status);
    assert_eq!(told, [of(3, "/new", 200), of(3, "/old", 302), of(4, "/a", 200), of(4, "/b", 200)]);
}

#[test]
fn steps_need_a_terminal() {
    let server = shop();
    attempt(&server, "fn flow() { http::get(\"/price\"); }", &["--step"])
        .expect_code(2)
        .expect_said("standard input is no terminal");
    assert_eq!(server.count(), 0);
}

/// Plays a script step by step in a terminal: types a line for each prompt; gives what was shown and the exit code.
fn step(server: &Server, script: &str, keys: &[&str]) -> (String, Option<i32>) {
    let folder = folder();
    let script = format!("base_url(\"{}\");\n{script}", server.url());
    std::fs::write(folder.path().join("flow.rhai"), script).expect("a file");
    let call = format!("NO_COLOR=1 '{}' try --step --no-config flow.rhai", env!("CARGO_BIN_EXE_runner"));
    let mut child = Command::new("script")
        .args(["-qec", &call, "/dev/null"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("script(1), which every Debian has");
    let (tell, told) = mpsc::channel();
    let mut stdout = child.stdout.take().expect("it is piped");
    std::thread::spawn(move || {
        let mut bytes = [0; 4_096];
        while let Ok(length @ 1..) = stdout.read(&mut bytes) {
            let _ = tell.send(bytes[..length].to_vec());
        }
    });
    let mut stdin = child.stdin.take().expect("it is piped");
    let mut shown = String::new();
    let mut keys = keys.iter();
    let mut prompts = 0;
    while let Ok(bytes) = told.recv_timeout(Duration::from_secs(50)) {
        shown.push_str(&String::from_utf8_lossy(&bytes));
        while shown.matches("q: end >").count() > prompts {
            prompts += 1;
            let Some(key) = keys.next() else { continue };
            stdin.write_all(key.as_bytes()).expect("the terminal takes keys");
        }
    }
    let status = child.wait().expect("a child of ours");
    (shown, status.code())
}

#[test]
fn a_step_waits_before_each_call_of_the_host() {
    let server = shop();
    let script = "const SOLD = counter(\"sold\");\n\
        fn flow() {\n    let r = http::get(\"/price\", #{ name: \"a\" });\n    check(r.status == 200, \"is ok\");\n    global::SOLD.add(3);\n    http::get(\"/image\");\n}";
    let (shown, code) = step(&server, script, &["\n", "what?\n", "\n", "c\n"]);
    assert_eq!(code, Some(0), "{shown}");
    let questions: Vec<&str> =
        shown.lines().filter_map(|line| line.trim_end().split_once("| ? ").map(|(_, call)| call)).collect();
    assert_eq!(
        questions,
        ["http::get(\"/price\", #{name: \"a\"})", "check(true, \"is ok\")", "metric.add(3)"],
        "{shown}"
    );
    assert!(shown.contains("let r = http::get(\"/price\""), "the line is shown: {shown}");
    assert_eq!(server.count(), 2);
}

#[test]
fn a_step_can_be_the_last() {
    let server = shop();
    let script = "fn flow() {\n    http::get(\"/price\");\n    http::get(\"/image\");\n}";
    let (shown, code) = step(&server, script, &["\n", "q\n"]);
    assert_eq!((code, server.count()), (Some(105), 1), "{shown}");
    assert!(shown.contains("`flow` was stopped at flow.rhai:4:"), "{shown}");
}

#[test]
fn the_examples_can_be_tried() {
    for (script, flow) in [
        ("hello", None),
        ("data", None),
        ("modules", Some("price")),
        ("arrivals", Some("reports")),
        ("stream", Some("change")),
    ] {
        let path = root().join(format!("scripts/{script}.rhai"));
        let words = ["try".to_owned(), path.display().to_string()];
        runner(words.into_iter().chain(flow.map(str::to_owned))).run().expect_code(0).expect_said("✓ passed");
    }
}
