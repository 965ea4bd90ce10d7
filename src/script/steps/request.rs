//! A request as a step: what the interpreter would do on the way to it is done once.

use std::cell::RefCell;
use std::rc::Rc;

use rhai::{ASTFlags, Dynamic, EvalAltResult, Expr, FnCallExpr, ImmutableString, Position, Stmt};

use super::super::host::{Reply, RequestOptions, Verb};
use super::still::path;
use super::{Block, Next, Play, Stillness};

/// A response, or why nothing was sent.
type Sent = Result<Reply, Box<EvalAltResult>>;

/// `http::get(…)` or its kin as a statement, its response bound to a variable or dropped.
#[derive(Debug)]
pub(super) struct Request {
    verb: Verb,
    url: Expr,
    options: Given,
    /// The variable that the statement declares.
    variable: Option<ImmutableString>,
    place: Position,
    /// The statement, for arguments that it can't take: the interpreter has the words for it.
    statement: Block,
}

/// The second argument.
#[derive(Debug)]
enum Given {
    Nothing(Rc<RequestOptions>),
    /// It never changes: read at its first use.
    Constant {
        value: Dynamic,
        read: RefCell<Option<Rc<RequestOptions>>>,
    },
    Computed(Expr),
}

impl Request {
    /// The request that a statement is, if it is one whose arguments can't wait.
    pub(super) fn of(statement: &Stmt, still: &Stillness<'_>) -> Option<Self> {
        let (call, variable, place) = match statement {
            Stmt::FnCall(call, place) => (call, None, *place),
            Stmt::Expr(expression) => match &**expression {
                Expr::FnCall(call, place) => (call, None, *place),
                _ => return None,
            },
            Stmt::Var(variable, flags, _) => match &**variable {
                // One that is declared a second time takes the first one's place in the scope.
                (name, Expr::FnCall(call, place), None) if *flags == ASTFlags::empty() => {
                    (call, Some(name.name.clone()), *place)
                }
                _ => return None,
            },
            _ => return None,
        };
        let name = path(call);
        let verb = Verb::of_function(&name).filter(|_| still.is_hosts(&name))?;
        let (url, options) = arguments(call)?;
        if ![Some(url), options].into_iter().flatten().all(|argument| still.expression(argument)) {
            return None;
        }
        let options = match options {
            None => Given::Nothing(Rc::default()),
            Some(options) => match options.get_literal_value(None) {
                Some(value) => Given::Constant { value, read: RefCell::default() },
                None => Given::Computed(options.clone()),
            },
        };
        let (url, statement) = (url.clone(), Block::new(vec![statement.clone()]));
        Some(Self { verb, url, options, variable, place, statement })
    }

    /// Sends it.
    pub(super) fn play(&self, play: &mut Play<'_, '_>) -> Result<Next, Box<EvalAltResult>> {
        let Some(sent) = self.send(play)? else { return Ok(play.interpret(&self.statement.0)?.1) };
        let reply = sent.map_err(|mut error| {
            if error.position().is_none() {
                error.set_position(self.place);
            }
            error
        })?;
        if let Some(variable) = &self.variable {
            play.scope.push_dynamic(variable.clone(), Dynamic::from(reply));
        }
        Ok(Next::Step)
    }

    /// What came of it; nothing where an argument is of another kind. An error is the script's, in an argument.
    fn send(&self, play: &mut Play<'_, '_>) -> Result<Option<Sent>, Box<EvalAltResult>> {
        let url = match &self.url {
            Expr::StringConstant(url, _) => url.clone(),
            expression => match play.still(expression)?.0.as_immutable_string_ref() {
                Ok(url) => url.clone(),
                Err(_) => return Ok(None),
            },
        };
        let options = match &self.options {
            Given::Nothing(none) => return Ok(Some(self.verb.send(play.stage, url, none))),
            Given::Constant { value, read } => {
                let known = read.borrow().clone();
                if let Some(options) = known {
                    return Ok(Some(self.verb.send(play.stage, url, &options)));
                }
                let options = self.verb.options(value).map(|options| options.map(Rc::new));
                if let Some(Ok(options)) = &options {
                    read.replace(Some(Rc::clone(options)));
                }
                options
            }
            Given::Computed(expression) => {
                let value = play.still(expression)?.0;
                self.verb.options(&value).map(|options| options.map(Rc::new))
            }
        };
        Ok(options.map(|options| self.verb.send(play.stage, url, &options?)))
    }
}

fn arguments(call: &FnCallExpr) -> Option<(&Expr, Option<&Expr>)> {
    match &call.args[..] {
        [url] => Some((url, None)),
        [url, options] => Some((url, Some(options))),
        _ => None,
    }
}
