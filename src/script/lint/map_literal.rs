//! `m.colour`, where the map `m` is written out with other keys and nothing changes it.
//!
//! A constant of the top level, or a variable of a function of which only properties are read: whatever
//! else is done with one (handed over, captured, indexed, a method called) could add the key.

use std::collections::{BTreeMap, BTreeSet};

use rhai::{ASTFlags, ASTNode, Expr, Stmt};

use super::super::place::position;
use super::survey::{Shape, shape};
use super::{Finding, Subject, did_you_mean};
use crate::diagnostic::Position;

/// The function that has a variable, none for the top level, and its name.
type Variable = (Option<usize>, String);

/// What one walk of the tree finds.
#[derive(Default)]
struct Maps {
    /// The keys of those that are written out.
    keys: BTreeMap<Variable, BTreeSet<String>>,
    /// How often each variable is given a value.
    given: BTreeMap<Variable, usize>,
    /// Those that something may change.
    unsure: BTreeSet<Variable>,
    /// Properties that are read, and where.
    reads: Vec<(Variable, String, Option<Position>)>,
}

/// Reads of keys that a map doesn't have.
pub(super) fn unknown_keys(subject: &Subject<'_>) -> Vec<Finding> {
    let mut maps = Maps::default();
    for (index, function) in subject.survey.functions.iter().enumerate() {
        for parameter in &function.parameters {
            maps.give((Some(index), parameter.clone()));
        }
    }
    subject.ast.walk(&mut |nodes: &[ASTNode<'_>]| {
        maps.node(nodes, subject.survey.owner(nodes[0]));
        true
    });
    let Maps { keys, given, unsure, reads } = maps;
    let unknown = |(variable, name, place): (Variable, String, Option<Position>)| {
        let keys = keys.get(&variable)?;
        if keys.contains(&name) || given.get(&variable) != Some(&1) || unsure.contains(&variable) {
            return None;
        }
        let hint = did_you_mean(&name, keys.iter().map(String::as_str), || {
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            if keys.is_empty() { "it is empty".to_owned() } else { format!("it has `{}`", keys.join("`, `")) }
        });
        Some(Finding::new(place, format!("the map `{}` has no key `{name}`", variable.1), hint))
    };
    reads.into_iter().filter_map(unknown).collect()
}

impl Maps {
    fn give(&mut self, variable: Variable) {
        *self.given.entry(variable).or_default() += 1;
    }

    fn node(&mut self, nodes: &[ASTNode<'_>], owner: Option<usize>) {
        let parent = nodes.len().checked_sub(2).map(|index| nodes[index]);
        match nodes.last() {
            Some(ASTNode::Stmt(statement)) => self.statement(statement, owner),
            Some(ASTNode::Expr(Expr::Dot(pair, flags, _))) => {
                let Expr::Variable(variable, ..) = &pair.lhs else { return };
                // `m?.a` and `m.a ?? 0` say that it may not be there.
                let is_asked = flags.contains(ASTFlags::NEGATED)
                    || matches!(parent, Some(ASTNode::Expr(Expr::Coalesce(..))));
                let Some((name, place)) = property(&pair.rhs).filter(|_| !is_asked) else { return };
                let of = match (variable.2.path.len(), variable.2.is_empty()) {
                    (_, true) => owner.map(|owner| (Some(owner), variable.1.to_string())),
                    (1, false) if variable.2.root() == "global" => Some((None, variable.1.to_string())),
                    _ => None,
                };
                self.reads.extend(of.map(|of| (of, name, place)));
            }
            Some(ASTNode::Expr(expression @ Expr::Variable(variable, ..))) if variable.2.is_empty() => {
                let is_read = matches!(parent, Some(ASTNode::Expr(Expr::Dot(pair, ..)))
                    if std::ptr::eq(&raw const pair.lhs, *expression) && property(&pair.rhs).is_some());
                if !is_read && owner.is_some() {
                    self.unsure.insert((owner, variable.1.to_string()));
                }
            }
            _ => {}
        }
    }

    fn statement(&mut self, statement: &Stmt, owner: Option<usize>) {
        match statement {
            Stmt::Var(variable, flags, _) => {
                let name = (owner, variable.0.name.to_string());
                // What functions read of the top level are its constants.
                if let Shape::Map(map) = shape(&variable.1)
                    && (owner.is_some() || flags.contains(ASTFlags::CONSTANT))
                {
                    self.keys.insert(name.clone(), map.into_keys().collect());
                }
                self.give(name);
            }
            Stmt::Assignment(assignment) => {
                let mut changed = &assignment.1.lhs;
                while let Expr::Dot(pair, ..) | Expr::Index(pair, ..) = changed {
                    changed = &pair.lhs;
                }
                if let Expr::Variable(variable, ..) = changed {
                    self.unsure.insert((owner, variable.1.to_string()));
                }
            }
            Stmt::For(parts, _) => {
                for name in parts.1.iter().chain([&parts.0]) {
                    self.give((owner, name.name.to_string()));
                }
            }
            Stmt::TryCatch(control, _) => {
                if let Expr::Variable(variable, ..) = &control.expr {
                    self.give((owner, variable.1.to_string()));
                }
            }
            _ => {}
        }
    }
}

/// The first property that is read behind a dot.
fn property(behind: &Expr) -> Option<(String, Option<Position>)> {
    match behind {
        Expr::Property(property, place) => Some((property.2.to_string(), position(*place))),
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => property(&pair.lhs),
        _ => None,
    }
}
