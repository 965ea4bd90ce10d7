//! The verdicts as `JUnit` XML, which CI systems read: a case for the run, for each target and for each check.
//!
//! There is no one schema. This keeps to what Ant's and Jenkins' have in common: a suite's properties come first, then
//! its cases, then its output; a case has at most one of `failure`, `error` and `skipped`; counts are those of the cases.
//! Text that XML can't hold is replaced.

use std::io;

use jiff::Timestamp;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use crate::diagnostic::Code;
use crate::plan::{Judgement, Verdict as TargetVerdict};
use crate::results::{Check, Reason, Summary};
use crate::units::format_count;

use super::paint::clean;
use super::{Report, Style, evidence, figure, headline};

/// The summary as `JUnit` XML.
pub(super) const REPORT: Report = Report {
    name: "junit",
    about: "JUnit XML for CI: a case for the run, for each target and for each check",
    render,
    is_for_people: false,
    annotations: None,
    file_variable: None,
};

/// Without colours, and never cut.
const PLAIN: Style = Style { colour: false, width: usize::MAX };

/// What became of a case.
enum Outcome {
    Passed,
    /// What had to hold didn't.
    Failed(Trouble),
    /// It could not be judged.
    Error(Trouble),
}

/// Why a case didn't pass.
struct Trouble {
    kind: String,
    message: String,
    evidence: String,
}

struct Case {
    class: &'static str,
    name: String,
    outcome: Outcome,
}

fn render(summary: &Summary, _style: &Style) -> String {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    write(&mut writer, summary).expect("a vector takes all that is written");
    String::from_utf8(writer.into_inner()).expect("only text is written") + "\n"
}

fn cases(summary: &Summary) -> Vec<Case> {
    let targets = summary.judgements.iter().map(|judgement| Case {
        class: "targets",
        name: format!("{} {}", judgement.key, judgement.text),
        outcome: of_target(judgement, summary),
    });
    let checks = summary.checks.iter().map(|check| Case {
        class: "checks",
        name: name_of(check),
        outcome: of_check(check),
    });
    let run = Case { class: "run", name: "verdict".to_owned(), outcome: of_run(summary) };
    std::iter::once(run).chain(targets).chain(checks).collect()
}

/// Whatever kept the run from passing but its targets, which have cases of their own.
fn of_run(summary: &Summary) -> Outcome {
    let verdict = summary.verdict();
    let is_own = |reason: &&Reason| !matches!(reason, Reason::Targets { .. });
    let reasons: Vec<&Reason> = verdict.reasons().iter().filter(is_own).collect();
    let Some(first) = reasons.first() else { return Outcome::Passed };
    let trouble = Trouble {
        kind: word(first.code()),
        message: headline(summary, PLAIN),
        evidence: lines(reasons.iter().map(|reason| format!("{}: {reason}", word(reason.code())))),
    };
    // What the service did is a failure; all else says nothing of it.
    if reasons.iter().all(|reason| reason.code() == Code::Target) {
        Outcome::Failed(trouble)
    } else {
        Outcome::Error(trouble)
    }
}

fn lines(lines: impl IntoIterator<Item = String>) -> String {
    lines.into_iter().map(|line| line + "\n").collect()
}

/// A code as files have it: `teardown_timeout`.
fn word(code: Code) -> String {
    serde_json::to_value(code).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

fn of_target(judgement: &Judgement, summary: &Summary) -> Outcome {
    let kind = match judgement.verdict {
        TargetVerdict::Passed => return Outcome::Passed,
        TargetVerdict::Failed => "target",
        TargetVerdict::NoSamples => "no_samples",
        TargetVerdict::TooFew => "too_few",
    };
    let mut lines = vec![format!("wanted: {} {}", judgement.key, judgement.text)];
    lines.push(format!("observed: {}", judgement.observed_text));
    lines.extend(evidence::facts(judgement, summary));
    lines.extend(judgement.near.iter().map(|near| format!("did you mean `{near}`?")));
    let message = judgement.observed_text.clone();
    Outcome::Failed(Trouble { kind: kind.to_owned(), message, evidence: self::lines(lines) })
}

/// `pay :: is paid`.
fn name_of(check: &Check) -> String {
    let group = check.group.trim_start_matches("::").replace("::", " :: ");
    if group.is_empty() { check.name.clone() } else { format!("{group} :: {}", check.name) }
}

/// A check that did not hold every time fails its case, whatever the targets make of that.
fn of_check(check: &Check) -> Outcome {
    if check.fails == 0 {
        return Outcome::Passed;
    }
    let [passes, fails, total] = [check.passes, check.fails, check.total()].map(format_count);
    let message =
        format!("held {passes} of {total} times ({})", figure::percent(check.passes, check.total()));
    let evidence = format!("passes: {passes}\nfails: {fails}\n");
    Outcome::Failed(Trouble { kind: "check".to_owned(), message, evidence })
}

/// Seconds, as `JUnit` has times.
fn seconds(summary: &Summary) -> String {
    format!("{:.6}", summary.elapsed.as_secs_f64())
}

/// When it began, in UTC, without a zone: Ant's schema has none.
fn timestamp(summary: &Summary) -> Option<String> {
    let start = Timestamp::from_millisecond(i64::try_from(summary.start_unix_ms?).ok()?).ok()?;
    Some(start.strftime("%Y-%m-%dT%H:%M:%S").to_string())
}

fn properties(summary: &Summary) -> Vec<(&'static str, String)> {
    let verdict = summary.verdict();
    let known = [("run_id", summary.run_id.clone()), ("base_url", summary.base_url.clone())];
    let known = known.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let own = [
        ("verdict", verdict.word().to_owned()),
        ("exit_code", verdict.exit_code().to_string()),
        ("seed", summary.seed.to_string()),
        ("runner", env!("CARGO_PKG_VERSION").to_owned()),
    ];
    known.chain(own).collect()
}

fn write(writer: &mut Writer<Vec<u8>>, summary: &Summary) -> io::Result<()> {
    let cases = cases(summary);
    let count = |is: fn(&Outcome) -> bool| cases.iter().filter(|case| is(&case.outcome)).count().to_string();
    let (tests, failures, errors) = (
        cases.len().to_string(),
        count(|outcome| matches!(outcome, Outcome::Failed(_))),
        count(|outcome| matches!(outcome, Outcome::Error(_))),
    );
    let counts = [("tests", &*tests), ("failures", &*failures), ("errors", &*errors)];
    let (time, timestamp, name) = (seconds(summary), timestamp(summary), one_line(&summary.script_name));
    // `load/shop.rhai` is no class `rhai` in a package `load/shop`.
    let package = name.strip_suffix(".rhai").unwrap_or(&name).replace('.', "_");
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let all = writer.create_element("testsuites").with_attribute(("name", "runner"));
    let all = all.with_attributes(counts).with_attribute(("time", &*time));
    all.write_inner_content(|writer| {
        let suite =
            writer.create_element("testsuite").with_attribute(("name", &*name)).with_attributes(counts);
        let suite = suite.with_attributes([("skipped", "0"), ("time", &*time), ("id", "0")]);
        // Ant's word for a host that nobody asked for.
        let suite = suite.with_attributes([("package", &*package), ("hostname", "localhost")]);
        let suite = suite.with_attributes(timestamp.iter().map(|text| ("timestamp", text.as_str())));
        suite.write_inner_content(|writer| {
            writer.create_element("properties").write_inner_content(|writer| {
                for (name, value) in properties(summary) {
                    let pair = [("name", name), ("value", &*one_line(&value))];
                    writer.create_element("property").with_attributes(pair).write_empty()?;
                }
                Ok(())
            })?;
            cases.iter().try_for_each(|case| write_case(writer, case, &package))?;
            let text = legal(&headline(summary, PLAIN));
            writer.create_element("system-out").write_text_content(BytesText::new(&text))?;
            writer.create_element("system-err").write_empty()?;
            Ok(())
        })?;
        Ok(())
    })?;
    Ok(())
}

fn write_case(writer: &mut Writer<Vec<u8>>, case: &Case, package: &str) -> io::Result<()> {
    let (name, class) = (one_line(&case.name), format!("{package}.{}", case.class));
    // They are all of one load; none has a time of its own.
    let attributes = [("name", &*name), ("classname", &*class), ("time", "0")];
    let element = writer.create_element("testcase").with_attributes(attributes);
    let (tag, trouble) = match &case.outcome {
        Outcome::Passed => return element.write_empty().map(|_| ()),
        Outcome::Failed(trouble) => ("failure", trouble),
        Outcome::Error(trouble) => ("error", trouble),
    };
    let (message, evidence) = (one_line(&trouble.message), legal(&trouble.evidence));
    element.write_inner_content(|writer| {
        let attributes = [("message", &*message), ("type", &*trouble.kind)];
        let element = writer.create_element(tag).with_attributes(attributes);
        element.write_text_content(BytesText::new(&evidence)).map(|_| ())
    })?;
    Ok(())
}

/// An attribute's value: XML makes blanks of the line ends in it.
fn one_line(text: &str) -> String {
    legal(&clean(text))
}

/// Without what no XML 1.0 may hold, not even escaped: <https://www.w3.org/TR/xml/#charsets>.
fn legal(text: &str) -> String {
    let is_legal =
        |c: char| matches!(c, '\t' | '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    text.replace("\r\n", "\n").chars().map(|c| if is_legal(c) { c } else { '\u{fffd}' }).collect()
}

#[cfg(test)]
mod tests;
