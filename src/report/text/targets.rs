//! What had to hold, and whether it did.

use crate::metrics::Value;
use crate::plan::{Judgement, Verdict as TargetVerdict};
use crate::results::Summary;
use crate::units::format_count;

use super::super::headline::{self, headline};
use super::super::paint::{clean, left, widest};
use super::super::{Report, Style};
use super::{CELL_COLUMNS_MAX, Page};

/// What had to hold, and nothing else: for whoever reads many runs.
pub(in super::super) const TARGETS: Report =
    Report { name: "targets", about: "the targets and the verdict alone, for the terminal", render };

fn render(summary: &Summary, style: &Style) -> String {
    let mut page = Page::new(summary, *style);
    if let Some(warning) = headline::warning(summary, *style) {
        page.lines.extend([warning, String::new()]);
    }
    let targets = page.targets();
    if !targets.is_empty() {
        page.lines.extend(targets);
        page.lines.push(String::new());
    }
    page.lines.push(headline(summary, *style));
    page.lines.join("\n") + "\n"
}

impl Page<'_> {
    pub(super) fn targets(&self) -> Vec<String> {
        let judgements = &self.summary.judgements;
        let key = widest(judgements.iter().map(|judgement| &*judgement.key), CELL_COLUMNS_MAX);
        let text = widest(judgements.iter().map(|judgement| &*judgement.text), CELL_COLUMNS_MAX);
        let with_samples = judgements.iter().filter(|judgement| judgement.observed.is_some());
        let observed = widest(with_samples.map(|judgement| &*judgement.observed_text), CELL_COLUMNS_MAX);
        let mut lines = Vec::new();
        for judgement in judgements {
            let mark = self.style.mark(judgement.verdict == TargetVerdict::Passed);
            let target =
                format!("{}  {}", left(&clean(&judgement.key), key), left(&clean(&judgement.text), text));
            let found = clean(&judgement.observed_text);
            let interval = judgement.interval.as_ref().map(|bounds| format!("95 %: {}", bounds.text));
            let facts: Vec<String> =
                [interval, self.samples(judgement), judgement.beside.clone()].into_iter().flatten().collect();
            lines.push(if facts.is_empty() {
                format!("  {mark} {target}  {found}")
            } else {
                format!("  {mark} {target}  {}  ({})", left(&found, observed), facts.join("; "))
            });
            if !judgement.near.is_empty() {
                let near: Vec<String> =
                    judgement.near.iter().map(|near| format!("`{}`", clean(near))).collect();
                lines.push(format!("      {} did you mean {}?", self.style.hint(), near.join(" or ")));
            }
        }
        if judgements.iter().any(|judgement| judgement.verdict == TargetVerdict::TooFew) {
            let advice = "more load, or a smaller percentile; `#{ allow_few: true }` at the target judges it all the same";
            lines.push(format!("      {} {advice}", self.style.hint()));
        }
        lines
    }

    /// How many samples a target rests on; a sum or a gauge says nothing beside itself.
    fn samples(&self, judgement: &Judgement) -> Option<String> {
        let metric = judgement.key.split('{').next().unwrap_or_default().trim();
        let value = self.summary.metric(metric)?.value.as_ref()?;
        let counts = matches!(value, Value::Rate { .. } | Value::Trend(_));
        if !counts || judgement.observed.is_none() {
            return None;
        }
        let noun = if judgement.samples == 1 { "sample" } else { "samples" };
        let samples = format_count(judgement.samples);
        Some(match judgement.needed {
            Some(needed) => format!("too few: {samples} {noun}, it needs {}", format_count(needed)),
            None => format!("{samples} {noun}"),
        })
    }
}
