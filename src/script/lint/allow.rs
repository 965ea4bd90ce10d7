//! Comments that allow a lint: `// runner: allow(unused_flow)` on the line itself or the one above.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, LINTS, Lint, Subject, did_you_mean};
use crate::diagnostic::{Position, Source};

pub(super) const LINT: Lint =
    Lint { name: "unknown_lint", about: "`// runner: allow(NAME)` with a name that no lint has", look };

const MARK: &str = "runner: allow(";

/// What a script's comments allow.
#[derive(Debug, Default)]
pub(super) struct Allowed {
    lines: BTreeMap<u32, BTreeSet<String>>,
    /// Each name with its place.
    names: Vec<(String, Position)>,
}

impl Allowed {
    /// Reads the comments.
    pub(super) fn of(source: &Source) -> Self {
        let mut allowed = Self::default();
        for (line, number) in source.text.lines().zip(1_u32..) {
            let Some(comment) = line.find("//") else { continue };
            let Some(mark) = line[comment..].find(MARK) else { continue };
            let start = comment + mark + MARK.len();
            let Some(length) = line[start..].find(')') else { continue };
            let mut at = start;
            for part in line[start..start + length].split(',') {
                let skipped = part.len() - part.trim_start().len();
                let column = u32::try_from(line[..at + skipped].chars().count() + 1).unwrap_or(1);
                let name = part.trim();
                allowed.names.push((name.to_owned(), Position { line: number, column }));
                for line in [number, number + 1] {
                    allowed.lines.entry(line).or_default().insert(name.to_owned());
                }
                at += part.len() + 1;
            }
        }
        allowed
    }

    /// Whether a lint is allowed on a line.
    pub(super) fn allows(&self, lint: &str, line: u32) -> bool {
        self.lines.get(&line).is_some_and(|names| names.contains(lint))
    }
}

fn look(subject: &Subject<'_>) -> Vec<Finding> {
    let is_known = |name: &str| LINTS.iter().any(|lint| lint.name == name);
    (subject.allowed.names.iter())
        .filter(|(name, _)| !is_known(name))
        .map(|(name, place)| {
            let hint = did_you_mean(name, LINTS.iter().map(|lint| lint.name), || {
                "the warning itself ends with the name of its lint".to_owned()
            });
            Finding::new(Some(*place), format!("no lint is named `{name}`"), hint)
        })
        .collect()
}
