//! Iterations that could not start, where that is not `load-not-delivered`.
//!
//! Of closed users these are what a bound (`iterations`) asked for and the time did not allow; of a rate,
//! less than one in a hundred.

use super::super::books::Books;
use super::evidence::Evidence;
use super::not_delivered::reasons;
use super::{DELIVERED_MIN, Rule, Weight};
use crate::units::format_count;

pub(super) const RULE: Rule = Rule {
    code: "dropped-iterations",
    about: "iterations that the plan asks for did not start",
    threshold: || "one".to_owned(),
    reason: "closed users take the pace of the service, so that no load was withheld; but the number that was asked for was not reached",
    advice: "allow more time (`max_duration`), more users, or fewer iterations",
    look,
};

fn look(evidence: &Evidence) -> Option<(Weight, String)> {
    let is_short = |books: &Books| (books.started as f64) < DELIVERED_MIN * books.scheduled as f64;
    let few = evidence.arrivals.iter().filter(|(_, books)| !is_short(books));
    let count = evidence.dropped + few.map(|(_, books)| books.dropped).sum::<u64>();
    // The others' are told by `load-not-delivered`.
    let is_meant =
        |name: &str| !evidence.arrivals.iter().any(|(other, books)| other == name && is_short(books));
    let noun = if count == 1 { "iteration" } else { "iterations" };
    (count > 0).then(|| {
        let reasons = reasons(evidence, is_meant);
        (Weight::Warning, format!("{} {noun} could not start{reasons}", format_count(count)))
    })
}
