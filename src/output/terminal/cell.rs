//! Texts in columns of the terminal.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The columns that a text takes.
pub(super) fn columns(text: &str) -> usize {
    text.width()
}

/// Cuts a text to a width, and shows that it did.
pub(super) fn cut(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let mut room = width.saturating_sub(1);
    let fits = |c: &char| match room.checked_sub(c.width().unwrap_or(0)) {
        Some(rest) => {
            room = rest;
            true
        }
        None => false,
    };
    text.chars().take_while(fits).chain((width > 0).then_some('…')).collect()
}

/// Exactly so wide, with the text at the left.
pub(super) fn left(text: &str, width: usize) -> String {
    let text = cut(text, width);
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(&text))))
}

/// At least so wide, with the text at the right: a figure is never cut.
pub(super) fn right(text: &str, width: usize) -> String {
    format!("{}{text}", " ".repeat(width.saturating_sub(columns(text))))
}

/// The widest of some texts, but at most `most`.
pub(super) fn widest<'a>(texts: impl IntoIterator<Item = &'a str>, most: usize) -> usize {
    texts.into_iter().map(columns).max().unwrap_or(0).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_and_figures_are_not() {
        assert_eq!([left("prices", 5), left("値値値", 5), left("a", 3)], ["pric…", "値値…", "a  "]);
        assert_eq!([right("12.1ms", 8), right("123,456,789", 4)], ["  12.1ms", "123,456,789"]);
        assert_eq!(
            (cut("abc", 0), cut("abc", 1), widest(["a", "abcd"], 3)),
            (String::new(), "…".to_owned(), 3)
        );
    }
}
