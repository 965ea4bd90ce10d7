//! A condition on a response, `r.status == 200`, evaluated without the interpreter.
//!
//! Only what has the interpreter's result without doubt: properties and JSON values compared with constants,
//! joined by `&&`, `||` and `!`. Anything else gives no condition, or at run time no answer.

use rhai::{ASTFlags, Dynamic, Expr, FnCallExpr, ImmutableString, Stmt};

use super::super::host::{Reply, Timing};

/// True or false of a response.
#[derive(Debug)]
pub(super) enum Condition {
    Compare {
        property: Property,
        by: Comparison,
        constant: Dynamic,
    },
    /// `r.body.contains("…")`.
    BodyContains(ImmutableString),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
}

/// What is read of a response.
#[derive(Debug)]
pub(super) enum Property {
    Status,
    ErrorCode,
    Timing(Timing),
    Json(ImmutableString),
}

/// How values compare.
#[derive(Debug, Clone, Copy)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Comparison {
    fn of(operator: &str) -> Option<Self> {
        Some(match operator {
            "==" => Self::Equal,
            "!=" => Self::Unequal,
            "<" => Self::Less,
            "<=" => Self::AtMost,
            ">" => Self::Greater,
            ">=" => Self::AtLeast,
            _ => return None,
        })
    }

    fn holds<T: PartialOrd>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::Unequal => left != right,
            Self::Less => left < right,
            Self::AtMost => left <= right,
            Self::Greater => left > right,
            Self::AtLeast => left >= right,
        }
    }
}

impl Condition {
    /// The condition on the variable `subject` that a statement's value is: a closure's body.
    pub(super) fn of_statement(statement: &Stmt, subject: &str) -> Option<Self> {
        match statement {
            Stmt::Expr(expression) => Self::of(expression, subject),
            Stmt::FnCall(call, _) => Self::of_call(call, subject),
            _ => None,
        }
    }

    /// The condition on the variable `subject` that an expression is.
    pub(super) fn of(expression: &Expr, subject: &str) -> Option<Self> {
        let all = |list: &[Expr]| list.iter().map(|one| Self::of(one, subject)).collect::<Option<Vec<_>>>();
        match expression {
            Expr::FnCall(call, _) => Self::of_call(call, subject),
            Expr::And(list, _) => Some(Self::All(all(list)?)),
            Expr::Or(list, _) => Some(Self::Any(all(list)?)),
            Expr::Dot(..) => {
                let (Expr::Dot(link, flags, _), "body") = split(expression, subject)? else { return None };
                let Expr::MethodCall(call, _) = &link.rhs else { return None };
                let [Expr::StringConstant(text, _)] = &call.args[..] else { return None };
                (call.name == "contains" && is_plain(*flags)).then(|| Self::BodyContains(text.clone()))
            }
            _ => None,
        }
    }

    fn of_call(call: &FnCallExpr, subject: &str) -> Option<Self> {
        call.op_token.as_ref()?;
        match (&*call.name, &call.args[..]) {
            ("!", [inner]) => Some(Self::Not(Box::new(Self::of(inner, subject)?))),
            (operator, [left, right]) => {
                let by = Comparison::of(operator)?;
                let property = Property::of(left, subject)?;
                Some(Self::Compare { property, by, constant: right.get_literal_value(None)? })
            }
            _ => None,
        }
    }

    /// Whether it holds; nothing where the interpreter has to say.
    pub(super) fn holds(&self, reply: &Reply) -> Option<bool> {
        match self {
            Self::Compare { property, by, constant } => property.compare(reply, *by, constant),
            Self::BodyContains(text) => Some(reply.body_contains(text)),
            Self::All(list) => {
                for one in list {
                    if !one.holds(reply)? {
                        return Some(false);
                    }
                }
                Some(true)
            }
            Self::Any(list) => {
                for one in list {
                    if one.holds(reply)? {
                        return Some(true);
                    }
                }
                Some(false)
            }
            Self::Not(inner) => inner.holds(reply).map(|holds| !holds),
        }
    }
}

impl Property {
    fn of(expression: &Expr, subject: &str) -> Option<Self> {
        let Expr::Dot(link, flags, _) = expression else { return None };
        if !is_plain(*flags) || !is_variable(&link.lhs, subject) {
            return None;
        }
        match &link.rhs {
            Expr::Property(name, _) => match &*name.2 {
                "status" => Some(Self::Status),
                "error_code" => Some(Self::ErrorCode),
                _ => None,
            },
            Expr::MethodCall(call, _) if call.name == "json" => match &call.args[..] {
                [Expr::StringConstant(path, _)] => Some(Self::Json(path.clone())),
                _ => None,
            },
            Expr::Dot(inner, flags, _) if is_plain(*flags) => match (&inner.lhs, &inner.rhs) {
                (Expr::Property(first, _), Expr::Property(second, _)) if first.2 == "timings" => {
                    Timing::of(&second.2).map(Self::Timing)
                }
                _ => None,
            },
            _ => None,
        }
    }

    fn compare(&self, reply: &Reply, by: Comparison, constant: &Dynamic) -> Option<bool> {
        match self {
            Self::Status => compare_integer(i64::from(reply.status()), by, constant),
            Self::ErrorCode => compare_integer(i64::from(reply.error_code()), by, constant),
            Self::Timing(timing) => compare_number(timing.milliseconds(reply), by, constant),
            Self::Json(path) => {
                let value = reply.json_at(path).ok()?;
                if let Ok(value) = value.as_int() {
                    compare_integer(value, by, constant)
                } else if let Ok(value) = value.as_float() {
                    compare_number(value, by, constant)
                } else {
                    let value = value.as_immutable_string_ref().ok()?;
                    let constant = constant.as_immutable_string_ref().ok()?;
                    Some(by.holds(&value.as_str(), &constant.as_str()))
                }
            }
        }
    }
}

fn compare_integer(value: i64, by: Comparison, constant: &Dynamic) -> Option<bool> {
    match constant.as_int() {
        Ok(constant) => Some(by.holds(&value, &constant)),
        // As Rhai does it.
        Err(_) => constant.as_float().ok().map(|constant| by.holds(&(value as f64), &constant)),
    }
}

fn compare_number(value: f64, by: Comparison, constant: &Dynamic) -> Option<bool> {
    let constant = constant.as_float().or_else(|_| constant.as_int().map(|constant| constant as f64)).ok()?;
    Some(by.holds(&value, &constant))
}

/// `subject.property.rest`: the link behind the subject, and the property's name.
fn split<'e>(expression: &'e Expr, subject: &str) -> Option<(&'e Expr, &'e str)> {
    let Expr::Dot(link, flags, _) = expression else { return None };
    if !is_plain(*flags) || !is_variable(&link.lhs, subject) {
        return None;
    }
    let Expr::Dot(inner, ..) = &link.rhs else { return None };
    let Expr::Property(name, _) = &inner.lhs else { return None };
    Some((&link.rhs, &name.2))
}

/// `.`, neither `?.` nor the end of something else.
fn is_plain(flags: ASTFlags) -> bool {
    !flags.contains(ASTFlags::NEGATED)
}

/// The variable of that name, without a path.
pub(super) fn is_variable(expression: &Expr, name: &str) -> bool {
    variable(expression).is_some_and(|own| own == name)
}

/// A variable's name, if it has no path.
pub(super) fn variable(expression: &Expr) -> Option<&ImmutableString> {
    let Expr::Variable(variable, ..) = expression else { return None };
    variable.2.path.is_empty().then_some(&variable.1)
}
