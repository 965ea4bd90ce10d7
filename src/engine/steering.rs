//! What the control thread knows of a load that goes on, and what it tells the workers of it.
//!
//! It turns what is wanted ([`Control`](super::Control)) and what is over ([`Succession`]) into changes, each
//! with an instant a little ahead, so that it reaches all workers before it holds.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use crate::plan::{Demand, Plan};

use super::calendar::Calendar;
use super::control::{Steer, Wanted};
use super::message::{Change, Command};
use super::pace::Pace;
use super::status::{Progress, ScenarioStatus, State, Status};
use super::succession::Succession;
use super::timetable::Timetable;

/// From a change's being told to its instant: a busy worker looks at its commands some hundred times in that
/// time, and nobody at the keys notices it. A worker that is later than that changes later than others.
const LEAD_NS: u64 = 10_000_000;

/// A load that is steered.
pub(super) struct Steering {
    names: Vec<String>,
    told: Wanted,
    /// Of the last change, from 1.
    number: u64,
    /// The instant of the last change.
    last_ns: u64,
    start_ns: u64,
    pace: Rc<RefCell<Pace>>,
    timetables: Vec<Rc<Timetable>>,
    succession: Succession,
    /// What the plan that is played wants of each scenario.
    demands: Vec<Demand>,
}

impl Steering {
    /// A load that starts at an instant, as it is wanted to.
    pub(super) fn new(plan: &Plan, workers: usize, start_ns: u64, is_paused: bool) -> Self {
        let pace = Rc::new(RefCell::new(Pace::default()));
        if is_paused {
            pace.borrow_mut().pause(start_ns);
        }
        let timetables: Vec<_> =
            plan.scenarios.iter().map(|scenario| Timetable::new(scenario, &pace)).collect();
        let succession = Succession::new(plan, workers);
        for (index, timetable) in timetables.iter().enumerate() {
            if succession.has_begun(index) {
                timetable.begin(start_ns);
            }
        }
        Self {
            names: plan.scenarios.iter().map(|scenario| scenario.name.clone()).collect(),
            told: Wanted { is_paused, steers: vec![Steer::default(); plan.scenarios.len()] },
            number: 0,
            last_ns: start_ns,
            start_ns,
            pace,
            timetables,
            succession,
            demands: plan.scenarios.iter().map(|scenario| scenario.demand.clone()).collect(),
        }
    }

    /// The command that makes the load that of another version of the script, which the workers have prepared;
    /// with its instant and the scenarios whose demand is another.
    pub(super) fn take(&mut self, plan: &Plan, now_ns: u64) -> (Option<Command>, u64, Vec<usize>) {
        let mut parts = Vec::new();
        for (part, scenario) in plan.scenarios.iter().enumerate() {
            // One that is over has nobody left to play another demand.
            let is_other = is_another(&self.demands[part], &scenario.demand);
            if is_other && !self.succession.is_over(part) {
                self.demands[part].clone_from(&scenario.demand);
                self.told.steers[part] = Steer::default();
                parts.push(part);
            }
        }
        let replan = parts.iter().map(|part| Change::Replan { part: *part });
        let command = self.change([Change::Take].into_iter().chain(replan).collect(), now_ns);
        (command, self.last_ns, parts)
    }

    /// Which second of the load an instant falls in, from 1.
    pub(super) fn second(&self, at_ns: u64) -> u64 {
        at_ns.saturating_sub(self.start_ns) / 1_000_000_000 + 1
    }

    /// The command that makes the load what is wanted, unless it is.
    pub(super) fn follow(&mut self, wanted: &Wanted, now_ns: u64) -> Option<Command> {
        let mut changes = Vec::new();
        match (self.told.is_paused, wanted.is_paused) {
            (false, true) => changes.push(Change::Pause),
            (true, false) => changes.push(Change::Resume),
            _ => {}
        }
        for (part, (told, steer)) in self.told.steers.iter().zip(&wanted.steers).enumerate() {
            // One that is over meanwhile has nobody left to steer.
            if told != steer && !self.succession.is_over(part) {
                changes.push(Change::Steer { part, steer: *steer });
            }
        }
        self.told.clone_from(wanted);
        self.change(changes, now_ns)
    }

    /// A worker has no user of a scenario left. The command that starts those that waited for it, if there
    /// are.
    pub(super) fn over(&mut self, worker: usize, part: usize, change: u64, now_ns: u64) -> Option<Command> {
        let begin = self.succession.over(worker, part, change);
        if self.succession.is_over(part) {
            self.timetables[part].end(now_ns);
        }
        self.change(begin.into_iter().map(|part| Change::Begin { part }).collect(), now_ns)
    }

    /// The seconds of this load, as it is steered.
    pub(super) fn calendar(&self) -> Calendar {
        Calendar {
            start_ns: self.start_ns,
            pace: Rc::clone(&self.pace),
            timetables: self.timetables.iter().map(Rc::clone).collect(),
        }
    }

    /// Whether every scenario is over.
    pub(super) fn is_over(&self) -> bool {
        self.succession.all_over()
    }

    fn change(&mut self, changes: Vec<Change>, now_ns: u64) -> Option<Command> {
        if changes.is_empty() {
            return None;
        }
        self.number += 1;
        // One after another, also when the clock has hardly moved.
        let at_ns = now_ns.saturating_add(LEAD_NS).max(self.last_ns + 1);
        self.last_ns = at_ns;
        for change in &changes {
            match *change {
                Change::Pause => self.pace.borrow_mut().pause(at_ns),
                Change::Resume => self.pace.borrow_mut().resume(at_ns),
                Change::Begin { part } => {
                    self.timetables[part].begin(at_ns);
                    self.succession.change(part, self.number);
                }
                Change::Steer { part, steer } => {
                    self.timetables[part].steer(steer);
                    self.succession.change(part, self.number);
                }
                Change::Take => {}
                Change::Replan { part } => {
                    self.timetables[part].replan(&self.demands[part], at_ns);
                    self.succession.change(part, self.number);
                }
            }
        }
        Some(Command::Change { number: self.number, at_ns, changes })
    }

    /// Whether the load is to stand.
    pub(super) fn is_paused(&self) -> bool {
        self.told.is_paused
    }

    /// How long the load has stood.
    pub(super) fn paused(&self, now_ns: u64) -> Duration {
        self.pace.borrow().paused(now_ns)
    }

    /// The most users that are wanted at one instant, all scenarios together.
    pub(super) fn vus_max(&self) -> u64 {
        let peak = |timetable: &Rc<Timetable>| match &*timetable.demand() {
            // What a scenario that is steered by plan may have is reserved, whatever it has now.
            Demand::Users(users) => users.max.unwrap_or_else(|| users.curve.peak()),
            Demand::Arrivals(arrivals) => arrivals.vus_max,
        };
        self.timetables.iter().map(peak).fold(0, u64::saturating_add)
    }

    /// How the load goes.
    pub(super) fn status(&self, vus: u64, now_ns: u64) -> Status {
        let scenario = |(index, timetable): (usize, &Rc<Timetable>)| {
            let has_started = timetable.start_ns().is_some_and(|start_ns| {
                let real_ns = self.pace.borrow().real_ns(start_ns);
                real_ns.is_some_and(|real_ns| real_ns <= now_ns)
            });
            let progress = match (self.succession.is_over(index), has_started) {
                (true, _) => Progress::Over,
                (false, true) => Progress::Running,
                (false, false) => Progress::Waiting,
            };
            ScenarioStatus {
                name: self.names[index].clone(),
                progress,
                users: timetable.users_at(now_ns),
                rate: timetable.rate_at(now_ns),
            }
        };
        Status {
            state: if self.is_paused() { State::Paused } else { State::Running },
            elapsed: Duration::from_nanos(now_ns.saturating_sub(self.start_ns)),
            paused: self.paused(now_ns),
            vus,
            vus_max: self.vus_max(),
            scenarios: self.timetables.iter().enumerate().map(scenario).collect(),
        }
    }
}

/// Whether a demand can give way to another, and is one. Iterations that are counted are shared out already.
fn is_another(played: &Demand, wanted: &Demand) -> bool {
    match (played, wanted) {
        (Demand::Users(one), Demand::Users(other)) => {
            one != other && one.bound.is_none() && other.bound.is_none()
        }
        (Demand::Arrivals(one), Demand::Arrivals(other)) => one != other,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::control::Base;
    use super::*;
    use crate::diagnostic::Position;
    use crate::plan::{Options, Scenario, Value};

    const SECOND: u64 = 1_000_000_000;

    /// Scenarios of 10 users for 10 s: `a`, and `b` after it.
    fn plan() -> Plan {
        let scenario = |name: &str, after: &str| {
            let text = |text: &str| Value::Text(text.to_owned());
            let options: Options = [
                ("executor", text("constant-vus")),
                ("vus", Value::Int(10)),
                ("duration", text("10s")),
                ("flow", text("f")),
                ("start_after", text(after)),
            ]
            .map(|(name, value)| (name.to_owned(), value))
            .into();
            Scenario::from_options(name, &options, None::<Position>).unwrap()
        };
        Plan { scenarios: vec![scenario("a", ""), scenario("b", "a")], ..Plan::default() }
    }

    fn told(command: Option<Command>) -> (u64, u64, Vec<Change>) {
        match command {
            Some(Command::Change { number, at_ns, changes }) => (number, at_ns, changes),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn changes_come_one_after_another_and_a_little_ahead() {
        let mut steering = Steering::new(&plan(), 2, SECOND, false);
        let mut wanted = Wanted { is_paused: true, steers: vec![Steer::default(); 2] };
        assert_eq!(told(steering.follow(&wanted, SECOND)), (1, SECOND + LEAD_NS, vec![Change::Pause]));
        assert!(steering.follow(&wanted, SECOND).is_none(), "it is so already");
        wanted.is_paused = false;
        wanted.steers[1] = Steer { base: Base::Users(3), factor: 2.0 };
        let steer = Change::Steer { part: 1, steer: wanted.steers[1] };
        let (number, at_ns, changes) = told(steering.follow(&wanted, SECOND));
        assert_eq!((number, changes), (2, vec![Change::Resume, steer]));
        assert!(at_ns > SECOND + LEAD_NS, "also if the clock stands still");
        assert_eq!((steering.vus_max(), steering.is_paused()), (10 + 6, false));
    }

    #[test]
    fn what_was_wanted_in_between_is_never_told() {
        let mut steering = Steering::new(&plan(), 1, 0, true);
        let wanted = Wanted { is_paused: true, steers: vec![Steer::default(); 2] };
        assert!(steering.follow(&wanted, SECOND).is_none());
    }

    #[test]
    fn the_next_scenario_begins_when_all_workers_say_that_the_first_is_over() {
        let mut steering = Steering::new(&plan(), 2, 0, false);
        let progress = |steering: &Steering, at_ns| {
            steering.status(0, at_ns).scenarios.iter().map(|one| one.progress).collect::<Vec<_>>()
        };
        assert_eq!(progress(&steering, SECOND), [Progress::Running, Progress::Waiting]);
        assert!(steering.over(0, 0, 0, SECOND).is_none());
        let (_, at_ns, changes) = told(steering.over(1, 0, 0, 2 * SECOND));
        assert_eq!(changes, [Change::Begin { part: 1 }]);
        assert_eq!(progress(&steering, 2 * SECOND), [Progress::Over, Progress::Waiting]);
        assert_eq!(progress(&steering, at_ns), [Progress::Over, Progress::Running]);
        let wanted = Wanted { is_paused: false, steers: vec![Steer { base: Base::Plan, factor: 2.0 }; 2] };
        let (number, _, changes) = told(steering.follow(&wanted, 3 * SECOND));
        assert_eq!(changes, [Change::Steer { part: 1, steer: wanted.steers[1] }], "`a` is over");
        // What the workers said of it before they heard of the change is stale.
        steering.over(0, 1, number - 1, 4 * SECOND);
        steering.over(1, 1, number, 4 * SECOND);
        assert!(!steering.is_over());
        steering.over(0, 1, number, 4 * SECOND);
        assert!(steering.is_over());
    }

    #[test]
    fn the_status_follows_the_schedule_through_a_pause() {
        let mut steering = Steering::new(&plan(), 1, 0, false);
        let wanted = Wanted { is_paused: true, steers: vec![Steer::default(); 2] };
        let (_, at_ns, _) = told(steering.follow(&wanted, 5 * SECOND));
        let status = steering.status(7, 60 * SECOND);
        assert_eq!((status.state, status.vus), (State::Paused, 7));
        assert_eq!((status.scenarios[0].users, status.scenarios[1].users), (Some(10), Some(0)));
        assert_eq!(status.paused, Duration::from_nanos(60 * SECOND - at_ns));
        assert_eq!(status.elapsed, Duration::from_mins(1));
    }
}
