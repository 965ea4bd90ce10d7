//! Who is kept out, and that nobody who holds the API's sockets open delays the load.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{SOON, USERS, end, start, under_load};
use crate::fixture::{conclusive, pause, wait_until};
use crate::server::Server;

#[test]
fn nobody_gets_in_without_the_token_or_through_another_name() {
    let server = Server::plain();
    let (running, api) = under_load(USERS, &server, &[]);
    let bearer = format!("Bearer {}", api.token);
    let host = api.address.as_str();
    let port = host.rsplit(':').next().expect("a port");
    let (right, localhost) = (("Authorization", bearer.as_str()), format!("localhost:{port}"));
    let get = |headers: &[(&str, &str)]| api.bare("GET", "/v1/status", headers, "");

    for good in [host, &localhost] {
        assert_eq!(get(&[("Host", good), right]).status, 200, "{good}");
        let origin = format!("http://{good}");
        assert_eq!(get(&[("Host", good), ("Origin", &origin), right]).status, 200, "a page of its own");
    }
    let none = get(&[("Host", host)]);
    assert_eq!(none.status, 401);
    assert!(none.head.contains("www-authenticate: bearer"), "{none:?}");
    for wrong in ["Bearer 00000000000000000000000000000000", "Bearer ", "Basic dTpw", api.token.as_str()] {
        let refused = get(&[("Host", host), ("Authorization", wrong)]);
        assert_eq!((refused.status, refused.text.contains(&api.token)), (401, false), "{wrong}");
    }
    for foreign in ["evil.example", &format!("evil.example:{port}"), "169.254.169.254"] {
        let refused = get(&[("Host", foreign), right]);
        assert_eq!(refused.status, 403, "a name that was made to point here: {foreign}");
    }
    for foreign in ["http://evil.example", &format!("http://localhost:1{port}"), "null"] {
        let refused = get(&[("Host", host), ("Origin", foreign), right]);
        assert_eq!((refused.status, refused.head.contains("access-control")), (403, false), "{foreign}");
    }
    let preflight = api.bare(
        "OPTIONS",
        "/v1/status",
        &[("Host", host), ("Origin", "http://evil.example"), ("Access-Control-Request-Method", "PATCH")],
        "",
    );
    assert_eq!((preflight.status, preflight.head.contains("access-control")), (403, false));
    for path in ["/", "/v1/metrics", "/v1/events", "/v1/stop", "/nothing"] {
        assert_eq!(api.bare("POST", path, &[("Host", host)], "").status, 401, "{path}");
    }
    assert_eq!(api.status()["stopped"], false, "none of them did anything");
    end(running, &api);
}

#[test]
fn a_body_that_is_huge_is_refused_and_the_api_goes_on() {
    let server = Server::plain();
    let (running, api) = under_load(USERS, &server, &[]);
    let huge = format!("{{\"paused\": \"{}\"}}", "x".repeat(10 << 20));
    let refused = api.ask("PATCH", "/v1/status", &huge);
    assert_eq!(refused.status, 413, "{refused:?}");
    assert!(refused.detail().contains("at most 16384 bytes"));
    // One that doesn't say how large it will be.
    let (host, token) = (&api.address, &api.token);
    let chunk = format!("4000\r\n{}\r\n", "x".repeat(0x4000));
    let refused = api.send(&format!(
        "PATCH /v1/status HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}{chunk}"
    ));
    assert_eq!(refused.status, 413, "{refused:?}");
    // A head without end is cut, answered or not.
    let mut endless = api.connect();
    let line = format!("X-Line: {}\r\n", "x".repeat(8_000));
    let _ = endless.write_all(b"GET /v1/status HTTP/1.1\r\n");
    wait_until("the end of it", SOON, || endless.write_all(line.as_bytes()).is_err());
    assert_eq!(api.status()["paused"], false);
    end(running, &api);
}

#[test]
fn five_hundred_slow_sockets_change_nothing_of_the_load() {
    const SOCKETS: usize = 500;
    let server = Server::plain();
    let script = "scenario(\"arrivals\", #{ executor: \"constant-arrival-rate\", rate: 100, duration: \"4s\", flow: || http::get(\"/a\") });";
    let play = || {
        let before = server.count_of("/a");
        let (mut running, api) = under_load(script, &server, &[]);
        let mut slow: Vec<TcpStream> = Vec::new();
        for _ in 0..SOCKETS {
            let mut socket = api.connect();
            let _ = socket.write_all(b"GET /v1/status HTTP/1.1\r\nHo");
            slow.push(socket);
        }
        assert_eq!(api.status()["running"], true, "who is slow keeps nobody out");
        // A byte now and then, as long as the load goes on.
        while running.is_running() && server.count_of("/a") - before < 360 {
            for socket in &mut slow {
                let _ = socket.write_all(b"s");
            }
            assert_eq!(api.ask("GET", "/v1/status", "").status, 200);
            pause(Duration::from_millis(200));
        }
        let finished = running.wait();
        assert_eq!(server.count_of("/a") - before, 400, "{}", finished.printed());
        finished
    };
    // On a machine whose cores others have, the run says so (111); that nothing was dropped holds all the same.
    let finished = conclusive(play);
    assert!(matches!(finished.code, Some(0 | 111)), "{}", finished.printed());
    assert!(finished.figure("dropped_iterations").abs() < 0.5, "{}", finished.printed());
}

#[test]
fn full_a_socket_that_stays_silent_is_closed_and_a_listener_is_not() {
    let server = Server::plain();
    let (running, api) = start(USERS, &server, &["--paused"]);
    api.wait_for("the load", |status| status["status"] == 7);
    let mut events = api.events();
    let mut silent = api.connect();
    silent.write_all(b"GET /v1/status HTTP/1.1\r\n").expect("it listens");
    let start = Instant::now();
    let mut rest = Vec::new();
    // An error is an end too.
    let _ = silent.read_to_end(&mut rest);
    assert!((Duration::from_secs(8)..SOON).contains(&start.elapsed()), "{:?}", start.elapsed());
    pause(Duration::from_secs(3));
    api.patch("/v1/status", "{\"paused\": false}");
    assert_eq!(events.next_of("tick")["paused"], true, "seconds of the pause are told too");
    end(running, &api);
    assert_eq!(events.rest().last().expect("an end").0, "end");
}
