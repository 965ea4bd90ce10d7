//! Misspelt names, found when the script is loaded: a flow's mistake must not wait for the load.
//!
//! Walks the syntax tree and says of each call and variable whether anything answers to it. What can't
//! be known without running stays unsaid: the properties of maps, and methods that a map's closure
//! might be.

use std::collections::{BTreeMap, BTreeSet};

use rhai::{AST, ASTNode, Dynamic, Engine, Expr, FnCallExpr, ImmutableString, Stmt};

use super::bodies::Bodies;

/// Calls that Rhai itself answers, with any arguments.
const KEYWORDS: [&str; 9] =
    ["print", "debug", "type_of", "Fn", "call", "curry", "is_shared", "is_def_var", "is_def_fn"];

/// The most unknown names that are told of one script: more are not read.
const UNKNOWN_MAX: usize = 50;

/// Functions by name, each with the numbers of arguments that it takes.
pub(super) type Arities = BTreeMap<String, BTreeSet<usize>>;

/// What a script may name.
#[derive(Debug)]
pub(super) struct Known<'a> {
    /// Functions of the host, those of modules with their path.
    pub(super) host: &'a Arities,
    /// Functions of the script.
    pub(super) own: &'a Arities,
    /// Constants of the top level.
    pub(super) constants: &'a [String],
}

/// A name that nothing answers to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    /// A module in front of `::`.
    Module(String),
    /// A function or method.
    Function(String),
    /// A function or method that takes other numbers of arguments.
    Arguments {
        /// With its path.
        name: String,
        /// The arguments given.
        given: usize,
        /// The numbers that it takes.
        takes: BTreeSet<usize>,
    },
    /// A variable, with its path.
    Variable(String),
}

/// Something that a script names, and where.
struct Name {
    place: rhai::Position,
    what: What,
}

enum What {
    Call(ImmutableString, usize),
    Method(ImmutableString, usize),
    /// A call by path: its first module and where that stands, the whole, the number of arguments.
    Path(ImmutableString, rhai::Position, String, usize),
    Variable(ImmutableString),
    /// `global::NAME`.
    Constant(ImmutableString),
}

/// The names, by place, that nothing answers to; the first of each.
pub(super) fn unknown_names(engine: &Engine, ast: &AST, known: &Known<'_>) -> Vec<(Unknown, rhai::Position)> {
    let mut walk = Walk::default();
    walk.all(ast);
    walk.names.sort_by_key(|name| (name.place.line(), name.place.position()));
    let mut native = Native { engine, functions: None };
    let mut found: Vec<(Unknown, rhai::Position)> = Vec::new();
    for name in &walk.names {
        let Some(unknown) = unknown(&name.what, known, &walk.keys, &mut native) else { continue };
        let place = match (&unknown, &name.what) {
            (Unknown::Module(_), What::Path(_, place, ..)) => *place,
            _ => name.place,
        };
        if !found.iter().any(|(other, _)| *other == unknown) {
            found.push((unknown, place));
        }
        if found.len() == UNKNOWN_MAX {
            break;
        }
    }
    found
}

/// Rhai's own functions, and the methods of our types: asked for only when the cheaper lists don't know.
struct Native<'a> {
    engine: &'a Engine,
    functions: Option<Arities>,
}

impl Native<'_> {
    fn takes(&mut self, name: &str) -> Option<&BTreeSet<usize>> {
        self.functions.get_or_insert_with(|| native(self.engine)).get(name)
    }
}

/// All functions that can be called without a path, the script's own excluded.
pub(super) fn native(engine: &Engine) -> Arities {
    let functions = engine.collect_fn_metadata(
        None,
        |function| {
            let metadata = function.metadata;
            let is_named = function.namespace.is_empty() && metadata.name.starts_with(char::is_alphabetic);
            (is_named && !metadata.name.contains('$'))
                .then(|| (metadata.name.to_string(), metadata.num_params))
        },
        true,
    );
    let mut arities = Arities::new();
    for (name, parameters) in functions {
        arities.entry(name).or_default().insert(parameters);
    }
    arities
}

fn unknown(
    what: &What,
    known: &Known<'_>,
    keys: &BTreeSet<ImmutableString>,
    native: &mut Native<'_>,
) -> Option<Unknown> {
    match what {
        What::Variable(name) => {
            (!known.own.contains_key(name.as_str())).then(|| Unknown::Variable(name.to_string()))
        }
        What::Constant(name) => {
            let is_known = known.constants.iter().any(|constant| name == constant);
            (!is_known).then(|| Unknown::Variable(format!("global::{name}")))
        }
        What::Path(root, _, path, arguments) => match known.host.get(path) {
            Some(takes) => misfit(path, *arguments, takes.clone()),
            None if has_module(known.host, root) => Some(Unknown::Function(path.clone())),
            None => Some(Unknown::Module(root.to_string())),
        },
        What::Call(name, arguments) => {
            let name = name.as_str();
            let cheap = || known.own.get(name).into_iter().chain(known.host.get(name));
            if KEYWORDS.contains(&name) || cheap().any(|takes| takes.contains(arguments)) {
                return None;
            }
            misfit(name, *arguments, cheap().chain(native.takes(name)).flatten().copied().collect())
        }
        What::Method(name, arguments) => {
            if KEYWORDS.contains(&name.as_str()) || keys.contains(name) {
                return None;
            }
            // A native function takes its object as the first argument, a script's as `this`.
            let name = name.as_str();
            let own = known.own.get(name).into_iter().flatten().copied();
            let host = known.host.get(name).into_iter().chain(native.takes(name)).flatten();
            misfit(name, *arguments, own.chain(host.filter_map(|count| count.checked_sub(1))).collect())
        }
    }
}

/// What is wrong with a call, if anything; `takes` are the numbers of arguments that would do.
fn misfit(name: &str, given: usize, takes: BTreeSet<usize>) -> Option<Unknown> {
    if takes.contains(&given) {
        return None;
    }
    let name = name.to_owned();
    Some(if takes.is_empty() { Unknown::Function(name) } else { Unknown::Arguments { name, given, takes } })
}

fn has_module(host: &Arities, module: &str) -> bool {
    host.keys().any(|name| name.strip_prefix(module).is_some_and(|rest| rest.starts_with("::")))
}

/// Collects names from the tree, which lends its nodes for a moment only.
#[derive(Default)]
struct Walk {
    names: Vec<Name>,
    /// Keys, properties and texts: what a map may hold a closure under.
    keys: BTreeSet<ImmutableString>,
    /// Names of modules that the script imports.
    imports: BTreeSet<ImmutableString>,
}

impl Walk {
    fn all(&mut self, ast: &AST) {
        ast.walk(&mut |nodes: &[ASTNode<'_>]| {
            self.node(nodes);
            true
        });
        let imports = &self.imports;
        self.names.retain(|name| !matches!(&name.what, What::Path(root, ..) if imports.contains(root)));
        if self.names.iter().any(|name| matches!(name.what, What::Variable(_))) {
            self.forgive_captured(ast);
        }
    }

    /// Closures find what they capture by name, as parameters that Rhai adds: such a name is known after
    /// all. The walk doesn't say whose body it is in, so the place does.
    fn forgive_captured(&mut self, ast: &AST) {
        let bodies = Bodies::of(ast);
        let mut captured: BTreeMap<(Option<usize>, Option<usize>, ImmutableString), usize> = BTreeMap::new();
        ast.walk(&mut |nodes: &[ASTNode<'_>]| {
            if let Some(ASTNode::Expr(Expr::Variable(variable, short, place))) = nodes.last()
                && variable.0.is_none()
                && short.is_none()
                && variable.2.is_empty()
                && bodies.owner(nodes[0]).is_some_and(|owner| {
                    let body = &bodies.list()[owner];
                    body.is_closure() && body.parameters.contains(&variable.1)
                })
            {
                let key = (place.line(), place.position(), variable.1.clone());
                *captured.entry(key).or_default() += 1;
            }
            true
        });
        // The enclosing function names it at the same place, handing it over: that one stays.
        self.names.retain(|name| {
            let What::Variable(variable) = &name.what else { return true };
            let key = (name.place.line(), name.place.position(), variable.clone());
            match captured.get_mut(&key) {
                Some(count) if *count > 0 => {
                    *count -= 1;
                    false
                }
                _ => true,
            }
        });
    }

    fn node(&mut self, nodes: &[ASTNode<'_>]) {
        match nodes.last() {
            Some(ASTNode::Stmt(statement)) => self.statement(statement),
            Some(ASTNode::Expr(expression)) => self.expression(expression),
            _ => {}
        }
    }

    fn statement(&mut self, statement: &Stmt) {
        match statement {
            Stmt::FnCall(call, place) => self.call(call, *place),
            Stmt::Import(import, _) => {
                self.imports.insert(import.1.name.clone());
            }
            _ => {}
        }
    }

    fn expression(&mut self, expression: &Expr) {
        match expression {
            Expr::FnCall(call, place) => self.call(call, *place),
            Expr::MethodCall(call, place) => {
                self.names
                    .push(Name { place: *place, what: What::Method(call.name.clone(), call.args.len()) });
            }
            Expr::Variable(variable, short, place) => {
                let (index, name, path, _) = &**variable;
                if path.is_empty() {
                    if index.is_none() && short.is_none() {
                        self.names.push(Name { place: *place, what: What::Variable(name.clone()) });
                    }
                } else if path.root() == "global" {
                    self.names.push(Name { place: *place, what: What::Constant(name.clone()) });
                }
            }
            Expr::Property(property, _) => {
                self.keys.insert(property.2.clone());
            }
            Expr::Map(map, _) => {
                self.keys.extend(map.0.iter().map(|(key, _)| key.name.clone()));
            }
            Expr::StringConstant(text, _) => {
                self.keys.insert(text.clone());
            }
            Expr::DynamicConstant(constant, _) => self.keys_of(constant),
            _ => {}
        }
    }

    /// A map of constants, closures among them, is one constant to Rhai.
    fn keys_of(&mut self, constant: &Dynamic) {
        if let Ok(map) = constant.as_map_ref() {
            self.keys.extend(map.keys().map(|key| key.as_str().into()));
            map.values().for_each(|value| self.keys_of(value));
        } else if let Ok(list) = constant.as_array_ref() {
            list.iter().for_each(|value| self.keys_of(value));
        }
    }

    fn call(&mut self, call: &FnCallExpr, place: rhai::Position) {
        if call.op_token.is_some() || !call.name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            return;
        }
        let arguments = call.args.len();
        let what = if call.namespace.is_empty() {
            What::Call(call.name.clone(), arguments)
        } else {
            let root = ImmutableString::from(call.namespace.root());
            if root == "global" {
                return;
            }
            let path: Vec<&str> = call.namespace.path.iter().map(|part| part.name.as_str()).collect();
            let whole = format!("{}::{}", path.join("::"), call.name);
            What::Path(root, call.namespace.position(), whole, arguments)
        };
        self.names.push(Name { place, what });
    }
}
