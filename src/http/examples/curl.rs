//! A line for a shell (POSIX) that sends a request again, byte by byte over HTTP/1.1, with curl 7.60 or later.
//!
//! What curl says by itself and the request did not (`Accept`, a form's `Content-Type`) is switched off, and its user
//! agent stands where ours does. One line, whatever is in it: control characters are written as `printf` knows them.

use std::fmt::Write as _;

use super::example::Question;
use super::excerpt::Content;

/// Where a body that is not kept is to be put.
const BODY_FILE: &str = "@body";

/// What a terminal must not be shown: control characters, and marks that turn text around.
fn is_odd(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A header that curl makes itself from what it sends.
fn is_curls(name: &str) -> bool {
    ["content-length", "transfer-encoding"].iter().any(|own| name.eq_ignore_ascii_case(own))
}

/// The line.
pub(super) fn line(asked: &Question) -> String {
    let mut words: Vec<String> = Vec::new();
    let has = |wanted: &str| asked.headers().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
    let is_empty = matches!(asked.body.content, Content::Nothing);
    match asked.method.as_str() {
        // Told to `-X HEAD` it would wait for a body.
        "HEAD" if is_empty => words.push("--head".to_owned()),
        "GET" if is_empty => words.push("-i".to_owned()),
        method => words.extend(["-i".to_owned(), "-X".to_owned(), method.to_owned()]),
    }
    words.extend(asked.route.iter().cloned());
    if asked.url.contains(['[', ']', '{', '}']) {
        words.push("-g".to_owned());
    }
    let mut say = |name: &str, value: String| words.extend([name.to_owned(), value]);
    for (at, (name, value)) in asked.headers().enumerate() {
        let is_host = name.eq_ignore_ascii_case("host");
        let is_said = if is_host { is_of_url(asked, value) } else { is_curls(name) };
        match value {
            _ if is_said => {}
            "" => say("-H", format!("{name};")),
            _ if at == 1 && name.eq_ignore_ascii_case("user-agent") => say("-A", value.to_owned()),
            _ => say("-H", format!("{name}: {value}")),
        }
    }
    for own in ["User-Agent", "Accept"] {
        if !has(own) {
            say("-H", format!("{own}:"));
        }
    }
    // Also where nothing is sent: that is said by a length of 0.
    let sends = !is_empty || has("content-length");
    if sends && !has("content-type") {
        say("-H", "Content-Type:".to_owned());
    }
    let mut piped = None;
    match &asked.body.content {
        Content::Nothing if sends => say("--data-raw", String::new()),
        Content::Nothing => {}
        Content::Text { text, is_whole: true } if !text.contains(is_odd) => {
            say("--data-raw", text.clone());
        }
        Content::Text { text, is_whole: true } => piped = Some(printed(text.as_bytes())),
        Content::Bytes(bytes) => piped = Some(printed(bytes)),
        Content::File(path) => say("--data-binary", format!("@{path}")),
        Content::Text { .. } | Content::Withheld => say("--data-binary", BODY_FILE.to_owned()),
    }
    if piped.is_some() {
        say("--data-binary", "@-".to_owned());
    }
    if has("accept-encoding") {
        words.push("--compressed".to_owned());
    }
    words.push(url(asked));
    let command = words.iter().fold("curl".to_owned(), |line, word| line + " " + &quoted(word));
    piped.map(|body| format!("printf {body} | {command}")).unwrap_or(command)
}

/// Whether a `Host` is the one that curl takes from the URL.
fn is_of_url(asked: &Question, host: &str) -> bool {
    let url = url(asked);
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    rest.split(['/', '?', '#']).next() == Some(host)
}

/// A socket stands beside the URL, not in it.
fn url(asked: &Question) -> String {
    match asked.url.strip_prefix("http+unix://") {
        Some(rest) => format!("http://localhost{}", rest.find('/').map_or("/", |at| &rest[at..])),
        None => asked.url.clone(),
    }
}

/// A word that a shell leaves as it is.
fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    if word.contains(is_odd) {
        // A tab in a header.
        return format!("\"$(printf {})\"", printed(word.as_bytes()));
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Bytes as the quoted format of a `printf` that prints them.
fn printed(bytes: &[u8]) -> String {
    let mut format = String::from("'");
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' => format.push_str("\\n"),
                '\r' => format.push_str("\\r"),
                '\t' => format.push_str("\\t"),
                '\\' => format.push_str("\\\\"),
                '%' => format.push_str("%%"),
                '\'' => format.push_str(r"'\''"),
                // The first one would begin an option.
                '-' if format.len() == 1 => format.push_str("\\055"),
                c if is_odd(c) => {
                    c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| octal(&mut format, byte));
                }
                c => format.push(c),
            }
        }
        chunk.invalid().iter().for_each(|byte| octal(&mut format, *byte));
    }
    format + "'"
}

fn octal(format: &mut String, byte: u8) {
    let _ = write!(format, "\\{byte:03o}");
}
