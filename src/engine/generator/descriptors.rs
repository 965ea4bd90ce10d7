//! No file descriptor was left for a socket.

use super::evidence::Evidence;
use super::{Rule, Weight};
use crate::units::{format_count, format_percent};

/// From here on it is near: what is counted once a second may have peaked in between.
const USED_HIGH: f64 = 0.9;

pub(super) const RULE: Rule = Rule {
    code: "descriptors",
    about: "the generator ran out of file descriptors, or nearly did",
    threshold: || {
        format!(
            "requests failed with error code 1291: inconclusive from 1 % of them on, or when a target failed; \
             a warning at {} of the limit",
            format_percent(USED_HIGH)
        )
    },
    reason: "each connection takes one, and a connection that could not be opened is no answer of the service's",
    advice: "raise the limit (`ulimit -n`), or use fewer virtual users",
    look,
};

fn look(evidence: &Evidence) -> Option<(Weight, String)> {
    let (used, limit) = evidence.host.descriptors;
    let of = limit.map(|limit| format!(" of {}", format_count(limit))).unwrap_or_default();
    let count = evidence.faults.descriptors;
    if count > 0 {
        let text = format!("{} had no file descriptor{of} left for a socket", requests(count));
        return Some((evidence.weight_of_faults(count), text));
    }
    let is_near = limit.is_some_and(|limit| used as f64 >= USED_HIGH * limit as f64);
    is_near.then(|| (Weight::Warning, format!("up to {}{of} file descriptors were open", format_count(used))))
}

/// `1 request`, `1,204 requests`.
pub(super) fn requests(count: u64) -> String {
    format!("{} request{}", format_count(count), if count == 1 { "" } else { "s" })
}
