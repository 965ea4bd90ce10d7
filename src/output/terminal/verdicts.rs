//! What had to hold: checks, targets with what is left of their bounds, and what failed.

use ratatui::text::Line;

use super::board::Run;
use super::cell::{left, right, widest};
use super::head::fit;
use super::moment::Standing;
use super::palette::{Palette, plain};
use super::section::Section;
use super::stretch::one_line;
use crate::engine::FailureKind;
use crate::report::example_title;
use crate::units::{format_count, format_percent, format_significant};

/// Columns of a text in a list.
const TEXT_COLUMNS_MAX: usize = 44;

/// Columns of what a target observes: `p(95)=4.74ms, 45 of 200 samples`.
const OBSERVED_COLUMNS_MAX: usize = 34;

/// A target with less of its bound left is close to failing.
const MARGIN_SMALL: f64 = 0.1;

/// The checks, those that failed first.
pub(super) fn checks(run: &Run, palette: Palette, columns: usize) -> Section {
    let Some(moment) = &run.moment else { return Section::default() };
    let name = widest(moment.checks.iter().map(|check| &*check.name), TEXT_COLUMNS_MAX);
    let held: Vec<String> = moment.checks.iter().map(|check| format_count(check.held)).collect();
    let width = widest(held.iter().map(String::as_str), columns);
    let row = |(check, held): (&super::moment::Check, &String)| {
        let failed = check.total - check.held;
        let share = check.held as f64 / check.total.max(1) as f64;
        let mut spans = vec![
            palette.mark(failed == 0),
            plain(format!(
                " {}  {} of {}",
                left(&check.name, name),
                right(held, width),
                format_count(check.total)
            )),
        ];
        if failed > 0 {
            spans.push(palette.bad(format!("  {}", format_percent(share))));
        }
        fit(spans, columns)
    };
    Section::list("CHECKS", 1, moment.checks.iter().zip(&held).map(row).collect())
}

/// The targets as they would be judged now.
pub(super) fn targets(run: &Run, palette: Palette, columns: usize) -> Section {
    let Some(moment) = &run.moment else { return Section::default() };
    let targets = &moment.targets;
    let key = widest(targets.iter().map(|target| &*target.key), TEXT_COLUMNS_MAX);
    let text = widest(targets.iter().map(|target| &*target.text), TEXT_COLUMNS_MAX / 2);
    let observed = widest(targets.iter().map(|target| &*target.observed), OBSERVED_COLUMNS_MAX);
    let row = |target: &super::moment::Target| {
        let mark = match target.standing {
            Standing::Holds => palette.mark(true),
            Standing::Fails => palette.mark(false),
            Standing::Open => palette.note("·"),
        };
        let what = format!(" {}  {}  ", left(&target.key, key), left(&target.text, text));
        let mut spans = vec![mark, plain(what), plain(left(&target.observed, observed))];
        if let Some(margin) = target.margin {
            let share = format!("{}%", format_significant(margin.abs() * 100.0));
            spans.push(match margin {
                _ if margin < 0.0 => palette.bad(format!("  {share} beyond")),
                _ if margin < MARGIN_SMALL => palette.note(format!("  {share} left")),
                _ => palette.faint(format!("  {share} left")),
            });
        }
        fit(spans, columns)
    };
    Section::list("TARGETS", 2, targets.iter().map(row).collect())
}

/// What failed, most often first.
pub(super) fn failures(run: &Run, palette: Palette, columns: usize) -> Section {
    let mut lines: Vec<Line<'static>> = Vec::new();
    for failure in &run.failures {
        let verb = match failure.kind {
            FailureKind::Threw => "threw",
            FailureKind::Asserted => "assert",
            FailureKind::Failed => "failed",
        };
        let place = failure.diagnostic.labels.first().and_then(|label| {
            let source = label.source.as_ref()?;
            Some(format!("  ({}:{})", source.name, label.position))
        });
        let place = place.unwrap_or_default();
        let text = one_line(&format!(" {verb}: {}{place}", failure.diagnostic.message));
        lines.push(fit(vec![palette.mark(false), plain(text)], columns));
    }
    for example in &run.examples {
        let text = one_line(&format!(" {}", example_title(example)));
        lines.push(fit(vec![palette.mark(false), plain(text)], columns));
    }
    let hint = match lines.len() {
        1 => "  `e` shows it".to_owned(),
        count => format!("  `e` shows all {count}"),
    };
    if let Some(first) = lines.first_mut() {
        let cut = fit(std::mem::take(&mut first.spans), columns.saturating_sub(hint.len()));
        *first = cut;
        first.spans.push(palette.faint(hint));
    }
    Section::list("FAILURES", 1, lines)
}
