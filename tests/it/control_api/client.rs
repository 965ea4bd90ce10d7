//! A client of the control API that can also send what no client should: other hosts, other origins, halves of requests.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::fixture::{Running, wait_until};

/// Long past any answer; a socket that stays silent fails its test.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where the API of a run is, as that run printed it.
#[derive(Clone, Debug)]
pub(super) struct Api {
    pub(super) address: String,
    pub(super) token: String,
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The head's lines, lower-case.
    pub(super) head: String,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The attributes of the resource that it holds.
    pub(super) fn attributes(&self) -> Value {
        self.json()["data"]["attributes"].take()
    }

    /// What is said to be wrong.
    pub(super) fn detail(&self) -> String {
        self.json()["errors"][0]["detail"].as_str().unwrap_or_else(|| panic!("{self:?}")).to_owned()
    }
}

impl Api {
    /// Of a run that has just been started.
    pub(super) fn of(running: &mut Running) -> Self {
        let mut api = None;
        wait_until("the control API's address", PATIENCE, || {
            api = Self::printed(&running.stderr());
            assert!(api.is_some() || running.is_running(), "it ended: {}", running.stderr());
            api.is_some()
        });
        api.expect("waited for")
    }

    fn printed(stderr: &str) -> Option<Self> {
        let (line, _) = stderr.split_once("control API: http://")?.1.split_once('\n')?;
        let (address, token) = line.split_once(" token ").unwrap_or((line, ""));
        Some(Self { address: address.to_owned(), token: token.to_owned() })
    }

    pub(super) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("the API listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        stream
    }

    /// Sends a request as it is, and reads the answer to its end.
    pub(super) fn send(&self, request: &str) -> Answer {
        let mut stream = self.connect();
        // An answer may come, and the connection close, before all is sent.
        let _ = stream.write_all(request.as_bytes());
        read_answer(&mut BufReader::new(stream))
    }

    /// A request with these headers and no others but for its length.
    pub(super) fn bare(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let headers =
            headers.iter().fold(String::new(), |lines, (name, value)| format!("{lines}{name}: {value}\r\n"));
        let length = body.len();
        self.send(&format!(
            "{method} {path} HTTP/1.1\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        ))
    }

    /// A request as it should be.
    pub(super) fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        self.bare(method, path, &[("Host", &self.address), ("Authorization", &bearer)], body)
    }

    pub(super) fn get(&self, path: &str) -> Answer {
        let answer = self.ask("GET", path, "");
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer
    }

    /// Wants something that can be.
    pub(super) fn patch(&self, path: &str, body: &str) -> Answer {
        let answer = self.ask("PATCH", path, body);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer
    }

    pub(super) fn status(&self) -> Value {
        self.get("/v1/status").attributes()
    }

    /// Waits until the status is such.
    pub(super) fn wait_for(&self, what: &str, mut is_so: impl FnMut(&Value) -> bool) {
        wait_until(what, PATIENCE, || is_so(&self.status()));
    }

    /// Listens to the events.
    pub(super) fn events(&self) -> Events {
        let mut stream = self.connect();
        let (address, token) = (&self.address, &self.token);
        let request =
            format!("GET /v1/events HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("the API listens");
        let mut reader = BufReader::new(stream);
        let (status, head) = read_head(&mut reader);
        assert_eq!(status, 200, "{head}");
        assert!(head.contains("content-type: text/event-stream"), "{head}");
        Events { reader, text: String::new() }
    }
}

fn read_head(reader: &mut impl BufRead) -> (u16, String) {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).expect("an answer") > 0, "it closed after {head:?}");
    }
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("no status: {head}")), head.to_lowercase())
}

fn read_answer(reader: &mut impl BufRead) -> Answer {
    let (status, head) = read_head(reader);
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.and_then(|length| length.parse().ok()).unwrap_or(0)];
    reader.read_exact(&mut body).expect("a whole body");
    Answer { status, head, text: String::from_utf8(body).expect("UTF-8") }
}

/// A stream of events; its body is chunked.
pub(super) struct Events {
    reader: BufReader<TcpStream>,
    text: String,
}

impl Events {
    /// The next event, its name and its data; none once the stream has ended.
    pub(super) fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let event = event.to_owned();
                self.text = rest.to_owned();
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
                let Some(name) = field("event: ") else { continue };
                let data = field("data: ").unwrap_or_else(|| panic!("no data: {event}"));
                return Some((name.to_owned(), serde_json::from_str(data).expect("JSON")));
            }
            let mut size = String::new();
            self.reader.read_line(&mut size).expect("a chunk");
            let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
            let mut chunk = vec![0; size + 2];
            self.reader.read_exact(&mut chunk).expect("a whole chunk");
            if size == 0 {
                return None;
            }
            self.text += std::str::from_utf8(&chunk[..size]).expect("UTF-8");
        }
    }

    /// The data of the next event of that name.
    pub(super) fn next_of(&mut self, name: &str) -> Value {
        loop {
            let (found, data) = self.next().unwrap_or_else(|| panic!("the stream ended before `{name}`"));
            if found == name {
                return data;
            }
        }
    }

    /// The rest.
    pub(super) fn rest(mut self) -> Vec<(String, Value)> {
        std::iter::from_fn(|| self.next()).collect()
    }
}
