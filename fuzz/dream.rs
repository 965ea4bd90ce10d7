//! A world for a script without a worker: time passes only where somebody sleeps, and a scenario's schedule
//! says what it is told to.
//!
//! Compiled into the fuzz targets and into the script room's own tests.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use runner::http::{Alarm, Clock};
use runner::metrics::{Symbol, TagSet};
use runner::plan::{Bound, Curve, Demand, Ids, Users};
use runner::script::{Agenda, Cast, Course};

/// Time that passes only where somebody sleeps.
#[derive(Debug, Default)]
pub(crate) struct DreamClock(Rc<Cell<u64>>);

impl Clock for DreamClock {
    fn now_ns(&self) -> u64 {
        self.0.get()
    }

    fn alarm(&self) -> Rc<dyn Alarm> {
        Rc::new(DreamAlarm { now: Rc::clone(&self.0), due: Cell::new(None) })
    }
}

struct DreamAlarm {
    now: Rc<Cell<u64>>,
    due: Cell<Option<u64>>,
}

impl Alarm for DreamAlarm {
    fn set(&self, at_ns: u64) {
        self.due.set(Some(at_ns));
    }

    fn clear(&self) {
        self.due.set(None);
    }

    fn poll_due(&self, _context: &mut Context<'_>) -> Poll<()> {
        let Some(due) = self.due.get() else { return Poll::Pending };
        self.now.set(self.now.get().max(due));
        Poll::Ready(())
    }
}

/// A scenario that starts a second after the run.
#[derive(Debug)]
struct SinceASecond(Rc<Demand>);

impl Agenda for SinceASecond {
    fn demand(&self) -> Rc<Demand> {
        Rc::clone(&self.0)
    }

    fn start_ns(&self) -> u64 {
        1_000_000_000
    }

    fn elapsed_ns(&self, now_ns: u64) -> u64 {
        now_ns.saturating_sub(self.start_ns())
    }
}

/// A scenario `buy` of four users for ten seconds.
pub(crate) fn cast(bound: Option<Bound>) -> Rc<Cast> {
    let users = Users {
        curve: Curve::constant(4, Duration::from_secs(10)),
        bound,
        graceful_ramp_down: Duration::ZERO,
        max: None,
    };
    let course = Course {
        executor: "constant-vus".into(),
        run_start_ns: 0,
        agenda: Rc::new(SinceASecond(Rc::new(Demand::Users(users)))),
        ids: Ids::default(),
        seed: 7,
        caps: Vec::new(),
    };
    Cast::new("buy", TagSet::default(), [Symbol::NONE; 2], None, BTreeMap::new(), Some(course))
}
