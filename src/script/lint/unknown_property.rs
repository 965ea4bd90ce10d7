//! `r.stauts`: a property that a response doesn't have, where it is certain that `r` is one. Maps are looked
//! at in `map_literal.rs`.

use std::collections::{BTreeMap, BTreeSet};

use rhai::{ASTNode, Expr, Stmt};

use super::super::host::RESPONSE_PROPERTIES;
use super::super::host::TIMING_PROPERTIES;
use super::super::place::position;
use super::survey::{Shape, Survey, full_name};
use super::{Finding, Lint, Subject, did_you_mean, map_literal};

pub(super) const LINT: Lint = Lint {
    name: "unknown_property",
    about: "a property that a response or a fixed map doesn't have, such as `r.stauts`",
    look,
};

/// Requests: what they give is a response.
const REQUESTS: [&str; 8] = [
    "http::get",
    "http::head",
    "http::post",
    "http::put",
    "http::patch",
    "http::del",
    "http::options",
    "http::request",
];

/// What other tools call it.
const ELSEWHERE: [(&str, &str); 8] = [
    ("status_code", "status"),
    ("statusCode", "status"),
    ("code", "status"),
    ("text", "body"),
    ("content", "body"),
    ("ok", "status == 200"),
    ("elapsed", "timings.duration"),
    ("time", "timings.duration"),
];

fn look(subject: &Subject<'_>) -> Vec<Finding> {
    let responses = responses(subject);
    let mut findings = map_literal::unknown_keys(subject);
    subject.ast.walk(&mut |nodes: &[ASTNode<'_>]| {
        let Some(ASTNode::Expr(Expr::Dot(pair, ..))) = nodes.last() else { return true };
        let is_response = match &pair.lhs {
            Expr::FnCall(call, _) => REQUESTS.contains(&full_name(call).as_str()),
            Expr::Variable(variable, ..) if variable.2.is_empty() => {
                let owner = subject.survey.owner(nodes[0]);
                responses.contains(&(owner, variable.1.to_string()))
            }
            _ => false,
        };
        if is_response {
            findings.extend(unknown(&pair.rhs));
        }
        true
    });
    findings
}

fn unknown(property: &Expr) -> Option<Finding> {
    let (name, place, known, kind) = match property {
        Expr::Property(property, place) => (&property.2, place, RESPONSE_PROPERTIES, "response"),
        Expr::Dot(pair, ..) => match (&pair.lhs, &pair.rhs) {
            (Expr::Property(timings, _), Expr::Property(property, place)) if timings.2 == "timings" => {
                (&property.2, place, TIMING_PROPERTIES, "response's `timings`")
            }
            (first, _) => return unknown(first),
        },
        Expr::Index(pair, ..) => return unknown(&pair.lhs),
        _ => return None,
    };
    // Those of timings are listed with what they are of.
    let known: Vec<&str> = known.iter().map(|name| name.rsplit('.').next().unwrap_or(name)).collect();
    if known.contains(&name.as_str()) {
        return None;
    }
    let theirs = ELSEWHERE.iter().find(|(theirs, _)| name == theirs && kind == "response");
    let hint = match theirs {
        Some((_, ours)) => format!("write `.{ours}`"),
        None => did_you_mean(name, known.iter().copied(), || format!("it has `{}`", known.join("`, `"))),
    };
    let article = if kind == "response" { "a response" } else { "a response's `timings`" };
    let verb = if kind == "response" { "has" } else { "have" };
    Some(Finding::new(position(*place), format!("{article} {verb} no property `{name}`"), hint))
}

/// Variables that hold a response, whatever happens: assigned once, from a request, or the parameter of a
/// check of one.
fn responses(subject: &Subject<'_>) -> BTreeSet<(Option<usize>, String)> {
    let survey: &Survey = subject.survey;
    // How often each is given a value, and whether that is a response.
    let mut given: BTreeMap<(Option<usize>, String), (usize, bool)> = BTreeMap::new();
    subject.ast.walk(&mut |nodes: &[ASTNode<'_>]| {
        let Some(ASTNode::Stmt(statement)) = nodes.last() else { return true };
        let (names, is_response) = match statement {
            Stmt::Var(variable, ..) => {
                let is_request = matches!(&variable.1, Expr::FnCall(call, _) if REQUESTS.contains(&full_name(call).as_str()));
                (vec![variable.0.name.to_string()], is_request)
            }
            Stmt::Assignment(assignment) => match &assignment.1.lhs {
                Expr::Variable(variable, ..) => (vec![variable.1.to_string()], false),
                _ => return true,
            },
            Stmt::For(parts, _) => {
                let names = parts.1.iter().chain([&parts.0]).map(|name| name.name.to_string());
                (names.collect(), false)
            }
            Stmt::TryCatch(control, _) => match &control.expr {
                Expr::Variable(variable, ..) => (vec![variable.1.to_string()], false),
                _ => return true,
            },
            _ => return true,
        };
        let owner = survey.owner(nodes[0]);
        for name in names {
            let entry = given.entry((owner, name)).or_default();
            *entry = (entry.0 + 1, is_response);
        }
        true
    });
    // Parameters hold what nobody knows, but for those of checks.
    for (index, function) in survey.functions.iter().enumerate() {
        for parameter in &function.parameters {
            given.entry((Some(index), parameter.clone())).or_default().0 += 1;
        }
    }
    let is_sure = |owner: Option<usize>, name: &str| {
        given.get(&(owner, name.to_owned())).is_some_and(|(count, is_response)| *count == 1 && *is_response)
    };
    let mut responses: BTreeSet<(Option<usize>, String)> =
        given.keys().filter(|(owner, name)| is_sure(*owner, name)).cloned().collect();
    let by_name: BTreeMap<&str, usize> = survey
        .functions
        .iter()
        .enumerate()
        .map(|(index, function)| (function.name.as_str(), index))
        .collect();
    for call in survey.calls_of("check") {
        let is_response = match call.arguments.first() {
            Some(Shape::Variable(name)) => is_sure(call.caller, name),
            Some(Shape::Call(name)) => REQUESTS.contains(&name.as_str()),
            _ => false,
        };
        let Some(Shape::Map(checks)) = call.arguments.get(1).filter(|_| is_response) else { continue };
        for check in checks.values() {
            let Shape::Closure(closure) = check else { continue };
            let Some(index) = by_name.get(closure.as_str()).copied() else { continue };
            // What a closure captures stands before its own parameter.
            let Some(parameter) = survey.functions[index].parameters.last() else { continue };
            if given.get(&(Some(index), parameter.clone())).is_some_and(|(count, _)| *count == 1) {
                responses.insert((Some(index), parameter.clone()));
            }
        }
    }
    responses
}
