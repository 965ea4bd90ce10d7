//! What became of an output of the run.

/// An output, and what it delivered. Pushed = delivered + lost.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OutputLine {
    /// Its name, as in `-o NAME=WHERE`.
    pub output: String,
    /// Where it went, without a password.
    pub place: String,
    /// Seconds that arrived.
    pub delivered_seconds: u64,
    /// The samples in them.
    pub delivered_samples: u64,
    /// Seconds that didn't.
    pub lost_seconds: u64,
    /// The samples in them.
    pub lost_samples: u64,
    /// Why the first one didn't; also what else went wrong.
    pub error: Option<String>,
    /// Spans that arrived.
    pub delivered_spans: u64,
    /// Spans that didn't, or for which there was no room.
    pub lost_spans: u64,
}
