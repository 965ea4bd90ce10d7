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
//! A deadline stands over the whole: at it the script is told to end, [`ON_STOP_NS`] later once more
//! (then `on_stop` runs), and what won't end within [`LEAK_NS`] is leaked, which is a bug to report.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use rand::RngExt;
use rhai::{Dynamic, Scope};

use crate::diagnostic::{Code, Diagnostic};
use crate::fiber::Fiber;
use crate::http::Alarm;
use crate::plan::{Bound, Flow, Interval};
use crate::script::{Failure, Turn, Vu};

use super::crew::{Crew, Part, Span};
use super::event::FailureKind;

/// How long `on_stop` may take once the user had to be cut.
const ON_STOP_NS: u64 = 2_000_000_000;
/// How long a script may take to end once it was told to for the last time.
const LEAK_NS: u64 = 1_000_000_000;

/// Starts the tasks of all users that this worker owns.
pub(super) fn start(crew: &Rc<Crew>) {
    for part in &crew.parts {
        let peak = part.users().curve.peak();
        for index in crew.stripe.owned(part.shard, peak) {
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
    let alarm = crew.stage.clock().alarm();
    for Interval { start_ns, end_ns: until_ns } in intervals {
        let hold = Hold {
            start_ns: scenario_ns.saturating_add(start_ns),
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
        live(crew, &part, number, hold, &*alarm).await;
    }
    settle_bound(crew, &part);
}

/// An interval of a user, on the worker's clock.
#[derive(Debug, Clone, Copy)]
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
async fn live(crew: &Rc<Crew>, part: &Rc<Part>, number: u64, hold: Hold, deadline: &dyn Alarm) {
    let vu = crew.hire(part, number);
    let body = {
        let (crew, part, vu) = (Rc::clone(crew), Rc::clone(part), Rc::clone(&vu));
        move || drive(&crew, &part, &vu, hold)
    };
    match Fiber::new(&crew.arena, crew.stage.current(), body) {
        Ok(fiber) => {
            deadline.set(hold.deadline_ns(part));
            guard(crew, &vu, Turn::new(&crew.stage, &vu, fiber), deadline).await;
            deadline.clear();
        }
        Err(error) => crew.report_bug(Diagnostic::new(
            Code::Other,
            format!("no stack for virtual user {}: {error}", vu.id),
        )),
    }
    crew.dismiss(&vu);
}

/// Polls a user's fiber to its end; a deadline or a stop makes it end.
async fn guard(crew: &Crew, vu: &Rc<Vu>, turn: Turn<Fiber<()>>, deadline: &dyn Alarm) {
    let mut turn = pin!(turn);
    let mut cuts = 0;
    let ended = poll_fn(|context| {
        loop {
            if let Poll::Ready(ended) = turn.as_mut().poll(context) {
                return Poll::Ready(Some(ended));
            }
            let due = deadline.poll_due(context).is_ready();
            let stop = crew.is_stopping() && cuts == 0;
            if !due && !stop {
                return Poll::Pending;
            }
            cuts += 1;
            if cuts > 2 {
                return Poll::Ready(None);
            }
            // The first cut leaves time for `on_stop`, the second for nothing but the end.
            let allowed_ns = if cuts == 1 && crew.on_stop.is_some() { ON_STOP_NS } else { LEAK_NS };
            if cuts == 1 && crew.on_stop.is_none() {
                cuts = 2;
            }
            deadline.set(crew.stage.clock().now_ns().saturating_add(allowed_ns));
            vu.stop();
        }
    })
    .await;
    match ended {
        Some(Ok(())) => {}
        Some(Err(panic)) => crew.report_bug(panicked(&*panic)),
        None => crew.leaked.set(crew.leaked.get() + 1),
    }
}

/// What a panic says, as a bug to report.
pub(super) fn panicked(panic: &(dyn std::any::Any + Send)) -> Diagnostic {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without words");
    Diagnostic::new(Code::Bug, format!("runner {} panicked: {text}", env!("CARGO_PKG_VERSION")))
        .hint("this is a bug: please report it with the script")
}

/// On the fiber: a user's life as blocking code.
fn drive(crew: &Crew, part: &Part, vu: &Rc<Vu>, hold: Hold) {
    let mut scope = Scope::new();
    if let Some(on_start) = &crew.on_start
        && let Err(failure) = crew.program.call(vu, on_start, &crew.data, &mut scope)
    {
        if crew.note(part, failure) == Some(FailureKind::Threw) {
            part.threw.set(part.threw.get() + 1);
        }
    } else {
        iterate(crew, part, vu, hold, &mut scope);
    }
    let _ = vu.take_ending();
    if let Some(on_stop) = &crew.on_stop
        && let Err(failure) = crew.program.call(vu, on_stop, &crew.data, &mut scope)
    {
        crew.note(part, failure);
    }
}

fn iterate(crew: &Crew, part: &Part, vu: &Rc<Vu>, hold: Hold, scope: &mut Scope<'_>) {
    let clock = crew.stage.clock();
    let mut due_ns = hold.start_ns;
    let mut now_ns = clock.now_ns();
    let mut own = 0;
    while now_ns < hold.until_ns && !crew.is_stopping() {
        let Some(iteration) = next_iteration(crew, part, own) else { break };
        own += 1;
        vu.scenario_iteration.set(iteration);
        vu.lateness_ns.set(now_ns.saturating_sub(due_ns));
        part.book(|books| {
            books.scheduled += 1;
            books.started += 1;
        });
        let start_ns = now_ns;
        let result = crew.program.call(vu, entry(part, vu), &crew.data, scope);
        now_ns = clock.now_ns();
        vu.iteration.set(vu.iteration.get() + 1);
        if !settle(crew, part, result, Span { due_ns, start_ns, end_ns: now_ns }) {
            break;
        }
        crew.stage.breathe();
        due_ns = now_ns;
        if part.scenario.think != crate::plan::Think::None {
            let draw = vu.rng.borrow_mut().random::<f64>();
            due_ns = now_ns.saturating_add(part.scenario.think.pause(start_ns, now_ns, draw));
            if due_ns > now_ns && !pause(crew, vu, due_ns.min(hold.until_ns)) {
                break;
            }
            now_ns = clock.now_ns();
        }
    }
}

/// The number of the next iteration in its scenario, if the bound leaves one.
fn next_iteration(crew: &Crew, part: &Part, own: u64) -> Option<u64> {
    match part.users().bound {
        Some(Bound::PerUser(each)) if own >= each => None,
        Some(Bound::Shared(total)) => {
            let users = part.users().curve.peak();
            let rank = part.taken.get();
            if rank >= crew.stripe.iteration_share(part.shard, users, total) {
                return None;
            }
            part.taken.set(rank + 1);
            crew.stripe.iteration_nth(part.shard, users, rank)
        }
        _ => Some(part.books.get().started),
    }
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
    let failure = match result {
        Ok(_) => {
            crew.record(part, span);
            part.book(|books| books.ok += 1);
            return true;
        }
        Err(failure) => failure,
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
    let peak = part.users().curve.peak();
    let share = match bound {
        Bound::Shared(total) => crew.stripe.iteration_share(part.shard, peak, total),
        Bound::PerUser(each) => crew.stripe.share(part.shard, peak).saturating_mul(each),
    };
    let left = share.saturating_sub(part.books.get().started);
    if left > 0 {
        crew.drop_iterations(part, left);
    }
}

fn nanoseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
