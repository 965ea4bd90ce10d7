//! Plays a script's flow as a worker does: on a fiber, with a user on the stage. No network, no reactor;
//! time passes where somebody sleeps.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rhai::{Dynamic, Scope};
use runner::diagnostic::{Source, render};
use runner::fiber::{Arena, Current, Fiber};
use runner::http::{Alarm, Clock};
use runner::metrics::{Recorder, Symbol, TagSet};
use runner::plan::{Curve, Users};
use runner::script::{Cast, Course, Failure, Outside, Phase, Program, Stage, Turn, Vu};

/// Polls before the flow is told to stop, and then before it has to have ended.
const POLLS_MAX: u32 = 200;

/// Time that passes only where somebody sleeps.
#[derive(Default)]
struct DreamClock(Rc<Cell<u64>>);

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

/// Plays `flow()` once, if the script loads. What it throws is rendered.
pub(crate) fn play(text: &str) {
    let source = Arc::new(Source { name: "fuzz.rhai".to_owned(), text: text.to_owned() });
    let outside = Outside { folder: PathBuf::from("no-such-folder"), seed: 1, ..Outside::default() };
    let stage = Stage::new(Rc::new(Current::default()), Rc::new(DreamClock::default()), outside, |_| {});
    let Ok((program, plan)) = Program::load(&source, &stage) else { return };
    let Some(entry) = program.entry("flow") else { return };
    stage.set_recorder(Recorder::new(&plan.metrics));
    let users = Users {
        curve: Curve::constant(4, Duration::from_secs(10)),
        bound: None,
        graceful_ramp_down: Duration::ZERO,
    };
    let course =
        Course { executor: "constant-vus".into(), run_start_ns: 0, start_ns: 0, users, first_id: 1, seed: 1 };
    let symbols = [Symbol::NONE; 2];
    let cast = Cast::new("fuzz", TagSet::default(), symbols, None, BTreeMap::new(), Some(course));
    let vu = Rc::new(Vu::new(1, cast, Phase::Flow, 1, stage.clock().alarm(), None));
    let arena = Arena::new(1).expect("memory for one stack");
    let user = Rc::clone(&vu);
    let body = move || program.call(&user, &entry, &Dynamic::UNIT, &mut Scope::new());
    let fiber = Fiber::new(&arena, stage.current(), body).expect("a stack is free");
    let mut turn = Turn::new(&stage, &vu, fiber);
    let mut context = Context::from_waker(Waker::noop());
    for polls in 0..2 * POLLS_MAX {
        if let Poll::Ready(ended) = Pin::new(&mut turn).poll(&mut context) {
            match ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic)) {
                Ok(_) | Err(Failure::Stopped | Failure::Aborted(_)) => {}
                Err(Failure::Threw(told) | Failure::Asserted(told) | Failure::Failed(told)) => {
                    assert!(!render(&told, true, 80).is_empty());
                }
            }
            return;
        }
        if polls == POLLS_MAX {
            vu.stop();
        }
    }
    panic!("the flow goes on after it was told to stop");
}
