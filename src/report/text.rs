//! The summary on the terminal, in k6's order: what failed, targets, checks, custom metrics, HTTP,
//! streams, execution, network; then what stands out, and the verdict as the last line.
//!
//! Metric lines are read by programs too: `name.....: figure  figure`, one line each, however narrow the
//! terminal. Marks say all that colours say.

use std::borrow::Cow;
use std::time::Duration;

use crate::diagnostic::Diagnostic;
use crate::metrics::{Kind, TIMES, Unit, Value, builtin};
use crate::plan::{Judgement, Verdict as TargetVerdict};
use crate::results::{Books, Check, Endpoint, FailureKind, MetricTotal, ScenarioLine, Summary};
use crate::units::{format_count, format_rate};

use super::figure::{self, Signs};
use super::headline::{self, duration, headline};
use super::paint::{clean, columns, cut, left, right, widest};
use super::{Report, Style};

/// The terminal's summary.
pub(super) const REPORT: Report =
    Report { name: "text", about: "the summary at the end of a run, for the terminal", render };

/// Where the figures start at the earliest: k6's column.
const NAME_COLUMNS_MIN: usize = 31;

/// Dots behind the longest name.
const DOTS_MIN: usize = 3;

/// A text longer than this doesn't set its column's width.
const CELL_COLUMNS_MAX: usize = 48;

/// Loads in words are longer than names: a cap, a queue, a start after another scenario.
const DEMAND_COLUMNS_MAX: usize = 80;

/// An endpoint's name gets at least this much, however narrow the terminal.
const ENDPOINT_COLUMNS_MIN: usize = 16;

/// Endpoints in the table: those with most requests; the rest is counted.
const ENDPOINTS_MAX: usize = 20;

/// Where a metric is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    Checks,
    Custom,
    Http,
    Streams,
    Execution,
    Network,
}

/// Built-in metrics that are fed by scripts stand with the script's own.
fn section(metric: &str) -> Section {
    match metric {
        _ if builtin(metric).is_none() => Section::Custom,
        "checks" => Section::Checks,
        "data_sent" | "data_received" => Section::Network,
        "uptime" | "task_completion_rate" | "provider_success" | "provider_calls" => Section::Custom,
        _ if metric.starts_with("http_") || metric.starts_with("cache_") => Section::Http,
        _ if metric.starts_with("ws_") || metric.starts_with("sse_") => Section::Streams,
        _ => Section::Execution,
    }
}

fn render(summary: &Summary, style: &Style) -> String {
    let name_columns = summary.metrics.iter().map(|total| columns(&total.metric.name) + DOTS_MIN);
    let mut page = Page {
        summary,
        style: *style,
        name_columns: name_columns.fold(NAME_COLUMNS_MIN, usize::max),
        signs: Signs::default(),
        lines: Vec::new(),
    };
    page.head();
    let lines = page.failures();
    page.section("FAILURES", lines);
    let lines = page.targets();
    page.section("TARGETS", lines);
    let lines = page.checks();
    page.section("CHECKS", lines);
    let lines = page.metrics(Section::Custom);
    page.section("CUSTOM", lines);
    let mut lines = page.metrics(Section::Http);
    lines.extend(page.endpoints());
    page.section("HTTP", lines);
    let lines = page.metrics(Section::Streams);
    page.section("STREAMS", lines);
    let lines = page.times();
    page.section("SERVICE AND RESPONSE TIME", lines);
    let lines = page.execution();
    page.section("EXECUTION", lines);
    let lines = page.metrics(Section::Network);
    page.section("NETWORK", lines);
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

impl Page<'_> {
    fn section(&mut self, title: &str, lines: Vec<String>) {
        if !lines.is_empty() {
            self.lines.extend([String::new(), format!("  {}", self.style.heading(title))]);
            self.lines.extend(lines);
        }
    }

    fn head(&mut self) {
        let summary = self.summary;
        if let Some(warning) = headline::warning(summary, self.style) {
            self.lines.extend([warning, String::new()]);
        }
        let name = self.style.heading(&clean(&summary.script_name));
        let url = summary.base_url.as_deref().map(|url| format!(" · {}", clean(url))).unwrap_or_default();
        self.lines.push(format!("  {name}{url}"));
        let scenarios = match summary.scenarios.as_slice() {
            [only] => format!("{}: {}", only.name, only.demand),
            several => format!("{} scenarios", several.len()),
        };
        let took = if summary.elapsed.is_zero() {
            "no load".to_owned()
        } else {
            let paused = match summary.paused {
                Duration::ZERO => String::new(),
                paused => format!(", {} of it paused", duration(paused)),
            };
            format!("took {}{paused}", duration(summary.elapsed))
        };
        self.lines.push(format!("  {scenarios} · {took} · seed {}", summary.seed));
    }

    fn failures(&self) -> Vec<String> {
        let mark = self.style.mark(false);
        let mut lines: Vec<String> = Vec::new();
        for error in &self.summary.errors {
            let place = place(error).map(|place| format!(" ({place})")).unwrap_or_default();
            lines.push(format!("  {mark} {}{place}", clean(&error.message)));
        }
        for failure in &self.summary.failures {
            let what = match failure.kind {
                FailureKind::Threw => "threw",
                FailureKind::Asserted => "asserted",
                FailureKind::Failed => "failed",
            };
            let scenario =
                (!failure.scenario.is_empty()).then(|| format!("scenario {}", clean(&failure.scenario)));
            let facts: Vec<String> = place(&failure.diagnostic).into_iter().chain(scenario).collect();
            let facts = if facts.is_empty() { String::new() } else { format!(" ({})", facts.join(", ")) };
            let (count, message) = (format_count(failure.count), clean(&failure.diagnostic.message));
            lines.push(format!("  {mark} {count} × {what}: {message}{facts}"));
        }
        if self.summary.failures_more > 0 {
            lines.push(format!("  {mark} +{} more", format_count(self.summary.failures_more)));
        }
        lines
    }

    fn targets(&self) -> Vec<String> {
        let judgements = &self.summary.judgements;
        let key = widest(judgements.iter().map(|judgement| &*judgement.key), CELL_COLUMNS_MAX);
        let text = widest(judgements.iter().map(|judgement| &*judgement.text), CELL_COLUMNS_MAX);
        let with_samples = judgements.iter().filter(|judgement| judgement.observed.is_some());
        let observed = widest(with_samples.map(|judgement| &*judgement.observed_text), CELL_COLUMNS_MAX);
        let mut lines = Vec::new();
        for judgement in judgements {
            let mark = self.style.mark(judgement.verdict == TargetVerdict::Passed);
            let target =
                format!("{}  {}", left(&clean(&judgement.key), key), left(&clean(&judgement.text), text));
            let found = clean(&judgement.observed_text);
            let facts: Vec<String> =
                self.samples(judgement).into_iter().chain(judgement.beside.clone()).collect();
            lines.push(if facts.is_empty() {
                format!("  {mark} {target}  {found}")
            } else {
                format!("  {mark} {target}  {}  ({})", left(&found, observed), facts.join("; "))
            });
            if !judgement.near.is_empty() {
                let near: Vec<String> =
                    judgement.near.iter().map(|near| format!("`{}`", clean(near))).collect();
                lines.push(format!("      {} did you mean {}?", self.style.hint(), near.join(" or ")));
            }
        }
        lines
    }

    /// How many samples a target rests on; a sum or a gauge says nothing beside itself.
    fn samples(&self, judgement: &Judgement) -> Option<String> {
        let metric = judgement.key.split('{').next().unwrap_or_default().trim();
        let value = self.summary.metric(metric)?.value.as_ref()?;
        let counts = matches!(value, Value::Rate { .. } | Value::Trend(_));
        let noun = if judgement.samples == 1 { "sample" } else { "samples" };
        (counts && judgement.observed.is_some())
            .then(|| format!("{} {noun}", format_count(judgement.samples)))
    }

    fn checks(&mut self) -> Vec<String> {
        let mut lines = self.metrics(Section::Checks);
        let checks = &self.summary.checks;
        let names: Vec<String> = checks.iter().map(|check| clean(&check.name)).collect();
        let width = widest(names.iter().map(String::as_str), CELL_COLUMNS_MAX);
        let mut group = "";
        for (check, name) in checks.iter().zip(&names) {
            if check.group != group {
                group = &check.group;
                lines.push(format!("    {}", clean(&group.replace("::", " :: "))));
            }
            lines.push(format!("    {}", self.check(check, &left(name, width))));
        }
        lines
    }

    fn check(&self, check: &Check, name: &str) -> String {
        let passes = format_count(check.passes);
        if check.fails == 0 {
            return format!("{} {name}  {passes}", self.style.mark(true));
        }
        let share = figure::percent(check.passes, check.total());
        let fails = format_count(check.fails);
        format!("{} {name}  {share}  ✓ {passes}  ✗ {fails}", self.style.mark(false))
    }

    fn metrics(&mut self, of: Section) -> Vec<String> {
        let summary = self.summary;
        let mut totals: Vec<&MetricTotal> = summary
            .metrics
            .iter()
            .filter(|total| section(&total.metric.name) == of && !is_silent(total))
            .collect();
        if of == Section::Network {
            totals.reverse(); // what came in first, as k6
        }
        let mut rows: Vec<Row> = totals.into_iter().map(|total| self.row(total)).collect();
        let has = |rows: &[Row], name| rows.iter().any(|row| row.name == name);
        if of == Section::Http && has(&rows, "http_reqs") && !has(&rows, "http_req_duration") {
            // Nobody answered. A line that is missing could be overlooked.
            let cells = vec!["no samples".to_owned()];
            rows.insert(rows.len().min(2), Row { name: "http_req_duration", kind: None, cells });
        }
        self.lay_out(rows)
    }

    fn row<'a>(&mut self, total: &'a MetricTotal) -> Row<'a> {
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
            let name = clean(row.name);
            let dots = ".".repeat(self.name_columns.saturating_sub(columns(&name)));
            let cells = row.cells.iter().enumerate();
            let width = |at| row.kind.map_or(0, |kind| width(kind, at));
            let cells: Vec<String> = cells.map(|(at, cell)| left(cell, width(at))).collect();
            format!("  {name}{dots}: {}", cells.join("  ")).trim_end().to_owned()
        };
        rows.iter().map(line).collect()
    }

    fn endpoints(&mut self) -> Vec<String> {
        let endpoints = &self.summary.endpoints;
        if endpoints.len() < 2 {
            return Vec::new();
        }
        let shown = &endpoints[..endpoints.len().min(ENDPOINTS_MAX)];
        let head = ["reqs", "failed", "avg", "med", "p(95)", "max"].map(Cow::Borrowed);
        let mut table = vec![head];
        table.extend(shown.iter().map(|endpoint| self.endpoint(endpoint).map(Cow::Owned)));
        let widths: [usize; 6] =
            std::array::from_fn(|at| table.iter().map(|cells| columns(&cells[at])).max().unwrap_or(0));
        let names: Vec<String> = shown.iter().map(|endpoint| clean(&endpoint.name)).collect();
        let names = std::iter::once("by endpoint").chain(names.iter().map(String::as_str));
        let others: usize = widths.iter().map(|width| width + 2).sum();
        let room = self.style.width.saturating_sub(others + 4).max(ENDPOINT_COLUMNS_MIN);
        let width = names.clone().map(columns).max().unwrap_or(0).min(room);
        let mut lines: Vec<String> = vec![String::new()];
        for (name, cells) in names.zip(&table) {
            let cells = cells.iter().zip(widths).map(|(cell, width)| format!("  {}", right(cell, width)));
            lines.push(format!("    {}{}", left(&cut(name, width), width), cells.collect::<String>()));
        }
        if endpoints.len() > shown.len() {
            lines.push(format!("    +{} more", format_count((endpoints.len() - shown.len()) as u64)));
        }
        lines
    }

    fn endpoint(&mut self, endpoint: &Endpoint) -> [String; 6] {
        let (trend, signs) = (&endpoint.duration, &mut self.signs);
        [
            format_count(endpoint.requests),
            figure::percent(endpoint.failed, endpoint.requests),
            figure::average(trend, Unit::Time, signs),
            figure::median(trend, Unit::Time, signs),
            figure::percentile(trend, 95.0, Unit::Time, signs),
            figure::quantile(trend.max(), Unit::Time, signs),
        ]
    }

    /// What the service took and what somebody waited for it, beside each other: their difference is what a
    /// generator that measures the service time alone would hide.
    fn times(&mut self) -> Vec<String> {
        let trend = |name: &str| match self.summary.metric(name).map(|total| &total.value) {
            Some(Some(Value::Trend(trend))) if trend.count() > 0 => Some(trend),
            _ => None,
        };
        let mut rows = Vec::new();
        for (service, response) in TIMES {
            if let (Some(from), Some(to)) = (trend(service), trend(response)) {
                let noun =
                    service.strip_suffix("_duration").unwrap_or(service).replace("http_req", "request");
                rows.push((noun, "service", from));
                rows.push((String::new(), "response", to));
            }
        }
        if rows.is_empty() {
            return Vec::new();
        }
        let mut table = vec![["med", "p(95)", "p(99)", "p(99.9)", "max"].map(str::to_owned)];
        table.extend(rows.iter().map(|(.., trend)| figure::tail(trend, &mut self.signs)));
        let widths: [usize; 5] =
            std::array::from_fn(|at| table.iter().map(|cells| columns(&cells[at])).max().unwrap_or(0));
        let names = std::iter::once(String::new())
            .chain(rows.iter().map(|(noun, side, _)| format!("{}{side}", left(noun, 11))));
        let line = |(name, cells): (String, &[String; 5])| {
            let cells = cells.iter().zip(widths).map(|(cell, width)| format!("  {}", right(cell, width)));
            format!("    {}{}", left(&name, 19), cells.collect::<String>())
        };
        names.zip(&table).map(line).collect()
    }

    fn execution(&mut self) -> Vec<String> {
        let summary = self.summary;
        let books = summary.books();
        let mut rows = Vec::new();
        if !summary.scenarios.is_empty() {
            // The books, not the metric of that name: they also know what the stop cut.
            let completed = books.ok + books.failed;
            let rate = summary.per_second(completed as f64).map(format_rate);
            let mut cells: Vec<String> = std::iter::once(format_count(completed)).chain(rate).collect();
            if books.failed + books.interrupted + books.dropped > 0 {
                cells.push(outcome(books).join("  "));
            }
            rows.push(Row { name: "iterations", kind: None, cells });
        }
        for total in &summary.metrics {
            let name = &*total.metric.name;
            if section(name) == Section::Execution && name != "iterations" && !is_silent(total) {
                rows.push(self.row(total));
            }
        }
        let mut lines = self.lay_out(rows);
        if summary.scenarios.len() > 1 {
            lines.push(String::new());
            lines.extend(scenario_lines(&summary.scenarios));
        }
        lines
    }

    fn footnotes(&mut self) {
        let notes = self.signs.footnotes();
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

/// `prices.rhai:6:5`, of the first label.
fn place(diagnostic: &Diagnostic) -> Option<String> {
    let label = diagnostic.labels.first()?;
    Some(match &label.source {
        Some(source) => format!("{}:{}", clean(&source.name), label.position),
        None => label.position.to_string(),
    })
}

/// `398 ok`, and what else there is.
fn outcome(books: Books) -> Vec<String> {
    let others = [(books.failed, "failed"), (books.interrupted, "interrupted"), (books.dropped, "dropped")];
    let others = others.into_iter().filter(|(count, _)| *count > 0);
    let all = std::iter::once((books.ok, "ok")).chain(others);
    all.map(|(count, what)| format!("{} {what}", format_count(count))).collect()
}

fn scenario_lines(scenarios: &[ScenarioLine]) -> Vec<String> {
    let name = widest(scenarios.iter().map(|line| &*line.name), CELL_COLUMNS_MAX);
    let demand = widest(scenarios.iter().map(|line| &*line.demand), DEMAND_COLUMNS_MAX);
    let line = |line: &ScenarioLine| {
        let threw = match line.threw {
            0 => String::new(),
            threw => format!("  ({} threw)", format_count(threw)),
        };
        let outcome = outcome(line.books).join("  ");
        format!("    {}  {}  {outcome}{threw}", left(&line.name, name), left(&line.demand, demand))
    };
    let lines = scenarios.iter().map(line);
    std::iter::once("    by scenario".to_owned()).chain(lines).collect()
}

#[cfg(test)]
mod tests;
