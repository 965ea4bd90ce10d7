//! What the interpreter looked up, kept from one call of a flow to the next.
//!
//! Rhai finds a function by asking each of its modules in turn, keeps the answer where it asks a second
//! time, and forgets all answers at the end of a call: a flow that runs a million times asks a million
//! times. No function changes while flows run, so the answers hold for every later call too.

use std::cell::RefCell;
use std::rc::Rc;

use rhai::{
    AST, Caches, Dynamic, Engine, EvalAltResult, EvalContext, Expr, GlobalRuntimeState, ImmutableString,
    Module, Scope,
};

/// States that are kept. More flows run at once only where they wait, and what these look up again costs
/// little beside that.
const KEPT_MAX: usize = 256;

/// Answers of one state: more come from a script that makes up names.
const ANSWERS_MAX: usize = 2_000;

/// Levels of nesting that a call from here takes before the flow's own first.
pub(super) const LEVELS: usize = 2;

/// Modules by the names that a script calls them.
pub(super) type ByAlias = Vec<(ImmutableString, Rc<Module>)>;

/// What the interpreter works with during a call.
struct CallState {
    global: GlobalRuntimeState,
    answers: Caches,
}

/// The functions of a script, and states that no call uses at the moment, the freshest last.
pub(super) struct Lookups {
    functions: AST,
    /// The engine has them too, among all modules of the host, where to find one takes 25 ns more.
    modules: ByAlias,
    #[expect(
        clippy::vec_box,
        reason = "by value it would be moved over, and lie on, each waiting user's stack"
    )]
    kept: RefCell<Vec<Box<CallState>>>,
}

impl Lookups {
    /// For a script's functions, which name these modules.
    pub(super) fn new(functions: AST, modules: ByAlias) -> Self {
        Self { functions, modules, kept: RefCell::default() }
    }

    /// The functions, and the modules that they name.
    pub(super) fn into_parts(self) -> (AST, ByAlias) {
        (self.functions, self.modules)
    }

    /// The functions of the script.
    pub(super) fn functions(&self) -> &AST {
        &self.functions
    }

    /// Calls a function of the script that takes `argument`, or nothing.
    pub(super) fn call(
        &self,
        engine: &Engine,
        name: &str,
        this: &mut Dynamic,
        argument: Option<Dynamic>,
        scope: &mut Scope<'_>,
    ) -> Result<Dynamic, Box<EvalAltResult>> {
        let kept = self.kept.borrow_mut().pop();
        let mut state = kept.unwrap_or_else(|| self.fresh(engine));
        let CallState { global, answers } = &mut *state;
        let mut context = EvalContext::new(engine, global, answers, scope, None);
        let result = match argument {
            Some(mut argument) => context.call_fn_raw(name, true, true, &mut [this, &mut argument]),
            None => context.call_fn_raw(name, true, true, &mut [this]),
        };
        match result {
            Ok(value) => {
                self.keep(state);
                Ok(value)
            }
            // Whatever it was in when it failed, nobody goes on from there.
            Err(error) => match *error {
                EvalAltResult::Exit(value, _) => Ok(value),
                EvalAltResult::ErrorInFunctionCall(function, _, inner, _) if function == name => Err(inner),
                _ => Err(error),
            },
        }
    }

    /// Evaluates a part of a function's body, as if within it.
    pub(super) fn evaluate(
        &self,
        engine: &Engine,
        expression: &Expr,
        this: &mut Dynamic,
        scope: &mut Scope<'_>,
    ) -> Result<Dynamic, Box<EvalAltResult>> {
        let kept = self.kept.borrow_mut().pop();
        let mut state = kept.unwrap_or_else(|| self.fresh(engine));
        let CallState { global, answers } = &mut *state;
        // Where a function's body is, with its variables: limits count from there, and a constant is its own.
        (global.level, global.scope_level) = (LEVELS, 1);
        let mut context = EvalContext::new(engine, global, answers, scope, Some(this));
        #[expect(deprecated, reason = "not deprecated but marked as volatile: a change would not compile")]
        let result = context.eval_expression_tree_raw(&expression.into(), false);
        (global.level, global.scope_level) = (0, 0);
        let is_sound = result.as_ref().err().is_none_or(|error| matches!(**error, EvalAltResult::Return(..)));
        if is_sound {
            self.keep(state);
        }
        result
    }

    #[inline(never)]
    fn fresh(&self, engine: &Engine) -> Box<CallState> {
        let mut global = engine.new_global_runtime_state();
        global.lib.push(self.functions.shared_lib().clone());
        for (alias, module) in &self.modules {
            global.push_import(alias.clone(), Rc::clone(module));
        }
        Box::new(CallState { global, answers: Caches::new() })
    }

    fn keep(&self, mut state: Box<CallState>) {
        let mut kept = self.kept.borrow_mut();
        if kept.len() < KEPT_MAX && state.answers.fn_resolution_cache_mut().dict.len() <= ANSWERS_MAX {
            kept.push(state);
        }
    }
}
