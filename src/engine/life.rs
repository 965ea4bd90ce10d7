//! One life of a virtual user, from `on_start` to `on_stop`, and the deadline that stands over it.
//!
//! The fiber plays, the guard ([`super::act`]) watches, and both change the state:
//!
//! | state    | event                        | next     | deadline from then on                 |
//! |----------|------------------------------|----------|---------------------------------------|
//! | playing  | deadline, or the crew stops  | cut      | [`LEAK_NS`]; the script is told to end |
//! | playing  | `on_stop` begins             | stopping | the graceful stop, at least [`ON_STOP_NS`] |
//! | cut      | `on_stop` begins             | stopping | [`ON_STOP_NS`]                        |
//! | cut      | deadline                     | given up |                                       |
//! | stopping | the crew stops               | stopping | [`ON_STOP_NS`], unless it is sooner   |
//! | stopping | deadline                     | ending   | [`LEAK_NS`]; the script is told to end |
//! | ending   | deadline                     | given up |                                       |

use std::cell::Cell;
use std::rc::Rc;

use crate::http::Alarm;
use crate::script::Vu;

/// How long `on_stop` may take once the user had to be cut.
pub(super) const ON_STOP_NS: u64 = 2_000_000_000;
/// How long a script may take to end once it was told to.
pub(super) const LEAK_NS: u64 = 1_000_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Playing,
    Cut,
    Stopping,
    Ending,
}

/// How long a user is wanted, in schedule time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hold {
    /// No iteration begins from here on.
    pub(super) until_ns: u64,
    /// An iteration that still runs is cut.
    pub(super) cut_ns: u64,
}

/// One life of a user.
pub(super) struct Life {
    pub(super) vu: Rc<Vu>,
    /// Until when it is wanted; changes when the run is steered.
    pub(super) hold: Cell<Hold>,
    /// What it waits for between two iterations, in schedule time; `u64::MAX` when it doesn't.
    pub(super) waits_ns: Cell<u64>,
    pub(super) deadline: Rc<dyn Alarm>,
    deadline_ns: Cell<u64>,
    state: Cell<State>,
    /// When the iteration began that is not booked yet.
    pub(super) iteration_ns: Cell<Option<u64>>,
    /// How often its fiber was resumed.
    pub(super) resumed: Cell<u64>,
}

impl Life {
    /// A life that is cut as `hold` says, by an alarm that is not set yet: see [`Life::keep_to`].
    pub(super) fn new(vu: Rc<Vu>, deadline: Rc<dyn Alarm>, hold: Hold) -> Self {
        Self {
            vu,
            hold: Cell::new(hold),
            waits_ns: Cell::new(u64::MAX),
            deadline,
            deadline_ns: Cell::new(u64::MAX),
            state: Cell::new(State::Playing),
            iteration_ns: Cell::new(None),
            resumed: Cell::new(0),
        }
    }

    /// Sets its alarms by the schedule, which may have moved: `real_ns` gives the worker's time of an instant.
    pub(super) fn keep_to(&self, real_ns: impl Fn(u64) -> u64) {
        let hold = self.hold.get();
        if self.is_playing() {
            self.set_deadline(real_ns(hold.cut_ns));
        }
        if self.waits_ns.get() != u64::MAX {
            self.vu.alarm.set(real_ns(self.waits_ns.get().min(hold.until_ns)));
        }
    }

    /// True until the script was told to end, or came to its end.
    pub(super) fn is_playing(&self) -> bool {
        self.state.get() == State::Playing
    }

    /// The next step towards the end; false when there is none left, so that the life is given up.
    pub(super) fn cut(&self, now_ns: u64) -> bool {
        let next = match self.state.get() {
            State::Playing => State::Cut,
            State::Stopping => State::Ending,
            State::Cut | State::Ending => return false,
        };
        self.state.set(next);
        self.set_deadline(now_ns.saturating_add(LEAK_NS));
        self.vu.stop();
        true
    }

    /// The crew stops: what plays is cut, an `on_stop` under way may go on for a while.
    pub(super) fn stop(&self, now_ns: u64) {
        match self.state.get() {
            // The wake that this brings lets the guard cut it.
            State::Playing => self.vu.stop(),
            State::Stopping => {
                self.set_deadline(self.deadline_ns.get().min(now_ns.saturating_add(ON_STOP_NS)));
            }
            State::Cut | State::Ending => {}
        }
    }

    /// `on_stop` begins, and may take `graceful_ns` if nothing had to be cut.
    pub(super) fn begin_on_stop(&self, now_ns: u64, graceful_ns: u64, crew_stops: bool) {
        let least_ns = now_ns.saturating_add(ON_STOP_NS);
        let was_cut = crew_stops || !self.is_playing();
        self.state.set(State::Stopping);
        let graceful_ns = self.deadline_ns.get().min(now_ns.saturating_add(graceful_ns));
        self.set_deadline(if was_cut { least_ns } else { least_ns.max(graceful_ns) });
    }

    fn set_deadline(&self, at_ns: u64) {
        self.deadline_ns.set(at_ns);
        self.deadline.set(at_ns);
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll};

    use super::*;
    use crate::script::{Cast, Phase};

    /// An alarm that only remembers when it is set for.
    #[derive(Default)]
    struct Noted(Cell<u64>);

    impl Alarm for Noted {
        fn set(&self, at_ns: u64) {
            self.0.set(at_ns);
        }

        fn clear(&self) {}

        fn poll_due(&self, _context: &mut Context<'_>) -> Poll<()> {
            Poll::Pending
        }
    }

    const SECOND: u64 = 1_000_000_000;

    fn life(deadline_s: u64) -> (Life, Rc<Noted>) {
        let alarm = Rc::new(Noted::default());
        let vu = Vu::new(1, Cast::outside(None), Phase::Flow, 0, Rc::new(Noted::default()), None);
        let hold = Hold { until_ns: deadline_s * SECOND, cut_ns: deadline_s * SECOND };
        let life = Life::new(Rc::new(vu), Rc::clone(&alarm) as Rc<dyn Alarm>, hold);
        life.keep_to(|at_ns| at_ns);
        (life, alarm)
    }

    #[test]
    fn a_cut_life_has_time_for_on_stop_and_is_told_twice() {
        let (life, alarm) = life(10);
        assert!(life.is_playing() && alarm.0.get() == 10 * SECOND);
        assert!(life.cut(10 * SECOND));
        assert!(life.vu.is_ending() && alarm.0.get() == 10 * SECOND + LEAK_NS);
        life.vu.take_ending();
        life.begin_on_stop(11 * SECOND, 30 * SECOND, false);
        assert_eq!(alarm.0.get(), 11 * SECOND + ON_STOP_NS, "no grace for what was cut");
        assert!(!life.vu.is_ending());
        assert!(life.cut(13 * SECOND));
        assert!(life.vu.is_ending() && alarm.0.get() == 13 * SECOND + LEAK_NS);
        assert!(!life.cut(14 * SECOND), "nothing left to try");
    }

    #[test]
    fn a_life_that_ignores_the_cut_is_given_up() {
        let (life, _) = life(10);
        assert!(life.cut(10 * SECOND));
        assert!(!life.cut(10 * SECOND + LEAK_NS));
    }

    #[test]
    fn on_stop_has_the_graceful_stop_within_the_deadline() {
        let (life, alarm) = life(600);
        life.begin_on_stop(SECOND, 30 * SECOND, false);
        assert_eq!(alarm.0.get(), 31 * SECOND, "not the ten minutes that iterations had");
        let (life, alarm) = self::life(10);
        life.begin_on_stop(9 * SECOND, 30 * SECOND, false);
        assert_eq!(alarm.0.get(), 9 * SECOND + ON_STOP_NS, "at least so much");
    }

    #[test]
    fn a_stop_cuts_iterations_and_shortens_on_stop() {
        let (playing, _) = life(600);
        playing.stop(SECOND);
        assert!(playing.vu.is_ending());
        let (stopping, alarm) = life(600);
        stopping.begin_on_stop(SECOND, 30 * SECOND, false);
        stopping.stop(5 * SECOND);
        assert!(!stopping.vu.is_ending(), "`on_stop` may end");
        assert_eq!(alarm.0.get(), 5 * SECOND + ON_STOP_NS);
        stopping.stop(6 * SECOND);
        assert_eq!(alarm.0.get(), 5 * SECOND + ON_STOP_NS, "a second stop gives no more time");
        let (late, alarm) = life(600);
        late.begin_on_stop(SECOND, 30 * SECOND, true);
        assert_eq!(alarm.0.get(), SECOND + ON_STOP_NS, "the crew stopped already");
    }
}
