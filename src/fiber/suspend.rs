//! Awaiting from inside a fiber.
//!
//! | state     | event                              | next      |
//! |-----------|------------------------------------|-----------|
//! | new       | first poll                         | running   |
//! | running   | `wait` on a future                 | waiting   |
//! | running   | `yield_now`                        | suspended |
//! | running   | the closure returns or panics      | done      |
//! | waiting   | poll, and the future is ready      | running   |
//! | waiting   | poll, and it is pending            | waiting   |
//! | suspended | poll (after a wake)                | running   |
//! | waiting, suspended | dropped                   | leaked    |
//!
//! What a fiber waits for is polled on the thread's own stack, which is warm: a fiber's holds what its code
//! needs to go on, and nothing of how sockets are read. With 1,000 fibers that is what a wake-up costs.

use std::any::Any;
use std::cell::{Cell, OnceCell};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use corosensei::{Coroutine, CoroutineResult, Yielder};

use super::stack::{Arena, ArenaError, Slot};
use super::warm::Warmer;

/// Stack that must be left for a native call made by the interpreter: our host functions, JSON of
/// the deepest nesting that is allowed, formatting. Below it [`Current::stack_is_low`].
const STACK_RESERVE_BYTES: usize = 256 << 10;

/// A wait that ended because its fiber was told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cancelled")]
pub struct Cancelled;

/// Which fiber runs on this worker now. One a worker; host functions hold it by `Rc`.
pub struct Current {
    frame: Cell<*const Frame>,
    /// Lowest usable address of the stack that runs now.
    stack_limit: Cell<usize>,
    /// Open loans of [`super::Shared`] values.
    loans: Cell<u32>,
    /// The stack of work that doesn't wait, out while it runs; none where it could not be had.
    still: Cell<Option<Slot>>,
    still_arena: OnceCell<Option<Rc<Arena>>>,
}

/// What a running fiber needs in order to suspend.
struct Frame {
    yielder: Cell<*const Yielder<(), ()>>,
    context: Cell<*mut Context<'static>>,
    /// Where its stack ended when it was suspended last.
    live: Cell<*mut u8>,
    /// What it waits for: looked at instead of resuming it, until that says true.
    wait: Cell<Option<*mut Look<'static>>>,
}

/// Polls what a fiber waits for; true once it is over.
type Look<'a> = dyn FnMut(&mut Context<'_>) -> bool + 'a;

/// A loan of shared state; see [`super::Shared`].
pub(super) struct Loan<'a>(&'a Current);

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        self.0.loans.set(self.0.loans.get() - 1);
    }
}

impl std::fmt::Debug for Current {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Current").field("frame", &self.frame).finish_non_exhaustive()
    }
}

impl Default for Current {
    fn default() -> Self {
        Self {
            frame: Cell::new(ptr::null()),
            stack_limit: Cell::new(0),
            loans: Cell::new(0),
            still: Cell::new(None),
            still_arena: OnceCell::new(),
        }
    }
}

/// Brings a fiber's own stack back, also when what ran on the shared one panicked.
struct Still<'a> {
    current: &'a Current,
    slot: Option<Slot>,
    frame: *const Frame,
    stack_limit: usize,
}

impl Drop for Still<'_> {
    fn drop(&mut self) {
        self.current.still.set(self.slot.take());
        self.current.frame.set(self.frame);
        self.current.stack_limit.set(self.stack_limit);
    }
}

impl Current {
    /// True while a fiber runs; false on the thread's own stack, where nothing can wait.
    pub fn in_fiber(&self) -> bool {
        !self.frame.get().is_null()
    }

    /// Polls `future` to its end, suspending the running fiber while it is pending. `cancelled` is
    /// asked before each poll: a fiber told to stop doesn't begin another wait.
    ///
    /// # Panics
    /// Outside a fiber, and in debug builds when a [`super::Shared`] value is lent.
    pub fn wait<F: Future>(&self, future: F, cancelled: impl Fn() -> bool) -> Result<F::Output, Cancelled> {
        assert!(self.in_fiber(), "`wait` needs a fiber");
        let mut future = pin!(future);
        let mut ended = None;
        let mut look = |context: &mut Context<'_>| {
            if cancelled() {
                ended = Some(Ok(Err(Cancelled)));
                return true;
            }
            // What panics does so where the thread's work is, not the fiber's: it is carried over.
            match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
                Ok(Poll::Pending) => return false,
                Ok(Poll::Ready(output)) => ended = Some(Ok(Ok(output))),
                Err(panic) => ended = Some(Err(panic)),
            }
            true
        };
        let look: *mut Look<'_> = &raw mut look;
        // SAFETY: only the lifetime is changed. `look` and all that it borrows lie in this frame, which stays
        // as it is until the fiber is resumed; `Fiber::poll` calls it before that and forgets it then.
        #[expect(clippy::transmute_ptr_to_ptr, reason = "a cast can't change a trait object's lifetime")]
        let look = unsafe { std::mem::transmute::<*mut Look<'_>, *mut Look<'static>>(look) };
        // SAFETY: `frame` points at the frame of the fiber that runs this very code (set by its poll, which
        // outlives this call).
        unsafe { (*self.frame.get()).wait.set(Some(look)) };
        self.suspend();
        match ended.expect("a fiber that waits is resumed once that is over") {
            Ok(result) => result,
            Err(panic) => resume_unwind(panic),
        }
    }

    /// Lets the other fibers of the worker run, then goes on.
    ///
    /// # Panics
    /// Outside a fiber.
    pub fn yield_now(&self) {
        assert!(self.in_fiber(), "`yield_now` needs a fiber");
        // SAFETY: as in `wait`.
        unsafe { (*(*self.frame.get()).context.get()).waker().wake_by_ref() };
        self.suspend();
    }

    fn suspend(&self) {
        debug_assert_eq!(self.loans.get(), 0, "shared state is lent across a suspend");
        // SAFETY: as below.
        unsafe { (*self.frame.get()).live.set(stack_pointer() as *mut u8) };
        // SAFETY: the frame is the running fiber's; it stored its yielder before any code of the
        // closure ran, and the yielder lives on the fiber's stack until that closure returns.
        unsafe { (*(*self.frame.get()).yielder.get()).suspend(()) };
    }

    pub(super) fn lend(&self) -> Loan<'_> {
        self.loans.set(self.loans.get() + 1);
        Loan(self)
    }

    /// Runs `work` on the thread's own stack with `bytes` of it declared usable, so that
    /// [`Current::stack_is_low`] holds there too.
    pub fn on_thread<R>(&self, bytes: usize, work: impl FnOnce() -> R) -> R {
        let outer = self.stack_limit.replace(stack_pointer().saturating_sub(bytes));
        let result = work();
        self.stack_limit.set(outer);
        result
    }

    /// Runs work that doesn't wait on one stack that all fibers of the worker share: it is warm, however
    /// many fibers there are, and theirs stay small. Work that waits all the same panics, since
    /// [`Current::in_fiber`] is false meanwhile. Within itself, outside of fibers and where no stack could be
    /// had, the work runs where it is.
    pub fn run_still<R>(&self, work: impl FnOnce() -> R) -> R {
        if !self.in_fiber() {
            return work();
        }
        let Some(slot) = self.still.take().or_else(|| self.still_slot()) else { return work() };
        let limit = slot.usable_limit();
        let mut still = Still {
            current: self,
            slot: Some(slot),
            frame: self.frame.replace(ptr::null()),
            stack_limit: self.stack_limit.replace(limit),
        };
        let slot = still.slot.as_mut().expect("just put there");
        corosensei::on_stack(&mut *slot, work)
    }

    #[cold]
    fn still_slot(&self) -> Option<Slot> {
        let arena = self.still_arena.get_or_init(|| Arena::new(1).ok());
        arena.as_ref()?.take().ok()
    }

    /// True when less stack is left than a native call may need.
    #[inline]
    pub fn stack_is_low(&self) -> bool {
        stack_pointer() < self.stack_limit.get() + STACK_RESERVE_BYTES
    }
}

/// Where the stack is now, within a frame.
#[inline]
fn stack_pointer() -> usize {
    let marker = 0u8;
    &raw const marker as usize
}

/// The closure's value, or what it panicked with.
type Outcome<T> = Result<T, Box<dyn Any + Send>>;

/// Blocking code as a future. Its output is the closure's, or what the closure panicked with.
pub struct Fiber<T: 'static> {
    coroutine: Option<Coroutine<(), (), Outcome<T>, Slot>>,
    frame: Box<Frame>,
    current: Rc<Current>,
    stack_limit: usize,
    /// What its futures wake; made for the task that polls it.
    warm: Option<(Arc<Warmer>, Waker)>,
}

impl<T: 'static> Fiber<T> {
    /// A fiber that will run `body` on a stack of `arena` when first polled.
    pub fn new(
        arena: &Rc<Arena>,
        current: &Rc<Current>,
        body: impl FnOnce() -> T + 'static,
    ) -> Result<Self, ArenaError> {
        let slot = arena.take()?;
        let stack_limit = slot.usable_limit();
        let frame = Box::new(Frame {
            yielder: Cell::new(ptr::null()),
            context: Cell::new(ptr::null_mut()),
            live: Cell::new(ptr::null_mut()),
            wait: Cell::new(None),
        });
        let yielder_cell = &raw const frame.yielder;
        let coroutine = Coroutine::with_stack(slot, move |yielder: &Yielder<(), ()>, ()| {
            // SAFETY: the boxed frame lives as long as the fiber, so at least as long as this body.
            unsafe { (*yielder_cell).set(yielder) };
            catch_unwind(AssertUnwindSafe(body))
        });
        Ok(Self { coroutine: Some(coroutine), frame, current: Rc::clone(current), stack_limit, warm: None })
    }

    /// True once the closure has returned or panicked.
    pub fn is_done(&self) -> bool {
        self.coroutine.as_ref().is_none_or(Coroutine::done)
    }
}

impl<T: 'static> Future for Fiber<T> {
    type Output = Outcome<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let coroutine = this.coroutine.as_mut().expect("a finished fiber is not polled again");
        let warm = this.warm.take().filter(|(warmer, _)| warmer.wakes(context.waker()));
        let (warmer, waker) = warm.unwrap_or_else(|| {
            let warmer = Warmer::new(context.waker().clone());
            (Arc::clone(&warmer), warmer.into())
        });
        let context = &mut Context::from_waker(&waker);
        // Nobody is on a fiber while one's future is looked at, also when this poll runs within another fiber.
        let outer_frame = this.current.frame.replace(ptr::null());
        let outer_limit = this.current.stack_limit.get();
        let progress = loop {
            if let Some(look) = this.frame.wait.get() {
                // SAFETY: set by the fiber's `wait`, in whose frame it lies: the fiber has not been resumed since.
                if !unsafe { (*look)(context) } {
                    break Poll::Pending;
                }
                this.frame.wait.set(None);
            }
            // The pointer is only followed between this line and the end of this poll, while `context`
            // is borrowed; the cast only drops its lifetime.
            this.frame.context.set(ptr::from_mut(context).cast());
            this.current.frame.set(&raw const *this.frame);
            this.current.stack_limit.set(this.stack_limit);
            let result = coroutine.resume(());
            this.current.frame.set(ptr::null());
            this.current.stack_limit.set(outer_limit);
            match result {
                CoroutineResult::Yield(()) if this.frame.wait.get().is_some() => {}
                CoroutineResult::Yield(()) => break Poll::Pending,
                CoroutineResult::Return(output) => {
                    this.coroutine = None;
                    break Poll::Ready(output);
                }
            }
        };
        this.current.frame.set(outer_frame);
        warmer.suspended_at(this.frame.live.get());
        this.warm = Some((warmer, waker));
        progress
    }
}

impl<T: 'static> Drop for Fiber<T> {
    fn drop(&mut self) {
        if let Some(coroutine) = self.coroutine.take_if(|coroutine| coroutine.started() && !coroutine.done())
        {
            // Unwinding it would run script code (Rhai's `sort` catches the unwind) and may never
            // end: the stack is lost instead, together with what lies on it.
            std::mem::forget(coroutine);
        }
    }
}
