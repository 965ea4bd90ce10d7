//! For GitHub Actions: Markdown for the page of a step, and annotations at the lines of a script.
//!
//! Names come from scripts and services: in Markdown every mark in them is escaped, in annotations what ends a line or a
//! property. GitHub shows ten annotations of each kind and a mebibyte of Markdown, so both are cut to what fits.

use std::fmt::Write as _;

use crate::diagnostic::{Diagnostic, Position};
use crate::metrics::Unit;
use crate::plan::{Judgement, Verdict as TargetVerdict};
use crate::results::{Check, Endpoint, Severity, Summary};
use crate::units::format_count;

use super::figure::{self, Signs};
use super::paint::clean;
use super::{Report, Style, evidence, example, headline};

/// The Markdown of a step's page.
pub(super) const REPORT: Report = Report {
    name: "github",
    about: "GitHub Actions: Markdown for the step's page, annotations on standard output",
    render,
    is_for_people: false,
    annotations: Some(annotations),
    file_variable: Some("GITHUB_STEP_SUMMARY"),
};

/// Annotations of a kind in a step: <https://docs.github.com/actions>, limits of workflow commands.
const ANNOTATIONS_MAX: usize = 10;

/// Rows of a table.
const ROWS_MAX: usize = 50;

/// Failure examples that are shown.
const EXAMPLES_MAX: usize = 10;

const PLAIN: Style = Style { colour: false, width: usize::MAX };

fn render(summary: &Summary, _style: &Style) -> String {
    let mut page = format!("## {}\n\n", escaped(&headline(summary, PLAIN)));
    let _ = writeln!(page, "{}\n", facts(summary).join(" · "));
    if let Some(warning) = headline::warning(summary, PLAIN) {
        let _ = writeln!(page, "> {}\n", escaped(&warning));
    }
    let sections: [(&str, Vec<String>); 7] = [
        ("Failures", failures(summary)),
        ("Targets", targets(summary)),
        ("Checks", checks(summary)),
        ("Requests", requests(summary)),
        ("Scenarios", scenarios(summary)),
        ("Findings", findings(summary)),
        ("Failure examples", examples(summary)),
    ];
    for (title, lines) in sections.iter().filter(|(_, lines)| !lines.is_empty()) {
        let _ = writeln!(page, "### {title}\n\n{}\n", lines.join("\n"));
    }
    page
}

fn facts(summary: &Summary) -> Vec<String> {
    let mut facts = vec![format!("**{}**", escaped(&summary.script_name))];
    facts.extend(summary.base_url.as_deref().map(escaped));
    facts.push(if summary.elapsed.is_zero() {
        "no load".to_owned()
    } else {
        format!("took {}", headline::duration(summary.elapsed))
    });
    facts.push(format!("seed {}", summary.seed));
    facts.extend(summary.run_id.as_deref().map(|id| format!("run {}", escaped(id))));
    facts
}

/// A table's rows, with what is left out told in a line behind it.
fn table(head: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let row = |cells: &[String]| format!("| {} |", cells.join(" | "));
    let title: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    // What stands right of the first text column is figures.
    let mut lines = vec![row(&title), row(&vec!["---".to_owned(); head.len()])];
    lines.extend(rows.iter().take(ROWS_MAX).map(|cells| row(cells)));
    if rows.len() > ROWS_MAX {
        lines.extend([String::new(), format!("+{} more", rows.len() - ROWS_MAX)]);
    }
    lines
}

fn mark(holds: bool) -> String {
    if holds { "✓" } else { "✗" }.to_owned()
}

fn targets(summary: &Summary) -> Vec<String> {
    if summary.judgements.is_empty() {
        return Vec::new();
    }
    let rows = summary.judgements.iter().map(|judgement| {
        let mut facts = evidence::facts(judgement, summary);
        facts.extend(judgement.near.iter().map(|near| format!("did you mean {near}?")));
        vec![
            mark(judgement.verdict == TargetVerdict::Passed),
            escaped(&judgement.key),
            escaped(&judgement.text),
            escaped(&judgement.observed_text),
            escaped(&facts.join("; ")),
        ]
    });
    table(&["", "Target", "Wanted", "Observed", "Evidence"], &rows.collect::<Vec<_>>())
}

fn checks(summary: &Summary) -> Vec<String> {
    if summary.checks.is_empty() {
        return Vec::new();
    }
    let row = |check: &Check| {
        let group = check.group.trim_start_matches("::").replace("::", " :: ");
        vec![
            mark(check.fails == 0),
            escaped(&group),
            escaped(&check.name),
            figure::percent(check.passes, check.total()),
            format_count(check.passes),
            format_count(check.fails),
        ]
    };
    // What failed first: it is what somebody looks for.
    let (failed, held): (Vec<&Check>, Vec<&Check>) = summary.checks.iter().partition(|check| check.fails > 0);
    let rows: Vec<Vec<String>> = failed.into_iter().chain(held).map(row).collect();
    table(&["", "Group", "Check", "Held", "✓", "✗"], &rows)
}

fn requests(summary: &Summary) -> Vec<String> {
    if summary.endpoints.is_empty() {
        return Vec::new();
    }
    let mut signs = Signs::default();
    let mut row = |endpoint: &Endpoint| {
        let trend = &endpoint.duration;
        vec![
            escaped(&endpoint.name),
            format_count(endpoint.requests),
            figure::percent(endpoint.failed, endpoint.requests),
            figure::median(trend, Unit::Time, &mut signs),
            figure::percentile(trend, 95.0, Unit::Time, &mut signs),
            figure::percentile(trend, 99.0, Unit::Time, &mut signs),
            figure::quantile(trend.max(), Unit::Time, &mut signs),
        ]
    };
    let rows: Vec<Vec<String>> = summary.endpoints.iter().map(&mut row).collect();
    let mut lines = table(&["Request", "Requests", "Failed", "med", "p(95)", "p(99)", "max"], &rows);
    lines.push(String::new());
    lines.extend(signs.footnotes().iter().map(|note| format!("<sub>{}</sub><br>", escaped(note))));
    lines
}

fn scenarios(summary: &Summary) -> Vec<String> {
    if summary.scenarios.is_empty() {
        return Vec::new();
    }
    let rows = summary.scenarios.iter().map(|line| {
        let books = line.books;
        let counts = [books.ok, books.failed, books.interrupted, books.dropped].map(format_count);
        [escaped(&line.name), escaped(&line.demand)].into_iter().chain(counts).collect()
    });
    table(&["Scenario", "Load", "ok", "failed", "interrupted", "dropped"], &rows.collect::<Vec<_>>())
}

fn failures(summary: &Summary) -> Vec<String> {
    let place = |diagnostic: &Diagnostic| {
        let label = diagnostic.labels.first()?;
        let name = label.source.as_ref().map(|source| format!("{}:", source.name)).unwrap_or_default();
        Some(format!(" ({})", escaped(&format!("{name}{}", label.position))))
    };
    let errors = summary
        .errors
        .iter()
        .map(|error| format!("- ✗ {}{}", escaped(&error.message), place(error).unwrap_or_default()));
    let failures = summary.failures.iter().map(|failure| {
        let message = escaped(&failure.diagnostic.message);
        let place = place(&failure.diagnostic).unwrap_or_default();
        format!("- ✗ {} × {message}{place}", format_count(failure.count))
    });
    let more =
        (summary.failures_more > 0).then(|| format!("- +{} more", format_count(summary.failures_more)));
    errors.chain(failures).take(ROWS_MAX).chain(more).collect()
}

fn findings(summary: &Summary) -> Vec<String> {
    headline::findings(summary, PLAIN).iter().map(|line| format!("- {}", escaped(line))).collect()
}

fn examples(summary: &Summary) -> Vec<String> {
    let mut lines = Vec::new();
    for failed in summary.examples.list.iter().take(EXAMPLES_MAX) {
        let curl = clean(&failed.curl());
        let fence = "`".repeat(longest_run(&curl, '`').max(2) + 1);
        let title = html(&example::title(failed));
        lines
            .push(format!("<details><summary>{title}</summary>\n\n{fence}sh\n{curl}\n{fence}\n\n</details>"));
    }
    let hidden = summary.examples.list.len().saturating_sub(EXAMPLES_MAX) as u64 + summary.examples.more;
    if hidden > 0 {
        lines.push(format!("\n+{} more", format_count(hidden)));
    }
    lines
}

fn longest_run(text: &str, wanted: char) -> usize {
    text.split(|c| c != wanted).map(str::len).max().unwrap_or(0)
}

/// One line between tags, where Markdown means nothing.
fn html(text: &str) -> String {
    clean(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// One line in which nothing means anything to Markdown or HTML. GitHub's Markdown lets a backslash stand before any ASCII
/// mark (`CommonMark` 0.31, §2.4), also within a table's cell.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in clean(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // A mention or an issue in a name would be a link: with a joiner that has no width it is none.
            '@' => escaped.push_str("@\u{2060}"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' | '$' => escaped.extend(['\\', c]),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A place in a script.
#[derive(Clone, Copy)]
struct Place<'a> {
    file: &'a str,
    position: Position,
}

impl<'a> Place<'a> {
    fn of(diagnostic: &'a Diagnostic) -> Option<Self> {
        let label = diagnostic.labels.first()?;
        Some(Self { file: &label.source.as_ref()?.name, position: label.position })
    }

    fn of_target(judgement: &'a Judgement) -> Option<Self> {
        let written = judgement.written_at.as_ref()?;
        Some(Self { file: written.file.as_deref()?, position: written.position })
    }
}

/// A line of a workflow's log that GitHub shows at the file.
struct Annotation<'a> {
    is_error: bool,
    place: Option<Place<'a>>,
    title: &'static str,
    text: String,
}

fn errors(summary: &Summary) -> Vec<Annotation<'_>> {
    let error = |place, title, text: &str| Annotation { is_error: true, place, title, text: clean(text) };
    let mut all = Vec::new();
    all.extend(summary.errors.iter().map(|own| error(Place::of(own), "run", &own.message)));
    all.extend(summary.failures.iter().map(|failure| {
        let text = format!("{} × {}", format_count(failure.count), failure.diagnostic.message);
        error(Place::of(&failure.diagnostic), "script", &text)
    }));
    all.extend(summary.failed_targets().map(|judgement| {
        let facts = evidence::facts(judgement, summary);
        let facts = if facts.is_empty() { String::new() } else { format!(" ({})", facts.join("; ")) };
        let text = format!("{} {}: {}{facts}", judgement.key, judgement.text, judgement.observed_text);
        error(Place::of_target(judgement), "target", &text)
    }));
    if summary.verdict().exit_code() != 0 && all.is_empty() {
        all.push(error(None, "run", &headline(summary, PLAIN)));
    }
    all
}

fn warnings(summary: &Summary) -> Vec<Annotation<'_>> {
    let warning = |title, text: &str| Annotation { is_error: false, place: None, title, text: clean(text) };
    let findings = summary.findings.iter().map(|finding| {
        let title = if finding.severity() == Severity::Grave { "finding" } else { "note" };
        warning(title, &finding.to_string())
    });
    let losses = headline::losses(summary).map(|text| warning("note", &text));
    findings.chain(losses).chain(summary.warnings.iter().map(|text| warning("note", text))).collect()
}

/// `::error file=load/shop.rhai,line=3,col=5,title=script::…`, a line each: errors, then warnings. Of what is more than
/// GitHub shows, the last one says how much.
fn annotations(summary: &Summary, folder: &str) -> String {
    let all = [errors(summary), warnings(summary)];
    let mut lines = String::new();
    for (kind, is_error) in all.iter().zip([true, false]) {
        let shown = if kind.len() > ANNOTATIONS_MAX { ANNOTATIONS_MAX - 1 } else { kind.len() };
        kind[..shown].iter().for_each(|one| lines.push_str(&one.line(folder)));
        if kind.len() > shown {
            let text = format!("{} more are in the summary", kind.len() - shown);
            lines.push_str(&Annotation { is_error, place: None, title: "run", text }.line(folder));
        }
    }
    lines
}

impl Annotation<'_> {
    fn line(&self, folder: &str) -> String {
        let mut properties = Vec::new();
        if let Some(Place { file, position }) = self.place {
            // A script that is named from the root is found there.
            let folder = if file.starts_with('/') { "" } else { folder };
            properties.push(format!("file={}", property(&format!("{folder}{file}"))));
            properties.push(format!("line={}", position.line));
            properties.push(format!("col={}", position.column));
        }
        properties.push(format!("title={}", self.title));
        let kind = if self.is_error { "error" } else { "warning" };
        format!("::{kind} {}::{}\n", properties.join(","), data(&self.text))
    }
}

/// What follows the second `::`, as GitHub's toolkit escapes it.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property's value.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests;
