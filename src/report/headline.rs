//! The verdict in one line: the last of a report.

use std::time::Duration;

use crate::results::{Books, End, Reason, Summary, Verdict};
use crate::units::{format_count, format_latency_us};

use super::Style;
use super::paint::clean;

/// Reasons that are spelled out; the rest is counted.
const REASONS_MAX: usize = 3;

/// `✓ passed: 8 of 8 targets hold`, without a newline. A run that didn't pass never says `passed`.
pub(super) fn headline(summary: &Summary, style: Style) -> String {
    match summary.verdict() {
        Verdict::Passed => format!("{} {}", style.good("✓ passed:"), held(summary, "")),
        Verdict::Stopped => {
            let stopped = format!("✗ stopped by the user after {}:", duration(summary.elapsed));
            format!("{} {}", style.note(&stopped), held(summary, " so far"))
        }
        Verdict::Failed(reasons) => {
            let mut parts: Vec<String> = reasons.iter().take(REASONS_MAX).map(|r| told(r, summary)).collect();
            if reasons.len() > REASONS_MAX {
                parts.push(format!("{} more", reasons.len() - REASONS_MAX));
            }
            format!("{} {}", style.bad("✗ failed:"), parts.join("; "))
        }
    }
}

fn held(summary: &Summary, until_when: &str) -> String {
    let all = summary.judgements.len();
    if all > 0 {
        let (noun, verb) = if all == 1 { ("target", "holds") } else { ("targets", "hold") };
        return format!("{all} of {all} {noun} {verb}{until_when}");
    }
    let Books { ok, failed, .. } = summary.books();
    let noun = if ok == 1 { "iteration" } else { "iterations" };
    let others = if failed > 0 { format!(", {} failed", format_count(failed)) } else { String::new() };
    format!("no targets declared, {} {noun} ok{others}{until_when}", format_count(ok))
}

fn told(reason: &Reason, summary: &Summary) -> String {
    let after = || format!("after {}", duration(summary.elapsed));
    match (reason, &summary.end) {
        (Reason::Interrupted, _) => format!("{reason} {}", after()),
        (Reason::Targets { .. }, End::TargetFailed(target)) => {
            format!("{reason}, and `{}` ended the run {}", clean(target), after())
        }
        _ => clean(&reason.to_string()),
    }
}

/// Three digits do: `12.0s`.
pub(super) fn duration(duration: Duration) -> String {
    format_latency_us(duration.as_secs_f64() * 1e6)
}
