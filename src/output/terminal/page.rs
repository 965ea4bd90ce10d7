//! The page: which lines stand where, and how rooms are dealt out to tables when a terminal is low.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::board::{Board, Overlay};
use super::section::Section;
use super::{endpoints, head, overlay, verdicts};

/// A narrower or lower terminal shows one line.
const COLUMNS_MIN: usize = 60;
const ROWS_MIN: usize = 9;

/// From here on graphs have several rows, if all else has its room too.
const ROWS_TALL: usize = 30;

/// The rows of a graph in a tall page.
const GRAPH_ROWS: usize = 3;

/// The lines of the page, at most so many; none is wider than the columns.
pub(super) fn page(board: &Board, columns: usize, rows: usize) -> Vec<Line<'static>> {
    if columns < COLUMNS_MIN || rows < ROWS_MIN {
        return vec![head::state_line(board, columns)];
    }
    let graph_rows = if rows >= ROWS_TALL { GRAPH_ROWS } else { 1 };
    let mut lines = vec![head::state_line(board, columns)];
    let foot = head::foot(board, columns);
    if board.overlay == Overlay::None {
        lines.extend(head::graphs(board.run(), board.palette, columns, graph_rows));
        let health = head::health(board.run(), board.palette, columns);
        let room = rows - lines.len() - 1 - health.len();
        lines.extend(tables(board, columns, room));
        lines.extend(health);
    } else {
        lines.extend(overlay::lines(board, columns, rows - lines.len() - 1));
    }
    lines.push(foot);
    lines
}

/// The tables, in so many lines.
fn tables(board: &Board, columns: usize, rows: usize) -> Vec<Line<'static>> {
    let (run, palette) = (board.run(), board.palette);
    let sections: Vec<Section> = [
        head::scenarios(board, columns),
        endpoints::table(run, palette, columns),
        verdicts::checks(run, palette, columns),
        verdicts::targets(run, palette, columns),
        verdicts::failures(run, palette, columns),
    ]
    .into_iter()
    .filter(|section| !section.is_empty())
    .collect();
    let wants: Vec<usize> = sections.iter().map(Section::height).collect();
    let least: Vec<usize> = sections.iter().map(|section| section.least).collect();
    // With room enough each has a blank line before it, and its name.
    let is_roomy = wants.iter().sum::<usize>() + 2 * sections.len() < rows;
    let given = deal(rows, &wants, &least);
    let mut lines = Vec::new();
    for (section, given) in sections.iter().zip(given) {
        if is_roomy {
            lines.push(Line::default());
            lines.extend(section.title(palette));
        }
        lines.extend(section.lines(given, palette));
    }
    if is_roomy {
        lines.push(Line::default());
    }
    lines
}

/// Deals rows out: everyone gets one more in turn, until each has the least that it can do with; then until each has what
/// it wants, or none is left.
fn deal(rows: usize, wants: &[usize], least: &[usize]) -> Vec<usize> {
    let mut given = vec![0; wants.len()];
    let mut left = rows;
    let least: Vec<usize> = least.iter().zip(wants).map(|(least, want)| *least.min(want)).collect();
    for wanted in [&least[..], wants] {
        while left > 0 && given.iter().zip(wanted).any(|(given, want)| given < want) {
            for (given, want) in given.iter_mut().zip(wanted) {
                if *given < *want && left > 0 {
                    *given += 1;
                    left -= 1;
                }
            }
        }
    }
    given
}

/// Draws lines, one below the other.
pub(super) fn draw(lines: &[Line<'_>], area: Rect, buffer: &mut Buffer) {
    for (y, line) in (area.top()..area.bottom()).zip(lines) {
        buffer.set_line(area.left(), y, line, area.width);
    }
}

#[cfg(test)]
pub(super) mod tests;
