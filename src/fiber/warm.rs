//! Fetching a fiber's stack before it is needed.
//!
//! Of a thousand fibers' stacks none is in the core's cache when its turn comes. But it is known some microseconds
//! before: when the fiber is woken, along with others that run first. So the waker that a fiber's futures get asks
//! for the live end of its stack, then wakes the fiber's task.

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::task::{Wake, Waker};

/// Bytes that a cache holds in one piece.
const LINE_BYTES: usize = 64;

/// Lines of a suspended flow's frames that it goes on with, from its end up.
const LIVE_LINES: usize = 56;

/// Wakes a fiber's task, and has its stack fetched.
#[derive(Debug)]
pub(super) struct Warmer {
    task: Waker,
    /// Where the stack ended when the fiber was suspended last; never read through.
    live: AtomicPtr<u8>,
}

impl Warmer {
    pub(super) fn new(task: Waker) -> Arc<Self> {
        Arc::new(Self { task, live: AtomicPtr::new(ptr::null_mut()) })
    }

    /// Whether it wakes that task.
    pub(super) fn wakes(&self, task: &Waker) -> bool {
        self.task.will_wake(task)
    }

    /// The fiber was suspended, with its stack ending there.
    pub(super) fn suspended_at(&self, live: *mut u8) {
        self.live.store(live, Ordering::Relaxed);
    }

    fn fetch(&self) {
        let live = self.live.load(Ordering::Relaxed);
        for line in 0..LIVE_LINES {
            fetch_line(live.wrapping_add(line * LINE_BYTES));
        }
    }
}

#[inline]
fn fetch_line(address: *mut u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing, and an address that isn't mapped is ignored.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

impl Wake for Warmer {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.fetch();
        self.task.wake_by_ref();
    }
}
