//! From the statements of a flow to its steps.

use std::rc::Rc;

use rhai::{AST, ASTNode, Module, Stmt};

use super::{Block, Check, Request, Sleep, Step, Steps, Stillness};

impl Steps {
    /// The steps of a function of `functions`; none if it has no wait of its own to cut it at.
    pub(in super::super) fn of(
        functions: &AST,
        name: &str,
        parameters: usize,
        still: &Stillness<'_>,
    ) -> Option<Self> {
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
                .map(|request| Step::Request(Box::new(request)))
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
}

/// The statements of a function's body, copied: Rhai lends them for a moment only.
pub(super) fn statements(functions: &AST, name: &str, parameters: usize) -> Vec<Stmt> {
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
