//! What the tests share: the binary as a process with a deadline, a temporary folder, ports, and a
//! small HTTP server that counts on its own.
//!
//! Whatever a test starts is killed by its pid when the test's value goes out of scope; a process
//! that hangs fails its test with everything it had printed. Nothing here knows the library.
#![allow(dead_code, reason = "a fixture offers more than the tests of one issue use")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A test that needs longer says so with [`Runner::timeout`].
const TIMEOUT: Duration = Duration::from_mins(1);
/// How often a running process is looked at: short beside any process start.
const POLL: Duration = Duration::from_millis(5);
/// After the process ended its pipes close at once, unless a child of its own holds them.
const PIPES_CLOSE: Duration = Duration::from_secs(2);

/// The repository's root, where `scripts/` and `tests/` lie.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A fresh folder, removed when dropped.
pub(crate) fn folder() -> TempDir {
    tempfile::Builder::new().prefix("runner-it-").tempdir().expect("a temporary folder")
}

/// A port that nobody listens on: bound once, then released.
pub(crate) fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound address").port()
}

/// Waits; the library's workers may not (see `.clippy.toml`), a test's thread may.
#[expect(clippy::disallowed_methods, reason = "a test's own thread blocks no worker")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Waits until `done`, or fails with `what`.
pub(crate) fn wait_until(what: &str, limit: Duration, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < limit, "waited {limit:?} for {what}");
        pause(POLL);
    }
}

// ---------------------------------------------------------------- the binary

/// One call of the binary, being put together. It runs in a temporary folder of its own, without
/// the caller's `TARGET_URL` and `RUNNER_…`, without colour.
pub(crate) struct Runner {
    command: Command,
    folder: TempDir,
    timeout: Duration,
}

/// `runner ARGS…`, not yet started.
pub(crate) fn runner<I, S>(args: I) -> Runner
where
    I: IntoIterator<Item = S>,
    S: AsRef<std::ffi::OsStr>,
{
    let folder = folder();
    let mut command = Command::new(env!("CARGO_BIN_EXE_runner"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("RUNNER_") || text.starts_with("K6_") || text == "TARGET_URL" {
            command.env_remove(&name);
        }
    }
    command.args(args).env("NO_COLOR", "1").current_dir(folder.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Runner { command, folder, timeout: TIMEOUT }
}

impl Runner {
    /// The folder it runs in, unless [`Runner::current_dir`] chose another.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into the folder it runs in.
    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        std::fs::write(self.folder.path().join(name), text).expect("a writable folder");
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn current_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    pub(crate) fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Starts it and returns at once.
    pub(crate) fn start(mut self) -> Running {
        let line = command_line(&self.command);
        let start = Instant::now();
        let mut child =
            self.command.spawn().unwrap_or_else(|error| panic!("failed to start {line}: {error}"));
        let stdout = Capture::start(child.stdout.take().expect("stdout is piped"));
        let stderr = Capture::start(child.stderr.take().expect("stderr is piped"));
        Running { child, line, start, timeout: self.timeout, stdout, stderr, folder: self.folder }
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Finished {
        self.start().wait()
    }
}

fn command_line(command: &Command) -> String {
    let mut line = String::from("runner");
    for arg in command.get_args() {
        let _ = write!(line, " {}", arg.to_string_lossy());
    }
    line
}

/// A process on its way. Dropped, it is killed by its pid.
pub(crate) struct Running {
    child: Child,
    line: String,
    start: Instant,
    timeout: Duration,
    stdout: Capture,
    stderr: Capture,
    folder: TempDir,
}

impl Running {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it has printed so far on standard output.
    pub(crate) fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// What it has printed so far on standard error.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Sends Ctrl-C.
    pub(crate) fn interrupt(&self) {
        self.signal(rustix::process::Signal::INT);
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("a process that we started");
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child of ours").is_none()
    }

    /// Waits for the end; past the timeout it is killed and the test fails with what was printed.
    pub(crate) fn wait(mut self) -> Finished {
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                break status;
            }
            if self.start.elapsed() > self.timeout {
                let _ = self.child.kill();
                let _ = self.child.wait();
                panic!(
                    "`{}` hung: killed after {:?}\n{}",
                    self.line,
                    self.timeout,
                    printed(&self.stdout.text(), &self.stderr.text())
                );
            }
            pause(POLL);
        };
        let duration = self.start.elapsed();
        let stdout = self.stdout.all();
        let stderr = self.stderr.all();
        Finished { line: std::mem::take(&mut self.line), code: status.code(), stdout, stderr, duration }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// What a process left behind.
pub(crate) struct Finished {
    pub(crate) line: String,
    /// `None`: ended by a signal.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) duration: Duration,
}

impl Finished {
    /// Fails with all that was printed unless the exit code is `code`.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        let got = self.code.map_or_else(|| "a signal".to_owned(), |code| code.to_string());
        assert!(
            self.code == Some(code),
            "`{}` ended with {got}, expected {code}\n{}",
            self.line,
            self.printed()
        );
        self
    }

    /// Fails unless standard output or standard error holds `text`.
    #[track_caller]
    pub(crate) fn expect_said(self, text: &str) -> Self {
        let said = self.stdout.contains(text) || self.stderr.contains(text);
        assert!(said, "`{}` did not say {text:?}\n{}", self.line, self.printed());
        self
    }

    /// Both streams, with a heading each.
    pub(crate) fn printed(&self) -> String {
        printed(&self.stdout, &self.stderr)
    }

    /// The first figure of a summary line such as `http_reqs......: 100  9.8/s`.
    #[track_caller]
    pub(crate) fn figure(&self, metric: &str) -> f64 {
        figure(&self.stdout, metric)
            .unwrap_or_else(|| panic!("`{}` printed no line for {metric}\n{}", self.line, self.printed()))
    }
}

fn printed(stdout: &str, stderr: &str) -> String {
    format!("---- stdout ----\n{stdout}\n---- stderr ----\n{stderr}\n----------------")
}

/// The first number after `metric....:` in a summary; thousands may be grouped.
pub(crate) fn figure(summary: &str, metric: &str) -> Option<f64> {
    let value = summary.lines().find_map(|line| {
        let rest = line.trim_start().strip_prefix(metric)?;
        rest.trim_start_matches('.').trim_start_matches(' ').trim_start_matches('.').strip_prefix(':')
    })?;
    let word = value.split_whitespace().next()?;
    word.trim_end_matches('%').replace(',', "").parse().ok()
}

/// A pipe, read by a thread of its own so that a full pipe never blocks the process.
struct Capture {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Capture {
    fn start(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&bytes);
        let reader = std::thread::spawn(move || {
            let mut chunk = [0; 8192];
            while let Ok(length @ 1..) = pipe.read(&mut chunk) {
                sink.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&chunk[..length]);
            }
        });
        Self { bytes, reader: Some(reader) }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// Everything, once the pipe has closed.
    fn all(&mut self) -> String {
        let start = Instant::now();
        if let Some(reader) = self.reader.take() {
            while !reader.is_finished() && start.elapsed() < PIPES_CLOSE {
                pause(Duration::from_millis(1));
            }
        }
        self.text()
    }
}

// ---------------------------------------------------------------- a server

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

/// A server on 127.0.0.1 with a thread a connection. Its own count is what the runner's is held
/// against.
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

/// Every `*.rhai` of a folder of the repository, sorted by name.
pub(crate) fn scripts(folder: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(root().join(folder)) else { return Vec::new() };
    let mut scripts: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "rhai"))
        .collect();
    scripts.sort();
    scripts
}

// ---------------------------------------------------------------- the fixture's own tests

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

#[test]
fn a_summary_line_gives_its_first_figure() {
    let summary = "  ✓ http_reqs\n    http_reqs......................: 1,204   9.8/s\n    http_req_failed: 0.5% 6 out of 1204\n";
    assert_eq!(figure(summary, "http_reqs"), Some(1204.0));
    assert_eq!(figure(summary, "http_req_failed"), Some(0.5));
    assert_eq!(figure(summary, "http_req"), None);
}
