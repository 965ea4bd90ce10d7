//! What the script failed by.

use crate::diagnostic::Diagnostic;
use crate::results::FailureKind;
use crate::units::format_count;

use super::super::paint::clean;
use super::Page;

impl Page<'_> {
    pub(super) fn failures(&self) -> Vec<String> {
        let mark = self.style.mark(false);
        let mut lines: Vec<String> = Vec::new();
        for error in &self.summary.errors {
            let place = place(error).map(|place| format!(" ({place})")).unwrap_or_default();
            lines.push(format!("  {mark} {}{place}", clean(&error.message)));
        }
        for failure in &self.summary.failures {
            let what = match failure.kind {
                FailureKind::Threw => "threw",
                FailureKind::Asserted => "asserted",
                FailureKind::Failed => "failed",
            };
            let scenario =
                (!failure.scenario.is_empty()).then(|| format!("scenario {}", clean(&failure.scenario)));
            let facts: Vec<String> = place(&failure.diagnostic).into_iter().chain(scenario).collect();
            let facts = if facts.is_empty() { String::new() } else { format!(" ({})", facts.join(", ")) };
            let (count, message) = (format_count(failure.count), clean(&failure.diagnostic.message));
            lines.push(format!("  {mark} {count} × {what}: {message}{facts}"));
        }
        if self.summary.failures_more > 0 {
            lines.push(format!("  {mark} +{} more", format_count(self.summary.failures_more)));
        }
        lines
    }
}

/// `prices.rhai:6:5`, of the first label.
fn place(diagnostic: &Diagnostic) -> Option<String> {
    let label = diagnostic.labels.first()?;
    Some(match &label.source {
        Some(source) => format!("{}:{}", clean(&source.name), label.position),
        None => label.position.to_string(),
    })
}
