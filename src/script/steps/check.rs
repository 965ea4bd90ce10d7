//! `check` as a step: conditions on a response, recorded without a map, a closure or a look-up by name.

use rhai::{AST, EvalAltResult, Expr, FnCallExpr, FnPtr, ImmutableString, Stmt};

use super::super::host::{CheckSeries, Reply};
use super::condition::{Condition, variable};
use super::cut::statements;
use super::still::path;
use super::{Block, Next, Play, Stillness};

/// More in one statement are left to the interpreter.
const CONDITIONS_MAX: usize = 32;

/// `check(r.status == 200, "…")`, or `check(r, #{ "…": |r| r.status == 200, … })`.
#[derive(Debug)]
pub(super) struct Check {
    /// The variable that holds the response.
    subject: ImmutableString,
    /// By name, as the interpreter has them.
    conditions: Vec<Named>,
    /// The statement, for what isn't known here.
    statement: Block,
}

#[derive(Debug)]
struct Named {
    name: ImmutableString,
    condition: Condition,
    series: CheckSeries,
}

impl Check {
    /// The check that a statement is, if its conditions are known here.
    pub(super) fn of(statement: &Stmt, functions: &AST, still: &Stillness<'_>) -> Option<Self> {
        let call = match statement {
            Stmt::FnCall(call, _) => call,
            Stmt::Expr(expression) => match &**expression {
                Expr::FnCall(call, _) => call,
                _ => return None,
            },
            _ => return None,
        };
        if path(call) != "check" || !still.is_hosts("check") || !still.statement(statement) {
            return None;
        }
        let (subject, conditions) = of_condition(call).or_else(|| of_map(call, functions))?;
        if conditions.is_empty() || conditions.len() > CONDITIONS_MAX {
            return None;
        }
        Some(Self { subject, conditions, statement: Block::new(vec![statement.clone()]) })
    }

    /// Records whether they hold.
    pub(super) fn play(&self, play: &mut Play<'_, '_>) -> Result<Next, Box<EvalAltResult>> {
        if self.record(play).is_some() {
            return Ok(Next::Step);
        }
        Ok(play.still(&self.statement.0)?.1)
    }

    /// Nothing is recorded unless all of them have an answer.
    fn record(&self, play: &mut Play<'_, '_>) -> Option<()> {
        let reply = play.scope.get(&self.subject)?.read_lock::<Reply>()?;
        let mut held: u32 = 0;
        for (index, named) in self.conditions.iter().enumerate() {
            held |= u32::from(named.condition.holds(&reply)?) << index;
        }
        for (index, named) in self.conditions.iter().enumerate() {
            let holds = held >> index & 1 == 1;
            named.series.record(play.stage, play.vu, &named.name, holds);
            if !holds {
                reply.note_check(play.stage, play.vu, &named.name);
            }
        }
        Some(())
    }
}

/// `check(r.status == 200, "…")`.
fn of_condition(call: &FnCallExpr) -> Option<(ImmutableString, Vec<Named>)> {
    let [condition, Expr::StringConstant(name, _)] = &call.args[..] else { return None };
    let subject = subject_of(condition)?;
    let condition = Condition::of(condition, &subject)?;
    Some((subject, vec![Named::new(name.clone(), condition)]))
}

/// `check(r, #{ "…": |r| r.status == 200 })`.
fn of_map(call: &FnCallExpr, functions: &AST) -> Option<(ImmutableString, Vec<Named>)> {
    let [subject, checks] = &call.args[..] else { return None };
    let subject = variable(subject)?.clone();
    let map = checks.get_literal_value(None)?.try_cast::<rhai::Map>()?;
    let conditions = map.iter().map(|(name, value)| {
        let closure = value.read_lock::<FnPtr>()?;
        let condition = of_closure(&closure, functions)?;
        Some(Named::new(name.as_str().into(), condition))
    });
    Some((subject, conditions.collect::<Option<_>>()?))
}

fn of_closure(closure: &FnPtr, functions: &AST) -> Option<Condition> {
    if closure.is_curried() {
        return None;
    }
    let name = closure.fn_name();
    let function = functions.iter_fn_def().find(|function| function.name == name)?;
    let [parameter] = &function.params[..] else { return None };
    let [statement] = &statements(functions, name, 1)[..] else { return None };
    Condition::of_statement(statement, parameter)
}

/// The first variable of a condition.
fn subject_of(expression: &Expr) -> Option<ImmutableString> {
    match expression {
        Expr::Dot(link, ..) => variable(&link.lhs).cloned(),
        Expr::FnCall(call, _) => call.args.first().and_then(subject_of),
        Expr::And(list, _) | Expr::Or(list, _) => list.first().and_then(subject_of),
        _ => None,
    }
}

impl Named {
    fn new(name: ImmutableString, condition: Condition) -> Self {
        Self { name, condition, series: CheckSeries::default() }
    }
}
