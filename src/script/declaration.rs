//! What a script's top level declares, call by call, and the plan that comes of it.
//!
//! It runs on the control thread and on each worker, and gives equal plans: closures are named by
//! scenario and ordinal, never by Rhai's own names, which change with any edit above them.

use std::collections::BTreeMap;
use std::sync::Arc;

use rhai::{Dynamic, FnPtr, Map};

use super::error::HostError;
use super::frozen::{FrozenList, FrozenMap};
use super::stage::Stage;
use super::value::{DEPTH_MAX, is_deeper_than, type_name};
use crate::diagnostic::Position;
use crate::http::{Endpoint, UrlError};
use crate::metrics::{Kind, Metric, Unit, builtin};
use crate::plan::{
    Flow, GivenParams, OptionSpec, Options, Param, ParamError, ParamRules, ParamValue, Plan, PlanError,
    Reader, RunDefaults, RunOptions, Scenario, Target, TargetOptions, Think, Value, Weighted, canonical,
};
use crate::units::parse_duration;

/// The base URL that stands for the embedded sample service.
pub const DEMO_URL: &str = "demo";

/// What to write for a base URL that can't be one.
pub const BASE_URL_HINT: &str = "write `http://HOST:PORT`, or \"demo\" for the embedded sample service";

/// The most metrics of a script: each is a line of the summary.
const METRICS_MAX: usize = 1_000;

/// The most parameters of a script: each is a line of `inspect`.
const PARAMS_MAX: usize = 1_000;

/// What was declared so far.
#[derive(Debug, Default)]
pub(super) struct Declaration {
    base_url: Option<String>,
    scenarios: Vec<Scenario>,
    /// By scenario and ordinal.
    closures: BTreeMap<(String, u32), FnPtr>,
    targets: Vec<DeclaredTarget>,
    options: Option<Options>,
    options_position: Option<Position>,
    metrics: Vec<Metric>,
    params: Vec<Param>,
}

/// A target whose metric may be declared further down.
#[derive(Debug)]
struct DeclaredTarget {
    key: String,
    expression: String,
    options: TargetOptions,
    position: Option<Position>,
}

pub(super) const TARGET_OPTIONS: &[OptionSpec] = &[
    OptionSpec {
        name: "abort_on_fail",
        takes: "true or false",
        default: Some("false"),
        about: "end the run as soon as the target fails",
    },
    OptionSpec {
        name: "delay_abort_eval",
        takes: "a duration",
        default: Some("0s"),
        about: "but not before this much of the run is over",
    },
    OptionSpec {
        name: "allow_few",
        takes: "true or false",
        default: Some("false"),
        about: "judge a percentile on fewer samples than it needs",
    },
];

impl Declaration {
    /// `base_url(url)`.
    pub(super) fn base_url(&mut self, url: &str) -> Result<(), HostError> {
        if self.base_url.is_some() {
            return Err(plan_fault("`base_url` is declared twice")
                .hint("a scenario can have its own option `base_url`"));
        }
        check_base_url(url)?;
        self.base_url = Some(url.to_owned());
        Ok(())
    }

    /// The same, of a prompt: the one that is told last holds.
    pub(super) fn change_base_url(&mut self, url: &str) -> Result<(), HostError> {
        check_base_url(url)?;
        self.base_url = Some(url.to_owned());
        Ok(())
    }

    /// The URL that was told since the last call.
    pub(super) fn take_base_url(&mut self) -> Option<String> {
        self.base_url.take()
    }

    /// The metrics so far.
    pub(super) fn metrics(&self) -> &[Metric] {
        &self.metrics
    }

    /// `options(#{ … })`.
    pub(super) fn options(&mut self, map: Map, position: Option<Position>) -> Result<(), HostError> {
        if self.options.is_some() {
            return Err(plan_fault("`options` is declared twice").hint("put all of them into one map"));
        }
        let options = to_options(map, &mut Vec::new())?;
        // Read here for the place of what is wrong; the plan reads them once more, above the defaults.
        RunOptions::from_options(&options).map_err(|error| HostError::plan(&error))?;
        (self.options, self.options_position) = (Some(options), position);
        Ok(())
    }

    /// `param(name, default, …)`: the value that holds.
    pub(super) fn param(
        &mut self,
        name: &str,
        default: ParamValue,
        rules: ParamRules,
        given: &GivenParams,
    ) -> Result<ParamValue, HostError> {
        let fault = |error: ParamError| HostError::param(&error);
        let param = Param::declare(name, default, rules, given.find(name)).map_err(fault)?;
        self.params.iter().try_for_each(|known| known.check_same(&param)).map_err(fault)?;
        let value = param.value.clone();
        if self.params.iter().all(|known| known.name != param.name) {
            if self.params.len() == PARAMS_MAX {
                return Err(plan_fault(format!("a script can declare at most {PARAMS_MAX} parameters"))
                    .hint("read what is left with `env(name)`, or from a file"));
            }
            self.params.push(param);
        }
        Ok(value)
    }

    /// `scenario(name, #{ … })`.
    pub(super) fn scenario(
        &mut self,
        name: &str,
        map: Map,
        position: Option<Position>,
    ) -> Result<(), HostError> {
        let mut closures = Vec::new();
        let options = to_options(map, &mut closures)?;
        let scenario =
            Scenario::from_options(name, &options, position).map_err(|error| HostError::plan(&error))?;
        if let Some(url) = &scenario.base_url {
            check_base_url(url)?;
        }
        for (closure, ordinal) in closures.into_iter().zip(0..) {
            if closure.is_curried() {
                return Err(plan_fault(format!("the flow of scenario `{name}` captures a variable"))
                    .hint("workers can't share it: make it a `const` and read it as `global::NAME`")
                    .word("flow"));
            }
            self.closures.insert((name.to_owned(), ordinal), closure);
        }
        let mut plan = Plan { scenarios: std::mem::take(&mut self.scenarios), ..Plan::default() };
        let added = plan.add_scenario(scenario);
        self.scenarios = plan.scenarios;
        added.map_err(|error| HostError::plan(&error))
    }

    /// `target(key, expression, #{ … })`.
    pub(super) fn target(
        &mut self,
        key: &str,
        expression: &str,
        map: Map,
        position: Option<Position>,
    ) -> Result<(), HostError> {
        let options = to_options(map, &mut Vec::new())?;
        let reader = Reader::new(format!("target `{key}`"), &options, &[TARGET_OPTIONS]);
        let read = || -> Result<TargetOptions, PlanError> {
            reader.check_names()?;
            Ok(TargetOptions {
                abort_on_fail: reader.flag("abort_on_fail")?,
                delay_abort_eval: reader.duration("delay_abort_eval")?,
                allow_few: reader.flag("allow_few")?,
            })
        };
        let options = read().map_err(|error| HostError::plan(&error))?;
        self.targets.push(DeclaredTarget {
            key: key.to_owned(),
            expression: expression.to_owned(),
            options,
            position,
        });
        Ok(())
    }

    /// `counter(name)` and its kin: the metric's number among all.
    pub(super) fn metric(&mut self, name: &str, kind: Kind, unit: Unit) -> Result<(), HostError> {
        let fine = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') || !name.chars().all(fine) {
            return Err(plan_fault(format!("`{name}` is no name for a metric"))
                .hint("use letters, digits and `_`, beginning with a letter")
                .word(name));
        }
        if let Some(known) = builtin(name) {
            if known.fed_by_scripts && known.kind == kind {
                return Ok(());
            }
            let error = plan_fault(format!("`{name}` is a built-in metric: a {}", known.kind)).word(name);
            return Err(if known.fed_by_scripts {
                error.hint(format!("scripts feed it: declare it with `{}(\"{name}\")`", known.kind))
            } else {
                error.hint("the runner feeds it: choose another name")
            });
        }
        if let Some(known) = self.metrics.iter().find(|metric| &*metric.name == name) {
            if known.kind == kind && known.unit == unit {
                return Ok(());
            }
            return Err(plan_fault(format!("`{name}` is declared already, as a {}", known.kind)).word(name));
        }
        if self.metrics.len() == METRICS_MAX {
            return Err(plan_fault(format!("a script can declare at most {METRICS_MAX} metrics"))
                .hint("tell samples of one metric apart by tags"));
        }
        self.metrics.push(Metric { name: Arc::from(name), kind, unit });
        Ok(())
    }

    /// The closures, by scenario and ordinal.
    pub(super) fn closures(&self) -> &BTreeMap<(String, u32), FnPtr> {
        &self.closures
    }

    /// The plan of all that was declared; an error comes with the place of the call that is wrong.
    pub(super) fn plan(
        &mut self,
        has_flow: bool,
        defaults: &RunDefaults,
    ) -> Result<Plan, (HostError, Option<Position>)> {
        let refuse = |error: PlanError| (HostError::plan(&error), None);
        let own = self.options.take().unwrap_or_default();
        let mut below = defaults.options.clone();
        // A load of the defaults needs a flow, and gives way to scenarios.
        if !self.scenarios.is_empty() || (!has_flow && RunOptions::load_among(&own).is_empty()) {
            let load: Vec<String> = RunOptions::load_among(&below).into_iter().map(str::to_owned).collect();
            below.retain(|name, _| !load.iter().any(|load| load == canonical(name)));
        }
        let (options, shortcut) =
            RunOptions::from_options(&RunOptions::merge(&below, &own)).map_err(refuse)?;
        let mut plan = Plan {
            base_url: self.base_url.take().or_else(|| defaults.base_url.clone()),
            scenarios: std::mem::take(&mut self.scenarios),
            metrics: std::mem::take(&mut self.metrics),
            params: std::mem::take(&mut self.params),
            options,
            ..Plan::default()
        };
        plan.options
            .metrics
            .check(&plan.metrics)
            .map_err(|error| (HostError::plan(&error), self.options_position))?;
        for declared in std::mem::take(&mut self.targets) {
            let DeclaredTarget { key, expression, options, position } = declared;
            let target = Target::parse(&key, &expression, &options, &plan.metrics, position);
            let target = target.map_err(|error| {
                let fault = HostError::plan(&PlanError::Target(error));
                // An expression first, then a metric: the wrong way round.
                let is_swapped =
                    key.contains(['<', '>']) && crate::metrics::Selector::parse(&expression).is_ok();
                let hint = format!("the metric comes first: `target(\"{expression}\", \"{key}\")`");
                (if is_swapped { fault.hint(hint) } else { fault }, position)
            })?;
            plan.targets.push(target);
        }
        plan.check_order().map_err(|(error, scenario)| (HostError::plan(&error), scenario.position))?;
        plan.add_default_scenario(&shortcut, has_flow).map_err(refuse)?;
        for target in &plan.targets {
            plan.check_scenario_of(target).map_err(|error| (HostError::plan(&error), target.position))?;
        }
        Ok(plan)
    }
}

impl Stage {
    /// From now on what was declared so far is recorded.
    pub(super) fn record_declared(&self) {
        let declaration = self.declaration.borrow();
        self.recorder()
            .with(|recorder| declaration.metrics().iter().for_each(|metric| recorder.learn(metric)));
    }

    /// Tells the top level of metrics that another script declares; for a file that holds that script's targets.
    pub fn know_metrics(&self, metrics: &[Metric]) {
        self.declaration.borrow_mut().metrics.extend_from_slice(metrics);
    }
}

/// Whether relative URLs can be completed with it.
fn check_base_url(url: &str) -> Result<(), HostError> {
    if url == DEMO_URL {
        return Ok(());
    }
    // By itself first, so that an error shows the URL as it was written.
    match Endpoint::parse(None, url).and_then(|_| Endpoint::parse(Some(url), "/")) {
        Ok(_) => Ok(()),
        Err(error) => {
            let message = match error {
                UrlError::NoScheme { .. } => format!("`{url}` has no scheme"),
                error => error.to_string(),
            };
            Err(plan_fault(message).hint(BASE_URL_HINT).word(url))
        }
    }
}

fn plan_fault(message: impl Into<String>) -> HostError {
    HostError { fault: super::error::Fault::Plan, ..HostError::new(message) }
}

/// The map as a plan's options; closures are numbered and collected.
pub(super) fn to_options(map: Map, closures: &mut Vec<FnPtr>) -> Result<Options, HostError> {
    map.into_iter()
        .map(|(name, value)| {
            if is_deeper_than(&value, DEPTH_MAX) {
                return Err(
                    plan_fault(format!("`{name}` is nested deeper than {DEPTH_MAX}")).word(name.as_str())
                );
            }
            let value = to_value(&name, value, closures)?;
            Ok((name.to_string(), value))
        })
        .collect()
}

fn to_value(name: &str, value: Dynamic, closures: &mut Vec<FnPtr>) -> Result<Value, HostError> {
    if let Ok(flag) = value.as_bool() {
        return Ok(Value::Bool(flag));
    }
    if let Ok(number) = value.as_int() {
        return Ok(Value::Int(number));
    }
    if let Ok(number) = value.as_float() {
        return Ok(Value::Float(number));
    }
    if let Ok(text) = value.as_immutable_string_ref() {
        return Ok(Value::Text(text.to_string()));
    }
    if let Some(list) = value.read_lock::<FrozenList>() {
        return list
            .iter()
            .map(|item| to_value(name, item, closures))
            .collect::<Result<_, _>>()
            .map(Value::List);
    }
    if let Some(map) = value.read_lock::<FrozenMap>() {
        let pairs = map.iter().map(|(key, item)| Ok((key.to_string(), to_value(&key, item, closures)?)));
        return pairs.collect::<Result<_, HostError>>().map(Value::Map);
    }
    if let Some(think) = value.read_lock::<Think>() {
        return Ok(Value::Think(*think));
    }
    if let Some(weighted) = value.read_lock::<Weighted>() {
        return Ok(Value::Weighted(weighted.clone()));
    }
    if let Some(function) = value.read_lock::<FnPtr>() {
        if !function.is_anonymous() {
            return Ok(Value::Flow(Flow::Named(function.fn_name().to_owned())));
        }
        let ordinal = u32::try_from(closures.len()).expect("a map has fewer closures than a u32 counts");
        closures.push(function.clone());
        return Ok(Value::Flow(Flow::Closure { ordinal }));
    }
    let kind = type_name(&value);
    if value.is_array() {
        let list = value.into_array().unwrap_or_default();
        return list
            .into_iter()
            .map(|item| to_value(name, item, closures))
            .collect::<Result<_, _>>()
            .map(Value::List);
    }
    if let Some(map) = value.try_cast::<Map>() {
        return to_options(map, closures).map(Value::Map);
    }
    Err(plan_fault(format!("`{name}` can't be of type `{kind}`")).word(name))
}

/// A duration as scripts write it: a text with a unit.
pub(super) fn to_duration(what: &str, text: &str) -> Result<std::time::Duration, HostError> {
    parse_duration(text).map_err(|error| {
        HostError::new(format!("{what}: {}", error.problem())).hint(error.advice()).word(text)
    })
}
