//! Failure examples as a user meets them: the first of each kind, bounded, and nothing that nobody may see. Their lines
//! for curl are sent in `curl.rs`.

use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::fixture::{Finished, closed_port, play_once, runner};
use crate::server::{Reply, Server};

/// The lines for curl of a summary, in its order.
pub(crate) fn curls(finished: &Finished) -> Vec<String> {
    let lines = finished.stdout.lines().filter_map(|line| line.trim_start().strip_prefix("$ "));
    lines.map(str::to_owned).collect()
}

/// The section of a summary, without its heading.
#[track_caller]
fn section(finished: &Finished) -> String {
    let (_, rest) = finished
        .stdout
        .split_once("FAILURE EXAMPLES\n")
        .unwrap_or_else(|| panic!("no examples\n{}", finished.printed()));
    rest.split("\n\n").next().unwrap_or_default().to_owned()
}

// ---------------------------------------------------------------- which ones

#[test]
fn the_first_of_each_kind_is_kept_and_the_others_are_counted() {
    let served = AtomicUsize::new(0);
    let server = Server::start(move |request| {
        let number = served.fetch_add(1, Ordering::SeqCst);
        match request.path() {
            "/well" => Reply::ok("well"),
            "/ill" => Reply::new(503, format!("ill {number}")),
            "/gone" => Reply::new(404, format!("gone {number}")),
            _ => Reply::Hangup,
        }
    });
    let script = format!(
        r#"
        base_url("{}");
        scenario("shop", #{{ executor: "per-vu-iterations", vus: 1, iterations: 20, flow: "shop" }});
        fn shop() {{
            http::get("/well");
            http::get("/ill");
            if scenario::iteration() >= 5 {{ group("checkout", || {{ http::post("/gone", #{{ name: "gone" }}); }}); }}
            if scenario::iteration() == 7 {{ http::post("/hangup"); }}
        }}
        "#,
        server.url()
    );
    let finished = runner(["run", "--no-preflight", "a.rhai"]).file("a.rhai", &script).run();
    let section = section(&finished);
    let titles: Vec<&str> = section.lines().filter(|line| line.starts_with("  ✗ ")).collect();
    let wanted = [
        ("20 × status 503, GET /ill  (", "scenario shop, VU 1, iteration 0)"),
        ("15 × status 404, POST gone  (", "scenario shop, group checkout, VU 1, iteration 5)"),
        (
            "1 × the server closed the idle connection that the request was sent on (error 1220), POST /hangup  (",
            "iteration 7)",
        ),
    ];
    assert_eq!(titles.len(), wanted.len(), "{section}");
    for (title, (start, end)) in titles.iter().zip(wanted) {
        assert!(title.trim_start_matches("  ✗ ").starts_with(start) && title.ends_with(end), "{title}");
    }
    // Requests before it: a pair in each iteration, the second one of the first is the first failure.
    for said in ["      < ill 1\n", "      < gone 12\n", "      < no answer: the server closed the idle"] {
        assert!((section.clone() + "\n").contains(said), "{said}\n{section}");
    }
}

#[test]
fn of_several_workers_the_earliest_stands_with_the_count_of_all() {
    let served = AtomicUsize::new(0);
    let server =
        Server::start(move |_| Reply::new(500, format!("number {}.", served.fetch_add(1, Ordering::SeqCst))));
    let script = format!(
        r#"
        base_url("{}");
        scenario("late", #{{ executor: "constant-arrival-rate", rate: 10, duration: "1s", max_vus: 4, flow: "flow" }});
        fn flow() {{ http::get("/x"); }}
        "#,
        server.url()
    );
    let finished =
        runner(["run", "--no-preflight", "--workers", "4", "a.rhai"]).file("a.rhai", &script).run();
    let section = section(&finished);
    assert!(section.contains(&format!("{} × status 500", server.count())), "{section}");
    // Requests 100 ms apart: which came first is no matter of chance.
    assert!(section.contains("< number 0."), "{section}");
}

#[test]
fn what_succeeds_has_no_example() {
    let server = Server::start(|request| match request.path() {
        "/moved" => Reply::new(302, "").header("location", "/x"),
        "/gone" => Reply::new(404, ""),
        _ => Reply::ok("ok"),
    });
    let flow = r#"
        check(http::get("/moved"), #{ "is there": |r| r.status == 200 });
        http::get("/gone", #{ expected_statuses: [404] });
    "#;
    let finished = play_once(server.url().trim_start_matches("http://"), flow).expect_code(0);
    assert!(!finished.stdout.contains("FAILURE EXAMPLES"), "{}", finished.printed());
    assert!(server.count() == 3, "{}", finished.printed());
}

#[test]
fn a_check_that_does_not_hold_shows_the_response() {
    let server = Server::start(|_| Reply::json("{\"stock\": 0}"));
    let flow = r#"
        let r = http::post("/buy", #{ json: #{ n: 1 }, name: "buy" });
        check(r.status == 200, "is answered");
        check(r, #{ "has stock": |r| r.json("stock") > 0 });
        if true { check(r, #{ "has more": |r| { let n = r.json("stock"); n > 1 } }); }
        check(r, #{ "throws": |r| r.json("stock").no_such });
    "#;
    let finished = play_once(server.url().trim_start_matches("http://"), flow);
    let section = section(&finished);
    for name in ["has stock", "has more"] {
        assert!(section.contains(&format!("✗ 1 × check `{name}`, POST buy  (")), "{section}");
    }
    assert!(!section.contains("is answered"), "{section}");
    for said in ["> {\"n\":1}", "< {\"stock\": 0}", "--data-raw '{\"n\":1}'"] {
        assert_eq!(section.matches(said).count(), 2, "{said}\n{section}");
    }
}

#[test]
fn failures_outside_of_the_load_have_examples() {
    let server = Server::start(|request| Reply::new(if request.path() == "/x" { 200 } else { 500 }, "sorry"));
    let script = format!(
        r#"
        base_url("{}");
        scenario("one", #{{ executor: "per-vu-iterations", vus: 1, iterations: 1, flow: "flow" }});
        fn setup() {{ http::get("/before"); }}
        fn flow() {{ http::get("/x"); }}
        fn teardown() {{ http::get("/behind"); }}
        "#,
        server.url()
    );
    let finished = runner(["run", "--no-preflight", "a.rhai"]).file("a.rhai", &script).run();
    let section = section(&finished);
    for name in
        ["setup), GET /before", "teardown), GET /behind"].map(|text| text.split_once("), ").expect("two"))
    {
        let wanted = format!("✗ 1 × status 500, {}  (outside of the load, group {})", name.1, name.0);
        assert!(section.contains(&wanted), "{wanted}\n{section}");
    }
}

#[test]
fn examples_are_bounded_in_number_and_in_size() {
    let server =
        Server::start(|_| Reply::new(500, "x\n".repeat(500_000)).header("x-long", &"y".repeat(9_000)));
    let flow = r#"
        for n in 0..60 { http::get(`/x/${n}`); }
        for n in 0..3 { http::get("/x/0"); }
    "#;
    let finished = play_once(server.url().trim_start_matches("http://"), flow);
    let section = section(&finished);
    assert!(section.starts_with("  ✗ 4 × status 500, GET /x/0  ("), "{section}");
    assert!(
        section.ends_with("\n  +40 more kinds\n  +10 failures of further kinds, without an example"),
        "{section}"
    );
    assert!(section.contains("< (1,000,000 bytes in all)"), "{section}");
    assert!(section.len() < 20_000, "{} bytes", section.len());
}

#[test]
fn without_an_answer_the_example_says_why() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let silent = silent.local_addr().expect("a bound address").port();
    let closed = closed_port();
    let plain = Server::plain();
    let flow = format!(
        r#"
        http::get("http://127.0.0.1:{closed}/refused");
        http::get("http://127.0.0.1:{silent}/silent", #{{ timeout: "50ms" }});
        http::get("https://127.0.0.1:{}/tls", #{{ timeout: "2s" }});
        "#,
        plain.port()
    );
    let finished = play_once(format!("127.0.0.1:{closed}"), &flow);
    let section = section(&finished);
    for said in [
        "(error 1212), GET /refused",
        "< no answer: connection refused by 127.0.0.1:",
        "GET /silent",
        "--max-time 0.05 ",
        "GET /tls",
        "> GET /tls HTTP/1.1",
    ] {
        assert!(section.contains(said), "{said}\n{section}");
    }
    assert_eq!(curls(&finished).len(), 3, "{section}");
}

#[test]
fn a_web_socket_that_does_not_open_has_an_example() {
    let server = Server::start(|_| Reply::new(403, "members only"));
    let finished = play_once(
        server.url().trim_start_matches("http://"),
        "ws::connect(\"/ws\", |socket| {}); sse::each(\"/sse\", |event| {});",
    );
    let section = section(&finished);
    for said in [
        "1 × status 403, GET /ws  (",
        "> Upgrade: websocket",
        "1 × status 403, GET /sse  (",
        "< members only",
    ] {
        assert!(section.contains(said), "{said}\n{section}");
    }
}

// ---------------------------------------------------------------- hit

#[test]
fn hit_shows_them_and_gives_them_to_programs() {
    let server = Server::start(|_| Reply::new(500, "sorry").header("x-a", "1"));
    let url = format!("{}/x?api_key=k123", server.url());
    let finished = runner(["hit", "-n", "5", "-c", "1", &url]).run();
    for said in ["Failure examples:\n  ✗ 5 × status 500, GET /x  (", "      < sorry\n", "api_key=***"] {
        assert!(finished.stdout.contains(said), "{said}\n{}", finished.printed());
    }
    let finished = runner(["hit", "-n", "5", "-c", "1", "--json", &url]).run();
    let json: serde_json::Value = serde_json::from_str(&finished.stdout).expect("JSON");
    let example = &json["examples"][0];
    assert_eq!(json["examples"].as_array().map(Vec::len), Some(1), "{json}");
    assert_eq!(json["failures_without_example"], 0);
    for (field, wanted) in [("count", "5"), ("status", "500"), ("error_code", "1500"), ("name", "\"/x\"")] {
        assert_eq!(example[field].to_string(), wanted, "{field}");
    }
    assert_eq!(example["response"]["body"], "sorry");
    assert_eq!(example["response"]["headers"][0], serde_json::json!(["x-a", "1"]));
    assert_eq!(example["request"]["method"], "GET");
    assert!(example["curl"].as_str().is_some_and(|line| line.starts_with("curl ")), "{example}");
}

// ---------------------------------------------------------------- secrets

#[test]
fn no_example_shows_a_secret_in_any_of_its_codes() {
    const SECRET: &str = "S3cr3t'/+%\"w\\rd é!";
    let server = Server::start(|request| {
        // The service says all that it heard.
        let heard = format!("{} {:?} {}", request.target, request.headers, request.text());
        Reply::new(500, heard)
            .header("set-cookie", "sid=given-out; Path=/")
            .header("x-heard", &request.target)
    });
    let script = |flow: &str| {
        format!(
            r#"
            base_url("{}");
            const KEY = secret("KEY");
            scenario("one", #{{ executor: "per-vu-iterations", vus: 1, iterations: 1, flow: "flow" }});
            fn flow() {{ let key = global::KEY; {flow} }}
            fn upper(text) {{ text.to_upper(); text }}
            "#,
            server.url()
        )
    };
    let play = |flow: &str| {
        let run = runner(["run", "--no-preflight", "a.rhai"]).file("a.rhai", &script(flow));
        let finished = run.env("RUNNER_SECRET_KEY", SECRET).run().expect_code(0);
        assert_eq!(curls(&finished).len(), 2, "{}", finished.printed());
        finished
    };
    let bodies = play(
        r#"
        let codes = [
            key, url::encode(key), url::query(#{ k: key }), encoding::base64(key), encoding::base64("user:" + key),
            encoding::base64url(key), encoding::hex(key), upper(encoding::hex(key)), [key].to_json(),
        ];
        let all = "";
        for code in codes { all += code + " | "; }
        http::post("/body", #{ body: all });
        http::post("/form", #{ form: #{ key_of_form: key, plain: "seen" } });
        "#,
    );
    let heads = play(
        r#"
        http::get("/head", #{ headers: #{ "X-Code": encoding::base64(key) }, query: #{ q: key, token: "by-name" } });
        http::get("/auth", #{ auth: #{ basic: #{ user: "ada", password: "by-name" } }, cookies: #{ session: "by-name" } });
        "#,
    );
    let section = section(&bodies) + &section(&heads);
    let base64 = "UzNjcjN0Jy8rJSJ3XHJkIMOpIQ";
    let codes = [
        SECRET,
        "S3cr3t",
        "S3cr3t%27",
        &base64[..12],
        "UzNjcjN0",
        "53336372337427",
        "533363723374272F",
        "by-name",
        "given-out",
        "YWRh",
    ];
    for code in codes {
        for finished in [&bodies, &heads] {
            assert!(!finished.stdout.contains(code), "{code}\n{section}");
        }
    }
    for said in ["***", "plain=seen", "sid=***; Path=/"] {
        assert!(section.contains(said), "{said}\n{section}");
    }
}

// ---------------------------------------------------------------- beside --http-debug

#[test]
fn http_debug_says_the_same() {
    let server = Server::start(|_| Reply::new(500, "line one\nline two\n").header("x-a", "1"));
    let script = format!(
        "base_url(\"{}\");
        scenario(\"one\", #{{ executor: \"per-vu-iterations\", vus: 1, iterations: 1, flow: \"flow\" }});
        fn flow() {{ http::post(\"/x?y=1\", #{{ json: #{{ a: [1, 2] }}, headers: #{{ \"X-B\": \"c\" }} }}); }}",
        server.url()
    );
    let finished =
        runner(["run", "--no-preflight", "--http-debug=full", "a.rhai"]).file("a.rhai", &script).run();
    let wire = |text: &str| -> Vec<String> {
        let lines = text.lines().map(str::trim).filter(|line| line.starts_with(['>', '<']));
        lines.map(str::to_owned).collect()
    };
    let (debug, example) = (wire(&finished.stderr), wire(&section(&finished)));
    assert!(debug.len() > 10, "{}", finished.printed());
    assert_eq!(example, debug);
}
