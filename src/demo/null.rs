//! The null server: answers every HTTP/1.1 request with the same 67 bytes, as cheaply as one thread
//! can: one `recv` and one `send` a request, edge-triggered epoll.
//!
//! It reads all that has come before it answers: the first answer wakes the generator, and the others find it
//! awake. At 1,000 connections that, and the plainest congestion control, take 4 % off the server's CPU.
//!
//! It is the yardstick of benches: what a generator measures against it is the generator's own cost
//! and the kernel's. Garbage closes the connection; what a connection holds is bounded.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use memchr::{memchr, memmem};
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketFlags, accept_with, recv, send, sockopt};
use rustix::process::{Resource, getrlimit, setrlimit};
use rustix::time::Timespec;

use super::handle::{Handle, Stop};

/// The whole answer to any request but HEAD: 67 bytes.
pub const NULL_RESPONSE: &[u8; 67] =
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nServer: runner-null-bench\r\n\r\nok";

/// Bytes of the body at the end of [`NULL_RESPONSE`], which an answer to HEAD lacks.
const BODY_BYTES: usize = 2;

/// Read at once: several pipelined requests, and most bodies.
const READ_BYTES: usize = 64 * 1024;

/// The longest head; past it the connection is closed.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Answers that wait for the others of their turn; with more, they are sent at once.
const OWED_BYTES_MAX: usize = 256 * 1024;

/// Events taken from epoll at once.
const EVENTS: usize = 512;

/// How long the server sleeps at most before it looks at its stop flag.
const STOP_LOOK_NS: i64 = 100_000_000;

/// Epoll's key of the listener; a connection's key is its descriptor.
const LISTENER: u64 = u64::MAX;

/// A null server on a thread of its own, until it is stopped or dropped.
pub type NullServer = Handle<Arc<AtomicBool>>;

impl Stop for Arc<AtomicBool> {
    fn tell(&self) {
        self.store(true, Ordering::Relaxed);
    }
}

impl NullServer {
    /// Binds 127.0.0.1 (port 0 takes a free one) and starts to serve.
    pub fn start(port: u16) -> io::Result<NullServer> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let flag = Arc::new(AtomicBool::new(false));
        let mut server = Handle::new(listener.local_addr()?, Arc::clone(&flag));
        server.spawn("null-server".to_owned(), move || serve(listener, &flag))?;
        Ok(server)
    }
}

/// Serves on this thread until `stop` is set, which it notices within 100 ms. Raises the soft limit
/// of open files to the hard one.
pub fn serve(listener: TcpListener, stop: &AtomicBool) -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        // If it is refused, connections past the soft limit wait in the backlog.
        let _ = setrlimit(Resource::Nofile, rustix::process::Rlimit { current: limit.maximum, ..limit });
    }
    listener.set_nonblocking(true)?;
    // The standard library listens with a backlog of 128: too short for 10,000 connects at once.
    rustix::net::listen(&listener, 4_096)?;
    // What the machine prefers may pace its packets by timers (BBR). Built into every kernel; without it the
    // server only costs more.
    let _ = sockopt::set_tcp_congestion(&listener, "reno");
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    let mut server = Server {
        epoll,
        listener,
        accepting: true,
        connections: Vec::new(),
        input: vec![0; READ_BYTES].into_boxed_slice(),
        output: Vec::new(),
        owed: Vec::new(),
    };
    let mut events = Vec::with_capacity(EVENTS);
    let timeout = Timespec { tv_sec: 0, tv_nsec: STOP_LOOK_NS };
    while !stop.load(Ordering::Relaxed) {
        events.clear();
        match epoll::wait(&server.epoll, rustix::buffer::spare_capacity(&mut events), Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            server.handle(event)?;
        }
        server.pay()?;
    }
    Ok(())
}

struct Server {
    epoll: OwnedFd,
    listener: TcpListener,
    /// Off while no descriptor is left for another connection.
    accepting: bool,
    /// By descriptor: the kernel gives the lowest free one, so this stays dense.
    connections: Vec<Option<Connection>>,
    input: Box<[u8]>,
    /// Answers that wait to be sent, of one turn.
    output: Vec<u8>,
    /// Who gets them: a connection's place, and where its part of `output` ends.
    owed: Vec<(usize, usize)>,
}

struct Connection {
    socket: OwnedFd,
    parser: Parser,
    /// Answers that the socket has not taken; bounded, since nothing is read while there are any.
    unsent: Vec<u8>,
    /// Over once `unsent` is gone.
    closing: bool,
    /// The peer sends no more: no further edge will tell.
    ending: bool,
}

impl Server {
    fn handle(&mut self, event: &Event) -> io::Result<()> {
        let key = event.data.u64();
        if key == LISTENER {
            return self.accept();
        }
        let Ok(at) = usize::try_from(key) else { return Ok(()) };
        // An event of a connection closed earlier in this batch finds none, or a new one that has
        // nothing to read: both are harmless.
        let Some(slot) = self.connections.get_mut(at) else { return Ok(()) };
        let Some(connection) = slot else { return Ok(()) };
        let flags = event.flags;
        connection.ending |= flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
        match connection.advance(&mut self.input, &mut self.output) {
            Progress::Waiting => {}
            Progress::Over => self.close(at)?,
            Progress::Owing => {
                self.owed.push((at, self.output.len()));
                if self.output.len() > OWED_BYTES_MAX {
                    self.pay()?;
                }
            }
        }
        Ok(())
    }

    /// Sends the answers of this turn. Epoll names a connection once a turn, so each is still there.
    fn pay(&mut self) -> io::Result<()> {
        let mut begin = 0;
        for index in 0..self.owed.len() {
            let (at, end) = self.owed[index];
            if let Some(Some(connection)) = self.connections.get_mut(at)
                && connection.write(&self.output[begin..end]) == Progress::Over
            {
                self.close(at)?;
            }
            begin = end;
        }
        self.owed.clear();
        self.output.clear();
        Ok(())
    }

    fn close(&mut self, at: usize) -> io::Result<()> {
        self.connections[at] = None;
        if !self.accepting {
            self.accepting = true;
            epoll::modify(&self.epoll, &self.listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let socket = match accept_with(&self.listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
                Ok(socket) => socket,
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                    // Level-triggered, the listener would wake us forever: wait for a close.
                    self.accepting = false;
                    epoll::modify(
                        &self.epoll,
                        &self.listener,
                        EventData::new_u64(LISTENER),
                        EventFlags::empty(),
                    )?;
                    return Ok(());
                }
                // The client is gone already, or a signal came.
                Err(_) => continue,
            };
            // Refused only by a socket that is already gone.
            let _ = sockopt::set_tcp_nodelay(&socket, true);
            let at = usize::try_from(socket.as_raw_fd()).expect("an open descriptor is not negative");
            // Registered once for both directions: edges make a later change of interest needless.
            let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
            epoll::add(&self.epoll, socket.as_fd(), EventData::new_u64(at as u64), flags)?;
            if self.connections.len() <= at {
                self.connections.resize_with(at + 1, || None);
            }
            let parser = Parser::default();
            self.connections[at] =
                Some(Connection { socket, parser, unsent: Vec::new(), closing: false, ending: false });
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Progress {
    /// Wait for the next event.
    Waiting,
    /// The same, once the answers that were appended are sent.
    Owing,
    /// Close it.
    Over,
}

impl Connection {
    /// Reads until the socket would block. Answers are appended to `output`, for the end of the turn; those
    /// that can't wait are written at once, and leave it as it was.
    fn advance(&mut self, input: &mut [u8], output: &mut Vec<u8>) -> Progress {
        if !self.unsent.is_empty() {
            let pending = std::mem::take(&mut self.unsent);
            if self.write(&pending) == Progress::Over {
                return Progress::Over;
            }
        }
        loop {
            if !self.unsent.is_empty() {
                return Progress::Waiting;
            }
            if self.closing {
                return Progress::Over;
            }
            let received = match recv(&self.socket, &mut *input, RecvFlags::empty()) {
                Ok((_, 0)) => return Progress::Over,
                Ok((_, received)) => received,
                Err(Errno::AGAIN) => return Progress::Waiting,
                Err(Errno::INTR) => continue,
                Err(_) => return Progress::Over,
            };
            let begin = output.len();
            match self.parser.feed(&input[..received], output) {
                Verdict::Open => {}
                Verdict::LastAnswer => self.closing = true,
                Verdict::Garbage => {
                    output.truncate(begin);
                    return Progress::Over;
                }
            }
            // A short read has emptied the socket (epoll(7)): what comes next is a new edge. Not so an
            // end that the last edge told of: it is still to be read.
            if received < input.len() && !self.closing && !self.ending {
                return if output.len() > begin { Progress::Owing } else { Progress::Waiting };
            }
            let wrote = self.write(&output[begin..]);
            output.truncate(begin);
            if wrote == Progress::Over {
                return Progress::Over;
            }
        }
    }

    /// Sends, and keeps what the socket doesn't take.
    fn write(&mut self, mut bytes: &[u8]) -> Progress {
        while !bytes.is_empty() {
            match send(&self.socket, bytes, SendFlags::NOSIGNAL) {
                Ok(sent) => bytes = &bytes[sent..],
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    self.unsent = bytes.to_vec();
                    break;
                }
                Err(_) => return Progress::Over,
            }
        }
        Progress::Waiting
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// More requests may follow.
    Open,
    /// The answer written last ends the connection.
    LastAnswer,
    /// Not HTTP/1.x, or a framing that isn't served (chunked).
    Garbage,
}

/// What is left of a request whose end has not come.
#[derive(Debug, Default)]
struct Parser {
    /// The beginning of a head, at most [`HEAD_BYTES_MAX`].
    partial: Vec<u8>,
    /// The request whose body is being skipped.
    body: Option<(Head, u64)>,
}

#[derive(Debug, Clone, Copy)]
struct Head {
    /// The answer to it has no body: it is HEAD.
    bodiless: bool,
    close: bool,
    content_length: u64,
}

impl Parser {
    /// Takes the next bytes and appends an answer for each request that they complete.
    fn feed(&mut self, bytes: &[u8], output: &mut Vec<u8>) -> Verdict {
        if self.partial.is_empty() {
            return self.consume(bytes, output);
        }
        let mut joined = std::mem::take(&mut self.partial);
        joined.extend_from_slice(bytes);
        self.consume(&joined, output)
    }

    fn consume(&mut self, mut bytes: &[u8], output: &mut Vec<u8>) -> Verdict {
        loop {
            if let Some((head, missing)) = self.body {
                let skipped = missing.min(bytes.len() as u64);
                bytes = &bytes[usize::try_from(skipped).expect("at most the length of a slice")..];
                if skipped < missing {
                    self.body = Some((head, missing - skipped));
                    return Verdict::Open;
                }
                self.body = None;
                let end = if head.bodiless { NULL_RESPONSE.len() - BODY_BYTES } else { NULL_RESPONSE.len() };
                output.extend_from_slice(&NULL_RESPONSE[..end]);
                if head.close {
                    return Verdict::LastAnswer;
                }
            }
            // Empty lines before a request are allowed (RFC 9112, 2.2).
            while let [b'\r' | b'\n', rest @ ..] = bytes {
                bytes = rest;
            }
            if bytes.is_empty() {
                return Verdict::Open;
            }
            let Some(end) = memmem::find(bytes, b"\r\n\r\n") else {
                if bytes.len() > HEAD_BYTES_MAX || !bytes[0].is_ascii_uppercase() {
                    return Verdict::Garbage;
                }
                self.partial = bytes.to_vec();
                return Verdict::Open;
            };
            if end > HEAD_BYTES_MAX {
                return Verdict::Garbage;
            }
            let Some(head) = Head::parse(&bytes[..end + 2]) else { return Verdict::Garbage };
            bytes = &bytes[end + 4..];
            self.body = Some((head, head.content_length));
        }
    }
}

impl Head {
    /// Reads what decides the framing; every line of `text` ends with CR LF.
    fn parse(text: &[u8]) -> Option<Head> {
        let line_end = memchr(b'\n', text)?;
        let (line, mut rest) = (text[..line_end].strip_suffix(b"\r")?, &text[line_end + 1..]);
        let close_by_default = match line.strip_suffix(b" HTTP/1.1") {
            Some(_) => false,
            None => line.strip_suffix(b" HTTP/1.0").map(|_| true)?,
        };
        if !line.first()?.is_ascii_uppercase() {
            return None;
        }
        let bodiless = line.starts_with(b"HEAD ");
        let mut head = Head { bodiless, close: close_by_default, content_length: 0 };
        while !rest.is_empty() {
            let end = memchr(b'\n', rest)?;
            let line = &rest[..end];
            rest = &rest[end + 1..];
            // Only names that begin with c or t matter: most lines cost one comparison.
            if !matches!(line.first()?, b'c' | b'C' | b't' | b'T') {
                continue;
            }
            let colon = memchr(b':', line)?;
            let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
            if name.eq_ignore_ascii_case(b"content-length") {
                if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
                    return None;
                }
                head.content_length = std::str::from_utf8(value).ok()?.parse().ok()?;
            } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
                return None;
            } else if name.eq_ignore_ascii_case(b"connection") {
                if value.eq_ignore_ascii_case(b"close") {
                    head.close = true;
                } else if value.eq_ignore_ascii_case(b"keep-alive") {
                    head.close = false;
                }
            }
        }
        Some(head)
    }
}

#[cfg(test)]
mod tests;
