//! The open driver: iterations start at given times, whoever is free to run them.
//!
//! Arrival *k* is due when the undivided schedule says so, and belongs to the shard that owns user *k* mod
//! `vus_max`; so the shards' arrivals together are the single machine's. A dispatcher a scenario hands out what
//! is due, in order, by the absolute time: one that comes late starts all that it missed, and the lateness
//! counts. An arrival:
//!
//! | state   | event                                                  | next                  |
//! |---------|--------------------------------------------------------|-----------------------|
//! | due     | a user is idle, or still in `on_start` without arrival | handed                |
//! | due     | none is, and one more may be hired                     | handed to that one    |
//! | due     | neither, `when_busy: "drop"`                           | dropped, `no_free_vu` |
//! | due     | neither, `"queue"`, and fewer wait than may            | waiting               |
//! | due     | neither, `"queue"`, and as many wait                   | dropped, `queue_full` |
//! | handed  | its user is through `on_start`                         | started               |
//! | handed  | its user's `on_start` failed                           | dropped, `on_start_failed` |
//! | waiting | a user has ended its iteration                         | started               |
//! | any     | the graceful stop is over, or the run is stopped       | dropped, `not_started` |
//!
//! All times are schedule time, see [`super::pace`]: while it stands nothing is handed out and nothing started, and
//! nothing is late for it. Where the run is steered, the arrivals from then on are another schedule's.
//!
//! A user (its deadline is [`super::life::Life`]'s, the scenario's end and its graceful stop):
//!
//! | state    | event                                               | next     |
//! |----------|-----------------------------------------------------|----------|
//! | starting | `on_start` returned                                 | idle     |
//! | starting | `on_start` failed                                   | gone     |
//! | idle     | handed an arrival, or one waits                     | running  |
//! | idle     | the scenario is over, or the user was told to end   | gone     |
//! | running  | the iteration ended                                 | idle     |
//!
//! Idle users are a stack: the last one to come is the first to go, its memory and its connection are warm.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::plan::{Arrivals, Demand, Schedule, WhenBusy};

use super::act::{Act, Lived, User, live, nanoseconds};
use super::crew::Crew;
use super::driver::{Drive, Task};
use super::life::Hold;
use super::part::{Part, Reason};
use super::timer::store;

/// How long before its scenario a pre-allocated user is hired, where there is so much time: a login behind a
/// slow service, not a connection that idles for minutes.
const AHEAD_NS: u64 = 10_000_000_000;

/// Arrivals that one turn of a dispatcher hands out. After a stall many are due at once; between two turns users
/// run, and those that are done are free again. With 256 a turn a stall hired three times the users, whose
/// connecting made the next one: at 60,000 GETs a second on a busy core p(99) of the lateness was 75 ms, with 16 it
/// was 10 (64: 20).
const TURN_ARRIVALS_MAX: usize = 16;

/// An iteration that is due.
#[derive(Debug, Clone, Copy)]
struct Arrival {
    /// Its number in the scenario, from 0.
    number: u64,
    due_ns: u64,
}

/// Starts the dispatcher of a scenario's share.
pub(super) fn start(crew: &Rc<Crew>, part: &Rc<Part>, arrivals: &Arrivals) -> Rc<dyn Drive> {
    let desk = Rc::new(Desk::new(crew, part, arrivals));
    let mut agenda = Agenda::new(crew, part, arrivals);
    if crew.is_stopping() {
        // It begins with the stop, so that it can end: nothing of it was ever due.
        agenda.share = 0;
    }
    tokio::task::spawn_local(dispatch(Task::new(crew, part), Rc::clone(&desk), agenda));
    desk
}

impl Drive for Desk {
    fn steer(self: Rc<Self>, crew: &Rc<Crew>, at_ns: u64) {
        let demand = self.part.timetable.demand();
        if let Demand::Arrivals(arrivals) = &*demand {
            self.replan(crew, arrivals);
        }
        self.steered.borrow_mut().push_back((at_ns, demand));
    }

    fn look_again(&self) {
        let waker = self.dispatcher.take();
        if let Some(waker) = &waker {
            waker.wake_by_ref();
        }
        self.dispatcher.set(waker);
    }

    fn hold_anew(&self, crew: &Crew) {
        if let Demand::Arrivals(arrivals) = &*self.part.timetable.demand() {
            self.replan(crew, arrivals);
        }
    }

    fn end(&self, _crew: &Crew) {}
}

/// Where arrivals and users of one scenario meet on a worker.
struct Desk {
    part: Rc<Part>,
    /// Users without an arrival, the last to come on top.
    idle: RefCell<Vec<Rc<Seat>>>,
    /// Pre-allocated users that may still be in `on_start`, in the order of their hiring.
    starting: RefCell<VecDeque<Rc<Seat>>>,
    /// Arrivals without a user, in order.
    waiting: RefCell<VecDeque<Arrival>>,
    /// The most of them; nothing where none waits.
    waiting_max: Cell<Option<usize>>,
    /// Users to hire before the scenario starts.
    pre_allocated: u64,
    /// Users hired so far, and the most there may be, on this shard.
    hired: Cell<u64>,
    hired_max: Cell<u64>,
    /// The most that the plan allows, all shards together.
    vus_max: Cell<u64>,
    end_ns: Cell<u64>,
    /// When iterations that still run are cut.
    deadline_ns: Cell<u64>,
    /// What was steered to and when, as far as the dispatcher has not looked yet.
    steered: RefCell<VecDeque<(u64, Rc<Demand>)>>,
    /// Wakes the dispatcher.
    dispatcher: Cell<Option<Waker>>,
    /// Nothing is handed out any more.
    is_closed: Cell<bool>,
    /// The dispatcher and the users that have not come to their end.
    left: Cell<u64>,
}

/// A user as the dispatcher sees it.
#[derive(Default)]
struct Seat {
    arrival: Cell<Option<Arrival>>,
    /// Of the user's task while it is idle.
    waker: Cell<Option<Waker>>,
    state: Cell<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// In `on_start`.
    #[default]
    Starting,
    /// Idle or running.
    Ready,
    Gone,
}

/// The arrivals of this shard, one after another.
struct Agenda {
    schedule: Schedule,
    scenario_ns: u64,
    rank: u64,
    share: u64,
}

impl Agenda {
    fn new(crew: &Crew, part: &Part, arrivals: &Arrivals) -> Self {
        let schedule = Schedule::new(arrivals, crew.seed, &part.scenario.name);
        let share = crew.stripe.iteration_share(part.shard, arrivals.vus_max, schedule.count());
        Self { schedule, scenario_ns: scenario_ns(part), rank: 0, share }
    }

    /// Another schedule from an instant on; gives the next arrival anew.
    fn steer(
        &mut self,
        crew: &Crew,
        part: &Part,
        (at_ns, demand): (u64, &Demand),
        next: Option<Arrival>,
    ) -> Option<Arrival> {
        self.rank -= u64::from(next.is_some());
        let from = next.map_or(u64::MAX, |arrival| arrival.number);
        if let Demand::Arrivals(arrivals) = demand {
            self.schedule.steer(at_ns.saturating_sub(self.scenario_ns), arrivals, from);
        }
        self.share = crew.stripe.iteration_share(part.shard, part.peak, self.schedule.count());
        self.next(crew, part)
    }

    /// The next one, unless all have been handed out.
    fn next(&mut self, crew: &Crew, part: &Part) -> Option<Arrival> {
        if self.rank >= self.share {
            return None;
        }
        let number = crew.stripe.iteration_nth(part.shard, part.peak, self.rank)?;
        self.rank += 1;
        Some(Arrival { number, due_ns: self.scenario_ns.saturating_add(self.schedule.due_ns(number)) })
    }
}

/// The most arrivals of this shard that wait for a user; nothing where none does.
fn waiting_max(crew: &Crew, part: &Part, arrivals: &Arrivals) -> Option<usize> {
    match arrivals.when_busy {
        WhenBusy::Drop => None,
        WhenBusy::Queue { queue_max } => {
            Some(usize::try_from(crew.stripe.share(part.shard, queue_max)).unwrap_or(usize::MAX))
        }
    }
}

/// When iterations of a scenario that ends at an instant are cut.
fn deadline_ns(part: &Part, end_ns: u64) -> u64 {
    end_ns.saturating_add(nanoseconds(part.graceful_stop.get()))
}

fn scenario_ns(part: &Part) -> u64 {
    part.timetable.start_ns().expect("only what has begun is played")
}

/// Hands out the arrivals of a scenario until it is over or the run is stopped.
async fn dispatch(task: Task, desk: Rc<Desk>, mut agenda: Agenda) {
    let crew = &task.crew;
    let alarm = crew.stage.clock().alarm();
    let mut stopped = pin!(crew.stopped.notified());
    let mut listens = false;
    let mut next = agenda.next(crew, &desk.part);
    let mut is_early = true;
    poll_fn(|context| {
        // Once: a task is woken by the same waker each time, and the flag says the rest.
        if !std::mem::replace(&mut listens, true) {
            desk.dispatcher.set(Some(context.waker().clone()));
            if stopped.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
        }
        while let Some((at_ns, demand)) = desk.steered.borrow_mut().pop_front() {
            next = agenda.steer(crew, &desk.part, (at_ns, &demand), next);
        }
        loop {
            if crew.is_stopping() {
                return Poll::Ready(());
            }
            let real_ns = crew.stage.clock().now_ns();
            let now_ns = crew.schedule_ns(real_ns);
            if crew.is_paused(real_ns) {
                alarm.set(crew.real_ns(now_ns));
                if alarm.poll_due(context).is_pending() {
                    return Poll::Pending;
                }
            }
            if is_early && now_ns >= agenda.scenario_ns.saturating_sub(AHEAD_NS) {
                is_early = false;
                desk.pre_allocate(crew);
            }
            for _ in 0..TURN_ARRIVALS_MAX {
                let Some(arrival) = next.filter(|arrival| arrival.due_ns <= now_ns) else { break };
                desk.hand(crew, arrival, now_ns);
                next = agenda.next(crew, &desk.part);
            }
            let next_ns = match next {
                _ if is_early => agenda.scenario_ns.saturating_sub(AHEAD_NS),
                Some(arrival) if arrival.due_ns <= now_ns => {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Some(arrival) => arrival.due_ns,
                None if now_ns >= desk.end_ns.get() => return Poll::Ready(()),
                None => desk.end_ns.get(),
            };
            alarm.set(crew.real_ns(next_ns));
            if alarm.poll_due(context).is_pending() {
                return Poll::Pending;
            }
        }
    })
    .await;
    // A stop cuts the schedule too; what was due until then is dropped, and said to be.
    let now_ns = crew.schedule_ns(crew.stage.clock().now_ns());
    // What is due at this very instant is of a schedule that stands.
    while let Some(arrival) = next.filter(|arrival| arrival.due_ns < now_ns) {
        desk.hand(crew, arrival, u64::MAX);
        next = agenda.next(crew, &desk.part);
    }
    desk.close();
    desk.leave(crew);
}

impl Desk {
    fn new(crew: &Crew, part: &Rc<Part>, arrivals: &Arrivals) -> Self {
        let end_ns = scenario_ns(part).saturating_add(arrivals.rate.duration_ns());
        let share = |total| crew.stripe.share(part.shard, total);
        Self {
            part: Rc::clone(part),
            idle: RefCell::default(),
            starting: RefCell::default(),
            waiting: RefCell::default(),
            waiting_max: Cell::new(waiting_max(crew, part, arrivals)),
            pre_allocated: share(arrivals.pre_allocated_vus),
            hired: Cell::new(0),
            hired_max: Cell::new(share(arrivals.vus_max)),
            vus_max: Cell::new(arrivals.vus_max),
            end_ns: Cell::new(end_ns),
            deadline_ns: Cell::new(deadline_ns(part, end_ns)),
            steered: RefCell::default(),
            dispatcher: Cell::new(None),
            is_closed: Cell::new(false),
            left: Cell::new(1),
        }
    }

    /// The demand is another, or may be: the scenario may end at another time, with more users or fewer.
    fn replan(&self, crew: &Crew, arrivals: &Arrivals) {
        let end_ns = self.part.timetable.end_ns().expect("a desk is of a scenario that has begun");
        let deadline_ns = deadline_ns(&self.part, end_ns);
        self.waiting_max.set(waiting_max(crew, &self.part, arrivals));
        if self.vus_max.replace(arrivals.vus_max) != arrivals.vus_max {
            let share = |users| crew.stripe.share(self.part.shard, users);
            self.hired_max.set(share(arrivals.vus_max));
            let beyond = share(arrivals.vus_max).saturating_sub(share(self.part.peak));
            self.part.beyond.set(self.part.beyond.get().max(beyond));
        }
        self.end_ns.set(end_ns);
        if self.deadline_ns.replace(deadline_ns) != deadline_ns {
            for life in crew.lives(&self.part) {
                life.hold.set(Hold { until_ns: deadline_ns, cut_ns: deadline_ns });
            }
        }
    }

    fn pre_allocate(self: &Rc<Self>, crew: &Rc<Crew>) {
        for _ in 0..self.pre_allocated {
            let seat = Rc::default();
            self.starting.borrow_mut().push_back(Rc::clone(&seat));
            self.hire(crew, seat);
        }
    }

    /// Books an arrival, and finds it a user, a place in the queue, or the reason why not.
    fn hand(self: &Rc<Self>, crew: &Rc<Crew>, arrival: Arrival, now_ns: u64) {
        self.part.book(|books| books.scheduled += 1);
        if now_ns >= self.deadline_ns.get() {
            self.part.drop_iterations(&crew.stage, 1, Reason::NotStarted);
        } else if let Some(seat) = self.free_seat() {
            seat.give(arrival);
        } else if self.hired.get() < self.hired_max.get() {
            let seat = Seat { arrival: Cell::new(Some(arrival)), ..Seat::default() };
            self.hire(crew, Rc::new(seat));
        } else {
            match self.waiting_max.get() {
                None => self.part.drop_iterations(&crew.stage, 1, Reason::NoFreeVu),
                Some(most) if self.waiting.borrow().len() < most => {
                    self.waiting.borrow_mut().push_back(arrival);
                }
                Some(_) => self.part.drop_iterations(&crew.stage, 1, Reason::QueueFull),
            }
        }
    }

    fn free_seat(&self) -> Option<Rc<Seat>> {
        let mut idle = self.idle.borrow_mut();
        while let Some(seat) = idle.pop() {
            if seat.state.get() == State::Ready {
                return Some(seat);
            }
        }
        let mut starting = self.starting.borrow_mut();
        std::iter::from_fn(|| starting.pop_front()).find(|seat| seat.state.get() == State::Starting)
    }

    fn hire(self: &Rc<Self>, crew: &Rc<Crew>, seat: Rc<Seat>) {
        let index = crew.stripe.nth(self.part.shard, self.hired.get());
        self.hired.set(self.hired.get() + 1);
        self.left.set(self.left.get() + 1);
        tokio::task::spawn_local(user(Task::new(crew, &self.part), Rc::clone(self), index + 1, seat));
    }

    /// On a user's fiber: the next arrival, once there is one; none when the user is to end.
    fn next(&self, act: &Act<'_>, seat: &Rc<Seat>) -> Option<Arrival> {
        if let Some(arrival) = seat.arrival.take() {
            return Some(arrival);
        }
        if !self.waiting.borrow().is_empty() {
            act.breathe(0);
            if act.crew.is_stopping() || act.life.vu.is_ending() {
                return None;
            }
            if let Some(arrival) = self.waiting.borrow_mut().pop_front() {
                return Some(arrival);
            }
        }
        if !self.is_closed.get() {
            self.idle.borrow_mut().push(Rc::clone(seat));
        }
        let handed = poll_fn(|context| seat.poll(self, context));
        act.crew.stage.current().wait(handed, || act.life.vu.is_ending()).ok().flatten()
    }

    /// The scenario is over: users without an arrival end.
    fn close(&self) {
        self.is_closed.set(true);
        for seat in self.idle.take() {
            seat.wake();
        }
    }

    /// The dispatcher or a user comes to its end; the last one says what was left over.
    fn leave(&self, crew: &Crew) {
        self.left.set(self.left.get() - 1);
        if self.left.get() == 0 {
            let missed = self.waiting.take().len() as u64;
            if missed > 0 {
                self.part.drop_iterations(&crew.stage, missed, Reason::NotStarted);
            }
        }
    }
}

impl Seat {
    fn give(&self, arrival: Arrival) {
        self.arrival.set(Some(arrival));
        self.wake();
    }

    fn wake(&self) {
        // Kept, since the user will wait again: cloning a waker is an atomic write.
        let waker = self.waker.take();
        if let Some(waker) = &waker {
            waker.wake_by_ref();
        }
        self.waker.set(waker);
    }

    fn poll(&self, desk: &Desk, context: &Context<'_>) -> Poll<Option<Arrival>> {
        let arrival = self.arrival.take();
        if arrival.is_some() || desk.is_closed.get() {
            return Poll::Ready(arrival);
        }
        store(&self.waker, context.waker());
        Poll::Pending
    }
}

/// User `number` of a scenario, from its hiring to its end.
async fn user(task: Task, desk: Rc<Desk>, number: u64, seat: Rc<Seat>) {
    let crew = &task.crew;
    let alarm = crew.stage.clock().alarm();
    let work = {
        let (desk, seat) = (Rc::clone(&desk), Rc::clone(&seat));
        move |act: &mut Act<'_>, _took_ns: u64| {
            seat.state.set(State::Ready);
            while let Some(arrival) = desk.next(act, &seat) {
                let Some(start_ns) = act.running() else {
                    seat.arrival.set(Some(arrival));
                    break;
                };
                let late_ns = act.crew.schedule_ns(start_ns).saturating_sub(arrival.due_ns);
                let due_ns = start_ns.saturating_sub(late_ns);
                let Some(end_ns) = act.iterate(arrival.number, due_ns, start_ns) else { break };
                // A user that is filling up its iteration is busy, as in k6.
                let filled_ns = act.crew.filled_ns(start_ns, end_ns);
                if filled_ns > end_ns && !act.wait(act.crew.schedule_ns(end_ns) + (filled_ns - end_ns)) {
                    break;
                }
            }
        }
    };
    let hold = Hold { until_ns: desk.deadline_ns.get(), cut_ns: desk.deadline_ns.get() };
    let lived = live(crew, &desk.part, User { number, life: 0 }, (&alarm, hold), work).await;
    let was_starting = seat.state.replace(State::Gone) == State::Starting;
    if seat.arrival.take().is_some() {
        let is_over =
            crew.is_stopping() || crew.schedule_ns(crew.stage.clock().now_ns()) >= desk.deadline_ns.get();
        let reason = match lived {
            Lived::NoStack => Reason::NoFreeVu,
            Lived::Ended(_) if was_starting && !is_over => Reason::OnStartFailed,
            Lived::Ended(_) => Reason::NotStarted,
        };
        desk.part.drop_iterations(&crew.stage, 1, reason);
    }
    if lived == Lived::NoStack {
        // The next one would not get one either.
        desk.hired_max.set(desk.hired.get());
    }
    desk.leave(crew);
}

#[cfg(test)]
mod tests;
