//! What the steps of a call share, and how they interpret what isn't native.

use rhai::{Dynamic, Engine, EvalAltResult, Expr, Position, Scope, Stmt, StmtBlock};

use super::super::lookups::Lookups;
use super::super::stage::Stage;
use super::super::vu::Vu;
use super::Next;

/// What the steps of a call share.
pub(in super::super) struct Play<'a, 's> {
    pub(in super::super) engine: &'a Engine,
    pub(in super::super) lookups: &'a Lookups,
    pub(in super::super) stage: &'a Stage,
    pub(in super::super) vu: &'a Vu,
    /// `this` of the flow.
    pub(in super::super) this: &'a mut Dynamic,
    /// The flow's variables.
    pub(in super::super) scope: &'a mut Scope<'s>,
}

/// Statements in a row, for the interpreter.
#[derive(Debug)]
pub(super) struct Block(pub(super) Expr);

impl Block {
    pub(super) fn new(statements: Vec<Stmt>) -> Self {
        let [start, end] =
            [statements.first(), statements.last()].map(|one| one.map_or(Position::NONE, Stmt::position));
        Self(Expr::Stmt(Box::new(StmtBlock::new(statements, start, end))))
    }
}

impl Play<'_, '_> {
    /// Interprets what can't wait.
    pub(super) fn still(&mut self, expression: &Expr) -> Result<(Dynamic, Next), Box<EvalAltResult>> {
        let stage = self.stage;
        stage.current().run_still(|| self.interpret(expression))
    }

    /// Interprets on the stack that runs now. Variables stay, and so do positions in the scope, which the
    /// tree has in place of names.
    pub(super) fn interpret(&mut self, expression: &Expr) -> Result<(Dynamic, Next), Box<EvalAltResult>> {
        match self.lookups.evaluate(self.engine, expression, self.this, self.scope) {
            Ok(value) => Ok((value, Next::Step)),
            Err(error) => match *error {
                EvalAltResult::Return(value, _) | EvalAltResult::Exit(value, _) => Ok((value, Next::End)),
                _ => Err(error),
            },
        }
    }
}
