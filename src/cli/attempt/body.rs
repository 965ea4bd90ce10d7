//! A body as a trace shows it: hidden secrets first, then cut, JSON in lines.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use crate::diagnostic::Mask;

/// Bytes that are shown unless all are asked for.
const SHOWN_MAX_BYTES: usize = 1_024;

/// Bytes in which secrets are looked for, where not all are shown: none is cut in two at what is shown.
const LOOKED_AT_MAX_BYTES: usize = 64 << 10;

/// Blanks of a level of JSON.
const INDENT: usize = 2;

/// What is shown of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Excerpt {
    /// None where it is no text.
    pub(super) text: Option<String>,
    /// Bytes of the whole body.
    pub(super) bytes: usize,
    /// Bytes that are not shown.
    pub(super) rest: usize,
}

impl Excerpt {
    /// Of a body; `full` shows all of it.
    pub(super) fn of(body: &[u8], full: bool, mask: &Mask) -> Self {
        let bytes = body.len();
        let looked_at = if full { body } else { &body[..bytes.min(LOOKED_AT_MAX_BYTES)] };
        let text = match std::str::from_utf8(looked_at) {
            Ok(text) => text,
            // Cut within a character.
            Err(error) if error.error_len().is_none() && looked_at.len() < bytes => {
                std::str::from_utf8(&looked_at[..error.valid_up_to()]).unwrap_or_default()
            }
            Err(_) => return Self { text: None, bytes, rest: bytes },
        };
        if text.contains('\0') {
            return Self { text: None, bytes, rest: bytes };
        }
        let mut text = mask.mask(text).into_owned();
        let mut rest = bytes - looked_at.len();
        if !full && text.len() > SHOWN_MAX_BYTES {
            let end = text.floor_char_boundary(SHOWN_MAX_BYTES);
            rest += text.len() - end;
            text.truncate(end);
        }
        Self { text: Some(text), bytes, rest }
    }

    /// The text, JSON in lines where it is whole and would not fit into one of so many columns.
    pub(super) fn lines(&self, columns: usize) -> Vec<Cow<'_, str>> {
        let Some(text) = self.text.as_deref() else { return Vec::new() };
        let is_long = text.chars().count() > columns || self.rest > 0;
        let is_json = text.trim_start().starts_with(['{', '[']);
        if is_json && is_long && (self.rest > 0 || serde_json::from_str::<IgnoredAny>(text).is_ok()) {
            return laid_out(text).lines().map(|line| Cow::Owned(line.to_owned())).collect();
        }
        text.trim_end().lines().map(Cow::Borrowed).collect()
    }
}

/// JSON, or the beginning of it, in lines. Nothing but blanks between its tokens is changed: numbers and names stay as they
/// were sent.
fn laid_out(json: &str) -> String {
    let mut out = String::new();
    let (mut level, mut in_text, mut is_escaped) = (0_usize, false, false);
    let mut rest = json.trim().chars().peekable();
    let line = |out: &mut String, level: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', level * INDENT));
    };
    while let Some(c) = rest.next() {
        if in_text {
            out.push(c);
            match c {
                _ if is_escaped => is_escaped = false,
                '\\' => is_escaped = true,
                '"' => in_text = false,
                _ => {}
            }
            continue;
        }
        match c {
            ' ' | '\t' | '\r' | '\n' => {}
            '{' | '[' => {
                out.push(c);
                while rest.next_if(char::is_ascii_whitespace).is_some() {}
                if let Some(close) = rest.next_if(|c| matches!(c, '}' | ']')) {
                    out.push(close);
                } else {
                    level += 1;
                    line(&mut out, level);
                }
            }
            '}' | ']' => {
                level = level.saturating_sub(1);
                line(&mut out, level);
                out.push(c);
            }
            ',' => {
                out.push(c);
                line(&mut out, level);
            }
            ':' => out.push_str(": "),
            c => {
                in_text = c == '"';
                out.push(c);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excerpt(body: &[u8], full: bool) -> Excerpt {
        Excerpt::of(body, full, &Mask::default())
    }

    #[test]
    fn json_is_laid_out_and_says_what_it_said() {
        let json = r#"{"a":1.0,"b":[ ],"c":{"d":"x:{,}\"","e":[1e400,2]}}"#;
        let lines = "{\n  \"a\": 1.0,\n  \"b\": [],\n  \"c\": {\n    \"d\": \"x:{,}\\\"\",\n    \"e\": [\n      1e400,\n      2\n    ]\n  }\n}";
        assert_eq!(laid_out(json), lines);
        assert_eq!(excerpt(json.as_bytes(), false).lines(200), [json], "what fits into a line is one");
        assert_eq!(excerpt(b"{not json", false).lines(3), ["{not json"]);
    }

    #[test]
    fn a_long_body_is_cut_and_says_how_much_is_missing() {
        let body = "ä".repeat(1_000);
        let cut = excerpt(body.as_bytes(), false);
        assert_eq!((cut.bytes, cut.rest, cut.text.unwrap().len()), (2_000, 976, 1_024));
        let whole = excerpt(body.as_bytes(), true);
        assert_eq!((whole.rest, whole.text.unwrap().len()), (0, 2_000));
        // Cut within a character at what is looked at.
        let body = format!("x{}", "ä".repeat(40_000));
        assert!(excerpt(body.as_bytes(), false).text.is_some());
    }

    #[test]
    fn what_is_no_text_is_told_as_such() {
        assert_eq!(excerpt(b"\x89PNG\xff", true), Excerpt { text: None, bytes: 5, rest: 5 });
        assert_eq!(excerpt(b"a\0b", false).text, None);
    }

    #[test]
    fn a_secret_is_hidden_before_the_cut() {
        let mask = Mask::default();
        mask.hide("hunter2Tango");
        let body = format!("{}hunter2Tango", "x".repeat(1_020));
        let cut = Excerpt::of(body.as_bytes(), false, &mask);
        assert!(!cut.text.unwrap().contains("hunt"));
    }
}
