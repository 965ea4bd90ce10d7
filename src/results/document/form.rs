//! The document as a whole: its parts in their order, from a summary and back to one.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::diagnostic::Problem;
use super::example::Sample;
use super::finding::Found;
use super::incomplete::Prefix;
use super::iteration::{Cut, LeftOut, Played};
use super::lines::lines;
use super::machine::Environment;
use super::measured::{Answered, Checked, Expected, Metric, Named};
use super::method::{Connected, Delivery, Fitness, Spoken};
use super::steadiness::Course;
use super::target::{Ending, Ruling, Target};
use crate::engine::{Examples, FailureKind, ScriptFailure};
use crate::metrics::Malformed;
use crate::plan::SummaryOptions;
use crate::results::{Method, Summary};

/// The version of the form. It rises when a reader of an older one would misread it; a key more doesn't raise it, and readers
/// pass over keys that they don't know.
pub const DOCUMENT_SCHEMA: u64 = 1;

/// Its file in a run's folder.
pub const DOCUMENT_FILE: &str = "summary.json";

/// The largest document that is read, in bytes: ten times what 10,000 endpoints with a full histogram each come to.
pub const DOCUMENT_BYTES_MAX: u64 = 1 << 30;

/// A summary in the form that is kept; see `docs/summary.schema.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    schema: u64,
    runner: String,
    run_id: Option<String>,
    script: String,
    base_url: Option<String>,
    start_unix_us: Option<u64>,
    end_unix_us: Option<u64>,
    elapsed_us: u64,
    paused_us: u64,
    measured_us: u64,
    seed: u64,
    end: Ending,
    verdict: Ruling,
    targets: Vec<Target>,
    checks: Vec<Checked>,
    scenarios: Vec<Played>,
    metrics: Vec<Metric>,
    metrics_not_recorded: Vec<String>,
    requests: u64,
    requests_failed: u64,
    requests_cut: u64,
    durations: Expected,
    endpoints: Vec<Named>,
    answers: Vec<Answered>,
    errors: Vec<Problem>,
    failures: Vec<Failing>,
    failures_further: u64,
    examples: Vec<Sample>,
    failures_without_example: u64,
    interrupted: Vec<Cut>,
    findings: Vec<Found>,
    warnings: Vec<String>,
    log_lines_lost: u64,
    warm_up: Option<LeftOut>,
    steadiness: Option<Course>,
    health: Fitness,
    connections: Connected,
    protocols: Vec<Spoken>,
    environment: Option<Environment>,
    outputs: Vec<Delivery>,
    // What came later has a default: a document without it is of an older version.
    #[serde(default)]
    incomplete: Option<Prefix>,
    #[serde(default)]
    layout: SummaryOptions,
}

/// A failure of the script, and how often it was met.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Failing {
    kind: Manner,
    scenario: String,
    count: u64,
    diagnostic: Problem,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Manner {
    Threw,
    Asserted,
    Failed,
}

/// Why a text is no document.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// It is of a later version.
    #[error("it has schema {0}, and this version of runner reads up to {DOCUMENT_SCHEMA}: use a later one")]
    Schema(u64),
    /// It is no JSON, or a part is missing or of another type.
    #[error("it is no summary of a run: {0}")]
    Form(#[from] serde_json::Error),
    /// A distribution's parts don't fit each other.
    #[error("a distribution in it can't be: {0}")]
    Distribution(#[from] Malformed),
    /// Bytes of a body are no base64.
    #[error("a body in it is no base64")]
    Base64,
}

/// A duration in whole microseconds.
pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl From<&Summary> for Document {
    fn from(summary: &Summary) -> Self {
        let start_unix_us = summary.start_unix_ms.map(|ms| ms.saturating_mul(1_000));
        let elapsed_us = micros(summary.elapsed);
        let method = &summary.method;
        Self {
            schema: DOCUMENT_SCHEMA,
            runner: env!("CARGO_PKG_VERSION").to_owned(),
            run_id: summary.run_id.clone(),
            script: summary.script_name.clone(),
            base_url: summary.base_url.clone(),
            start_unix_us,
            end_unix_us: start_unix_us.map(|start_us| start_us.saturating_add(elapsed_us)),
            elapsed_us,
            paused_us: micros(summary.paused),
            measured_us: micros(summary.measured()),
            seed: summary.seed,
            end: (&summary.end).into(),
            verdict: summary.into(),
            targets: summary.judgements.iter().map(Target::from).collect(),
            checks: summary.checks.iter().map(Checked::from).collect(),
            scenarios: summary.scenarios.iter().map(Played::from).collect(),
            metrics: summary.metrics.iter().map(Metric::from).collect(),
            metrics_not_recorded: summary.dropped.clone(),
            requests: method.requests,
            requests_failed: method.failed,
            requests_cut: summary.requests_cut,
            durations: (&summary.durations).into(),
            endpoints: summary.endpoints.iter().map(Named::from).collect(),
            answers: summary.answers.iter().map(Answered::from).collect(),
            errors: summary.errors.iter().map(Problem::from).collect(),
            failures: summary.failures.iter().map(Failing::from).collect(),
            failures_further: summary.failures_more,
            examples: summary.examples.list.iter().map(Sample::from).collect(),
            failures_without_example: summary.examples.more,
            interrupted: summary.interrupted.iter().map(Cut::from).collect(),
            findings: summary.findings.iter().map(Found::from).collect(),
            warnings: summary.warnings.clone(),
            log_lines_lost: summary.log_lost,
            warm_up: summary.warm_up.as_ref().map(LeftOut::from),
            steadiness: summary.steadiness.as_ref().map(Course::from),
            health: (&method.health).into(),
            connections: (&method.connections).into(),
            protocols: Spoken::all(&method.protocols),
            environment: method.provenance.as_ref().map(Environment::from),
            outputs: summary.outputs.iter().map(Delivery::from).collect(),
            incomplete: summary.incomplete.as_ref().map(Prefix::from),
            layout: summary.layout.clone(),
        }
    }
}

impl Document {
    /// The summary that it was made of: every report prints the same of it. What follows from the rest (the verdict, a
    /// distribution's percentiles) is worked out again.
    pub fn into_summary(self) -> Result<Summary, DocumentError> {
        let all = |parts: Vec<Sample>| parts.into_iter().map(Sample::example).collect::<Result<_, _>>();
        Ok(Summary {
            script_name: self.script,
            base_url: self.base_url,
            scenarios: self.scenarios.into_iter().map(Played::line).collect(),
            elapsed: Duration::from_micros(self.elapsed_us),
            paused: Duration::from_micros(self.paused_us),
            end: self.end.end(),
            judgements: self.targets.into_iter().map(Target::judgement).collect(),
            checks: self.checks.into_iter().map(Checked::check).collect(),
            metrics: self.metrics.into_iter().map(Metric::total).collect::<Result<_, _>>()?,
            endpoints: self.endpoints.into_iter().map(Named::endpoint).collect::<Result<_, _>>()?,
            answers: self.answers.into_iter().map(Answered::answer).collect(),
            failures: self.failures.into_iter().map(Failing::failure).collect(),
            failures_more: self.failures_further,
            errors: self.errors.into_iter().map(Problem::diagnostic).collect(),
            warnings: self.warnings,
            findings: self.findings.into_iter().map(Found::finding).collect(),
            requests_cut: self.requests_cut,
            log_lost: self.log_lines_lost,
            seed: self.seed,
            durations: self.durations.durations()?,
            dropped: self.metrics_not_recorded,
            warm_up: self.warm_up.map(LeftOut::line).transpose()?,
            steadiness: self.steadiness.map(Course::steadiness),
            interrupted: self.interrupted.into_iter().map(Cut::interrupted).collect(),
            examples: Examples { list: all(self.examples)?, more: self.failures_without_example },
            method: Method {
                requests: self.requests,
                failed: self.requests_failed,
                connections: self.connections.connections(),
                protocols: Spoken::pairs(self.protocols),
                health: self.health.health()?,
                provenance: self.environment.map(Environment::provenance),
            },
            outputs: self.outputs.into_iter().map(Delivery::line).collect(),
            run_id: self.run_id,
            start_unix_ms: self.start_unix_us.map(|us| us / 1_000),
            incomplete: self.incomplete.map(Prefix::incomplete),
            layout: self.layout,
        })
    }

    /// One line of JSON, without a newline.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings are keys, and numbers are finite")
    }

    /// As a value.
    pub fn to_value(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("strings are keys, and numbers are finite")
    }

    /// The same in lines, for people too; ends in a newline.
    pub fn to_json_lines(&self) -> String {
        lines(&self.to_json())
    }

    /// Reads what [`Document::to_json`] of this version or an older one wrote.
    pub fn from_json(bytes: &[u8]) -> Result<Self, DocumentError> {
        /// The part that every schema has.
        #[derive(Deserialize)]
        struct Head {
            schema: u64,
        }
        let Head { schema } = serde_json::from_slice(bytes)?;
        if schema > DOCUMENT_SCHEMA {
            return Err(DocumentError::Schema(schema));
        }
        Ok(serde_json::from_slice(bytes)?)
    }
}

impl From<&ScriptFailure> for Failing {
    fn from(failure: &ScriptFailure) -> Self {
        Self {
            kind: match failure.kind {
                FailureKind::Threw => Manner::Threw,
                FailureKind::Asserted => Manner::Asserted,
                FailureKind::Failed => Manner::Failed,
            },
            scenario: failure.scenario.clone(),
            count: failure.count,
            diagnostic: (&failure.diagnostic).into(),
        }
    }
}

impl Failing {
    fn failure(self) -> ScriptFailure {
        ScriptFailure {
            kind: match self.kind {
                Manner::Threw => FailureKind::Threw,
                Manner::Asserted => FailureKind::Asserted,
                Manner::Failed => FailureKind::Failed,
            },
            scenario: self.scenario,
            diagnostic: self.diagnostic.diagnostic(),
            count: self.count,
        }
    }
}
