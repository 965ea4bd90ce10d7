//! A web socket that is open: one task reads it for as long as it lives, so that pings are answered and arrivals are
//! timed while its user does something else.
//!
//! | ending | set by |
//! |---|---|
//! | `Closed`, by us | the server's answer to our close frame, or the connection's end instead of it |
//! | `Closed`, by the server | its close frame, which is answered |
//! | `Failed` | a frame against the rules, an error of the connection, its end without a close frame |
//!
//! Once there is an ending, what has come can still be received, and nothing can be sent. All polls of the stream wake
//! the task, whoever makes them.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::AbortHandle;

use super::super::clock::{Alarm, Clock};
use super::super::error::{Failure, Phase};
use super::super::inbox::{Arrived, Inbox};
use super::error::WebSocketError;
use super::protocol::{Happening, Message, Protocol};

/// The largest message that is received.
pub const MESSAGE_MAX_BYTES: usize = 16 << 20;
/// How long the server may take to answer a close frame: what it has sent before comes first.
const CLOSE_WAIT_NS: u64 = 5_000_000_000;
/// What is read at once.
const READ_BYTES: usize = 8 << 10;
/// Reads before other users of the worker get their turn.
const READS_PER_POLL: usize = 64;
/// Answers to pings that wait to be written: who doesn't read them is not read from.
const UNWRITTEN_MAX_BYTES: usize = 64 << 10;
/// Pings whose answers are waited for; of more the oldest is forgotten.
const PINGS_MAX: usize = 64;
/// The connection ended without a close frame (RFC 6455 §7.4.1).
const ABNORMAL: u16 = 1006;

/// How a web socket ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By close frames.
    Closed {
        /// The server's code, 1005 without one; 1006 where it only closed the connection.
        code: u16,
        /// The server's words.
        reason: String,
        /// Whether the server began.
        by_server: bool,
    },
    /// By a failure.
    Failed(Failure),
}

impl Ending {
    /// The close code.
    pub fn code(&self) -> u16 {
        match self {
            Self::Closed { code, .. } => *code,
            Self::Failed(Failure::WebSocket(error)) => error.close_code().unwrap_or(ABNORMAL),
            Self::Failed(_) => ABNORMAL,
        }
    }

    /// What went wrong, if something did: a server that closes by a code of an error says so too.
    pub fn failure(&self) -> Option<Failure> {
        match self {
            Self::Closed { code: code @ (1002..=1003 | 1007..=1015), by_server: true, .. } => {
                Some(WebSocketError::Closed { code: *code }.into())
            }
            Self::Closed { .. } => None,
            Self::Failed(failure) => Some(failure.clone()),
        }
    }
}

/// What went over a web socket so far, its handshake not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Bytes written.
    pub bytes_sent: u64,
    /// Bytes read.
    pub bytes_received: u64,
}

/// An open web socket. Dropped, its connection is closed without a word.
#[derive(Debug)]
pub struct Session<S> {
    inner: Rc<Inner<S>>,
    pump: AbortHandle,
}

struct Inner<S> {
    clock: Rc<dyn Clock>,
    /// Of its user, who waits for one thing at a time.
    alarm: Rc<dyn Alarm>,
    wire: RefCell<Wire<S>>,
    inbox: Inbox<Message>,
    totals: Cell<Totals>,
    pings: RefCell<Pings>,
}

impl<S> std::fmt::Debug for Inner<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("totals", &self.totals).finish_non_exhaustive()
    }
}

struct Wire<S> {
    stream: Pin<Box<S>>,
    protocol: Protocol,
    ending: Option<Ending>,
    /// Nothing more is to be read.
    is_done: bool,
    pump: Option<Waker>,
    /// Who waits until everything is written.
    sender: Option<Waker>,
}

#[derive(Debug, Default)]
struct Pings {
    number: u64,
    waiting: VecDeque<(Vec<u8>, u64)>,
    round_trips_ns: Vec<u64>,
}

impl<S: AsyncRead + AsyncWrite + 'static> Session<S> {
    /// Over a stream whose handshake is done; `read` came behind it. Needs a `LocalSet` of tokio around it.
    pub fn start(stream: S, read: &[u8], clock: Rc<dyn Clock>, message_max_bytes: usize) -> Self {
        let mut protocol = Protocol::new(message_max_bytes);
        protocol.feed(read);
        let wire = Wire {
            stream: Box::pin(stream),
            protocol,
            ending: None,
            is_done: false,
            pump: None,
            sender: None,
        };
        let inner = Rc::new(Inner {
            alarm: clock.alarm(),
            clock,
            wire: RefCell::new(wire),
            inbox: Inbox::default(),
            totals: Cell::default(),
            pings: RefCell::default(),
        });
        inner.digest();
        let pumped = Rc::clone(&inner);
        let pump = tokio::task::spawn_local(async move { poll_fn(|cx| pumped.poll_pump(cx)).await });
        Self { inner, pump: pump.abort_handle() }
    }

    /// Whether messages may still be sent.
    pub fn is_open(&self) -> bool {
        let wire = self.inner.wire.borrow();
        wire.ending.is_none() && wire.protocol.is_open()
    }

    /// How it ended, once it has.
    pub fn ending(&self) -> Option<Ending> {
        self.inner.wire.borrow().ending.clone()
    }

    /// What went over it.
    pub fn totals(&self) -> Totals {
        self.inner.totals.get()
    }

    /// The round trips of pings that were answered since the last call, nanoseconds.
    pub fn take_round_trips(&self) -> Vec<u64> {
        std::mem::take(&mut self.inner.pings.borrow_mut().round_trips_ns)
    }

    /// Sends a message and waits until it is written, `timeout_ns` at most: past that the socket has failed. Nothing
    /// happens where it is not open.
    pub async fn send(&self, message: Message, timeout_ns: u64) {
        self.inner.wire.borrow_mut().protocol.send(message);
        self.written(timeout_ns).await;
    }

    /// Sends a ping of at most 125 bytes; without a payload it gets a number, so that its answer is known.
    pub async fn ping(&self, payload: Option<Vec<u8>>, timeout_ns: u64) {
        let payload = {
            let mut pings = self.inner.pings.borrow_mut();
            pings.number += 1;
            let payload = payload.unwrap_or_else(|| pings.number.to_string().into_bytes());
            if pings.waiting.len() == PINGS_MAX {
                pings.waiting.pop_front();
            }
            pings.waiting.push_back((payload.clone(), self.inner.clock.now_ns()));
            payload
        };
        self.inner.wire.borrow_mut().protocol.ping(payload);
        self.written(timeout_ns).await;
    }

    async fn written(&self, timeout_ns: u64) {
        let Inner { alarm, clock, wire, .. } = &*self.inner;
        alarm.set(clock.now_ns().saturating_add(timeout_ns));
        let in_time = poll_fn(|cx| {
            let wire = &mut *wire.borrow_mut();
            self.inner.write(wire);
            if wire.protocol.pending().is_empty() || wire.ending.is_some() {
                return Poll::Ready(true);
            }
            wire.sender = Some(cx.waker().clone());
            alarm.poll_due(cx).map(|()| false)
        })
        .await;
        alarm.clear();
        if !in_time {
            let limit = Duration::from_nanos(timeout_ns);
            self.inner.fail(&mut wire.borrow_mut(), Failure::Timeout { phase: Phase::Sending, limit });
        }
    }

    /// The next message, in the order of arrival; none after the last, or once so many nanoseconds have passed.
    pub async fn receive(&self, timeout_ns: Option<u64>) -> Option<Arrived<Message>> {
        let Inner { alarm, clock, inbox, .. } = &*self.inner;
        inbox.next(&**clock, &**alarm, timeout_ns).await
    }

    /// A message that has come, without waiting for one.
    pub fn received(&self) -> Option<Arrived<Message>> {
        self.inner.inbox.pop()
    }

    /// Closes it and waits for the server's answer, some seconds at most; `late` gets what still comes.
    pub async fn close(&self, code: u16, reason: &str, mut late: impl FnMut(Arrived<Message>)) {
        let Inner { alarm, clock, inbox, wire, .. } = &*self.inner;
        {
            let wire = &mut *wire.borrow_mut();
            if wire.ending.is_none() {
                wire.protocol.close(code, reason);
                self.inner.write(wire);
            }
        }
        alarm.set(clock.now_ns().saturating_add(CLOSE_WAIT_NS));
        poll_fn(|cx| {
            while let Poll::Ready(arrived) = inbox.poll_pop(cx) {
                match arrived {
                    Some(arrived) => late(arrived),
                    None => return Poll::Ready(()),
                }
            }
            alarm.poll_due(cx)
        })
        .await;
        alarm.clear();
        let wire = &mut *wire.borrow_mut();
        wire.ending.get_or_insert(Ending::Closed { code: ABNORMAL, reason: String::new(), by_server: false });
    }

    /// Says that it closes and waits for nothing: for a user whose time is over.
    pub fn close_now(&self, code: u16, reason: &str) {
        let wire = &mut *self.inner.wire.borrow_mut();
        if wire.ending.is_some() {
            return;
        }
        wire.protocol.close(code, reason);
        let mut cx = Context::from_waker(Waker::noop());
        let _ = self.inner.poll_write(wire, &mut cx);
        // What lies unread would make the kernel reset the connection, and the close frame be lost.
        let mut buffer = [0; READ_BYTES];
        for _ in 0..READS_PER_POLL {
            let mut read = ReadBuf::new(&mut buffer);
            match wire.stream.as_mut().poll_read(&mut cx, &mut read) {
                Poll::Ready(Ok(())) if !read.filled().is_empty() => {}
                _ => break,
            }
        }
    }
}

impl<S> Drop for Session<S> {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

impl<S: AsyncRead + AsyncWrite> Inner<S> {
    fn poll_pump(&self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..READS_PER_POLL {
            let wire = &mut *self.wire.borrow_mut();
            if wire.pump.as_ref().is_none_or(|waker| !waker.will_wake(cx.waker())) {
                wire.pump = Some(cx.waker().clone());
            }
            let written = self.poll_write(wire, cx);
            if wire.is_done && (written.is_ready() || wire.protocol.pending().is_empty()) {
                return Poll::Ready(());
            }
            let is_unread = wire.protocol.pending().len() > UNWRITTEN_MAX_BYTES;
            if wire.is_done || is_unread || self.inbox.poll_room(cx).is_pending() {
                return Poll::Pending;
            }
            let mut buffer = [0; READ_BYTES];
            let mut read = ReadBuf::new(&mut buffer);
            match wire.stream.as_mut().poll_read(cx, &mut read) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => {
                    self.fail(wire, Failure::connection(&error, Phase::Receiving));
                    return Poll::Ready(());
                }
                Poll::Ready(Ok(())) if read.filled().is_empty() => wire.protocol.end(),
                Poll::Ready(Ok(())) => {
                    let mut totals = self.totals.get();
                    totals.bytes_received += read.filled().len() as u64;
                    self.totals.set(totals);
                    wire.protocol.feed(read.filled());
                }
            }
            self.digest_in(wire);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn digest(&self) {
        self.digest_in(&mut self.wire.borrow_mut());
    }

    /// Takes up what has been read.
    fn digest_in(&self, wire: &mut Wire<S>) {
        let now_ns = self.clock.now_ns();
        while !wire.is_done
            && let Some(happening) = wire.protocol.next()
        {
            match happening {
                Ok(Happening::Message(message)) => {
                    let bytes = message.as_bytes().len();
                    self.inbox.push(message, bytes, now_ns);
                }
                Ok(Happening::Ping) => {}
                Ok(Happening::Pong(payload)) => {
                    let mut pings = self.pings.borrow_mut();
                    // An answer also answers the pings before it (RFC 6455 §5.5.3).
                    if let Some(at) = pings.waiting.iter().position(|(sent, _)| *sent == payload) {
                        let (_, sent_ns) = pings.waiting[at];
                        pings.waiting.drain(..=at);
                        pings.round_trips_ns.push(now_ns.saturating_sub(sent_ns));
                    }
                }
                Ok(Happening::Close { code, reason }) => {
                    // The reading goes on: it is the server that closes the connection.
                    let by_server = !wire.protocol.was_closed_by_us();
                    self.end(wire, Ending::Closed { code, reason, by_server });
                }
                Ok(Happening::Over) => wire.is_done = true,
                Err(WebSocketError::Abnormal) if wire.protocol.was_closed_by_us() => {
                    let ending = Ending::Closed { code: ABNORMAL, reason: String::new(), by_server: false };
                    self.end(wire, ending);
                    wire.is_done = true;
                }
                Err(error) => {
                    if let Some(code) = error.close_code() {
                        wire.protocol.close(code, "");
                    }
                    self.fail(wire, error.into());
                }
            }
        }
    }

    fn fail(&self, wire: &mut Wire<S>, failure: Failure) {
        self.end(wire, Ending::Failed(failure));
        wire.is_done = true;
    }

    fn end(&self, wire: &mut Wire<S>, ending: Ending) {
        wire.ending.get_or_insert(ending);
        self.inbox.end();
        if let Some(sender) = wire.sender.take() {
            sender.wake();
        }
    }

    /// Writes what it can; the task goes on with the rest.
    fn write(&self, wire: &mut Wire<S>) {
        let waker = wire.pump.clone().unwrap_or_else(|| Waker::noop().clone());
        let _ = self.poll_write(wire, &mut Context::from_waker(&waker));
    }

    /// Ready once nothing is left to be written.
    fn poll_write(&self, wire: &mut Wire<S>, cx: &mut Context<'_>) -> Poll<()> {
        while !wire.protocol.pending().is_empty() {
            match wire.stream.as_mut().poll_write(cx, wire.protocol.pending()) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(length)) => {
                    let mut totals = self.totals.get();
                    totals.bytes_sent += length as u64;
                    self.totals.set(totals);
                    wire.protocol.written(length);
                }
                Poll::Ready(Err(error)) => {
                    wire.protocol.written(wire.protocol.pending().len());
                    // Where the server has closed meanwhile, its close frame may still lie unread.
                    self.fail(wire, Failure::connection(&error, Phase::Sending));
                }
            }
        }
        if let Some(sender) = wire.sender.take() {
            sender.wake();
        }
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests;
