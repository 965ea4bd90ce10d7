//! Failure examples as a user meets them: the first of each kind, the line for curl, which a real curl then sends, and
//! nothing that nobody may see.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::fixture::{Finished, closed_port, folder, play_once, runner, wait_until};
use crate::server::{Reply, Server};

const SOON: Duration = Duration::from_secs(20);

/// The lines for curl of a summary, in its order.
fn curls(finished: &Finished) -> Vec<String> {
    let lines = finished.stdout.lines().filter_map(|line| line.trim_start().strip_prefix("$ "));
    lines.map(str::to_owned).collect()
}

/// The only one.
#[track_caller]
fn curl_of(finished: &Finished) -> String {
    let lines = curls(finished);
    assert_eq!(lines.len(), 1, "{}", finished.printed());
    lines[0].clone()
}

/// Has a shell run a line, as a user would who copied it; gives what it printed.
#[track_caller]
fn shell(line: &str, folder: &std::path::Path) -> String {
    let output = Command::new("sh")
        .args(["-c", line])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("a shell");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{line}\n{said}{}", String::from_utf8_lossy(&output.stderr));
    said
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

// ---------------------------------------------------------------- the same bytes

/// A server that fails every request and keeps its bytes.
struct Recorder {
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Recorder {
    /// Listens where `accept` takes connections from.
    fn start<S: Read + Write + Send + 'static>(
        mut accept: impl FnMut() -> Option<S> + Send + 'static,
    ) -> Self {
        let requests: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let kept = Arc::clone(&requests);
        // Ends with the tests.
        std::thread::spawn(move || {
            while let Some(mut stream) = accept() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || {
                    while let Some(request) = read_request(&mut stream) {
                        let is_head = request.starts_with(b"HEAD ");
                        kept.lock().unwrap_or_else(PoisonError::into_inner).push(request);
                        let body = if is_head { "" } else { "no" };
                        let answer = format!("HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\n{body}");
                        if stream.write_all(answer.as_bytes()).is_err() {
                            break;
                        }
                    }
                });
            }
        });
        Self { requests }
    }

    fn tcp() -> (Self, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("a bound address").port();
        (Self::start(move || listener.accept().ok().map(|(stream, _)| stream)), port)
    }

    /// What came since the last call.
    fn take(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut *self.requests.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Has curl send what the run sent, and compares.
    #[track_caller]
    fn compare(&self, finished: &Finished, folder: &std::path::Path) -> String {
        let sent = self.take();
        assert_eq!(sent.len(), 1, "{}", finished.printed());
        let line = curl_of(finished);
        shell(&line, folder);
        let again = self.take();
        let text = |requests: &[Vec<u8>]| {
            requests.iter().map(|bytes| bytes.escape_ascii().to_string()).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(text(&again), text(&sent), "{line}");
        line
    }
}

/// A whole request as it came.
fn read_request(stream: &mut impl Read) -> Option<Vec<u8>> {
    let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if bytes.len() >= end + 4 + length.map_or(0, |length| length.parse().expect("a length")) {
                return Some(bytes);
            }
        }
        match stream.read(&mut chunk) {
            Ok(length @ 1..) => bytes.extend_from_slice(&chunk[..length]),
            _ => return None,
        }
    }
}

#[test]
fn needs_curl_the_line_sends_what_was_sent_byte_by_byte() {
    let (recorder, port) = Recorder::tcp();
    let folder = folder();
    for flow in [
        r#"http::get("/x");"#,
        r#"http::get("/x?a=b c&d=[1]{2}&e=it's&f=%27$(id)`id`\\!");"#,
        r#"http::head("/x");"#,
        r#"http::options("/x");"#,
        r#"http::del("/x");"#,
        r#"http::post("/x");"#,
        r#"http::put("/x", #{ body: "" });"#,
        r#"http::post("/x", #{ json: #{ a: "it's 100% \\ \"quoted\"", b: [1, 2] } });"#,
        r#"http::post("/x", #{ form: #{ a: "b c", d: "&=é" } });"#,
        r#"http::patch("/x", #{ body: "two\nlines\r\n\tand a tab, 100 %d \\n 'quoted' é€\n\n" });"#,
        r#"http::put("/x", #{ body: "@file" });"#,
        r#"http::put("/x", #{ body: "-n\n" });"#,
        r#"http::put("/x", #{ body: "\u202eturned" });"#,
        r#"http::get("/x", #{ body: "with a GET", headers: #{ "Content-Type": "text/plain" } });"#,
        r#"let bytes = blob(256); for i in 0..256 { bytes[i] = i; } http::post("/x", #{ body: bytes });"#,
        r#"http::request("PURGE", "/x", #{ headers: #{ "X-Odd": "a 'b' \"c\" $d `e` \\f;g!", "Accept": "text/html" } });"#,
        r#"http::get("/x", #{ headers: #{ "Accept-Encoding": "gzip, br", "X-Tab": "a\tb" } });"#,
        r#"http::get("/x", #{ headers: #{ "Accept": "a/b", "User-Agent": "mine/1 (it's)" }, timeout: "2.5s" });"#,
        r#"http::get("/x", #{ headers: #{ "Connection": "close" } });"#,
    ] {
        let finished = play_once(format!("127.0.0.1:{port}"), flow);
        recorder.compare(&finished, folder.path());
    }
}

#[test]
fn needs_curl_an_empty_header_goes_as_well() {
    let (recorder, port) = Recorder::tcp();
    let finished = play_once(
        format!("127.0.0.1:{port}"),
        r#"http::get("/x", #{ headers: #{ "User-Agent": "", "X-Empty": "" } });"#,
    );
    let sent = recorder.take();
    shell(&curl_of(&finished), folder().path());
    // Curl has no blank behind the colon then; to a server both are the same.
    let text = |requests: Vec<Vec<u8>>| String::from_utf8(requests.concat()).expect("text");
    assert_eq!(text(recorder.take()), text(sent).replace(": \r\n", ":\r\n"));
}

#[test]
fn needs_curl_a_host_of_its_own_goes_as_well() {
    let (recorder, port) = Recorder::tcp();
    let flow = r#"http::get("/x", #{ headers: #{ "Host": "other.test" } });"#;
    let finished = play_once(format!("127.0.0.1:{port}"), flow);
    recorder.take();
    shell(&curl_of(&finished), folder().path());
    let sent = String::from_utf8(recorder.take().remove(0)).expect("text");
    assert!(sent.contains("\r\nHost: other.test\r\n") && sent.matches("Host:").count() == 1, "{sent}");
}

#[test]
fn needs_curl_what_holds_for_the_run_holds_for_the_line() {
    let (recorder, port) = Recorder::tcp();
    let folder = folder();
    let hit = |args: &[&str], url: &str| {
        runner(["hit", "-n", "1", "--no-preflight"].iter().chain(args).chain([&url])).run()
    };
    let played = |args: &[&str], url: &str| {
        recorder.take();
        let finished = hit(args, url);
        recorder.compare(&finished, folder.path())
    };
    let url = format!("http://127.0.0.1:{port}/x");
    played(&["-m", "POST", "-b", "a=b", "-H", "X-A: 1"], &url);
    let line = played(&["-H", "User-Agent: it's me"], &url);
    assert!(line.contains(r"-A 'it'\''s me'"), "{line}");
    let line = played(&["--no-connection-reuse"], &url);
    assert!(line.contains("-H 'Connection: close'"), "{line}");
    let line = played(&["--timeout", "1.25s"], &url);
    assert!(line.contains("--max-time 1.25 "), "{line}");
    let named = format!("http://service.test:{port}/x");
    let line = played(&["--hosts", "service.test=127.0.0.1"], &named);
    assert!(line.contains(&format!("--connect-to ::127.0.0.1:{port} ")), "{line}");
    let line = played(&["--local-ips", "127.0.0.3"], &url);
    assert!(line.contains("--interface 127.0.0.3 "), "{line}");
    // The recorder as a proxy: it is asked for the whole URL.
    let line = played(&["--proxy", &format!("http://127.0.0.1:{port}")], "http://service.test/x");
    assert!(line.contains(&format!("--proxy http://127.0.0.1:{port} ")), "{line}");
}

#[test]
fn needs_curl_a_socket_is_called_by_the_line_too() {
    let folder = folder();
    let path = folder.path().join("it's.sock");
    let listener = UnixListener::bind(&path).expect("a socket");
    let recorder = Recorder::start(move || listener.accept().ok().map(|(stream, _)| stream));
    let place = path.display().to_string();
    for (args, url) in [
        (vec![], format!("http+unix://{}/x?y=1", place.replace('/', "%2F").replace('\'', "%27"))),
        (
            vec!["--hosts".to_owned(), format!("service.test=unix:{place}")],
            "http://service.test/x".to_owned(),
        ),
    ] {
        let words = ["hit", "-n", "1", "--no-preflight"].map(str::to_owned);
        let finished = runner(words.into_iter().chain(args).chain([url])).run();
        let line = recorder.compare(&finished, folder.path());
        assert!(line.contains("--unix-socket "), "{line}");
    }
}

#[test]
fn needs_curl_a_body_that_is_not_kept_is_taken_from_a_file() {
    let (recorder, port) = Recorder::tcp();
    let folder = folder();
    let body = "0123456789".repeat(1_000);
    std::fs::write(folder.path().join("body"), &body).expect("a writable folder");
    let flow = format!("http::post(\"/x\", #{{ body: \"{body}\" }});");
    let finished = play_once(format!("127.0.0.1:{port}"), &flow);
    let line = recorder.compare(&finished, folder.path());
    assert!(line.contains("--data-binary @body "), "{line}");
    assert!(finished.stdout.contains("> (10,000 bytes in all)"), "{}", finished.printed());
    assert!(finished.stdout.len() < 10_000, "{}", finished.printed());
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
        scenario("late", #{{ executor: "constant-arrival-rate", rate: 40, duration: "1s", max_vus: 4, flow: "flow" }});
        fn flow() {{ http::get("/x"); }}
        "#,
        server.url()
    );
    let finished =
        runner(["run", "--no-preflight", "--workers", "4", "a.rhai"]).file("a.rhai", &script).run();
    let section = section(&finished);
    assert!(section.contains(&format!("{} × status 500", server.count())), "{section}");
    // Requests 25 ms apart: which came first is no matter of chance.
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

#[test]
fn needs_curl_the_line_of_a_hop_sends_its_cookies_when_they_are_put_in() {
    let (recorder, port) = Recorder::tcp();
    let finished =
        play_once(format!("127.0.0.1:{port}"), "http::get(\"/x\", #{ cookies: #{ a: \"1\", b: \"two\" } });");
    let sent = recorder.take();
    let line = curl_of(&finished);
    assert!(line.contains("-H 'Cookie: a=***; b=***'"), "{line}");
    let line = line.replacen("***", "1", 1).replacen("***", "two", 1);
    shell(&line, folder().path());
    wait_until("curl's request", SOON, || {
        !recorder.requests.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    });
    assert_eq!(recorder.take(), sent);
}
