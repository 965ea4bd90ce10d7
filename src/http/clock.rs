//! Where the client gets its time from: the engine's clock and, for time-outs, one alarm a client.
//!
//! The engine implements both over a timerfd; tests use a small one over tokio's timer. The client
//! itself never sees a timer wheel, whose whole milliseconds would blur what it measures.

use std::rc::Rc;
use std::task::{Context, Poll};

/// A monotonic clock in nanoseconds, and the maker of alarms that follow it.
pub trait Clock {
    /// Nanoseconds since some fixed instant; never goes back.
    fn now_ns(&self) -> u64;

    /// A new alarm, not set. A [`Client`](super::Client) takes one and keeps it.
    fn alarm(&self) -> Rc<dyn Alarm>;
}

/// One resettable deadline. Setting it later than what is queued must cost next to nothing, since
/// the client sets it once a request, and almost no request meets its time-out.
pub trait Alarm {
    /// Sets the deadline, in the clock's nanoseconds, in place of any earlier one.
    fn set(&self, at_ns: u64);

    /// Unsets the deadline: until it is set again, the alarm is never due.
    fn clear(&self);

    /// Ready once the deadline has passed; otherwise wakes `cx` when it does.
    fn poll_due(&self, cx: &mut Context<'_>) -> Poll<()>;
}
