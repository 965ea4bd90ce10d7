//! A function of the script that hides one of the host or of Rhai: the script's own wins, everywhere.

use super::super::names;
use super::{Finding, Lint, Subject};

pub(super) const LINT: Lint = Lint {
    name: "shadowed_function",
    about: "a function or an import that hides one of the runner's or of Rhai's",
    look,
};

fn look(subject: &Subject<'_>) -> Vec<Finding> {
    let context = subject.context;
    let native = names::native(subject.engine);
    let hides = |name: &str, parameters: usize| {
        let takes =
            |arities: &names::Arities| arities.get(name).is_some_and(|takes| takes.contains(&parameters));
        takes(&context.host) || takes(&native)
    };
    let functions = (subject.survey.functions.iter())
        .filter(|function| !function.is_closure() && hides(&function.name, function.parameters.len()))
        .map(|function| {
            let name = &function.name;
            let whose = if context.host.contains_key(name) { "the runner's" } else { "Rhai's" };
            Finding::new(
                function.place,
                format!("the function `{name}` hides {whose} own `{name}`"),
                format!("every call of `{name}` in this script means this one: choose another name"),
            )
        });
    let modules = (subject.survey.imports.iter())
        .filter(|(name, _)| {
            context.host.keys().any(|host| host.split_once("::").is_some_and(|(module, _)| module == name))
        })
        .map(|(name, place)| {
            Finding::new(
                *place,
                format!("the import `{name}` hides the runner's module `{name}`"),
                "choose another name behind `as`",
            )
        });
    functions.chain(modules).collect()
}
