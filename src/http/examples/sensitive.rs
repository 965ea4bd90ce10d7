//! What identifies a user by the name it has: the values of headers, cookies, query parameters and fields of bodies.
//!
//! The secrets that a script declares are hidden wherever they stand; this hides those that it doesn't know to be
//! some: a token that the service itself gave out, a password in a form. Names and structure stay readable.

use std::borrow::Cow;

use super::super::redirect::tells_of_secret;

/// What is shown instead.
const SHOWN: &str = "***";

/// Headers whose value is a URL, or has one.
const URL_HEADERS: [&str; 6] =
    ["location", "content-location", "referer", "refresh", "link", "sec-websocket-location"];

/// Whether a parameter or a field of that name is hidden. As [`tells_of_secret`], and what a header isn't called.
fn is_hidden(name: &str) -> bool {
    const NAMES: [&str; 6] = ["key", "sig", "pwd", "pin", "otp", "accesskey"];
    let plain = name.to_ascii_lowercase();
    NAMES.contains(&plain.as_str())
        || tells_of_secret(&plain.replace("%5b", "-").replace("%5d", "-").replace(['[', ']'], "-"))
}

/// The value of a header as it may be seen.
pub(super) fn header<'a>(name: &str, value: &'a str) -> Cow<'a, str> {
    let lower = name.to_ascii_lowercase();
    match lower.as_str() {
        "cookie" => value.split(';').map(pair).collect::<Vec<_>>().join(";").into(),
        "set-cookie" => match value.split_once(';') {
            Some((cookie, attributes)) => format!("{};{attributes}", pair(cookie)).into(),
            None => pair(value).into(),
        },
        name if URL_HEADERS.contains(&name) => url(value).into(),
        name if tells_of_secret(name) => match value.split_once(' ') {
            // `Basic …`: how is no secret.
            Some((scheme, _)) if name.ends_with("authorization") => format!("{scheme} {SHOWN}").into(),
            _ => SHOWN.into(),
        },
        _ if value.contains('=') => pairs(value).into(),
        _ => Cow::Borrowed(value),
    }
}

/// `name=value`, with or without blanks before it.
fn pair(text: &str) -> String {
    text.split_once('=').map_or_else(|| text.to_owned(), |(name, _)| format!("{name}={SHOWN}"))
}

/// A URL without the values that nobody may see, those of its user included.
pub fn url(text: &str) -> String {
    let (start, rest) = match text.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            let host = rest[..end].rfind('@').map_or(0, |at| at + 1);
            (if host > 0 { format!("{scheme}://{SHOWN}@") } else { format!("{scheme}://") }, &rest[host..])
        }
        None => (String::new(), text),
    };
    start + &pairs(rest)
}

/// The pairs `name=value` in a text, be it a query, a form, a fragment, or a sentence that quotes one.
fn pairs(text: &str) -> String {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_-.%[]".contains(c);
    let ends_value = |c: char| c.is_whitespace() || "&;,#\"'<>()".contains(c);
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(equals) = rest.find('=') {
        let (before, value) = (&rest[..equals], &rest[equals + 1..]);
        let name = before.rfind(|c| !is_name(c)).map_or(before, |at| {
            let other = before[at..].chars().next().map_or(0, char::len_utf8);
            &before[at + other..]
        });
        shown.push_str(&rest[..=equals]);
        rest = value;
        let end = value.find(ends_value).unwrap_or(value.len());
        if end > 0 && is_hidden(name) {
            shown.push_str(SHOWN);
            rest = &value[end..];
        }
    }
    shown + rest
}

/// A word of a command line: of `NAME=VALUE` and `Name: value` what the name gives away, of a URL as [`url()`].
pub fn shown_word(text: &str) -> String {
    let is_plain =
        |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    match (text.split_once('='), text.split_once(':')) {
        // All of it, blanks too, which end a value within a sentence.
        (Some((name, _)), _) if is_plain(name) && is_hidden(name) => format!("{name}={SHOWN}"),
        (_, Some((name, value))) if is_plain(name) && !value.starts_with("//") => {
            let blank = if value.starts_with(' ') { " " } else { "" };
            format!("{name}:{blank}{}", header(name, value.trim_start()))
        }
        _ => url(text),
    }
}

/// A text of a kind (`Content-Type`, in small letters), or its beginning.
pub(super) fn body(text: &str, kind: &str) -> String {
    if kind.starts_with("application/x-www-form-urlencoded") {
        return pairs(text);
    }
    if kind.starts_with("multipart/") {
        return parts(text);
    }
    pairs(&fields(text))
}

/// Values of JSON behind names that are hidden. Works on what was cut, and on what is JSON only in part.
fn fields(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('"') {
        let (name, behind) = string(&rest[start + 1..]);
        let taken = rest.len() - behind.len();
        let value = behind.trim_start().strip_prefix(':').map(str::trim_start);
        let Some(value) = value.filter(|_| is_hidden(name)) else {
            shown.push_str(&rest[..taken]);
            rest = behind;
            continue;
        };
        shown.push_str(&rest[..rest.len() - value.len()]);
        if let Some(inside) = value.strip_prefix('"') {
            shown.push('"');
            shown.push_str(SHOWN);
            rest = string(inside).1;
            shown.push('"');
        } else if value.starts_with(['{', '[']) {
            // What is in it has names of its own.
            rest = value;
        } else {
            rest = &value[value.find([',', '}', ']', '\n', '\r']).unwrap_or(value.len())..];
            shown.push_str(SHOWN);
        }
    }
    shown + rest
}

/// A string of JSON behind its first quote, and what follows the last one.
fn string(text: &str) -> (&str, &str) {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return (&text[..at], &text[at + 1..]),
            _ => {}
        }
    }
    (text, "")
}

/// Values of the parts of a form whose names are hidden.
fn parts(text: &str) -> String {
    const NAME: &str = " name=\"";
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(NAME) {
        let (name, behind) = string(&rest[start + NAME.len()..]);
        let head = behind.find("\r\n\r\n").map_or(behind.len(), |at| at + 4);
        let body = &behind[head..];
        shown.push_str(&rest[..rest.len() - body.len()]);
        rest = body;
        if is_hidden(name) {
            rest = &body[body.find("\r\n--").unwrap_or(body.len())..];
            if !body.is_empty() {
                shown.push_str(SHOWN);
            }
        }
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_keep_what_is_no_secret() {
        for (name, value, wanted) in [
            ("Authorization", "Basic YTpi", "Basic ***"),
            ("authorization", "abc", "***"),
            ("Proxy-Authorization", "Digest username=\"a\", response=\"b\"", "Digest ***"),
            ("Cookie", "sid=1; theme=dark", "sid=***; theme=***"),
            ("Cookie", "odd", "odd"),
            ("Set-Cookie", "sid=1; Path=/; HttpOnly", "sid=***; Path=/; HttpOnly"),
            ("Set-Cookie", "sid=1", "sid=***"),
            ("X-Api-Key", "a b", "***"),
            ("X-CSRFToken", "abc", "***"),
            ("Location", "https://a:b@h/x?token=1&y=2#z", "https://***@h/x?token=***&y=2#z"),
            ("Location", "/x?y=2", "/x?y=2"),
            ("Host", "h:1", "h:1"),
            ("Idempotency-Key", "7", "7"),
            ("Sec-WebSocket-Key", "abc", "abc"),
            ("X-Seen", "/x?y=1&token=2", "/x?y=1&token=***"),
            ("Cache-Control", "max-age=60, private", "max-age=60, private"),
            ("WWW-Authenticate", "Basic realm=\"x\"", "Basic realm=\"x\""),
            ("Content-Type", "a/b", "a/b"),
        ] {
            assert_eq!(header(name, value), wanted, "{name}: {value}");
        }
    }

    #[test]
    fn urls_keep_their_names() {
        for (text, wanted) in [
            ("http://h/x", "http://h/x"),
            ("http://h/x?a=1&b", "http://h/x?a=1&b"),
            ("http://me:pw@h:1", "http://***@h:1"),
            ("http://h/a@b?c@d", "http://h/a@b?c@d"),
            (
                "http://h/x?access_token=1&apiKey=2&key=3&Password=4&sig=5",
                "http://h/x?access_token=***&apiKey=***&key=***&Password=***&sig=***",
            ),
            (
                "http://h/x?keyword=1&tokens=2&pass=&user%5Bpassword%5D=3&user[secret]=4",
                "http://h/x?keyword=1&tokens=2&pass=&user%5Bpassword%5D=***&user[secret]=***",
            ),
            ("/x?session=1#token=2", "/x?session=***#token=***"),
        ] {
            assert_eq!(url(text), wanted);
        }
    }

    #[test]
    fn words_of_a_command_line_keep_their_names() {
        for (word, shown) in [
            ("a.rhai", "a.rhai"),
            ("PASSWORD=hunter2 and more", "PASSWORD=***"),
            ("--param=users=5", "--param=users=5"),
            ("--param=api_token=x", "--param=api_token=***"),
            ("USERS=5", "USERS=5"),
            ("Authorization: Bearer abc", "Authorization: Bearer ***"),
            ("Accept: text/html", "Accept: text/html"),
            ("https://me:pw@host/a?token=x&b=1", "https://***@host/a?token=***&b=1"),
            ("--base-url=http://me:pw@host/", "--base-url=http://***@host/"),
            ("influxdb=http://u:p@host:8086/db", "influxdb=http://***@host:8086/db"),
            ("30s:50", "30s:50"),
            ("T=", "T="),
        ] {
            assert_eq!(shown_word(word), shown);
        }
    }

    #[test]
    fn bodies_keep_their_structure() {
        let json = "application/json; charset=utf-8";
        let form = "application/x-www-form-urlencoded";
        for (kind, text, wanted) in [
            (json, r#"{"user":"a","password":"b\"c","n":1}"#, r#"{"user":"a","password":"***","n":1}"#),
            (json, r#"[{"pin" : 1234, "b":2},{"token":null}]"#, r#"[{"pin" : ***, "b":2},{"token":***}]"#),
            (json, r#"{"session":{"id":"x","secret":"y"}}"#, r#"{"session":{"id":"x","secret":"***"}}"#),
            (json, r#"{"token":"cut he"#, r#"{"token":"***""#),
            (json, r#"{"a":"token","b":"x: \"token\":\"y\""}"#, r#"{"a":"token","b":"x: \"token\":\"y\""}"#),
            (json, r#"{"tok"#, r#"{"tok"#),
            ("text/plain", "say \"hello\": yes", "say \"hello\": yes"),
            (
                "text/plain",
                "no such token=abc, user=d; see /x?key=1",
                "no such token=***, user=d; see /x?key=***",
            ),
            (form, "user=a&password=b%20c&x=", "user=a&password=***&x="),
            (
                "multipart/form-data; boundary=x",
                "--x\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nabc\r\n--x\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\nd\r\n--x--",
                "--x\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n***\r\n--x\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\nd\r\n--x--",
            ),
        ] {
            assert_eq!(body(text, kind), wanted);
        }
    }
}
