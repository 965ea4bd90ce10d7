//! One request on a session: waits for a stream, goes out, and is read.
//!
//! | stage | goes to | when |
//! |---|---|---|
//! | `Waiting` | `Open` | the server takes one stream more |
//! | `Waiting` | `Done` | nothing begins on the connection any more, or time is up |
//! | `Open` | `Done` | the stream is over, or time is up |
//!
//! Dropped before that, it resets its stream.

use std::rc::Rc;
use std::task::{Context, Poll};

use super::super::error::{Failure, Phase};
use super::super::request::compose;
use super::super::transfer::Wire;
use super::super::upload::Feed;
use super::connection::Settled;
use super::session::Session;
use super::stream::Times;
use crate::metrics::Phases;

#[derive(Debug)]
enum Stage {
    Waiting(u64),
    Open(u32),
    Done,
}

#[derive(Debug)]
pub(in crate::http) struct Call {
    session: Rc<Session>,
    stage: Stage,
    /// Waits for the server's word on how many streams it takes, where others guess.
    is_patient: bool,
    /// Of a body that is read while it is sent.
    feed: Option<Box<Feed>>,
}

/// What came of a call.
#[derive(Debug)]
pub(in crate::http) enum Outcome {
    /// Nothing was sent: the connection takes no more requests.
    NotBegun,
    Settled(Settled),
}

impl Call {
    /// A call to be made on a session; one that was refused before is patient.
    pub(in crate::http) fn new(session: Rc<Session>, is_patient: bool) -> Self {
        let stage = Stage::Waiting(session.ticket());
        Self { session, stage, is_patient, feed: None }
    }

    /// Goes on until the response is complete.
    pub(in crate::http) fn poll(&mut self, wire: Wire<'_>, cx: &mut Context<'_>) -> Poll<Outcome> {
        if let Stage::Waiting(ticket) = self.stage {
            if !self.session.core.borrow().is_open() {
                self.leave();
                return Poll::Ready(Outcome::NotBegun);
            }
            if !self.session.is_turn(ticket, self.is_patient, cx.waker()) {
                // Nobody else may be there to read that it is.
                self.session.drive(None, wire, cx);
                // It may have been said just now, or be over.
                if self.session.has_news(ticket, self.is_patient) {
                    cx.waker().wake_by_ref();
                }
                return Poll::Pending;
            }
            self.open(wire);
        }
        let Stage::Open(id) = self.stage else { return Poll::Pending };
        let mut core = self.session.core.borrow_mut();
        if let Some(stream) = core.stream_mut(id) {
            stream.wake_later(cx.waker());
            stream.is_watched = true;
            if stream.unsent > 0 && self.feed.is_none() {
                core.pump(id, wire.request.body);
            }
        }
        drop(core);
        self.upload(id, wire, cx);
        self.session.drive(Some(id), wire, cx);
        let Some(settled) = self.settle() else {
            if let Some(stream) = self.session.core.borrow_mut().stream_mut(id) {
                stream.is_watched = false;
            }
            return Poll::Pending;
        };
        self.session.core.borrow_mut().wake_another(Some(cx.waker()));
        Poll::Ready(Outcome::Settled(settled))
    }

    /// What is being done: the phase that a time-out belongs to.
    pub(in crate::http) fn phase(&self) -> Phase {
        match self.stage {
            Stage::Open(id) => {
                let mut core = self.session.core.borrow_mut();
                core.stream_mut(id).map_or(Phase::Receiving, |stream| stream.phase())
            }
            Stage::Waiting(_) | Stage::Done => Phase::Queueing,
        }
    }

    /// Ends it with this failure.
    pub(in crate::http) fn give_up(&mut self, failure: Failure, now_ns: u64) -> Settled {
        if let Stage::Open(id) = self.stage {
            self.session.core.borrow_mut().cancel(id, failure.clone(), true, now_ns);
        }
        self.settle().unwrap_or_else(|| {
            self.leave();
            let times = Times { end_ns: Some(now_ns), ..Times::default() };
            Settled { result: Err(failure), times, bytes_sent: 0, bytes_received: 0 }
        })
    }

    fn open(&mut self, wire: Wire<'_>) {
        let mut lines = wire.scratch.write.borrow_mut();
        let mut lower = wire.scratch.name.borrow_mut();
        lines.clear();
        compose(wire.request, wire.shape, wire.user_agent, &mut lines);
        let id = self.session.core.borrow_mut().open(wire.request, &lines, &mut lower);
        self.stage = Stage::Open(id);
        self.feed = wire.request.upload.map(|upload| Box::new(Feed::new(upload)));
        self.session.post(wire);
    }

    /// Queues what comes from disk. A file that can't be read any more ends the exchange: nobody would answer.
    fn upload(&mut self, id: u32, wire: Wire<'_>, cx: &mut Context<'_>) {
        let Some(feed) = &mut self.feed else { return };
        let mut core = self.session.core.borrow_mut();
        while core.stream_mut(id).is_some_and(|stream| stream.unsent > 0) {
            match feed.poll_bytes(cx) {
                Poll::Ready(Ok(bytes)) if !bytes.is_empty() => match core.push_data(id, bytes) {
                    0 => return,
                    queued => feed.handed(queued),
                },
                Poll::Ready(Err(error)) => {
                    return core.cancel(id, Failure::Upload(error), false, wire.clock.now_ns());
                }
                Poll::Ready(Ok(_)) | Poll::Pending => return,
            }
        }
    }

    fn settle(&mut self) -> Option<Settled> {
        let Stage::Open(id) = self.stage else { return None };
        let settled = self.session.core.borrow_mut().settle(id)?;
        self.stage = Stage::Done;
        self.session.admit();
        Some(settled)
    }

    fn leave(&mut self) {
        if let Stage::Waiting(ticket) = std::mem::replace(&mut self.stage, Stage::Done) {
            self.session.leave(ticket);
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Stage::Open(id) = self.stage {
            let mut core = self.session.core.borrow_mut();
            core.cancel(id, Failure::NoResponse, false, 0);
            core.settle(id);
            core.wake_another(None);
            drop(core);
            self.session.write_leftovers();
            self.session.admit();
        }
        self.leave();
    }
}

impl Settled {
    /// Whether not a byte of a response came.
    pub(in crate::http) fn is_silent(&self) -> bool {
        self.times.first_ns.is_none()
    }

    /// Charges the time from `begin_ns` to the end to the phases it was spent in, and returns the end.
    pub(in crate::http) fn charge(&self, begin_ns: u64, now_ns: u64, phases: &mut Phases) -> u64 {
        let end_ns = self.times.end_ns.unwrap_or(now_ns).max(begin_ns);
        let first_ns = self.times.first_ns.unwrap_or(end_ns).clamp(begin_ns, end_ns);
        // Until a stream was free, and until its turn to be written came, the request was blocked by ourselves.
        let write_ns = self.times.write_ns.unwrap_or(first_ns).clamp(begin_ns, first_ns);
        let sent_ns = self.times.sent_ns.unwrap_or(first_ns).clamp(write_ns, first_ns);
        phases.blocked_ns += write_ns - begin_ns;
        phases.sending_ns = sent_ns - write_ns;
        phases.waiting_ns = first_ns - sent_ns;
        phases.receiving_ns = end_ns - first_ns;
        end_ns
    }
}
