//! What `runner check` warns of: scripts that load, and hardly do what was meant.
//!
//! A file per lint, a line per lint in [`LINTS`]. Each looks at the [`Survey`] (what the script says, from
//! one walk of its tree), and at the tree where that isn't enough. A lint that is wrong once is turned
//! off for good: where it can't be sure, it says nothing. `// runner: allow(NAME)` allows it on a line.

mod allow;
mod blocking_loop;
mod check_cannot_fail;
mod long_sleep;
mod many_names;
mod map_literal;
mod shadowed_function;
mod survey;
mod target_without_metric;
mod unbound_this;
mod unknown_property;
mod unused_constant;
mod unused_flow;
mod unused_metric;

use rhai::{AST, Engine};

use super::diagnose::Context;
use crate::diagnostic::{Code, Diagnostic, Position};
use crate::plan::Plan;
use allow::Allowed;
use survey::Survey;

/// The most warnings about one script: more are not read.
const WARNINGS_MAX: usize = 100;

/// One thing to look for.
#[derive(Clone, Copy)]
pub struct Lint {
    /// By which it is allowed.
    pub name: &'static str,
    /// What it warns of, in half a sentence.
    pub about: &'static str,
    look: fn(&Subject<'_>) -> Vec<Finding>,
}

impl std::fmt::Debug for Lint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lint").field("name", &self.name).finish_non_exhaustive()
    }
}

/// All lints, in the order of the reference.
pub const LINTS: &[Lint] = &[
    unused_flow::LINT,
    unused_metric::LINT,
    unused_constant::LINT,
    target_without_metric::LINT,
    check_cannot_fail::LINT,
    unbound_this::LINT,
    blocking_loop::LINT,
    shadowed_function::LINT,
    unknown_property::LINT,
    many_names::LINT,
    long_sleep::LINT,
    allow::LINT,
];

/// What a lint looks at.
struct Subject<'a> {
    context: &'a Context,
    engine: &'a Engine,
    ast: &'a AST,
    plan: &'a Plan,
    survey: &'a Survey,
    allowed: &'a Allowed,
}

/// What a lint found.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    place: Option<Position>,
    message: String,
    hint: String,
}

impl Finding {
    fn new(place: Option<Position>, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { place, message: message.into(), hint: hint.into() }
    }
}

/// The warnings about a script that loads, by place.
pub(super) fn lint(context: &Context, engine: &Engine, ast: &AST, plan: &Plan) -> Vec<Diagnostic> {
    let survey = Survey::of(ast, &context.source);
    let allowed = Allowed::of(&context.source);
    let subject = Subject { context, engine, ast, plan, survey: &survey, allowed: &allowed };
    let mut found: Vec<(&Lint, Finding)> = LINTS
        .iter()
        .flat_map(|lint| (lint.look)(&subject).into_iter().map(move |finding| (lint, finding)))
        .filter(|(lint, finding)| !finding.place.is_some_and(|place| allowed.allows(lint.name, place.line)))
        .collect();
    found.sort_by_key(|(_, finding)| finding.place);
    found.truncate(WARNINGS_MAX);
    found
        .into_iter()
        .map(|(lint, finding)| {
            let warning = Diagnostic::warning(Code::Plan, lint.name, finding.message).hint(finding.hint);
            match finding.place {
                Some(place) => warning.at(&context.source, place, ""),
                None => warning,
            }
        })
        .collect()
}

/// The names near one that is wrong, as a hint; else `otherwise`.
fn did_you_mean<'n>(
    word: &str,
    names: impl IntoIterator<Item = &'n str>,
    otherwise: impl FnOnce() -> String,
) -> String {
    let near = crate::diagnostic::suggest(word, names);
    near.first().map_or_else(otherwise, |near| format!("did you mean `{near}`?"))
}
