//! The engine's time: one base for all workers' clocks, and a timer a worker for sleeps and
//! deadlines, which are its alarms.
//!
//! A worker's alarms lie in a [`Queue`], which knows no clock and does no I/O; [`Timer::run`] turns
//! it, woken by a timerfd that is armed for the earliest of them. An alarm is never due before its
//! time, and being due is one comparison: no clock is read when it is set or polled. This is the
//! only file that reads the wall clock.

use std::cell::{Cell, RefCell};
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::SystemTime;

use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::http::{Alarm, Clock};

const SECOND_NS: u64 = 1_000_000_000;

/// The time of an alarm that isn't set, and of one that isn't queued.
const UNSET: u64 = u64::MAX;

/// Items that one turn takes from the queue, so that I/O is served between two of them when many
/// thousand users are due at one instant.
const TURN_ITEMS_MAX: usize = 256;

/// Stale items that are always put up with: sweeping fewer isn't worth the walk.
const STALE_ITEMS: usize = 64;

/// The common base of all workers' clocks. Wall time is the wall clock at the start plus monotonic
/// time since, so that it never jumps within a run.
#[derive(Debug, Clone, Copy)]
pub struct Epoch {
    monotonic_ns: u64,
    wall_ns: u64,
}

impl Epoch {
    /// The epoch that begins now.
    pub fn now() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one place where a run reads the wall clock")]
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let wall_ns = u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX);
        Self { monotonic_ns: monotonic_ns(), wall_ns }
    }

    /// Nanoseconds since the epoch.
    #[inline]
    pub fn now_ns(self) -> u64 {
        monotonic_ns().saturating_sub(self.monotonic_ns)
    }

    /// Wall time, in nanoseconds since 1970 (UTC), of an instant in nanoseconds since the epoch.
    pub fn wall_ns(self, at_ns: u64) -> u64 {
        self.wall_ns.saturating_add(at_ns)
    }

    /// Which second since 1970 (UTC) an instant falls into.
    pub fn unix_seconds(self, at_ns: u64) -> u64 {
        self.wall_ns(at_ns) / SECOND_NS
    }
}

#[inline]
fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * SECOND_NS + now.tv_nsec.cast_unsigned()
}

/// A worker's clock and alarms. The alarms go off only while [`Timer::run`] is polled.
pub struct Timer {
    epoch: Epoch,
    queue: Rc<Queue>,
    descriptor: AsyncFd<OwnedFd>,
}

impl Timer {
    /// A timer without alarms.
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O enabled.
    pub fn start(epoch: Epoch) -> io::Result<Rc<Self>> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let descriptor = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        #[expect(
            deprecated,
            reason = "its successor is `unsafe`, for descriptors that may change or be closed while \
                      registered: a private `OwnedFd` can do neither"
        )]
        let descriptor = AsyncFd::with_interest(descriptor, Interest::READABLE)?;
        Ok(Rc::new(Self { epoch, queue: Rc::default(), descriptor }))
    }

    /// Sets off the alarms as they come due, for as long as it is polled; it ends by an error alone.
    /// The worker spawns it once, beside its users.
    pub async fn run(self: Rc<Self>) -> io::Result<Infallible> {
        let mut armed_ns = UNSET;
        poll_fn(|cx| self.poll_turn(&mut armed_ns, cx)).await
    }

    /// Woken by the timerfd, by an alarm earlier than what that is armed for, or by itself.
    fn poll_turn(&self, armed_ns: &mut u64, cx: &mut Context<'_>) -> Poll<io::Result<Infallible>> {
        // tokio watches edges, and arming resets the expiry count: the descriptor is never read.
        while let Poll::Ready(ready) = self.descriptor.poll_read_ready(cx) {
            ready?.clear_ready();
            *armed_ns = UNSET;
        }
        let Some(next_ns) = self.queue.turn(self.now_ns(), cx.waker()) else {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        };
        if next_ns < *armed_ns {
            self.arm(next_ns)?;
            *armed_ns = next_ns;
        }
        Poll::Pending
    }

    /// An instant that has passed meanwhile expires at once.
    fn arm(&self, at_ns: u64) -> io::Result<()> {
        let at_ns = self.epoch.monotonic_ns.saturating_add(at_ns);
        let it_value = Timespec {
            tv_sec: (at_ns / SECOND_NS).cast_signed(),
            tv_nsec: (at_ns % SECOND_NS).cast_signed(),
        };
        let once = Itimerspec { it_interval: Timespec::default(), it_value };
        timerfd_settime(&self.descriptor, TimerfdTimerFlags::ABSTIME, &once)?;
        Ok(())
    }
}

impl Clock for Timer {
    #[inline]
    fn now_ns(&self) -> u64 {
        self.epoch.now_ns()
    }

    fn alarm(&self) -> Rc<dyn Alarm> {
        self.queue.entry()
    }
}

/// The alarms of one worker, earliest first.
///
/// An entry is queued at most once for real, at `queued_ns`, which is never later than its `at_ns`:
/// setting it later leaves the item where it is, and the item moves when its turn comes. Setting it
/// earlier queues it anew; the old item is stale from then on, as is that of a dropped entry.
///
/// | `queued_ns` | event                          | next                         |
/// |-------------|--------------------------------|------------------------------|
/// | unset       | set                            | queued at that time          |
/// | queued      | set earlier                    | queued at the earlier time   |
/// | queued      | set later, cleared             | as it was                    |
/// | queued      | its turn, `at_ns` is later     | queued at `at_ns`            |
/// | queued      | its turn, cleared              | unset                        |
/// | queued      | its turn, `at_ns` has passed   | unset; the waiting task wakes |
struct Queue {
    items: RefCell<BinaryHeap<Reverse<Item>>>,
    /// Entries that are queued; the items beyond them are stale.
    queued: Cell<usize>,
    /// The time as of the last turn: what lies before it is due.
    passed_ns: Cell<u64>,
    /// When the next turn comes by itself; 0 when it is on its way.
    awaited_ns: Cell<u64>,
    /// The task that turns the queue.
    runner: Cell<Option<Waker>>,
}

/// What a queue orders by its time.
struct Item {
    at_ns: u64,
    entry: Weak<Entry>,
}

/// One alarm. 50,000 users have two each, so it is one allocation of 64 bytes.
struct Entry {
    at_ns: Cell<u64>,
    queued_ns: Cell<u64>,
    waker: Cell<Option<Waker>>,
    queue: Rc<Queue>,
    this: Weak<Self>,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            items: RefCell::default(),
            queued: Cell::new(0),
            passed_ns: Cell::new(0),
            awaited_ns: Cell::new(UNSET),
            runner: Cell::new(None),
        }
    }
}

impl Queue {
    fn entry(self: &Rc<Self>) -> Rc<Entry> {
        Rc::new_cyclic(|this| Entry {
            at_ns: Cell::new(UNSET),
            queued_ns: Cell::new(UNSET),
            waker: Cell::new(None),
            queue: Rc::clone(self),
            this: Weak::clone(this),
        })
    }

    /// Sets off what is due at `now_ns`, then gives the time of the next turn (`UNSET`: none), or
    /// `None` if more is due than one turn takes. An earlier alarm set meanwhile wakes `runner`.
    fn turn(&self, now_ns: u64, runner: &Waker) -> Option<u64> {
        store(&self.runner, runner);
        self.awaited_ns.set(0);
        self.passed_ns.set(now_ns);
        for _ in 0..TURN_ITEMS_MAX {
            let next_ns = self.next_ns();
            if next_ns > now_ns {
                self.awaited_ns.set(next_ns);
                return Some(next_ns);
            }
            if let Some(waker) = self.take_first(now_ns) {
                waker.wake();
            }
        }
        None
    }

    fn next_ns(&self) -> u64 {
        self.items.borrow().peek().map_or(UNSET, |Reverse(item)| item.at_ns)
    }

    /// Takes the first item, whose time has come. The waker is the caller's to wake, once the queue
    /// isn't borrowed any more.
    fn take_first(&self, now_ns: u64) -> Option<Waker> {
        let mut items = self.items.borrow_mut();
        let mut first = items.peek_mut()?;
        let Some(entry) = first.0.queued_entry() else {
            PeekMut::pop(first);
            return None;
        };
        let at_ns = entry.at_ns.get();
        if now_ns < at_ns && at_ns != UNSET {
            entry.queued_ns.set(at_ns);
            first.0.at_ns = at_ns;
            return None;
        }
        PeekMut::pop(first);
        entry.queued_ns.set(UNSET);
        self.queued.set(self.queued.get() - 1);
        if at_ns == UNSET { None } else { entry.waker.take() }
    }

    fn push(&self, entry: &Entry, at_ns: u64) {
        if entry.queued_ns.replace(at_ns) == UNSET {
            self.queued.set(self.queued.get() + 1);
        }
        self.items.borrow_mut().push(Reverse(Item { at_ns, entry: Weak::clone(&entry.this) }));
        self.sweep();
        if at_ns < self.awaited_ns.get() {
            self.awaited_ns.set(0);
            if let Some(runner) = self.runner.take() {
                runner.wake();
            }
        }
    }

    /// Drops the stale items once they outnumber the others, which bounds the queue.
    fn sweep(&self) {
        let mut items = self.items.borrow_mut();
        if items.len() <= 2 * self.queued.get() + STALE_ITEMS {
            return;
        }
        let mut kept = std::mem::take(&mut *items).into_vec();
        // An entry that was queued, then earlier, then again at the first time has two items of
        // that time. Unsetting it as its item is met makes the second one stale.
        kept.retain(|Reverse(item)| item.queued_entry().map(|entry| entry.queued_ns.set(UNSET)).is_some());
        for Reverse(item) in &kept {
            if let Some(entry) = item.entry.upgrade() {
                entry.queued_ns.set(item.at_ns);
            }
        }
        *items = kept.into();
    }
}

impl Item {
    /// The item's entry, unless the item is stale.
    fn queued_entry(&self) -> Option<Rc<Entry>> {
        self.entry.upgrade().filter(|entry| entry.queued_ns.get() == self.at_ns)
    }
}

impl Ord for Item {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at_ns.cmp(&other.at_ns)
    }
}

impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.at_ns == other.at_ns
    }
}

impl Eq for Item {}

impl Alarm for Entry {
    #[inline]
    fn set(&self, at_ns: u64) {
        self.at_ns.set(at_ns);
        if at_ns < self.queued_ns.get() {
            self.queue.push(self, at_ns);
        }
    }

    #[inline]
    fn clear(&self) {
        self.at_ns.set(UNSET);
    }

    #[inline]
    fn poll_due(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.at_ns.get() <= self.queue.passed_ns.get() {
            return Poll::Ready(());
        }
        store(&self.waker, cx.waker());
        Poll::Pending
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if self.queued_ns.get() != UNSET {
            self.queue.queued.set(self.queue.queued.get() - 1);
            self.queue.sweep();
        }
    }
}

/// Keeps a waker that would wake the same task: cloning one is an atomic write.
#[inline]
pub(super) fn store(slot: &Cell<Option<Waker>>, waker: &Waker) {
    let kept = slot.take().filter(|kept| kept.will_wake(waker));
    slot.set(Some(kept.unwrap_or_else(|| waker.clone())));
}

#[cfg(test)]
mod tests;
