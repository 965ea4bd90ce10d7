//! What became of an output of the run.

use crate::units::format_count;

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

impl OutputLine {
    /// What was lost, in words, and why; nothing where all arrived.
    pub fn lost(&self) -> Option<String> {
        let counted = |count: u64, noun: &str| {
            let s = if count == 1 { "" } else { "s" };
            (count > 0).then(|| format!("{} {noun}{s}", format_count(count)))
        };
        let parts: Vec<String> = [counted(self.lost_seconds, "second"), counted(self.lost_samples, "sample")]
            .into_iter()
            .flatten()
            .collect();
        let error = self.error.as_deref().unwrap_or_default();
        match (parts.is_empty(), error.is_empty()) {
            (true, true) => None,
            (true, false) => Some(error.to_owned()),
            (false, true) => Some(format!("{} lost", parts.join(" with "))),
            (false, false) => Some(format!("{} lost: {error}", parts.join(" with "))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_told_with_its_reason() {
        let line = OutputLine { lost_seconds: 1, lost_samples: 1_200, ..OutputLine::default() };
        assert_eq!(line.lost().as_deref(), Some("1 second with 1,200 samples lost"));
        let line = OutputLine { error: Some("disk full".to_owned()), ..line };
        assert_eq!(line.lost().as_deref(), Some("1 second with 1,200 samples lost: disk full"));
        let line = OutputLine { lost_seconds: 0, lost_samples: 0, ..line };
        assert_eq!(line.lost().as_deref(), Some("disk full"), "the end may fail as well");
        assert_eq!(OutputLine::default().lost(), None);
    }
}
