//! A service that misbehaves on purpose, and that logs its own truth: what generators report is held against it.
//!
//! A thread a connection, HTTP/1.1, requests without bodies. Its log tells of each request from the moment its
//! head was read whole to the moment before the last byte was written, on the monotonic clock: what a client
//! measures from outside is that or more, never less. Shared by `rivals` and by `tests/it`; it knows nothing
//! of the library.
#![allow(dead_code, reason = "each program uses its part")]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Pieces of a slow head or body.
const PIECES: u32 = 10;
/// What an answer's body is.
pub(crate) const BODY: &str = "twenty bytes of body";
/// A head that is longer is none.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// A request, as the conduct of the service sees it.
pub(crate) struct Asked<'a> {
    pub(crate) path: &'a str,
    /// Of all requests, from 0, in the order in which their heads were read.
    pub(crate) number: u64,
    /// Since the first of them.
    pub(crate) elapsed: Duration,
}

/// What is done with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// A whole answer, so long after the request.
    Answer { status: u16, after: Duration },
    /// The head comes in pieces, all that time, and with its end the body.
    SlowHead { over: Duration },
    /// The head comes at once, the body in pieces, all that time.
    SlowBody { over: Duration },
    /// Not a byte, on a connection that stays open until the client gives up.
    Never,
}

impl Act {
    pub(crate) fn ok(after: Duration) -> Self {
        Self::Answer { status: 200, after }
    }
}

/// What became of a request.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) path: String,
    /// When its head had been read.
    pub(crate) from: Instant,
    /// The moment before the last byte was written; `None`: it was never answered.
    pub(crate) to: Option<Instant>,
    pub(crate) act: Act,
}

impl Seen {
    /// How long it took, if it was answered.
    pub(crate) fn took(&self) -> Option<Duration> {
        self.to.map(|to| to - self.from)
    }
}

/// When nobody listens, both since the first request: connections break, and new ones are refused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outage {
    pub(crate) from: Duration,
    pub(crate) until: Duration,
}

type Conduct = dyn Fn(&Asked<'_>) -> Act + Send + Sync;

/// The service, on a port of its own at 127.0.0.1, until dropped.
pub(crate) struct Service {
    address: SocketAddr,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    conduct: Box<Conduct>,
    /// When the first request came.
    begin: OnceLock<Instant>,
    numbers: AtomicU64,
    log: Mutex<Vec<Seen>>,
    connections: Mutex<Vec<TcpStream>>,
    is_down: AtomicBool,
    is_over: AtomicBool,
}

impl Service {
    pub(crate) fn start(conduct: impl Fn(&Asked<'_>) -> Act + Send + Sync + 'static) -> Self {
        Self::start_with(None, conduct)
    }

    /// One that is down for a while.
    pub(crate) fn start_with(
        outage: Option<Outage>,
        conduct: impl Fn(&Asked<'_>) -> Act + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let shared = Arc::new(Shared {
            conduct: Box::new(conduct),
            begin: OnceLock::new(),
            numbers: AtomicU64::new(0),
            log: Mutex::default(),
            connections: Mutex::default(),
            is_down: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        let mut threads = vec![std::thread::spawn(move || accept(&listener, &accepting))];
        if let Some(outage) = outage {
            let failing = Arc::clone(&shared);
            threads.push(std::thread::spawn(move || fail(address, outage, &failing)));
        }
        Self { address, shared, threads }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// What it did so far, in the order in which requests were done with; those under way are not in it.
    pub(crate) fn log(&self) -> Vec<Seen> {
        lock(&self.shared.log).clone()
    }

    /// How many heads were read, those under way included.
    pub(crate) fn count(&self) -> u64 {
        self.shared.numbers.load(Ordering::SeqCst)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        self.shared.hang_up();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    fn hang_up(&self) {
        for connection in lock(&self.connections).drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::disallowed_methods, reason = "a thread of the service's own blocks no worker")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

fn pause_until(instant: Instant) {
    pause(instant.saturating_duration_since(Instant::now()));
}

/// Serves whoever connects, until the service is down or over.
fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming().map_while(Result::ok) {
        if shared.is_over() || shared.is_down.load(Ordering::SeqCst) {
            break;
        }
        let serving = Arc::clone(shared);
        lock(&shared.connections).extend(stream.try_clone());
        std::thread::spawn(move || serve(&stream, &serving));
    }
}

/// Takes the service down when its time has come, and up again; serves from then on.
fn fail(address: SocketAddr, outage: Outage, shared: &Arc<Shared>) {
    const LOOK: Duration = Duration::from_millis(2);
    let begin = loop {
        match shared.begin.get() {
            Some(begin) => break *begin,
            None if shared.is_over() => return,
            None => pause(LOOK),
        }
    };
    let wait_until = |instant: Instant| {
        while Instant::now() < instant && !shared.is_over() {
            pause(LOOK);
        }
    };
    wait_until(begin + outage.from);
    shared.is_down.store(true, Ordering::SeqCst);
    // The listener is closed by whoever waits at it.
    let _ = TcpStream::connect(address);
    shared.hang_up();
    wait_until(begin + outage.until);
    shared.is_down.store(false, Ordering::SeqCst);
    while !shared.is_over() {
        match TcpListener::bind(address) {
            Ok(listener) => return accept(&listener, shared),
            Err(_) => pause(LOOK),
        }
    }
}

fn serve(stream: &TcpStream, shared: &Shared) {
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::new();
    while let Some(path) = read_head(stream, &mut buffer) {
        let from = Instant::now();
        let begin = *shared.begin.get_or_init(|| from);
        let number = shared.numbers.fetch_add(1, Ordering::SeqCst);
        let act =
            (shared.conduct)(&Asked { path: &path, number, elapsed: from.saturating_duration_since(begin) });
        let to = carry_out(stream, from, act);
        lock(&shared.log).push(Seen { path, from, to, act });
        if to.is_none() {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}

/// The path of the next request, once its head is whole; `None` when the client has gone.
fn read_head(mut stream: &TcpStream, buffer: &mut Vec<u8>) -> Option<String> {
    const END: &[u8] = b"\r\n\r\n";
    let mut chunk = [0; 4096];
    loop {
        if let Some(at) = buffer.windows(END.len()).position(|bytes| bytes == END) {
            let head: Vec<u8> = buffer.drain(..at + END.len()).collect();
            let line = head.split(|byte| *byte == b'\r').next()?;
            return std::str::from_utf8(line).ok()?.split(' ').nth(1).map(str::to_owned);
        }
        let length = stream.read(&mut chunk).ok().filter(|length| *length > 0)?;
        buffer.extend_from_slice(&chunk[..length]);
        if buffer.len() > HEAD_BYTES_MAX {
            return None;
        }
    }
}

/// The moment before the last byte was written; `None` if it never was.
fn carry_out(mut stream: &TcpStream, from: Instant, act: Act) -> Option<Instant> {
    let head = |status: u16| {
        format!(
            "HTTP/1.1 {status} Test\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n",
            BODY.len()
        )
    };
    let (now, rest, over) = match act {
        Act::Answer { status, after } => {
            pause_until(from + after);
            let answer = head(status) + BODY;
            let to = Instant::now();
            return stream.write_all(answer.as_bytes()).is_ok().then_some(to);
        }
        Act::Never => {
            // The client's end of it: a byte more would be a request that nobody answers either.
            let _ = stream.read(&mut [0; 4096]);
            return None;
        }
        Act::SlowHead { over } => (String::new(), head(200) + BODY, over),
        Act::SlowBody { over } => (head(200), BODY.to_owned(), over),
    };
    if !now.is_empty() {
        stream.write_all(now.as_bytes()).ok()?;
    }
    // A body goes in equal pieces; of a head the last one has the body with it.
    let pieces = pieces(&rest);
    let mut to = Instant::now();
    for (piece, k) in pieces.iter().zip(1..) {
        pause_until(from + over * k / PIECES);
        to = Instant::now();
        stream.write_all(piece).ok()?;
    }
    Some(to)
}

/// The bytes in [`PIECES`] pieces, the body within the last one if a head stands before it.
fn pieces(text: &str) -> Vec<&[u8]> {
    let bytes = text.as_bytes();
    let count = PIECES as usize;
    let size = (text.len() - if text.len() > BODY.len() { BODY.len() } else { 0 }) / count;
    (0..count).map(|k| &bytes[k * size..if k + 1 == count { bytes.len() } else { (k + 1) * size }]).collect()
}
