//! Time for threads on which nothing waits: it stands still.

use std::rc::Rc;

use crate::http::{Alarm, Clock};

/// A clock for threads on which nothing waits: the control thread declares and does no more.
#[derive(Debug, Clone, Copy, Default)]
pub struct StillClock;

impl Clock for StillClock {
    fn now_ns(&self) -> u64 {
        0
    }

    fn alarm(&self) -> Rc<dyn Alarm> {
        Rc::new(Never)
    }
}

struct Never;

impl Alarm for Never {
    fn set(&self, _at_ns: u64) {}

    fn clear(&self) {}

    fn poll_due(&self, _cx: &mut std::task::Context<'_>) -> std::task::Poll<()> {
        std::task::Poll::Pending
    }
}
