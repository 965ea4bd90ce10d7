//! Where scripts spend their time, by function and line: computing and waiting, told apart.
//!
//! Rhai's debugger tells of each node before it is evaluated and of each call when it returns, with the calls
//! that led there; it is registered when a profile is wanted and only then. Computing is sampled: the native
//! sampler's ticks on this thread, which are of processor time, are charged to whatever was evaluated between two
//! events. Waiting is measured: a host function that suspends says for how long, and the event of its return
//! says where. Both are exact to the line of the call that took the time. Rhai tells of no return from functions of
//! a module, of which those of `http` wait: where such a call stands is remembered when it is begun.
//!
//! Users take turns within host functions, so what is not charged yet is put aside at each suspend and taken up
//! again behind it. A worker has one of these; nothing of it crosses threads but the sums at the end.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use rhai::debugger::{CallStackFrame, DebuggerCommand, DebuggerEvent};
use rhai::{ASTNode, Engine, Expr, FnCallExpr, ImmutableString, Stmt};
use rustc_hash::FxHashMap;

use super::diagnose::Context;
use super::place::position;
use super::rename::unmarked;
use crate::diagnostic::Position;
use crate::http::Clock;
use crate::profile::{Folded, take_ticks};

/// Different stacks of one worker that are kept, each: scripts that recurse have many. The rest is charged to
/// [`REST`].
const STACKS_MAX: usize = 20_000;

/// What stacks beyond the limit are counted as.
const REST: &str = "(more stacks)";

/// Where the workers' sums come together.
#[derive(Debug, Clone, Default)]
pub struct ScriptProfile(Arc<Mutex<ScriptTime>>);

/// What scripts took.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScriptTime {
    /// Samples of processor time.
    pub computing: Folded,
    /// Microseconds.
    pub waiting: Folded,
}

impl ScriptProfile {
    /// Adds a worker's sums.
    pub fn add(&self, time: &ScriptTime) {
        let mut sums = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sums.computing.merge(&time.computing);
        sums.waiting.merge(&time.waiting);
    }

    /// The sums so far.
    pub fn sums(&self) -> ScriptTime {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A function's name as Rhai has it, and where in it the next call stands, or what is evaluated.
type Frame = (ImmutableString, Position);

/// By stack, the outermost call first.
type Sums = FxHashMap<Box<[Frame]>, u64>;

/// What was evaluated last: how many calls deep, and where.
#[derive(Debug, Clone, Copy, Default)]
struct Spot {
    depth: usize,
    place: Option<Position>,
}

/// What one worker's scripts took so far.
#[derive(Default)]
pub(super) struct Profiler {
    last: Cell<Spot>,
    /// Ticks that were taken from the sampler and are not charged yet.
    ticks: Cell<u32>,
    /// Waiting that is not charged yet.
    waited_ns: Cell<u64>,
    /// Calls of `http` that were begun in the statements under way: how many calls deep, and where.
    asked: RefCell<Vec<(usize, Position)>>,
    /// A function of `http`, whose name stands at its call.
    unnamed: ImmutableString,
    computing: RefCell<Sums>,
    waiting: RefCell<Sums>,
    /// The stack that is being charged, kept for its memory.
    scratch: RefCell<Vec<Frame>>,
}

impl Profiler {
    /// Has an engine tell of what it evaluates. The engine's states must be made after this.
    pub(super) fn attach(self: &Rc<Self>, engine: &mut Engine) {
        let profiler = Rc::clone(self);
        #[expect(deprecated, reason = "not deprecated but marked as volatile: a change would not compile")]
        engine.register_debugger(
            |_, debugger| debugger,
            move |context, event, node, _, place| {
                profiler.note(context.global_runtime_state().debugger().call_stack(), &event, node, place);
                Ok(DebuggerCommand::StepInto)
            },
        );
    }

    fn note(
        &self,
        calls: &[CallStackFrame],
        event: &DebuggerEvent<'_>,
        node: ASTNode<'_>,
        place: rhai::Position,
    ) {
        let depth = calls.len();
        let returns = matches!(
            event,
            DebuggerEvent::FunctionExitWithValue(_) | DebuggerEvent::FunctionExitWithError(_)
        );
        // Rhai shows the beginning of a function as an empty statement.
        let enters = !returns && matches!(node, ASTNode::Stmt(Stmt::Noop(_)));
        if enters && depth == 1 {
            // What came before was the engine's.
            take_ticks();
            self.ticks.set(0);
            self.waited_ns.set(0);
            self.asked.borrow_mut().clear();
        } else {
            let ticks = self.ticks.take() + take_ticks();
            let waited_ns = self.waited_ns.take();
            if ticks > 0 || waited_ns > 0 {
                self.charge(calls, returns, enters, place, ticks, waited_ns);
            }
        }
        if !returns {
            self.remember(node, depth);
        }
        self.last.set(if returns {
            Spot { depth: depth.saturating_sub(1), place: calls.last().and_then(|call| position(call.pos)) }
        } else {
            Spot { depth, place: position(place) }
        });
    }

    /// Keeps the place of a call of `http`. A statement that begins ends those before it.
    fn remember(&self, node: ASTNode<'_>, depth: usize) {
        let call: &FnCallExpr = match node {
            ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _)) => call,
            ASTNode::Stmt(_) => return self.asked.borrow_mut().retain(|(deep, _)| *deep < depth),
            _ => return,
        };
        if matches!(node, ASTNode::Stmt(_)) {
            self.asked.borrow_mut().retain(|(deep, _)| *deep < depth);
        }
        if !call.namespace.is_empty()
            && call.namespace.root() == "http"
            && let Some(place) = position(call.namespace.position())
        {
            self.asked.borrow_mut().push((depth, place));
        }
    }

    #[cold]
    fn charge(
        &self,
        calls: &[CallStackFrame],
        returns: bool,
        enters: bool,
        place: rhai::Position,
        ticks: u32,
        waited_ns: u64,
    ) {
        let last = self.last.get();
        let depth = calls.len();
        if ticks > 0 {
            // The call that returns took the time; else whatever was evaluated before.
            let (calls, place) = if returns {
                (calls, last.place.filter(|_| last.depth == depth))
            } else {
                (&calls[..last.depth.min(depth)], last.place)
            };
            self.add(&self.computing, calls, place, false, u64::from(ticks));
        }
        if waited_ns > 0 {
            if returns || enters {
                // A host function waited that returns now, or that calls back.
                let calls = if enters { &calls[..depth - 1] } else { calls };
                self.add(&self.waiting, calls, position(place), false, waited_ns);
            } else {
                let calls = &calls[..last.depth.min(depth)];
                let asked = self.asked.borrow_mut().pop_if(|(deep, _)| *deep == calls.len());
                let place = asked.map(|(_, place)| place).or(last.place);
                self.add(&self.waiting, calls, place, true, waited_ns);
            }
        }
    }

    fn add(
        &self,
        sums: &RefCell<Sums>,
        calls: &[CallStackFrame],
        place: Option<Position>,
        asks: bool,
        amount: u64,
    ) {
        const NOWHERE: Position = Position { line: 0, column: 0 };
        let mut stack = self.scratch.borrow_mut();
        stack.clear();
        let inner = calls.iter().skip(1).map(|call| position(call.pos)).chain([place]);
        let frames = calls.iter().zip(inner);
        stack.extend(frames.map(|(call, place)| (call.fn_name.clone(), place.unwrap_or(NOWHERE))));
        if asks {
            stack.push((self.unnamed.clone(), NOWHERE));
        }
        let mut sums = sums.borrow_mut();
        if let Some(sum) = sums.get_mut(stack.as_slice()) {
            *sum += amount;
        } else if sums.len() < STACKS_MAX {
            sums.insert(stack.as_slice().into(), amount);
        } else {
            let rest: Box<[Frame]> = Box::new([(REST.into(), NOWHERE)]);
            *sums.entry(rest).or_default() += amount;
        }
    }

    /// Lets others run, and takes the time until this user goes on, if that is to count.
    pub(super) fn suspended<R>(&self, clock: &dyn Clock, counts: bool, wait: impl FnOnce() -> R) -> R {
        let (last, ticks) = (self.last.get(), self.ticks.take() + take_ticks());
        let (waited_ns, asked) = (self.waited_ns.take(), self.asked.take());
        let since_ns = clock.now_ns();
        let result = wait();
        // The others' ticks are theirs or the engine's.
        take_ticks();
        self.last.set(last);
        self.ticks.set(ticks);
        self.asked.replace(asked);
        let span_ns = if counts { clock.now_ns().saturating_sub(since_ns) } else { 0 };
        self.waited_ns.set(waited_ns + span_ns);
        result
    }

    /// The sums so far, with the names that authors know.
    pub(super) fn time(&self, names: &Names<'_>) -> ScriptTime {
        let folded = |sums: &RefCell<Sums>, unit: u64| {
            let mut folded = Folded::default();
            // Folded stacks have an order of their own.
            sums.borrow().iter().for_each(|(stack, amount)| {
                let frames = names.of(stack);
                folded.add(frames.iter().map(String::as_str), amount.div_ceil(unit));
            });
            folded
        };
        ScriptTime { computing: folded(&self.computing, 1), waiting: folded(&self.waiting, 1_000) }
    }
}

/// What functions are called by those who wrote them.
pub(super) struct Names<'a> {
    pub(super) context: &'a Context,
    /// The lines at which closures begin, by Rhai's names for them.
    pub(super) closures: FxHashMap<String, u32>,
}

impl Names<'_> {
    /// A stack in words: `function (file:line)`, the line being where the function was, or where a host function
    /// was called.
    fn of(&self, stack: &[Frame]) -> Vec<String> {
        let mut file = 0;
        let mut called_at: Option<Position> = None;
        let mut frames = Vec::with_capacity(stack.len());
        for (name, place) in stack {
            let (function, at) = match self.own(name, file, called_at) {
                Some((own_file, function)) => {
                    file = own_file;
                    (function, Some(*place))
                }
                None => (self.host_name(name, file, called_at), called_at),
            };
            let source = &self.context.of(file).source.name;
            frames.push(match at.filter(|place| place.line > 0) {
                Some(place) => format!("{function} ({source}:{})", place.line),
                None => function,
            });
            called_at = Some(*place);
        }
        frames
    }

    /// The file and the name of a function of the script or a module; nothing for a host function.
    pub(super) fn own(
        &self,
        name: &str,
        caller: usize,
        called_at: Option<Position>,
    ) -> Option<(usize, String)> {
        if name.contains('$') {
            let line = self.closures.get(name)?;
            return Some((self.context.file_of(name, "", caller), format!("closure of line {line}")));
        }
        if let Some((file, plain)) = unmarked(name) {
            return Some((file, plain.to_owned()));
        }
        // A module's function is called by its own name, and known by the alias in front of it.
        let written = self.written(caller, called_at);
        if let Some((alias, _)) = written.rsplit_once("::")
            && let Some(module) = self.context.of(caller).imports.aliases.get(alias)
        {
            let file = self.context.modules.iter().position(|context| context.module == *module)?;
            return Some((file + 1, name.to_owned()));
        }
        let file = self.context.file_of(name, "", caller);
        self.context.of(file).own.contains_key(name).then(|| (file, name.to_owned()))
    }

    /// Rhai tells `get`; what stands at the call tells `http::get`.
    fn host_name(&self, name: &str, file: usize, called_at: Option<Position>) -> String {
        if let Some(property) = name.strip_prefix("get$").or(name.strip_prefix("set$")) {
            return format!(".{property}");
        }
        if name.starts_with("index$") {
            return "[]".to_owned();
        }
        let written = self.written(file, called_at);
        let is_it = written.rsplit("::").next() == Some(name) || (name.is_empty() && !written.is_empty());
        let known = if name.is_empty() { "http" } else { name };
        if is_it { written } else { known.to_owned() }
    }

    /// The path that is written around a place: `http::get`, whichever part of it the place is.
    fn written(&self, file: usize, place: Option<Position>) -> String {
        let is_path = |c: &char| c.is_alphanumeric() || matches!(c, '_' | ':');
        let Some(place) = place else { return String::new() };
        let line: Vec<char> =
            self.context.of(file).source.line(place.line).unwrap_or_default().chars().collect();
        let at = (place.column.saturating_sub(1) as usize).min(line.len());
        let before = line[..at].iter().rev().take_while(|c| is_path(c)).count();
        line[at - before..].iter().take_while(|c| is_path(c)).collect()
    }
}
