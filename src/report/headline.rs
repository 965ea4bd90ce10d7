//! The verdict in one line, the last of a report, and what stands out, above it.

use std::time::Duration;

use crate::results::{Books, End, Incomplete, Reason, Severity, Summary, Verdict};
use crate::units::{format_count, format_latency_us};

use super::Style;
use super::paint::clean;

/// Reasons that are spelled out; the rest is counted.
const REASONS_MAX: usize = 3;

/// `✓ passed: 8 of 8 targets hold`, without a newline. A run that didn't pass never says `passed`.
pub fn headline(summary: &Summary, style: Style) -> String {
    match summary.verdict() {
        Verdict::Passed => format!("{} {}", style.good("✓ passed:"), held(summary, "")),
        Verdict::Stopped => {
            let stopped = format!("✗ stopped by the user after {}:", duration(summary.elapsed));
            format!("{} {}", style.note(&stopped), held(summary, " so far"))
        }
        Verdict::Inconclusive(reasons) if summary.incomplete.is_some() => {
            incomplete(&reasons, summary, style)
        }
        Verdict::Inconclusive(reasons) => inconclusive(&reasons, summary, style),
        Verdict::Failed(reasons) => format!("{} {}", style.bad("✗ failed:"), joined(&reasons, summary)),
    }
}

/// What a run that says nothing of the service says in its first line, before any figure is read.
pub(super) fn warning(summary: &Summary, style: Style) -> Option<String> {
    if let Some(incomplete) = &summary.incomplete {
        let text = clean(&incomplete.to_string());
        return Some(format!("{} {text}\n  {}", style.bad("✗ INCOMPLETE:"), style.note(Incomplete::MISSING)));
    }
    match summary.verdict() {
        Verdict::Inconclusive(mut reasons) => {
            reasons.retain(|reason| accused(reason).is_some());
            Some(format!("{} {}", style.bad("✗ inconclusive:"), joined(&reasons, summary)))
        }
        _ => None,
    }
}

/// What stands out, a line each, gravest first.
pub(super) fn findings(summary: &Summary, style: Style) -> Vec<String> {
    let note = style.note("!");
    let mut lines = Vec::new();
    for finding in &summary.findings {
        let mark = match finding.severity() {
            Severity::Grave => style.bad("✗"),
            Severity::Note => note.clone(),
        };
        lines.push(format!("  {mark} {}", clean(&finding.to_string())));
    }
    for output in &summary.outputs {
        if let Some(lost) = output.lost() {
            let text = format!("output `{}` to `{}`: {lost}", output.output, output.place);
            lines.push(format!("  {note} {}", clean(&text)));
        }
    }
    lines.extend(summary.warnings.iter().map(|warning| format!("  {note} {}", clean(warning))));
    lines
}

/// The last line of a run without an end: what holds so far is no verdict.
fn incomplete(reasons: &[Reason], summary: &Summary, style: Style) -> String {
    let others: Vec<Reason> =
        reasons.iter().filter(|reason| !matches!(reason, Reason::Incomplete(_))).cloned().collect();
    let so_far = if others.is_empty() { held(summary, "") } else { joined(&others, summary) };
    format!("{} no verdict; until then: {so_far}", style.bad("✗ INCOMPLETE:"))
}

/// The last line: the rules by name, and where they are explained; the first line has the figures.
fn inconclusive(reasons: &[Reason], summary: &Summary, style: Style) -> String {
    let codes: Vec<&str> = reasons.iter().filter_map(accused).collect();
    let others: Vec<String> =
        reasons.iter().filter(|r| accused(r).is_none()).map(|r| format!("; {}", told(r, summary))).collect();
    let advice = codes.first().map(|code| format!("; see `runner explain {code}`")).unwrap_or_default();
    format!("{} {}{}{advice}", style.bad("✗ inconclusive:"), codes.join(", "), others.concat())
}

fn accused(reason: &Reason) -> Option<&str> {
    match reason {
        Reason::Accused { code, .. } => Some(code),
        _ => None,
    }
}

fn joined(reasons: &[Reason], summary: &Summary) -> String {
    let mut parts: Vec<String> = reasons.iter().take(REASONS_MAX).map(|r| told(r, summary)).collect();
    if reasons.len() > REASONS_MAX {
        parts.push(format!("{} more", reasons.len() - REASONS_MAX));
    }
    parts.join("; ")
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
