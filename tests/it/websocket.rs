//! Web sockets against a server that speaks frames by hand: cases as Autobahn's, the close, the stop, the books.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use sha1::Digest as _;

use crate::fixture::{Finished, play_once, root, runner, wait_until};

/// A frame as a server saw it: its first byte, its payload unmasked.
type Frame = (u8, Vec<u8>);

/// One connection after its handshake, with what it shares with the test.
struct Peer {
    stream: BufReader<TcpStream>,
    request: String,
    seen: Arc<Mutex<Vec<Frame>>>,
}

impl Peer {
    fn say(&mut self, bytes: &[u8]) {
        let _ = self.stream.get_mut().write_all(bytes);
    }

    /// The next frame of the client; all must be masked.
    fn hear(&mut self) -> Option<Frame> {
        let mut head = [0; 2];
        self.stream.read_exact(&mut head).ok()?;
        assert_eq!(head[1] & 0x80, 0x80, "a client masks");
        let length = match head[1] & 0x7f {
            126 => {
                let mut length = [0; 2];
                self.stream.read_exact(&mut length).ok()?;
                u16::from_be_bytes(length).into()
            }
            length => usize::from(length),
        };
        let mut mask = [0; 4];
        self.stream.read_exact(&mut mask).ok()?;
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).ok()?;
        payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        let frame = (head[0], payload);
        self.seen.lock().expect("no test panicked with it").push(frame.clone());
        Some(frame)
    }

    /// Answers the client's close, and reads until it.
    fn close(&mut self) {
        while let Some((first, payload)) = self.hear() {
            if first == 0x88 {
                let code = payload.get(..2).unwrap_or_default();
                self.say(&[&[0x88, u8::try_from(code.len()).expect("two bytes")], code].concat());
                return;
            }
        }
    }
}

/// A server on a port of its own; its threads end with the test's process.
struct Sockets {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Frame>>>,
}

impl Sockets {
    /// Shakes hands with every client that asks for it, and hands the connection to `play`.
    fn start(play: impl Fn(&mut Peer) + Send + Sync + 'static) -> Self {
        Self::with_answer(
            |key| {
                let digest = sha1::Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
                let accept = base64::engine::general_purpose::STANDARD.encode(digest);
                format!(
                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                     Sec-WebSocket-Accept: {accept}\r\n\r\n"
                )
            },
            play,
        )
    }

    fn with_answer(
        answer: impl Fn(&str) -> String + Send + Sync + 'static,
        play: impl Fn(&mut Peer) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (shared, play) = (Arc::clone(&seen), Arc::new((answer, play)));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (play, seen) = (Arc::clone(&play), Arc::clone(&shared));
                std::thread::spawn(move || {
                    let _ = stream.set_read_timeout(Some(Duration::from_secs(20)));
                    let mut stream = BufReader::new(stream);
                    let mut request = String::new();
                    while !request.ends_with("\r\n\r\n") {
                        if stream.read_line(&mut request).unwrap_or(0) == 0 {
                            return;
                        }
                    }
                    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
                    let head = play.0(key.unwrap_or_default());
                    let mut peer = Peer { stream, request, seen };
                    peer.say(head.as_bytes());
                    play.1(&mut peer);
                });
            }
        });
        Self { address, seen }
    }

    fn seen(&self) -> Vec<Frame> {
        self.seen.lock().expect("no test panicked with it").clone()
    }

    /// Plays a flow once against it.
    fn play(&self, flow: &str) -> Finished {
        play_once(self.address, flow)
    }
}

#[test]
fn messages_go_both_ways_and_every_one_is_counted() {
    let server = Sockets::start(|peer| {
        assert!(peer.request.starts_with("GET /chat?room=1 HTTP/1.1\r\n"), "{}", peer.request);
        for header in
            ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "X-Token: abc"]
        {
            assert!(peer.request.contains(header), "{header} in {}", peer.request);
        }
        while let Some((first, payload)) = peer.hear() {
            match first {
                0x88 => return peer.say(&[&[0x88, 2], &payload[..2]].concat()),
                0x89 => peer.say(&[&[0x8a, u8::try_from(payload.len()).unwrap()], &payload[..]].concat()),
                _ => peer.say(&[&[first, u8::try_from(payload.len()).unwrap()], &payload[..]].concat()),
            }
        }
    });
    let finished = server.play(
        "let r = ws::connect(\"/chat\", #{ query: #{ room: 1 }, headers: #{ \"X-Token\": \"abc\" } }, |socket| {\n\
             check(socket.send(\"hello\"), \"sent\");\n\
             let message = socket.receive(\"5s\");\n\
             check(message.text == \"hello\" && !message.is_binary, \"a text comes back\");\n\
             socket.send_binary(blob(3, 7));\n\
             let message = socket.receive(\"5s\");\n\
             check(message.is_binary && message.bytes == blob(3, 7), \"bytes come back\");\n\
             socket.ping();\n\
             socket.send(\"last\");\n\
             socket.receive(\"5s\");\n\
             check(socket.receive(\"20ms\") == (), \"nothing more comes\");\n\
             check(socket.is_open, \"a time-out closes nothing\");\n\
             socket.close(4000, \"enough\");\n\
             check(!socket.is_open && !socket.send(\"late\"), \"nothing is sent any more\");\n\
             check(socket.close_code == 4000 && socket.error == \"\", \"closed in order\");\n\
         });\n\
         check(r.status == 101 && r.header(\"upgrade\") == \"websocket\", \"the handshake's response\");",
    );
    let finished = finished.expect_code(0);
    assert!((finished.figure("checks") - 100.0).abs() < f64::EPSILON, "{}", finished.printed());
    for (metric, expected) in
        [("ws_sessions", 1.0), ("ws_msgs_sent", 3.0), ("ws_msgs_received", 3.0), ("ws_session_failed", 0.0)]
    {
        assert!(
            (finished.figure(metric) - expected).abs() < f64::EPSILON,
            "{metric}\n{}",
            finished.printed()
        );
    }
    for metric in [
        "ws_connecting",
        "ws_session_duration",
        "ws_ping",
        "ws_time_to_first_message",
        "ws_time_between_messages",
    ] {
        assert!(
            finished.stdout.contains(&format!("{metric}.")),
            "{metric}
{}",
            finished.printed()
        );
    }
    let opcodes: Vec<u8> = server.seen().iter().map(|(first, _)| *first).collect();
    assert_eq!(opcodes, [0x81, 0x82, 0x89, 0x81, 0x88]);
    assert_eq!(server.seen()[4].1, [&4000_u16.to_be_bytes()[..], b"enough"].concat());
}

/// What a server says, the messages that the script gets of it, the code that it closes with, and its `error`.
const CASES: [(&str, &[u8], &str, u16, &str); 15] = [
    ("a text in fragments with a ping between", b"\x01\x03Hel\x89\x02hi\x80\x02lo", "Hello", 0, ""),
    ("a character cut in two", b"\x01\x01\xc2\x80\x01\xb5", "\u{b5}", 0, ""),
    ("an empty text", b"\x81\x00\x81\x01x", "|x", 0, ""),
    ("an unasked pong", b"\x8a\x04what\x81\x01x", "x", 0, ""),
    (
        "a reserved bit",
        b"\x81\x01a\xc1\x01b",
        "a",
        1002,
        "the server broke the web socket protocol: a frame with reserved bits",
    ),
    (
        "an unknown opcode",
        b"\x83\x00",
        "",
        1002,
        "the server broke the web socket protocol: a frame of an unknown kind",
    ),
    (
        "a masked frame",
        b"\x81\x81\x01\x02\x03\x04\x60",
        "",
        1002,
        "the server broke the web socket protocol: a masked frame",
    ),
    (
        "a ping in fragments",
        b"\x09\x01a",
        "",
        1002,
        "the server broke the web socket protocol: a control frame in fragments",
    ),
    (
        "a continuation of nothing",
        b"\x80\x01a",
        "",
        1002,
        "the server broke the web socket protocol: a continuation of nothing",
    ),
    (
        "a text within a text",
        b"\x01\x01a\x81\x01b",
        "",
        1002,
        "the server broke the web socket protocol: a new message within another one's fragments",
    ),
    ("a text that is no UTF-8", b"\x81\x02\xce\xff", "", 1007, "the server sent a text that is no UTF-8"),
    (
        "a message beyond every limit",
        b"\x82\x7f\x00\x00\x00\xff\x00\x00\x00\x00",
        "",
        1009,
        "the server sent a message larger than 16777216 bytes",
    ),
    ("a close without a code", b"\x81\x01a\x88\x00", "a", 1005, ""),
    (
        "a close with an error",
        b"\x88\x05\x03\xf3bad",
        "",
        1011,
        "the server closed the web socket with code 1011",
    ),
    (
        "half a close code",
        b"\x88\x01\x03",
        "",
        1002,
        "the server broke the web socket protocol: a close frame with half a code",
    ),
];

#[test]
fn what_a_server_sends_is_judged_by_the_rules() {
    for (case, bytes, messages, code, error) in CASES {
        let server = Sockets::start(move |peer| {
            // Byte by byte, so that every frame is cut everywhere.
            for byte in bytes {
                peer.say(std::slice::from_ref(byte));
            }
            peer.close();
        });
        let finished = server.play(
            "ws::connect(\"/\", |socket| {\n\
                 let seen = [];\n\
                 loop {\n\
                     let message = socket.receive(\"300ms\");\n\
                     if message == () { break; }\n\
                     seen.push(message.text);\n\
                 }\n\
                 let joined = \"\";\n\
                 for (text, index) in seen { joined += (if index > 0 { \"|\" } else { \"\" }) + text; }\n\
                 log::info(`SEEN ${joined} CODE ${socket.close_code} ERROR ${socket.error}.`);\n\
             });",
        );
        let code = if code == 0 { String::new() } else { code.to_string() };
        let said = format!("SEEN {messages} CODE {code} ERROR {error}.");
        let finished = finished.expect_code(0).expect_said(&said);
        let failed = if error.is_empty() { 0.0 } else { 100.0 };
        assert!(
            (finished.figure("ws_session_failed") - failed).abs() < f64::EPSILON,
            "{case}\n{}",
            finished.printed()
        );
        // The server hears why.
        let heard =
            server.seen().iter().rev().find(|(first, _)| *first == 0x88).map(|(_, payload)| payload.clone());
        let expected: Vec<u8> = match code.as_str() {
            "" => 1000_u16.to_be_bytes().to_vec(),
            "1005" => Vec::new(),
            "1011" => b"\x03\xf3bad".to_vec(),
            code => code.parse::<u16>().unwrap().to_be_bytes().to_vec(),
        };
        assert_eq!(heard.as_deref(), Some(&*expected), "{case}");
    }
}

#[test]
fn a_connection_that_ends_without_a_close_frame_has_failed() {
    let server = Sockets::start(|peer| peer.say(b"\x81\x01a\x81\x05cut"));
    let finished = server.play(
        "ws::connect(\"/\", |socket| {\n\
             let count = socket.each(|message| true);\n\
             check(count == 1 && socket.close_code == 1006, \"what came whole was given\");\n\
             check(socket.error.contains(\"without a close frame\"), \"why\");\n\
         });",
    );
    let finished = finished.expect_code(0);
    assert!((finished.figure("checks") - 100.0).abs() < f64::EPSILON, "{}", finished.printed());
    assert!((finished.figure("ws_session_failed") - 100.0).abs() < f64::EPSILON, "{}", finished.printed());
}

#[test]
fn a_handshake_that_fails_opens_nothing() {
    let upgrade = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    for (answer, status, error) in [
        (
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno".to_owned(),
            403,
            "the server answered with status 403",
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno".to_owned(), 200, ""),
        (format!("{upgrade}Sec-WebSocket-Accept: wrong\r\n\r\n"), 0, "does not answer the request's key"),
        (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n".to_owned(),
            0,
            "not to `websocket`",
        ),
    ] {
        let server = Sockets::with_answer(move |_| answer.clone(), |_| {});
        let finished = server.play(&format!(
            "let r = ws::connect(\"/\", |socket| {{ throw \"nothing was opened\"; }});\n\
             check(r.status == {status} && r.error.contains(\"{error}\"), `said ${{r.status}} ${{r.error}}`);",
        ));
        let finished = finished.expect_code(0);
        assert!((finished.figure("checks") - 100.0).abs() < f64::EPSILON, "{}", finished.printed());
        assert!(
            (finished.figure("ws_session_failed") - 100.0).abs() < f64::EPSILON,
            "{}",
            finished.printed()
        );
        assert!((finished.figure("ws_sessions") - 1.0).abs() < f64::EPSILON);
    }
}

#[test]
fn a_server_that_is_not_there_fails_and_throws_where_that_is_wanted() {
    let port = crate::fixture::closed_port();
    let script = format!(
        "scenario(\"one\", #{{ executor: \"per-vu-iterations\", vus: 1, iterations: 1, flow: \"flow\" }});\n\
         fn flow() {{\n\
             let r = ws::connect(\"ws://127.0.0.1:{port}/x\", |socket| ());\n\
             check(r.status == 0 && r.error_code == 1212, \"refused\");\n\
             try {{ ws::connect(\"ws://127.0.0.1:{port}/x\", #{{ throws: true }}, |socket| ()); }}\n\
             catch (error) {{ check(`${{error}}`.contains(\"got no answer\"), \"throws\"); }}\n\
         }}"
    );
    let finished = runner(["run", "--no-preflight", "f.rhai"]).file("f.rhai", &script).run().expect_code(0);
    assert!((finished.figure("checks") - 100.0).abs() < f64::EPSILON, "{}", finished.printed());
    assert!((finished.figure("ws_sessions") - 2.0).abs() < f64::EPSILON, "{}", finished.printed());
}

#[test]
fn a_stop_closes_with_1001_and_the_iteration_is_interrupted() {
    let server = Sockets::start(|peer| {
        peer.say(b"\x81\x01a");
        peer.close();
    });
    let script = format!(
        "base_url(\"http://{}\");\n\
         scenario(\"one\", #{{ executor: \"constant-vus\", vus: 2, duration: \"500ms\", graceful_stop: \"0s\", flow: \"flow\" }});\n\
         fn flow() {{ ws::connect(\"/\", |socket| {{ socket.each(|message| true); }}); }}",
        server.address
    );
    let finished = runner(["run", "--no-preflight", "stop.rhai"]).file("stop.rhai", &script).run();
    assert!(finished.stdout.contains("2 interrupted"), "{}", finished.printed());
    assert!((finished.figure("ws_sessions") - 2.0).abs() < f64::EPSILON, "{}", finished.printed());
    assert!((finished.figure("ws_msgs_received") - 2.0).abs() < f64::EPSILON, "{}", finished.printed());
    let closed =
        || server.seen().iter().filter(|frame| **frame == (0x88, 1001_u16.to_be_bytes().to_vec())).count();
    wait_until("both close frames", Duration::from_secs(5), || closed() == 2);
}

#[test]
fn an_error_in_the_closure_ends_the_iteration_and_closes_the_socket() {
    let server = Sockets::start(Peer::close);
    let finished = server.play("ws::connect(\"/\", |socket| { socket.send(\"a\"); throw \"broken\"; });");
    finished.expect_code(107).expect_said("broken");
    let frames = server.seen();
    assert_eq!(frames.last(), Some(&(0x88, 1000_u16.to_be_bytes().to_vec())), "{frames:?}");
}

#[test]
fn a_closure_may_use_the_socket_that_it_is_in() {
    let server = Sockets::start(|peer| {
        peer.say(b"\x81\x01a\x81\x01b");
        peer.close();
    });
    let finished = server.play(
        "ws::connect(\"/\", |socket| {\n\
             let count = 0;\n\
             socket.each(|message, socket| {\n\
                 count += 1;\n\
                 socket.send(message.text + \"!\");\n\
                 if count == 2 { socket.close(); }\n\
             });\n\
         });",
    );
    finished.expect_code(0);
    let texts: Vec<Vec<u8>> =
        server.seen().into_iter().filter(|(first, _)| *first == 0x81).map(|(_, payload)| payload).collect();
    assert_eq!(texts, [b"a!", b"b!"]);
}

#[test]
fn what_makes_no_sense_is_refused_with_a_hint() {
    let server = Sockets::start(Peer::close);
    for (flow, message) in [
        ("ws::connect(\"/\", #{ json: 1 }, |socket| ());", "a handshake has no body"),
        ("ws::connect(\"/\", #{ protocols: [\"a b\"] }, |socket| ());", "is no name of a subprotocol"),
        ("ws::connect(\"/\", #{ haeders: #{} }, |socket| ());", "did you mean `headers`?"),
        ("ws::connect(\"/\", |socket| { socket.close(1006); });", "takes a code that may be sent"),
        ("ws::connect(\"/\", |socket| { socket.close(1000, \"x\".repeat(200)); });", "repeat"),
        ("ws::connect(\"/\", |socket| { socket.each(#{ count: 1 }, |m| true); });", "no option `count`"),
        ("ws::connect(\"/\", |socket| { socket.receive(\"5\"); });", "socket.receive"),
    ] {
        server.play(flow).expect_code(107).expect_said(message);
    }
}

#[test]
fn full_the_stream_of_prices_meets_its_targets_on_the_demo() {
    let script = root().join("scripts/stream.rhai");
    let play = || {
        let script = script.clone().into_os_string();
        runner(["run".into(), "-e".into(), "DURATION=5s".into(), "--allow-few".into(), script]).run()
    };
    let finished = crate::fixture::conclusive(play).expect_code(0);
    assert!(
        finished.figure("ws_msgs_received") > 100.0 && finished.figure("sse_events") > 20.0,
        "{}",
        finished.printed()
    );
}
