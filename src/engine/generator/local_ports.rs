//! No local port was left to connect from.

use super::evidence::Evidence;
use super::{Rule, Weight};
use crate::units::{format_count, format_percent};

/// From here on it is near: what is counted once a second may have peaked in between.
const USED_HIGH: f64 = 0.8;

pub(super) const RULE: Rule = Rule {
    code: "local-ports",
    about: "the generator ran out of local ports, or nearly did",
    threshold: || {
        format!(
            "requests failed with error code 1290: inconclusive from 1 % of them on, or when a target failed; \
             a warning at {} of `net.ipv4.ip_local_port_range` towards one address",
            format_percent(USED_HIGH)
        )
    },
    reason: "a connection that could not be opened is no answer of the service's; a port stays taken for a minute after its connection closed",
    advice: "keep connections open, use fewer virtual users, widen `net.ipv4.ip_local_port_range`, or give the service more addresses",
    look,
};

fn look(evidence: &Evidence) -> Option<(Weight, String)> {
    let (used, limit) = evidence.host.ports;
    let range = limit.map(|limit| format!(" of {}", format_count(limit))).unwrap_or_default();
    let count = evidence.faults.ports;
    if count > 0 {
        let text =
            format!("{} had no local port{range} left to connect from", super::descriptors::requests(count));
        return Some((evidence.weight_of_faults(count), text));
    }
    let is_near = limit.is_some_and(|limit| used as f64 >= USED_HIGH * limit as f64);
    is_near.then(|| {
        (
            Weight::Warning,
            format!("up to {}{range} local ports were in use towards one address", format_count(used)),
        )
    })
}
