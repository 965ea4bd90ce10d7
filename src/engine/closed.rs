//! The closed driver: users that run one iteration after another.
//!
//! User *g* exists while the undivided curve is at least *g*, and belongs to the shard that the stripe
//! table names; so the shards' users together are the single machine's. A user's life:
//!
//! | state    | event                                   | next     |
//! |----------|-----------------------------------------|----------|
//! | away     | its interval begins                     | starting |
//! | starting | `on_start` returned                     | running  |
//! | starting | `on_start` failed                       | stopping |
//! | running  | interval over, bound met, or cut        | stopping |
//! | stopping | `on_stop` returned or was cut           | away     |
//!
//! A deadline stands over the whole, see [`Life`]; what won't end is leaked, which is a bug to report.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use rand::RngExt;
use rhai::{Dynamic, Scope};

use crate::diagnostic::{Code, Diagnostic};
use crate::fiber::Fiber;
use crate::http::Alarm;
use crate::plan::{Bound, Flow, Interval, Stripe};
use crate::script::{Failure, Turn, Vu};

use super::crew::{Crew, Part, Span};
use super::event::FailureKind;
use super::life::Life;

/// Starts the tasks of all users that this worker owns.
pub(super) fn start(crew: &Rc<Crew>) {
    for part in &crew.parts {
        for index in crew.stripe.owned(part.shard, part.peak) {
            crew.tasks.set(crew.tasks.get() + 1);
            part.tasks.set(part.tasks.get() + 1);
            tokio::task::spawn_local(user(Task(Rc::clone(crew)), Rc::clone(part), index + 1));
        }
    }
    if crew.tasks.get() == 0 {
        crew.all_done.notify_one();
    }
}

/// Counts a user's task off, however it ends.
struct Task(Rc<Crew>);

impl Drop for Task {
    fn drop(&mut self) {
        let left = self.0.tasks.get() - 1;
        self.0.tasks.set(left);
        if left == 0 {
            self.0.all_done.notify_one();
        }
    }
}

/// User `number` of a scenario, through all intervals in which the curve wants it.
async fn user(task: Task, part: Rc<Part>, number: u64) {
    let crew = &task.0;
    let scenario_ns = crew.start_ns.saturating_add(nanoseconds(part.scenario.start_time));
    let end_ns = scenario_ns.saturating_add(part.users().curve.duration_ns());
    let intervals = part.users().curve.active(number);
    let clock = crew.stage.clock();
    let alarm = clock.alarm();
    let begun = Rc::new(Cell::new(0));
    let mut free_ns = 0;
    for (life, Interval { start_ns, end_ns: until_ns }) in (0..).zip(intervals) {
        let hold = Hold {
            // A user that is wanted again while its last iteration runs on is due when that is over.
            start_ns: scenario_ns.saturating_add(start_ns).max(free_ns),
            until_ns: scenario_ns.saturating_add(until_ns),
            scenario_end_ns: end_ns,
        };
        if crew.is_stopping() {
            break;
        }
        alarm.set(hold.start_ns);
        tokio::select! {
            biased;
            () = crew.stopped.notified() => break,
            () = poll_fn(|context| alarm.poll_due(context)) => {}
        }
        if clock.now_ns() < hold.until_ns {
            live(crew, &part, User { number, life, begun: Rc::clone(&begun) }, hold, &alarm).await;
            free_ns = clock.now_ns();
        }
    }
    settle_bound(crew, &part);
}

/// Which user of its scenario.
#[derive(Debug, Clone)]
pub(super) struct User {
    /// From 1.
    pub(super) number: u64,
    /// Which of its lives, from 0: one for each time that the curve wants it.
    pub(super) life: u64,
    /// Iterations that it has begun, in all of its lives.
    begun: Rc<Cell<u64>>,
}

/// An interval of a user, on the worker's clock.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_field_names, reason = "a unit ends a name")]
struct Hold {
    start_ns: u64,
    /// No iteration begins from here on.
    until_ns: u64,
    scenario_end_ns: u64,
}

impl Hold {
    /// When an iteration that still runs is cut.
    fn deadline_ns(self, part: &Part) -> u64 {
        let end_ns = self.scenario_end_ns.saturating_add(nanoseconds(part.scenario.graceful_stop));
        if self.until_ns >= self.scenario_end_ns {
            return end_ns;
        }
        self.until_ns.saturating_add(nanoseconds(part.users().graceful_ramp_down)).min(end_ns)
    }
}

/// One life of a user, from `on_start` to `on_stop`, on a fiber of its own.
async fn live(crew: &Rc<Crew>, part: &Rc<Part>, user: User, hold: Hold, deadline: &Rc<dyn Alarm>) {
    let life = crew.hire(part, &user, (Rc::clone(deadline), hold.deadline_ns(part)));
    let body = {
        let (crew, part, life) = (Rc::clone(crew), Rc::clone(part), Rc::clone(&life));
        move || drive(&crew, &part, &life, &user, hold)
    };
    match Fiber::new(&crew.arena, crew.stage.current(), body) {
        Ok(fiber) => guard(crew, part, &life, Turn::new(&crew.stage, &life.vu, fiber)).await,
        Err(error) => crew.report_bug(Diagnostic::new(
            Code::Other,
            format!("no stack for a virtual user of scenario `{}`: {error}", part.scenario.name),
        )),
    }
    deadline.clear();
    crew.dismiss(&life.vu);
}

/// Polls a user's fiber to its end; a deadline or a stop makes it end.
async fn guard(crew: &Crew, part: &Part, life: &Life, turn: Turn<Fiber<()>>) {
    let mut turn = pin!(turn);
    let ended = poll_fn(|context| {
        loop {
            life.resumed.set(life.resumed.get() + 1);
            if let Poll::Ready(ended) = turn.as_mut().poll(context) {
                return Poll::Ready(Some(ended));
            }
            if crew.is_leaving() {
                return Poll::Ready(None);
            }
            let due = life.deadline.poll_due(context).is_ready();
            let stop = crew.is_stopping() && life.is_playing();
            if !due && !stop {
                return Poll::Pending;
            }
            if !life.cut(crew.stage.clock().now_ns()) {
                crew.leaked.set(crew.leaked.get() + 1);
                return Poll::Ready(None);
            }
        }
    })
    .await;
    // What began is booked, whatever became of the fiber.
    let cut_short = life.in_iteration.replace(false);
    match ended {
        Some(Ok(())) => {}
        Some(Err(panic)) => {
            part.book(|books| books.failed += u64::from(cut_short));
            crew.report_bug(panicked(&*panic));
        }
        None => part.book(|books| books.interrupted += u64::from(cut_short)),
    }
}

/// What a panic says, as a bug to report.
pub(super) fn panicked(panic: &(dyn std::any::Any + Send)) -> Diagnostic {
    let text = panic_text(panic);
    Diagnostic::new(Code::Bug, format!("runner {} panicked: {text}", env!("CARGO_PKG_VERSION")))
        .hint("this is a bug: please report it with the script")
}

/// The words of a panic.
pub(super) fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic without words")
}

/// On the fiber: a user's life as blocking code.
fn drive(crew: &Crew, part: &Part, life: &Life, user: &User, hold: Hold) {
    let (vu, clock) = (&life.vu, crew.stage.clock());
    let mut scope = Scope::new();
    let mut due_ns = hold.start_ns;
    let mut is_started = true;
    if let Some(on_start) = &crew.on_start {
        let start_ns = clock.now_ns();
        if let Err(failure) = crew.program.call(vu, on_start, &crew.data, &mut scope) {
            is_started = false;
            if crew.note(part, failure) == Some(FailureKind::Threw) {
                part.threw.set(part.threw.get() + 1);
            }
        }
        // The first iteration is due once `on_start` is over: that it took its time is no lateness.
        due_ns = due_ns.saturating_add(clock.now_ns().saturating_sub(start_ns));
    }
    if is_started {
        iterate(crew, part, life, user, Hold { start_ns: due_ns, ..hold }, &mut scope);
    }
    let _ = vu.take_ending();
    if let Some(on_stop) = crew.on_stop.as_ref().filter(|_| !crew.is_leaving()) {
        life.begin_on_stop(clock.now_ns(), nanoseconds(part.scenario.graceful_stop), crew.is_stopping());
        if let Err(failure) = crew.program.call(vu, on_stop, &crew.data, &mut scope) {
            crew.note(part, failure);
        }
    }
}

fn iterate(crew: &Crew, part: &Part, life: &Life, user: &User, hold: Hold, scope: &mut Scope<'_>) {
    let (vu, clock) = (&life.vu, crew.stage.clock());
    let mut due_ns = hold.start_ns;
    let mut now_ns = clock.now_ns();
    let share = Share { stripe: &crew.stripe, shard: part.shard, peak: part.peak };
    while now_ns < hold.until_ns && !crew.is_stopping() {
        let Some(iteration) = next_iteration(share, part.users().bound, user, &part.taken) else {
            break;
        };
        vu.scenario_iteration.set(Some(iteration));
        vu.lateness_ns.set(now_ns.saturating_sub(due_ns));
        part.book(|books| {
            books.scheduled += 1;
            books.started += 1;
        });
        life.in_iteration.set(true);
        let start_ns = now_ns;
        let result = crew.program.call(vu, entry(part, vu), &crew.data, scope);
        now_ns = clock.now_ns();
        vu.iteration.set(vu.iteration.get() + 1);
        life.in_iteration.set(false);
        if !settle(crew, part, result, Span { due_ns, start_ns, end_ns: now_ns }) {
            break;
        }
        due_ns = crew.filled_ns(start_ns, now_ns);
        let resumed = life.resumed.get();
        crew.stage.breathe();
        if life.resumed.get() != resumed {
            // Others ran meanwhile: the next iteration starts late, and doesn't last longer.
            now_ns = clock.now_ns();
        }
        if part.scenario.think != crate::plan::Think::None {
            let draw = vu.rng.borrow_mut().random::<f64>();
            due_ns = due_ns.saturating_add(part.scenario.think.pause(start_ns, due_ns, draw));
        }
        if due_ns > now_ns {
            if !pause(crew, vu, due_ns.min(hold.until_ns)) {
                break;
            }
            now_ns = clock.now_ns();
        }
    }
}

/// A worker's share of a scenario with so many users at its peak.
#[derive(Debug, Clone, Copy)]
struct Share<'a> {
    stripe: &'a Stripe,
    shard: usize,
    peak: u64,
}

/// The number of a user's next iteration in its scenario, from 0, if the bound leaves one. Numbers go by
/// index over the whole run, so they are each given once, on however many shards; `taken` counts the
/// shared ones of this shard.
fn next_iteration(share: Share<'_>, bound: Option<Bound>, user: &User, taken: &Cell<u64>) -> Option<u64> {
    let (Share { stripe, shard, peak }, begun) = (share, user.begun.get());
    let number = match bound {
        Some(Bound::PerUser(each)) if begun >= each => return None,
        Some(Bound::Shared(total)) => {
            let rank = taken.get();
            if rank >= stripe.iteration_share(shard, peak, total) {
                return None;
            }
            taken.set(rank + 1);
            stripe.iteration_nth(shard, peak, rank)?
        }
        _ => begun.saturating_mul(peak).saturating_add(user.number - 1),
    };
    user.begun.set(begun + 1);
    Some(number)
}

/// What this iteration calls.
fn entry<'a>(part: &'a Part, vu: &Vu) -> &'a crate::script::Entry {
    match &part.scenario.flow {
        Flow::Weighted(weighted) => &part.entries[weighted.pick_index(vu.rng.borrow_mut().random())],
        _ => &part.entries[0],
    }
}

/// Books an iteration that ended; false when the user ends with it.
fn settle(crew: &Crew, part: &Part, result: Result<Dynamic, Failure>, span: Span) -> bool {
    let Err(failure) = result else {
        crew.record(part, span);
        part.book(|books| books.ok += 1);
        return true;
    };
    let Some(kind) = crew.note(part, failure) else {
        part.book(|books| books.interrupted += 1);
        return false;
    };
    crew.record(part, span);
    part.book(|books| books.failed += 1);
    if kind == FailureKind::Threw {
        part.threw.set(part.threw.get() + 1);
    }
    true
}

/// Waits until `at_ns`; false when the user was told to end meanwhile.
fn pause(crew: &Crew, vu: &Rc<Vu>, at_ns: u64) -> bool {
    vu.alarm.set(at_ns);
    let waited = crew.stage.current().wait(poll_fn(|context| vu.alarm.poll_due(context)), || vu.is_ending());
    vu.alarm.clear();
    waited.is_ok()
}

/// Iterations of a bound that nobody began are dropped, and said to be; the scenario's last user counts.
fn settle_bound(crew: &Crew, part: &Part) {
    part.tasks.set(part.tasks.get() - 1);
    let Some(bound) = part.users().bound.filter(|_| part.tasks.get() == 0) else { return };
    let share = match bound {
        Bound::Shared(total) => crew.stripe.iteration_share(part.shard, part.peak, total),
        Bound::PerUser(each) => crew.stripe.share(part.shard, part.peak).saturating_mul(each),
    };
    let left = share.saturating_sub(part.books.get().started);
    if left > 0 {
        crew.drop_iterations(part, left);
    }
}

pub(super) fn nanoseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
