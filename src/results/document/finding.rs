//! What stands out.

use serde::{Deserialize, Serialize};

use super::own::own;
use crate::engine::{Accusation, RULES, Weight};
use crate::results::{Finding, Severity};

/// Something that stands out: how much it matters, in words, and with what it is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Found {
    severity: Gravity,
    text: String,
    finding: Detail,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Gravity {
    Grave,
    Note,
}

/// What it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Detail {
    Unbalanced { equation: String },
    EndpointFailed { name: String, requests: u64, causes: Vec<Cause> },
    CheckNeverHeld { group: String, name: String, count: u64 },
    NothingFinished { scenario: String, interrupted: u64 },
    Accused { code: String, weight: Weighing, text: String },
    RequestsCut { count: u64 },
    LogLost { count: u64 },
}

/// What failed requests had, and how many had it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Cause {
    cause: String,
    count: u64,
}

impl Cause {
    pub(super) fn all(causes: &[(String, u64)]) -> Vec<Self> {
        causes.iter().map(|(cause, count)| Self { cause: cause.clone(), count: *count }).collect()
    }

    pub(super) fn pairs(causes: Vec<Self>) -> Vec<(String, u64)> {
        causes.into_iter().map(|own| (own.cause, own.count)).collect()
    }
}

/// How much an accusation weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Weighing {
    Inconclusive,
    Warning,
}

impl From<Weight> for Weighing {
    fn from(weight: Weight) -> Self {
        match weight {
            Weight::Inconclusive => Self::Inconclusive,
            Weight::Warning => Self::Warning,
        }
    }
}

impl From<Weighing> for Weight {
    fn from(weighing: Weighing) -> Self {
        match weighing {
            Weighing::Inconclusive => Self::Inconclusive,
            Weighing::Warning => Self::Warning,
        }
    }
}

/// A rule's name.
pub(super) fn rule(code: String) -> &'static str {
    own(code, RULES.iter().map(|rule| rule.code))
}

impl From<&Finding> for Found {
    fn from(finding: &Finding) -> Self {
        let detail = match finding {
            Finding::Unbalanced(equation) => Detail::Unbalanced { equation: equation.clone() },
            Finding::EndpointFailed { name, requests, causes } => {
                Detail::EndpointFailed { name: name.clone(), requests: *requests, causes: Cause::all(causes) }
            }
            Finding::CheckNeverHeld { group, name, count } => {
                Detail::CheckNeverHeld { group: group.clone(), name: name.clone(), count: *count }
            }
            Finding::NothingFinished { scenario, interrupted } => {
                Detail::NothingFinished { scenario: scenario.clone(), interrupted: *interrupted }
            }
            Finding::Accused(Accusation { code, weight, text }) => {
                Detail::Accused { code: (*code).to_owned(), weight: (*weight).into(), text: text.clone() }
            }
            Finding::RequestsCut(count) => Detail::RequestsCut { count: *count },
            Finding::LogLost(count) => Detail::LogLost { count: *count },
        };
        let severity = match finding.severity() {
            Severity::Grave => Gravity::Grave,
            Severity::Note => Gravity::Note,
        };
        Self { severity, text: finding.to_string(), finding: detail }
    }
}

impl Found {
    pub(super) fn finding(self) -> Finding {
        match self.finding {
            Detail::Unbalanced { equation } => Finding::Unbalanced(equation),
            Detail::EndpointFailed { name, requests, causes } => {
                Finding::EndpointFailed { name, requests, causes: Cause::pairs(causes) }
            }
            Detail::CheckNeverHeld { group, name, count } => Finding::CheckNeverHeld { group, name, count },
            Detail::NothingFinished { scenario, interrupted } => {
                Finding::NothingFinished { scenario, interrupted }
            }
            Detail::Accused { code, weight, text } => {
                Finding::Accused(Accusation { code: rule(code), weight: weight.into(), text })
            }
            Detail::RequestsCut { count } => Finding::RequestsCut(count),
            Detail::LogLost { count } => Finding::LogLost(count),
        }
    }
}
