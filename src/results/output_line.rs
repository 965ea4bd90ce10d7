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
        let together = |parts: [Option<String>; 2], word: &str| {
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            (!parts.is_empty()).then(|| parts.join(word))
        };
        let seconds = [counted(self.lost_seconds, "second"), counted(self.lost_samples, "sample")];
        let lost = together([together(seconds, " with "), counted(self.lost_spans, "span")], " and ");
        let error = self.error.clone().filter(|error| !error.is_empty());
        match (lost, error) {
            (Some(lost), Some(error)) => Some(format!("{lost} lost: {error}")),
            (Some(lost), None) => Some(format!("{lost} lost")),
            (None, error) => error,
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
        let line = OutputLine { lost_spans: 2, error: None, ..line };
        assert_eq!(line.lost().as_deref(), Some("2 spans lost"));
        let line = OutputLine { lost_seconds: 3, lost_samples: 4, ..line };
        assert_eq!(line.lost().as_deref(), Some("3 seconds with 4 samples and 2 spans lost"));
        assert_eq!(OutputLine::default().lost(), None);
    }
}
