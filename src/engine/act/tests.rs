//! Fibers that panic or never end, and the crew that tests of drivers share.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::crew::Means;
use super::super::timer::{Epoch, Timer};
use super::*;
use crate::diagnostic::Source;
use crate::fiber::Current;
use crate::http::Clock;
use crate::metrics::Recorder;
use crate::script::{Level, Outside, Program, Stage};

/// The crew of a worker that is alone; it needs a runtime.
pub(in super::super) fn crew(script: &str) -> (Rc<Crew>, Rc<Timer>) {
    let timer = Timer::start(Epoch::now()).unwrap();
    let outside =
        Outside { env: Arc::new(BTreeMap::new()), seed: 7, log_level: Level::Info, ..Outside::default() };
    let clock = Rc::clone(&timer) as Rc<dyn Clock>;
    let stage = Stage::new(Rc::new(Current::default()), clock, outside, |_| {});
    let source = Arc::new(Source { name: "test.rhai".into(), text: script.into() });
    let (program, plan) = Program::load(&source, &stage).unwrap();
    stage.set_recorder(Recorder::new(&[]));
    let means = Means {
        program: Some(Rc::new(program)),
        stage,
        worker: 0,
        workers: 1,
        start_ns: 0,
        data: rhai::Dynamic::UNIT,
        seed: 7,
        abort: Box::new(|_| {}),
    };
    (Crew::new(&plan, means).unwrap(), timer)
}

pub(in super::super) fn block_on(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, work);
}

#[test]
fn a_panic_on_a_fiber_is_a_bug_with_our_version_and_the_books_balance() {
    block_on(async {
        let (crew, timer) = crew("fn flow() {}");
        let part = &crew.parts[0];
        let user = User { number: 1, life: 0 };
        let life =
            crew.hire(part, user, (timer.alarm(), Hold { until_ns: u64::MAX - 1, cut_ns: u64::MAX - 1 }));
        part.book(|books| (books.scheduled, books.started) = (1, 1));
        life.iteration_ns.set(Some(0));
        let fiber = Fiber::new(&crew.arena().unwrap(), crew.stage.current(), || panic!("boom")).unwrap();
        guard(&crew, part, &life, Turn::new(&crew.stage, &life.vu, fiber)).await;
        let bugs = crew.bugs();
        assert_eq!((bugs.len(), bugs[0].0.code), (1, Code::Bug));
        let expected = format!("runner {} panicked: boom", env!("CARGO_PKG_VERSION"));
        assert_eq!(bugs[0].0.message, expected);
        let books = part.books.get();
        assert!(books.balance() && books.failed == 1, "{books:?}");
    });
}

#[test]
fn a_fiber_that_does_not_end_is_leaked_and_its_iteration_interrupted() {
    block_on(async {
        let (crew, timer) = crew("fn flow() {}");
        tokio::task::spawn_local(Rc::clone(&timer).run());
        let part = &crew.parts[0];
        let user = User { number: 1, life: 0 };
        let life = crew.hire(part, user, (timer.alarm(), Hold { until_ns: 0, cut_ns: 0 }));
        part.book(|books| (books.scheduled, books.started) = (1, 1));
        life.iteration_ns.set(Some(0));
        let current = Rc::clone(crew.stage.current());
        // It waits for good, and doesn't look whether it was told to end.
        let deaf = move || current.wait(std::future::pending::<()>(), || false).unwrap();
        let fiber = Fiber::new(&crew.arena().unwrap(), crew.stage.current(), deaf).unwrap();
        guard(&crew, part, &life, Turn::new(&crew.stage, &life.vu, fiber)).await;
        let books = part.books.get();
        assert_eq!((crew.leaked.get(), books.interrupted), (1, 1));
        assert!(books.balance() && crew.bugs().is_empty());
    });
}
