//! Where seconds and samples went while the run was played.

use crate::results::OutputLine;
use crate::units::format_count;

use super::super::paint::{clean, columns, left};
use super::Page;

impl Page<'_> {
    pub(super) fn outputs(&self) -> Vec<String> {
        let lines = &self.summary.outputs;
        let width = |text: fn(&OutputLine) -> &str| {
            lines
                .iter()
                .map(|line| columns(&clean(text(line))))
                .max()
                .unwrap_or(0)
                .min(super::CELL_COLUMNS_MAX)
        };
        let (name_columns, place_columns) = (width(|line| &line.output), width(|line| &line.place));
        let line = |line: &OutputLine| {
            let mark = self.style.mark(line.lost().is_none());
            let (name, place) =
                (left(&clean(&line.output), name_columns), left(&clean(&line.place), place_columns));
            format!("  {mark} {name}  {place}  {}", delivered(line))
        };
        lines.iter().map(line).collect()
    }
}

/// `30 seconds, 1,234 samples`, and spans where there were any; of a loss how many of how many, the reason stands with what stands out.
fn delivered(line: &OutputLine) -> String {
    let of = |delivered: u64, lost: u64, noun: &str| {
        let all = delivered.saturating_add(lost);
        let s = if all == 1 { "" } else { "s" };
        match lost {
            0 => format!("{} {noun}{s}", format_count(all)),
            _ => format!("{} of {} {noun}{s}", format_count(delivered), format_count(all)),
        }
    };
    let seconds = of(line.delivered_seconds, line.lost_seconds, "second");
    let samples = of(line.delivered_samples, line.lost_samples, "sample");
    let spans = match (line.delivered_spans, line.lost_spans) {
        (0, 0) => String::new(),
        (delivered, lost) => format!(", {}", of(delivered, lost, "span")),
    };
    format!("{seconds}, {samples}{spans}")
}
