//! `sleep` as a step: a user that sleeps keeps none of the interpreter's stack.

use rhai::{EvalAltResult, Expr, Position, Stmt};

use super::super::host::sleep_by;
use super::still::path;
use super::{Block, Next, Play, Stillness};

/// `sleep(…)` as a statement.
#[derive(Debug)]
pub(super) struct Sleep {
    time: Expr,
    place: Position,
    /// The statement, for what isn't known here.
    statement: Block,
}

impl Sleep {
    /// The sleep that a statement is, if its argument can't wait.
    pub(super) fn of(statement: &Stmt, still: &Stillness<'_>) -> Option<Self> {
        let (call, place) = match statement {
            Stmt::FnCall(call, place) => (call, *place),
            Stmt::Expr(expression) => match &**expression {
                Expr::FnCall(call, place) => (call, *place),
                _ => return None,
            },
            _ => return None,
        };
        let [time] = &call.args[..] else { return None };
        let is_sleep = path(call) == "sleep" && still.is_hosts("sleep") && still.expression(time);
        is_sleep.then(|| Self { time: time.clone(), place, statement: Block::new(vec![statement.clone()]) })
    }

    /// Sleeps.
    pub(super) fn play(&self, play: &mut Play<'_, '_>) -> Result<Next, Box<EvalAltResult>> {
        let time = match self.time.get_literal_value(None) {
            Some(time) => time,
            None => play.still(&self.time)?.0,
        };
        match sleep_by(play.stage, &time) {
            Some(Ok(())) => Ok(Next::Step),
            Some(Err(mut error)) => {
                if error.position().is_none() {
                    error.set_position(self.place);
                }
                Err(error)
            }
            None => Ok(play.interpret(&self.statement.0)?.1),
        }
    }
}
