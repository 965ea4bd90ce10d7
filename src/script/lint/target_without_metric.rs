//! A target on samples that the script can't make: it would fail at the end of the run, for want of any.

use std::collections::BTreeSet;

use super::survey::{Call, Shape, Survey};
use super::{Finding, Lint, Subject, did_you_mean};
use crate::http::fold_ids;
use crate::metrics::{Matcher, builtin};
use crate::plan::Target;

pub(super) const LINT: Lint = Lint {
    name: "target_without_metric",
    about: "a target on a metric, or on a tag's value, that nothing in the script makes",
    look,
};

/// Metrics by how their names begin, and what makes them.
const SOURCES: [(&[&str], &[&str], &str); 3] = [
    (&["http_", "cache_"], &["http::"], "the script makes no request"),
    (&["checks"], &["check", "assert::"], "the script has no `check` and no `assert::…`"),
    (&["group_duration"], &["group"], "the script has no `group(name, closure)`"),
];

fn look(subject: &Subject<'_>) -> Vec<Finding> {
    // A module's own are declared for whoever imports it.
    let is_own = |target: &&Target| subject.context.of_call(target.position, &["target"]).module.is_empty();
    let mut targets = subject.plan.targets.iter().filter(is_own).peekable();
    if targets.peek().is_none() {
        return Vec::new();
    }
    // The script and its modules at once: what makes samples may stand in any of them.
    let mut whole = Survey::of(subject.ast, &subject.context.source);
    for module in &subject.context.modules {
        let Ok(ast) = subject.engine.compile(&module.source.text) else { return Vec::new() };
        whole.absorb(Survey::of(&ast, &module.source));
    }
    targets.filter_map(|target| judge(subject.plan.options.fold_ids, &whole, target)).collect()
}

fn judge(folds_ids: bool, survey: &Survey, target: &Target) -> Option<Finding> {
    let metric = target.selector.metric.as_str();
    let finding = |why: String, hint: String| {
        Some(Finding::new(
            target.position,
            format!("the target `{}` will see no sample: {why}", target.key),
            hint,
        ))
    };
    let is_fed_by_scripts = builtin(metric).is_none_or(|builtin| builtin.fed_by_scripts);
    if is_fed_by_scripts {
        let is_declared = survey.metrics.iter().any(|declared| declared.name == metric);
        let is_unknown = !is_declared && (builtin(metric).is_none() || survey.mentions_metric(metric));
        let declares = ["counter", "gauge", "rate", "trend"].iter().any(|name| {
            survey.calls_of(name).any(|call| !matches!(call.arguments.first(), Some(Shape::Text(_))))
        });
        if is_unknown || declares && !is_declared || is_declared && survey.feeds(metric) {
            return None;
        }
        return finding(
            format!("nothing adds to `{metric}`"),
            format!(
                "keep the metric, `const NAME = {}(\"{metric}\")`, and write `global::NAME.add(…)` in a flow",
                target.kind
            ),
        );
    }
    let source = SOURCES.iter().find(|(names, ..)| names.iter().any(|name| metric.starts_with(name)));
    if let Some((_, calls, why)) = source
        && !survey.calls_any(calls)
    {
        return finding((*why).to_owned(), "take the target out, or add what it is to judge".to_owned());
    }
    (target.selector.matchers.iter()).filter(|matcher| !matcher.negated).find_map(|matcher| {
        let known = values(folds_ids, survey, matcher, metric)?;
        if known.contains(&matcher.value) {
            return None;
        }
        let Matcher { tag, value, .. } = matcher;
        let hint = did_you_mean(value, known.iter().map(String::as_str), || match known.len() {
            0 => format!("nothing in the script has a `{tag}`"),
            _ => {
                format!("the script has `{}`", known.iter().take(5).cloned().collect::<Vec<_>>().join("`, `"))
            }
        });
        finding(format!("nothing has the {tag} `{value}`"), hint)
    })
}

/// The values that a tag can have in this script; nothing where that can't be known.
fn values(folds_ids: bool, survey: &Survey, matcher: &Matcher, metric: &str) -> Option<BTreeSet<String>> {
    match matcher.tag.as_str() {
        "name" if metric.starts_with("http_req") => request_names(folds_ids, survey),
        "check" if metric == "checks" => check_names(survey),
        "group" if metric.starts_with("http_req") || matches!(metric, "checks" | "group_duration") => {
            let names: Option<Vec<&String>> = survey.calls_of("group").map(|call| text(call, 0)).collect();
            // Groups nest as their closures run: the last part is what can be told.
            let (path, last) = matcher.value.rsplit_once("::")?;
            let names = names?;
            let known = names.iter().any(|name| *name == last);
            let full = if known { vec![matcher.value.clone()] } else { Vec::new() };
            Some(full.into_iter().chain(names.iter().map(|name| format!("{path}::{name}"))).collect())
        }
        _ => None,
    }
}

fn text(call: &Call, index: usize) -> Option<&String> {
    match call.arguments.get(index) {
        Some(Shape::Text(text)) => Some(text),
        _ => None,
    }
}

/// The tag `name` of every request; nothing if one of them can't be told.
fn request_names(folds_ids: bool, survey: &Survey) -> Option<BTreeSet<String>> {
    let requests = survey.calls.iter().filter(|call| !call.is_method && call.name.starts_with("http::"));
    requests.map(|call| request_name(folds_ids, call)).collect()
}

fn request_name(folds_ids: bool, call: &Call) -> Option<String> {
    let url = usize::from(call.name == "http::request");
    if call.name == "http::batch" {
        return None;
    }
    match call.arguments.get(url + 1) {
        None => path(folds_ids, call, url),
        Some(Shape::Map(options)) => match (options.get("name"), options.get("tags")) {
            (Some(Shape::Text(name)), None) => Some(name.clone()),
            (None, None) => path(folds_ids, call, url),
            _ => None,
        },
        Some(_) => None,
    }
}

/// The path of a fixed URL, which is the name where no other is given.
fn path(folds_ids: bool, call: &Call, index: usize) -> Option<String> {
    let url = text(call, index)?;
    let url = url.split(['?', '#']).next().unwrap_or(url);
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => url,
    };
    Some(if folds_ids { fold_ids(path).into_owned() } else { path.to_owned() })
}

/// The names of all checks; nothing if one of them can't be told.
fn check_names(survey: &Survey) -> Option<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for call in survey.calls_of("check") {
        match call.arguments.get(1)? {
            Shape::Text(name) => drop(names.insert(name.clone())),
            Shape::Map(checks) => names.extend(checks.keys().cloned()),
            _ => return None,
        }
    }
    let asserts = survey.calls.iter().filter(|call| !call.is_method && call.name.starts_with("assert::"));
    for call in asserts {
        match call.arguments.last()? {
            Shape::Text(name) => drop(names.insert(name.clone())),
            _ => return None,
        }
    }
    Some(names)
}
