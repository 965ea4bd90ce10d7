//! A function of the script that hides one of the host or of Rhai: the script's own wins, everywhere.

use std::cell::LazyCell;

use super::super::names;
use super::{Finding, Lint, Subject};

pub(super) const LINT: Lint = Lint {
    name: "shadowed_function",
    about: "a function or an import that hides one of the runner's or of Rhai's",
    look,
};

/// Functions of Rhai's that are called by their names; others are methods.
const CALLED_BY_NAME: [&str; 9] =
    ["print", "debug", "max", "min", "abs", "range", "parse_json", "timestamp", "blob"];

fn look(subject: &Subject<'_>) -> Vec<Finding> {
    let (context, survey) = (subject.context, subject.survey);
    // Collected only if something asks: that takes longer than all the rest.
    let native = LazyCell::new(|| names::native(subject.engine));
    let has = |arities: &names::Arities, name: &str, count: usize| {
        arities.get(name).is_some_and(|takes| takes.contains(&count))
    };
    let hides = |name: &str, count: usize| -> Option<String> {
        if has(&context.host, name, count) {
            return Some(format!("the function `{name}` hides the runner's own `{name}`"));
        }
        if CALLED_BY_NAME.contains(&name) && has(&native, name, count) {
            return Some(format!("the function `{name}` hides Rhai's own `{name}`"));
        }
        // `list.len()` finds the script's `fn len()` first, which gets the list as `this`.
        let is_called = || {
            survey
                .calls
                .iter()
                .any(|call| call.is_method && call.name == name && call.arguments.len() == count)
        };
        (is_called() && has(&native, name, count + 1))
            .then(|| format!("the function `{name}` hides the method `.{name}(…)`, which the script calls"))
    };
    let functions =
        (survey.functions.iter()).filter(|function| !function.is_closure()).filter_map(|function| {
            let name = &function.name;
            let message = hides(name, function.parameters.len())?;
            let hint =
                format!("every such call of `{name}` in this script means this one: choose another name");
            Some(Finding::new(function.place, message, hint))
        });
    let modules = (subject.survey.imports.iter())
        .filter(|(name, _)| context.functions.iter().any(|host| host.module() == Some(name.as_str())))
        .map(|(name, place)| {
            Finding::new(
                *place,
                format!("the import `{name}` hides the runner's module `{name}`"),
                "choose another name behind `as`",
            )
        });
    functions.chain(modules).collect()
}
