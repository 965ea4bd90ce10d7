//! Follows the interpreter: at which statement it is, in which call of which function, and what the statement before it
//! changed.
//!
//! Rhai's debugger tells of each node before it is evaluated, and of each call when it returns; it is registered when
//! somebody listens and only then. A variable is told of when the next statement begins, or its function returns: as it
//! is then. Values are compared by their beginning and their length, so a change far inside a large one goes unnoticed.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use rhai::debugger::{CallStackFrame, DebuggerCommand, DebuggerEvent};
use rhai::{AST, ASTNode, Dynamic, Engine, ImmutableString, Scope, Stmt};
use rustc_hash::{FxHashMap, FxHashSet};

use super::super::diagnose::Context;
use super::super::place::position;
use super::super::profiler::Names;
use super::super::stage::Stage;
use super::super::state::State;
use super::super::vu::Vu;
use super::event::{Event, Place};
use super::portrait::{portrait, short, sketch};
use crate::diagnostic::Position;

/// Changes of one variable at one line that are told: further ones are a loop's, and counted.
const CHANGES_MAX: u32 = 10;

/// A call that has not returned.
#[derive(Debug, Default)]
struct Frame {
    /// As Rhai has it.
    function: ImmutableString,
    /// Where it was called.
    called_at: Option<Position>,
    /// The statement that is evaluated.
    place: Option<Position>,
    /// Names and sketches, the oldest first.
    variables: Vec<(ImmutableString, String)>,
}

/// Where the interpreter is.
#[derive(Debug, Default)]
pub(in super::super) struct Scout {
    frames: RefCell<Vec<Frame>>,
    /// Of the user's state: sketches by name.
    state: RefCell<BTreeMap<ImmutableString, String>>,
    /// Where expressions stand that are statements: Rhai shows them as expressions.
    statements: RefCell<FxHashSet<Position>>,
    /// How often a variable changed at a line.
    changes: RefCell<FxHashMap<(ImmutableString, u32), u32>>,
    untold: Cell<u64>,
    groups: Cell<usize>,
}

/// Has an engine tell of what it evaluates.
pub(super) fn attach(stage: &Rc<Stage>, engine: &mut Engine) {
    let stage = Rc::clone(stage);
    #[expect(deprecated, reason = "not deprecated but marked as volatile: a change would not compile")]
    engine.register_debugger(
        |_, debugger| debugger,
        move |context, event, node, _, place| {
            if let Some(story) = stage.story() {
                let calls = context.global_runtime_state().debugger().call_stack();
                story.scout.follow(&stage, (calls, context.scope()), &event, node, place);
            }
            Ok(DebuggerCommand::StepInto)
        },
    );
}

impl Scout {
    /// Finds the statements of a script that are expressions.
    pub(super) fn read(&self, functions: &AST) {
        functions.walk(&mut |nodes: &[ASTNode<'_>]| {
            if let Some(ASTNode::Stmt(Stmt::Expr(expression))) = nodes.last() {
                self.statements.borrow_mut().extend(position(expression.position()));
            }
            true
        });
    }

    /// A group begins within those that are open.
    pub(in super::super) fn open_group(&self) {
        self.groups.set(self.groups.get() + 1);
    }

    /// The innermost is over.
    pub(in super::super) fn close_group(&self) {
        self.groups.set(self.groups.get().saturating_sub(1));
    }

    /// How many changes were not told; cleared.
    pub(super) fn take_untold(&self) -> u64 {
        self.changes.borrow_mut().clear();
        self.untold.take()
    }

    /// Another function is about to be called, of this user or another.
    pub(super) fn turn_page(&self, vu: &Vu) {
        self.frames.borrow_mut().clear();
        self.groups.set(0);
        self.state.replace(state_of(vu).map_or_else(BTreeMap::new, |state| state.map(sketch)));
    }

    fn follow(
        &self,
        stage: &Stage,
        (calls, scope): (&[CallStackFrame], &Scope<'_>),
        event: &DebuggerEvent<'_>,
        node: ASTNode<'_>,
        place: rhai::Position,
    ) {
        let depth = calls.len();
        let returns = matches!(
            event,
            DebuggerEvent::FunctionExitWithValue(_) | DebuggerEvent::FunctionExitWithError(_)
        );
        let place = position(place);
        // Rhai shows the beginning of a function as an empty statement, and so is what stands behind a block.
        let is_empty = matches!(node, ASTNode::Stmt(Stmt::Noop(_)));
        let enters = is_empty && !returns && place.is_some();
        let is_statement = match node {
            ASTNode::Stmt(_) => true,
            _ => place.is_some_and(|place| self.statements.borrow().contains(&place)),
        };
        if depth == 0 || !(is_statement || returns) {
            return;
        }
        if enters {
            self.enter(calls, scope);
        } else {
            self.frames.borrow_mut().truncate(depth);
        }
        self.look(stage, depth, scope);
        let mut frames = self.frames.borrow_mut();
        if returns {
            frames.truncate(depth - 1);
        } else if let Some(frame) = frames.get_mut(depth - 1)
            && !is_empty
        {
            frame.place = place;
        }
    }

    /// A function begins: what it was given is as new as what it sets, unless a closure was given it.
    fn enter(&self, calls: &[CallStackFrame], scope: &Scope<'_>) {
        let mut frames = self.frames.borrow_mut();
        frames.truncate(calls.len() - 1);
        for call in &calls[frames.len()..] {
            frames.push(Frame {
                function: call.fn_name.clone(),
                called_at: position(call.pos),
                ..Frame::default()
            });
        }
        let Some(frame) = frames.last_mut() else { return };
        if frame.function.contains('$') {
            frame.variables = variables(scope).map(|(name, value)| (name.into(), sketch(value))).collect();
        }
    }

    /// Tells of what has changed since the last look.
    fn look(&self, stage: &Stage, depth: usize, scope: &Scope<'_>) {
        let mut changed = Vec::new();
        if let Some(frame) = self.frames.borrow_mut().get_mut(depth - 1) {
            let mut count = 0;
            for (index, (name, value)) in variables(scope).enumerate() {
                let now = sketch(value);
                count = index + 1;
                match frame.variables.get_mut(index) {
                    Some((known, old)) if known == name && *old == now => continue,
                    Some(known) => *known = (name.into(), now),
                    None => frame.variables.push((name.into(), now)),
                }
                changed.push((ImmutableString::from(name), portrait(value)));
            }
            frame.variables.truncate(count);
        }
        if let Some(state) = state_of(&stage.vu()) {
            let now = state.map(sketch);
            let mut before = self.state.borrow_mut();
            for (name, sketch) in &now {
                if before.get(name) != Some(sketch) {
                    let value = state.with(name, portrait).unwrap_or_default();
                    changed.push((format!("this.{name}").into(), value));
                }
            }
            *before = now;
        }
        let line = self.position().map_or(0, |place| place.line);
        for (name, value) in changed {
            if self.is_told(&name, line) {
                let value = short(&stage.outside().secrets.mask().mask(&value));
                stage.tell(|| Event::Variable { name: name.to_string(), value });
            }
        }
    }

    fn is_told(&self, name: &ImmutableString, line: u32) -> bool {
        let mut changes = self.changes.borrow_mut();
        let count = changes.entry((name.clone(), line)).or_default();
        *count += 1;
        if *count > CHANGES_MAX {
            self.untold.set(self.untold.get() + 1);
        }
        *count <= CHANGES_MAX
    }

    /// The innermost statement.
    fn position(&self) -> Option<Position> {
        self.frames.borrow().iter().rev().find_map(|frame| frame.place)
    }

    /// The same with its file and its text.
    pub(super) fn place(&self, context: &Context) -> Option<Place> {
        let frames = self.frames.borrow();
        let innermost = frames.iter().rposition(|frame| frame.place.is_some())?;
        let at = frames[innermost].place?;
        let names = Names { context, closures: FxHashMap::default() };
        let (mut file, mut function) = (0, String::new());
        for frame in &frames[..=innermost] {
            if frame.function.contains('$') {
                (file, function) = (context.file_of(&frame.function, "", file), String::new());
            } else if let Some(own) = names.own(&frame.function, file, frame.called_at) {
                (file, function) = own;
            }
        }
        let source = &context.of(file).source;
        Some(Place {
            file: Arc::from(source.name.as_str()),
            function,
            line: at.line,
            column: at.column,
            text: source.line(at.line).unwrap_or_default().trim().to_owned(),
            groups: self.groups.get(),
        })
    }
}

/// What a scope holds, the oldest first; but for constants, which don't change.
fn variables<'a>(scope: &'a Scope<'_>) -> impl Iterator<Item = (&'a str, &'a Dynamic)> {
    // The scope has the newest first.
    let all: Vec<_> = scope.iter_raw().filter(|(_, constant, _)| !constant).collect();
    all.into_iter().rev().map(|(name, _, value)| (name, value))
}

fn state_of(vu: &Vu) -> Option<State> {
    Some(vu.state.read_lock::<State>()?.clone())
}
