//! A failure example in lines: what failed, how to send it again, what was asked (`>`), what came back (`<`) and how
//! (`=`), in the marks of `--http-debug`.

use serde_json::{Value as Json, json};

use crate::results::{Content, Example, Examples, Excerpt, Kind};
use crate::units::{format_count, format_latency_us};

use super::Style;
use super::paint::{clean, cut};

/// Examples that are shown whole; the others get a line each.
const WHOLE_MAX: usize = 3;

/// Examples that are shown at all; the rest is counted.
const SHOWN_MAX: usize = 10;

/// Lines of a head or a body.
const LINES_MAX: usize = 12;

/// What stands for a secret.
const HIDDEN: &str = "***";

/// Columns of such a line.
const LINE_COLUMNS_MAX: usize = 160;

/// All of them. Three at most are whole: a failure is understood from one.
pub fn lines(examples: &Examples, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    for (at, example) in examples.list.iter().take(SHOWN_MAX).enumerate() {
        lines.push(format!("  {} {}", style.mark(false), title(example)));
        if at < WHOLE_MAX {
            lines.extend(body(example, style).into_iter().map(|line| format!("      {line}")));
        }
    }
    let hidden = &examples.list[examples.list.len().min(SHOWN_MAX)..];
    if !hidden.is_empty() {
        lines.push(format!("  +{} more kinds", format_count(hidden.len() as u64)));
    }
    if examples.more > 0 {
        lines.push(format!(
            "  +{} failures of further kinds, without an example",
            format_count(examples.more)
        ));
    }
    lines
}

/// `12 × status 503, GET /orders  (first after 2.1s, scenario shop, VU 3, iteration 17)`
pub fn title(example: &Example) -> String {
    let happened = &example.happened;
    let mut facts = vec![match happened.at {
        Some(at) => format!("first after {}", format_latency_us(at.as_micros() as f64)),
        None => "outside of the load".to_owned(),
    }];
    if !happened.scenario.is_empty() {
        facts.push(format!("scenario {}", happened.scenario));
    }
    if !happened.group.is_empty() {
        facts.push(format!("group {}", happened.group.trim_start_matches("::")));
    }
    if happened.vu > 0 {
        facts.push(format!("VU {}", happened.vu));
    }
    facts.extend(happened.iteration.map(|iteration| format!("iteration {iteration}")));
    let count = format_count(example.count);
    let name = format!("{} {}", example.request.method, example.name);
    clean(&format!("{count} × {}, {name}  ({})", what(example), facts.join(", ")))
}

/// What failed.
fn what(example: &Example) -> String {
    let answer = &example.answer;
    match (&example.kind, &answer.error) {
        (Kind::Check(name), _) => format!("check `{name}`"),
        (Kind::Request { error_code, .. }, Some(error)) => format!("{error} (error {error_code})"),
        (Kind::Request { status, .. }, None) => format!("status {status}"),
    }
}

fn body(example: &Example, style: Style) -> Vec<String> {
    let (request, answer) = (&example.request, &example.answer);
    let mut lines = Vec::new();
    lines.extend(marked('>', &request.head));
    lines.extend(excerpt('>', &request.body));
    lines.extend(marked('<', &answer.head));
    lines.extend(excerpt('<', &answer.body));
    if let Some(error) = &answer.error {
        lines.push(format!("< {}{}", if answer.status == 0 { "no answer: " } else { "" }, clean(error)));
    }
    lines.push(clean(&format!("= {}", how(example))));
    // Whole, however long: it is there to be copied.
    let line = example.curl();
    lines.push(format!("{} {}", style.faint("$"), clean(&line)));
    if matches!(request.body.content, Content::Text { is_whole: false, .. } | Content::Withheld) {
        lines.push(style.faint("# put the body, which is not kept, into the file `body` first"));
    }
    if line.contains(HIDDEN) {
        lines.push(style.faint("# put in what is hidden as `***`"));
    }
    lines
}

/// `12.3ms, HTTP/1.1, 127.0.0.1:8080, over an open connection`
fn how(example: &Example) -> String {
    let answer = &example.answer;
    let took = format_latency_us(answer.took_us as f64);
    let connection = match (answer.retried, answer.reused) {
        (true, _) => "a second try",
        (false, true) => "over an open connection",
        (false, false) => "",
    };
    let facts = [&*took, answer.protocol, answer.remote.as_deref().unwrap_or(""), connection];
    facts.into_iter().filter(|fact| !fact.is_empty()).collect::<Vec<_>>().join(", ")
}

fn marked(mark: char, text: &str) -> Vec<String> {
    let shown = |line: &str| format!("{mark} {}", cut(&clean(line), LINE_COLUMNS_MAX));
    let mut lines: Vec<String> = text.trim_end().lines().take(LINES_MAX).map(shown).collect();
    let more = text.trim_end().lines().count().saturating_sub(LINES_MAX);
    if more > 0 {
        lines.push(format!("{mark} (+{more} lines)"));
    }
    lines
}

/// A body behind its head, with a blank line between.
fn excerpt(mark: char, body: &Excerpt) -> Vec<String> {
    let bytes = format_count(body.total_bytes);
    let said = match &body.content {
        Content::Nothing => return Vec::new(),
        Content::Text { text, is_whole } => {
            let mut lines = vec![mark.to_string()];
            lines.extend(marked(mark, text));
            if !is_whole {
                lines.push(format!("{mark} ({bytes} bytes in all)"));
            }
            return lines;
        }
        Content::Bytes(_) => format!("({bytes} bytes that are no text)"),
        Content::File(path) => format!("({bytes} bytes of the file `{}`)", clean(path)),
        Content::Withheld => format!("({bytes} bytes that are not kept)"),
    };
    vec![mark.to_string(), format!("{mark} {said}")]
}

/// For programs: what the text says, and nothing of it cut.
pub(super) fn json(example: &Example) -> Json {
    let (happened, request, answer) = (&example.happened, &example.request, &example.answer);
    let (check, status, error_code) = match &example.kind {
        Kind::Check(name) => (Some(name), answer.status, answer.error_code),
        Kind::Request { status, error_code } => (None, *status, *error_code),
    };
    let headers = |headers: &mut dyn Iterator<Item = (&str, &str)>| -> Json {
        headers.map(|(name, value)| json!([name, value])).collect()
    };
    json!({
        "count": example.count,
        "name": example.name,
        "status": status,
        "error_code": error_code,
        "error": answer.error,
        "check": check,
        "scenario": happened.scenario,
        "group": happened.group,
        "vu": happened.vu,
        "iteration": happened.iteration,
        "at_us": happened.at.map(|at| u64::try_from(at.as_micros()).unwrap_or(u64::MAX)),
        "took_us": answer.took_us,
        "protocol": answer.protocol,
        "remote": answer.remote,
        "reused": answer.reused,
        "retried": answer.retried,
        "request": {
            "method": request.method,
            "url": request.url,
            "headers": headers(&mut request.headers()),
            "body": text(&request.body),
            "body_bytes": request.body.total_bytes,
        },
        "response": {
            "headers": headers(&mut answer.headers()),
            "body": text(&answer.body),
            "body_bytes": answer.body.total_bytes,
        },
        "curl": example.curl(),
    })
}

fn text(body: &Excerpt) -> Option<&str> {
    match &body.content {
        Content::Text { text, .. } => Some(text),
        _ => None,
    }
}
