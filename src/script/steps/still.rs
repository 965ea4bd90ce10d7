//! What can't wait, proved from the syntax tree.
//!
//! Everything is taken to wait that isn't known not to: loops (they may run so long that others must get
//! their turn), functions that take a closure, and those of the host that say that they wait. A script's own
//! functions and closures are looked into. A wait in what was called still would be a bug of ours: the fiber
//! refuses it (see [`crate::fiber::Current::run_still`]).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use rhai::{AST, ASTNode, Expr, FnCallExpr, FnPtr, Stmt};

use super::super::registry::{Function, Kind};
use super::cut::statements;

/// Methods of Rhai's own that take no closure and are done in a moment.
const METHODS: [&str; 38] = [
    "abs",
    "bits",
    "ceiling",
    "chars",
    "clear",
    "contains",
    "ends_with",
    "floor",
    "get",
    "index_of",
    "insert",
    "int",
    "is_empty",
    "keys",
    "len",
    "max",
    "min",
    "parse_float",
    "parse_int",
    "pop",
    "push",
    "remove",
    "replace",
    "round",
    "set",
    "shift",
    "split",
    "starts_with",
    "sub_string",
    "to_float",
    "to_int",
    "to_lower",
    "to_string",
    "to_upper",
    "trim",
    "type_of",
    "values",
    "curry",
];

/// Knows what of a script can't wait.
#[derive(Debug)]
pub(in super::super) struct Stillness<'a> {
    functions: &'a AST,
    /// Functions and methods of the host that don't wait.
    host: BTreeSet<&'a str>,
    /// The script's own functions by name, once looked at. One that is being looked at counts as waiting: it
    /// calls itself.
    known: RefCell<BTreeMap<String, bool>>,
}

impl<'a> Stillness<'a> {
    pub(in super::super) fn new(functions: &'a AST, host: &'a [Function]) -> Self {
        let name = |function: &'a Function| match function.kind {
            Kind::Method => function.name().split_once('.').map_or(function.name(), |(_, method)| method),
            Kind::Function | Kind::Property => function.name(),
        };
        let (waiting, still): (Vec<_>, Vec<_>) = host.iter().partition(|function| function.waits);
        let mut still: BTreeSet<&str> = still.into_iter().map(name).collect();
        // Of a name with several forms the one that waits counts.
        for function in waiting {
            still.remove(name(function));
        }
        Self { functions, host: still, known: RefCell::default() }
    }

    /// Whether a statement can't wait.
    pub(super) fn statement(&self, statement: &Stmt) -> bool {
        statement.walk(&mut Vec::new(), &mut |nodes| self.node(nodes))
    }

    /// Whether an expression can't wait.
    pub(super) fn expression(&self, expression: &Expr) -> bool {
        expression.walk(&mut Vec::new(), &mut |nodes| self.node(nodes))
    }

    /// Whether the name is the host's, and not one that the script has taken for itself.
    pub(super) fn is_hosts(&self, name: &str) -> bool {
        !self.is_own(name)
    }

    fn node(&self, nodes: &[ASTNode<'_>]) -> bool {
        match nodes.last() {
            Some(ASTNode::Stmt(statement)) => match statement {
                Stmt::FnCall(call, _) => self.call(call),
                Stmt::While(..) | Stmt::Do(..) | Stmt::For(..) | Stmt::Import(..) | Stmt::Export(..) => false,
                _ => true,
            },
            Some(ASTNode::Expr(expression)) => match expression {
                Expr::FnCall(call, _) | Expr::MethodCall(call, _) => self.call(call),
                Expr::DynamicConstant(value, _) => {
                    value.read_lock::<FnPtr>().is_none_or(|closure| self.function(closure.fn_name()))
                }
                Expr::Custom(..) => false,
                _ => true,
            },
            _ => true,
        }
    }

    fn call(&self, call: &FnCallExpr) -> bool {
        if call.op_token.is_some() {
            return true;
        }
        let name = path(call);
        if self.is_own(&name) {
            return self.function(&name);
        }
        self.host.contains(name.as_str()) || METHODS.contains(&name.as_str())
    }

    fn is_own(&self, name: &str) -> bool {
        self.functions.iter_fn_def().any(|function| function.name == name)
    }

    /// Whether no function of the script by that name waits.
    fn function(&self, name: &str) -> bool {
        if let Some(known) = self.known.borrow().get(name) {
            return *known;
        }
        self.known.borrow_mut().insert(name.to_owned(), false);
        let own = self.functions.iter_fn_def().filter(|function| function.name == name);
        let mut forms = own.map(|function| function.params.len()).peekable();
        let is_still = forms.peek().is_some()
            && forms.all(|count| {
                statements(self.functions, name, count).iter().all(|statement| self.statement(statement))
            });
        self.known.borrow_mut().insert(name.to_owned(), is_still);
        is_still
    }
}

/// A called function with its path.
pub(super) fn path(call: &FnCallExpr) -> String {
    let modules = call.namespace.path.iter().map(|module| module.name.as_str());
    modules.chain([call.name.as_str()]).collect::<Vec<_>>().join("::")
}
