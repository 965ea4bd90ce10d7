//! The table of endpoints; once there are two epochs, with what they were in the last one beside.

use super::board::Run;
use super::cell::{left, right, widest};
use super::head::fit;
use super::moment::{Endpoint, Figures};
use super::palette::{Palette, plain};
use super::section::Section;
use crate::metrics::Quantile;
use crate::units::{format_count, format_duration, format_latency_us, format_percent, format_rate};

/// A name has at least so many columns, and at most.
const NAME_COLUMNS: (usize, usize) = (14, 40);

/// The figures of a line, and the columns that each has at least.
const HEADS: [(&str, usize); 6] =
    [("requests", 9), ("rate", 8), ("p(50)", 8), ("p(95)", 8), ("p(99)", 8), ("failed", 8)];

/// What stands between both epochs.
const BESIDE: &str = "  │    ";
const BESIDE_HEAD: &str = "  │ was";

/// The table's head and a few endpoints.
const LINES_LEAST: usize = 5;

/// From here on there is room for both epochs in one line.
const COLUMNS_WIDE: usize = 130;

/// The table.
pub(super) fn table(run: &Run, palette: Palette, columns: usize) -> Section {
    let Some(moment) = run.moment.as_ref().filter(|moment| !moment.endpoints.is_empty()) else {
        return Section::default();
    };
    let has_last = moment.lasted.1.is_some();
    let is_beside = has_last && columns >= COLUMNS_WIDE;
    let mut rows: Vec<(String, [String; 6], Option<[String; 6]>)> = Vec::new();
    for Endpoint { name, now, last } in &moment.endpoints {
        rows.push((name.to_string(), cells(now), last.as_ref().map(cells)));
    }
    let more = moment
        .more
        .map(|(names, figures)| (format!("{} others", format_count(names as u64)), cells(&figures)));
    let all = || rows.iter().flat_map(|(_, now, last)| [Some(now), last.as_ref()]).flatten();
    let all = || all().chain(more.as_ref().map(|(_, cells)| cells));
    let widths: [usize; 6] =
        std::array::from_fn(|at| HEADS[at].1.max(widest(all().map(|cells| cells[at].as_str()), columns) + 1));
    let figures: usize = widths.iter().sum();
    let figures = if is_beside { 2 * figures + BESIDE.len() } else { figures };
    let room = columns.saturating_sub(figures + 3).clamp(NAME_COLUMNS.0, NAME_COLUMNS.1);
    let names = rows.iter().map(|(name, ..)| name.as_str());
    let title = title(moment.epoch, moment.lasted, room);
    let name = widest(names.chain([title.as_str()]), room);
    let joined = |cells: &[String; 6]| -> String {
        cells.iter().zip(widths).map(|(cell, width)| right(cell, width)).collect()
    };
    let blank = || " ".repeat(widths.iter().sum());
    let heads = joined(&HEADS.map(|(head, _)| head.to_owned()));
    let mut head = vec![palette.strong(left(&title, name)), palette.faint(heads.clone())];
    if is_beside {
        head.extend([palette.faint(BESIDE_HEAD), palette.faint(heads)]);
    }
    let item = |(shown, now, last): &(String, [String; 6], Option<[String; 6]>)| {
        let has_failed = !now[5].starts_with(['0', '–']);
        let (figures, share) = now.split_at(5);
        let figures: String = figures.iter().zip(widths).map(|(cell, width)| right(cell, width)).collect();
        let share = right(&share[0], widths[5]);
        let mut spans = vec![plain(left(shown, name)), plain(figures)];
        spans.push(if has_failed { palette.bad(share) } else { plain(share) });
        let old = last.as_ref().map_or_else(blank, joined);
        if is_beside {
            spans.extend([palette.faint(BESIDE), palette.faint(old)]);
            return vec![fit(spans, columns)];
        }
        let mut lines = vec![fit(spans, columns)];
        if has_last {
            let said = if last.is_some() { "  was" } else { "  is new" };
            lines.push(fit(vec![palette.faint(left(said, name)), palette.faint(old)], columns));
        }
        lines
    };
    let more = more.as_ref().map(|(shown, cells)| {
        fit(vec![palette.faint(left(shown, name)), palette.faint(joined(cells))], columns)
    });
    Section {
        title: "ENDPOINTS",
        head: Some(fit(head, columns)),
        items: rows.iter().map(item).collect(),
        more,
        least: LINES_LEAST,
    }
}

/// `ENDPOINTS`, and from the second epoch on which one that is.
fn title(epoch: u64, lasted: (std::time::Duration, Option<std::time::Duration>), room: usize) -> String {
    let whole = |time: std::time::Duration| format_duration(std::time::Duration::from_secs(time.as_secs()));
    match lasted {
        (_, None) => "ENDPOINTS".to_owned(),
        (now, Some(last)) => {
            let long = format!("ENDPOINTS, epoch {epoch}: {}, was {}", whole(now), whole(last));
            if long.len() <= room { long } else { format!("EPOCH {epoch}: {}", whole(now)) }
        }
    }
}

fn cells(figures: &Figures) -> [String; 6] {
    let [p50, p95, p99] = figures.percentiles.map(percentile);
    let (failed, asked) = figures.failed;
    let share = if asked > 0 { format_percent(failed as f64 / asked as f64) } else { "–".to_owned() };
    [format_count(figures.requests), format_rate(figures.per_second), p50, p95, p99, share]
}

fn percentile(quantile: Option<Quantile>) -> String {
    match quantile {
        None => "–".to_owned(),
        Some(Quantile { value_us, at_least: false }) => format_latency_us(value_us as f64),
        Some(Quantile { value_us, at_least: true }) => format!("> {}", format_latency_us(value_us as f64)),
    }
}
