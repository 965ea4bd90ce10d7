//! What a user does on its fiber, as blocking code, whichever driver wants it: `on_start`, iterations, `on_stop`.
//!
//! Around it [`live`] holds the deadline, see [`Life`]; a fiber that won't end is leaked, which is a bug to
//! report.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use rhai::Scope;

use crate::diagnostic::{Code, Diagnostic};
use crate::fiber::{ArenaError, Fiber};
use crate::http::Alarm;
use crate::script::{Ended, Failure, Turn};

use super::crew::Crew;
use super::event::FailureKind;
use super::life::{Hold, Life};
use super::part::{Part, Span};

/// Which user of its scenario.
#[derive(Debug, Clone, Copy)]
pub(super) struct User {
    /// From 1.
    pub(super) number: u64,
    /// Which of its lives, from 0: one for each time that it is wanted.
    pub(super) life: u64,
}

/// A user's life on its fiber.
pub(super) struct Act<'a> {
    pub(super) crew: &'a Crew,
    pub(super) part: &'a Part,
    pub(super) life: &'a Life,
    scope: Scope<'a>,
}

/// What became of a life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lived {
    /// It came to its end, or had to be left behind: so long was the user wanted, in the end.
    Ended(Hold),
    /// There was no stack for its fiber, which is reported.
    NoStack,
}

/// One life of a user, from `on_start` to `on_stop`, on a fiber of its own. `work` is what it does in between;
/// it is told how long `on_start` took, and left out if that failed.
pub(super) async fn live(
    crew: &Rc<Crew>,
    part: &Rc<Part>,
    user: User,
    (deadline, hold): (&Rc<dyn Alarm>, Hold),
    work: impl FnOnce(&mut Act<'_>, u64) + 'static,
) -> Lived {
    let life = crew.hire(part, user, (Rc::clone(deadline), hold));
    let body = {
        let (crew, part, life) = (Rc::clone(crew), Rc::clone(part), Rc::clone(&life));
        move || Act { crew: &crew, part: &part, life: &life, scope: Scope::new() }.play(work)
    };
    let fiber = crew.arena().and_then(|arena| Fiber::new(&arena, crew.stage.current(), body));
    let has_stack = match fiber {
        Ok(fiber) => {
            guard(crew, part, &life, Turn::new(&crew.stage, &life.vu, fiber)).await;
            true
        }
        Err(error) => {
            crew.report_bug(no_stack(part, &error));
            false
        }
    };
    deadline.clear();
    crew.dismiss(&life.vu);
    if has_stack { Lived::Ended(life.hold.get()) } else { Lived::NoStack }
}

fn no_stack(part: &Part, error: &ArenaError) -> Diagnostic {
    let text = format!("no stack for a virtual user of scenario `{}`: {error}", part.scenario.name);
    Diagnostic::new(Code::Other, text)
        .hint("give the scenario fewer users (`vus`, `max_vus`), or raise the limit that is named")
}

/// Polls a user's fiber to its end; a deadline or a stop makes it end.
pub(super) async fn guard(crew: &Crew, part: &Part, life: &Life, turn: Turn<Fiber<()>>) {
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
    let cut_short = life.iteration_ns.take();
    match ended {
        Some(Ok(())) => {}
        Some(Err(panic)) => {
            part.book(|books| books.failed += u64::from(cut_short.is_some()));
            crew.report_bug(panicked(&*panic));
        }
        None => {
            if let Some(start_ns) = cut_short {
                let age_ns = crew.stage.clock().now_ns().saturating_sub(start_ns);
                crew.interrupt(part, None, age_ns);
            }
        }
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

impl Act<'_> {
    fn play(mut self, work: impl FnOnce(&mut Self, u64)) {
        let (crew, vu) = (self.crew, &self.life.vu);
        let mut took_ns = 0;
        let mut is_started = true;
        let on_start = crew.hooks.borrow().on_start.clone();
        if let Some(on_start) = on_start {
            let start_ns = self.now_ns();
            if let Err(failure) = on_start.run(&crew.stage, vu, &crew.data, &mut self.scope) {
                is_started = false;
                if crew.note(self.part, failure) == Some(FailureKind::Threw) {
                    self.part.threw.set(self.part.threw.get() + 1);
                }
            }
            took_ns = self.now_ns().saturating_sub(start_ns);
            vu.keep_cookies();
        }
        if is_started {
            work(&mut self, took_ns);
        }
        let _ = vu.take_ending();
        let on_stop = crew.hooks.borrow().on_stop.clone();
        if let Some(on_stop) = on_stop.filter(|_| !crew.is_leaving()) {
            let graceful_ns = nanoseconds(self.part.graceful_stop.get());
            self.life.begin_on_stop(self.now_ns(), graceful_ns, crew.is_stopping());
            if let Err(failure) = on_stop.run(&crew.stage, vu, &crew.data, &mut self.scope) {
                crew.note(self.part, failure);
            }
        }
    }

    pub(super) fn now_ns(&self) -> u64 {
        self.crew.stage.clock().now_ns()
    }

    /// Runs iteration `number` of the scenario, which was due at `due_ns` and is booked as scheduled, and gives
    /// the time of its end; `None` when the user ends with it.
    pub(super) fn iterate(&mut self, number: u64, due_ns: u64, start_ns: u64) -> Option<u64> {
        let (crew, part, vu) = (self.crew, self.part, &self.life.vu);
        vu.scenario_iteration.set(Some(number));
        vu.lateness_ns.set(start_ns.saturating_sub(due_ns));
        part.book(|books| books.started += 1);
        self.life.iteration_ns.set(Some(start_ns));
        if let Some(tracer) = crew.stage.tracer() {
            tracer.begin_iteration(vu);
        }
        let result = part.play().run(&crew.stage, vu, &crew.data, &mut self.scope);
        let end_ns = self.now_ns();
        if let Some(tracer) = crew.stage.tracer() {
            tracer.end_iteration(&crew.stage, vu, (start_ns, end_ns), ended(&result));
        }
        vu.iteration.set(vu.iteration.get() + 1);
        self.life.iteration_ns.set(None);
        if !crew.stage.http().no_cookies_reset {
            vu.reset_cookies();
        }
        if let Some(client) = &vu.client
            && crew.stage.http().no_vu_connection_reuse
        {
            client.close_idle();
        }
        settle(crew, part, result, Span { due_ns, start_ns, end_ns }).then_some(end_ns)
    }

    /// Between two iterations: lets the others run, and gives the time after that.
    pub(super) fn breathe(&self, now_ns: u64) -> u64 {
        let resumed = self.life.resumed.get();
        self.crew.stage.breathe();
        // Where others ran meanwhile the next iteration starts late, and doesn't last longer.
        if self.life.resumed.get() == resumed { now_ns } else { self.now_ns() }
    }

    /// The time, once the run isn't paused; `None` when the user was told to end meanwhile.
    pub(super) fn running(&self) -> Option<u64> {
        let mut now_ns = self.now_ns();
        while self.crew.is_paused(now_ns) {
            if !self.wait(self.crew.schedule_ns(now_ns)) {
                return None;
            }
            now_ns = self.now_ns();
        }
        Some(now_ns)
    }

    /// Waits until the schedule comes to `at_ns`, or the user is no longer wanted; false when it was told to end
    /// meanwhile.
    pub(super) fn wait(&self, at_ns: u64) -> bool {
        let (life, vu) = (self.life, &self.life.vu);
        life.waits_ns.set(at_ns);
        vu.alarm.set(self.crew.real_ns(at_ns.min(life.hold.get().until_ns)));
        let due = poll_fn(|context| vu.alarm.poll_due(context));
        let waited = self.crew.stage.current().wait(due, || vu.is_ending());
        life.waits_ns.set(u64::MAX);
        vu.alarm.clear();
        waited.is_ok()
    }
}

/// Books an iteration that ended; false when the user ends with it.
fn settle(crew: &Crew, part: &Part, result: Result<bool, Failure>, span: Span) -> bool {
    let is_ok = match result {
        Ok(is_ok) => is_ok,
        Err(failure) => {
            let place = match &failure {
                Failure::Stopped(place) => place.clone(),
                _ => None,
            };
            let Some(kind) = crew.note(part, failure) else {
                crew.interrupt(part, place, span.end_ns.saturating_sub(span.start_ns));
                return false;
            };
            part.threw.set(part.threw.get() + u64::from(kind == FailureKind::Threw));
            false
        }
    };
    part.record(&crew.stage, span);
    part.book(|books| if is_ok { books.ok += 1 } else { books.failed += 1 });
    true
}

/// How an iteration ended, as its span tells it.
fn ended(result: &Result<bool, Failure>) -> Ended {
    match result {
        Ok(true) => Ended::Ok,
        Err(Failure::Stopped(_) | Failure::Aborted(_)) => Ended::Cut,
        Ok(false) | Err(_) => Ended::Failed,
    }
}

/// A duration on the worker's clock.
pub(super) fn nanoseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
pub(super) mod tests;
