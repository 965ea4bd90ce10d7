//! The cases: what the server does, and what the request has to end with. `docs/http.md` lists them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::fixture::pause;

/// The time-out of a case's request that ends with it.
const TIMEOUT_MS: u32 = 2_000;
/// For what ends by itself, however busy the machine is.
const LONG_TIMEOUT_MS: u32 = 30_000;
/// Something that a server does to its client.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) method: &'static str,
    pub(crate) body_bytes: usize,
    /// How many requests are sent one after another; the last is judged.
    pub(crate) requests: usize,
    does: Does,
    /// The status, 0 for none.
    pub(crate) status: u16,
    /// The `error_code`.
    pub(crate) code: u16,
    /// The tag `error`, or the part of it that is the same each time.
    pub(crate) error: &'static str,
    pub(crate) is_endless: bool,
    /// What of an endless answer may be held.
    pub(crate) held_max_bytes: u64,
}

#[derive(Debug)]
pub(super) enum Does {
    /// Reads the request, sends this, and closes.
    Answer(&'static [u8]),
    /// The same, but leaves the connection open.
    AnswerOpen(&'static [u8]),
    /// Sends the first part, then the second again and again.
    Endless(&'static [u8], &'static [u8]),
    /// Answers a byte each tenth of a second.
    Slowly(&'static [u8]),
    /// Sends this, and resets the connection a moment later.
    Reset(&'static [u8]),
    Other(fn(usize, &TcpStream)),
    NeverAccepts,
}

use Does::{Answer, AnswerOpen, Endless, NeverAccepts, Other, Reset, Slowly};

pub(super) const fn case(
    name: &'static str,
    does: Does,
    status: u16,
    code: u16,
    error: &'static str,
) -> Case {
    Case {
        name,
        method: "GET",
        body_bytes: 0,
        requests: 1,
        does,
        status,
        code,
        error,
        is_endless: false,
        held_max_bytes: 0,
    }
}

/// Ends with a response.
pub(super) const fn fine(name: &'static str, does: Does, status: u16) -> Case {
    case(name, does, status, 0, "")
}

/// Ends without one.
pub(super) const fn fails(name: &'static str, does: Does, code: u16, error: &'static str) -> Case {
    case(name, does, 0, code, error)
}

impl Case {
    pub(super) const fn asked_with(self, method: &'static str, body_bytes: usize) -> Self {
        Self { method, body_bytes, ..self }
    }

    pub(super) const fn twice(self) -> Self {
        Self { requests: 2, ..self }
    }

    pub(super) const fn endless(self, held_max_bytes: u64) -> Self {
        Self { is_endless: true, held_max_bytes, ..self }
    }

    pub(crate) fn timeout_ms(&self) -> u32 {
        if self.code == 1050 { TIMEOUT_MS } else { LONG_TIMEOUT_MS }
    }

    pub(crate) fn never_accepts(&self) -> bool {
        matches!(self.does, NeverAccepts)
    }

    /// Its row in the documentation.
    pub(crate) fn row(&self) -> String {
        let class = if self.code == 0 { format!("status {}", self.status) } else { self.code.to_string() };
        let error = if self.error.is_empty() { "–" } else { self.error };
        format!("| {} | {class} | {error} |", self.name)
    }

    /// Plays it on a connection, the first of which is 0.
    pub(crate) fn play(&self, number: usize, mut stream: &TcpStream, stop: &AtomicBool) {
        let _ = stream.set_nodelay(true);
        let linger = || {
            while !stop.load(Ordering::SeqCst) {
                pause(Duration::from_millis(20));
            }
        };
        match self.does {
            Answer(bytes) => {
                while read_request(stream) {
                    let _ = stream.write_all(bytes);
                    // A server that closes at once, but not before its answer has arrived.
                    if self.requests == 1 {
                        break;
                    }
                }
            }
            AnswerOpen(bytes) => {
                read_request(stream);
                let _ = stream.write_all(bytes);
                linger();
            }
            Endless(first, rest) => {
                read_request(stream);
                let _ = stream.write_all(first);
                let many = rest.repeat((64 << 10) / rest.len() + 1);
                while !stop.load(Ordering::SeqCst) && stream.write_all(&many).is_ok() {}
            }
            Slowly(bytes) => {
                read_request(stream);
                for byte in bytes {
                    if stop.load(Ordering::SeqCst) || stream.write_all(&[*byte]).is_err() {
                        return;
                    }
                    pause(Duration::from_millis(100));
                }
            }
            Reset(bytes) => {
                read_request(stream);
                let _ = stream.write_all(bytes);
                pause(Duration::from_millis(50));
                reset(stream);
            }
            Other(act) => act(number, stream),
            NeverAccepts => unreachable!("nobody accepted"),
        }
    }
}

/// Reads up to the end of a head; the cases' bodies, where there are any, are left unread.
pub(super) fn read_request(mut stream: &TcpStream) -> bool {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return false,
        }
    }
    true
}

/// Waits until something can be read, and leaves it there.
pub(super) fn wait_for_request(stream: &TcpStream) {
    let _ = stream.peek(&mut [0]);
}

/// Makes the kernel send a reset when the connection closes, which it does once its thread is done.
pub(super) fn reset(stream: &TcpStream) {
    let _ = rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO));
}
