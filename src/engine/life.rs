//! One life of a virtual user, from `on_start` to `on_stop`, and the deadline that stands over it.
//!
//! The fiber plays, the guard ([`super::closed`]) watches, and both change the state:
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

/// One life of a user.
pub(super) struct Life {
    pub(super) vu: Rc<Vu>,
    pub(super) deadline: Rc<dyn Alarm>,
    deadline_ns: Cell<u64>,
    state: Cell<State>,
    /// True from the begin of an iteration until it is booked.
    pub(super) in_iteration: Cell<bool>,
}

impl Life {
    /// A life that is cut at `deadline_ns`.
    pub(super) fn new(vu: Rc<Vu>, deadline: Rc<dyn Alarm>, deadline_ns: u64) -> Self {
        deadline.set(deadline_ns);
        Self {
            vu,
            deadline,
            deadline_ns: Cell::new(deadline_ns),
            state: Cell::new(State::Playing),
            in_iteration: Cell::new(false),
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
