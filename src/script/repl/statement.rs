//! What a statement at a prompt is: what it gives to whoever typed it, and whether it calls a flow.

use std::collections::BTreeSet;

use rhai::{ASTFlags, Expr, FnCallExpr, Stmt};

/// What a statement gives.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Gives {
    /// Nothing to show.
    Nothing,
    /// Its value; `()` is worth telling where somebody asked for a value, not where something was done.
    Value {
        /// Whether `()` is.
        shows_nothing: bool,
    },
    /// What a variable keeps.
    Keeps(String),
}

/// What a statement gives; `silent` are the methods that give nothing.
pub(super) fn gives(statement: &Stmt, silent: &BTreeSet<&'static str>) -> Gives {
    match statement {
        Stmt::Var(variable, ..) => Gives::Keeps(variable.0.name.to_string()),
        Stmt::Assignment(assignment) => match &assignment.1.lhs {
            Expr::Variable(variable, ..) if variable.2.is_empty() => Gives::Keeps(variable.1.to_string()),
            _ => Gives::Nothing,
        },
        Stmt::Expr(expression) => Gives::Value { shows_nothing: asks(expression, silent) },
        Stmt::Import(..) | Stmt::Export(..) | Stmt::Noop(..) => Gives::Nothing,
        _ => Gives::Value { shows_nothing: false },
    }
}

/// Whether an expression asks for a value: a variable, a property, an item, a method that gives one.
fn asks(expression: &Expr, silent: &BTreeSet<&'static str>) -> bool {
    match expression {
        Expr::Variable(..) | Expr::Property(..) | Expr::Index(..) | Expr::Unit(..) => true,
        Expr::Dot(chain, ..) => match &chain.rhs {
            Expr::MethodCall(call, _) => {
                // What Rhai's own give is not known; those change what they are called on.
                const CHANGES: [&str; 12] = [
                    "push", "append", "insert", "clear", "sort", "reverse", "truncate", "pad", "set",
                    "retain", "drain", "extend",
                ];
                !silent.contains(call.name.as_str()) && !CHANGES.contains(&call.name.as_str())
            }
            rest => asks(rest, silent),
        },
        _ => false,
    }
}

/// The constant that a statement declares.
pub(super) fn constant_of(statement: &Stmt) -> Option<String> {
    match statement {
        Stmt::Var(variable, flags, _) if flags.contains(ASTFlags::CONSTANT) => {
            Some(variable.0.name.to_string())
        }
        _ => None,
    }
}

/// A variable that keeps what a call gives, and whether it is a constant.
type Kept = Option<(String, bool)>;

/// The call that a statement is, of a function without a path; with the variable that keeps what it gives.
pub(super) fn own_call(statement: &Stmt) -> Option<(Kept, &FnCallExpr)> {
    let (kept, call) = match statement {
        Stmt::FnCall(call, _) => (None, &**call),
        Stmt::Expr(expression) => match &**expression {
            Expr::FnCall(call, _) => (None, &**call),
            _ => return None,
        },
        Stmt::Var(variable, flags, _) => match &variable.1 {
            Expr::FnCall(call, _) => {
                (Some((variable.0.name.to_string(), flags.contains(ASTFlags::CONSTANT))), &**call)
            }
            _ => return None,
        },
        _ => return None,
    };
    let is_plain = call.namespace.is_empty() && !call.capture_parent_scope && call.op_token.is_none();
    is_plain.then_some((kept, call))
}

#[cfg(test)]
mod tests {
    use rhai::Engine;

    use super::*;

    fn given(line: &str) -> Gives {
        let mut engine = Engine::new();
        engine.set_optimization_level(rhai::OptimizationLevel::None);
        let ast = engine.compile(line).unwrap();
        gives(ast.statements().last().unwrap(), &BTreeSet::from(["add"]))
    }

    #[test]
    fn what_was_asked_for_is_told_also_where_it_is_nothing() {
        for line in ["x", "r.status", "r.json(\"a\")", "a.b.c", "list[3]", "x;"] {
            assert_eq!(given(line), Gives::Value { shows_nothing: true }, "{line}");
        }
        for line in ["sleep(1)", "log::info(\"a\")", "sold.add(1)", "list.push(4)", "if x { 1 }", "f()"] {
            assert_eq!(given(line), Gives::Value { shows_nothing: false }, "{line}");
        }
    }

    #[test]
    fn what_is_kept_is_told_by_its_name() {
        for line in ["let a = 1", "const a = 1", "let a; a = 2", "let a = 1; a += 2"] {
            assert_eq!(given(line), Gives::Keeps("a".to_owned()), "{line}");
        }
        assert_eq!(given("let a = #{}; a.b = 1"), Gives::Nothing);
    }

    #[test]
    fn a_call_of_a_function_without_a_path_is_one_of_a_flow() {
        let engine = Engine::new();
        let call = |line: &str| {
            let ast = engine.compile(line).unwrap();
            own_call(&ast.statements()[0]).map(|(kept, call)| (kept, call.name.to_string()))
        };
        assert_eq!(call("price()"), Some((None, "price".to_owned())));
        assert_eq!(call("price(1, 2);"), Some((None, "price".to_owned())));
        assert_eq!(call("let a = price();"), Some((Some(("a".to_owned(), false)), "price".to_owned())));
        assert_eq!(call("const A = price();"), Some((Some(("A".to_owned(), true)), "price".to_owned())));
        for line in ["http::get(1)", "a.price()", "price() + 1", "price!()"] {
            assert_eq!(call(line), None, "{line}");
        }
    }
}
