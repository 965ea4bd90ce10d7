//! Less than 99 % of the scheduled arrivals were started.
//!
//! Of scenarios with a rate: that one promises a load. Closed users promise none; iterations of theirs
//! that nobody began are `dropped-iterations`, a warning.

use super::evidence::Evidence;
use super::{DELIVERED_MIN, Rule, Weight};
use crate::units::{format_count, format_percent};

/// Reasons that are named.
const REASONS_MAX: usize = 3;

pub(super) const RULE: Rule = Rule {
    code: "load-not-delivered",
    about: "the load that the plan asks for was not put on the service",
    threshold: || {
        format!(
            "inconclusive below {} of the scheduled iterations of a scenario with a rate",
            format_percent(DELIVERED_MIN)
        )
    },
    reason: "the arrivals that were dropped are those of the slow moments: leaving them out makes the service look better than it is",
    advice: "`no_free_vu`: raise `max_vus`, since the service holds more users than there are; \
             `queue_full`, `not_started`: the service can't take this rate, or the generator can't (look at its CPU)",
    look,
};

fn look(evidence: &Evidence) -> Option<(Weight, String)> {
    let short = evidence
        .arrivals
        .iter()
        .filter(|(_, books)| (books.started as f64) < DELIVERED_MIN * books.scheduled as f64);
    let texts: Vec<String> = short
        .map(|(name, books)| {
            format!(
                "scenario `{name}` started {} of {} iterations{}",
                format_count(books.started),
                format_count(books.scheduled),
                reasons(evidence, |scenario| scenario == name)
            )
        })
        .collect();
    (!texts.is_empty()).then(|| (Weight::Inconclusive, texts.join(", ")))
}

/// ` (no_free_vu × 1,204)` of those scenarios; nothing where no reason was given.
pub(super) fn reasons(evidence: &Evidence, is_meant: impl Fn(&str) -> bool) -> String {
    let mut named: Vec<(&str, u64)> = Vec::new();
    for ((scenario, reason), count) in &evidence.reasons {
        if reason.is_empty() || !is_meant(scenario) {
            continue;
        }
        match named.iter_mut().find(|(known, _)| known == reason) {
            Some((_, known)) => *known += count,
            None => named.push((reason, *count)),
        }
    }
    let named: Vec<String> = named
        .into_iter()
        .take(REASONS_MAX)
        .map(|(reason, count)| format!("{reason} × {}", format_count(count)))
        .collect();
    if named.is_empty() { String::new() } else { format!(" ({})", named.join(", ")) }
}
