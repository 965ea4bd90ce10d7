//! The targets with their verdicts and what those rest on, the run's own verdict, and why its load ended.

use serde::{Deserialize, Serialize};

use crate::diagnostic::{Code, Position};
use crate::engine::End;
use crate::plan::{Bounds, Judgement, Verdict as TargetVerdict, WrittenAt};
use crate::results::{Reason, Summary, Verdict};

/// A target, and whether it holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Target {
    metric: String,
    expression: String,
    verdict: TargetVerdict,
    observed: Option<f64>,
    observed_text: String,
    beside_text: Option<String>,
    samples: u64,
    samples_needed: Option<u64>,
    interval: Option<Bounds>,
    near: Vec<String>,
    // What came later has a default.
    #[serde(default)]
    written_at: Option<Place>,
}

/// Where a target was written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Place {
    file: Option<String>,
    line: u32,
    column: u32,
}

impl From<&WrittenAt> for Place {
    fn from(written: &WrittenAt) -> Self {
        let Position { line, column } = written.position;
        Self { file: written.file.clone(), line, column }
    }
}

impl Place {
    fn written_at(self) -> WrittenAt {
        WrittenAt { file: self.file, position: Position { line: self.line, column: self.column } }
    }
}

impl From<&Judgement> for Target {
    fn from(judgement: &Judgement) -> Self {
        Self {
            metric: judgement.key.clone(),
            expression: judgement.text.clone(),
            verdict: judgement.verdict,
            observed: judgement.observed,
            observed_text: judgement.observed_text.clone(),
            beside_text: judgement.beside.clone(),
            samples: judgement.samples,
            samples_needed: judgement.needed,
            interval: judgement.interval.clone(),
            near: judgement.near.clone(),
            written_at: judgement.written_at.as_ref().map(Place::from),
        }
    }
}

impl Target {
    pub(super) fn judgement(self) -> Judgement {
        Judgement {
            key: self.metric,
            text: self.expression,
            verdict: self.verdict,
            observed: self.observed,
            observed_text: self.observed_text,
            beside: self.beside_text,
            samples: self.samples,
            near: self.near,
            interval: self.interval,
            needed: self.samples_needed,
            written_at: self.written_at.map(Place::written_at),
        }
    }
}

/// What became of the run, and why. It follows from the rest, and is worked out again where a document is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Ruling {
    outcome: Fate,
    exit_code: u8,
    reasons: Vec<Because>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Fate {
    Passed,
    Stopped,
    Inconclusive,
    Failed,
}

/// Why it did not pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Because {
    code: Code,
    text: String,
}

impl From<&Summary> for Ruling {
    fn from(summary: &Summary) -> Self {
        let verdict = summary.verdict();
        let outcome = match verdict {
            Verdict::Passed => Fate::Passed,
            Verdict::Stopped => Fate::Stopped,
            Verdict::Inconclusive(_) => Fate::Inconclusive,
            Verdict::Failed(_) => Fate::Failed,
        };
        let because = |reason: &Reason| Because { code: reason.code(), text: reason.to_string() };
        let reasons = verdict.reasons().iter().map(because).collect();
        Self { outcome, exit_code: verdict.exit_code(), reasons }
    }
}

/// Why the load ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Ending {
    cause: EndCause,
    detail: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum EndCause {
    Finished,
    Interrupted,
    Aborted,
    TargetFailed,
    NoLoad,
}

impl From<&End> for Ending {
    fn from(end: &End) -> Self {
        let (cause, detail) = match end {
            End::Finished => (EndCause::Finished, None),
            End::Interrupted => (EndCause::Interrupted, None),
            End::Aborted(reason) => (EndCause::Aborted, Some(reason.clone())),
            End::TargetFailed(target) => (EndCause::TargetFailed, Some(target.clone())),
            End::NoLoad => (EndCause::NoLoad, None),
        };
        Self { cause, detail }
    }
}

impl Ending {
    pub(super) fn end(self) -> End {
        let detail = self.detail.unwrap_or_default();
        match self.cause {
            EndCause::Finished => End::Finished,
            EndCause::Interrupted => End::Interrupted,
            EndCause::Aborted => End::Aborted(detail),
            EndCause::TargetFailed => End::TargetFailed(detail),
            EndCause::NoLoad => End::NoLoad,
        }
    }
}
