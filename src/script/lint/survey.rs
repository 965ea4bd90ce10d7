//! What a script says, gathered in one walk of its tree: functions, calls, names, texts.
//!
//! Rhai lends the tree's nodes for a moment only and doesn't say whose body it is in, so what lints need
//! is kept as data, and a statement's function is found by its place.

use std::collections::{BTreeMap, BTreeSet};

use rhai::{AST, ASTNode, Dynamic, Expr, FnCallExpr, FnPtr, Stmt};

use super::super::bodies::Bodies;
use super::super::place::position;
use crate::diagnostic::{Position, Source};

/// What can be said of an argument without running the script.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    Text(String),
    /// A text in backticks with holes: what stands before the first hole that isn't fixed.
    Template(String),
    Number(f64),
    Flag(bool),
    Map(BTreeMap<String, Shape>),
    /// Rhai's name of it.
    Closure(String),
    Variable(String),
    /// A call, by its name with the path.
    Call(String),
    Other,
}

/// A call of a function or a method.
#[derive(Debug)]
pub(super) struct Call {
    /// The calling function; none at the top level.
    pub(super) caller: Option<usize>,
    /// With its path: `http::get`.
    pub(super) name: String,
    pub(super) is_method: bool,
    pub(super) arguments: Vec<Shape>,
    pub(super) place: Option<Position>,
}

/// A function of the script, or a closure.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) parameters: Vec<String>,
    /// Its name, or where a closure's body starts.
    pub(super) place: Option<Position>,
    /// Where it first reads `this`.
    pub(super) this: Option<Position>,
    /// Names of variables that it reads.
    pub(super) reads: BTreeSet<String>,
}

impl Function {
    pub(super) fn is_closure(&self) -> bool {
        self.name.contains('$')
    }
}

/// A metric that the top level declares in a way that shows who has it.
#[derive(Debug)]
pub(super) struct DeclaredMetric {
    pub(super) name: String,
    /// The constant or variable that holds it; none when the handle is dropped.
    pub(super) holder: Option<String>,
    pub(super) place: Option<Position>,
}

/// What a script says.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) functions: Vec<Function>,
    pub(super) calls: Vec<Call>,
    /// Constants of the top level.
    pub(super) constants: Vec<(String, Option<Position>)>,
    pub(super) metrics: Vec<DeclaredMetric>,
    /// Names of variables and constants that something reads.
    pub(super) reads: BTreeSet<String>,
    /// Texts and names of functions that stand as values, and how often.
    pub(super) texts: BTreeMap<String, usize>,
    /// Modules that it imports, by their names here.
    pub(super) imports: Vec<(String, Option<Position>)>,
    bodies: Bodies,
}

/// Functions that declare a metric of that name.
const DECLARE_METRIC: [&str; 4] = ["counter", "gauge", "rate", "trend"];

impl Survey {
    pub(super) fn of(ast: &AST, source: &Source) -> Self {
        let mut survey = Self::default();
        let lines: Vec<&str> = source.text.lines().collect();
        survey.bodies = Bodies::of(ast);
        let functions = survey.bodies.list().iter().map(|body| Function {
            place: name_of(&lines, body.start, &body.name).or(Some(body.start)),
            parameters: body.parameters.iter().map(ToString::to_string).collect(),
            name: body.name.to_string(),
            this: None,
            reads: BTreeSet::new(),
        });
        survey.functions = functions.collect();
        let mut owner = None;
        ast.walk(&mut |nodes: &[ASTNode<'_>]| {
            if let [root] = nodes {
                owner = survey.owner(*root);
                if owner.is_none() {
                    survey.top_level(*root);
                }
            }
            survey.node(nodes, owner);
            true
        });
        survey
    }

    /// Adds what an imported module says, for lints that ask whether anything at all does something. Whose
    /// body a call stands in is said of the script's own alone.
    pub(super) fn absorb(&mut self, module: Self) {
        let calls = module.calls.into_iter().map(|call| Call { caller: None, ..call });
        self.calls.extend(calls);
        self.metrics.extend(module.metrics);
        self.reads.extend(module.reads);
        for (text, count) in module.texts {
            *self.texts.entry(text).or_default() += count;
        }
    }

    /// The function in whose body a statement stands; none at the top level.
    pub(super) fn owner(&self, statement: ASTNode<'_>) -> Option<usize> {
        self.bodies.owner(statement)
    }

    /// The function of that name.
    pub(super) fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.name == name)
    }

    /// Calls of a function of the host, by its name with the path.
    pub(super) fn calls_of<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s Call> {
        self.calls.iter().filter(move |call| !call.is_method && call.name == name)
    }

    /// Whether something calls a function whose name begins so.
    pub(super) fn calls_any(&self, prefixes: &[&str]) -> bool {
        let begins = |call: &Call| prefixes.iter().any(|prefix| call.name.starts_with(prefix));
        self.calls.iter().any(|call| !call.is_method && begins(call))
    }

    /// Whether a metric's name is mentioned elsewhere than where it is declared or judged.
    pub(super) fn mentions_metric(&self, name: &str) -> bool {
        let first = |call: &&Call| call.arguments.first() == Some(&Shape::Text(name.to_owned()));
        let plain = self.calls.iter().filter(|call| {
            !call.is_method && (DECLARE_METRIC.contains(&call.name.as_str()) || call.name == "target")
        });
        self.texts.get(name).copied().unwrap_or(0) > plain.filter(first).count()
    }

    /// Whether something adds to a metric, as far as can be seen; yes where it can't.
    pub(super) fn feeds(&self, name: &str) -> bool {
        let mut declared = self.metrics.iter().filter(|metric| metric.name == name).peekable();
        if declared.peek().is_none() {
            return true;
        }
        self.mentions_metric(name)
            || declared.any(|metric| metric.holder.as_ref().is_some_and(|holder| self.reads.contains(holder)))
    }

    fn top_level(&mut self, statement: ASTNode<'_>) {
        let ASTNode::Stmt(statement) = statement else { return };
        match statement {
            Stmt::Var(variable, flags, _) => {
                let (name, value, _) = &**variable;
                if let Expr::FnCall(call, place) = value
                    && let Some(metric) = metric_of(call)
                {
                    let holder = Some(name.name.to_string());
                    self.metrics.push(DeclaredMetric { name: metric, holder, place: position(*place) });
                } else if flags.contains(rhai::ASTFlags::CONSTANT) {
                    self.constants.push((name.name.to_string(), position(name.pos)));
                }
            }
            statement => {
                if let Some((call, place)) = call_of(statement)
                    && let Some(name) = metric_of(call)
                {
                    self.metrics.push(DeclaredMetric { name, holder: None, place: position(place) });
                }
            }
        }
    }

    fn node(&mut self, nodes: &[ASTNode<'_>], owner: Option<usize>) {
        match nodes.last() {
            Some(ASTNode::Stmt(Stmt::FnCall(call, place))) => self.call(call, *place, false, owner),
            Some(ASTNode::Stmt(Stmt::Import(import, place))) => {
                let place = if import.1.pos.is_none() { *place } else { import.1.pos };
                self.imports.push((import.1.name.to_string(), position(place)));
            }
            Some(ASTNode::Expr(expression)) => self.expression(expression, owner),
            _ => {}
        }
    }

    fn expression(&mut self, expression: &Expr, owner: Option<usize>) {
        match expression {
            Expr::FnCall(call, place) => self.call(call, *place, false, owner),
            Expr::MethodCall(call, place) => self.call(call, *place, true, owner),
            Expr::Variable(variable, _, _) => {
                let name = variable.1.to_string();
                if let Some(owner) = owner {
                    self.functions[owner].reads.insert(name.clone());
                }
                self.reads.insert(name);
            }
            Expr::ThisPtr(place) => {
                if let Some(owner) = owner {
                    self.functions[owner].this = self.functions[owner].this.or(position(*place));
                }
            }
            Expr::StringConstant(text, _) => self.text(text),
            Expr::DynamicConstant(value, _) => self.constant(value),
            _ => {}
        }
    }

    fn constant(&mut self, value: &Dynamic) {
        if let Ok(text) = value.as_immutable_string_ref() {
            self.text(&text);
        } else if let Ok(list) = value.as_array_ref() {
            list.iter().for_each(|item| self.constant(item));
        } else if let Ok(map) = value.as_map_ref() {
            map.values().for_each(|item| self.constant(item));
        } else if let Some(closure) = value.read_lock::<FnPtr>() {
            self.text(closure.fn_name());
        }
    }

    fn text(&mut self, text: &str) {
        match self.texts.get_mut(text) {
            Some(count) => *count += 1,
            None => drop(self.texts.insert(text.to_owned(), 1)),
        }
    }

    fn call(&mut self, call: &FnCallExpr, place: rhai::Position, is_method: bool, caller: Option<usize>) {
        if call.op_token.is_some() {
            return;
        }
        let arguments = call.args.iter().map(shape).collect();
        self.calls.push(Call { caller, name: full_name(call), is_method, arguments, place: position(place) });
    }
}

/// `http::get`, as it is called.
pub(super) fn full_name(call: &FnCallExpr) -> String {
    let path = call.namespace.path.iter().map(|part| part.name.as_str());
    path.chain([call.name.as_str()]).collect::<Vec<_>>().join("::")
}

/// The call that a statement is.
fn call_of(statement: &Stmt) -> Option<(&FnCallExpr, rhai::Position)> {
    match statement {
        Stmt::FnCall(call, place) => Some((call, *place)),
        Stmt::Expr(expression) => match &**expression {
            Expr::FnCall(call, place) => Some((call, *place)),
            _ => None,
        },
        _ => None,
    }
}

fn metric_of(call: &FnCallExpr) -> Option<String> {
    let is_declaration = call.namespace.is_empty() && DECLARE_METRIC.contains(&call.name.as_str());
    match call.args.first()? {
        Expr::StringConstant(name, _) if is_declaration => Some(name.to_string()),
        _ => None,
    }
}

/// What can be said of an expression without running it.
pub(super) fn shape(expression: &Expr) -> Shape {
    match expression {
        Expr::StringConstant(text, _) => Shape::Text(text.to_string()),
        Expr::IntegerConstant(number, _) => Shape::Number(*number as f64),
        Expr::FloatConstant(number, _) => Shape::Number(**number),
        Expr::BoolConstant(flag, _) => Shape::Flag(*flag),
        Expr::InterpolatedString(parts, _) => {
            let mut before = String::new();
            for part in parts {
                match part {
                    Expr::StringConstant(text, _) => before.push_str(text),
                    // A constant is the same in every request.
                    Expr::Variable(variable, ..) if !variable.2.is_empty() => before.push('…'),
                    _ => return Shape::Template(before),
                }
            }
            Shape::Other
        }
        Expr::Map(map, _) => {
            Shape::Map(map.0.iter().map(|(key, value)| (key.name.to_string(), shape(value))).collect())
        }
        Expr::Variable(variable, ..) if variable.2.is_empty() => Shape::Variable(variable.1.to_string()),
        Expr::FnCall(call, _) if call.name == "curry" => call.args.first().map_or(Shape::Other, shape),
        Expr::FnCall(call, _) if call.op_token.is_none() => Shape::Call(full_name(call)),
        // A closure that captures: the variable is shared, then bound.
        Expr::Stmt(block) => match block.statements().last().and_then(call_of) {
            Some((call, _)) if call.name == "curry" => call.args.first().map_or(Shape::Other, shape),
            _ => Shape::Other,
        },
        Expr::DynamicConstant(value, _) => constant_shape(value),
        _ => Shape::Other,
    }
}

fn constant_shape(value: &Dynamic) -> Shape {
    if let Ok(text) = value.as_immutable_string_ref() {
        Shape::Text(text.to_string())
    } else if let Ok(flag) = value.as_bool() {
        Shape::Flag(flag)
    } else if let Ok(number) = value.as_int() {
        Shape::Number(number as f64)
    } else if let Ok(number) = value.as_float() {
        Shape::Number(number)
    } else if let Ok(map) = value.as_map_ref() {
        Shape::Map(map.iter().map(|(key, value)| (key.to_string(), constant_shape(value))).collect())
    } else if let Some(closure) = value.read_lock::<FnPtr>() {
        Shape::Closure(closure.fn_name().to_owned())
    } else {
        Shape::Other
    }
}

/// Where the name of a function stands, whose body starts at `start`.
fn name_of(lines: &[&str], start: Position, name: &str) -> Option<Position> {
    let last = start.line as usize;
    // A long list of parameters puts the body some lines below the name.
    (last.saturating_sub(10)..last).rev().find_map(|index| {
        let line = lines.get(index)?;
        let at = line.find(&format!("fn {name}("))?;
        let column = u32::try_from(line[..at].chars().count() + "fn ".len() + 1).ok()?;
        Some(Position { line: u32::try_from(index + 1).ok()?, column })
    })
}
