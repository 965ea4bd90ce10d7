//! What is played: the flows of all scenarios, of one, or one function.

use super::{Act, Part};
use crate::diagnostic::{Code, Diagnostic, suggest};
use crate::plan::{Choice, Flow, Plan};
use crate::script::{Entry, Program};

/// Functions of the life cycle: those are called by themselves.
const HOOKS: [&str; 5] = ["setup", "on_start", "on_stop", "teardown", "summary"];

/// What one user plays.
#[derive(Debug)]
pub(super) struct Scene {
    /// Which scenario of the plan its user is of; none where the plan has none.
    pub(super) scenario: Option<usize>,
    /// What it calls, in order.
    pub(super) flows: Vec<(Act, Entry)>,
}

impl Scene {
    /// Those of a plan; `wanted` names a scenario, or else a function.
    pub(super) fn of_plan(
        program: &Program,
        plan: &Plan,
        wanted: Option<&str>,
    ) -> Result<Vec<Self>, Diagnostic> {
        let Some(wanted) = wanted else {
            return Ok((0..plan.scenarios.len()).map(|index| Self::whole(program, plan, index)).collect());
        };
        if let Some(index) = plan.scenario_index(wanted) {
            return Ok(vec![Self::whole(program, plan, index)]);
        }
        for index in 0..plan.scenarios.len() {
            let mut scene = Self::whole(program, plan, index);
            scene.flows.retain(|(act, _)| act.function == wanted);
            if !scene.flows.is_empty() {
                return Ok(vec![scene]);
            }
        }
        let scenario = (!plan.scenarios.is_empty()).then_some(0);
        let entry = function(program, plan, wanted)?;
        let name = scenario.map_or_else(String::new, |index| plan.scenarios[index].name.clone());
        let act = Act { part: Part::Flow, scenario: name, function: wanted.to_owned(), weight: None };
        Ok(vec![Self { scenario, flows: vec![(act, entry)] }])
    }

    /// All flows of a scenario.
    fn whole(program: &Program, plan: &Plan, index: usize) -> Self {
        let scenario = &plan.scenarios[index];
        let alone = [Choice { flow: scenario.flow.clone(), weight: 1 }];
        let (choices, total) = match &scenario.flow {
            Flow::Weighted(weighted) => (weighted.choices(), Some(weighted.total())),
            _ => (&alone[..], None),
        };
        let act = |choice: &Choice| Act {
            part: Part::Flow,
            scenario: scenario.name.clone(),
            function: choice.flow.to_string(),
            weight: total.map(|total| (choice.weight, total)),
        };
        let entries = program.entries(&scenario.name, &scenario.flow);
        Self { scenario: Some(index), flows: choices.iter().map(act).zip(entries).collect() }
    }
}

/// A function of the script that no scenario plays.
fn function(program: &Program, plan: &Plan, name: &str) -> Result<Entry, Diagnostic> {
    let refuse = |message: String| Diagnostic::new(Code::Usage, message);
    if HOOKS.contains(&name) {
        return Err(refuse(format!("`{name}` is no flow, but a function of the life cycle"))
            .hint("it is played by itself: name a flow, or leave the name out"));
    }
    let Some(entry) = program.entry(name) else {
        let scenarios = plan.scenarios.iter().map(|scenario| scenario.name.as_str());
        let functions = program.names().filter(|name| !HOOKS.contains(name));
        let mut known: Vec<&str> = scenarios.chain(functions).collect();
        known.sort_unstable();
        known.dedup();
        let unknown = refuse(format!("the script has no scenario and no function `{name}`"));
        return Err(match suggest(name, known.iter().copied()).first() {
            Some(near) => unknown.hint(format!("did you mean `{near}`?")),
            None => unknown.hint(format!("it has `{}`", known.join("`, `"))),
        });
    };
    match program.parameters(name) {
        Some(count @ 2..) => {
            Err(refuse(format!("`{name}` has {count} parameters, and can't be played alone"))
                .hint("a flow takes no parameter, or the result of `setup`: name the flow that calls it"))
        }
        _ => Ok(entry),
    }
}
