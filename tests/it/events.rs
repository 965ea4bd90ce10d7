//! Server-sent events through the binary: against a server that writes what it likes, and the demo.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crate::fixture::{Finished, play_once, runner};

/// Answers every request with what `play` writes, and closes.
struct Streams {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Streams {
    fn start(play: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, play) = (Arc::clone(&requests), Arc::new(play));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let (seen, play) = (Arc::clone(&seen), Arc::clone(&play));
                std::thread::spawn(move || {
                    let mut request = String::new();
                    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
                    while !request.ends_with("\r\n\r\n") {
                        if reader.read_line(&mut request).unwrap_or(0) == 0 {
                            return;
                        }
                    }
                    seen.lock().expect("no test panicked with it").push(request);
                    play(&mut stream);
                });
            }
        });
        Self { address, requests }
    }

    /// Sends a whole answer.
    fn saying(answer: &'static [u8]) -> Self {
        Self::start(move |stream| {
            let _ = stream.write_all(answer);
        })
    }

    fn play(&self, flow: &str) -> Finished {
        play_once(self.address, flow)
    }
}

fn assert_figure(finished: &Finished, metric: &str, expected: f64) {
    assert!((finished.figure(metric) - expected).abs() < f64::EPSILON, "{metric}\n{}", finished.printed());
}

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\n";

#[test]
fn events_are_given_as_they_come_and_timed() {
    let server = Streams::start(|stream| {
        let _ = stream.write_all(HEAD.as_bytes());
        for byte in b"\xef\xbb\xbf: hello\n\nid: 1\nevent: price\ndata: {\"price\":\ndata: 5}\n\ndata: plain\r\n\r\ndata: cut" {
            let _ = stream.write_all(&[*byte]);
            // Two events in one read would be no time apart.
            crate::fixture::pause(std::time::Duration::from_millis(1));
        }
    });
    let finished = server.play(
        "let r = sse::each(\"/stream\", #{ headers: #{ \"X-A\": \"b\" } }, |event| {\n\
             log::info(`SEEN ${event.name} ${event.id} ${event.data}.`);\n\
             if event.name == \"price\" { check(event.json(\"price\") == 5 && event.json().price == 5, \"JSON\"); }\n\
         });\n\
         check(r.status == 200 && r.error == \"\", \"the response\");",
    );
    let finished = finished.expect_code(0).expect_said("SEEN message 1 plain.");
    assert!(!finished.printed().contains("SEEN message 1 cut"), "{}", finished.printed());
    assert_figure(&finished, "checks", 100.0);
    for (metric, expected) in [
        ("sse_streams", 1.0),
        ("sse_stream_failed", 0.0),
        ("sse_events", 2.0),
        ("http_reqs", 1.0),
        ("http_req_failed", 0.0),
    ] {
        assert_figure(&finished, metric, expected);
    }
    for metric in ["sse_time_to_first_event", "sse_time_between_events", "sse_stream_duration"] {
        assert!(
            finished.stdout.contains(&format!("{metric}.")),
            "{metric}
{}",
            finished.printed()
        );
    }
    let request = server.requests.lock().expect("no test panicked with it")[0].clone();
    for header in ["GET /stream HTTP/1.1", "Accept: text/event-stream", "Cache-Control: no-cache", "X-A: b"] {
        assert!(request.contains(header), "{header} in {request}");
    }
}

#[test]
fn a_stream_in_chunks_ends_with_its_last_chunk() {
    let server = Streams::start(|stream| {
        let _ = stream.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
        );
        for chunk in ["data: a\n", "\nda", "ta: b\n\n", ""] {
            let _ = write!(stream, "{:x}\r\n{chunk}\r\n", chunk.len());
        }
        // The connection stays: only the chunks say that it is over.
        crate::fixture::pause(std::time::Duration::from_secs(10));
    });
    let finished = server.play("sse::each(\"/\", |event| { log::info(`SEEN ${event.data}`); });");
    let finished = finished.expect_code(0).expect_said("SEEN b");
    assert_figure(&finished, "sse_events", 2.0);
}

#[test]
fn a_stream_ends_by_the_closure_or_by_its_bounds() {
    let endless = || {
        Streams::start(|stream| {
            let _ = stream.write_all(HEAD.as_bytes());
            while stream.write_all(b"data: a\n\n").is_ok() {
                crate::fixture::pause(std::time::Duration::from_millis(2));
            }
        })
    };
    for flow in [
        "let n = 0; sse::each(\"/\", |event| { n += 1; n < 3 }); check(n == 3, \"three\");",
        "let n = 0; sse::each(\"/\", #{ events: 3 }, |event| { n += 1; }); check(n == 3, \"three\");",
        "let n = 0; sse::each(\"/\", #{ duration: \"100ms\" }, |event| { n += 1; }); check(n > 1, \"some\");",
    ] {
        let finished = endless().play(flow).expect_code(0);
        assert_figure(&finished, "checks", 100.0);
        assert_figure(&finished, "sse_stream_failed", 0.0);
    }
    let silent = Streams::start(|stream| {
        let _ = stream.write_all([HEAD, "data: a\n\n"].concat().as_bytes());
        crate::fixture::pause(std::time::Duration::from_secs(10));
    });
    silent.play("sse::each(\"/\", #{ idle_timeout: \"50ms\" }, |event| true);").expect_code(0);
}

#[test]
fn an_answer_that_is_no_stream_has_failed() {
    for (answer, check) in [
        (
            &b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"[..],
            "r.status == 404 && r.body == \"no\"",
        ),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "r.status == 204"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
            "r.status == 0 && r.error.contains(\"no stream of events\") && r.error.contains(\"application/json\")",
        ),
    ] {
        let server = Streams::saying(answer);
        let flow = format!(
            "let r = sse::each(\"/\", |event| {{ throw \"no event\"; }});\ncheck({check}, `${{r.status}} ${{r.error}}`);"
        );
        let finished = server.play(&flow).expect_code(0);
        assert_figure(&finished, "checks", 100.0);
        assert_figure(&finished, "sse_stream_failed", 100.0);
    }
}

#[test]
fn a_stream_that_breaks_off_has_failed() {
    let server = Streams::saying(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: a\n\n\r\n9\r\ndata",
    );
    let finished = server.play("sse::each(\"/\", |event| true);").expect_code(0);
    assert_figure(&finished, "sse_events", 1.0);
    assert_figure(&finished, "sse_stream_failed", 100.0);
}

#[test]
fn a_stop_ends_a_stream_and_the_iteration_is_interrupted() {
    let server = Streams::start(|stream| {
        let _ = stream.write_all(HEAD.as_bytes());
        while stream.write_all(b"data: a\n\n").is_ok() {
            crate::fixture::pause(std::time::Duration::from_millis(20));
        }
    });
    let script = format!(
        "base_url(\"http://{}\");\n\
         scenario(\"one\", #{{ executor: \"constant-vus\", vus: 2, duration: \"500ms\", graceful_stop: \"0s\", flow: \"flow\" }});\n\
         fn flow() {{ sse::each(\"/\", |event| true); }}",
        server.address
    );
    let finished = runner(["run", "--no-preflight", "stop.rhai"]).file("stop.rhai", &script).run();
    assert!(finished.stdout.contains("2 interrupted"), "{}", finished.printed());
    assert_figure(&finished, "sse_streams", 2.0);
    assert!(finished.figure("sse_events") > 2.0, "{}", finished.printed());
}
