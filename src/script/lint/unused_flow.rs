//! A function that nothing runs: most often a scenario that names another, or none at all.

use std::collections::BTreeSet;

use super::survey::Shape;
use super::{Finding, Lint, Subject};
use crate::plan::Flow;

pub(super) const LINT: Lint =
    Lint { name: "unused_flow", about: "a function that no scenario, hook or other function runs", look };

const HOOKS: [&str; 5] = ["setup", "teardown", "on_start", "on_stop", "summary"];

fn look(subject: &Subject<'_>) -> Vec<Finding> {
    let survey = subject.survey;
    // What is made of variables could be any function's name.
    let is_fixed = |shape: &Shape| match shape {
        Shape::Text(_) | Shape::Closure(_) => true,
        Shape::Call(name) => name == "weighted" || name == "Fn",
        _ => false,
    };
    let names_unknown = survey.calls.iter().any(|call| {
        let options = || {
            call.arguments.iter().any(|shape| match shape {
                Shape::Map(map) => {
                    ["flow", "exec"].iter().any(|key| map.get(*key).is_some_and(|flow| !is_fixed(flow)))
                }
                _ => false,
            })
        };
        match call.name.as_str() {
            "Fn" => !matches!(call.arguments.first(), Some(Shape::Text(_))),
            "weighted" => !matches!(call.arguments.first(), Some(Shape::Map(_))),
            "scenario" => !matches!(call.arguments.get(1), Some(Shape::Map(_))) || options(),
            _ => false,
        }
    });
    if names_unknown {
        return Vec::new();
    }
    let named = |name: &str| {
        survey.texts.contains_key(name)
            || survey.calls.iter().any(|call| {
                call.name == name && call.caller.is_none_or(|caller| survey.functions[caller].name != name)
            })
    };
    let flows: BTreeSet<String> =
        subject.plan.scenarios.iter().flat_map(|scenario| names(&scenario.flow)).collect();
    (survey.functions.iter())
        .filter(|function| {
            let name = function.name.as_str();
            !function.is_closure()
                && !name.starts_with('_')
                && !HOOKS.contains(&name)
                && !flows.contains(name)
                && !named(name)
        })
        .map(|function| {
            let name = &function.name;
            Finding::new(
                function.place,
                format!("nothing runs the function `{name}`"),
                format!("name it in a scenario, `flow: \"{name}\"`, call it, or take it out"),
            )
        })
        .collect()
}

/// The functions that a flow runs.
fn names(flow: &Flow) -> Vec<String> {
    match flow {
        Flow::Weighted(weighted) => {
            weighted.choices().iter().flat_map(|choice| names(&choice.flow)).collect()
        }
        flow => vec![flow.to_string()],
    }
}
