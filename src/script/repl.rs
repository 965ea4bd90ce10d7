//! Lines at a prompt: each runs as if it stood in a flow, and what it declares is kept for the next ones.
//!
//! An entry is compiled whole and played statement by statement, each on a fiber of its own: what one of them
//! changes outside of the interpreter (where relative URLs go, a constant that functions read) holds for the next.
//! Whoever drives this asks for a [`step`](Repl::step), polls it on a fiber to its end, and [`settle`](Repl::settle)s.

mod known;
mod notation;
mod shown;
mod statement;
mod this;
mod transcript;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

use rhai::{
    AST, Caches, Dynamic, Engine, EvalAltResult, EvalContext, Expr, ImmutableString, Module, Scope, Stmt,
};

use super::diagnose::Context;
use super::error::HostError;
use super::frozen::freeze;
use super::link::link;
use super::lookups::ByAlias;
use super::program::Program;
use super::registry::Kind;
use super::stage::Stage;
use super::vu::{Cast, Ending, Phase as LifePhase, Vu};
use crate::diagnostic::{Code, Diagnostic, Severity};

pub use known::{Known, Variable};
pub use shown::{Shown, ShownResponse};
pub use transcript::Origin;

use statement::{Gives, constant_of, gives, own_call};
use this::ThisAsVariable;
use transcript::Transcript;

/// What the value of the last line is kept as.
const LAST: &str = "it";

/// What a user's state is called in a line, as in a flow.
const THIS: &str = "this";

/// The interpreter with all that lines have declared. A fiber holds it while it plays a statement.
struct Desk {
    engine: Engine,
    /// The functions of the script, of what it imports, and of all lines.
    functions: AST,
    modules: ByAlias,
    /// What functions read as `global::NAME`.
    globals: Rc<Module>,
    scope: RefCell<Scope<'static>>,
    outcome: Cell<Option<Result<Dynamic, Box<EvalAltResult>>>>,
}

/// What an entry gave.
#[derive(Debug, Default)]
pub struct Given {
    /// The value of its last statement; of a `let`, what it keeps.
    pub value: Option<Dynamic>,
    /// The variable that keeps it, where one does.
    pub name: Option<String>,
    /// Functions that it defined, with their parameters.
    pub functions: Vec<String>,
}

/// A script, or none, that goes on line by line.
pub struct Repl {
    desk: Rc<Desk>,
    context: Context,
    stage: Rc<Stage>,
    vu: Rc<Vu>,
    transcript: Transcript,
    /// Methods that give nothing.
    silent: BTreeSet<&'static str>,
    steps: VecDeque<Stmt>,
    gives: Gives,
    /// The constant that the statement under way declares.
    constant: Option<String>,
    given: Given,
    /// Entries so far: each is an iteration to the functions that ask for its number.
    entries: u64,
}

impl std::fmt::Debug for Repl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repl").field("entries", &self.entries).finish_non_exhaustive()
    }
}

impl Repl {
    /// Goes on where a program's top level ended, as the user `vu`, who is in the phase [`Prompt`](LifePhase::Prompt).
    pub fn new(program: Program, vu: Rc<Vu>) -> Self {
        let stage = Rc::clone(program.stage());
        let (engine, context, lookups) = program.into_parts();
        let (functions, mut modules) = lookups.into_parts();
        let globals = modules.iter().position(|(alias, _)| alias == "global");
        let globals = globals.map_or_else(Rc::default, |at| modules.remove(at).1);
        let mut scope = Scope::new();
        scope.push_dynamic(THIS, vu.state.clone());
        for (name, value) in globals.iter_var() {
            scope.push_constant_dynamic(name, value.clone());
        }
        let nothing =
            context.functions.iter().filter(|one| one.kind == Kind::Method && one.gives == "nothing");
        let silent = nothing.filter_map(|one| Some(one.name().split_once('.')?.1)).collect();
        let desk = Desk {
            engine,
            functions,
            modules,
            globals,
            scope: RefCell::new(scope),
            outcome: Cell::new(None),
        };
        Self {
            transcript: Transcript::new(&context.source),
            desk: Rc::new(desk),
            context,
            stage,
            vu,
            silent,
            steps: VecDeque::new(),
            gives: Gives::Nothing,
            constant: None,
            given: Given::default(),
            entries: 0,
        }
    }

    /// Who plays the lines.
    pub fn vu(&self) -> &Rc<Vu> {
        &self.vu
    }

    /// Reads an entry: from here on its functions and imports are known, and its statements are to be stepped
    /// through. Gives what looks wrong in a function that it defines, which may come to be right by a later line.
    pub fn read(&mut self, text: &str, origin: &Origin) -> Result<Vec<Diagnostic>, Box<Diagnostic>> {
        self.steps.clear();
        self.given = Given::default();
        let padded = self.transcript.begin(text, origin)?;
        self.context.source = self.transcript.source();
        let desk = Rc::get_mut(&mut self.desk).ok_or_else(|| Box::new(left_behind()))?;
        ThisAsVariable::install(&mut desk.engine);
        let ast = match desk.engine.compile(&padded) {
            Ok(ast) => ast,
            Err(error) => {
                let diagnostic = self.context.parse_error(&error);
                return Err(Box::new(self.transcript.relocated(diagnostic)));
            }
        };
        self.import(&ast)?;
        let warnings = self.define(&ast);
        self.steps = ast.statements().iter().filter(|one| !matches!(one, Stmt::Noop(_))).cloned().collect();
        if ast.has_functions() {
            self.transcript.keep(true);
        }
        self.vu.iteration.set(self.entries);
        self.vu.scenario_iteration.set(Some(self.entries));
        self.entries += 1;
        Ok(warnings)
    }

    /// Loads the modules that an entry imports; one that was imported under the same name gives way.
    fn import(&mut self, ast: &AST) -> Result<(), Box<Diagnostic>> {
        for statement in ast.statements() {
            if let Stmt::Import(import, _) = statement {
                self.context.forget_import(&import.1.name);
            }
        }
        let desk = Rc::get_mut(&mut self.desk).ok_or_else(|| Box::new(left_behind()))?;
        let outside = &self.stage.outside();
        let alarm = self.stage.clock().alarm();
        let declaring =
            Rc::new(Vu::new(0, Cast::outside(None), LifePhase::Declare, outside.seed, alarm, None));
        let (linked, modules) = link(&mut desk.engine, &self.stage, &declaring, &mut self.context, ast)
            .map_err(|diagnostic| Box::new(self.transcript.relocated(*diagnostic)))?;
        self.stage.record_declared();
        for (alias, module) in modules {
            desk.modules.retain(|(known, _)| *known != alias);
            desk.modules.push((alias, module));
        }
        desk.functions = desk.functions.merge(&linked.clone_functions_only());
        Ok(())
    }

    /// Takes down the functions of an entry, and says what in them nothing answers to.
    fn define(&mut self, ast: &AST) -> Vec<Diagnostic> {
        for function in ast.iter_functions() {
            let own = &mut self.context.own;
            own.entry(function.name.to_owned()).or_default().insert(function.params.len());
            if !function.name.contains('$') {
                self.given.functions.push(format!("{}({})", function.name, function.params.join(", ")));
            }
        }
        self.given.functions.sort_unstable();
        if self.given.functions.is_empty() {
            return Vec::new();
        }
        // Constants that the same entry declares are there by the time that somebody calls.
        let known = self.context.constants.len();
        self.context.constants.extend(ast.statements().iter().filter_map(constant_of));
        let wrong = self.context.misspelt(&self.desk.engine, &ast.clone_functions_only());
        self.context.constants.truncate(known);
        wrong
            .into_iter()
            .map(|wrong| Diagnostic { severity: Severity::Warning, ..self.transcript.relocated(wrong) })
            .collect()
    }

    /// The next statement of the entry, to be called on a fiber with [`Repl::vu`] on; none after the last.
    pub fn step(&mut self) -> Option<impl FnOnce() + 'static> {
        let statement = self.steps.pop_front()?;
        self.gives = gives(&statement, &self.silent);
        self.constant = constant_of(&statement);
        let (desk, vu) = (Rc::clone(&self.desk), Rc::clone(&self.vu));
        let is_own = own_call(&statement).is_some_and(|(_, call)| {
            let takes = self.context.own.get(call.name.as_str());
            takes.is_some_and(|takes| takes.contains(&call.args.len()))
        });
        Some(move || {
            let result = if is_own { desk.call(&vu, &statement) } else { desk.evaluate(&statement) };
            desk.outcome.set(Some(result));
        })
    }

    /// Takes what the step gave. An error ends the entry.
    ///
    /// # Panics
    /// Before the step has ended.
    pub fn settle(&mut self) -> Result<(), Box<Diagnostic>> {
        let result = self.desk.outcome.take().expect("the step ended");
        if self.vu.is_ending() || result.is_err() {
            let diagnostic = self.failure(result.err());
            self.close();
            return Err(Box::new(self.transcript.relocated(diagnostic)));
        }
        if let Some(name) = self.constant.take() {
            if let Some(desk) = Rc::get_mut(&mut self.desk) {
                desk.publish(&name);
            }
            if !self.context.constants.contains(&name) {
                self.context.constants.push(name);
            }
        }
        self.given.value = None;
        self.given.name = None;
        match std::mem::replace(&mut self.gives, Gives::Nothing) {
            Gives::Nothing => {}
            Gives::Value { shows_nothing } => {
                self.given.value = result.ok().filter(|value| shows_nothing || !value.is_unit());
            }
            Gives::Keeps(name) => {
                self.given.value = self.desk.scope.borrow().get(&name).map(Dynamic::flatten_clone);
                self.given.name = Some(name);
            }
        }
        Ok(())
    }

    /// Ends an entry whose steps have all been settled, and gives what came of it.
    pub fn finish(&mut self) -> Given {
        let given = std::mem::take(&mut self.given);
        if let Some(value) = given.value.clone().filter(|value| given.name.is_none() && !value.is_unit()) {
            self.desk.scope.borrow_mut().push_dynamic(LAST, value);
        }
        self.close();
        given
    }

    /// Gives up an entry whose step panicked.
    pub fn abandon(&mut self) {
        self.desk.outcome.take();
        self.close();
    }

    /// Puts the variables in order: of several of one name the last one counts, and `this` is the user's state.
    fn close(&mut self) {
        self.steps.clear();
        let _ = self.vu.take_ending();
        let _ = self.vu.take_ending_place();
        let mut scope = self.desk.scope.borrow_mut();
        let mut seen = BTreeSet::new();
        // From the last.
        let all = scope.iter_raw().filter(|(name, ..)| seen.insert((*name).to_owned()));
        let mut kept: Vec<(String, bool, Dynamic)> =
            all.map(|(name, constant, value)| (name.to_owned(), constant, value.clone())).collect();
        kept.reverse();
        scope.clear();
        for (name, constant, value) in kept {
            match constant {
                _ if name == THIS => scope.push_dynamic(name, self.vu.state.clone()),
                true => scope.push_constant_dynamic(name, value),
                false => scope.push_dynamic(name, value),
            };
        }
    }

    /// Why the step didn't come to its end.
    fn failure(&self, error: Option<Box<EvalAltResult>>) -> Diagnostic {
        let place = self.vu.take_ending_place();
        let spot = error.as_ref().map(|error| self.context.spot(error, 0));
        let place = place.or_else(|| spot.and_then(|(_, place)| place));
        let file = spot.map_or(0, |(file, _)| file);
        let context = self.context.of(file);
        match self.vu.take_ending() {
            Some(Ending::Stopped) => {
                let cut = Diagnostic::new(Code::Interrupted, "cut by Ctrl-C");
                match place {
                    Some(place) => cut.at(&context.source, place, ""),
                    None => cut,
                }
            }
            Some(Ending::Aborted(reason)) => {
                let error = HostError::new(format!("aborted: {reason}"));
                context.of_call(place, &["abort"]).host_error(&error, place, Code::Aborted)
            }
            Some(Ending::Failed(reason)) => {
                let error = HostError::assertion(reason);
                context.of_call(place, &["fail"]).host_error(&error, place, Code::Script)
            }
            Some(Ending::Limit(limit)) => context.limit(limit, place, Code::Script),
            None => match error {
                Some(error) => self.context.error(&self.desk.engine, &error, Code::Script),
                None => Diagnostic::new(Code::Bug, "a line ended without a reason"),
            },
        }
    }

    /// Where relative URLs go from now on, if a line or a module said so since the last call.
    pub fn take_base_url(&self) -> Option<String> {
        self.stage.declaration.borrow_mut().take_base_url()
    }

    /// Lets relative URLs go there.
    ///
    /// # Panics
    /// While a step is under way.
    pub fn set_base_url(&mut self, url: &str) {
        let vu = Rc::get_mut(&mut self.vu).expect("no step is under way");
        let cast = &vu.cast;
        let symbols = [cast.scenario_symbol, cast.tags_symbol];
        vu.cast = Cast::new(&cast.scenario, cast.tags.clone(), symbols, Some(url), cast.env.clone(), None);
    }
}

impl Desk {
    /// Plays a statement where the variables of all lines are.
    fn evaluate(&self, statement: &Stmt) -> Result<Dynamic, Box<EvalAltResult>> {
        let block = Expr::Stmt(Box::new(statement.clone().into()));
        let result = self.with_context(&mut self.scope.borrow_mut(), |context| {
            #[expect(
                deprecated,
                reason = "not deprecated but marked as volatile: a change would not compile"
            )]
            context.eval_expression_tree_raw(&(&block).into(), false)
        });
        match result.map_err(|error| *error) {
            Err(EvalAltResult::Return(value, _) | EvalAltResult::Exit(value, _)) => Ok(value),
            result => result.map_err(Box::new),
        }
    }

    /// Calls a function as the engine calls a flow, with the user's state as `this`.
    fn call(&self, vu: &Vu, statement: &Stmt) -> Result<Dynamic, Box<EvalAltResult>> {
        let (kept, call) = own_call(statement).expect("whoever made the step looked");
        let mut arguments = Vec::new();
        for argument in &call.args {
            arguments.push(self.with_context(&mut self.scope.borrow_mut(), |context| {
                #[expect(
                    deprecated,
                    reason = "not deprecated but marked as volatile: a change would not compile"
                )]
                context.eval_expression_tree_raw(&argument.into(), false)
            })?);
        }
        let mut this = vu.this.take();
        let mut parameters: Vec<&mut Dynamic> = std::iter::once(&mut this).chain(&mut arguments).collect();
        // A scope of its own: a function sees nothing of its caller's.
        let result = self.with_context(&mut Scope::new(), |context| {
            context.call_fn_raw(&call.name, true, true, &mut parameters)
        });
        vu.this.set(this);
        let value = match result.map_err(|error| *error) {
            Ok(value) | Err(EvalAltResult::Exit(value, _)) => value,
            Err(error) => return Err(Box::new(error)),
        };
        let Some((name, constant)) = kept else { return Ok(value) };
        let mut scope = self.scope.borrow_mut();
        if constant {
            scope.push_constant_dynamic(name, value);
        } else {
            scope.push_dynamic(name, value);
        }
        Ok(Dynamic::UNIT)
    }

    /// Works with the interpreter as it is within a flow.
    fn with_context<R>(
        &self,
        scope: &mut Scope<'static>,
        work: impl FnOnce(&mut EvalContext<'_, '_, '_, '_, '_, '_>) -> R,
    ) -> R {
        let mut global = self.engine.new_global_runtime_state();
        global.lib.push(self.functions.shared_lib().clone());
        for (alias, module) in &self.modules {
            global.push_import(alias.clone(), Rc::clone(module));
        }
        global.push_import(ImmutableString::from("global"), Rc::clone(&self.globals));
        let mut caches = Caches::new();
        work(&mut EvalContext::new(&self.engine, &mut global, &mut caches, scope, None))
    }

    /// Lets functions read a constant that a line has declared.
    fn publish(&mut self, name: &str) {
        let Some(value) = self.scope.borrow().get(name).cloned() else { return };
        let mut globals = (*self.globals).clone();
        globals.set_var(name, freeze(value));
        globals.build_index();
        self.globals = Rc::new(globals);
    }
}

fn left_behind() -> Diagnostic {
    Diagnostic::new(Code::Bug, "a line that was cut has not ended")
        .hint("`:reset` begins anew; please report it with the line")
}
