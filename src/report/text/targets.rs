//! What had to hold, and whether it did.

use crate::metrics::Value;
use crate::plan::{Judgement, Verdict as TargetVerdict};
use crate::units::format_count;

use super::super::paint::{clean, left, widest};
use super::{CELL_COLUMNS_MAX, Page};

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
            let facts: Vec<String> =
                self.samples(judgement).into_iter().chain(judgement.beside.clone()).collect();
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
        lines
    }

    /// How many samples a target rests on; a sum or a gauge says nothing beside itself.
    fn samples(&self, judgement: &Judgement) -> Option<String> {
        let metric = judgement.key.split('{').next().unwrap_or_default().trim();
        let value = self.summary.metric(metric)?.value.as_ref()?;
        let counts = matches!(value, Value::Rate { .. } | Value::Trend(_));
        let noun = if judgement.samples == 1 { "sample" } else { "samples" };
        (counts && judgement.observed.is_some())
            .then(|| format!("{} {noun}", format_count(judgement.samples)))
    }
}
