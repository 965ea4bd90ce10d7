//! One request and its response on a connection that others use too.
//!
//! | state | goes to | when |
//! |---|---|---|
//! | sending and awaiting | awaiting | all of the request is queued |
//! | either | over | the response ended, or failed, or the connection did |

use std::task::Waker;

use super::super::error::{Failure, Phase};
use super::answer::Answer;
use super::flow::{ReceiveWindow, SendWindow};

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) id: u32,
    pub(super) answer: Answer,
    pub(super) send: SendWindow,
    pub(super) receive: ReceiveWindow,
    /// Bytes of the request's body that are yet to be queued.
    pub(super) unsent: u64,
    /// Opened before the server had said how many streams it takes.
    pub(super) is_guess: bool,
    /// Where in all that was ever queued the request ends, once it does.
    pub(super) queued_end: Option<u64>,
    /// How it ended, if it has.
    pub(super) outcome: Option<Result<(), Failure>>,
    /// Bytes of its own frames that were queued, and that came.
    pub(super) bytes_queued: u64,
    pub(super) bytes_received: u64,
    pub(super) timings: Times,
    waker: Option<Waker>,
    /// Whoever waits for it is looking just now, and sees its end without being woken.
    pub(super) is_watched: bool,
}

/// When what happened to a stream.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_field_names, reason = "units end a name")]
pub(super) struct Times {
    /// When the writing of the request began, as far as that is known.
    pub(super) write_ns: Option<u64>,
    pub(super) sent_ns: Option<u64>,
    pub(super) first_ns: Option<u64>,
    pub(super) end_ns: Option<u64>,
}

impl Stream {
    pub(super) fn new(
        id: u32,
        answer: Answer,
        send: SendWindow,
        receive: ReceiveWindow,
        unsent: u64,
    ) -> Self {
        Self {
            id,
            answer,
            send,
            receive,
            unsent,
            is_guess: false,
            queued_end: None,
            outcome: None,
            bytes_queued: 0,
            bytes_received: 0,
            timings: Times::default(),
            waker: None,
            is_watched: false,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.outcome.is_some()
    }

    /// What is being done, for time-outs and errors.
    pub(super) fn phase(&self) -> Phase {
        match self.timings {
            Times { first_ns: Some(_), .. } => Phase::Receiving,
            Times { sent_ns: Some(_), .. } => Phase::Waiting,
            _ => Phase::Sending,
        }
    }

    /// It ends like this, unless it has ended already.
    pub(super) fn end(&mut self, outcome: Result<(), Failure>, now_ns: u64) {
        if self.is_over() {
            return;
        }
        self.outcome = Some(outcome);
        self.timings.end_ns = Some(now_ns);
        if !self.is_watched {
            self.wake();
        }
    }

    /// Whoever waits for it is to look again.
    pub(super) fn wake(&mut self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }

    /// The same, unless that is `own`.
    pub(super) fn wake_unless(&mut self, own: Option<&Waker>) {
        if let Some(waker) = &self.waker
            && own.is_none_or(|own| !own.will_wake(waker))
        {
            waker.wake_by_ref();
        }
    }

    pub(super) fn wake_later(&mut self, waker: &Waker) {
        if self.waker.as_ref().is_none_or(|own| !own.will_wake(waker)) {
            self.waker = Some(waker.clone());
        }
    }
}
