//! A constant of the top level that nothing reads.

use super::{Finding, Lint, Subject};

pub(super) const LINT: Lint =
    Lint { name: "unused_constant", about: "a constant of the top level that nothing reads", look };

fn look(subject: &Subject<'_>) -> Vec<Finding> {
    let survey = subject.survey;
    (survey.constants.iter())
        .filter(|(name, _)| !name.starts_with('_') && !survey.reads.contains(name))
        .map(|(name, place)| {
            Finding::new(
                *place,
                format!("nothing reads the constant `{name}`"),
                format!("read it as `global::{name}` in a flow, or take it out"),
            )
        })
        .collect()
}
