//! `this` where Rhai doesn't bind it: in a helper called by its name, in a closure that a list's own
//! function calls with an argument. The runner's own callbacks (`check`, `group`, …) do pass it on.

use std::collections::BTreeMap;

use super::survey::Shape;
use super::{Finding, Lint, Subject};

pub(super) const LINT: Lint =
    Lint { name: "unbound_this", about: "`this` in a helper or a closure that is called without it", look };

/// Functions of Rhai's lists and maps that call a closure. With no parameter, `this` is the item in it.
const CALLBACKS: [&str; 17] = [
    "map",
    "filter",
    "for_each",
    "reduce",
    "reduce_rev",
    "some",
    "all",
    "find",
    "find_map",
    "index_of",
    "sort",
    "dedup",
    "retain",
    "drain",
    "zip",
    "call",
    "order_by",
];

fn look(subject: &Subject<'_>) -> Vec<Finding> {
    let survey = subject.survey;
    let with_this: BTreeMap<&str, usize> = (survey.functions.iter().enumerate())
        .filter(|(_, function)| function.this.is_some())
        .map(|(index, function)| (function.name.as_str(), index))
        .collect();
    let mut findings = Vec::new();
    for call in &survey.calls {
        if !call.is_method
            && let Some(index) = with_this.get(call.name.as_str())
            && survey.functions[*index].parameters.len() == call.arguments.len()
        {
            let name = &call.name;
            findings.push(Finding::new(
                call.place,
                format!("`{name}` uses `this`, which is not bound when it is called by its name"),
                format!("write `this.{name}(…)`, or use `vu::state()` in it"),
            ));
        }
        if !call.is_method || !CALLBACKS.contains(&call.name.as_str()) {
            continue;
        }
        for shape in &call.arguments {
            let Shape::Closure(closure) = shape else { continue };
            let Some(index) = with_this.get(closure.as_str()) else { continue };
            let function = &survey.functions[*index];
            if function.parameters.is_empty() {
                continue;
            }
            findings.push(Finding::new(
                function.this,
                format!("`this` is not bound in a closure that `{}` calls", call.name),
                "take it out of the closure first: `let state = vu::state();`, then `state.name`",
            ));
        }
    }
    findings
}
