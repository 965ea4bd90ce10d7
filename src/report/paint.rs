//! Colour, columns, and text that is safe to print.

use anstyle::AnsiColor;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::Style;
use crate::diagnostic;

impl Style {
    fn paint(self, style: anstyle::Style, text: &str) -> String {
        if self.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    /// A section's name.
    pub(super) fn heading(self, text: &str) -> String {
        self.paint(anstyle::Style::new().bold(), text)
    }

    /// What holds.
    pub(super) fn good(self, text: &str) -> String {
        self.paint(AnsiColor::Green.on_default(), text)
    }

    /// What doesn't.
    pub(super) fn bad(self, text: &str) -> String {
        self.paint(AnsiColor::Red.on_default().bold(), text)
    }

    /// What a reader should know.
    pub(super) fn note(self, text: &str) -> String {
        self.paint(AnsiColor::Yellow.on_default(), text)
    }

    /// What most readers skip.
    pub(super) fn faint(self, text: &str) -> String {
        self.paint(anstyle::Style::new().dimmed(), text)
    }

    /// `hint:`
    pub(super) fn hint(self) -> String {
        self.paint(AnsiColor::Cyan.on_default().bold(), "hint:")
    }

    /// `✓` or `✗`.
    pub(super) fn mark(self, holds: bool) -> String {
        if holds { self.good("✓") } else { self.bad("✗") }
    }
}

/// One line, safe to print.
pub(super) fn clean(text: &str) -> String {
    diagnostic::clean(text.trim()).replace('\n', " ")
}

/// The columns that a text takes.
pub(super) fn columns(text: &str) -> usize {
    text.width()
}

/// Fills with spaces behind the text.
pub(super) fn left(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}

/// Fills with spaces before the text.
pub(super) fn right(text: &str, width: usize) -> String {
    format!("{}{text}", " ".repeat(width.saturating_sub(columns(text))))
}

/// Cuts a text to a width, and shows that it did.
pub(super) fn cut(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut room = width.saturating_sub(1);
    for c in text.chars() {
        let takes = c.width().unwrap_or(0);
        if takes > room {
            break;
        }
        room -= takes;
        kept.push(c);
    }
    kept + "…"
}

/// Breaks a text at its blanks, so that no line is wider unless a single word is.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if columns(line) + 1 + columns(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The widest of some texts, but at most `most`: one long name must not push everything to the right.
pub(super) fn widest<'a>(texts: impl IntoIterator<Item = &'a str>, most: usize) -> usize {
    texts.into_iter().map(columns).filter(|columns| *columns <= most).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_steer_a_terminal_is_replaced() {
        assert_eq!(clean(" a\u{1b}[31mb\nc\td\u{202e}e "), "a\u{fffd}[31mb c d\u{fffd}e");
    }

    #[test]
    fn columns_are_those_of_the_terminal() {
        assert_eq!(left("値", 4), "値  ");
        assert_eq!(right("µs", 4), "  µs");
        assert_eq!(left("longer", 3), "longer");
    }

    #[test]
    fn a_cut_fits_and_shows() {
        assert_eq!(cut("price", 5), "price");
        assert_eq!(cut("prices", 5), "pric…");
        assert_eq!(cut("値値値", 4), "値…");
    }

    #[test]
    fn a_text_is_broken_at_its_blanks_alone() {
        assert_eq!(wrap("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrap("a considerably b", 4), ["a", "considerably", "b"]);
        assert_eq!(wrap("", 4), [""; 0]);
    }

    #[test]
    fn one_long_text_does_not_set_the_column() {
        assert_eq!(widest(["a", "abc", "abcdefgh"], 5), 3);
    }

    #[test]
    fn colour_adds_and_never_replaces() {
        let plain = Style { colour: false, width: 80 };
        let coloured = Style { colour: true, width: 80 };
        assert_eq!(plain.mark(false), "✗");
        assert_eq!(coloured.mark(false), "\u{1b}[1m\u{1b}[31m✗\u{1b}[0m");
    }
}
