//! Samples that were no possible value, or too large for a histogram.

use super::evidence::Evidence;
use super::{Rule, Weight};
use crate::units::format_count;

/// Metrics that are named.
const METRICS_MAX: usize = 3;

pub(super) const RULE: Rule = Rule {
    code: "clamped-values",
    about: "samples were out of range, and were clamped or left out",
    threshold: || "one".to_owned(),
    reason: "averages and maxima of that metric are not what was measured; percentiles are hardly moved",
    advice: "look at what the script adds to it: not a number, infinity, more hits than samples, times beyond 31 years",
    look,
};

fn look(evidence: &Evidence) -> Option<(Weight, String)> {
    let count: u64 = evidence.clamped.iter().map(|(_, count)| count).sum();
    if count == 0 {
        return None;
    }
    let mut names: Vec<String> = evidence
        .clamped
        .iter()
        .take(METRICS_MAX)
        .map(|(name, _)| if name.is_empty() { "a metric".to_owned() } else { format!("`{name}`") })
        .collect();
    if evidence.clamped.len() > METRICS_MAX {
        names.push(format!("{} more", evidence.clamped.len() - METRICS_MAX));
    }
    let (noun, verb) = if count == 1 { ("sample", "was") } else { ("samples", "were") };
    let text = format!(
        "{} {noun} of {} {verb} out of range: clamped or left out",
        format_count(count),
        names.join(", ")
    );
    Some((Weight::Warning, text))
}
