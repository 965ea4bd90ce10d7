//! Takes out of a text what differs from run to run (ports, times, rates, run ids, folders), so that
//! the rest can be compared byte by byte.
//!
//! What an author wrote stays: quoted source lines and anything directly after a quote or backtick
//! are left alone, since they are the same on every machine and are what a reader looks at.

use std::path::Path;

const TIME_UNITS: [&str; 8] = ["ns", "us", "µs", "ms", "s", "m", "h", "d"];

/// Redacts `text`; each folder of `folders` is replaced by the name beside it.
pub(crate) fn redact(text: &str, folders: &[(&Path, &str)]) -> String {
    let mut text = text.replace("\r\n", "\n");
    for (folder, name) in folders {
        text = text.replace(&folder.display().to_string(), name);
    }
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        if is_quoted_source(line) {
            out.push_str(line);
        } else {
            redact_line(line, &mut out);
        }
    }
    out
}

/// Whether a line is `12 | the script's own text`, as diagnostics quote it.
fn is_quoted_source(line: &str) -> bool {
    let Some((gutter, _)) = line.split_once('|') else { return false };
    let gutter = gutter.trim();
    !gutter.is_empty() && gutter.bytes().all(|byte| byte.is_ascii_digit())
}

fn redact_line(line: &str, out: &mut String) {
    let mut rest = line;
    let mut before = ' ';
    while let Some(next) = rest.chars().next() {
        let at_word = !(before.is_alphanumeric() || before == '_' || before == '.');
        let quoted = before == '"' || before == '`' || before == '\'';
        let taken = if rest.starts_with("runs/") && at_word {
            run_id(rest).map(|length| ("runs/ID", length))
        } else if next.is_ascii_digit() && at_word && !quoted {
            port(before, out, rest)
                .map(|length| ("PORT", length))
                .or_else(|| rate(rest).map(|length| ("RATE", length)))
                .or_else(|| duration(rest).map(|length| ("TIME", length)))
        } else {
            None
        };
        if let Some((word, length)) = taken {
            out.push_str(word);
            before = 'x';
            rest = &rest[length..];
        } else {
            out.push(next);
            before = next;
            rest = &rest[next.len_utf8()..];
        }
    }
}

/// Length of `runs/20261124T092421-k3fz` without what follows it.
fn run_id(rest: &str) -> Option<usize> {
    let id = &rest["runs/".len()..];
    let length = id.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_')).unwrap_or(id.len());
    let starts_with_time = id.len() >= 8 && id.as_bytes()[..8].iter().all(u8::is_ascii_digit);
    (starts_with_time && length > 8).then_some("runs/".len() + length)
}

/// Length of the digits after a local host's colon.
fn port(before: char, so_far: &str, rest: &str) -> Option<usize> {
    let host = so_far.strip_suffix(':')?;
    let local = ["127.0.0.1", "localhost", "[::1]", "0.0.0.0"].iter().any(|name| host.ends_with(name));
    (before == ':' && local).then(|| digits(rest))
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// Length of `12`, `12.5`, or `1,204`.
fn number(text: &str) -> usize {
    let whole = digits(text);
    let bytes = text.as_bytes();
    let mut length = whole;
    while whole > 0 && matches!(bytes.get(length), Some(b'.' | b',')) && digits(&text[length + 1..]) > 0 {
        length += 1 + digits(&text[length + 1..]);
    }
    length
}

/// Length of `4.17/s`.
fn rate(text: &str) -> Option<usize> {
    let length = number(text);
    let unit = ["/s", "/m", "/h"].iter().any(|unit| {
        text[length..].strip_prefix(unit).is_some_and(|after| !after.starts_with(char::is_alphanumeric))
    });
    (length > 0 && unit).then_some(length + 2)
}

/// Length of `250ms`, `1m30s` or `01m00.0s`.
fn duration(text: &str) -> Option<usize> {
    let mut length = 0;
    loop {
        let figure = number(&text[length..]);
        if figure == 0 {
            break;
        }
        let after = &text[length + figure..];
        let letters = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
        if !TIME_UNITS.contains(&&after[..letters]) {
            return None;
        }
        length += figure + letters;
    }
    (length > 0).then_some(length)
}

#[test]
fn what_differs_between_runs_is_taken_out() {
    for (text, expected) in [
        ("connect to 127.0.0.1:45123 refused", "connect to 127.0.0.1:PORT refused"),
        ("http://localhost:80/x", "http://localhost:PORT/x"),
        ("after 1.25s, 12ms and 182µs", "after TIME, TIME and TIME"),
        ("running (01m00.0s), 10/10 VUs", "running (TIME), 10/10 VUs"),
        ("1m30s left", "TIME left"),
        ("100 4.17/s", "100 RATE"),
        ("1,204.5/s", "RATE"),
        ("in .runner/runs/20261124T092421-k3fz/journal", "in .runner/runs/ID/journal"),
    ] {
        assert_eq!(redact(text, &[]), expected);
    }
}

#[test]
fn what_an_author_wrote_stays() {
    for text in [
        " 3 |     duration: \"30s\",\n",
        "hint: write `250ms`, or \"1h30m\"\n",
        "  --> http.rhai:12:7\n",
        "http_req_duration: p(95) < 200\n",
        "HTTP/1.1, 4 requests, 3 stages, v1s\n",
    ] {
        assert_eq!(redact(text, &[]), text);
    }
}

#[test]
fn folders_get_their_name() {
    let folder = std::env::temp_dir().join("x1");
    let text = format!("{}/a.rhai:1:2", folder.display());
    assert_eq!(redact(&text, &[(&folder, "TEMP")]), "TEMP/a.rhai:1:2");
}
