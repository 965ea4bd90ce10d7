//! A script on one thread: compiled, declared, and ready to be called.
//!
//! Nothing of Rhai crosses threads, so the control thread and each worker load the script for
//! themselves. Flows are called by name without running the top level again: its constants became
//! the module `global`.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use rhai::{Dynamic, Engine, EvalAltResult, OptimizationLevel, Scope};

use super::declaration::Declaration;
use super::diagnose::Context;
use super::engine::engine;
use super::error::HostError;
use super::host;
use super::link::{constants, link, top_level};
use super::lint::lint;
use super::lookups::Lookups;
use super::place::position;
use super::profiler::{Names, ScriptTime};
use super::properties;
use super::registry::Registry;
use super::rename::unmarked;
use super::stage::Stage;
use super::steps::{Play, Steps, Stillness};
use super::still_clock::StillClock;
use super::story::Story;
use super::summarise::SUMMARY;
use super::vu::{Cast, Ending, Phase, Vu};
use super::watch::watch;
use crate::diagnostic::{Code, Diagnostic, Position, Source, suggest};
use crate::plan::{Flow, Hooks, Plan, PlanError, RunDefaults, Scenario, Target};

/// A function of the script that the engine calls.
#[derive(Debug, Clone)]
pub struct Entry {
    name: String,
    takes_data: bool,
    /// Of a flow, what it is played by.
    steps: Option<Rc<Steps>>,
}

impl Entry {
    /// Whether it is played by steps.
    #[cfg(test)]
    pub(super) fn is_in_steps(&self) -> bool {
        self.steps.is_some()
    }
}

/// The functions of the host modules, in the order of the reference.
pub fn functions() -> Vec<super::Function> {
    let stage = Stage::new(Rc::default(), Rc::new(StillClock), super::Outside::default(), |_| {});
    let mut engine = engine();
    let mut registry = Registry::new(&mut engine, stage);
    for module in host::MODULES {
        (module.register)(&mut registry);
    }
    registry.install().0
}

/// How a call into the script ended otherwise than by returning.
#[derive(Debug)]
pub enum Failure {
    /// The engine stopped the user; where it was in the script.
    Stopped(Option<String>),
    /// It threw, or met a limit.
    Threw(Diagnostic),
    /// An assertion ended it.
    Asserted(Diagnostic),
    /// `fail(reason)`.
    Failed(Diagnostic),
    /// `abort(reason)`.
    Aborted(String),
}

/// A script that was looked at from end to end.
#[derive(Debug)]
pub struct Checked {
    /// What it declares, if it loads.
    pub sound: Option<(Program, Plan)>,
    /// What is wrong with it; warnings, where it loads.
    pub diagnostics: Vec<Diagnostic>,
}

/// A loaded script.
pub struct Program {
    engine: Engine,
    context: Rc<Context>,
    closures: BTreeMap<(String, u32), String>,
    lookups: Lookups,
    stage: Rc<Stage>,
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Program").field("source", &self.context.source.name).finish_non_exhaustive()
    }
}

/// The functions of the life cycle and what they may take.
const HOOKS: [(&str, usize); 4] = [("setup", 0), ("teardown", 1), ("on_start", 1), ("on_stop", 1)];

impl Program {
    /// Compiles the script, runs its top level, and gives the plan that it declares.
    pub fn load(source: &Arc<Source>, stage: &Rc<Stage>) -> Result<(Self, Plan), Box<Diagnostic>> {
        let (mut errors, loaded) = Self::load_whole(source, stage);
        match loaded {
            Some((program, plan)) if errors.is_empty() => Ok((program, plan)),
            _ => Err(errors.swap_remove(0).into()),
        }
    }

    /// The same, with all that is wrong, and what the lints say of what isn't.
    pub fn check(source: &Arc<Source>, stage: &Rc<Stage>) -> Checked {
        let (mut diagnostics, loaded) = Self::load_whole(source, stage);
        let sound = match loaded {
            Some((mut program, plan)) if diagnostics.is_empty() => {
                // The script as it was written: the optimiser drops what it sees no use in.
                program.engine.set_optimization_level(OptimizationLevel::None);
                if let Ok(ast) = program.engine.compile(&source.text) {
                    diagnostics = lint(&program.context, &program.engine, &ast, &plan);
                }
                program.engine.set_optimization_level(OptimizationLevel::Simple);
                Some((program, plan))
            }
            _ => None,
        };
        Checked { sound, diagnostics }
    }

    /// The errors, the worst first, and the program as far as it came.
    fn load_whole(source: &Arc<Source>, stage: &Rc<Stage>) -> (Vec<Diagnostic>, Option<(Self, Plan)>) {
        let mut engine = engine();
        let mut registry = Registry::new(&mut engine, Rc::clone(stage));
        for module in host::MODULES {
            (module.register)(&mut registry);
        }
        let (functions, host) = registry.install();
        watch(&mut engine, stage);
        let mut context = Context::new(source, functions, host);
        let mut ast = match engine.compile(&source.text) {
            Ok(ast) => ast,
            Err(error) => return (vec![context.parse_error(&error)], None),
        };
        ast.set_source("");
        for function in ast.iter_functions() {
            context.own.entry(function.name.to_owned()).or_default().insert(function.params.len());
        }

        let vu = Rc::new(Vu::new(
            0,
            Cast::outside(None),
            Phase::Declare,
            stage.outside().seed,
            stage.clock().alarm(),
            None,
        ));
        let (linked, mut modules) = match link(&mut engine, stage, &vu, &mut context, &ast) {
            Ok(linked) => linked,
            Err(failure) => return (vec![*failure], None),
        };
        let scope = match top_level(&engine, stage, &vu, &context, 0, &linked) {
            Ok(scope) => scope,
            Err(failure) => {
                context.know_written(&ast);
                let mut errors = context.misspelt(&engine, &ast);
                errors.retain(|error| error.labels != failure.labels);
                errors.insert(0, *failure);
                return (errors, None);
            }
        };
        context.know(&scope);
        properties::register(&mut engine, &linked);
        let mut globals = constants(&scope);
        globals.build_index();
        let globals = Rc::new(globals);
        engine.register_static_module("global", Rc::clone(&globals));
        modules.push(("global".into(), globals));

        if let Some(profiler) = stage.profiler() {
            profiler.attach(&mut engine);
        }
        let functions = linked.clone_functions_only();
        let context = Rc::new(context);
        if let Some(story) = stage.story() {
            Story::attach(stage, &mut engine, &functions);
            story.know(&context);
        }
        let has_flow = context.own.contains_key(crate::plan::DEFAULT_FLOW);
        let declaration = stage.declaration.take();
        let program = Self {
            engine,
            context,
            closures: closure_names(&declaration),
            lookups: Lookups::new(functions, modules),
            stage: Rc::clone(stage),
        };
        let mut errors = program.context.misspelt(&program.engine, &ast);
        match program.plan(declaration, has_flow, &stage.outside().defaults) {
            Ok(plan) => (errors, Some((program, plan))),
            Err(error) => {
                errors.insert(0, error);
                (errors, None)
            }
        }
    }

    fn plan(
        &self,
        mut declaration: Declaration,
        has_flow: bool,
        defaults: &RunDefaults,
    ) -> Result<Plan, Diagnostic> {
        let mut plan = declaration.plan(has_flow, defaults).map_err(|(error, place)| {
            let context = self.context.of_call(place, &["scenario", "target", "options"]);
            context.host_error(&error, place, Code::Plan)
        })?;
        let has = |name: &str| self.context.own.contains_key(name);
        plan.hooks = Hooks {
            setup: has("setup"),
            teardown: has("teardown"),
            on_start: has("on_start"),
            on_stop: has("on_stop"),
            summary: has(SUMMARY),
        };
        for (name, parameters_max) in HOOKS.into_iter().chain([(SUMMARY, 1)]) {
            if let Some(parameters) = self.parameters(name)
                && parameters > parameters_max
            {
                let takes = match name {
                    SUMMARY => "no parameter, or what became of the run",
                    _ if parameters_max == 0 => "no parameter",
                    _ => "no parameter, or the result of `setup`",
                };
                return Err(Diagnostic::new(Code::Plan, format!("`{name}` has {parameters} parameters"))
                    .hint(format!("it takes {takes}")));
            }
        }
        self.check_flows(&plan)?;
        self.context.locate(&mut plan.targets);
        Ok(plan)
    }

    /// Whether every flow of the plan is a function of the script.
    pub fn check_flows(&self, plan: &Plan) -> Result<(), Diagnostic> {
        plan.scenarios.iter().try_for_each(|scenario| self.check_flow(scenario, &scenario.flow))
    }

    fn check_flow(&self, scenario: &Scenario, flow: &Flow) -> Result<(), Diagnostic> {
        let fault = |message: String, word: &str, hint: String| {
            let error = HostError::new(message).hint(hint).word(word);
            let context = self.context.of_call(scenario.position, &["scenario"]);
            context.host_error(&error, scenario.position, Code::Plan)
        };
        if let Flow::Weighted(weighted) = flow {
            return weighted.choices().iter().try_for_each(|choice| self.check_flow(scenario, &choice.flow));
        }
        if let Flow::Named(name) = flow
            && let Some((own, hint)) = self.flow_of_a_module(scenario, name)
        {
            return Err(fault(format!("the flow `{own}` is a function of a module"), own, hint));
        }
        let Some(name) = self.function_of(&scenario.name, flow) else {
            let own: Vec<&str> =
                self.context.own.keys().map(String::as_str).filter(|name| !name.contains('$')).collect();
            let near = suggest(&flow.to_string(), own.iter().copied());
            let hint = match near.first() {
                Some(near) => format!("did you mean `{near}`?"),
                None if own.is_empty() => format!("the script has no function: write `fn {flow}() {{ … }}`"),
                None => format!("the script has the functions `{}`", own.join("`, `")),
            };
            return Err(fault(format!("the script has no function `{flow}`"), &flow.to_string(), hint));
        };
        let parameters = self.parameters(name).unwrap_or(0);
        if parameters > 1 {
            return Err(fault(
                format!("the flow `{flow}` has {parameters} parameters"),
                &flow.to_string(),
                "a flow takes no parameter, or the result of `setup`".to_owned(),
            ));
        }
        Ok(())
    }

    /// A flow that a scenario of a module names, by itself or as a text: only the script's own functions can
    /// be named, so that a name means one function.
    fn flow_of_a_module<'n>(&self, scenario: &Scenario, name: &'n str) -> Option<(&'n str, String)> {
        let context = self.context.of_call(scenario.position, &["scenario"]);
        let is_own = |name: &str| !context.module.is_empty() && context.own.contains_key(name);
        let own = match unmarked(name) {
            Some((_, own)) => own,
            None if is_own(name) && !self.context.own.contains_key(name) => name,
            None => return None,
        };
        let hint = if matches!(scenario.flow, Flow::Weighted(_)) {
            format!("`weighted` takes functions of the script: write one there that calls `{own}`")
        } else {
            format!("hand over a closure that calls it: `flow: || {own}()`")
        };
        Some((own, hint))
    }

    /// The Rhai function behind a flow; weighted ones have several.
    fn function_of(&self, scenario: &str, flow: &Flow) -> Option<&str> {
        match flow {
            Flow::Named(name) => self.context.own.get_key_value(name.as_str()).map(|(name, _)| name.as_str()),
            Flow::Closure { ordinal } => {
                self.closures.get(&(scenario.to_owned(), *ordinal)).map(String::as_str)
            }
            Flow::Weighted(_) | Flow::Request(_) => None,
        }
    }

    /// The functions that the script's author wrote, by name: flows, hooks and what they call.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.context.own.keys().map(String::as_str).filter(|name| !name.contains('$'))
    }

    /// The parameters of a function of the script; of several of one name, those of the shortest.
    pub fn parameters(&self, name: &str) -> Option<usize> {
        self.context.own.get(name)?.first().copied()
    }

    /// What is called for a flow: one entry, or one for each choice of a weighted flow.
    ///
    /// # Panics
    /// With a flow of another script.
    pub fn entries(&self, scenario: &str, flow: &Flow) -> Vec<Entry> {
        match flow {
            Flow::Weighted(weighted) => {
                weighted.choices().iter().flat_map(|choice| self.entries(scenario, &choice.flow)).collect()
            }
            flow => {
                let name = self.function_of(scenario, flow).expect("loading checked that the flow exists");
                let entry = self.entry(name).expect("it has an arity, since it exists");
                vec![Entry { steps: self.steps(&entry), ..entry }]
            }
        }
    }

    /// A function by name: a hook of the life cycle.
    pub fn entry(&self, name: &str) -> Option<Entry> {
        let parameters = self.parameters(name)?;
        Some(Entry { name: name.to_owned(), takes_data: parameters == 1, steps: None })
    }

    fn steps(&self, entry: &Entry) -> Option<Rc<Steps>> {
        if self.stage.profiler().is_some() || self.stage.story().is_some() {
            // A profile by line asks the interpreter where it is, and so does what is told of it.
            return None;
        }
        let functions = self.lookups.functions();
        let still = Stillness::new(functions, &self.context.functions);
        Steps::of(functions, &entry.name, usize::from(entry.takes_data), &still).map(Rc::new)
    }

    /// Whether a function that the engine calls takes what `setup` returns.
    pub fn takes_data(&self, plan: &Plan) -> bool {
        let flows = plan.scenarios.iter().flat_map(|scenario| self.entries(&scenario.name, &scenario.flow));
        let hooks = HOOKS.iter().filter_map(|(name, _)| self.entry(name));
        flows.chain(hooks).any(|entry| entry.takes_data)
    }

    pub(super) fn stage(&self) -> &Rc<Stage> {
        &self.stage
    }

    /// What it is made of, for whoever goes on with it line by line.
    pub(super) fn into_parts(self) -> (Engine, Context, Lookups) {
        let context =
            Rc::into_inner(self.context).expect("only a story shares it, and nobody is told one here");
        (self.engine, context, self.lookups)
    }

    pub(super) fn source(&self) -> &Arc<Source> {
        &self.context.source
    }

    /// Calls a function as the user `vu`, who must be on. `data` is what `setup` returned.
    pub fn call(
        &self,
        vu: &Vu,
        entry: &Entry,
        data: &Dynamic,
        scope: &mut Scope<'_>,
    ) -> Result<Dynamic, Failure> {
        let mut this = vu.this.take();
        let (engine, name) = (&self.engine, &entry.name);
        let argument = entry.takes_data.then(|| data.clone());
        let result = match &entry.steps {
            Some(steps) => {
                let (lookups, stage) = (&self.lookups, &*self.stage);
                steps.play(Play { engine, lookups, stage, vu, this: &mut this, scope }, argument)
            }
            None => self.lookups.call(engine, name, &mut this, argument, scope),
        };
        vu.this.set(this);
        let code = match vu.phase {
            Phase::Setup => Code::Setup,
            Phase::Teardown => Code::Teardown,
            Phase::Declare | Phase::Flow | Phase::Summary | Phase::Prompt => Code::Script,
        };
        if vu.is_ending() {
            // Rhai puts what ends a script at the call that led to it, which the engine's own has not.
            let place = (vu.take_ending_place())
                .or_else(|| result.as_ref().err().and_then(|error| self.context.spot(error, 0).1))
                .or_else(|| self.place_of(name));
            return Err(match vu.take_ending() {
                None | Some(Ending::Stopped) => {
                    let spot = result.as_ref().err().map(|error| self.context.spot(error, 0));
                    Failure::Stopped(match spot {
                        Some((file, Some(spot))) => Some(self.context.of(file).named(spot)),
                        _ => place.map(|place| self.context.named(place)),
                    })
                }
                Some(Ending::Aborted(reason)) => Failure::Aborted(reason),
                Some(Ending::Failed(reason)) => {
                    let error = HostError::assertion(reason);
                    Failure::Failed(self.context.of_call(place, &["fail"]).host_error(&error, place, code))
                }
                Some(Ending::Limit(limit)) => Failure::Threw(self.context.limit(limit, place, code)),
            });
        }
        result.map_err(|error| {
            let mut diagnostic = self.context.error(engine, &error, code);
            if diagnostic.labels.is_empty()
                && let Some(place) = self.place_of(name)
            {
                diagnostic = diagnostic.at(&self.context.source, place, "");
            }
            let asserted = HostError::of(innermost_value(&error)).is_some_and(|host| host.is_assertion());
            if asserted { Failure::Asserted(diagnostic) } else { Failure::Threw(diagnostic) }
        })
    }

    /// Where a function of the script begins: at its name, or at a closure's body.
    pub(super) fn place_of(&self, name: &str) -> Option<Position> {
        let function = self.lookups.functions().iter_fn_def().find(|function| function.name == name)?;
        let body = position(function.body.start_position())?;
        let line = self.context.source.line(body.line)?;
        let Some(before) = line.find(&format!("fn {name}")) else { return Some(body) };
        let column = u32::try_from(line[..before].chars().count() + "fn ".len() + 1).ok()?;
        Some(Position { column, ..body })
    }

    /// What its functions took so far on the stage that it was loaded on, if a profile is taken.
    pub fn time(&self, stage: &Stage) -> Option<ScriptTime> {
        let functions = self.lookups.functions().iter_fn_def();
        let begins = |function: &rhai::ScriptFuncDef| Some(position(function.body.start_position())?.line);
        let closures = functions.filter(|function| function.name.contains('$'));
        let closures = closures.filter_map(|function| Some((function.name.to_string(), begins(function)?)));
        Some(stage.profiler()?.time(&Names { context: &self.context, closures: closures.collect() }))
    }

    /// A diagnostic at a target, for what only the plan that it is for can tell.
    pub fn target_error(&self, error: &PlanError, target: &Target) -> Diagnostic {
        let context = self.context.of_call(target.position, &["target"]);
        context.host_error(&HostError::plan(error), target.position, Code::Plan)
    }

    /// A diagnostic at a scenario, for what only the whole plan can tell.
    pub fn plan_error(&self, error: &PlanError) -> Diagnostic {
        self.context.host_error(&HostError::plan(error), None, Code::Plan)
    }
}

fn innermost_value(error: &EvalAltResult) -> &EvalAltResult {
    error.unwrap_inner()
}

/// Rhai's names of the closures that are flows.
fn closure_names(declaration: &Declaration) -> BTreeMap<(String, u32), String> {
    let names = declaration.closures().iter();
    names.map(|(place, closure)| (place.clone(), closure.fn_name().to_owned())).collect()
}
