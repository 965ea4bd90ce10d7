//! The one handle by which a run is steered from outside: by signals, by keys, by the
//! control API, by whoever edits its script.
//!
//! It says what is wanted, and answers at once whether that can be. The control thread ([`super::run`]) hears
//! of it and tells the workers, with an instant a little ahead, so that all change at the same time. What
//! was wanted in between and is no longer is never told. Nothing here is touched by a worker.
//!
//! | state     | event                    | next      |
//! |-----------|--------------------------|-----------|
//! | preparing | the load begins          | running   |
//! | running   | pause                    | paused    |
//! | paused    | resume                   | running   |
//! | any       | stop, or the load's end  | stopping  |

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{Notify, watch};

use crate::diagnostic::suggest;
use crate::plan::{Demand, Plan, VUS_MAX};
use crate::units::format_count;

use super::status::{Progress, State, Status};
use super::version::Version;

/// The largest factor of [`Control::scale`]: beyond, it is a mistake.
pub const FACTOR_MAX: f64 = 1_000.0;
/// The highest rate of [`Control::rate`], a second: more than this program can start.
pub const RATE_MAX: f64 = 10_000_000.0;

/// How urgently a run should end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Urgency {
    /// It goes on.
    #[default]
    None,
    /// Iterations are cut, `on_stop` and `teardown` still run.
    Stop,
    /// Nothing of the script runs any more.
    Now,
}

/// The handle on a run.
#[derive(Debug, Clone, Default)]
pub struct Control(Arc<Seam>);

#[derive(Debug)]
struct Seam {
    urgency: watch::Sender<Urgency>,
    board: Mutex<Board>,
    /// The control thread waits here for another wish.
    asked: Notify,
}

impl Default for Seam {
    fn default() -> Self {
        Self { urgency: watch::Sender::new(Urgency::None), board: Mutex::default(), asked: Notify::new() }
    }
}

/// What is wanted, and how things are.
#[derive(Debug, Default)]
struct Board {
    wanted: Wanted,
    /// The scenarios of the load; empty while there is none.
    scenes: Vec<Scene>,
    status: Status,
    /// Another version that is wanted, and not taken yet.
    next: Option<Wish>,
    /// A new epoch is wanted.
    is_reset: bool,
}

/// Another version of the script, and since when it is wanted.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) version: Arc<Version>,
    pub(super) asked: Instant,
}

/// A scenario, as far as wishes are judged by it.
#[derive(Debug)]
struct Scene {
    name: String,
    demand: Demand,
}

/// What is wanted of a run.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Wanted {
    pub(super) is_paused: bool,
    /// For each scenario.
    pub(super) steers: Vec<Steer>,
}

/// What is wanted of a scenario, instead of what the plan says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Steer {
    pub(super) base: Base,
    /// So many times that.
    pub(super) factor: f64,
}

/// What a factor multiplies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Base {
    /// What the plan says.
    Plan,
    /// So many users until the scenario's end.
    Users(u64),
    /// So many iterations a second until the scenario's end.
    Rate(f64),
}

impl Default for Steer {
    fn default() -> Self {
        Self { base: Base::Plan, factor: 1.0 }
    }
}

/// Why a run can't be steered so.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ControlError {
    /// There is no load to steer.
    #[error("no load is running")]
    NoLoad,
    /// A scenario that isn't there.
    #[error("no scenario is named `{name}`{}", meant(near, known))]
    UnknownScenario {
        /// The name as given.
        name: String,
        /// Names like it, best first.
        near: Vec<String>,
        /// All that there are.
        known: Vec<String>,
    },
    /// A scenario whose users and iterations are over.
    #[error("scenario `{scenario}` is over")]
    Over {
        /// Its name.
        scenario: String,
    },
    /// A scenario whose iterations are counted.
    #[error("scenario `{scenario}` has a number of iterations, which its users have shared out already")]
    Counted {
        /// Its name.
        scenario: String,
    },
    /// Users for a scenario of arrivals.
    #[error("scenario `{scenario}` starts iterations at a rate, and hires users by need: set its rate")]
    NoUsers {
        /// Its name.
        scenario: String,
    },
    /// A rate for a scenario of users.
    #[error("scenario `{scenario}` is one of users, not of arrivals: set its users")]
    NoRate {
        /// Its name.
        scenario: String,
    },
    /// More users than may be.
    #[error(
        "scenario `{scenario}` can have at most {} users, not {}",
        format_count(*users_max),
        format_count(*users)
    )]
    TooManyUsers {
        /// Its name.
        scenario: String,
        /// How many were wanted.
        users: u64,
        /// How many there may be, beside those of the other scenarios.
        users_max: u64,
    },
    /// A rate that nobody can start.
    #[error("a rate must be from 0 to {} a second, not {per_second}", format_count(10_000_000))]
    Rate {
        /// As given.
        per_second: f64,
    },
    /// A factor that makes no load.
    #[error("a factor must be from 0 to {FACTOR_MAX}, not {factor}")]
    Factor {
        /// As given.
        factor: f64,
    },
    /// Only scenarios that can't be scaled are left.
    #[error("no scenario is left that can be scaled")]
    NothingToScale,
}

/// ": did you mean `a`?", or what there is.
fn meant(near: &[String], known: &[String]) -> String {
    let listed = |names: &[String], last: &str| {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(last)
    };
    if near.is_empty() {
        format!(": there are {}", listed(known, ", "))
    } else {
        format!(": did you mean {}?", listed(near, " or "))
    }
}

impl Control {
    /// Ends the run; called a second time, without `on_stop` and `teardown`.
    pub fn stop(&self) {
        self.0.urgency.send_modify(|urgency| {
            *urgency = if *urgency == Urgency::None { Urgency::Stop } else { Urgency::Now };
        });
    }

    /// Whether it was told to end.
    pub fn is_stopping(&self) -> bool {
        *self.0.urgency.borrow() > Urgency::None
    }

    /// Stops the schedule's clock: nothing new begins, what runs goes on. Before the load it makes the load
    /// begin with a pause.
    pub fn pause(&self) -> Result<(), ControlError> {
        self.set_paused(true)
    }

    /// Lets the schedule's clock go on.
    pub fn resume(&self) -> Result<(), ControlError> {
        self.set_paused(false)
    }

    fn set_paused(&self, is_paused: bool) -> Result<(), ControlError> {
        let mut board = self.board();
        if board.status.state == State::Stopping || self.is_stopping() {
            return Err(ControlError::NoLoad);
        }
        board.wanted.is_paused = is_paused;
        self.0.asked.notify_one();
        Ok(())
    }

    /// Whether a pause is wanted.
    pub fn is_paused(&self) -> bool {
        self.board().wanted.is_paused
    }

    /// So many times the load that the plan says, or that a scenario was last steered to: 1 is that
    /// itself. Scenarios with a number of iterations stay as they are.
    pub fn scale(&self, factor: f64) -> Result<(), ControlError> {
        if !(0.0..=FACTOR_MAX).contains(&factor) {
            return Err(ControlError::Factor { factor });
        }
        let mut board = self.steerable()?;
        let mut steers = board.wanted.steers.clone();
        let mut is_any = false;
        for (index, steer) in steers.iter_mut().enumerate() {
            if board.check(index).is_ok() {
                steer.factor = factor;
                is_any = true;
            }
        }
        if !is_any {
            return Err(ControlError::NothingToScale);
        }
        (0..steers.len()).try_for_each(|index| board.check_users(index, &steers))?;
        board.wanted.steers = steers;
        self.0.asked.notify_one();
        Ok(())
    }

    /// So many users in a scenario of users, until its end.
    pub fn users(&self, scenario: &str, users: u64) -> Result<(), ControlError> {
        let mut board = self.steerable()?;
        let index = board.find(scenario)?;
        board.check(index)?;
        if let Demand::Arrivals(_) = board.scenes[index].demand {
            return Err(ControlError::NoUsers { scenario: scenario.to_owned() });
        }
        let mut steers = board.wanted.steers.clone();
        steers[index] = Steer { base: Base::Users(users), factor: 1.0 };
        board.check_users(index, &steers)?;
        board.wanted.steers = steers;
        self.0.asked.notify_one();
        Ok(())
    }

    /// So many iterations a second in a scenario of arrivals, until its end.
    pub fn rate(&self, scenario: &str, per_second: f64) -> Result<(), ControlError> {
        if !(0.0..=RATE_MAX).contains(&per_second) {
            return Err(ControlError::Rate { per_second });
        }
        let mut board = self.steerable()?;
        let index = board.find(scenario)?;
        board.check(index)?;
        if let Demand::Users(_) = board.scenes[index].demand {
            return Err(ControlError::NoRate { scenario: scenario.to_owned() });
        }
        board.wanted.steers[index] = Steer { base: Base::Rate(per_second), factor: 1.0 };
        self.0.asked.notify_one();
        Ok(())
    }

    /// Another version of the script from the next iterations on. A later one replaces one that was not taken
    /// yet. Observers hear of it by [`Observer::epoch`](super::Observer::epoch), or by
    /// [`Observer::refused`](super::Observer::refused) where it can't be taken.
    pub fn reload(&self, version: Version) -> Result<(), ControlError> {
        let mut board = self.board();
        if board.status.state == State::Stopping || self.is_stopping() {
            return Err(ControlError::NoLoad);
        }
        board.next = Some(Wish { version: Arc::new(version), asked: Instant::now() });
        self.0.asked.notify_one();
        Ok(())
    }

    /// Begins a new epoch: observers count anew, the run's totals go on.
    pub fn reset(&self) -> Result<(), ControlError> {
        self.steerable()?.is_reset = true;
        self.0.asked.notify_one();
        Ok(())
    }

    /// How the run goes.
    pub fn status(&self) -> Status {
        let mut status = self.board().status.clone();
        if self.is_stopping() {
            status.state = State::Stopping;
        }
        status
    }

    /// One of a load that goes so, for tests of what steers it.
    #[cfg(test)]
    pub(crate) fn sample(plan: &Plan, status: Status) -> Self {
        let control = Self::default();
        control.begin(plan);
        control.tell(status);
        control
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.0.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The board, while there is a load to steer.
    fn steerable(&self) -> Result<MutexGuard<'_, Board>, ControlError> {
        let board = self.board();
        let is_load = matches!(board.status.state, State::Running | State::Paused);
        if is_load && !self.is_stopping() { Ok(board) } else { Err(ControlError::NoLoad) }
    }

    /// To wait for a stop.
    pub fn subscribe(&self) -> watch::Receiver<Urgency> {
        self.0.urgency.subscribe()
    }

    /// Waits until something else is wanted; a wish from before counts.
    pub(super) async fn asked(&self) {
        self.0.asked.notified().await;
    }

    /// What is wanted now.
    pub(super) fn wanted(&self) -> Wanted {
        self.board().wanted.clone()
    }

    /// The version that is wanted since the last call, if any.
    pub(super) fn take_version(&self) -> Option<Wish> {
        self.board().next.take()
    }

    /// Scenarios have another demand: wishes are judged by that, and what was wanted of them is forgotten.
    pub(super) fn replan(&self, plan: &Plan, parts: &[usize]) {
        let mut board = self.board();
        for part in parts {
            board.scenes[*part].demand.clone_from(&plan.scenarios[*part].demand);
            board.wanted.steers[*part] = Steer::default();
        }
    }

    /// Whether a new epoch is wanted since the last call.
    pub(super) fn take_reset(&self) -> bool {
        std::mem::take(&mut self.board().is_reset)
    }

    /// The load of a plan begins. What was wanted of an earlier one is forgotten, but for a pause.
    pub(super) fn begin(&self, plan: &Plan) {
        let mut board = self.board();
        board.scenes = (plan.scenarios.iter())
            .map(|scenario| Scene { name: scenario.name.clone(), demand: scenario.demand.clone() })
            .collect();
        board.wanted.steers = vec![Steer::default(); board.scenes.len()];
    }

    /// How things are.
    pub(super) fn tell(&self, status: Status) {
        self.board().status = status;
    }

    /// How things were when the load came to its end.
    pub(super) fn end(&self, status: Status) {
        self.tell(Status { state: State::Stopping, ..status });
    }
}

impl Board {
    fn find(&self, name: &str) -> Result<usize, ControlError> {
        let names = || self.scenes.iter().map(|scene| scene.name.as_str());
        names().position(|known| known == name).ok_or_else(|| ControlError::UnknownScenario {
            name: name.to_owned(),
            near: suggest(name, names()).into_iter().map(str::to_owned).collect(),
            known: names().map(str::to_owned).collect(),
        })
    }

    /// Whether a scenario can be steered at all.
    fn check(&self, index: usize) -> Result<(), ControlError> {
        let scene = &self.scenes[index];
        let scenario = || scene.name.clone();
        if self.status.scenarios.get(index).is_some_and(|status| status.progress == Progress::Over) {
            return Err(ControlError::Over { scenario: scenario() });
        }
        match &scene.demand {
            Demand::Users(users) if users.bound.is_some() => {
                Err(ControlError::Counted { scenario: scenario() })
            }
            _ => Ok(()),
        }
    }

    /// Whether the users of a scenario keep its limit, and that of all together.
    fn check_users(&self, index: usize, steers: &[Steer]) -> Result<(), ControlError> {
        let Demand::Users(planned) = &self.scenes[index].demand else { return Ok(()) };
        let peak = |at: usize| match steers[at].of(&self.scenes[at].demand) {
            Demand::Users(users) if at == index => users.curve.peak(),
            // What a plan reserves stays reserved.
            demand => demand.peak(),
        };
        let others = (0..steers.len()).filter(|at| *at != index).map(peak);
        let others = others.fold(0, u64::saturating_add);
        let users_max = VUS_MAX.saturating_sub(others).min(planned.max.unwrap_or(u64::MAX));
        let users = peak(index);
        if users > users_max {
            let scenario = self.scenes[index].name.clone();
            return Err(ControlError::TooManyUsers { scenario, users, users_max });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
