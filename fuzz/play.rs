//! Plays a script's flow as a worker does: on a fiber, with a user on the stage. No network, no reactor;
//! time passes where somebody sleeps.

use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use rhai::{Dynamic, Scope};
use runner::diagnostic::{Source, render};
use runner::fiber::{Arena, Current, Fiber};
use runner::metrics::Recorder;
use runner::script::{Failure, Outside, Phase, Program, Stage, Turn, Vu};

use super::dream::{DreamClock, cast};

/// Polls before the flow is told to stop, and then before it has to have ended.
const POLLS_MAX: u32 = 200;

/// Plays `flow()` once, and says whether it came to its end; nothing if the script doesn't load. What it throws is
/// rendered.
pub(crate) fn play(text: &str) -> Option<bool> {
    let source = Arc::new(Source { name: "fuzz.rhai".to_owned(), text: text.to_owned() });
    let outside = Outside { folder: PathBuf::from("no-such-folder"), seed: 1, ..Outside::default() };
    let stage = Stage::new(Rc::new(Current::default()), Rc::new(DreamClock::default()), outside, |_| {});
    let (program, plan) = Program::load(&source, &stage).ok()?;
    let entry = program.entry("flow")?;
    stage.set_recorder(Recorder::new(&plan.metrics));
    let vu = Rc::new(Vu::new(1, cast(None), Phase::Flow, 1, stage.clock().alarm(), None));
    let arena = Arena::new(1).expect("memory for one stack");
    let user = Rc::clone(&vu);
    // In a box: what moves onto a fresh stack must be small.
    let program = Box::new(program);
    let body = move || program.call(&user, &entry, &Dynamic::UNIT, &mut Scope::new());
    let fiber = Fiber::new(&arena, stage.current(), body).expect("a stack is free");
    let mut turn = Turn::new(&stage, &vu, fiber);
    let mut context = Context::from_waker(Waker::noop());
    for polls in 0..2 * POLLS_MAX {
        if let Poll::Ready(ended) = Pin::new(&mut turn).poll(&mut context) {
            return Some(match ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic)) {
                Ok(_) => true,
                Err(Failure::Stopped(_) | Failure::Aborted(_)) => false,
                Err(Failure::Threw(told) | Failure::Asserted(told) | Failure::Failed(told)) => {
                    assert!(!render(&told, true, 80).is_empty());
                    false
                }
            });
        }
        if polls == POLLS_MAX {
            vu.stop();
        }
    }
    panic!("the flow goes on after it was told to stop");
}
