//! A flow in steps, cut where it waits.
//!
//! Interpreted in one piece, a flow that waits for its answer keeps the interpreter's whole stack, some
//! 10 KB that are cold when the answer comes, and its look-ups. So a flow's statements are sorted once, when
//! it is loaded:
//!
//! | step | statement | where it runs |
//! |---|---|---|
//! | [`Request`] | `let r = http::get(…);`, what it takes doesn't wait | natively, on the user's stack |
//! | [`Sleep`] | `sleep(…);` | natively, on the user's stack |
//! | [`Check`] | `check(…)` of conditions on a response | natively, on the user's stack |
//! | `Still` | any that can't wait ([`Stillness`]) | interpreted, on the worker's shared stack |
//! | `Other` | the rest | interpreted, on the user's stack |
//!
//! What a script sees is the same, and `tests/steps.rs` plays flows both ways. Whatever a native step doesn't
//! know how to do, it leaves to the interpreter.

mod check;
mod condition;
mod cut;
mod play;
mod request;
mod sleep;
mod still;

use rhai::{Dynamic, EvalAltResult, ImmutableString};

use self::check::Check;
use self::play::Block;
pub(super) use self::play::Play;
use self::request::Request;
use self::sleep::Sleep;
pub(super) use self::still::Stillness;
use super::stage::terminated;

/// A flow, ready to be played.
#[derive(Debug)]
pub(super) struct Steps {
    parameter: Option<ImmutableString>,
    list: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    /// In a box: what a request may say is large beside the others.
    Request(Box<Request>),
    Sleep(Sleep),
    Check(Check),
    Still(Block),
    Other(Block),
}

/// Whether a flow goes on behind a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Step,
    /// It returned.
    End,
}

impl Steps {
    /// Plays them to the end of the flow.
    pub(super) fn play(
        &self,
        mut play: Play<'_, '_>,
        argument: Option<Dynamic>,
    ) -> Result<Dynamic, Box<EvalAltResult>> {
        let variables = play.scope.len();
        let result = self.play_all(&mut play, argument);
        play.scope.rewind(variables);
        result.map(|()| Dynamic::UNIT)
    }

    fn play_all(&self, play: &mut Play<'_, '_>, argument: Option<Dynamic>) -> Result<(), Box<EvalAltResult>> {
        if let Some((parameter, argument)) = self.parameter.clone().zip(argument) {
            play.scope.push_dynamic(parameter, argument);
        }
        for step in &self.list {
            if play.vu.is_ending() {
                return Err(terminated().into());
            }
            let next = match step {
                Step::Request(request) => request.play(play)?,
                Step::Sleep(sleep) => sleep.play(play)?,
                Step::Check(check) => check.play(play)?,
                Step::Still(block) => play.still(&block.0)?.1,
                Step::Other(block) => play.interpret(&block.0)?.1,
            };
            if next == Next::End {
                break;
            }
        }
        Ok(())
    }
}
