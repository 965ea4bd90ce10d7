//! What the command line (and the environment, which `cli` reads into the same struct) changes in a plan.
//!
//! Precedence: default < configuration file < script < environment < command line. `--vus`, `--duration`, `--iterations` and
//! `--stage` are k6's shortcuts: they replace the load of the script's scenario and keep its name, flow,
//! think time and tags, so that targets still find their samples.

use super::executor;
use super::run_options::warm_up;
use super::{Bound, Curve, Demand, Options, Plan, PlanError, RunOptions, Scenario, Stage, Value};
use crate::diagnostic::{Source, suggest};
use crate::units::{format_count, format_duration};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The name of the scenario that a shortcut makes.
pub const DEFAULT_SCENARIO: &str = "default";
/// The function that it runs. k6's is `default`, a word that Rhai reserves.
pub const DEFAULT_FLOW: &str = "flow";

/// A load in short: iterations make `shared-iterations` (with the duration as its limit), a duration
/// `constant-vus`, stages `ramping-vus` (from `vus`), users alone one iteration each.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Shortcut {
    /// How many users.
    pub vus: Option<u64>,
    /// For how long.
    pub duration: Option<Duration>,
    /// How many iterations.
    pub iterations: Option<u64>,
    /// In which stages.
    pub stages: Option<Vec<Stage>>,
}

impl Shortcut {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Shortcut::default()
    }

    /// What it says, as its author wrote it.
    fn names(&self, spelling: Spelling) -> Vec<&'static str> {
        let [vus, duration, iterations, stages] = match spelling {
            Spelling::Option => ["`vus`", "`duration`", "`iterations`", "`stages`"],
            Spelling::Flag => ["`--vus`", "`--duration`", "`--iterations`", "`--stage`"],
        };
        [
            (self.vus.is_some(), vus),
            (self.duration.is_some(), duration),
            (self.iterations.is_some(), iterations),
            (self.stages.is_some(), stages),
        ]
        .into_iter()
        .filter_map(|(given, name)| given.then_some(name))
        .collect()
    }

    /// The options of the scenario that it stands for. The executors read and check them.
    fn options(&self, spelling: Spelling) -> Result<Options, PlanError> {
        let names = self.names(spelling);
        if self.stages.is_some() && (self.duration.is_some() || self.iterations.is_some()) {
            let other = *names.iter().rev().nth(1).expect("two are given");
            let stages = *names.last().expect("two are given");
            return Err(PlanError::ShortcutConflict { first: other.to_string(), second: stages.to_string() });
        }
        let text = |duration| Value::Text(format_duration(duration));
        let mut options = Options::new();
        let mut set = |name: &str, value: Value| options.insert(name.to_string(), value);
        let (executor, vus) = match (&self.stages, self.iterations, self.duration) {
            (Some(stages), ..) => {
                set("stages", Value::List(stages.iter().map(stage).collect()));
                ("ramping-vus", "start_vus")
            }
            (None, Some(iterations), limit) => {
                set("iterations", int(iterations));
                if let Some(limit) = limit {
                    set("max_duration", text(limit));
                }
                ("shared-iterations", "vus")
            }
            (None, None, Some(duration)) => {
                set("duration", text(duration));
                ("constant-vus", "vus")
            }
            (None, None, None) => ("per-vu-iterations", "vus"),
        };
        set("executor", Value::Text(executor.to_string()));
        if let Some(count) = self.vus {
            set(vus, int(count));
        }
        Ok(options)
    }

    /// The scenario of a script that declares none.
    fn scenario(&self, spelling: Spelling) -> Result<Scenario, PlanError> {
        let mut options = self.options(spelling)?;
        options.insert("flow".to_string(), Value::Text(DEFAULT_FLOW.to_string()));
        Scenario::from_options(DEFAULT_SCENARIO, &options, None)
    }
}

#[derive(Clone, Copy)]
enum Spelling {
    Option,
    Flag,
}

fn stage(stage: &Stage) -> Value {
    let entries = [("duration", Value::Text(format_duration(stage.duration))), ("target", int(stage.target))];
    Value::Map(entries.into_iter().map(|(name, value)| (name.to_string(), value)).collect())
}

/// What a script's integer cannot hold is above every limit, and refused as such.
fn int(count: u64) -> Value {
    Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
}

impl Plan {
    /// Gives a script without scenarios its scenario `default`, which runs the function `flow`: with the
    /// load of `options(#{ … })`, else (if the script has that function) one user and one iteration.
    pub fn add_default_scenario(&mut self, declared: &Shortcut, has_flow: bool) -> Result<(), PlanError> {
        if self.scenarios.is_empty() {
            if has_flow || !declared.is_empty() {
                self.scenarios.push(declared.scenario(Spelling::Option)?);
            }
            return Ok(());
        }
        if declared.is_empty() {
            return Ok(());
        }
        Err(PlanError::ShortcutBesideScenarios { options: declared.names(Spelling::Option).join(", ") })
    }
}

/// What flags and environment change.
#[derive(Debug, Clone, PartialEq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub struct Overrides {
    /// `--vus`.
    pub vus: Option<u64>,
    /// `--duration`.
    pub duration: Option<Duration>,
    /// `--iterations`.
    pub iterations: Option<u64>,
    /// `--stage`, all of them.
    pub stages: Option<Vec<Stage>>,
    /// `--scenario`, all of them: the only ones that are played. Empty: all.
    pub scenarios: Vec<String>,
    /// `--rps`; 0 lifts the script's cap.
    pub rps: Option<f64>,
    /// `--throw`.
    pub throws: Option<bool>,
    /// `--min-iteration-duration`.
    pub min_iteration_duration: Option<Duration>,
    /// `--linger`.
    pub linger: Option<bool>,
    /// `--warm-up`; zero measures from the start.
    pub warm_up: Option<Duration>,
    /// Where relative URLs go.
    pub base_url: Option<String>,
    /// `--user-agent`.
    pub user_agent: Option<String>,
    /// Options of HTTP, as a script would give them: `--http-debug` and its kin.
    pub http: Options,
    /// `--seed`.
    pub seed: Option<u64>,
    /// `--tag`, all of them: tags of the run, one by one.
    pub tags: BTreeMap<String, String>,
    /// `--no-setup`.
    pub no_setup: bool,
    /// `--no-teardown`.
    pub no_teardown: bool,
    /// `--no-targets`.
    pub no_targets: bool,
    /// `--allow-few`: every target's `allow_few`.
    pub allow_few: bool,
    /// `--targets`: the script whose targets hold in place of the own ones; whoever completes the plan reads it.
    pub targets: Option<Arc<Source>>,
    /// `--fold-ids`.
    pub fold_ids: Option<bool>,
    /// `--system-tags`, `--summary-mode` and their kin, as a script would give them.
    pub summary: Options,
}

impl Overrides {
    /// Changes the plan and returns what a user should know about it.
    pub fn apply(&self, plan: &mut Plan) -> Result<Vec<String>, PlanError> {
        // First what can fail: a refused flag leaves the plan as it was.
        self.check_scenarios(plan)?;
        let mut selected = plan.clone();
        let mut notes = self.select_scenarios(&mut selected);
        notes.extend(self.replace_load(&mut selected)?);
        selected.options.http = selected.options.http.overridden(&self.http)?;
        selected.options.system_tags = selected.options.system_tags.overridden(&self.summary)?;
        selected.options.summary = selected.options.summary.overridden(&self.summary)?;
        if let Some(length) = self.warm_up {
            selected.options.warm_up = warm_up(length)?;
        }
        *plan = selected;
        self.set_options(&mut plan.options);
        if let Some(base_url) = &self.base_url {
            plan.base_url = Some(base_url.clone());
        }
        plan.hooks.setup &= !self.no_setup;
        plan.hooks.teardown &= !self.no_teardown;
        if self.no_targets {
            plan.targets.clear();
        }
        if self.allow_few {
            plan.targets.iter_mut().for_each(|target| target.allow_few = true);
        }
        Ok(notes)
    }

    fn set_options(&self, options: &mut RunOptions) {
        if let Some(user_agent) = &self.user_agent {
            options.user_agent = Some(user_agent.clone());
        }
        if let Some(rps) = self.rps {
            options.rps = (rps > 0.0).then_some(rps);
        }
        options.throws = self.throws.unwrap_or(options.throws);
        options.linger = self.linger.unwrap_or(options.linger);
        options.fold_ids = self.fold_ids.unwrap_or(options.fold_ids);
        options.min_iteration_duration =
            self.min_iteration_duration.unwrap_or(options.min_iteration_duration);
        options.seed = self.seed.or(options.seed);
        options.tags.extend(self.tags.clone());
    }

    /// Whether the script has the scenarios that are asked for.
    fn check_scenarios(&self, plan: &Plan) -> Result<(), PlanError> {
        let names = || plan.scenarios.iter().map(|scenario| scenario.name.as_str());
        let Some(name) = self.scenarios.iter().find(|name| !names().any(|known| known == *name)) else {
            return Ok(());
        };
        let near = suggest(name, names()).into_iter().map(String::from).collect();
        let known = names().map(String::from).collect();
        Err(PlanError::UnknownScenario { name: name.clone(), near, known })
    }

    /// Leaves out the scenarios that are not asked for, and the targets on their samples: those would see none,
    /// and fail.
    fn select_scenarios(&self, plan: &mut Plan) -> Vec<String> {
        if self.scenarios.is_empty() {
            return Vec::new();
        }
        let is_wanted = |scenario: &Scenario| self.scenarios.contains(&scenario.name);
        let (kept, left): (Vec<_>, Vec<_>) = plan.scenarios.drain(..).partition(is_wanted);
        plan.scenarios = kept;
        let mut notes = Vec::new();
        if !left.is_empty() {
            let names: Vec<String> = left.iter().map(|scenario| format!("`{}`", scenario.name)).collect();
            notes.push(format!("scenarios that are left out: {}", names.join(", ")));
        }
        plan.targets.retain(|target| {
            let foreign = target.selector.matchers.iter().find(|matcher| {
                let is_left = left.iter().any(|scenario| scenario.name == matcher.value);
                matcher.tag == "scenario" && !matcher.negated && is_left
            });
            if let Some(matcher) = foreign {
                let (key, text) = (&target.key, &target.text);
                let scenario = &matcher.value;
                notes.push(format!(
                    "the target `{key}` {text} is left out: scenario `{scenario}` isn't played"
                ));
            }
            foreign.is_none()
        });
        notes
    }

    fn replace_load(&self, plan: &mut Plan) -> Result<Vec<String>, PlanError> {
        let shortcut = Shortcut {
            vus: self.vus,
            duration: self.duration,
            iterations: self.iterations,
            stages: self.stages.clone(),
        };
        if shortcut.is_empty() {
            return Ok(Vec::new());
        }
        let flags = shortcut.names(Spelling::Flag).join(", ");
        match plan.scenarios.as_mut_slice() {
            [] => {
                plan.scenarios.push(shortcut.scenario(Spelling::Flag)?);
                Ok(Vec::new())
            }
            [scenario] => {
                let before = scenario.demand.describe();
                if shortcut == (Shortcut { vus: shortcut.vus, ..Shortcut::default() }) {
                    change_users(scenario, shortcut.vus.expect("the shortcut is not empty"))?;
                } else {
                    let options = shortcut.options(Spelling::Flag)?;
                    let Some(Value::Text(name)) = options.get("executor") else {
                        unreachable!("a shortcut always names its executor")
                    };
                    let executor = executor::find(name)?;
                    scenario.demand = (executor.demand)(&options)?;
                    scenario.executor = executor.name.to_string();
                    scenario.start_time = Duration::ZERO;
                }
                let (name, now) = (&scenario.name, scenario.demand.describe());
                let verb = if flags.contains(',') { "replace" } else { "replaces" };
                Ok(vec![format!("{flags} {verb} the load of scenario `{name}`: {now}, not {before}")])
            }
            several => {
                let scenarios = several.iter().map(|scenario| scenario.name.clone()).collect();
                Err(PlanError::SeveralScenarios { flags, scenarios })
            }
        }
    }
}

/// Another number of users, where it is constant anyway: all else stays as the script says.
fn change_users(scenario: &mut Scenario, vus: u64) -> Result<(), PlanError> {
    let name = || scenario.name.clone();
    let Demand::Users(users) = &mut scenario.demand else {
        return Err(PlanError::VusOfArrivals { scenario: name() });
    };
    if !users.curve.is_constant() {
        return Err(PlanError::VusAlone { scenario: name() });
    }
    // The executors know the limits: `constant-vus` checks the number of users, as all do.
    let checked = Shortcut { vus: Some(vus), ..Shortcut::default() }.options(Spelling::Flag)?;
    (executor::find("per-vu-iterations")?.demand)(&checked)?;
    if let Some(Bound::Shared(iterations)) = users.bound
        && iterations < vus
    {
        return Err(PlanError::FewerIterationsThanUsers { iterations, vus });
    }
    if let Some(max) = users.max.filter(|max| *max < vus) {
        let allowed = format!("at most the scenario's `max_vus`, which is {}", format_count(max));
        return Err(PlanError::OutOfRange { option: "--vus".into(), got: format_count(vus), allowed });
    }
    users.curve = Curve::constant(vus, users.curve.duration());
    Ok(())
}

#[cfg(test)]
mod tests;
