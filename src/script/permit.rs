//! Where a host function may be called: what acts not at the top level, what declares there alone.

use std::rc::Rc;

use rhai::EvalAltResult;

use super::error::HostError;
use super::stage::{Stage, terminated};
use super::vu::{Phase, Vu};

impl Stage {
    /// Who is on, for a function that acts: not at the top level, and not once the script was told
    /// to end.
    pub(super) fn acting(&self, function: &str) -> Result<Rc<Vu>, Box<EvalAltResult>> {
        let vu = self.vu();
        if vu.phase == Phase::Declare {
            return Err(HostError::new(format!("`{function}` can't be called at the top level"))
                .hint("the top level only declares: call it in a flow, in `setup()` or in `on_start()`")
                .into());
        }
        if vu.phase == Phase::Summary {
            return Err(HostError::new(format!("`{function}` can't be called in `summary(data)`"))
                .hint("the run is over: call it in `teardown()`, and return texts here")
                .into());
        }
        if vu.is_ending() { Err(terminated().into()) } else { Ok(vu) }
    }

    /// For a function that declares: at the top level alone.
    pub(super) fn declaring(&self, function: &str) -> Result<(), Box<EvalAltResult>> {
        match self.vu().phase {
            Phase::Declare => return Ok(()),
            Phase::Prompt => return at_a_prompt(function),
            _ => {}
        }
        Err(HostError::new(format!("`{function}` can only be called at the top level"))
            .hint("what is declared is known before the load starts: move the call out of the function")
            .into())
    }

    /// The same for a function whose value flows want: a constant of the top level brings it to them.
    pub(super) fn declaring_constant(&self, call: &str, constant: &str) -> Result<(), Box<EvalAltResult>> {
        if matches!(self.vu().phase, Phase::Declare | Phase::Prompt) {
            return Ok(());
        }
        let function = call.split('(').next().unwrap_or(call);
        Err(HostError::new(format!("`{function}` can only be called at the top level"))
            .hint(format!(
                "declare it there, `const {constant} = {call};`, and read it as `global::{constant}`"
            ))
            .into())
    }
}

/// What a prompt has a use for: it plays no load.
fn at_a_prompt(function: &str) -> Result<(), Box<EvalAltResult>> {
    if !matches!(function, "options" | "scenario" | "target") {
        return Ok(());
    }
    Err(HostError::new(format!("`{function}` declares a load, and none is played at the prompt"))
        .hint("`runner repl SCRIPT` begins with a script, `runner run SCRIPT` plays it")
        .into())
}
