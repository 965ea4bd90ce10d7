//! What can be wrong with a target, and what to do about it.

use std::time::Duration;

use super::{Quantity, WINDOW_MAX, aggregates};
use crate::metrics::{Kind, SelectorError};
use crate::units::{UnitError, format_duration};

/// A target that can't be. Positions are 1-based characters of the expression.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TargetError {
    /// The part in braces, or the name before it.
    #[error("the selector `{key}` can't be read: {error}")]
    Selector {
        /// As it was written.
        key: String,
        /// What is wrong with it.
        error: SelectorError,
    },
    /// No metric has that name.
    #[error("there is no metric `{name}`")]
    UnknownMetric {
        /// The name.
        name: String,
        /// Names near it.
        near: Vec<String>,
    },
    /// No metric of the script that is played has that name.
    #[error("the script that is played has no metric `{name}`")]
    ForeignMetric {
        /// The name.
        name: String,
    },
    /// A scenario that isn't there.
    #[error("the target `{key}` is on a scenario that the script doesn't have: `{name}`")]
    UnknownScenario {
        /// The target's selector.
        key: String,
        /// The scenario's name in it.
        name: String,
        /// Names like it, best first.
        near: Vec<String>,
        /// All that there are.
        known: Vec<String>,
    },
    /// More than a run can keep apart.
    #[error("the targets tell apart {count} combinations of tags, more than {count_max}")]
    TooManyCombinations {
        /// How many.
        count: usize,
        /// How many may be.
        count_max: usize,
    },
    /// The metric's kind doesn't have that aggregate.
    #[error("`{aggregate}` is no aggregate of `{metric}`, which is a {kind}")]
    UnknownAggregate {
        /// As it was written.
        aggregate: String,
        /// The metric.
        metric: String,
        /// Its kind.
        kind: Kind,
        /// What may have been meant.
        near: Vec<String>,
    },
    /// `p(…)` with something else than 0 to 100.
    #[error("`{text}` is no percentile")]
    Percentile {
        /// As it was written.
        text: String,
    },
    /// `fails` of `http_req_failed`: its false samples are the requests that did *not* fail.
    #[error("`fails` counts false samples, and of `http_req_failed` those are the requests that succeeded")]
    FailsOfFailed,
    /// Something else stands where the grammar needs `expected`.
    #[error("expected {expected} at character {position} of `{text}`")]
    Expected {
        /// What would have been right there.
        expected: &'static str,
        /// Where, 1-based.
        position: usize,
        /// The expression.
        text: String,
    },
    /// Several conditions in one expression.
    #[error("`{text}` joins several conditions")]
    Joined {
        /// The expression.
        text: String,
    },
    /// A limit that is no number of the right sort.
    #[error("`{text}` is no limit for `{aggregate}` of `{metric}`")]
    Limit {
        /// As it was written.
        text: String,
        /// The aggregate.
        aggregate: String,
        /// The metric.
        metric: String,
        /// What it should be.
        quantity: Quantity,
    },
    /// A share above 1.
    #[error("a rate is never above 1, and `{text}` is")]
    ShareTooLarge {
        /// As it was written.
        text: String,
        /// As a percentage, if that would be one.
        percent: Option<String>,
    },
    /// A window that can't be read.
    #[error("the window after `over` can't be read: {}", .error.problem())]
    WindowUnit {
        /// What is wrong with it.
        error: UnitError,
    },
    /// A window that isn't whole seconds within the bounds.
    #[error("a window of {} isn't possible", format_duration(*.window))]
    Window {
        /// The window.
        window: Duration,
    },
}

impl TargetError {
    /// The word of the script that is wrong, where there is one to point at.
    pub fn word(&self) -> Option<&str> {
        match self {
            TargetError::UnknownMetric { name, .. }
            | TargetError::ForeignMetric { name }
            | TargetError::UnknownScenario { name, .. } => Some(name),
            TargetError::UnknownAggregate { aggregate, .. } => Some(aggregate),
            TargetError::Percentile { text } => Some(text),
            _ => None,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Selector { error, .. } => error.hint().to_owned(),
            Self::UnknownMetric { near, .. } if near.is_empty() => {
                "declare it before its target: counter, gauge, rate or trend".to_owned()
            }
            Self::UnknownScenario { near, known, .. } if near.is_empty() => {
                format!("it has `{}`", known.join("`, `"))
            }
            Self::UnknownMetric { near, .. } | Self::UnknownScenario { near, .. } => did_you_mean(near),
            Self::TooManyCombinations { .. } => {
                "the values that targets name multiply, tag by tag: name fewer tags in one target".to_owned()
            }
            Self::ForeignMetric { .. } => {
                "a metric that the file with the targets declares sees no samples: declare it where it is fed"
                    .to_owned()
            }
            Self::UnknownAggregate { kind, near, .. } => {
                let known = format!("a {kind} has {}", known_aggregates(*kind));
                if near.is_empty() { known } else { format!("{}; {known}", did_you_mean(near)) }
            }
            Self::Percentile { .. } => "write `p(95)` or `p(99.9)`, 0 to 100".to_owned(),
            Self::FailsOfFailed => "limit the share of failed requests: `rate < 1%`".to_owned(),
            Self::Expected { .. } => {
                "a target is `aggregate operator number`, such as `p(95) < 200ms` or `rate > 99%`".to_owned()
            }
            Self::Joined { .. } => "write two targets, one for each condition".to_owned(),
            Self::Limit { quantity, .. } => format!("write {}", quantity.examples()),
            Self::ShareTooLarge { percent: Some(percent), .. } => format!("did you mean `{percent}`?"),
            Self::ShareTooLarge { percent: None, .. } => format!("write {}", Quantity::Share.examples()),
            Self::WindowUnit { error } => error.advice(),
            Self::Window { .. } => {
                format!("windows are whole seconds, from 1s to {}", format_duration(WINDOW_MAX))
            }
        })
    }
}

fn did_you_mean(near: &[String]) -> String {
    let names: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
    format!("did you mean {}?", names.join(" or "))
}

fn known_aggregates(kind: Kind) -> String {
    let mut names: Vec<&str> = aggregates(kind).iter().map(|(name, _)| *name).collect();
    if kind == Kind::Trend {
        names.push("p(N)");
    }
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let (last, others) = names.split_last().expect("every kind has aggregates");
    format!("{} and {last}", others.join(", "))
}
