//! What came over a connection and waits for its user: bounded, each with the instant of its arrival.
//!
//! Whoever reads the connection pushes and stops reading while it is full, so that a user who is slow holds the sender
//! back by TCP's own means, and no memory grows. Within one thread.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use super::clock::{Alarm, Clock};

/// Items and bytes that wait; past either, nothing more is read. One that is larger alone still gets in.
const ITEMS_MAX: usize = 1_024;
const BYTES_MAX: usize = 1 << 20;

/// Something, and when it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrived<T> {
    /// What came.
    pub item: T,
    /// When the bytes that completed it were read, in the clock's nanoseconds.
    pub at_ns: u64,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<(Arrived<T>, usize)>,
    bytes: usize,
    is_over: bool,
    reader: Option<Waker>,
    pump: Option<Waker>,
}

/// A queue between a connection and its user.
#[derive(Debug)]
pub(super) struct Inbox<T>(RefCell<State<T>>);

impl<T> Default for Inbox<T> {
    fn default() -> Self {
        let items = VecDeque::new();
        Self(RefCell::new(State { items, bytes: 0, is_over: false, reader: None, pump: None }))
    }
}

impl<T> Inbox<T> {
    pub(super) fn push(&self, item: T, bytes: usize, at_ns: u64) {
        let mut state = self.0.borrow_mut();
        state.items.push_back((Arrived { item, at_ns }, bytes));
        state.bytes += bytes;
        wake(&mut state.reader);
    }

    /// Nothing more will come.
    pub(super) fn end(&self) {
        let mut state = self.0.borrow_mut();
        state.is_over = true;
        wake(&mut state.reader);
    }

    pub(super) fn is_over(&self) -> bool {
        self.0.borrow().is_over
    }

    /// Ready where there is room; otherwise wakes who pushes once there is.
    pub(super) fn poll_room(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.0.borrow_mut();
        if state.items.len() < ITEMS_MAX && state.bytes < BYTES_MAX {
            return Poll::Ready(());
        }
        state.pump = Some(cx.waker().clone());
        Poll::Pending
    }

    /// The oldest item, once one is there; none after the last, or once so many nanoseconds have passed.
    pub(super) async fn next(
        &self,
        clock: &dyn Clock,
        alarm: &dyn Alarm,
        timeout_ns: Option<u64>,
    ) -> Option<Arrived<T>> {
        if let Some(timeout_ns) = timeout_ns {
            alarm.set(clock.now_ns().saturating_add(timeout_ns));
        }
        let arrived = poll_fn(|cx| match self.poll_pop(cx) {
            Poll::Ready(arrived) => Poll::Ready(arrived),
            Poll::Pending => alarm.poll_due(cx).map(|()| None),
        })
        .await;
        alarm.clear();
        arrived
    }

    /// The oldest item, if one is there.
    pub(super) fn pop(&self) -> Option<Arrived<T>> {
        let mut state = self.0.borrow_mut();
        let (arrived, bytes) = state.items.pop_front()?;
        state.bytes -= bytes;
        wake(&mut state.pump);
        Some(arrived)
    }

    /// The oldest item; none once all were taken and nothing more will come.
    pub(super) fn poll_pop(&self, cx: &Context<'_>) -> Poll<Option<Arrived<T>>> {
        if let Some(arrived) = self.pop() {
            return Poll::Ready(Some(arrived));
        }
        let mut state = self.0.borrow_mut();
        if state.is_over {
            return Poll::Ready(None);
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_out_in_order_and_then_the_end() {
        let (inbox, cx) = (Inbox::default(), Context::from_waker(Waker::noop()));
        assert!(inbox.poll_pop(&cx).is_pending());
        inbox.push('a', 1, 10);
        inbox.push('b', 1, 20);
        inbox.end();
        assert_eq!(inbox.poll_pop(&cx), Poll::Ready(Some(Arrived { item: 'a', at_ns: 10 })));
        assert_eq!(inbox.poll_pop(&cx), Poll::Ready(Some(Arrived { item: 'b', at_ns: 20 })));
        assert_eq!(inbox.poll_pop(&cx), Poll::Ready(None));
    }

    #[test]
    fn a_full_one_has_no_room_until_something_is_taken() {
        let cx = Context::from_waker(Waker::noop());
        let inbox = Inbox::default();
        inbox.push('a', BYTES_MAX, 0);
        assert!(inbox.poll_room(&cx).is_pending());
        assert!(inbox.pop().is_some() && inbox.poll_room(&cx).is_ready());
        for _ in 0..ITEMS_MAX {
            inbox.push('b', 0, 0);
        }
        assert!(inbox.poll_room(&cx).is_pending());
    }
}
