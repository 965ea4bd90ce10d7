//! A connection with its socket, shared by the requests that are under way on it.
//!
//! Whoever of them is polled writes and reads for all. Requests that begin together are queued first and then written
//! in one go, by the worker where it writes for its users ([`super::super::outbox`]).

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::super::clock::Clock;
use super::super::outbox::Socket;
use super::super::pool::Connection as Opened;
use super::super::tls::Negotiated;
use super::super::transfer::{READS_PER_POLL, Scratch, Wire};
use super::connection::Connection;

#[derive(Debug)]
pub(in crate::http) struct Session {
    socket: Rc<Socket>,
    pub(super) core: RefCell<Connection>,
    /// Who waits for a free stream, by ticket.
    waiting: RefCell<VecDeque<(u64, Waker)>>,
    next_ticket: Cell<u64>,
    /// The worker will write what is queued.
    is_posted: Cell<bool>,
    pub(in crate::http) remote: Option<SocketAddr>,
    pub(in crate::http) origin: Rc<str>,
}

impl Session {
    /// Speaks HTTP/2 on an open connection on which nothing was said yet: by prior knowledge, or since TLS agreed on it.
    pub(in crate::http) fn new(opened: Opened) -> Rc<Self> {
        Rc::new(Self {
            socket: opened.socket,
            core: RefCell::new(Connection::new()),
            waiting: RefCell::default(),
            next_ticket: Cell::new(0),
            is_posted: Cell::new(false),
            remote: opened.remote,
            origin: opened.origin,
        })
    }

    /// Whether further requests may be sent on it. What came while it lay idle is read first: a GOAWAY, or its end.
    pub(in crate::http) fn is_usable(&self, scratch: &Scratch, clock: &dyn Clock) -> bool {
        let mut core = self.core.borrow_mut();
        if core.is_idle() {
            let mut buffer = scratch.read.borrow_mut();
            for _ in 0..READS_PER_POLL {
                match self.socket.stream.try_read(&mut buffer) {
                    Ok(0) => core.ended(None, clock.now_ns()),
                    Ok(length) => core.receive(&buffer[..length], clock.now_ns()),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => core.ended(Some(&error), clock.now_ns()),
                }
                if core.is_closed() {
                    break;
                }
            }
        }
        core.is_open()
    }

    /// What TLS agreed on, where it is spoken.
    pub(in crate::http) fn negotiated(&self) -> Option<Negotiated> {
        self.socket.stream.negotiated()
    }

    /// Whether a request was answered on it.
    pub(in crate::http) fn has_served(&self) -> bool {
        self.core.borrow().has_served()
    }

    /// Whether further requests may be sent on it, as far as is known.
    pub(super) fn is_open(&self) -> bool {
        self.core.borrow().is_open()
    }

    /// Whether nothing is under way on it.
    pub(in crate::http) fn is_idle(&self) -> bool {
        self.core.borrow().is_idle()
    }

    /// No further requests are sent on it.
    pub(in crate::http) fn retire(&self) {
        self.core.borrow_mut().retire();
    }

    /// Writes what is queued, reads what is there, for all; until the stream `own` is over, or nothing is left to do.
    pub(super) fn drive(&self, own: Option<u32>, wire: Wire<'_>, cx: &mut Context<'_>) {
        let mut buffer = wire.scratch.read.borrow_mut();
        for _ in 0..READS_PER_POLL {
            self.flush(wire.clock, cx);
            if self.is_over(own) {
                return;
            }
            let Poll::Ready(read) = self.socket.poll_read(cx, &mut buffer) else { return };
            let now_ns = wire.clock.now_ns();
            let mut core = self.core.borrow_mut();
            match read {
                Ok(0) => core.ended(None, now_ns),
                Ok(length) => core.receive(&buffer[..length], now_ns),
                Err(error) => core.ended(Some(&error), now_ns),
            }
            drop(core);
            self.admit();
        }
        // Others get their turn.
        cx.waker().wake_by_ref();
    }

    fn is_over(&self, own: Option<u32>) -> bool {
        let mut core = self.core.borrow_mut();
        let own_is_over = own.is_some_and(|id| core.stream_mut(id).is_none_or(|stream| stream.is_over()));
        own_is_over || core.is_closed()
    }

    /// Writes as much of the queue as the socket takes, unless the worker will.
    fn flush(&self, clock: &dyn Clock, cx: &mut Context<'_>) {
        if self.is_posted.get() {
            return;
        }
        let mut core = self.core.borrow_mut();
        while !core.out().is_empty() {
            let begin_ns = clock.now_ns();
            match self.socket.poll_write(cx, &[IoSlice::new(core.out())]) {
                Poll::Pending => return,
                Poll::Ready(Ok(length)) => core.written(length, begin_ns, clock.now_ns()),
                Poll::Ready(Err(error)) => core.broken(&error),
            }
        }
    }

    /// The worker's turn to write what is queued; what the socket doesn't take is left to the requests.
    pub(in crate::http) fn deliver(&self, clock: &dyn Clock) {
        self.is_posted.set(false);
        let mut core = self.core.borrow_mut();
        if core.out().is_empty() {
            return;
        }
        let begin_ns = clock.now_ns();
        match self.socket.stream.try_write(core.out()) {
            Ok(length) => core.written(length, begin_ns, clock.now_ns()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => core.broken(&error),
        }
        if !core.out().is_empty() {
            core.wake_another(None);
        }
    }

    /// Writes what is left when the last request is gone; with others there, they do.
    pub(super) fn write_leftovers(&self) {
        let mut core = self.core.borrow_mut();
        if core.is_idle()
            && !core.out().is_empty()
            && let Ok(length) = self.socket.stream.try_write(core.out())
        {
            core.written(length, 0, 0);
        }
    }

    /// Lets the worker write what is queued, or leaves it to whoever is polled.
    pub(super) fn post(self: &Rc<Self>, wire: Wire<'_>) {
        if let Some(outbox) = wire.outbox
            && !self.is_posted.replace(true)
        {
            outbox.post_session(self);
        }
    }

    /// A place in the queue for a stream.
    pub(super) fn ticket(&self) -> u64 {
        let ticket = self.next_ticket.get();
        self.next_ticket.set(ticket + 1);
        ticket
    }

    /// Whether it is the ticket's turn; otherwise `waker` is woken when it may be.
    pub(super) fn is_turn(&self, ticket: u64, is_patient: bool, waker: &Waker) -> bool {
        let free = self.free(is_patient);
        let mut waiting = self.waiting.borrow_mut();
        let place = waiting.iter().position(|(own, _)| *own == ticket);
        if place.unwrap_or(waiting.len()) < free {
            if let Some(place) = place {
                waiting.remove(place);
            }
            return true;
        }
        match place {
            Some(place) => waiting[place].1.clone_from(waker),
            None => waiting.push_back((ticket, waker.clone())),
        }
        false
    }

    /// Whether the ticket's holder, who waits, is to look again.
    pub(super) fn has_news(&self, ticket: u64, is_patient: bool) -> bool {
        let place = self.waiting.borrow().iter().position(|(own, _)| *own == ticket);
        !self.core.borrow().is_open() || place.is_some_and(|place| place < self.free(is_patient))
    }

    fn free(&self, is_patient: bool) -> usize {
        let core = self.core.borrow();
        if is_patient && !core.is_acquainted() { 0 } else { core.free() }
    }

    /// Whoever held the ticket waits no more.
    pub(super) fn leave(&self, ticket: u64) {
        self.waiting.borrow_mut().retain(|(own, _)| *own != ticket);
        self.admit();
    }

    /// Wakes those whose turn it is, all of them if nothing begins here any more.
    pub(super) fn admit(&self) {
        let waiting = self.waiting.borrow();
        if waiting.is_empty() {
            return;
        }
        let core = self.core.borrow();
        let count = if core.is_open() { core.free() } else { usize::MAX };
        for (_, waker) in waiting.iter().take(count) {
            waker.wake_by_ref();
        }
    }
}
