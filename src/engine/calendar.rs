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
            let of = |timetable: &Rc<Timetable>| {
                let is_over = timetable.is_over_by(to_ns);
                if is_over { (None, None) } else { (timetable.users_at(ns), timetable.rate_at(ns)) }
            };
            self.timetables.iter().map(of).collect()
        };
        let wanted = at(from_ns);
        let is_something = wanted
            .iter()
            .any(|(users, rate)| users.is_some_and(|users| users > 0) || rate.is_some_and(|rate| rate > 0.0));
        // A ramp that comes back to where it was within one second is as good as a level.
        (is_something && wanted == at(to_ns - 1)).then_some(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::super::control::{Base, Steer};
    use super::super::warm_up::WarmUp;
    use super::*;
    use crate::diagnostic::Position;
    use crate::plan::{Options, Scenario, Value};

    const START: u64 = 700_000_000;

    /// A scenario of these options, `late` seconds after the load's start.
    fn calendar(scenarios: &[(&str, &[(&str, Value)])]) -> Calendar {
        let pace = Rc::new(RefCell::new(Pace::default()));
        let timetable = |(name, options): &(&str, &[(&str, Value)])| {
            let mut all: Options =
                options.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            all.insert("flow".into(), Value::Text("f".into()));
            let scenario = Scenario::from_options(name, &all, None::<Position>).unwrap();
            let timetable = Timetable::new(&scenario, &pace);
            timetable.begin(START);
            timetable
        };
        let timetables = scenarios.iter().map(timetable).collect();
        Calendar { start_ns: START, pace, timetables }
    }

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    /// Two users from 1.5 s on, for 4 s.
    fn late() -> Calendar {
        let options = [
            ("executor", text("constant-vus")),
            ("vus", Value::Int(2)),
            ("duration", text("4s")),
            ("start_time", text("1500ms")),
        ];
        calendar(&[("late", &options)])
    }

    fn on(calendar: &Calendar) -> Vec<u64> {
        (1..=12).filter(|number| calendar.is_on(0, *number)).collect()
    }

    #[test]
    fn a_scenario_is_on_in_its_whole_seconds() {
        let calendar = late();
        assert_eq!(on(&calendar), [3, 4, 5]);
        assert!(!calendar.is_any_on(2) && calendar.is_any_on(3));
        calendar.timetables[0].end(START + 4_200 * 1_000_000);
        assert_eq!(on(&calendar), [3, 4], "its iterations were done before its time");
    }

    #[test]
    fn a_pause_moves_what_comes_behind_it_and_its_seconds_are_not_whole() {
        let calendar = late();
        calendar.pace.borrow_mut().pause(START + 3_500 * 1_000_000);
        calendar.pace.borrow_mut().resume(START + 5_600 * 1_000_000);
        assert_eq!(on(&calendar), [3, 7]);
        let paused: Vec<u64> = (1..=8).filter(|number| calendar.has_pause(*number)).collect();
        assert_eq!(paused, [4, 5, 6]);
        assert_eq!(
            (calendar.paused_by(4), calendar.paused_by(9)),
            (Duration::from_millis(500), Duration::from_millis(2_100))
        );
    }

    #[test]
    fn a_load_is_one_while_nothing_of_it_changes() {
        let ramp = [
            ("executor", text("ramping-vus")),
            ("start_vus", Value::Int(1)),
            ("stages", Value::List(vec![text("2s:5"), text("3s:5"), text("1s:0")])),
        ];
        let rate =
            [("executor", text("constant-arrival-rate")), ("rate", Value::Int(50)), ("duration", text("8s"))];
        let both = calendar(&[("ramp", &ramp), ("rate", &rate)]);
        let flat: Vec<u64> = (1..=10).filter(|number| both.wanted(*number).is_some()).collect();
        assert_eq!(flat, [3, 4, 5, 7, 8]);
        assert_eq!(both.wanted(3), both.wanted(5));
        assert_ne!(both.wanted(5), both.wanted(7), "another load behind the ramp");
        both.timetables[1].steer(Steer { base: Base::Plan, factor: 2.0 });
        assert_eq!(both.wanted(7).unwrap()[1].1, Some(100.0));
    }

    #[test]
    fn time_in_which_the_load_stands_warms_nothing_up() {
        let calendar = late();
        calendar.pace.borrow_mut().pause(START);
        calendar.pace.borrow_mut().resume(START + 2_500 * 1_000_000);
        let mut warm_up = WarmUp::new(Duration::from_secs(2)).unwrap();
        let held: Vec<u64> = (1..=8).filter(|number| warm_up.holds(*number, Some(&calendar))).collect();
        assert_eq!(held, [1, 2, 3, 4, 5], "two and a half seconds of five were a pause");
        assert!(warm_up.is_over && WarmUp::new(Duration::ZERO).is_none());
    }
}
