//! Numbers of iterations by index, deadlines, and fibers that panic or never end.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::super::crew::Means;
use super::super::timer::{Epoch, Timer};
use super::*;
use crate::diagnostic::Source;
use crate::fiber::Current;
use crate::http::Clock;
use crate::metrics::Recorder;
use crate::script::{Level, Outside, Program, Stage};

const SECOND_NS: u64 = 1_000_000_000;

/// The numbers that all users on all shards get, sorted. Users take turns, and some take `fast` at once.
fn numbers(shards: usize, users: u64, bound: Option<Bound>, fast: u64, rounds: u64) -> Vec<u64> {
    let stripe = Stripe::equal(shards);
    let mut numbers = Vec::new();
    for shard in 0..shards {
        let share = Share { stripe: &stripe, shard, peak: users };
        let taken = Cell::new(0);
        let own: Vec<User> = stripe
            .owned(shard, users)
            .map(|index| User { number: index + 1, life: 0, begun: Rc::default() })
            .collect();
        for _ in 0..rounds {
            for user in &own {
                let turns = if user.number % 2 == 0 { fast } else { 1 };
                for _ in 0..turns {
                    numbers.extend(next_iteration(share, bound, user, &taken));
                }
            }
        }
    }
    numbers.sort_unstable();
    numbers
}

proptest! {
    #[test]
    fn the_shards_share_the_iterations_and_each_is_run_once(
        shards in 1usize..7, count in 1u64..9, fast in 1u64..4, total in 0u64..60,
    ) {
        let shared = Some(Bound::Shared(total));
        prop_assert_eq!(numbers(shards, count, shared, fast, 60), (0..total).collect::<Vec<_>>());
    }

    #[test]
    fn each_user_runs_its_own_and_numbers_differ(shards in 1usize..7, count in 1u64..9, fast in 1u64..4, each in 0u64..9) {
        let per_user = Some(Bound::PerUser(each));
        prop_assert_eq!(numbers(shards, count, per_user, fast, 9), (0..count * each).collect::<Vec<_>>());
    }
}

#[test]
fn numbers_without_a_bound_go_by_user_and_not_by_worker() {
    assert_eq!(numbers(1, 3, None, 1, 4), (0..12).collect::<Vec<_>>());
    assert_eq!(numbers(2, 3, None, 2, 4), numbers(5, 3, None, 2, 4));
}

/// The crew of a worker that is alone; it needs a runtime.
fn crew(script: &str) -> (Rc<Crew>, Rc<Timer>) {
    let timer = Timer::start(Epoch::now()).unwrap();
    let outside =
        Outside { env: Arc::new(BTreeMap::new()), seed: 7, log_level: Level::Info, ..Outside::default() };
    let clock = Rc::clone(&timer) as Rc<dyn Clock>;
    let stage = Stage::new(Rc::new(Current::default()), clock, outside, |_| {});
    let source = Arc::new(Source { name: "test.rhai".into(), text: script.into() });
    let (program, plan) = Program::load(&source, &stage).unwrap();
    stage.set_recorder(Recorder::new(&[]));
    let means = Means {
        program: Rc::new(program),
        stage,
        worker: 0,
        workers: 1,
        start_ns: 0,
        data: Dynamic::UNIT,
        seed: 7,
        abort: Box::new(|_| {}),
    };
    (Crew::new(&plan, means).unwrap(), timer)
}

fn block_on(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, work);
}

fn ramping(ramp_down: &str, graceful_stop: &str) -> Rc<Part> {
    let script = format!(
        "scenario(\"s\", #{{ executor: \"ramping-vus\", stages: [\"10s:5\"], flow: || (), \
            graceful_ramp_down: \"{ramp_down}\", graceful_stop: \"{graceful_stop}\" }});"
    );
    let mut part = None;
    block_on(async { part = Some(Rc::clone(&crew(&script).0.parts[0])) });
    part.unwrap()
}

#[test]
fn the_deadline_is_that_of_the_ramp_or_of_the_scenario() {
    let hold =
        |until: u64| Hold { start_ns: 0, until_ns: until * SECOND_NS, scenario_end_ns: 10 * SECOND_NS };
    let part = ramping("3s", "5s");
    assert_eq!(hold(10).deadline_ns(&part), 15 * SECOND_NS, "the scenario is over");
    assert_eq!(hold(4).deadline_ns(&part), 7 * SECOND_NS, "ramped down");
    assert_eq!(hold(9).deadline_ns(&part), 12 * SECOND_NS);
    let part = ramping("30s", "5s");
    assert_eq!(hold(4).deadline_ns(&part), 15 * SECOND_NS, "never past the scenario's own stop");
    let part = ramping("0s", "0s");
    assert_eq!((hold(4).deadline_ns(&part), hold(10).deadline_ns(&part)), (4 * SECOND_NS, 10 * SECOND_NS));
}

#[test]
fn a_panic_on_a_fiber_is_a_bug_with_our_version_and_the_books_balance() {
    block_on(async {
        let (crew, timer) = crew("fn flow() {}");
        let part = &crew.parts[0];
        let user = User { number: 1, life: 0, begun: Rc::default() };
        let life = crew.hire(part, &user, (timer.alarm(), u64::MAX - 1));
        part.book(|books| (books.scheduled, books.started) = (1, 1));
        life.in_iteration.set(true);
        let fiber = Fiber::new(&crew.arena, crew.stage.current(), || panic!("boom")).unwrap();
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
        let user = User { number: 1, life: 0, begun: Rc::default() };
        let life = crew.hire(part, &user, (timer.alarm(), 0));
        part.book(|books| (books.scheduled, books.started) = (1, 1));
        life.in_iteration.set(true);
        let current = Rc::clone(crew.stage.current());
        // It waits for good, and doesn't look whether it was told to end.
        let deaf = move || current.wait(std::future::pending::<()>(), || false).unwrap();
        let fiber = Fiber::new(&crew.arena, crew.stage.current(), deaf).unwrap();
        guard(&crew, part, &life, Turn::new(&crew.stage, &life.vu, fiber)).await;
        let books = part.books.get();
        assert_eq!((crew.leaked.get(), books.interrupted), (1, 1));
        assert!(books.balance() && crew.bugs().is_empty());
    });
}
