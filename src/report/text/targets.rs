//! What had to hold, and whether it did.

use crate::plan::Verdict as TargetVerdict;
use crate::results::Summary;

use super::super::headline::{self, headline};
use super::super::paint::{clean, left, widest};
use super::super::{Report, Style, evidence};
use super::{CELL_COLUMNS_MAX, Page};

/// What had to hold, and nothing else: for whoever reads many runs.
pub(in super::super) const TARGETS: Report = Report {
    name: "targets",
    about: "the targets and the verdict alone, for the terminal",
    render,
    is_for_people: true,
    annotations: None,
    file_variable: None,
};

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
            let facts = evidence::facts(judgement, self.summary);
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
}
