//! What a target's verdict rests on, beside what was observed.

use crate::metrics::Value;
use crate::plan::Judgement;
use crate::results::Summary;
use crate::units::format_count;

/// The interval, the samples, and what stands beside it: each where there is one.
pub(super) fn facts(judgement: &Judgement, summary: &Summary) -> Vec<String> {
    let interval = judgement.interval.as_ref().map(|bounds| format!("95 %: {}", bounds.text));
    [interval, samples(judgement, summary), judgement.beside.clone()].into_iter().flatten().collect()
}

/// How many samples a target rests on; a sum or a gauge says nothing beside itself.
fn samples(judgement: &Judgement, summary: &Summary) -> Option<String> {
    let metric = judgement.key.split('{').next().unwrap_or_default().trim();
    let value = summary.metric(metric)?.value.as_ref()?;
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
