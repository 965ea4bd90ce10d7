//! A check that holds whatever the service answers.

use std::collections::BTreeMap;

use rhai::{ASTNode, Dynamic, Expr, FnCallExpr, Stmt};

use super::survey::{Shape, Survey};
use super::{Finding, Lint, Subject};

pub(super) const LINT: Lint = Lint {
    name: "check_cannot_fail",
    about: "a check whose condition is always the same, or assigns instead of comparing",
    look,
};

/// What a condition is, apart from the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Constant(bool),
    Same,
    Always,
    Assigns,
}

impl Fault {
    fn told(self, name: &str) -> (String, &'static str) {
        let compare = "look at the answer: `|r| r.status == 200`";
        match self {
            Self::Constant(true) => (format!("the check `{name}` always holds"), compare),
            Self::Constant(false) => (format!("the check `{name}` never holds"), compare),
            Self::Same => (
                format!("the check `{name}` compares a value with itself"),
                "compare it with what you expect",
            ),
            Self::Always => (
                format!("the check `{name}` always holds: no status is less than 0"),
                "a request without an answer has the status 0: compare with `== 200`, or `> 0`",
            ),
            Self::Assigns => {
                (format!("the check `{name}` assigns, it doesn't compare"), "write `==` to compare")
            }
        }
    }
}

fn look(subject: &Subject<'_>) -> Vec<Finding> {
    let survey = subject.survey;
    let (bodies, conditions) = judged(subject);
    let mut findings = Vec::new();
    let mut add = |fault: Fault, name: &str, place| {
        let (message, hint) = fault.told(name);
        findings.push(Finding::new(place, message, hint));
    };
    for call in survey.calls_of("check") {
        match call.arguments.as_slice() {
            // Beside its counterpart, `check(false, …)` in the other branch, it does say something.
            [Shape::Flag(true), Shape::Text(name)] => {
                let failing = [Shape::Flag(false), Shape::Text(name.clone())];
                if !survey.calls_of("check").any(|other| other.arguments == failing) {
                    add(Fault::Constant(true), name, call.place);
                }
            }
            [_, Shape::Text(name)] => {
                let fault = call.place.and_then(|place| conditions.get(&place));
                if let Some(fault) = fault {
                    add(*fault, name, call.place);
                }
            }
            [_, Shape::Map(checks), ..] => {
                for (name, check) in checks {
                    match check {
                        Shape::Flag(true) => add(Fault::Constant(true), name, call.place),
                        Shape::Closure(closure) => {
                            let Some(function) = survey.function(closure) else { continue };
                            if let Some(fault) = bodies.get(closure.as_str()) {
                                add(*fault, name, function.place);
                            }
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    findings
}

type Places = BTreeMap<crate::diagnostic::Position, Fault>;

/// Faults of closures whose whole body is one condition, and of conditions given to `check`.
fn judged<'s>(subject: &Subject<'s>) -> (BTreeMap<&'s str, Fault>, Places) {
    let survey: &'s Survey = subject.survey;
    let mut bodies: BTreeMap<&str, Option<Fault>> = BTreeMap::new();
    let mut conditions = Places::new();
    subject.ast.walk(&mut |nodes: &[ASTNode<'_>]| {
        if let [ASTNode::Stmt(statement)] = nodes
            && let Some(owner) = survey.owner(nodes[0])
            && survey.functions[owner].is_closure()
        {
            // A second statement makes it more than a condition.
            let fault = of_statement(statement);
            bodies.entry(&survey.functions[owner].name).and_modify(|known| *known = None).or_insert(fault);
        }
        if let Some(ASTNode::Stmt(Stmt::FnCall(call, place)) | ASTNode::Expr(Expr::FnCall(call, place))) =
            nodes.last()
            && call.name == "check"
            && let Some(fault) = call.args.first().and_then(of_expression)
            && !matches!(fault, Fault::Constant(_))
            && let Some(place) = super::super::place::position(*place)
        {
            conditions.insert(place, fault);
        }
        true
    });
    (bodies.into_iter().filter_map(|(name, fault)| Some((name, fault?))).collect(), conditions)
}

fn of_statement(statement: &Stmt) -> Option<Fault> {
    match statement {
        Stmt::Expr(expression) => of_expression(expression),
        Stmt::FnCall(call, _) => of_call(call),
        Stmt::Assignment(assignment) if !assignment.0.is_op_assignment() => Some(Fault::Assigns),
        _ => None,
    }
}

fn of_expression(expression: &Expr) -> Option<Fault> {
    match expression {
        Expr::BoolConstant(flag, _) => Some(Fault::Constant(*flag)),
        Expr::FnCall(call, _) => of_call(call),
        _ => None,
    }
}

fn of_call(call: &FnCallExpr) -> Option<Fault> {
    call.op_token.as_ref()?;
    let [left, right] = call.args.as_slice() else { return None };
    match call.name.as_str() {
        "==" | "<=" | ">=" if is_same(left, right) => Some(Fault::Same),
        ">=" if is_status(left) && is_number(right, 0) => Some(Fault::Always),
        ">" | "!=" if is_status(left) && is_number(right, -1) => Some(Fault::Always),
        _ => None,
    }
}

fn is_number(expression: &Expr, number: i64) -> bool {
    matches!(expression, Expr::IntegerConstant(constant, _) if *constant == number)
}

fn is_status(expression: &Expr) -> bool {
    match expression {
        Expr::Dot(pair, ..) => matches!(&pair.rhs, Expr::Property(property, _) if property.2 == "status"),
        _ => false,
    }
}

/// Whether two expressions are written alike and read the same value.
fn is_same(left: &Expr, right: &Expr) -> bool {
    match (left, right) {
        (Expr::Variable(left, ..), Expr::Variable(right, ..)) => left.1 == right.1 && left.2 == right.2,
        (Expr::ThisPtr(_), Expr::ThisPtr(_)) => true,
        (Expr::Property(left, _), Expr::Property(right, _)) => left.2 == right.2,
        (Expr::Dot(left, ..), Expr::Dot(right, ..)) | (Expr::Index(left, ..), Expr::Index(right, ..)) => {
            is_same(&left.lhs, &right.lhs) && is_same(&left.rhs, &right.rhs)
        }
        (Expr::MethodCall(left, _), Expr::MethodCall(right, _)) => {
            let reads = ["json", "header", "len", "to_string"].contains(&left.name.as_str());
            reads
                && left.name == right.name
                && left.args.len() == right.args.len()
                && left.args.iter().zip(&right.args).all(|(left, right)| is_same(left, right))
        }
        _ => match (left.get_literal_value(None), right.get_literal_value(None)) {
            (Some(left), Some(right)) => is_equal(&left, &right),
            _ => false,
        },
    }
}

fn is_equal(left: &Dynamic, right: &Dynamic) -> bool {
    left.type_id() == right.type_id() && left.to_string() == right.to_string()
}
