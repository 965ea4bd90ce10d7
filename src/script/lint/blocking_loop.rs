//! A loop that can't end, or that waits for a time by asking the clock again and again.

use rhai::{ASTFlags, ASTNode, Expr, FlowControl, Stmt};

use super::super::place::position;
use super::survey::full_name;
use super::{Finding, Lint, Subject};

pub(super) const LINT: Lint = Lint {
    name: "blocking_loop",
    about: "a loop that never ends, or that asks the clock instead of sleeping",
    look,
};

/// Functions that compute and come back: no other call is known to end or to pause a loop.
const BUSY: [&str; 4] = ["time::now", "timestamp", "print", "debug"];

fn look(subject: &Subject<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    subject.ast.walk(&mut |nodes: &[ASTNode<'_>]| {
        if let Some(ASTNode::Stmt(statement)) = nodes.last() {
            findings.extend(judge(statement));
        }
        true
    });
    findings
}

fn judge(statement: &Stmt) -> Option<Finding> {
    let (control, place) = match statement {
        Stmt::While(control, place) | Stmt::Do(control, _, place) => (control, *place),
        _ => return None,
    };
    let body = Body::of(control);
    if body.calls_others {
        return None;
    }
    let is_endless = match statement {
        Stmt::While(..) => matches!(control.expr, Expr::Unit(_) | Expr::BoolConstant(true, _)),
        Stmt::Do(_, flags, _) => {
            let until = flags.contains(ASTFlags::NEGATED);
            matches!(control.expr, Expr::BoolConstant(goes_on, _) if goes_on != until)
        }
        _ => false,
    };
    if is_endless && !body.leaves {
        return Some(Finding::new(
            position(place),
            "this loop never ends",
            "leave it with `break`, or give `while` a condition that changes",
        ));
    }
    body.asks_the_clock.then(|| {
        Finding::new(
            position(place),
            "this loop asks the clock until it is time: it takes the generator's CPU for nothing",
            "let it wait: `sleep(\"100ms\")`",
        )
    })
}

/// What a loop does, its condition included.
#[derive(Debug, Default)]
struct Body {
    /// `break` of this loop, `return`, `throw`.
    leaves: bool,
    asks_the_clock: bool,
    /// A call that may wait, throw or end the flow.
    calls_others: bool,
}

impl Body {
    fn of(control: &FlowControl) -> Self {
        let mut body = Self::default();
        let mut path = Vec::new();
        let mut see = |nodes: &[ASTNode<'_>]| {
            body.see(nodes);
            true
        };
        control.expr.walk(&mut path, &mut see);
        for statement in control.body.statements() {
            path.clear();
            statement.walk(&mut path, &mut see);
        }
        body
    }

    fn see(&mut self, nodes: &[ASTNode<'_>]) {
        match nodes.last() {
            Some(ASTNode::Stmt(Stmt::Return(..))) => self.leaves = true,
            Some(ASTNode::Stmt(Stmt::BreakLoop(_, flags, _))) if flags.contains(ASTFlags::BREAK) => {
                let inner = nodes.iter().any(|node| {
                    matches!(node, ASTNode::Stmt(Stmt::While(..) | Stmt::Do(..) | Stmt::For(..)))
                });
                self.leaves |= !inner;
            }
            Some(ASTNode::Stmt(Stmt::FnCall(call, _)) | ASTNode::Expr(Expr::FnCall(call, _)))
                if call.op_token.is_none() =>
            {
                let name = full_name(call);
                self.asks_the_clock |= name == "time::now" || name == "timestamp";
                self.calls_others |= !BUSY.contains(&name.as_str());
            }
            Some(ASTNode::Expr(Expr::MethodCall(..))) => self.calls_others = true,
            Some(ASTNode::Expr(Expr::Property(property, _))) => {
                self.asks_the_clock |= property.2 == "elapsed";
            }
            _ => {}
        }
    }
}
