//! Which driver plays a scenario: the closed one users, the open one arrivals. And how scenarios begin, change
//! and end on a worker, whichever it is.
//!
//! A scenario is over on a worker once all tasks of its driver are; the crew then has it among
//! [`Crew::overs`]. A change may bring new tasks, and then it will be over once more.

use std::future::poll_fn;
use std::rc::Rc;

use crate::http::Alarm;
use crate::plan::Demand;

use super::crew::Crew;
use super::message::Change;
use super::part::Part;
use super::{closed, open, prepared};

/// A driver's share of a scenario that has begun.
pub(super) trait Drive {
    /// From the instant `at_ns` of the schedule on, the scenario's timetable wants something else.
    fn steer(self: Rc<Self>, crew: &Rc<Crew>, at_ns: u64);

    /// The schedule's clock was stopped or goes on.
    fn look_again(&self) {}

    /// Iterations may run on for longer behind their end, or for less long.
    fn hold_anew(&self, crew: &Crew);

    /// All its tasks have ended: books what never began.
    fn end(&self, crew: &Crew);
}

/// Starts this worker's share of the scenarios that wait for no other.
pub(super) fn start(crew: &Rc<Crew>) {
    for part in crew.parts.iter().filter(|part| part.is_first) {
        begin(crew, part, crew.start_ns);
    }
}

/// A change's instant is known: the clock's own changes hold from then on, whenever they are looked at. The
/// others are the caller's to [`apply`] when it comes.
pub(super) fn announce(crew: &Crew, at_ns: u64, change: Change) {
    match change {
        Change::Pause => crew.pace.borrow_mut().pause(at_ns),
        Change::Resume => crew.pace.borrow_mut().resume(at_ns),
        Change::Begin { .. } | Change::Steer { .. } | Change::Take | Change::Replan { .. } => return,
    }
    crew.keep_to_schedule();
}

/// The instant of change `number` has come.
pub(super) fn apply(crew: &Rc<Crew>, number: u64, at_ns: u64, change: Change) {
    match change {
        Change::Pause | Change::Resume => {}
        Change::Begin { part } => {
            let part = &crew.parts[part];
            part.change.set(number);
            begin(crew, part, at_ns);
        }
        Change::Steer { part, steer } => {
            let part = &crew.parts[part];
            part.timetable.steer(steer);
            follow(crew, part, number, at_ns);
        }
        Change::Take => prepared::take(crew),
        Change::Replan { part } => {
            let part = &crew.parts[part];
            if let Some(version) = &*crew.version.borrow() {
                part.timetable.replan(&version.plan.scenarios[part.index].demand, at_ns);
            }
            follow(crew, part, number, at_ns);
        }
    }
}

/// From change `number` on, at an instant, a scenario's timetable wants something else.
fn follow(crew: &Rc<Crew>, part: &Rc<Part>, number: u64, at_ns: u64) {
    part.change.set(number);
    let drive = crew.drives.borrow().get(&part.index).cloned();
    let Some(drive) = drive.filter(|_| !crew.is_stopping()) else { return };
    let steering = Task::new(crew, part);
    hold(crew, part);
    drive.steer(crew, crew.schedule_ns(at_ns));
    crew.keep_to_schedule();
    drop(steering);
}

/// Cuts all iterations; no scenario begins any more.
pub(super) fn stop(crew: &Rc<Crew>) {
    crew.stop();
    for part in &crew.parts {
        if part.timetable.start_ns().is_none() {
            begin(crew, part, crew.stage.clock().now_ns());
        }
    }
}

fn begin(crew: &Rc<Crew>, part: &Rc<Part>, at_ns: u64) {
    if part.timetable.start_ns().is_some() {
        return;
    }
    part.timetable.begin(at_ns);
    // Held until all are started, so that a worker without a share is done too.
    let starting = Task::new(crew, part);
    let drive = match &*part.timetable.demand() {
        Demand::Users(users) => closed::start(crew, part, users),
        Demand::Arrivals(arrivals) => open::start(crew, part, arrivals),
    };
    crew.drives.borrow_mut().insert(part.index, drive);
    if part.timetable.is_held() {
        hold(crew, part);
    }
    drop(starting);
}

/// Sees to it that a scenario lasts for its whole time, with users or without: who steers may want some.
fn hold(crew: &Rc<Crew>, part: &Rc<Part>) {
    if !part.is_held.replace(true) {
        tokio::task::spawn_local(last(Task::new(crew, part)));
    }
}

async fn last(task: Task) {
    let Task { crew, part } = &task;
    let alarm = crew.stage.clock().alarm();
    // Another version of the script may end it sooner or later.
    let end_ns = || part.timetable.end_ns().expect("only what has begun is held");
    while wait(crew, &alarm, end_ns()).await == Woken::Changed {}
    part.is_held.set(false);
}

/// What ended a wait for the schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Woken {
    /// Its clock has come to the instant, and runs.
    Due,
    /// Something has changed.
    Changed,
    /// The run is told to end.
    Stopped,
}

/// Waits until the schedule comes to an instant, for as long as nothing changes.
pub(super) async fn wait(crew: &Crew, alarm: &Rc<dyn Alarm>, at_ns: u64) -> Woken {
    if crew.is_stopping() {
        return Woken::Stopped;
    }
    let now_ns = crew.stage.clock().now_ns();
    // What was due before a pause and comes too late for it waits for the end of it.
    let at_ns = if crew.is_paused(now_ns) { at_ns.max(crew.schedule_ns(now_ns)) } else { at_ns };
    alarm.set(crew.real_ns(at_ns));
    tokio::select! {
        biased;
        () = crew.stopped.notified() => Woken::Stopped,
        () = crew.changed.notified() => Woken::Changed,
        // A pause may have begun since the alarm was set.
        () = poll_fn(|context| alarm.poll_due(context)) => {
            if crew.is_paused(crew.stage.clock().now_ns()) { Woken::Changed } else { Woken::Due }
        }
    }
}

/// Counts a task of a scenario's driver, and counts it off however it ends.
pub(super) struct Task {
    pub(super) crew: Rc<Crew>,
    pub(super) part: Rc<Part>,
}

impl Task {
    pub(super) fn new(crew: &Rc<Crew>, part: &Rc<Part>) -> Self {
        part.tasks.set(part.tasks.get() + 1);
        part.is_over.set(false);
        Self { crew: Rc::clone(crew), part: Rc::clone(part) }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        let (crew, part) = (&self.crew, &self.part);
        let left = part.tasks.get() - 1;
        part.tasks.set(left);
        if left > 0 {
            return;
        }
        let drive = crew.drives.borrow().get(&part.index).cloned();
        if let Some(drive) = drive {
            drive.end(crew);
        }
        part.is_over.set(true);
        crew.ended_ns.set(crew.stage.clock().now_ns());
        crew.overs.borrow_mut().push((part.index, part.change.get()));
        crew.over.notify_one();
    }
}
