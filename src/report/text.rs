//! The summary on the terminal, in k6's order: what failed, targets, checks, custom metrics, HTTP,
//! streams, execution, network, how it was measured; then what stands out, and the verdict as the last line.
//!
//! Metric lines are read by programs too: `name.....: figure  figure`, one line each, however narrow the
//! terminal. Marks say all that colours say.

mod checks;
mod endpoints;
mod examples;
mod execution;
mod failures;
mod head;
mod method;
mod outputs;
mod targets;
mod times;

pub(super) use targets::TARGETS;

use crate::metrics::{Kind, Unit, Value, builtin};
use crate::plan::SummaryMode;
use crate::results::{MetricTotal, Summary};

use super::figure::{self, Signs};
use super::headline::{self, headline};
use super::paint::{clean, columns, left};
use super::{Report, Style, interrupted, steady};

/// The terminal's summary.
pub(super) const REPORT: Report = Report {
    name: "text",
    about: "the summary at the end of a run, for the terminal",
    render,
    is_for_people: true,
    annotations: None,
    file_variable: None,
};

/// Where the figures start at the earliest: k6's column.
const NAME_COLUMNS_MIN: usize = 31;

/// Dots behind the longest name.
const DOTS_MIN: usize = 3;

/// A text longer than this doesn't set its column's width.
const CELL_COLUMNS_MAX: usize = 48;

/// Metrics that are not recorded and named; the rest is counted.
const DROPPED_MAX: usize = 5;

/// A section: its title, whether a compact summary has it, and its lines; one without lines is left out.
type Section = (&'static str, bool, fn(&mut Page<'_>) -> Vec<String>);

/// All sections, in the order of the page. A new one is a file and a line here.
const SECTIONS: &[Section] = &[
    ("FAILURES", true, |page| page.failures()),
    ("TARGETS", true, |page| page.targets()),
    ("CHECKS", true, |page| page.checks()),
    ("CUSTOM", true, |page| page.metrics(Kin::Custom)),
    ("HTTP", true, |page| {
        let mut lines = page.metrics(Kin::Http);
        if !page.is_compact() {
            lines.extend(page.endpoints());
        }
        lines
    }),
    ("STREAMS", true, |page| page.metrics(Kin::Streams)),
    ("SERVICE AND RESPONSE TIME", false, |page| page.times()),
    ("EXECUTION", true, |page| page.execution()),
    ("INTERRUPTED", false, |page| interrupted::lines(page.summary)),
    ("STEADY STATE", false, |page| steady::lines(page.summary, page.style, &mut page.signs)),
    ("NETWORK", true, |page| page.metrics(Kin::Network)),
    ("FAILURE EXAMPLES", false, |page| page.examples()),
    ("OUTPUTS", false, |page| page.outputs()),
    ("METHOD", false, |page| page.method()),
];

/// Which metrics are shown together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kin {
    Checks,
    Custom,
    Http,
    Streams,
    Execution,
    Network,
}

/// Built-in metrics that are fed by scripts stand with the script's own.
fn kin(metric: &str) -> Kin {
    match metric {
        _ if builtin(metric).is_none() => Kin::Custom,
        "checks" => Kin::Checks,
        "data_sent" | "data_received" => Kin::Network,
        "uptime" | "task_completion_rate" | "provider_success" | "provider_calls" => Kin::Custom,
        _ if metric.starts_with("http_") || metric.starts_with("cache_") => Kin::Http,
        _ if metric.starts_with("ws_") || metric.starts_with("sse_") => Kin::Streams,
        _ => Kin::Execution,
    }
}

fn render(summary: &Summary, style: &Style) -> String {
    let mut page = Page::new(summary, *style);
    page.head();
    for (title, is_in_compact, lines) in SECTIONS {
        if *is_in_compact || !page.is_compact() {
            let lines = lines(&mut page);
            page.section(title, lines);
        }
    }
    page.footnotes();
    page.findings();
    page.lines.extend([String::new(), headline(summary, *style)]);
    page.lines.join("\n") + "\n"
}

/// A metric's name and its figures.
struct Row<'a> {
    name: &'a str,
    /// Lines of one kind align; a line that has none stands for itself.
    kind: Option<Kind>,
    cells: Vec<String>,
}

struct Page<'a> {
    summary: &'a Summary,
    style: Style,
    /// From a metric's name to the colon, one for all sections.
    name_columns: usize,
    signs: Signs,
    lines: Vec<String>,
}

impl<'a> Page<'a> {
    fn new(summary: &'a Summary, style: Style) -> Self {
        let name_columns = summary.metrics.iter().map(|total| columns(&total.metric.name) + DOTS_MIN);
        let name_columns = name_columns.fold(NAME_COLUMNS_MIN, usize::max);
        let signs = Signs::of(&summary.layout);
        Self { summary, style, name_columns, signs, lines: Vec::new() }
    }

    fn is_compact(&self) -> bool {
        self.summary.layout.mode == SummaryMode::Compact
    }

    fn section(&mut self, title: &str, lines: Vec<String>) {
        if !lines.is_empty() {
            self.lines.extend([String::new(), format!("  {}", self.style.heading(title))]);
            self.lines.extend(lines);
        }
    }

    fn metrics(&mut self, of: Kin) -> Vec<String> {
        let summary = self.summary;
        let mut totals: Vec<&MetricTotal> = summary
            .metrics
            .iter()
            .filter(|total| kin(&total.metric.name) == of && !is_silent(total))
            .collect();
        if of == Kin::Network {
            totals.reverse(); // what came in first, as k6
        }
        let mut rows: Vec<Row> = totals.into_iter().map(|total| self.row(total)).collect();
        let has = |rows: &[Row], name| rows.iter().any(|row| row.name == name);
        let is_dropped = summary.dropped.iter().any(|name| name == "http_req_duration");
        if of == Kin::Http && has(&rows, "http_reqs") && !has(&rows, "http_req_duration") && !is_dropped {
            // Nobody answered. A line that is missing could be overlooked.
            let cells = vec!["no samples".to_owned()];
            rows.insert(rows.len().min(2), Row { name: "http_req_duration", kind: None, cells });
        }
        if of == Kin::Http
            && let Some(durations) = summary.durations.apart()
            && let Some(at) = rows.iter().position(|row| row.name == "http_req_duration")
        {
            // As in k6, and the failed ones too: which of both is the fast one is for all to see.
            let both = [
                ("  { expected_response:true }", &durations.ok),
                ("  { expected_response:false }", &durations.failed),
            ];
            for (below, (name, trend)) in both.into_iter().enumerate() {
                let cells = figure::trend_figures(trend, Unit::Time, &mut self.signs);
                let kind = (trend.count() > 0).then_some(Kind::Trend);
                rows.insert(at + 1 + below, Row { name, kind, cells });
            }
        }
        self.lay_out(rows)
    }

    fn row<'t>(&mut self, total: &'t MetricTotal) -> Row<'t> {
        let cells = match &total.value {
            Some(value) => figure::figures(value, total.metric.unit, self.summary, &mut self.signs),
            None => vec!["no samples".to_owned()],
        };
        let kind = total.value.as_ref().map(Value::kind);
        Row { name: &total.metric.name, kind, cells }
    }

    /// Figures of lines of one kind stand below each other.
    fn lay_out(&self, rows: Vec<Row<'_>>) -> Vec<String> {
        let width = |kind: Kind, at: usize| {
            let alike = rows.iter().filter(|row| row.kind == Some(kind));
            alike.filter_map(|row| row.cells.get(at)).map(|cell| columns(cell)).max().unwrap_or(0)
        };
        let line = |row: &Row<'_>| {
            let indent = " ".repeat(row.name.len() - row.name.trim_start().len());
            let name = format!("{indent}{}", clean(row.name));
            let dots = ".".repeat(self.name_columns.saturating_sub(columns(&name)));
            let cells = row.cells.iter().enumerate();
            let width = |at| row.kind.map_or(0, |kind| width(kind, at));
            let cells: Vec<String> = cells.map(|(at, cell)| left(cell, width(at))).collect();
            format!("  {name}{dots}: {}", cells.join("  ")).trim_end().to_owned()
        };
        rows.iter().map(line).collect()
    }

    fn footnotes(&mut self) {
        let notes: Vec<String> =
            dropped(&self.summary.dropped).into_iter().chain(self.signs.footnotes()).collect();
        if !notes.is_empty() {
            self.lines.push(String::new());
            self.lines.extend(notes.iter().map(|note| format!("  {}", self.style.faint(note))));
        }
    }

    fn findings(&mut self) {
        let lines = headline::findings(self.summary, self.style);
        if !lines.is_empty() {
            self.lines.push(String::new());
            self.lines.extend(lines);
        }
    }
}

/// Which metrics are missing because somebody wants it so.
fn dropped(names: &[String]) -> Option<String> {
    let (shown, rest) = names.split_at(names.len().min(DROPPED_MAX));
    let shown: Vec<String> = shown.iter().map(|name| clean(name)).collect();
    let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
    (!names.is_empty()).then(|| format!("not recorded, as `metrics` says: {}{more}", shown.join(", ")))
}

/// A built-in trend in which nothing ever happened: no TLS, no name to resolve, no lateness; and what the
/// generator lacked in no second.
fn is_silent(total: &MetricTotal) -> bool {
    if let Some(Value::Gauge { max, .. }) = total.value {
        return max == 0.0 && total.metric.name.starts_with("generator_");
    }
    let Some(Value::Trend(trend)) = &total.value else { return false };
    let is_phase = builtin(&total.metric.name).is_some() && &*total.metric.name != "http_req_duration";
    is_phase && trend.count() == trend.zeros() && trend.clamped() == 0
}

#[cfg(test)]
mod tests;
