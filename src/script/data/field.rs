//! One field of CSV (RFC 4180): where its text lies and what follows it.
//!
//! Reading a file and reading a row later go through here, so that both see the same.

use std::borrow::Cow;

/// What ends a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Another field of the row follows.
    Field,
    /// The row is over.
    Row,
}

/// A field of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    from: usize,
    to: usize,
    /// Whether there are quotes in it, which are doubled.
    has_quotes: bool,
    pub(super) end: End,
    /// Where the next field or row begins.
    pub(super) next: usize,
}

/// Why a field can't be read, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// The quote that opens here is never closed.
    Unclosed(usize),
    /// Something stands here, between a closing quote and the next delimiter.
    AfterQuote(usize),
}

impl Field {
    /// Reads the field that begins at `at`.
    pub(super) fn read(text: &str, at: usize, delimiter: u8) -> Result<Self, Broken> {
        let bytes = text.as_bytes();
        if bytes.get(at) == Some(&b'"') {
            return Self::quoted(bytes, at, delimiter);
        }
        match memchr::memchr2(delimiter, b'\n', &bytes[at..]) {
            Some(length) if bytes[at + length] == delimiter => {
                let to = at + length;
                Ok(Self { from: at, to, has_quotes: false, end: End::Field, next: to + 1 })
            }
            found => {
                let line = found.map_or(bytes.len(), |length| at + length);
                let to = at + bytes[at..line].strip_suffix(b"\r").unwrap_or(&bytes[at..line]).len();
                let next = (line + 1).min(bytes.len());
                Ok(Self { from: at, to, has_quotes: false, end: End::Row, next })
            }
        }
    }

    fn quoted(bytes: &[u8], at: usize, delimiter: u8) -> Result<Self, Broken> {
        let from = at + 1;
        let (mut to, mut has_quotes) = (from, false);
        loop {
            to += memchr::memchr(b'"', &bytes[to..]).ok_or(Broken::Unclosed(at))?;
            if bytes.get(to + 1) != Some(&b'"') {
                break;
            }
            has_quotes = true;
            to += 2;
        }
        let (end, next) = match bytes.get(to + 1..).unwrap_or_default() {
            [] | [b'\r'] => (End::Row, bytes.len()),
            [first, ..] if *first == delimiter => (End::Field, to + 2),
            [b'\n', ..] => (End::Row, to + 2),
            [b'\r', b'\n', ..] => (End::Row, to + 3),
            _ => return Err(Broken::AfterQuote(to + 1)),
        };
        Ok(Self { from, to, has_quotes, end, next })
    }

    /// What it says.
    pub(super) fn value<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let raw = &text[self.from..self.to];
        if self.has_quotes { Cow::Owned(raw.replace("\"\"", "\"")) } else { Cow::Borrowed(raw) }
    }

    /// Where its text begins.
    pub(super) fn start(&self) -> usize {
        self.from
    }
}

/// The first row from `at` that isn't blank.
pub(super) fn row_start(text: &str, mut at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    loop {
        at += match bytes.get(at..)? {
            [] | [b'\r'] => return None,
            [b'\n', ..] => 1,
            [b'\r', b'\n', ..] => 2,
            _ => return Some(at),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All rows of a text.
    fn rows(text: &str, delimiter: u8) -> Result<Vec<Vec<String>>, Broken> {
        let (mut rows, mut at) = (Vec::new(), 0);
        while let Some(mut next) = row_start(text, at) {
            let mut row = Vec::new();
            loop {
                let field = Field::read(text, next, delimiter)?;
                row.push(field.value(text).into_owned());
                next = field.next;
                if field.end == End::Row {
                    break;
                }
            }
            rows.push(row);
            at = next;
        }
        Ok(rows)
    }

    #[test]
    fn fields_are_read_as_spreadsheets_write_them() {
        for (text, expected) in [
            ("a,b", vec![vec!["a", "b"]]),
            ("a,b\r\n1,2\r\n", vec![vec!["a", "b"], vec!["1", "2"]]),
            ("a,\n,b\n", vec![vec!["a", ""], vec!["", "b"]]),
            ("\"a,b\",\"c\nd\"\n\"\"\"\",x\r\n", vec![vec!["a,b", "c\nd"], vec!["\"", "x"]]),
            ("5\" pipe, x \n", vec![vec!["5\" pipe", " x "]]),
            ("\n\na\n\r\n\"\"\n", vec![vec!["a"], vec![""]]),
            ("a,\"b\"\r", vec![vec!["a", "b"]]),
        ] {
            assert_eq!(rows(text, b',').unwrap(), expected, "{text:?}");
        }
        assert_eq!(rows("a;b,c\n", b';').unwrap(), [["a", "b,c"]]);
    }

    #[test]
    fn broken_quotes_are_found_where_they_are() {
        assert_eq!(rows("a,\"b\nc\n", b','), Err(Broken::Unclosed(2)));
        assert_eq!(rows("a,\"b\"c\n", b','), Err(Broken::AfterQuote(5)));
        assert_eq!(rows("\"\"\"", b','), Err(Broken::Unclosed(0)));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            table in prop::collection::vec(prop::collection::vec("[a-z,;\"\n\r ü]{0,6}", 2..4), 1..5)
        ) {
            for end in ["\n", "\r\n"] {
                let text: String = table.iter().map(|row| {
                    let fields: Vec<String> =
                        row.iter().map(|field| format!("\"{}\"", field.replace('"', "\"\""))).collect();
                    fields.join(",") + end
                }).collect();
                prop_assert_eq!(rows(&text, b',').unwrap(), table.clone());
            }
        }

        #[test]
        fn nothing_hangs_or_panics(text in "[a,\"\n\rü]{0,40}") {
            let _ = rows(&text, b',');
        }
    }
}
