//! The queue in virtual time, against a model too; then the timer in real time, where only lower
//! bounds are asserted.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Wake;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

/// Counts its wakes.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// A queue, and a runner that turns it as `Timer::run` does: when woken, or at the time it awaits.
struct Virtual {
    queue: Rc<Queue>,
    now_ns: u64,
    woken: Arc<Count>,
    runner: Waker,
    next_ns: u64,
    turns: usize,
}

impl Virtual {
    fn new() -> Self {
        let woken = Arc::new(Count::default());
        let runner = Waker::from(Arc::clone(&woken));
        let mut time = Self { queue: Rc::default(), now_ns: 0, woken, runner, next_ns: 0, turns: 0 };
        time.advance_to(0);
        time
    }

    fn advance_to(&mut self, until_ns: u64) {
        loop {
            if self.woken.0.swap(0, Relaxed) == 0 {
                if self.next_ns > until_ns {
                    break;
                }
                self.now_ns = self.next_ns.max(self.now_ns);
            }
            self.turns += 1;
            self.next_ns = self.queue.turn(self.now_ns, &self.runner).unwrap_or(self.now_ns);
        }
        self.now_ns = until_ns;
    }

    fn len(&self) -> usize {
        self.queue.items.borrow().len()
    }
}

/// An alarm and the task that waits for it.
struct Waiter {
    alarm: Rc<Entry>,
    wakes: Arc<Count>,
}

impl Waiter {
    fn new(time: &Virtual) -> Self {
        Self { alarm: time.queue.entry(), wakes: Arc::default() }
    }

    fn set(time: &Virtual, at_ns: u64) -> Self {
        let waiter = Self::new(time);
        waiter.alarm.set(at_ns);
        waiter
    }

    fn is_due(&self) -> bool {
        let waker = Waker::from(Arc::clone(&self.wakes));
        self.alarm.poll_due(&mut Context::from_waker(&waker)).is_ready()
    }

    fn wakes(&self) -> usize {
        self.wakes.0.load(Relaxed)
    }
}

#[test]
fn an_alarm_is_due_at_its_time_and_wakes_once() {
    let mut time = Virtual::new();
    let waiter = Waiter::set(&time, 100);
    assert!(!waiter.is_due());
    time.advance_to(99);
    assert!(!waiter.is_due());
    assert_eq!(waiter.wakes(), 0);
    time.advance_to(100);
    assert_eq!(waiter.wakes(), 1);
    assert!(waiter.is_due());
    assert!(waiter.is_due(), "it stays due until it is set anew");
    assert_eq!(time.len(), 0);
}

#[test]
fn an_alarm_that_is_not_set_is_never_due() {
    let mut time = Virtual::new();
    let waiter = Waiter::new(&time);
    time.advance_to(UNSET - 1);
    assert!(!waiter.is_due());
}

#[test]
fn a_later_set_queues_nothing_and_wakes_nobody() {
    let mut time = Virtual::new();
    let waiter = Waiter::set(&time, 100);
    time.advance_to(1);
    let turns = time.turns;
    for at_ns in 101..10_000 {
        waiter.alarm.set(at_ns);
    }
    time.advance_to(99);
    assert_eq!((time.len(), time.turns), (1, turns));
    assert!(!waiter.is_due());
    time.advance_to(9_998);
    assert_eq!((time.len(), time.turns, waiter.wakes()), (1, turns + 1, 0));
    assert!(!waiter.is_due());
    time.advance_to(9_999);
    assert!(waiter.is_due());
    assert_eq!(waiter.wakes(), 1);
}

#[test]
fn an_earlier_set_counts() {
    let mut time = Virtual::new();
    let waiter = Waiter::set(&time, 100);
    time.advance_to(10);
    assert!(!waiter.is_due());
    waiter.alarm.set(50);
    time.advance_to(50);
    assert!(waiter.is_due());
    waiter.alarm.set(150);
    time.advance_to(120);
    assert!(!waiter.is_due(), "the stale item of 100 sets nothing off");
    time.advance_to(150);
    assert_eq!(waiter.wakes(), 2);
    assert!(waiter.is_due());
}

#[test]
fn a_cleared_alarm_is_not_due_and_leaves_the_queue() {
    let mut time = Virtual::new();
    let waiter = Waiter::set(&time, 100);
    assert!(!waiter.is_due());
    waiter.alarm.clear();
    time.advance_to(200);
    assert!(!waiter.is_due());
    assert_eq!((waiter.wakes(), time.len()), (0, 0));
    waiter.alarm.set(300);
    time.advance_to(300);
    assert_eq!(waiter.wakes(), 1);
    assert!(waiter.is_due());
}

#[test]
fn an_alarm_set_anew_after_it_was_due_is_not_due() {
    let mut time = Virtual::new();
    let waiter = Waiter::set(&time, 100);
    time.advance_to(100);
    assert!(waiter.is_due());
    waiter.alarm.set(200);
    assert!(!waiter.is_due());
    time.advance_to(199);
    assert!(!waiter.is_due());
    time.advance_to(200);
    assert!(waiter.is_due());
}

#[test]
fn a_deadline_in_the_past_is_due_without_time_passing() {
    let mut time = Virtual::new();
    let waiter = Waiter::new(&time);
    time.advance_to(1_000);
    let early = Waiter::set(&time, 5);
    assert!(!waiter.is_due(), "it waits, then gets its deadline");
    waiter.alarm.set(999);
    time.advance_to(1_000);
    assert_eq!(waiter.wakes(), 1);
    assert!(waiter.is_due() && early.is_due());
}

#[test]
fn a_turn_is_bounded_and_says_that_more_is_due() {
    let time = Virtual::new();
    let waiters: Vec<Waiter> = (0..=2 * TURN_ITEMS_MAX).map(|_| Waiter::set(&time, 7)).collect();
    let pending = waiters.iter().filter(|waiter| !waiter.is_due()).count();
    assert_eq!(pending, waiters.len());
    let woken = || waiters.iter().map(Waiter::wakes).sum::<usize>();
    assert_eq!(time.queue.turn(7, &time.runner), None);
    assert_eq!(woken(), TURN_ITEMS_MAX);
    assert_eq!(time.queue.turn(7, &time.runner), None);
    assert_eq!(time.queue.turn(7, &time.runner), Some(UNSET));
    assert_eq!(woken(), waiters.len());
}

#[test]
fn alarms_wake_in_the_order_of_their_times() {
    let mut time = Virtual::new();
    let waiters: Vec<Waiter> = [30, 10, 20, 10, 40].iter().map(|&at_ns| Waiter::set(&time, at_ns)).collect();
    assert!(waiters.iter().all(|waiter| !waiter.is_due()));
    let woken = |time: &mut Virtual, at_ns| {
        time.advance_to(at_ns);
        waiters.iter().map(Waiter::wakes).collect::<Vec<_>>()
    };
    assert_eq!(woken(&mut time, 10), [0, 1, 0, 1, 0]);
    assert_eq!(woken(&mut time, 20), [0, 1, 1, 1, 0]);
    assert_eq!(woken(&mut time, 39), [1, 1, 1, 1, 0]);
    assert_eq!(woken(&mut time, 40), [1, 1, 1, 1, 1]);
}

#[test]
fn the_runner_is_woken_only_by_what_is_earlier_than_it_awaits() {
    let mut time = Virtual::new();
    let _first = Waiter::set(&time, 100);
    time.advance_to(0);
    let _later = Waiter::set(&time, 101);
    assert_eq!(time.woken.0.load(Relaxed), 0);
    let _earlier = Waiter::set(&time, 99);
    let _earliest = Waiter::set(&time, 98);
    assert_eq!(time.woken.0.load(Relaxed), 1, "one wake until it has turned the queue");
}

#[test]
fn stale_items_are_bounded() {
    let time = Virtual::new();
    let waiters: Vec<Waiter> = (0..10).map(|_| Waiter::new(&time)).collect();
    for at_ns in (1..100_000).rev() {
        waiters[usize::try_from(at_ns % 10).unwrap()].alarm.set(at_ns);
        assert!(time.len() <= 2 * waiters.len() + STALE_ITEMS, "{} items", time.len());
    }
}

#[test]
fn items_of_one_entry_and_one_time_are_bounded() {
    let mut time = Virtual::new();
    let waiter = Waiter::new(&time);
    // Others make room for items of the first, which all bear the same time.
    let others: Vec<Waiter> = (0..100).map(|_| Waiter::set(&time, 2_000_000)).collect();
    for at_ns in 1..=160 {
        waiter.alarm.set(1_000_000);
        waiter.alarm.set(at_ns);
        time.advance_to(at_ns);
        assert!(waiter.is_due());
    }
    waiter.alarm.set(1_000_000);
    assert!(time.len() > 250);
    drop(others);
    assert!(time.len() <= 2 + STALE_ITEMS, "{} items", time.len());
    time.advance_to(999_999);
    assert!(!waiter.is_due());
    time.advance_to(1_000_000);
    assert_eq!(waiter.wakes(), 1);
}

#[test]
fn dropped_alarms_are_freed_and_swept() {
    let mut time = Virtual::new();
    let kept = Waiter::set(&time, 500);
    assert!(!kept.is_due());
    let waiters: Vec<Waiter> = (0..10_000).map(|at_ns| Waiter::set(&time, at_ns)).collect();
    let one = Rc::downgrade(&waiters[0].alarm);
    drop(waiters);
    assert!(one.upgrade().is_none());
    assert!(time.len() <= 2 + STALE_ITEMS, "{} items", time.len());
    time.advance_to(500);
    assert_eq!((kept.wakes(), time.queue.queued.get()), (1, 0));
    drop(kept);
    time.advance_to(10_000);
    assert_eq!((time.len(), Rc::strong_count(&time.queue)), (0, 1));
}

#[test]
fn an_alarm_is_small() {
    assert!(size_of::<Entry>() + 2 * size_of::<usize>() <= 64);
}

#[derive(Debug, Clone)]
enum Step {
    Set { alarm: usize, from_now_ns: i64 },
    Clear { alarm: usize },
    Renew { alarm: usize },
    Poll { alarm: usize },
    Advance { by_ns: u64 },
}

const ALARMS: usize = 8;

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..ALARMS, -20..60i64).prop_map(|(alarm, from_now_ns)| Step::Set { alarm, from_now_ns }),
        1 => (0..ALARMS).prop_map(|alarm| Step::Clear { alarm }),
        1 => (0..ALARMS).prop_map(|alarm| Step::Renew { alarm }),
        3 => (0..ALARMS).prop_map(|alarm| Step::Poll { alarm }),
        2 => (0..40u64).prop_map(|by_ns| Step::Advance { by_ns }),
    ]
}

proptest! {
    /// The model: an alarm is its time; a task that found it pending wakes by that time.
    #[test]
    fn the_queue_does_what_a_list_of_times_would(steps in prop::collection::vec(step(), 0..400)) {
        let mut time = Virtual::new();
        let mut waiters: Vec<Waiter> = (0..ALARMS).map(|_| Waiter::new(&time)).collect();
        let mut times = [UNSET; ALARMS];
        let mut waits = [false; ALARMS];
        for step in steps {
            match step {
                Step::Set { alarm, from_now_ns } => {
                    times[alarm] = time.now_ns.saturating_add_signed(from_now_ns);
                    waiters[alarm].alarm.set(times[alarm]);
                }
                Step::Clear { alarm } => {
                    times[alarm] = UNSET;
                    waiters[alarm].alarm.clear();
                }
                Step::Renew { alarm } => {
                    times[alarm] = UNSET;
                    waits[alarm] = false;
                    waiters[alarm] = Waiter::new(&time);
                }
                Step::Poll { alarm } => {
                    let due = waiters[alarm].is_due();
                    prop_assert!(!due || times[alarm] <= time.now_ns, "due before its time");
                    waiters[alarm].wakes.0.store(0, Relaxed);
                    waits[alarm] = !due;
                }
                Step::Advance { by_ns } => {
                    time.advance_to(time.now_ns + by_ns);
                    for alarm in 0..ALARMS {
                        let due = times[alarm] <= time.now_ns;
                        if due && waits[alarm] {
                            prop_assert!(waiters[alarm].wakes() > 0, "a task still waits");
                        }
                        let waker = Waker::noop();
                        if due {
                            let polled = waiters[alarm].alarm.poll_due(&mut Context::from_waker(waker));
                            prop_assert!(polled.is_ready());
                        }
                    }
                }
            }
            let queued = waiters.iter().filter(|waiter| waiter.alarm.queued_ns.get() != UNSET).count();
            prop_assert_eq!(queued, time.queue.queued.get());
            prop_assert!(time.len() <= 2 * queued + STALE_ITEMS);
        }
    }
}

// ---------------------------------------------------------------- real time

/// Long enough that only a hang reaches it.
const HANG: Duration = Duration::from_mins(1);

const MS: u64 = 1_000_000;

/// Runs `work` beside a running timer.
fn with_timer<F: Future<Output = ()>>(work: impl FnOnce(Rc<Timer>) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let timer = Timer::start(Epoch::now()).unwrap();
        tokio::task::spawn_local(Rc::clone(&timer).run());
        tokio::time::timeout(HANG, work(timer)).await.expect("an alarm never went off");
    });
}

async fn due(alarm: &dyn Alarm) {
    poll_fn(|cx| alarm.poll_due(cx)).await;
}

#[test]
fn real_alarms_go_off_in_order_and_never_early() {
    with_timer(|timer| async move {
        let went_off = Rc::new(RefCell::new(Vec::new()));
        let start_ns = timer.now_ns();
        let tasks: Vec<_> = [30, 10, 20, 40]
            .map(|ms| {
                let (timer, went_off) = (Rc::clone(&timer), Rc::clone(&went_off));
                tokio::task::spawn_local(async move {
                    let (alarm, at_ns) = (timer.alarm(), start_ns + ms * MS);
                    alarm.set(at_ns);
                    due(&*alarm).await;
                    assert!(timer.now_ns() >= at_ns);
                    went_off.borrow_mut().push(ms);
                })
            })
            .into();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*went_off.borrow(), [10, 20, 30, 40]);
    });
}

#[test]
fn one_alarm_sleeps_again_and_again() {
    with_timer(|timer| async move {
        let alarm = timer.alarm();
        for _ in 0..200 {
            let at_ns = timer.now_ns() + MS / 10;
            alarm.set(at_ns);
            due(&*alarm).await;
            assert!(timer.now_ns() >= at_ns);
        }
    });
}

#[test]
fn a_sleep_costs_two_turns() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let timer = Timer::start(Epoch::now()).unwrap();
        let turns = Rc::new(Cell::new(0));
        let (mut run, counted) = (Box::pin(Rc::clone(&timer).run()), Rc::clone(&turns));
        tokio::task::spawn_local(poll_fn(move |cx| {
            counted.set(counted.get() + 1);
            run.as_mut().poll(cx)
        }));
        let alarm = timer.alarm();
        for _ in 0..50 {
            alarm.set(timer.now_ns() + MS);
            tokio::time::timeout(HANG, due(&*alarm)).await.expect("an alarm never went off");
        }
        // One that arms the descriptor, one that it wakes; the first turn of all precedes them.
        assert!(turns.get() <= 101, "{} turns: the runner spins", turns.get());
    });
}

#[test]
fn real_deadlines_in_the_past_and_earlier_ones_go_off() {
    with_timer(|timer| async move {
        let (waits, passed) = (timer.alarm(), timer.alarm());
        waits.set(timer.now_ns() + 3_600_000 * MS);
        passed.set(timer.now_ns().saturating_sub(MS));
        due(&*passed).await;
        {
            let mut wait = pin!(due(&*waits));
            let is_due = poll_fn(|cx| Poll::Ready(wait.as_mut().poll(cx).is_ready())).await;
            assert!(!is_due);
        }
        let at_ns = timer.now_ns() + 5 * MS;
        waits.set(at_ns);
        due(&*waits).await;
        assert!(timer.now_ns() >= at_ns);
    });
}

#[test]
fn ten_thousand_alarms_all_go_off() {
    with_timer(|timer| async move {
        let start_ns = timer.now_ns();
        let tasks: Vec<_> = (0..10_000u64)
            .map(|number| {
                let timer = Rc::clone(&timer);
                tokio::task::spawn_local(async move {
                    // Half of them at one instant, the others spread over 50 ms.
                    let offset_ns = if number % 2 == 0 { 20 * MS } else { number * 5_000 };
                    let alarm = timer.alarm();
                    alarm.set(start_ns + offset_ns);
                    due(&*alarm).await;
                    assert!(timer.now_ns() >= start_ns + offset_ns);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(timer.queue.queued.get(), 0);
    });
}

#[test]
fn a_tick_is_numbered_by_the_wall_clock_of_the_start() {
    let epoch = Epoch { monotonic_ns: 0, wall_ns: 7 * SECOND_NS + 500 * MS };
    assert_eq!(epoch.wall_ns(MS), 7 * SECOND_NS + 501 * MS);
    assert_eq!([0, 499, 500, 1_499, 1_500].map(|ms| epoch.unix_seconds(ms * MS)), [7, 7, 8, 8, 9]);
}

#[test]
fn clocks_of_one_epoch_agree_across_threads() {
    let epoch = Epoch::now();
    let before_ns = epoch.now_ns();
    let elsewhere_ns = std::thread::spawn(move || epoch.now_ns()).join().unwrap();
    assert!(before_ns <= elsewhere_ns && elsewhere_ns <= epoch.now_ns());
    // 2020: the base is a date, not the time since boot.
    assert!(epoch.unix_seconds(0) > 1_577_836_800);
}
