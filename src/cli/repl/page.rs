//! What the prompt prints: values, responses, what there is, how long something took.

use std::fmt::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};

use super::order::ORDERS;
use crate::diagnostic::clean;
use crate::metrics::{Snapshot, Value};
use crate::script::{Function, Kind, Known, Shown, ShownResponse};
use crate::units::{format_count, format_latency_us, format_size};

/// Lines of a body that are shown.
const BODY_LINES_MAX: usize = 20;

/// Characters of a body that are shown.
const BODY_CHARACTERS_MAX: usize = 1_500;

/// Characters of a text that are shown to a person; a pipe gets all of it.
const TEXT_CHARACTERS_MAX: usize = 10_000;

/// Characters of a value in the list of variables.
const LISTED_CHARACTERS_MAX: usize = 80;

const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();

fn dim(text: &str) -> String {
    format!("{DIM}{text}{DIM:#}")
}

/// A value for a person, with the variable that keeps it, if one does.
pub(super) fn value(shown: &Shown, name: Option<&str>) -> String {
    let text = match shown {
        Shown::Response(response) => self::response(response),
        Shown::Text(text) => self::text(text),
        Shown::Value { notation, .. } => clean(notation),
    };
    let name = name.map(|name| dim(&format!("{name} = "))).unwrap_or_default();
    format!("{name}{text}\n")
}

/// The same for a program: texts as they are, what JSON knows on one line of it.
pub(super) fn data(shown: &Shown) -> String {
    match shown {
        Shown::Text(text) => format!("{text}\n"),
        Shown::Value { json: Some(json), .. } => format!("{json}\n"),
        shown => value(shown, None),
    }
}

/// A text of one line between quotes, so that it is seen where it ends; a longer one as it is.
fn text(text: &str) -> String {
    let shown: String = text.chars().take(TEXT_CHARACTERS_MAX).collect();
    let rest = text.len() - shown.len();
    let more = if rest > 0 { dim(&format!("… {} more", format_size(rest as f64))) } else { String::new() };
    if text.contains('\n') {
        return format!(
            "{}{}{more}",
            clean(&shown),
            if more.is_empty() || shown.ends_with('\n') { "" } else { "\n" }
        );
    }
    clean(&serde_json::Value::String(shown).to_string()) + &more
}

fn response(response: &ShownResponse) -> String {
    let ms = if response.status == 0 { response.total_ms } else { response.duration_ms };
    let mut facts = Vec::new();
    let head = match &response.error {
        Some((code, error)) if response.status == 0 => {
            facts.push(format!("error {code}"));
            format!("{BAD}✗ no answer: {}{BAD:#}", clean(error))
        }
        error => {
            let (style, mark) = if error.is_none() { (GOOD, '✓') } else { (BAD, '✗') };
            let status = format!("{mark} {} {}", response.status, clean(&response.reason));
            format!("{style}{}{style:#}", status.trim_end())
        }
    };
    facts.push(format_latency_us(ms * 1e3));
    if response.status != 0 {
        facts.push(format_size(response.body.len() as f64));
        facts.extend(response.content_type.as_deref().map(clean));
        facts.push(response.protocol.clone());
    }
    let mut text = format!("{head}  {}  {}\n", facts.join("  "), dim(&clean(&response.url)));
    let mut phases: Vec<String> = (response.phases_ms.iter())
        .map(|(name, ms)| format!("{} {}", name.replace('_', " "), format_latency_us(ms * 1e3)))
        .collect();
    if response.reused {
        phases.push("on a connection that was open".to_owned());
    }
    if !phases.is_empty() {
        let _ = writeln!(text, "{}", dim(&format!("  {}", phases.join(" · "))));
    }
    for line in body(&response.body) {
        let _ = writeln!(text, "  {line}");
    }
    text.trim_end().to_owned()
}

/// The lines of a body, JSON laid out, cut where it is long.
fn body(bytes: &[u8]) -> Vec<String> {
    if bytes.is_empty() {
        return Vec::new();
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return vec![dim("(no text: `.bytes` has it)")];
    };
    let json: Option<serde_json::Value> = serde_json::from_str(text).ok();
    let laid_out = json.filter(|json| json.is_object() || json.is_array()).map(|json| format!("{json:#}"));
    // A short one is read at a glance on its one line.
    let text = match laid_out {
        Some(laid_out) if text.trim().chars().count() > LISTED_CHARACTERS_MAX => laid_out,
        _ => text.trim_end().to_owned(),
    };
    let shown: String = text.chars().take(BODY_CHARACTERS_MAX).collect();
    let mut lines: Vec<String> = shown.lines().take(BODY_LINES_MAX).map(clean).collect();
    let seen: usize = shown.lines().take(BODY_LINES_MAX).map(|line| line.len() + 1).sum();
    let rest = text.len().saturating_sub(seen);
    if rest > 0 {
        lines.push(dim(&format!("… {} more: `.body` has all of it", format_size(rest as f64))));
    }
    lines
}

/// What there is.
pub(super) fn known(known: &Known) -> String {
    let mut text = String::new();
    let width = known.variables.iter().map(|one| one.name.chars().count()).max().unwrap_or(0);
    let kinds = known.variables.iter().map(|one| one.kind.len()).max().unwrap_or(0);
    for one in &known.variables {
        let mut value: String = clean(&one.value).chars().take(LISTED_CHARACTERS_MAX).collect();
        if one.value.chars().count() > LISTED_CHARACTERS_MAX {
            value.push('…');
        }
        let word = if one.is_constant { "const" } else { "let  " };
        let kind = dim(&format!("{:kinds$}", one.kind));
        let _ = writeln!(text, "{word} {:width$}  {kind}  {value}", clean(&one.name));
    }
    for function in &known.functions {
        let _ = writeln!(text, "fn {function}");
    }
    for imported in &known.imported {
        let _ = writeln!(text, "{imported}");
    }
    if text.is_empty() {
        text = dim("nothing so far: `let r = http::get(\"https://…\")` keeps a response") + "\n";
    }
    text
}

/// The names of all that the host offers, by module and type.
pub(super) fn overview(functions: &[Function], columns: usize) -> String {
    let mut sections: Vec<(String, Vec<&str>)> = Vec::new();
    for function in functions {
        let (title, name) = match (function.module(), function.kind) {
            (None, _) => ("", function.name()),
            (Some(of), Kind::Function) => (of, &function.name()[of.len() + 2..]),
            (Some(of), _) => (of, &function.name()[of.len() + 1..]),
        };
        let title = match function.kind {
            _ if title.is_empty() => String::new(),
            Kind::Function => format!("{title}::"),
            Kind::Method | Kind::Property => format!("{title}."),
        };
        match sections.iter_mut().find(|(known, _)| *known == title) {
            Some((_, names)) if names.contains(&name) => {}
            Some((_, names)) => names.push(name),
            None => sections.push((title, vec![name])),
        }
    }
    let width = sections.iter().map(|(title, _)| title.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (title, names) in &sections {
        let mut line = format!("{title:width$} ");
        for name in names {
            if line.len() + 1 + name.len() > columns && line.trim().len() > title.len() {
                let _ = writeln!(text, "{line}");
                line = " ".repeat(width + 1);
            }
            let _ = write!(line, " {name}");
        }
        let _ = writeln!(text, "{line}");
    }
    text + &dim("`:functions http` tells of a module, `:functions http::get` of a function, with an example")
        + "\n"
}

/// All orders, and what else a newcomer wants to know.
pub(super) fn help() -> String {
    let forms: Vec<String> = ORDERS.iter().map(|one| format!(":{} {}", one.name, one.takes)).collect();
    let width = forms.iter().map(|form| form.chars().count()).max().unwrap_or(0);
    let mut text =
        String::from("A line is played as if it stood in a flow, and what it declares is kept:\n\n");
    for (line, about) in [
        ("base_url(\"demo\")", "where relative URLs go; \"demo\" is the embedded sample service"),
        ("let r = http::get(\"/health\")", "sends a request, shows and keeps the response"),
        ("r.json(\"status\")", "reads it; `it` is the value of the last line"),
        ("fn price(s) { … }", "defines a function; open brackets let a line go on"),
    ] {
        let _ = writeln!(text, "  {line:31} {}", dim(about));
    }
    text.push('\n');
    for (form, one) in forms.iter().zip(ORDERS) {
        let _ = writeln!(text, "  {form:width$}  {}", dim(one.about));
    }
    let _ = write!(
        text,
        "\nTab completes, ↑ and Ctrl-R go through earlier lines, Ctrl-C cuts the line that runs, Ctrl-D ends.\n"
    );
    text
}

/// How long a line took, and what it sent meanwhile.
pub(super) fn took(times: &[Duration], recorded: &Snapshot) -> String {
    let mut us: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e6).collect();
    us.sort_by(f64::total_cmp);
    // Nearest rank.
    let rank = |percent: usize| us[(us.len() * percent).div_ceil(100).saturating_sub(1)];
    let format = |us: f64| format_latency_us(us);
    let mut text = match us.as_slice() {
        [] => return String::new(),
        [one] => format!("took {}", format(*one)),
        [first, .., last] => format!(
            "{} times: min {}, median {}, p95 {}, max {}",
            format_count(us.len() as u64),
            format(*first),
            format(rank(50)),
            format(rank(95)),
            format(*last)
        ),
    };
    let requests = recorded.of("http_reqs").map(|series| match &series.value {
        Value::Counter(count) => *count,
        _ => 0.0,
    });
    let requests = requests.sum::<f64>();
    if requests > 0.0 {
        let noun = if requests > 1.0 { "requests" } else { "request" };
        let _ = write!(text, "; {requests} {noun}");
    }
    dim(&text) + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    fn answer(status: u16, body: &str) -> Shown {
        Shown::Response(Box::new(ShownResponse {
            status,
            reason: "OK".to_owned(),
            error: (status >= 400).then(|| (1000 + status, "the server answered".to_owned())),
            url: "http://127.0.0.1/x".to_owned(),
            protocol: "HTTP/1.1".to_owned(),
            reused: true,
            phases_ms: vec![("tls_handshaking", 1.5), ("waiting", 2.25)],
            duration_ms: 2.5,
            total_ms: 4.0,
            content_type: Some("text/plain".to_owned()),
            body: body.as_bytes().to_vec(),
        }))
    }

    #[test]
    fn a_response_is_told_in_three_parts() {
        let text = plain(&value(&answer(200, "hello\u{1b}[31m\n"), None));
        let wanted = "✓ 200 OK  2.50ms  11 B  text/plain  HTTP/1.1  http://127.0.0.1/x\n  \
                      tls handshaking 1.50ms · waiting 2.25ms · on a connection that was open\n  hello\u{fffd}[31m\n";
        assert_eq!(text, wanted);
        assert!(plain(&value(&answer(503, ""), Some("r"))).starts_with("r = ✗ 503 OK"));
    }

    #[test]
    fn a_long_body_is_laid_out_and_cut() {
        let json = format!("{{\"list\":[{}],\"b\":1}}", vec!["1"; 100].join(","));
        let text = plain(&value(&answer(200, &json), None));
        assert!(text.contains("  {\n    \"list\": [\n      1,\n"), "{text}");
        assert!(text.contains("more: `.body` has all of it") && text.lines().count() == 2 + 20 + 1, "{text}");
    }

    #[test]
    fn a_text_shows_where_it_ends_and_a_long_one_its_lines() {
        assert_eq!(value(&Shown::Text("a \"b\"".to_owned()), None), "\"a \\\"b\\\"\"\n");
        assert_eq!(value(&Shown::Text("a\nb".to_owned()), None), "a\nb\n");
        assert_eq!(data(&Shown::Text("a \"b\"".to_owned())), "a \"b\"\n");
        let long = plain(&value(&Shown::Text("x".repeat(20_000)), None));
        assert!(long.ends_with("\"… 10.0 KB more\n"), "{}", &long[9_990..]);
    }

    #[test]
    fn all_names_are_on_one_page() {
        let all = crate::script::functions();
        let text = plain(&overview(&all, 100));
        for function in &all {
            let name = function.name().rsplit([':', '.']).next().unwrap();
            assert!(text.contains(&format!(" {name}")), "{name}");
        }
        let lines = || text.lines();
        assert!(lines().count() < 110 && lines().all(|line| line.len() <= 100), "{text}");
        assert!(lines().any(|line| line.starts_with("http::") && line.contains(" batch ")), "{text}");
        assert!(lines().any(|line| line.starts_with("response.") && line.contains(" status ")), "{text}");
    }

    #[test]
    fn times_are_told_by_their_ranks() {
        let ms = |ms| Duration::from_millis(ms);
        let none = Snapshot::new(0);
        assert_eq!(plain(&took(&[ms(12)], &none)), "took 12.0ms\n");
        let times: Vec<Duration> = (1..=20).map(ms).collect();
        assert_eq!(
            plain(&took(&times, &none)),
            "20 times: min 1.00ms, median 10.0ms, p95 19.0ms, max 20.0ms\n"
        );
    }
}
