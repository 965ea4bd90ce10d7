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
mod request;
mod sleep;
mod still;

use std::rc::Rc;

use rhai::{
    AST, ASTNode, Dynamic, Engine, EvalAltResult, Expr, ImmutableString, Module, Position, Scope, Stmt,
    StmtBlock,
};

use self::check::Check;
use self::request::Request;
use self::sleep::Sleep;
pub(super) use self::still::Stillness;
use super::lookups::Lookups;
use super::stage::{Stage, terminated};
use super::vu::Vu;

/// What the steps of a call share.
pub(super) struct Play<'a, 's> {
    pub(super) engine: &'a Engine,
    pub(super) lookups: &'a Lookups,
    pub(super) stage: &'a Stage,
    pub(super) vu: &'a Vu,
    /// `this` of the flow.
    pub(super) this: &'a mut Dynamic,
    /// The flow's variables.
    pub(super) scope: &'a mut Scope<'s>,
}

/// A flow, ready to be played.
#[derive(Debug)]
pub(super) struct Steps {
    parameter: Option<ImmutableString>,
    list: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Request(Request),
    Sleep(Sleep),
    Check(Check),
    Still(Block),
    Other(Block),
}

/// Statements in a row, for the interpreter.
#[derive(Debug)]
struct Block(Expr);

/// Whether a flow goes on behind a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Step,
    /// It returned.
    End,
}

impl Steps {
    /// The steps of a function of `functions`; none if it has no wait of its own to cut it at.
    pub(super) fn of(functions: &AST, name: &str, parameters: usize, still: &Stillness<'_>) -> Option<Self> {
        let function =
            functions.iter_fn_def().find(|own| own.name == name && own.params.len() == parameters)?;
        let parameter = function.params.first().cloned();
        let mut steps = Vec::new();
        let mut row: Vec<Stmt> = Vec::new();
        let mut row_is_still = true;
        let flush = |steps: &mut Vec<Step>, row: &mut Vec<Stmt>, is_still: bool| {
            if !row.is_empty() {
                let block = Block::new(std::mem::take(row));
                steps.push(if is_still { Step::Still(block) } else { Step::Other(block) });
            }
        };
        for statement in statements(functions, name, parameters) {
            let native = Request::of(&statement, still)
                .map(Step::Request)
                .or_else(|| Sleep::of(&statement, still).map(Step::Sleep))
                .or_else(|| Check::of(&statement, functions, still).map(Step::Check));
            let is_still = native.is_none() && still.statement(&statement);
            if native.is_some() || is_still != row_is_still {
                flush(&mut steps, &mut row, row_is_still);
                row_is_still = is_still;
            }
            match native {
                Some(step) => steps.push(step),
                None => row.push(statement),
            }
        }
        flush(&mut steps, &mut row, row_is_still);
        steps
            .iter()
            .any(|step| matches!(step, Step::Request(_) | Step::Sleep(_)))
            .then_some(Self { parameter, list: steps })
    }

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

impl Block {
    fn new(statements: Vec<Stmt>) -> Self {
        let [start, end] =
            [statements.first(), statements.last()].map(|one| one.map_or(Position::NONE, Stmt::position));
        Self(Expr::Stmt(Box::new(StmtBlock::new(statements, start, end))))
    }
}

impl Play<'_, '_> {
    /// Interprets what can't wait.
    fn still(&mut self, expression: &Expr) -> Result<(Dynamic, Next), Box<EvalAltResult>> {
        let stage = self.stage;
        stage.current().run_still(|| self.interpret(expression))
    }

    /// Interprets on the stack that runs now. Variables stay, and so do positions in the scope, which the
    /// tree has in place of names.
    fn interpret(&mut self, expression: &Expr) -> Result<(Dynamic, Next), Box<EvalAltResult>> {
        match self.lookups.evaluate(self.engine, expression, self.this, self.scope) {
            Ok(value) => Ok((value, Next::Step)),
            Err(error) => match *error {
                EvalAltResult::Return(value, _) | EvalAltResult::Exit(value, _) => Ok((value, Next::End)),
                _ => Err(error),
            },
        }
    }
}

/// The statements of a function's body, copied: Rhai lends them for a moment only.
fn statements(functions: &AST, name: &str, parameters: usize) -> Vec<Stmt> {
    let mut found = Vec::new();
    let Some(function) =
        functions.iter_fn_def().find(|own| own.name == name && own.params.len() == parameters)
    else {
        return found;
    };
    // A tree of its own: a walk doesn't say whose body a statement stands in.
    let mut own = Module::new();
    own.set_script_fn(Rc::clone(function));
    let alone = AST::new([], own);
    alone.walk(&mut |nodes: &[ASTNode<'_>]| {
        if let [ASTNode::Stmt(statement)] = nodes {
            found.push((*statement).clone());
        }
        true
    });
    found
}
