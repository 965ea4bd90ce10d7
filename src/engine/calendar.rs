//! The load's seconds as its schedule sees them: which were whole, paused, and under one load.
//!
//! The control thread's own: it shares the timetables and the pace that it tells the workers from, and asks
//! about seconds that are over, so that what it answers is what was played.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::pace::Pace;
use super::timetable::Timetable;

const SECOND_NS: u64 = 1_000_000_000;

/// What the schedule wanted in each second; made by [`super::steering::Steering::calendar`].
pub(super) struct Calendar {
    pub(super) start_ns: u64,
    pub(super) pace: Rc<RefCell<Pace>>,
    /// A scenario each, in the order of declaration.
    pub(super) timetables: Vec<Rc<Timetable>>,
}

/// A load that is wanted at one instant, scenario by scenario: users or a rate.
pub(super) type Wanted = Vec<(Option<u64>, Option<f64>)>;

impl Calendar {
    /// From the first nanosecond of a second to the first after it.
    fn bounds_ns(&self, number: u64) -> (u64, u64) {
        let end_ns = self.start_ns.saturating_add(number.saturating_mul(SECOND_NS));
        (end_ns.saturating_sub(SECOND_NS), end_ns)
    }

    /// How long the load had been paused by the end of a second; 0 is the load's start.
    pub(super) fn paused_by(&self, number: u64) -> Duration {
        let pace = self.pace.borrow();
        let end_ns = self.start_ns.saturating_add(number.saturating_mul(SECOND_NS));
        pace.paused(end_ns).saturating_sub(pace.paused(self.start_ns))
    }

    /// Whether the load stood for a part of a second.
    pub(super) fn has_pause(&self, number: u64) -> bool {
        self.paused_by(number) > self.paused_by(number.saturating_sub(1))
    }

    /// Whether a scenario's load was on for the whole of a second.
    pub(super) fn is_on(&self, part: usize, number: u64) -> bool {
        let (from_ns, to_ns) = self.bounds_ns(number);
        let timetable = &self.timetables[part];
        if timetable.is_over_by(to_ns) || self.has_pause(number) {
            return false;
        }
        let pace = self.pace.borrow();
        let span = timetable.start_ns().zip(timetable.end_ns());
        span.is_some_and(|(start, end)| start <= pace.schedule_ns(from_ns) && pace.schedule_ns(to_ns) <= end)
    }

    /// The same of any scenario.
    pub(super) fn is_any_on(&self, number: u64) -> bool {
        (0..self.timetables.len()).any(|part| self.is_on(part, number))
    }

    /// What was wanted all through a second; none where that changed in it, or where nothing was wanted.
    pub(super) fn wanted(&self, number: u64) -> Option<Wanted> {
        if self.has_pause(number) {
            return None;
        }
        let (from_ns, to_ns) = self.bounds_ns(number);
        let at = |ns: u64| -> Wanted {
            let of = |timetable: &Rc<Timetable>| match timetable.is_over_by(to_ns) {
                true => (None, None),
                false => (timetable.users_at(ns), timetable.rate_at(ns)),
            };
            self.timetables.iter().map(of).collect()
        };
        let wanted = at(from_ns);
        let is_something = wanted.iter().any(|(users, rate)| {
            users.is_some_and(|users| users > 0) || rate.is_some_and(|rate| rate > 0.0)
        });
        // A ramp that comes back to where it was within one second is as good as a level.
        (is_something && wanted == at(to_ns - 1)).then_some(wanted)
    }
}
