//! Turns pages into what a terminal is sent, so that they stand below what was said and nothing of it is overwritten.
//!
//! The cursor is parked at the end of the page's last line. From there all is relative: up to the page's first line,
//! over the lines that have changed, down again. Lines to be said stand where the page began, which is drawn anew below
//! them. A terminal that has become narrower has broken the page's lines; how many rows they take now is known from their widths.
//! Each frame is one write, between the marks of a synchronised update, which terminals that don't know them ignore.

use std::fmt::Write as _;

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};

use super::cell::columns as width_of;

const BEGIN: &str = "\x1b[?2026h";
const END: &str = "\x1b[?2026l";

/// What is on the terminal.
#[derive(Debug, Default)]
pub(super) struct Painter {
    /// The page's lines as they were sent, with their widths.
    shown: Vec<(String, usize)>,
    /// The terminal's columns then.
    columns: usize,
}

impl Painter {
    /// The page in place of the one before, on a terminal of so many columns, with lines said above it.
    pub(super) fn frame(&mut self, page: &Buffer, columns: usize, said: &str) -> String {
        let lines = encode(page);
        let mut out = String::from(BEGIN);
        let is_same_shape = lines.len() == self.shown.len() && columns == self.columns;
        if is_same_shape && said.is_empty() {
            if lines == self.shown {
                return String::new();
            }
            up(&mut out, lines.len().saturating_sub(1));
            for (at, (line, before)) in lines.iter().zip(&self.shown).enumerate() {
                if at > 0 {
                    out.push_str("\r\x1b[1B");
                }
                if line != before {
                    let _ = write!(out, "{}\x1b[K", line.0);
                }
            }
            // The last line may not have changed: its end is where the cursor belongs.
            if let Some((_, width)) = lines.last().filter(|(_, width)| *width > 0) {
                let _ = write!(out, "\r\x1b[{width}C");
            }
        } else {
            self.wipe(&mut out, columns);
            out.push_str(&said.replace('\n', "\r\n"));
            let texts: Vec<&str> = lines.iter().map(|(line, _)| line.as_str()).collect();
            out.push_str(&texts.join("\r\n"));
        }
        out.push_str(END);
        (self.shown, self.columns) = (lines, columns);
        out
    }

    /// Takes the page away: the cursor stands where it began.
    pub(super) fn clear(&mut self, columns: usize) -> String {
        let mut out = String::new();
        self.wipe(&mut out, columns);
        self.shown.clear();
        out
    }

    /// Leaves the page where it is: the cursor stands below it, and it is no more touched.
    pub(super) fn leave(&mut self) -> String {
        if std::mem::take(&mut self.shown).is_empty() { String::new() } else { "\r\n".to_owned() }
    }

    /// Others have written to the terminal: the page is no more where it was.
    pub(super) fn forget(&mut self) {
        self.shown.clear();
    }

    fn wipe(&self, out: &mut String, columns: usize) {
        if self.shown.is_empty() {
            return;
        }
        // Every line takes a row, and the rest of it as many more as it was broken into.
        let rows = |(_, width): &(String, usize)| width.div_ceil(columns.max(1)).max(1);
        up(out, self.shown.iter().map(rows).sum::<usize>() - 1);
        out.push_str("\x1b[J");
    }
}

/// To the first column, so many rows up.
fn up(out: &mut String, rows: usize) {
    out.push('\r');
    if rows > 0 {
        let _ = write!(out, "\x1b[{rows}A");
    }
}

/// The lines of a page: text and styles, without blanks at the end, and how wide they are.
fn encode(page: &Buffer) -> Vec<(String, usize)> {
    let area = page.area;
    (area.top()..area.bottom()).map(|y| encode_line(page, y)).collect()
}

fn encode_line(page: &Buffer, y: u16) -> (String, usize) {
    let area = page.area;
    let (mut line, mut width) = (String::new(), 0);
    let (mut now, mut blanks, mut x) = (String::new(), 0, area.left());
    while x < area.right() {
        let cell = &page[(x, y)];
        let symbol = cell.symbol();
        let takes = width_of(symbol).max(1);
        x = x.saturating_add(u16::try_from(takes).unwrap_or(u16::MAX));
        let style = sgr(cell.fg, cell.modifier);
        if symbol == " " {
            blanks += 1;
            continue;
        }
        line.push_str(&" ".repeat(blanks));
        width += blanks + takes;
        blanks = 0;
        if style != now {
            // A blank has no style that could be seen.
            let _ = write!(line, "\x1b[0{style}m");
            now = style;
        }
        line.push_str(symbol);
    }
    if !now.is_empty() {
        line.push_str("\x1b[0m");
    }
    (line, width)
}

/// The parameters of a style, behind a reset: `;1;31`.
fn sgr(colour: Color, modifier: Modifier) -> String {
    let mut parameters = String::new();
    for (is_on, code) in [(modifier.contains(Modifier::BOLD), ";1"), (modifier.contains(Modifier::DIM), ";2")]
    {
        if is_on {
            parameters.push_str(code);
        }
    }
    parameters.push_str(match colour {
        Color::Red => ";31",
        Color::Green => ";32",
        Color::Yellow => ";33",
        Color::Cyan => ";36",
        _ => "",
    });
    parameters
}

#[cfg(test)]
mod tests {
    use ratatui::text::Line;

    use super::super::page::draw;
    use super::super::palette::{Palette, plain};
    use super::*;

    fn page(lines: &[Line<'_>]) -> Buffer {
        let rows = u16::try_from(lines.len()).unwrap();
        let mut buffer = Buffer::empty(ratatui::layout::Rect::new(0, 0, 20, rows));
        draw(lines, buffer.area, &mut buffer);
        buffer
    }

    fn lines(texts: &[&'static str]) -> Buffer {
        page(&texts.iter().map(|text| Line::from(*text)).collect::<Vec<_>>())
    }

    /// A frame without its marks.
    fn frame(painter: &mut Painter, page: &Buffer, columns: usize, said: &str) -> String {
        let frame = painter.frame(page, columns, said);
        frame.strip_prefix(BEGIN).map_or(String::new(), |frame| frame.strip_suffix(END).unwrap().to_owned())
    }

    #[test]
    fn only_lines_that_have_changed_are_sent_again() {
        let mut painter = Painter::default();
        assert_eq!(frame(&mut painter, &lines(&["one", "two", "three"]), 21, ""), "one\r\ntwo\r\nthree");
        assert_eq!(frame(&mut painter, &lines(&["one", "two", "three"]), 21, ""), "");
        let changed = frame(&mut painter, &lines(&["one", "2", "three"]), 21, "");
        assert_eq!(changed, "\r\x1b[2A\r\x1b[1B2\x1b[K\r\x1b[1B\r\x1b[5C");
    }

    #[test]
    fn what_is_said_stands_above_the_page() {
        let mut painter = Painter::default();
        frame(&mut painter, &lines(&["one", "two"]), 21, "");
        assert_eq!(
            frame(&mut painter, &lines(&["one", "two"]), 21, "a\nb\n"),
            "\r\x1b[1A\x1b[Ja\r\nb\r\none\r\ntwo"
        );
    }

    #[test]
    fn a_page_of_another_height_is_drawn_anew() {
        let mut painter = Painter::default();
        frame(&mut painter, &lines(&["one", "two"]), 21, "");
        assert_eq!(frame(&mut painter, &lines(&["one"]), 21, ""), "\r\x1b[1A\x1b[Jone");
        assert_eq!(painter.clear(21), "\r\x1b[J");
        assert_eq!(painter.clear(21), "", "nothing is left to take away");
    }

    #[test]
    fn lines_that_a_narrower_terminal_has_broken_are_taken_away_whole() {
        let mut painter = Painter::default();
        frame(&mut painter, &lines(&["0123456789", "", "01234"]), 21, "");
        assert_eq!(painter.clear(4), "\r\x1b[5A\x1b[J", "three rows, one and two, the cursor in the last");
    }

    #[test]
    fn styles_are_sent_where_they_begin_and_never_without_colour() {
        let line = |colour| {
            let palette = Palette { colour };
            page(&[Line::from(vec![palette.mark(false), plain(" a "), palette.faint("値")])])
        };
        assert_eq!(
            frame(&mut Painter::default(), &line(true), 21, ""),
            "\x1b[0;1;31m✗\x1b[0m \x1b[0ma \x1b[0;2m値\x1b[0m".replace("\x1b[0m \x1b[0ma", " \x1b[0ma")
        );
        assert_eq!(frame(&mut Painter::default(), &line(false), 21, ""), "✗ a 値");
    }
}
