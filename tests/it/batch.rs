//! Several requests of one user at once, and connections that are kept or not: the server's view of it.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use crate::fixture::{Finished, pause, runner};
use crate::server::{Reply, Server};

fn play(script: &str, url: &str, args: &[&str]) -> Finished {
    let script = format!("base_url(env(\"TARGET_URL\"));\n{script}");
    let args = ["run", "test.rhai", "--no-preflight", "-q"].iter().chain(args);
    runner(args).file("test.rhai", &script).env("TARGET_URL", url).run()
}

/// A server that answers after a moment, and the most requests that it had at once.
fn counting() -> (Server, Arc<AtomicUsize>) {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    let server = Server::start(move |request| {
        let under_way = now.fetch_add(1, Ordering::SeqCst) + 1;
        seen.fetch_max(under_way, Ordering::SeqCst);
        pause(Duration::from_millis(80));
        now.fetch_sub(1, Ordering::SeqCst);
        Reply::ok(request.target.clone())
    });
    (server, most)
}

#[test]
fn a_batch_is_sent_at_once_and_answered_in_order() {
    // None is answered before all have come: one after another would never end.
    let all = Arc::new(Barrier::new(4));
    let server = Server::start(move |request| {
        all.wait();
        Reply::ok(format!("{} {} {}", request.method, request.target, request.text()))
    });
    let script = r#"
        fn flow() {
            let replies = http::batch(["/a", #{ method: "POST", url: "/b", body: "two" }, #{ url: "/c", query: #{ q: 3 } }, "/d"]);
            check(replies.len() == 4, "four");
            check(replies[0].body == "GET /a ", "first");
            check(replies[1].body == "POST /b two", "second");
            check(replies[2].body == "GET /c?q=3 ", "third");
            check(replies[3].url.ends_with("/d"), "fourth");
        }
        target("checks", "rate >= 100%");
        target("http_reqs", "count == 4");
    "#;
    play(script, &server.url(), &[]).expect_code(0);
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn a_batch_of_names_gives_a_map_and_a_refused_one_does_not_hold_the_others_up() {
    let server = Server::plain();
    let script = r#"
        fn flow() {
            let replies = http::batch(#{ good: "/a", bad: #{ url: "http://127.0.0.1:1/", tags: #{ kind: "closed" } } });
            check(replies.good.status == 200, "good");
            check(replies.bad.status == 0 && replies.bad.error_code == 1212, "bad");
        }
        target("checks", "rate >= 100%");
        target("http_req_failed{kind:closed}", "rate >= 100%");
    "#;
    play(script, &server.url(), &[]).expect_code(0);
}

#[test]
fn no_more_are_under_way_than_the_options_allow() {
    let script = r#"fn flow() { http::batch(["/1", "/2", "/3", "/4", "/5", "/6", "/7", "/8", "/9"]); }"#;
    for (args, expected) in [(&["--batch", "2"][..], 2), (&["--batch-per-host", "3"], 3), (&[], 6)] {
        let (server, most) = counting();
        play(script, &server.url(), args).expect_code(0);
        assert_eq!((server.requests().len(), most.load(Ordering::SeqCst)), (9, expected), "{args:?}");
    }
}

#[test]
fn what_is_no_batch_is_explained() {
    for (batch, said) in [
        ("42", "`http::batch` takes a list of requests, not an integer"),
        ("[#{ method: \"GET\" }]", "a request of `http::batch` has no `url`"),
        ("[[\"GET\", \"/\"]]", "write k6's `[method, url, body, params]` as `#{ method: …, url: …"),
        ("[#{ url: \"/\", params: #{} }]", "write its options beside `method` and `url`"),
        ("[#{ url: \"/\", heders: #{} }]", "did you mean `headers`?"),
    ] {
        let script = format!("fn flow() {{ http::batch({batch}); }}");
        play(&script, "http://127.0.0.1:1", &[]).expect_code(107).expect_said(said);
    }
}

#[test]
fn requests_of_a_batch_that_the_stop_cuts_are_counted() {
    let server = Server::start(|_| {
        pause(Duration::from_secs(3));
        Reply::ok("late")
    });
    let script = r#"scenario("a", #{ executor: "constant-vus", duration: "500ms", graceful_stop: "0s", flow: || { http::batch(["/1", "/2", "/3"]); } });"#;
    play(script, &server.url(), &[]).expect_said("3 requests were under way");
}

#[test]
fn connections_are_kept_or_not_as_the_options_say() {
    let script = r#"fn flow() { http::get("/1"); http::get("/2"); }"#;
    for (args, connections) in
        [(&[][..], 1), (&["--no-connection-reuse"], 6), (&["--no-vu-connection-reuse"], 3)]
    {
        let server = Server::plain();
        play(script, &server.url(), &[&["-i", "3"], args].concat()).expect_code(0);
        assert_eq!((server.requests().len(), server.connections()), (6, connections), "{args:?}");
    }
}

#[test]
fn traffic_is_printed_without_secrets() {
    let server = Server::start(|_| Reply::ok("the answer").header("X-Kind", "sample"));
    let script = r#"
        const KEY = secret("KEY");
        fn flow() { http::post("/a", #{ body: "the question", headers: #{ "Authorization": global::KEY } }); }
    "#;
    let secret = |args: &[&str]| {
        let script = format!("base_url(env(\"TARGET_URL\"));\n{script}");
        let args = ["run", "test.rhai", "--no-preflight", "-q"].iter().chain(args);
        let runner = runner(args).file("test.rhai", &script).env("TARGET_URL", server.url());
        runner.env("RUNNER_SECRET_KEY", "hunter2-and-more").run().expect_code(0)
    };
    let heads = secret(&["--http-debug"]);
    for line in ["> POST /a HTTP/1.1", "> Content-Length: 12", "< HTTP/1.1 200", "< X-Kind: sample"] {
        assert!(heads.stderr.contains(line), "{line}\n{}", heads.stderr);
    }
    assert!(!heads.stderr.contains("the answer") && !heads.stderr.contains("hunter2"), "{}", heads.stderr);
    let full = secret(&["--http-debug=full"]);
    assert!(
        full.stderr.contains("> the question") && full.stderr.contains("< the answer"),
        "{}",
        full.stderr
    );
    assert!(!full.stderr.contains("hunter2"), "{}", full.stderr);
}

/// Answers the first request of each connection, and closes it when a second one comes, without a word.
fn forgetful() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound address");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut buffer = [0; 4096];
            if stream.read(&mut buffer).is_ok_and(|length| length > 0) {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
                let _ = stream.read(&mut buffer);
            }
        }
    });
    format!("http://{address}")
}

#[test]
fn a_stale_connection_is_one_counted_retry_or_an_error_of_its_own() {
    let script = r#"
        fn flow() {
            check(http::get("/a").retried == false, "fresh");
            let again = http::get("/b");
            check(again.status == 200 && again.retried, "sent again");
            let lost = http::post("/c");
            check(lost.status == 0 && lost.error_code == 1220, "not sent twice");
        }
        target("checks", "rate >= 100%");
        target("http_req_retries{name:/b}", "count == 1");
    "#;
    play(script, &forgetful(), &[]).expect_code(0).expect_said("http_req_retries");
}
