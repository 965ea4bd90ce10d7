//! A small HTTP server inside the test, a thread a connection, that counts on its own: its count is
//! what the runner's is held against.
//!
//! It reads what a client may send (content-length and chunked bodies) and answers what the test
//! says, also what isn't HTTP. It knows nothing of the library.
#![allow(dead_code, reason = "a fixture offers more than the tests of one issue use")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// A request as the test's server saw it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// With the query.
    pub(crate) target: String,
    /// Lower-case names.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// What the test's server answers.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Full {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
    /// These bytes as they are, then the connection closes.
    Raw(Vec<u8>),
    /// The connection closes without a word.
    Hangup,
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::Full { status, headers: Vec::new(), body: body.into() }
    }

    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200, body)
    }

    pub(crate) fn json(body: &str) -> Self {
        Self::ok(body).header("content-type", "application/json")
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        if let Self::Full { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }
}

type Handler = dyn Fn(&Request) -> Reply + Send + Sync;

/// A server on a port of its own at 127.0.0.1, until dropped.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    handler: Box<Handler>,
    requests: Mutex<Vec<Request>>,
    connections: Mutex<Vec<TcpStream>>,
    stop: AtomicBool,
}

impl Server {
    /// Answers every request with what `handler` makes of it.
    pub(crate) fn start(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let shared = Arc::new(Shared {
            handler: Box::new(handler),
            requests: Mutex::default(),
            connections: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        let acceptor = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if accepting.stop.load(Ordering::SeqCst) {
                    break;
                }
                let serving = Arc::clone(&accepting);
                lock(&accepting.connections).extend(stream.try_clone());
                std::thread::spawn(move || serve(&stream, &serving));
            }
        });
        Self { address, shared, acceptor: Some(acceptor) }
    }

    /// Answers every request with 200 and `ok`.
    pub(crate) fn plain() -> Self {
        Self::start(|_| Reply::ok("ok"))
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many whole requests arrived.
    pub(crate) fn count(&self) -> usize {
        lock(&self.shared.requests).len()
    }

    /// How many of them went to `path`.
    pub(crate) fn count_of(&self, path: &str) -> usize {
        lock(&self.shared.requests).iter().filter(|request| request.path() == path).count()
    }

    /// How many connections were accepted, the preflight's among them.
    pub(crate) fn connections(&self) -> usize {
        lock(&self.shared.connections).len()
    }

    /// All requests, in the order they were read.
    pub(crate) fn requests(&self) -> Vec<Request> {
        lock(&self.shared.requests).clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        for connection in lock(&self.shared.connections).drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(stream: &TcpStream, shared: &Shared) {
    let _ = stream.set_nodelay(true);
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader) {
        lock(&shared.requests).push(request.clone());
        let head_only = request.method == "HEAD";
        let mut writer = stream;
        match (shared.handler)(&request) {
            Reply::Full { status, headers, body } => {
                let bytes = encode(status, &headers, &body, head_only);
                if writer.write_all(&bytes).is_err() {
                    break;
                }
            }
            Reply::Raw(bytes) => {
                let _ = writer.write_all(&bytes);
                break;
            }
            Reply::Hangup => break,
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}

fn encode(status: u16, headers: &[(String, String)], body: &[u8], head_only: bool) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} Test\r\n");
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    let bodiless = status == 204 || status == 304;
    if !bodiless {
        let _ = write!(head, "content-length: {}\r\n", body.len());
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    if !head_only && !bodiless {
        bytes.extend_from_slice(body);
    }
    bytes
}

/// One request, or `None` at the end of the connection or at what isn't HTTP.
fn read_request(reader: &mut impl BufRead) -> Option<Request> {
    let start = line(reader)?;
    let mut words = start.split(' ');
    let method = words.next()?.to_owned();
    let target = words.next()?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let header = line(reader)?;
        if header.is_empty() {
            break;
        }
        let (name, value) = header.split_once(':')?;
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let mut body = Vec::new();
    if headers.get("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        loop {
            let size = usize::from_str_radix(line(reader)?.split(';').next()?.trim(), 16).ok()?;
            let from = body.len();
            body.resize(from + size, 0);
            reader.read_exact(&mut body[from..]).ok()?;
            if size == 0 {
                while !line(reader)?.is_empty() {}
                break;
            }
            line(reader)?;
        }
    } else if let Some(length) = headers.get("content-length") {
        body.resize(length.parse().ok()?, 0);
        reader.read_exact(&mut body).ok()?;
    }
    Some(Request { method, target, headers, body })
}

fn line(reader: &mut impl BufRead) -> Option<String> {
    let mut text = String::new();
    let length = reader.read_line(&mut text).ok()?;
    (length > 0).then(|| text.trim_end_matches(['\r', '\n']).to_owned())
}

#[test]
fn the_server_counts_what_a_client_sent() {
    let server = Server::start(|request| Reply::ok(request.text()).header("x-path", request.path()));
    let mut client = TcpStream::connect(server.address).expect("a listening server");
    client
        .write_all(b"GET /a?b=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi")
        .and_then(|()| {
            client.write_all(b"POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nyes\r\n0\r\n\r\n")
        })
        .expect("a connection that stays open");
    client.shutdown(Shutdown::Write).expect("an open connection");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("text");
    assert!(answer.contains("x-path: /a\r\n") && answer.ends_with("\r\n\r\nyes"), "{answer}");
    assert_eq!((server.count(), server.count_of("/a"), server.count_of("/c")), (2, 1, 1));
}
