//! What stands in front of the tables while it is asked for: the keys, or what failed with an example of each kind.

use ratatui::text::{Line, Span};

use super::board::{Board, Overlay};
use super::cell::{left, widest};
use super::head::fit;
use super::palette::{Palette, plain};
use super::steer::KEYS;
use super::stretch::one_line;
use crate::diagnostic::render_masked;
use crate::report::{Style, example_lines};
use crate::results::Examples;
use crate::units::format_count;

/// What is asked for, in so many lines at most.
pub(super) fn lines(board: &Board, columns: usize, rows: usize) -> Vec<Line<'static>> {
    let palette = board.palette;
    let all = match board.overlay {
        Overlay::None => Vec::new(),
        Overlay::Help => help(palette, columns),
        Overlay::Failures => failures(board, columns),
    };
    let room = rows.saturating_sub(1);
    // Never past the end: the last lines stay on the page.
    let from = board.scroll.min(all.len().saturating_sub(room));
    let left = all.len().saturating_sub(from + room);
    let mut lines: Vec<Line<'static>> = all.into_iter().skip(from).take(room).collect();
    if left > 0 || from > 0 {
        let text =
            format!("  lines {}–{}, {} more below", from + 1, from + lines.len(), format_count(left as u64));
        lines.push(Line::from(palette.faint(text)));
    }
    lines
}

fn help(palette: Palette, columns: usize) -> Vec<Line<'static>> {
    let width = widest(KEYS.iter().map(|(key, _)| *key), columns);
    let line = |(key, does): &(&str, &str)| {
        fit(vec![plain("  "), palette.strong(left(key, width)), plain(format!("  {does}"))], columns)
    };
    let title = Line::from(palette.strong("KEYS"));
    std::iter::once(title).chain(KEYS.iter().map(line)).collect()
}

fn failures(board: &Board, columns: usize) -> Vec<Line<'static>> {
    let (run, palette) = (board.run(), board.palette);
    let mut lines = vec![Line::from(palette.strong("FAILURES"))];
    for failure in &run.failures {
        let text = render_masked(&failure.diagnostic, &board.mask, false, columns.max(60));
        lines.extend(text.trim_end().lines().map(|line| fit(vec![plain(one_line(line))], columns)));
        lines.push(Line::default());
    }
    let examples = Examples { list: run.examples.clone(), more: 0 };
    let style = Style { colour: false, width: columns };
    for line in example_lines(&examples, style) {
        // Whole, however long: a line for a shell is there to be copied.
        for part in wrapped(&one_line(&line), columns) {
            let is_title = part.trim_start().starts_with('✗');
            let span: Span<'static> = if is_title { palette.bad(part) } else { plain(part) };
            lines.push(Line::from(span));
        }
    }
    if lines.len() == 1 {
        lines.push(Line::from(palette.good("  ✓ nothing has failed so far")));
    }
    lines
}

/// Breaks a text at the columns.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut room = columns;
    for c in text.chars() {
        let takes = unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        if takes > room {
            parts.push(String::new());
            room = columns;
        }
        room = room.saturating_sub(takes);
        parts.last_mut().expect("there is one").push(c);
    }
    parts
}
