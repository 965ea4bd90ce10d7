//! What stands out of a run without being asked for: a wrong target, a check that can't be right, and
//! whatever the generator must say against its own numbers.

use std::fmt;

use crate::diagnostic::Mask;
use crate::engine::{Accusation, Outcome, Weight, accuse};
use crate::plan::Plan;
use crate::units::format_count;

use super::Summary;

/// How many causes of a failing endpoint are named.
const CAUSES_MAX: usize = 3;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// What the run measured is probably not what was meant.
    Grave,
    /// A reader should know it.
    Note,
}

/// Something that stands out.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// An equation of the books that doesn't hold: a bug of `runner`.
    Unbalanced(String),
    /// Every request of an endpoint failed.
    EndpointFailed {
        /// Its name.
        name: String,
        /// How many requests.
        requests: u64,
        /// What they had, most frequent first.
        causes: Vec<(String, u64)>,
    },
    /// A check that never held.
    CheckNeverHeld {
        /// Its group's path; may be empty.
        group: String,
        /// Its name.
        name: String,
        /// How often it was asked.
        count: u64,
    },
    /// The stop cut every iteration of a scenario.
    NothingFinished {
        /// Which scenario.
        scenario: String,
        /// How many were cut.
        interrupted: u64,
    },
    /// What the generator says against itself.
    Accused(Accusation),
    /// Requests that the stop cut.
    RequestsCut(u64),
    /// Lines of the log that were lost.
    LogLost(u64),
}

impl Finding {
    /// Hides secrets in the names that it holds.
    pub(super) fn apply(&mut self, mask: &Mask) {
        match self {
            Self::EndpointFailed { name, .. } => mask.apply(name),
            Self::CheckNeverHeld { group, name, .. } => {
                mask.apply(group);
                mask.apply(name);
            }
            Self::NothingFinished { scenario, .. } => mask.apply(scenario),
            // It may name a scenario or a metric of the script's.
            Self::Accused(accusation) => mask.apply(&mut accusation.text),
            Self::Unbalanced(_) | Self::RequestsCut(_) | Self::LogLost(_) => {}
        }
    }

    /// How much it matters.
    pub fn severity(&self) -> Severity {
        match self {
            Self::Unbalanced(_)
            | Self::EndpointFailed { .. }
            | Self::CheckNeverHeld { .. }
            | Self::NothingFinished { .. }
            | Self::Accused(Accusation { weight: Weight::Inconclusive, .. }) => Severity::Grave,
            Self::Accused(Accusation { weight: Weight::Warning, .. })
            | Self::RequestsCut(_)
            | Self::LogLost(_) => Severity::Note,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unbalanced(equation) => {
                let version = env!("CARGO_PKG_VERSION");
                write!(f, "the books don't balance: {equation}: this is a bug of runner {version}")
            }
            Self::EndpointFailed { name, requests, causes } => {
                match requests {
                    1 => write!(f, "`{name}`: its only request failed")?,
                    _ => write!(f, "`{name}`: all {} requests failed", format_count(*requests))?,
                }
                for (index, (cause, count)) in causes.iter().take(CAUSES_MAX).enumerate() {
                    let before = if index == 0 { " (" } else { ", " };
                    write!(f, "{before}{} × {cause}", format_count(*count))?;
                }
                match causes.len() {
                    0 => Ok(()),
                    1..=CAUSES_MAX => f.write_str(")"),
                    more => write!(f, ", {} more)", more - CAUSES_MAX),
                }
            }
            Self::CheckNeverHeld { group, name, count } => {
                write!(f, "check `{name}`")?;
                if !group.is_empty() {
                    write!(f, " of group `{group}`")?;
                }
                write!(f, " never held: 0 of {}", format_count(*count))
            }
            Self::NothingFinished { scenario, interrupted } => write!(
                f,
                "no iteration of scenario `{scenario}` ran to its end: the stop cut {}",
                format_count(*interrupted)
            ),
            Self::Accused(Accusation { code, text, .. }) => write!(f, "{text} [{code}]"),
            Self::RequestsCut(count) => {
                let verb = if *count == 1 { "was" } else { "were" };
                let requests = counted(*count, "request");
                let them = if *count == 1 { "it" } else { "them" };
                write!(f, "{requests} {verb} under way at the stop: the service saw {them}, no metric did")
            }
            Self::LogLost(count) => {
                write!(f, "{} of the log lost: they came too fast", counted(*count, "line"))
            }
        }
    }
}

fn counted(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", format_count(count), if count == 1 { "" } else { "s" })
}

/// Looks for all of them; gravest first.
pub(super) fn find(summary: &Summary, plan: &Plan, outcome: &Outcome) -> Vec<Finding> {
    let mut findings: Vec<Finding> = outcome.imbalances.iter().cloned().map(Finding::Unbalanced).collect();
    for endpoint in &summary.endpoints {
        if endpoint.requests > 0 && endpoint.failed >= endpoint.requests {
            findings.push(Finding::EndpointFailed {
                name: endpoint.name.clone(),
                requests: endpoint.requests,
                causes: endpoint.causes.clone(),
            });
        }
    }
    for check in summary.checks.iter().filter(|check| check.passes == 0 && check.fails > 0) {
        findings.push(Finding::CheckNeverHeld {
            group: check.group.clone(),
            name: check.name.clone(),
            count: check.fails,
        });
    }
    for line in &summary.scenarios {
        let books = line.books;
        if books.ok + books.failed == 0 && books.interrupted > 0 {
            let (scenario, interrupted) = (line.name.clone(), books.interrupted);
            findings.push(Finding::NothingFinished { scenario, interrupted });
        }
    }
    findings.extend(accuse(plan, outcome).into_iter().map(Finding::Accused));
    if summary.requests_cut > 0 {
        findings.push(Finding::RequestsCut(summary.requests_cut));
    }
    if summary.log_lost > 0 {
        findings.push(Finding::LogLost(summary.log_lost));
    }
    debug_assert!(findings.is_sorted_by_key(Finding::severity));
    findings
}
