//! The HTTP/2 connections of one user: one for each origin, open or about to be.
//!
//! While one request connects, the others to the same origin wait for it and take what comes of it.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Poll, Waker};

use super::super::error::Failure;
use super::session::Session;

/// What came of connecting.
#[derive(Clone, Debug, Default)]
enum Outcome {
    #[default]
    Pending,
    /// There is a session now, or, if it was given up, the next in line may connect.
    Over,
    Failed(Failure),
}

/// What is waited for while a connection is opened.
#[derive(Debug, Default)]
pub(in crate::http) struct Gate {
    waiting: RefCell<Vec<Waker>>,
    outcome: RefCell<Outcome>,
}

impl Gate {
    /// Ready when it is over: `Ok` to look again, or the failure that all share.
    pub(in crate::http) fn poll(&self, waker: &Waker) -> Poll<Result<(), Failure>> {
        match &*self.outcome.borrow() {
            Outcome::Pending => {}
            Outcome::Over => return Poll::Ready(Ok(())),
            Outcome::Failed(failure) => return Poll::Ready(Err(failure.clone())),
        }
        self.waiting.borrow_mut().push(waker.clone());
        Poll::Pending
    }

    fn open(&self, outcome: Outcome) {
        let mut own = self.outcome.borrow_mut();
        if matches!(*own, Outcome::Pending) {
            *own = outcome;
        }
        drop(own);
        for waker in self.waiting.borrow_mut().drain(..) {
            waker.wake();
        }
    }
}

#[derive(Debug)]
enum Entry {
    Connecting(Rc<str>, Rc<Gate>),
    Open(Rc<Session>),
}

/// What there is for an origin.
#[derive(Debug)]
pub(in crate::http) enum Found {
    Open(Rc<Session>),
    /// Another request connects.
    Connecting(Rc<Gate>),
    Nothing,
}

#[derive(Debug, Default)]
pub(in crate::http) struct Sessions {
    entries: RefCell<Vec<Entry>>,
}

impl Sessions {
    /// Whether there is none at all, as with users who speak HTTP/1.1 alone.
    pub(in crate::http) fn is_empty(&self) -> bool {
        self.entries.borrow().is_empty()
    }

    /// Whether there is anything for the origin.
    pub(in crate::http) fn has(&self, origin: &str) -> bool {
        self.entries.borrow().iter().any(|entry| entry.origin() == origin)
    }

    /// What there is for the origin. Sessions that take no more requests are forgotten: who still waits on them has
    /// them.
    pub(in crate::http) fn find(&self, origin: &str, usable: impl Fn(&Session) -> bool) -> Found {
        let mut entries = self.entries.borrow_mut();
        let Some(at) = entries.iter().position(|entry| entry.origin() == origin) else {
            return Found::Nothing;
        };
        match &entries[at] {
            Entry::Connecting(_, gate) => Found::Connecting(Rc::clone(gate)),
            Entry::Open(session) if usable(session) => Found::Open(Rc::clone(session)),
            Entry::Open(_) => {
                entries.remove(at);
                Found::Nothing
            }
        }
    }

    /// A connection to the origin is about to be opened.
    pub(in crate::http) fn connect(&self, origin: &Rc<str>) -> Connecting<'_> {
        let gate = Rc::new(Gate::default());
        self.entries.borrow_mut().push(Entry::Connecting(Rc::clone(origin), Rc::clone(&gate)));
        Connecting { sessions: self, gate }
    }

    /// Keeps a session; of more than `max` the one that came first and is idle is closed.
    pub(in crate::http) fn put(&self, session: Rc<Session>, max: usize) {
        let mut entries = self.entries.borrow_mut();
        if entries.len() >= max
            && let Some(at) =
                entries.iter().position(|entry| matches!(entry, Entry::Open(session) if session.is_idle()))
        {
            entries.remove(at);
        }
        entries.reserve_exact(1);
        entries.push(Entry::Open(session));
    }

    /// How many lie idle.
    pub(in crate::http) fn idle(&self) -> usize {
        let entries = self.entries.borrow();
        entries
            .iter()
            .filter(|entry| matches!(entry, Entry::Open(session) if session.is_idle() && session.is_open()))
            .count()
    }

    /// Closes the idle ones; what is under way on others ends there.
    pub(in crate::http) fn clear(&self) {
        self.entries.borrow_mut().retain(|entry| matches!(entry, Entry::Connecting(..)));
    }
}

impl Entry {
    fn origin(&self) -> &str {
        match self {
            Self::Connecting(origin, _) => origin,
            Self::Open(session) => &session.origin,
        }
    }
}

/// A connection that is being opened; dropped without a word, the next in line connects.
#[derive(Debug)]
pub(in crate::http) struct Connecting<'a> {
    sessions: &'a Sessions,
    gate: Rc<Gate>,
}

impl Connecting<'_> {
    /// It stands.
    pub(in crate::http) fn done(self, session: &Rc<Session>, max: usize) {
        self.remove();
        self.sessions.put(Rc::clone(session), max);
        self.gate.open(Outcome::Over);
    }

    /// It doesn't, for all who wait.
    pub(in crate::http) fn failed(self, failure: &Failure) {
        self.remove();
        self.gate.open(Outcome::Failed(failure.clone()));
    }

    fn remove(&self) {
        self.sessions
            .entries
            .borrow_mut()
            .retain(|entry| !matches!(entry, Entry::Connecting(_, gate) if Rc::ptr_eq(gate, &self.gate)));
    }
}

impl Drop for Connecting<'_> {
    fn drop(&mut self) {
        self.remove();
        self.gate.open(Outcome::Over);
    }
}
