//! The line for curl of a failure example, run by a shell with a real curl: the server must see what it saw before, byte
//! by byte.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::examples::curls;
use crate::fixture::{Finished, folder, play_once, runner, wait_until};

const SOON: Duration = Duration::from_secs(20);

/// The only line for curl of a summary.
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
