//! The process stood still: SIGSTOP, a debugger, a suspended machine, memory that was swapped out.
//!
//! Told from a busy loop by the kernel's books: a worker that was late, and in that time neither ran nor
//! waited for a core. Below a second nothing is counted, since a page that is read back takes tens of
//! milliseconds.

use std::time::Duration;

use super::evidence::Evidence;
use super::{DELIVERED_MIN, Rule, Weight};
use crate::units::{format_latency_us, format_percent};

/// Suspended for less than this is how far two clocks differ that are read one after the other.
const SUSPENDED_MIN: Duration = Duration::from_millis(100);

pub(super) const RULE: Rule = Rule {
    code: "generator-stopped",
    about: "the generator stood still for a time: nothing was started, nothing was seen",
    threshold: || {
        format!(
            "a second or more in which a worker neither ran nor waited for a core, or a suspended machine; inconclusive from {} of the load's time on",
            format_percent(1.0 - DELIVERED_MIN)
        )
    },
    reason: "what was under way meanwhile counts the gap as the service's latency, and nothing else was started; \
             past one hundredth of the time that reaches into a p(99)",
    advice: "don't stop or suspend the generator, and keep its memory from being swapped; \
             virtual machines are paused for snapshots and migrations",
    look,
};

fn look(evidence: &Evidence) -> Option<(Weight, String)> {
    let gaps: Duration = evidence.gaps.iter().map(|gap| gap.length).sum();
    let suspended = Some(evidence.host.suspended).filter(|suspended| *suspended >= SUSPENDED_MIN);
    let us = |time: Duration| format_latency_us(time.as_secs_f64() * 1e6);
    let mut parts = Vec::new();
    match evidence.gaps.as_slice() {
        [] => {}
        [gap] => parts.push(format!(
            "the generator stood still for {}, {} after the start",
            us(gap.length),
            us(gap.start)
        )),
        [first, ..] => parts.push(format!(
            "the generator stood still {} times, for {} in all, first {} after the start",
            evidence.gaps.len(),
            us(gaps),
            us(first.start)
        )),
    }
    parts.extend(suspended.map(|time| format!("its machine was suspended for {}", us(time))));
    if parts.is_empty() {
        return None;
    }
    // The load's clock stands still while a machine is suspended, so that comes on top.
    let lost = gaps + suspended.unwrap_or_default();
    let whole = (evidence.elapsed + suspended.unwrap_or_default()).as_secs_f64();
    let is_grave = lost.as_secs_f64() > (1.0 - DELIVERED_MIN) * whole;
    Some((if is_grave { Weight::Inconclusive } else { Weight::Warning }, parts.join("; ")))
}
