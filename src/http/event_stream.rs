//! A stream of events that is open: one task reads it for as long as it lives, so that arrivals are timed while its
//! user does something else.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::task::AbortHandle;

use super::clock::{Alarm, Clock};
use super::decode::{Decoder, Progress};
use super::error::{Failure, Phase};
use super::events::{Event, Parser};
use super::inbox::{Arrived, Inbox};
use super::opening::Opened;
use super::outbox::Socket;

/// What is read at once.
const READ_BYTES: usize = 16 << 10;
/// Reads before other users of the worker get their turn.
const READS_PER_POLL: usize = 64;

/// An open stream of events. Dropped, its connection is closed.
#[derive(Debug)]
pub struct EventStream {
    inner: Rc<Inner>,
    pump: AbortHandle,
}

struct Inner {
    clock: Rc<dyn Clock>,
    /// Of its user, who waits for one thing at a time.
    alarm: Rc<dyn Alarm>,
    socket: Rc<Socket>,
    reading: RefCell<(Decoder, Parser)>,
    inbox: Inbox<Event>,
    bytes_received: Cell<u64>,
    failure: RefCell<Option<Failure>>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("bytes_received", &self.bytes_received).finish_non_exhaustive()
    }
}

impl EventStream {
    /// Reads what a response has opened. Needs a `LocalSet` of tokio around it.
    pub fn start(opened: Opened) -> Self {
        let Opened { socket, decoder, clock } = opened;
        let inner = Rc::new(Inner {
            alarm: clock.alarm(),
            clock,
            socket,
            reading: RefCell::new((decoder, Parser::default())),
            inbox: Inbox::default(),
            bytes_received: Cell::new(0),
            failure: RefCell::new(None),
        });
        inner.digest();
        let pumped = Rc::clone(&inner);
        let pump = tokio::task::spawn_local(async move { poll_fn(|cx| pumped.poll_pump(cx)).await });
        Self { inner, pump: pump.abort_handle() }
    }

    /// The next event, in the order of arrival; none after the last, or once so many nanoseconds have passed.
    pub async fn next(&self, timeout_ns: Option<u64>) -> Option<Arrived<Event>> {
        let Inner { alarm, clock, inbox, .. } = &*self.inner;
        inbox.next(&**clock, &**alarm, timeout_ns).await
    }

    /// An event that has come, without waiting for one.
    pub fn received(&self) -> Option<Arrived<Event>> {
        self.inner.inbox.pop()
    }

    /// Whether nothing more will come.
    pub fn is_over(&self) -> bool {
        self.inner.inbox.is_over()
    }

    /// Why it broke off; none while it goes on, and where the service ended it.
    pub fn failure(&self) -> Option<Failure> {
        self.inner.failure.borrow().clone()
    }

    /// Bytes read behind the response's head, framing included.
    pub fn bytes_received(&self) -> u64 {
        self.inner.bytes_received.get()
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

impl Inner {
    fn poll_pump(&self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..READS_PER_POLL {
            if self.inbox.is_over() {
                return Poll::Ready(());
            }
            std::task::ready!(self.inbox.poll_room(cx));
            let mut buffer = [0; READ_BYTES];
            match std::task::ready!(self.socket.poll_read(cx, &mut buffer)) {
                Ok(0) => {
                    let ended = self.reading.borrow_mut().0.end();
                    self.end(ended.err());
                }
                Ok(length) => {
                    self.bytes_received.set(self.bytes_received.get() + length as u64);
                    let fed = self.reading.borrow_mut().0.feed(&buffer[..length]);
                    let is_complete = matches!(fed, Ok(Progress::Complete));
                    self.digest();
                    if is_complete || fed.is_err() {
                        self.end(fed.err());
                    }
                }
                Err(error) => self.end(Some(Failure::connection(&error, Phase::Receiving))),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Takes up what has come of the body.
    fn digest(&self) {
        let (decoder, parser) = &mut *self.reading.borrow_mut();
        let body = decoder.take_body();
        let now_ns = self.clock.now_ns();
        let fed = parser.feed(&body);
        while let Some(event) = parser.next_event() {
            let bytes = event.data.len();
            self.inbox.push(event, bytes, now_ns);
        }
        if let Err(error) = fed {
            self.end(Some(error.into()));
        } else if decoder.is_done() {
            self.end(None);
        }
    }

    /// The first ending counts.
    fn end(&self, failure: Option<Failure>) {
        if !self.inbox.is_over() {
            *self.failure.borrow_mut() = failure;
            self.inbox.end();
        }
    }
}
