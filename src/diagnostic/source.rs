//! A source text and a place in it. Lines and columns count from 1, columns in characters, as Rhai does.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A place in a source: line and column from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A text that a diagnostic can quote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The name as the user wrote it, usually a relative path.
    pub name: String,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// The text of a line, counted from 1, without its line ending.
    pub fn line(&self, line: u32) -> Option<&str> {
        let index = usize::try_from(line).ok()?.checked_sub(1)?;
        self.text.lines().nth(index)
    }

    /// How many characters the word at a position has: a name, a number, a quoted text; else one.
    pub fn word_length(&self, position: Position) -> u32 {
        let skip = position.column.saturating_sub(1) as usize;
        let rest: Vec<char> = self.line(position.line).unwrap_or("").chars().skip(skip).collect();
        let length = match rest.first() {
            Some(quote @ ('"' | '`')) => quoted_length(&rest, *quote),
            Some(first) if is_word(*first) => rest.iter().take_while(|c| is_word(**c)).count(),
            _ => 1,
        };
        u32::try_from(length).unwrap_or(u32::MAX)
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Through the closing quote, or to the end of the line where there is none.
fn quoted_length(rest: &[char], quote: char) -> usize {
    let mut escaped = false;
    for (index, c) in rest.iter().enumerate().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if *c == quote => return index + 1,
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(text: &str, line: u32, column: u32) -> u32 {
        Source { name: "a.rhai".into(), text: text.into() }.word_length(Position { line, column })
    }

    #[test]
    fn a_word_ends_where_the_token_ends() {
        assert_eq!(length("let symböl_1 = 3;", 1, 5), 8);
        assert_eq!(length("x\r\nfoo(\"a \\\" b\", 1)", 2, 5), 8);
        assert_eq!(length("f(\"open", 1, 3), 5);
        assert_eq!(length("a + b", 1, 3), 1);
    }

    #[test]
    fn a_place_outside_the_text_has_one_character() {
        assert_eq!(length("a", 1, 9), 1);
        assert_eq!(length("a", 7, 1), 1);
        assert_eq!(length("", 0, 0), 1);
    }
}
