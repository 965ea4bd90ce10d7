//! Fibers under a real executor: waiting, cancelling, panicking, leaking, deep stacks.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::{Arena, Cancelled, Current, Fiber, STACK_BYTES, Shared};

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, future)
}

/// Pending once, then ready: one suspend.
async fn once() {
    let mut polled = false;
    poll_fn(|context| {
        if std::mem::replace(&mut polled, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[test]
fn a_fiber_waits_and_returns() {
    let (arena, current) = (Arena::new(1).unwrap(), Rc::new(Current::default()));
    let inner = Rc::clone(&current);
    let fiber = Fiber::new(&arena, &current, move || {
        inner.wait(async { once().await }, || false).unwrap();
        inner.yield_now();
        42
    });
    assert_eq!(block_on(fiber.unwrap()).unwrap(), 42);
    assert!(!current.in_fiber());
}

#[test]
fn fibers_interleave_at_waits_and_share_state() {
    let (arena, current) = (Arena::new(3).unwrap(), Rc::new(Current::default()));
    let order = Rc::new(RefCell::new(Vec::new()));
    let tasks = (0..3).map(|index| {
        let (inner, order) = (Rc::clone(&current), Rc::clone(&order));
        let fiber = Fiber::new(&arena, &current, move || {
            for step in 0..2 {
                order.borrow_mut().push((step, index));
                inner.wait(once(), || false).unwrap();
            }
        });
        fiber.unwrap()
    });
    let fibers: Vec<_> = tasks.collect();
    block_on(async {
        let handles: Vec<_> = fibers.into_iter().map(tokio::task::spawn_local).collect();
        for handle in handles {
            handle.await.unwrap().unwrap();
        }
    });
    assert_eq!(*order.borrow(), [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]);
}

#[test]
fn a_cancelled_fiber_ends_by_returning() {
    let (arena, current) = (Arena::new(1).unwrap(), Rc::new(Current::default()));
    let stop = Rc::new(Cell::new(false));
    let (inner, level) = (Rc::clone(&current), Rc::clone(&stop));
    let fiber = Fiber::new(&arena, &current, move || inner.wait(pending::<()>(), || level.get())).unwrap();
    let mut fiber = Box::pin(fiber);
    let mut context = Context::from_waker(Waker::noop());
    assert!(fiber.as_mut().poll(&mut context).is_pending());
    stop.set(true);
    let Poll::Ready(result) = fiber.as_mut().poll(&mut context) else { panic!("still waiting") };
    assert_eq!(result.unwrap(), Err(Cancelled));
}

#[test]
fn a_panic_is_the_fibers_result() {
    let (arena, current) = (Arena::new(1).unwrap(), Rc::new(Current::default()));
    let fiber = Fiber::<()>::new(&arena, &current, || panic!("boom")).unwrap();
    let panic = block_on(fiber).unwrap_err();
    assert_eq!(*panic.downcast::<&str>().unwrap(), "boom");
}

#[test]
fn stacks_are_used_again_and_bounded() {
    let (arena, current) = (Arena::new(2).unwrap(), Rc::new(Current::default()));
    for _ in 0..10 {
        let first = Fiber::new(&arena, &current, || ()).unwrap();
        let second = Fiber::new(&arena, &current, || ()).unwrap();
        assert!(Fiber::new(&arena, &current, || ()).is_err(), "an arena of two gave three stacks");
        block_on(first).unwrap();
        block_on(second).unwrap();
    }
}

#[test]
fn a_fiber_dropped_while_suspended_leaks_its_stack() {
    let (arena, current) = (Arena::new(1).unwrap(), Rc::new(Current::default()));
    let inner = Rc::clone(&current);
    let mut fiber =
        Box::pin(Fiber::new(&arena, &current, move || inner.wait(pending::<()>(), || false)).unwrap());
    let mut context = Context::from_waker(Waker::noop());
    assert!(fiber.as_mut().poll(&mut context).is_pending());
    assert!(!fiber.is_done());
    drop(fiber);
    assert!(Fiber::new(&arena, &current, || ()).is_err(), "the stack of a live frame was handed out again");
}

#[test]
fn low_stack_is_noticed_before_the_guard() {
    fn descend(current: &Current, depth: usize) -> usize {
        let frame = std::hint::black_box([depth; 128]);
        if current.stack_is_low() { frame[0] } else { descend(current, depth + 1) }
    }
    let (arena, current) = (Arena::new(1).unwrap(), Rc::new(Current::default()));
    let inner = Rc::clone(&current);
    let fiber = Fiber::new(&arena, &current, move || descend(&inner, 0)).unwrap();
    let depth = block_on(fiber).unwrap();
    assert!(depth > 100 && depth < STACK_BYTES / 1024, "stopped at depth {depth}");
    assert!(current.on_thread(1 << 20, || !current.stack_is_low()));
}

#[test]
#[cfg(debug_assertions)]
fn a_loan_across_a_suspend_panics() {
    let (arena, current) = (Arena::new(1).unwrap(), Rc::new(Current::default()));
    let shared = Shared::new(0, Rc::clone(&current));
    let inner = Rc::clone(&current);
    let fiber = Fiber::new(&arena, &current, move || {
        shared.with(|value| {
            *value += 1;
            let _ = inner.wait(once(), || false);
        });
    });
    let panic = block_on(fiber.unwrap()).unwrap_err();
    assert!(panic.downcast::<String>().unwrap().contains("lent across a suspend"));
}

#[test]
fn what_a_fiber_waits_for_is_polled_on_the_threads_stack() {
    let (arena, current) = (Arena::new(1).unwrap(), Rc::new(Current::default()));
    let inner = Rc::clone(&current);
    let fiber = Fiber::new(&arena, &current, move || {
        let own = here();
        let polled = inner.wait(poll_fn(|_| Poll::Ready(here())), || false).unwrap();
        own.abs_diff(polled)
    });
    assert!(block_on(fiber.unwrap()).unwrap() > STACK_BYTES, "another stack");
}

/// Where the stack is.
#[inline(never)]
fn here() -> usize {
    let marker = 0_u8;
    std::ptr::from_ref(std::hint::black_box(&marker)) as usize
}

#[test]
fn a_future_that_panics_does_so_in_the_fiber_that_waits_for_it() {
    let (arena, current) = (Arena::new(1).unwrap(), Rc::new(Current::default()));
    let inner = Rc::clone(&current);
    let fiber = Fiber::new(&arena, &current, move || {
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            inner.wait(poll_fn(|_| -> Poll<()> { panic!("in the future") }), || false)
        }));
        inner.wait(once(), || false).unwrap();
        *caught.unwrap_err().downcast_ref::<&str>().unwrap()
    });
    assert_eq!(block_on(fiber.unwrap()).unwrap(), "in the future");
}

#[test]
fn still_work_of_all_fibers_runs_on_one_stack_of_its_own() {
    let (arena, current) = (Arena::new(2).unwrap(), Rc::new(Current::default()));
    let seen: Vec<(usize, usize)> = (0..2)
        .map(|_| {
            let inner = Rc::clone(&current);
            let fiber = Fiber::new(&arena, &current, move || {
                let still = inner.run_still(|| {
                    assert!(!inner.in_fiber() && !inner.stack_is_low());
                    inner.run_still(here)
                });
                assert!(inner.in_fiber());
                inner.wait(once(), || false).unwrap();
                (here(), still)
            });
            block_on(fiber.unwrap()).unwrap()
        })
        .collect();
    assert_eq!(seen[0].1, seen[1].1, "one for both");
    assert!(seen.iter().all(|(own, still)| own.abs_diff(*still) > STACK_BYTES / 2), "and none of theirs");
    assert_eq!(current.run_still(|| 7), 7, "outside of fibers it just runs");
}

#[test]
fn still_work_that_panics_or_waits_leaves_the_fiber_its_stack() {
    let (arena, current) = (Arena::new(1).unwrap(), Rc::new(Current::default()));
    let inner = Rc::clone(&current);
    let fiber = Fiber::new(&arena, &current, move || {
        for _ in 0..2 {
            let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                inner.run_still(|| inner.wait(once(), || false))
            }));
            assert!(caught.is_err(), "a wait there is refused");
            assert!(inner.in_fiber());
            inner.wait(once(), || false).unwrap();
        }
        inner.run_still(|| 42)
    });
    assert_eq!(block_on(fiber.unwrap()).unwrap(), 42);
}

#[test]
fn a_fiber_that_is_woken_wakes_the_task_that_polls_it_now() {
    let (arena, current) = (Arena::new(1).unwrap(), Rc::new(Current::default()));
    let kept: Rc<RefCell<Option<Waker>>> = Rc::default();
    let (inner, keep) = (Rc::clone(&current), Rc::clone(&kept));
    let mut fiber = Fiber::new(&arena, &current, move || {
        let never = poll_fn(|context| -> Poll<()> {
            keep.replace(Some(context.waker().clone()));
            Poll::Pending
        });
        let _ = inner.wait(never, || false);
    })
    .unwrap();
    for _ in 0..2 {
        let task = std::sync::Arc::new(Count(std::sync::atomic::AtomicU32::new(0)));
        let waker = Waker::from(std::sync::Arc::clone(&task));
        assert!(std::pin::Pin::new(&mut fiber).poll(&mut Context::from_waker(&waker)).is_pending());
        kept.borrow().as_ref().unwrap().wake_by_ref();
        assert_eq!(task.0.load(std::sync::atomic::Ordering::Relaxed), 1);
    }
}

struct Count(std::sync::atomic::AtomicU32);

impl std::task::Wake for Count {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
}
