//! What the tests share: the binary as a process with a deadline, a temporary folder, ports.
//!
//! Whatever a test starts is killed by its pid when the test's value goes out of scope; a process
//! that hangs fails its test with everything it had printed. Nothing here knows the library.
#![allow(dead_code, reason = "a fixture offers more than the tests of one issue use")]
#![expect(clippy::print_stdout, reason = "what a test played apart has printed, its own test prints")]

use std::fmt::Write as _;
use std::io::Read;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
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

/// One call of the binary, being put together. It runs in a temporary folder of its own, without
/// the caller's `TARGET_URL` and `RUNNER_…`, without colour.
pub(crate) struct Runner {
    command: Command,
    folder: TempDir,
    timeout: Duration,
}

/// Whether it is a variable that names proxies: a test's servers are called directly unless it says otherwise.
fn is_proxy(variable: &str) -> bool {
    ["http_proxy", "https_proxy", "no_proxy"].iter().any(|name| variable.eq_ignore_ascii_case(name))
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
        if text.starts_with("RUNNER_") || text.starts_with("K6_") || text == "TARGET_URL" || is_proxy(&text) {
            command.env_remove(&name);
        }
    }
    command.args(args).env("NO_COLOR", "1").current_dir(folder.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Runner { command, folder, timeout: TIMEOUT }
}

/// Plays a flow once, as one user, against what listens at `address`.
pub(crate) fn play_once(address: impl std::fmt::Display, flow: &str) -> Finished {
    let script = format!(
        "base_url(\"http://{address}\");\n\
         scenario(\"one\", #{{ executor: \"per-vu-iterations\", vus: 1, iterations: 1, flow: \"flow\" }});\n\
         fn flow() {{\n{flow}\n}}\n"
    );
    runner(["run", "--no-preflight", "flow.rhai"]).file("flow.rhai", &script).run()
}

impl Runner {
    /// The folder it runs in, unless [`Runner::current_dir`] chose another.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into the folder it runs in.
    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
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

    /// Runs it by another program: its words come first, and `"$@"` of a shell is the call.
    pub(crate) fn through<const N: usize>(mut self, words: [&str; N]) -> Self {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg(self.command.get_program()).args(self.command.get_args());
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.current_dir(self.command.get_current_dir().unwrap_or(self.folder.path()));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        self.command = command;
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
        let line = std::mem::take(&mut self.line);
        Finished { line, code: status.code(), stdout, stderr, duration }.expect_balance()
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

    /// Fails if a run said of itself that its books don't balance: held against every run of every test.
    #[track_caller]
    fn expect_balance(self) -> Self {
        assert!(!self.stdout.contains("the books don't balance"), "`{}`\n{}", self.line, self.printed());
        self
    }

    /// Holds the requests that a run counted against the server's own count.
    #[track_caller]
    pub(crate) fn expect_counted(self, server: usize) -> Self {
        let counted = figure(&self.stdout, "http_reqs").unwrap_or(0.0);
        let cut = self.stdout.lines().find_map(|line| {
            let (before, _) = line.split_once(" under way at the stop")?;
            before.split_whitespace().find_map(|word| word.replace(',', "").parse::<f64>().ok())
        });
        let server = server as f64;
        // Of the requests that a stop cut the server has seen those that were written.
        let is_balanced = counted <= server && server <= counted + cut.unwrap_or(0.0);
        assert!(is_balanced, "the server counted {server}, `{}` {counted}\n{}", self.line, self.printed());
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

/// Plays a load again while the machine is too busy for it to say anything (111): other tests run beside it, and a
/// fault of ours is wrong each time.
pub(crate) fn conclusive(mut play: impl FnMut() -> Finished) -> Finished {
    const ATTEMPTS: usize = 3;
    let mut finished = play();
    for _ in 1..ATTEMPTS {
        if finished.code != Some(111) {
            break;
        }
        finished = play();
    }
    finished
}

/// Plays an ignored test of this program in a process of its own, by another program's words: what is measured to
/// fractions of a millisecond, where other tests and their neighbours want the cores too. It goes before them, if
/// the machine permits (`sched(7)`: first in, first out, of the lowest priority; the kernel keeps 5 % for the others).
pub(crate) fn play_apart(test: &str, words: &[&str]) {
    const FIRST: [&str; 3] = ["chrt", "--fifo", "1"];
    let permitted = Command::new(FIRST[0]).args(&FIRST[1..]).arg("true").stderr(Stdio::null()).status();
    let first: &[&str] = if permitted.is_ok_and(|status| status.success()) { &FIRST } else { &[] };
    let program = std::env::current_exe().expect("this program's path");
    let mut words = words.iter().chain(first);
    let mut call = match words.next() {
        Some(word) => {
            let mut call = Command::new(word);
            call.args(words).arg(program);
            call
        }
        None => Command::new(program),
    };
    let output =
        call.args(["--exact", test, "--ignored", "--nocapture"]).output().expect("a program that starts");
    let printed = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    println!("{printed}");
    assert!(output.status.success() && printed.contains("1 passed"), "{test}\n{printed}");
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

#[test]
fn a_summary_line_gives_its_first_figure() {
    let summary = "  ✓ http_reqs\n    http_reqs......................: 1,204   9.8/s\n    http_req_failed: 0.5% 6 out of 1204\n";
    assert_eq!(figure(summary, "http_reqs"), Some(1204.0));
    assert_eq!(figure(summary, "http_req_failed"), Some(0.5));
    assert_eq!(figure(summary, "http_req"), None);
}
