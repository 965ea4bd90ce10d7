//! What a run was played with, as `environment.json` keeps it: written when the run begins, and again, whole, when
//! it is over. The index card of a run: who lists runs reads this and no journal.
//!
//! Schema 1. A reader takes what it knows: later fields are left out, and older versions lack some.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Fingerprint, Provenance, Summary, Verdict};

/// The file's name, in the run's folder.
pub const ENVIRONMENT_FILE: &str = "environment.json";

/// The version of the file's form; raised when a reader of an older one would misread it.
pub const ENVIRONMENT_SCHEMA: u32 = 1;

/// The largest file that is read: options can hold many tags.
pub(super) const ENVIRONMENT_BYTES_MAX: u64 = 4 << 20;

/// What a run was played with, without secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// [`ENVIRONMENT_SCHEMA`].
    pub schema: u32,
    /// The run's name.
    pub id: String,
    /// When it began, UTC, as RFC 3339 writes it.
    pub begun_at: String,
    /// Machine, kernel, workers, version and build.
    pub machine: Fingerprint,
    /// The script; none where there was none.
    #[serde(default)]
    pub script: Option<KeptScript>,
    /// The seed of all random numbers.
    #[serde(default)]
    pub seed: Option<u64>,
    /// The command line, word by word.
    #[serde(default)]
    pub command: Vec<String>,
    /// The options of the run as they held: the command line's, the environment's, the script's and the configuration's.
    #[serde(default)]
    pub options: Value,
    /// What became of it; none until it is over.
    #[serde(default)]
    pub outcome: Option<RunOutcome>,
}

/// A script as it ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptScript {
    /// As the user named it.
    pub name: String,
    /// Its files in the folder `script`, the script first; modules of the binary are none.
    pub files: Vec<String>,
    /// Hexadecimal SHA-256, as [`ScriptVersion`](super::ScriptVersion) makes it, of the texts that ran (in the folder
    /// secrets are hidden).
    pub sha256: String,
    /// The commit of the git repository that it lies in; looked for when the run is over.
    #[serde(default)]
    pub commit: Option<KeptCommit>,
}

/// A commit of a git repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptCommit {
    /// Its hexadecimal name.
    pub id: String,
    /// Whether it holds all files of the script as they ran.
    pub holds_script: bool,
}

/// What became of a run, in a few figures; all others are in its summary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunOutcome {
    /// `passed`, `failed`, `inconclusive` or `stopped`.
    pub verdict: String,
    /// Why it did not pass.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// The exit code of a command that had nothing else to tell.
    #[serde(default)]
    pub exit_code: Option<u8>,
    /// From the start of the load to its end.
    pub elapsed_us: u64,
    /// All requests that a metric saw.
    pub requests: u64,
    /// Those that failed.
    pub requests_failed: u64,
    /// Targets that hold.
    pub targets_passed: u64,
    /// All targets.
    pub targets: u64,
}

impl Environment {
    /// Of a file's bytes; what is wrong, in words.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        /// The part that every schema has.
        #[derive(Deserialize)]
        struct Head {
            schema: u64,
        }
        let told = |error: serde_json::Error| error.to_string();
        let Head { schema } = serde_json::from_slice(bytes).map_err(told)?;
        if schema > u64::from(ENVIRONMENT_SCHEMA) {
            return Err(format!(
                "it has schema {schema}, and this version of runner reads up to {ENVIRONMENT_SCHEMA}: use a later one"
            ));
        }
        serde_json::from_slice(bytes).map_err(told)
    }

    /// When the run began, if that can be read.
    pub fn begun(&self) -> Option<Timestamp> {
        self.begun_at.parse().ok()
    }

    /// Adds what is known when the run is over.
    pub fn complete(&mut self, provenance: Option<&Provenance>, outcome: RunOutcome) {
        let commit = provenance.and_then(|provenance| provenance.script.as_ref()?.commit.as_ref());
        if let (Some(script), Some(commit)) = (&mut self.script, commit) {
            script.commit = Some(KeptCommit { id: commit.id.clone(), holds_script: commit.holds_script });
        }
        self.outcome = Some(outcome);
    }
}

impl From<&Summary> for RunOutcome {
    fn from(summary: &Summary) -> Self {
        let verdict = summary.verdict();
        let word = match verdict {
            Verdict::Passed => "passed",
            Verdict::Stopped => "stopped",
            Verdict::Inconclusive(_) => "inconclusive",
            Verdict::Failed(_) => "failed",
        };
        let (targets, failed) = (summary.judgements.len(), summary.failed_targets().count());
        Self {
            verdict: word.to_owned(),
            reasons: verdict.reasons().iter().map(ToString::to_string).collect(),
            exit_code: Some(verdict.exit_code()),
            elapsed_us: u64::try_from(summary.elapsed.as_micros()).unwrap_or(u64::MAX),
            requests: summary.method.requests,
            requests_failed: summary.method.failed,
            targets_passed: targets.saturating_sub(failed) as u64,
            targets: targets as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_older_version_lacks_and_a_later_one_adds_is_no_error() {
        let machine =
            r#"{"cores":2,"cpu_model":"x","kernel":"6.1","workers":2,"runner":"0.1.0","build":"debug"}"#;
        let text = format!(
            r#"{{"schema":1,"id":"20261128T095155Z-4k2f","begun_at":"2026-11-28T09:51:55.25Z","machine":{machine},"later":[1]}}"#
        );
        let read = Environment::parse(text.as_bytes()).unwrap();
        assert_eq!(read.begun().unwrap().as_millisecond(), 1_795_859_515_250);
        assert_eq!((read.script, read.outcome), (None, None));
        let later = Environment::parse(br#"{"schema":2}"#).unwrap_err();
        assert!(later.contains("schema 2"), "{later}");
    }

    #[test]
    fn an_outcome_says_what_the_summary_does() {
        let outcome = RunOutcome::from(&Summary::uneventful());
        assert_eq!((outcome.verdict.as_str(), outcome.elapsed_us), ("failed", 1_000_000));
        assert_eq!(outcome.exit_code, Some(99));
        assert_eq!(outcome.reasons, ["no targets declared and no iteration ran to its end"]);
    }
}
