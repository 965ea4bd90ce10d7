//! A part of the page that can be cut: a table, or a list.

use ratatui::text::{Line, Span};

use super::palette::Palette;
use crate::units::format_count;

/// A part of the page.
#[derive(Debug, Default)]
pub(super) struct Section {
    /// What it is called, where there is room for that.
    pub(super) title: &'static str,
    /// Its first line, which stays.
    pub(super) head: Option<Line<'static>>,
    /// Its items, each of as many lines as the others.
    pub(super) items: Vec<Vec<Line<'static>>>,
    /// A line for what is left out already.
    pub(super) more: Option<Line<'static>>,
    /// The lines without which it says little.
    pub(super) least: usize,
}

impl Section {
    /// A list of lines.
    pub(super) fn list(title: &'static str, least: usize, lines: Vec<Line<'static>>) -> Self {
        Self { title, least, items: lines.into_iter().map(|line| vec![line]).collect(), ..Self::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The lines that it wants.
    pub(super) fn height(&self) -> usize {
        let items: usize = self.items.iter().map(Vec::len).sum();
        usize::from(self.head.is_some()) + items + usize::from(self.more.is_some())
    }

    /// Its name; a table has that in its first line.
    pub(super) fn title(&self, palette: Palette) -> Option<Line<'static>> {
        self.head.is_none().then(|| Line::from(palette.strong(self.title)))
    }

    /// All of it, or as much as fits into so many lines, with the rest counted.
    pub(super) fn lines(&self, rows: usize, palette: Palette) -> Vec<Line<'static>> {
        let each = self.items.first().map_or(1, Vec::len);
        let mut lines: Vec<Line<'static>> = self.head.clone().into_iter().collect();
        if rows >= self.height() {
            lines.extend(self.items.iter().flatten().cloned());
            lines.extend(self.more.clone());
            return lines;
        }
        let room = rows.saturating_sub(lines.len());
        // One item without a count says more than a count without an item.
        let whole = if room > each { (room - 1) / each } else { usize::from(room >= each) };
        let shown = whole.min(self.items.len());
        lines.extend(self.items[..shown].iter().flatten().cloned());
        let left = self.items.len() - shown;
        if lines.len() < rows && left > 0 {
            let text = format!("  +{} more", format_count(left as u64));
            let mut spans: Vec<Span<'static>> = vec![palette.faint(text)];
            spans.extend(self.more.iter().map(|_| palette.faint(", and others")));
            lines.push(Line::from(spans));
        }
        lines.truncate(rows);
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(section: &Section, rows: usize) -> Vec<String> {
        section.lines(rows, Palette { colour: false }).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_list_that_is_cut_counts_the_rest() {
        let section = Section::list("", 1, ["a", "b", "c"].map(Line::from).to_vec());
        assert_eq!(section.height(), 3);
        assert_eq!(texts(&section, 3), ["a", "b", "c"]);
        assert_eq!(texts(&section, 2), ["a", "  +2 more"]);
        assert_eq!(texts(&section, 1), ["a"]);
        assert!(texts(&section, 0).is_empty());
    }

    #[test]
    fn items_of_two_lines_are_not_torn() {
        let pair = |text: &'static str| vec![Line::from(text), Line::from("was")];
        let section = Section {
            head: Some(Line::from("head")),
            items: vec![pair("a"), pair("b")],
            ..Section::default()
        };
        assert_eq!(texts(&section, 5), ["head", "a", "was", "b", "was"]);
        assert_eq!(texts(&section, 4), ["head", "a", "was", "  +1 more"]);
        assert_eq!(texts(&section, 2), ["head", "  +2 more"]);
    }
}
