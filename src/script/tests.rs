//! Scripts as the engine plays them: loaded, then called on a fiber with a user on the stage.

mod callbacks;
mod data;
mod declaring;
#[path = "../../fuzz/dream.rs"]
mod dream;
mod errors;
mod functions;
mod generated;
mod fuzz;
mod limits;
mod lints;
mod modules;
mod params;
mod reads;
mod registered;
mod stdlib;
mod steps;
mod tags;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future as _;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use rhai::{Dynamic, Scope};

use super::{Cast, Failure, Level, LogLine, Outside, Phase, Program, Stage, Turn, Vu};
use crate::diagnostic::{Diagnostic, Source, render};
use crate::fiber::{Arena, Current, Fiber};
use crate::metrics::{Recorder, Selector, Snapshot, Symbol, TagSet, Value};
use crate::plan::Plan;
use dream::DreamClock;

fn source(text: &str) -> Arc<Source> {
    Arc::new(Source { name: "test.rhai".to_owned(), text: text.to_owned() })
}

fn outside(env: &[(&str, &str)]) -> Outside {
    let env: BTreeMap<String, String> =
        env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Outside { env: Arc::new(env), seed: 7, log_level: Level::Debug, ..Outside::default() }
}

/// Loads a script with a stage of its own.
fn load(text: &str) -> Result<(Program, Plan), Box<Diagnostic>> {
    let stage = Stage::new(Rc::new(Current::default()), Rc::new(DreamClock::default()), outside(&[]), |_| {});
    Program::load(&source(text), &stage)
}

/// What an author is told of a script that doesn't load.
fn refusal(text: &str) -> Diagnostic {
    *load(text).map(|_| ()).expect_err(text)
}

fn shown(diagnostic: &Diagnostic) -> String {
    render(diagnostic, false, 100)
}

/// A script that is loaded and ready to be called.
struct Play {
    stage: Rc<Stage>,
    program: Rc<Program>,
    arena: Rc<Arena>,
    log: Rc<RefCell<Vec<String>>>,
    /// What functions that take it get as the result of `setup`.
    data: Dynamic,
}

impl Play {
    fn new(text: &str) -> Self {
        Self::with(text, outside(&[]))
    }

    fn with(text: &str, outside: Outside) -> Self {
        let log = Rc::new(RefCell::new(Vec::new()));
        let lines = Rc::clone(&log);
        let stage = Stage::new(
            Rc::new(Current::default()),
            Rc::new(DreamClock::default()),
            outside,
            move |line: LogLine| lines.borrow_mut().push(line.text),
        );
        let (program, plan) =
            Program::load(&source(text), &stage).unwrap_or_else(|e| panic!("{}", shown(&e)));
        stage.set_recorder(Recorder::new(&plan.metrics));
        Self { stage, program: Rc::new(program), arena: Arena::new(4).unwrap(), log, data: Dynamic::UNIT }
    }

    fn vu(&self, id: u64) -> Rc<Vu> {
        self.vu_in(id, Cast::new("test", TagSet::default(), [Symbol::NONE; 2], None, BTreeMap::new(), None))
    }

    fn vu_in(&self, id: u64, cast: Rc<Cast>) -> Rc<Vu> {
        let seed = self.stage.outside().seed;
        Rc::new(Vu::new(id, cast, Phase::Flow, seed, self.stage.clock().alarm(), None))
    }

    /// Calls a function of the script as a new user.
    fn call(&self, name: &str) -> Result<Dynamic, Failure> {
        self.call_as(&self.vu(1), name)
    }

    fn call_as(&self, vu: &Rc<Vu>, name: &str) -> Result<Dynamic, Failure> {
        self.call_until(vu, name, u64::MAX)
    }

    /// Calls a function; after so many polls the user is told to stop, as the engine does at a deadline.
    fn call_until(&self, vu: &Rc<Vu>, name: &str, polls_max: u64) -> Result<Dynamic, Failure> {
        let entry = self.program.entry(name).expect(name);
        let (program, user, data) = (Rc::clone(&self.program), Rc::clone(vu), self.data.clone());
        self.run_until(vu, name, polls_max, move || program.call(&user, &entry, &data, &mut Scope::new()))
    }

    /// Runs `body` on a fiber with a user on.
    fn run(
        &self,
        vu: &Rc<Vu>,
        body: impl FnOnce() -> Result<Dynamic, Failure> + 'static,
    ) -> Result<Dynamic, Failure> {
        self.run_until(vu, "it", u64::MAX, body)
    }

    fn run_until(
        &self,
        vu: &Rc<Vu>,
        name: &str,
        polls_max: u64,
        body: impl FnOnce() -> Result<Dynamic, Failure> + 'static,
    ) -> Result<Dynamic, Failure> {
        let fiber = Fiber::new(&self.arena, self.stage.current(), body).unwrap();
        let mut turn = Turn::new(&self.stage, vu, fiber);
        let mut context = Context::from_waker(Waker::noop());
        let mut polls = 0;
        loop {
            if let Poll::Ready(ended) = Pin::new(&mut turn).poll(&mut context) {
                return ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            }
            polls += 1;
            if polls == polls_max {
                vu.stop();
            }
            assert!(polls < polls_max.saturating_add(1_000), "{name} goes on after it was told to stop");
        }
    }

    /// What `flow()` returns.
    fn value<T: Clone + 'static>(&self) -> T {
        let value = self.call("flow").unwrap_or_else(|failure| panic!("{failure:?}"));
        value.clone().try_cast().unwrap_or_else(|| panic!("{value:?}"))
    }

    /// What an author is told of `flow()` that throws.
    fn threw(&self) -> Diagnostic {
        match self.call("flow") {
            Err(Failure::Threw(diagnostic)) => diagnostic,
            other => panic!("{other:?}"),
        }
    }

    fn snapshot(&self) -> Snapshot {
        self.stage.recorder().with(|recorder| recorder.take(0))
    }

    fn metric(&self, selector: &str) -> Option<Value> {
        self.snapshot().select(&Selector::parse(selector).unwrap())
    }
}

/// `flow()` with a body, loaded.
fn flow(body: &str) -> Play {
    Play::new(&format!("fn flow() {{ {body} }}"))
}
