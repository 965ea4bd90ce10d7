//! The seconds of a load as a recorder counts them, so that a sample falls in its own.
//!
//! Whoever comes for a second may be late: behind users that run, or a worker that was stopped. What is recorded says
//! when it happened ([`super::Recorder::at`]), which costs a comparison, and a second that is over by then is set aside.

use std::collections::VecDeque;

use super::{Recorder, Snapshot};

const SECOND_NS: u64 = 1_000_000_000;

/// Where a recorder is in its seconds; as long as nobody counts them none ends.
#[derive(Debug)]
pub(super) struct Seconds {
    /// When the one under way ends, on the worker's clock.
    pub(super) end_ns: u64,
    /// Its tick.
    pub(super) tick: u64,
    /// Those that ended before anybody came for them, in order.
    pub(super) ended: VecDeque<Snapshot>,
}

impl Seconds {
    pub(super) fn uncounted() -> Self {
        Self { end_ns: u64::MAX, tick: 0, ended: VecDeque::new() }
    }

    /// The next one is under way.
    pub(super) fn next(&mut self) {
        self.tick += 1;
        self.end_ns = self.end_ns.saturating_add(SECOND_NS);
    }
}

impl Recorder {
    /// Counts seconds from here on: the first is `tick` and ends at that time of the worker's clock. What was
    /// recorded before belongs to it. Until [`Recorder::take`].
    pub fn begin_seconds(&mut self, tick: u64, end_ns: u64) {
        (self.seconds.tick, self.seconds.end_ns) = (tick, end_ns);
    }

    /// What is recorded next happened at `now_ns`: a second that is over by then keeps none of it, however late
    /// somebody comes for that second.
    #[inline]
    pub fn at(&mut self, now_ns: u64) {
        if now_ns >= self.seconds.end_ns {
            self.turn(now_ns);
        }
        self.at_ns = now_ns;
    }

    #[cold]
    fn turn(&mut self, now_ns: u64) {
        while now_ns >= self.seconds.end_ns {
            let ended = self.end();
            self.seconds.ended.push_back(ended);
        }
    }

    /// Ends the second under way, and hands over what was recorded in it.
    fn end(&mut self) -> Snapshot {
        let ended = self.touched(self.seconds.tick);
        self.hand_over();
        self.seconds.next();
        ended
    }

    /// Hands over the first second that nobody came for yet, which is over.
    pub fn take_second(&mut self) -> Snapshot {
        match self.seconds.ended.pop_front() {
            Some(ended) => ended,
            None => self.end(),
        }
    }
}
