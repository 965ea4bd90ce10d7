//! What stands out of a run without being asked for: a wrong target, a check that can't be right, and
//! whatever the generator must say against its own numbers.

use std::fmt;

use crate::diagnostic::Mask;
use crate::engine::Books;
use crate::metrics::{Snapshot, Value};
use crate::units::{format_count, format_latency_us, format_percent};

use super::Summary;

/// A worker's share of its core from which requests wait for the generator rather than for the service.
const CPU_HIGH: f64 = 0.9;

/// A loop that is later than this for one pass in a hundred shows in the latencies it measures.
const LAG_HIGH_US: u64 = 10_000;

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
    /// Scheduled, started and ended iterations don't add up: a bug of `runner`.
    Unbalanced,
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
    /// The busiest worker had hardly any CPU left.
    GeneratorBusy {
        /// The share of a core.
        cpu: f64,
    },
    /// A worker's loop ran late.
    GeneratorLate {
        /// The 99th percentile.
        lag_us: u64,
    },
    /// Iterations that could not start.
    Dropped(u64),
    /// Samples out of range, clamped or refused.
    Clamped {
        /// The metric.
        metric: String,
        /// How many.
        count: u64,
    },
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
            Self::Clamped { metric, .. } => mask.apply(metric),
            Self::Unbalanced
            | Self::GeneratorBusy { .. }
            | Self::GeneratorLate { .. }
            | Self::Dropped(_)
            | Self::RequestsCut(_)
            | Self::LogLost(_) => {}
        }
    }

    /// How much it matters.
    pub fn severity(&self) -> Severity {
        match self {
            Self::Unbalanced
            | Self::EndpointFailed { .. }
            | Self::CheckNeverHeld { .. }
            | Self::NothingFinished { .. } => Severity::Grave,
            Self::GeneratorBusy { .. }
            | Self::GeneratorLate { .. }
            | Self::Dropped(_)
            | Self::Clamped { .. }
            | Self::RequestsCut(_)
            | Self::LogLost(_) => Severity::Note,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unbalanced => {
                write!(
                    f,
                    "the iterations don't add up: this is a bug of runner {}",
                    env!("CARGO_PKG_VERSION")
                )
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
            Self::GeneratorBusy { cpu } => write!(
                f,
                "the busiest worker used up to {} of a core: the generator may have been the limit",
                format_percent(*cpu)
            ),
            Self::GeneratorLate { lag_us } => write!(
                f,
                "the generator's loop ran late, p(99) {}: latencies may hold its own delay",
                format_latency_us(*lag_us as f64)
            ),
            Self::Dropped(count) => {
                write!(f, "{} could not start", counted(*count, "iteration"))
            }
            Self::Clamped { metric, count } => {
                let verb = if *count == 1 { "was" } else { "were" };
                let samples = counted(*count, "sample");
                write!(f, "{samples} of `{metric}` {verb} out of range: clamped or left out")
            }
            Self::RequestsCut(count) => {
                let verb = if *count == 1 { "was" } else { "were" };
                let requests = counted(*count, "request");
                write!(f, "{requests} {verb} under way at the stop: the service saw them, no metric did")
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
pub(super) fn find(summary: &Summary, total: &Snapshot) -> Vec<Finding> {
    let mut findings = Vec::new();
    let ended = |books: Books| books.ok + books.failed + books.interrupted;
    if summary.scenarios.iter().any(|line| !line.books.balance() || ended(line.books) != line.books.started) {
        findings.push(Finding::Unbalanced);
    }
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
    findings.extend(generator(summary));
    let dropped = summary.books().dropped;
    if dropped > 0 {
        findings.push(Finding::Dropped(dropped));
    }
    for series in total.of("clamped_values") {
        if let Value::Counter(count) = series.value {
            let metric = series.tags.get("metric").unwrap_or("a metric").to_owned();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a count; saturates"
            )]
            findings.push(Finding::Clamped { metric, count: count as u64 });
        }
    }
    if summary.requests_cut > 0 {
        findings.push(Finding::RequestsCut(summary.requests_cut));
    }
    if summary.log_lost > 0 {
        findings.push(Finding::LogLost(summary.log_lost));
    }
    debug_assert!(findings.is_sorted_by_key(Finding::severity));
    findings
}

fn generator(summary: &Summary) -> Vec<Finding> {
    let value = |name| summary.metric(name).and_then(|total| total.value.as_ref());
    let mut findings = Vec::new();
    if let Some(Value::Gauge { max, .. }) = value("generator_cpu")
        && *max >= CPU_HIGH
    {
        findings.push(Finding::GeneratorBusy { cpu: *max });
    }
    if let Some(Value::Trend(lag)) = value("generator_loop_lag")
        && let Some(late) = lag.quantile(0.99).filter(|late| late.value_us >= LAG_HIGH_US)
    {
        findings.push(Finding::GeneratorLate { lag_us: late.value_us });
    }
    findings
}
