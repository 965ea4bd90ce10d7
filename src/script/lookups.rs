//! What the interpreter looked up, kept from one call of a flow to the next.
//!
//! Rhai finds a function by asking each of its modules in turn, keeps the answer where it asks a second
//! time, and forgets all answers at the end of a call: a flow that runs a million times asks a million
//! times. No function changes while flows run, so the answers hold for every later call too.

use std::cell::RefCell;

use rhai::{AST, Caches, Dynamic, Engine, EvalAltResult, EvalContext, Scope};

/// Answers of that many users are kept. More of them run at once only where flows wait, and what these
/// look up again costs little beside that.
const KEPT_MAX: usize = 256;

/// Answers of one user: more come from a script that makes up names.
const ANSWERS_MAX: usize = 2_000;

/// Levels of nesting that a call from here takes before the flow's own first.
pub(super) const LEVELS: usize = 2;

/// Answers that no call uses at the moment, the freshest last. A flow that waits holds its own.
#[derive(Debug, Default)]
pub(super) struct Lookups(RefCell<Vec<Caches>>);

impl Lookups {
    /// Calls a function of the script that takes `argument`, or nothing.
    pub(super) fn call(
        &self,
        engine: &Engine,
        functions: &AST,
        name: &str,
        this: &mut Dynamic,
        argument: Option<Dynamic>,
        scope: &mut Scope<'_>,
    ) -> Result<Dynamic, Box<EvalAltResult>> {
        let mut global = engine.new_global_runtime_state();
        global.lib.push(functions.shared_lib().clone());
        let mut answers = self.0.borrow_mut().pop().unwrap_or_default();
        let mut context = EvalContext::new(engine, &mut global, &mut answers, scope, None);
        let result = match argument {
            Some(mut argument) => context.call_fn_raw(name, true, true, &mut [this, &mut argument]),
            None => context.call_fn_raw(name, true, true, &mut [this]),
        };
        self.keep(answers);
        result.or_else(|error| match *error {
            EvalAltResult::Exit(value, _) => Ok(value),
            EvalAltResult::ErrorInFunctionCall(function, _, inner, _) if function == name => Err(inner),
            _ => Err(error),
        })
    }

    fn keep(&self, mut answers: Caches) {
        answers.rewind_fn_resolution_caches(1);
        let mut kept = self.0.borrow_mut();
        if kept.len() < KEPT_MAX && answers.fn_resolution_cache_mut().dict.len() <= ANSWERS_MAX {
            kept.push(answers);
        }
    }
}
