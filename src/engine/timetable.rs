//! Where a scenario stands: when it started, and what is wanted of it since it was steered.
//!
//! Each worker keeps one for each scenario, and so does the control thread, which tells from it. They are
//! told the same at the same instants. All times are schedule time, see [`Pace`], unless they say otherwise.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use crate::plan::{Curve, Demand, RateCurve, Scenario};
use crate::script::Agenda;

use super::act::nanoseconds;
use super::control::{Base, Steer};
use super::pace::Pace;

/// A scenario's place in the run.
#[derive(Debug)]
pub(super) struct Timetable {
    planned: RefCell<Rc<Demand>>,
    /// As steered.
    demand: RefCell<Rc<Demand>>,
    is_steered: Cell<bool>,
    /// None while nobody knows.
    start_ns: Cell<Option<u64>>,
    /// From the word that it may start to its start.
    delay: Duration,
    /// When it was last planned anew: it ends no earlier.
    replanned_ns: Cell<Option<u64>>,
    /// When its last user ended, at a real instant; none while it has users, or waits for its turn.
    over_ns: Cell<Option<u64>>,
    pace: Rc<RefCell<Pace>>,
}

impl Timetable {
    pub(super) fn new(scenario: &Scenario, pace: &Rc<RefCell<Pace>>) -> Rc<Self> {
        let planned = Rc::new(scenario.demand.clone());
        Rc::new(Self {
            demand: RefCell::new(Rc::clone(&planned)),
            planned: RefCell::new(planned),
            is_steered: Cell::new(false),
            start_ns: Cell::new(None),
            delay: scenario.start_time,
            replanned_ns: Cell::new(None),
            over_ns: Cell::new(None),
            pace: Rc::clone(pace),
        })
    }

    /// It may start, at a real instant: it does after its delay.
    pub(super) fn begin(&self, at_ns: u64) {
        let at_ns = self.pace.borrow().schedule_ns(at_ns);
        self.start_ns.set(Some(at_ns.saturating_add(nanoseconds(self.delay))));
    }

    /// When it starts.
    pub(super) fn start_ns(&self) -> Option<u64> {
        self.start_ns.get()
    }

    /// When it is over, but for its graceful stop.
    pub(super) fn end_ns(&self) -> Option<u64> {
        let planned_ns = nanoseconds(self.planned.borrow().duration());
        Some(self.start_ns.get()?.saturating_add(planned_ns).max(self.replanned_ns.get().unwrap_or(0)))
    }

    /// Its last user has ended, at a real instant.
    pub(super) fn end(&self, at_ns: u64) {
        if self.over_ns.get().is_none() {
            self.over_ns.set(Some(at_ns));
        }
    }

    /// Whether its last user had ended by a real instant.
    pub(super) fn is_over_by(&self, real_ns: u64) -> bool {
        self.over_ns.get().is_some_and(|over_ns| over_ns <= real_ns)
    }

    /// Another load from now on.
    pub(super) fn steer(&self, steer: Steer) {
        self.is_steered.set(true);
        self.demand.replace(Rc::new(steer.of(&self.planned.borrow())));
    }

    /// Another plan from a real instant on, as another version of the script has it; how it was steered is
    /// forgotten. Where its end lies before that, it ends at the instant, and its graceful stop begins then.
    pub(super) fn replan(&self, demand: &Demand, at_ns: u64) {
        self.replanned_ns.set(Some(self.pace.borrow().schedule_ns(at_ns)));
        let planned = Rc::new(demand.clone());
        self.is_steered.set(true);
        self.demand.replace(Rc::clone(&planned));
        self.planned.replace(planned);
    }

    /// Whether its load was ever another than planned, or may be by plan: then it lasts for its whole time.
    pub(super) fn is_held(&self) -> bool {
        self.is_steered.get()
            || matches!(&**self.planned.borrow(), Demand::Users(users) if users.max.is_some())
    }

    /// What is wanted of it.
    pub(super) fn demand(&self) -> Rc<Demand> {
        Rc::clone(&self.demand.borrow())
    }

    /// How many users its schedule wants at a real instant, if it is one of users.
    pub(super) fn users_at(&self, real_ns: u64) -> Option<u64> {
        let into_ns = self.progress_ns(real_ns);
        match &**self.demand.borrow() {
            Demand::Users(users) => Some(into_ns.map_or(0, |ns| users.curve.users_at(ns))),
            Demand::Arrivals(_) => None,
        }
    }

    /// How many iterations a second its schedule wants at a real instant, if it is one of arrivals.
    pub(super) fn rate_at(&self, real_ns: u64) -> Option<f64> {
        let into_ns = self.progress_ns(real_ns);
        match &**self.demand.borrow() {
            Demand::Users(_) => None,
            Demand::Arrivals(arrivals) => Some(into_ns.map_or(0.0, |ns| arrivals.rate.per_second_at(ns))),
        }
    }

    /// How much of it is over at a real instant; nothing before its start.
    fn progress_ns(&self, real_ns: u64) -> Option<u64> {
        self.pace.borrow().schedule_ns(real_ns).checked_sub(self.start_ns.get()?)
    }
}

impl Agenda for Timetable {
    fn demand(&self) -> Rc<Demand> {
        self.demand()
    }

    fn start_ns(&self) -> u64 {
        let start_ns = self.start_ns.get().unwrap_or(u64::MAX);
        self.pace.borrow().real_ns(start_ns).unwrap_or(u64::MAX)
    }

    fn elapsed_ns(&self, now_ns: u64) -> u64 {
        self.progress_ns(now_ns).unwrap_or(0)
    }
}

impl Steer {
    /// What it makes of a planned load.
    pub(super) fn of(self, planned: &Demand) -> Demand {
        let mut demand = planned.clone();
        match &mut demand {
            Demand::Users(users) => {
                if let Base::Users(count) = self.base {
                    users.curve = Curve::constant(count, planned.duration());
                }
                users.curve = users.curve.scaled(self.factor);
            }
            Demand::Arrivals(arrivals) => {
                if let Base::Rate(per_second) = self.base {
                    arrivals.rate =
                        RateCurve::constant(per_second, Duration::from_secs(1), planned.duration());
                }
                arrivals.rate = arrivals.rate.scaled(self.factor);
            }
        }
        demand
    }
}
