//! The one place that turns a diagnostic into text for people.
//!
//! `error: ` or `warning: ` and what is wrong, where, the source line with carets below, then notes and the hint.
//! Carets stay right under tabs and wide characters, long lines are cut around them, and control
//! characters of a script never reach the terminal. Colour, if asked for, repeats what the words say.

use std::ops::Range;

use super::mask::SHOWN;
use super::{Diagnostic, Label, Mask, Severity, Source};
use unicode_width::UnicodeWidthChar;

/// Columns that a tab takes in a quoted line.
const TAB_COLUMNS: usize = 4;
/// A quoted line gets at least this many columns, however narrow the terminal.
const LINE_COLUMNS_MIN: usize = 20;
/// Columns of context kept before the caret when a long line is cut.
const CONTEXT_COLUMNS: usize = 16;
const CUT: char = '…';

/// Prints a diagnostic, ending in a newline. `width` is the terminal's, in columns.
pub fn render(diagnostic: &Diagnostic, colour: bool, width: usize) -> String {
    render_masked(diagnostic, &Mask::default(), colour, width)
}

/// The same without the secrets, those in quoted lines included. Places stay those of the file.
pub fn render_masked(diagnostic: &Diagnostic, mask: &Mask, colour: bool, width: usize) -> String {
    let clean = |text: &str| clean(&mask.mask(text));
    let paint = Paint { colour, severity: diagnostic.severity };
    let message = paint.bold(&clean(&diagnostic.message));
    let head = paint.strong(&format!("{}:", diagnostic.severity.as_str()));
    let mut lines = vec![format!("{head} {message}")];
    let gutter =
        diagnostic.labels.iter().map(|label| label.position.line.to_string().len()).fold(2, usize::max);
    for (index, label) in diagnostic.labels.iter().enumerate() {
        let arrow = if index == 0 { "-->" } else { ":::" };
        let name = label.source.as_ref().map(|source| format!("{}:", clean(&source.name)));
        let place = format!("{}{}", name.unwrap_or_default(), label.position);
        lines.push(format!("{:gutter$}{} {place}", "", paint.gutter(arrow)));
        if let Some((line, span)) = label.source.as_ref().and_then(|source| quoted(source, label, mask)) {
            let quote = Quote::new(&line, span, width.saturating_sub(gutter + 3));
            let number = paint.gutter(&format!("{:>gutter$} |", label.position.line));
            let bar = paint.gutter(&format!("{:gutter$} |", ""));
            let carets = format!("{} {}", quote.carets, clean(&label.text));
            let carets = paint.strong(carets.trim_end());
            lines.push(bar.clone());
            lines.push(format!("{number}{}", indent(&quote.text)));
            lines.push(format!("{bar} {:skip$}{carets}", "", skip = quote.skip));
        }
    }
    if !diagnostic.notes.is_empty() || diagnostic.hint.is_some() || diagnostic.lint.is_some() {
        lines.push(String::new());
    }
    for note in &diagnostic.notes {
        lines.push(format!("{} {}", paint.gutter("note:"), clean(note)));
    }
    if let Some(lint) = diagnostic.lint {
        lines.push(format!("{} `// runner: allow({lint})` allows it", paint.gutter("note:")));
    }
    if let Some(hint) = &diagnostic.hint {
        lines.push(format!("{} {}", paint.hint("hint:"), clean(hint)));
    }
    lines.join("\n") + "\n"
}

/// The line of a label without secrets, and the characters that the carets span.
fn quoted(source: &Source, label: &Label, mask: &Mask) -> Option<(String, Range<usize>)> {
    let line = source.line(label.position.line)?;
    let first = label.position.column.saturating_sub(1) as usize;
    let last = first.saturating_add(label.length.max(1) as usize);
    // In the whole text: a secret may span lines.
    let hidden = mask.find(&source.text);
    if hidden.is_empty() {
        return Some((line.to_owned(), first..last));
    }
    let before = source.text.split_inclusive('\n').take(label.position.line as usize - 1);
    let start = before.map(str::len).sum::<usize>();
    let mut shown = String::new();
    let mut length = 0;
    // Where each character went; those of a secret all to what stands for it.
    let mut places: Vec<Range<usize>> = Vec::new();
    let mut last_hidden = None;
    for (byte, c) in line.char_indices() {
        let hides = hidden.iter().position(|range| range.contains(&(start + byte)));
        if hides.is_none() {
            shown.push(c);
            length += 1;
            places.push(length - 1..length);
        } else {
            if hides != last_hidden {
                shown.push_str(SHOWN);
                length += SHOWN.len();
            }
            places.push(length - SHOWN.len()..length);
        }
        last_hidden = hides;
    }
    let begin = places.get(first).map_or(length, |place| place.start);
    let end = places.get(last - 1).map_or(length, |place| place.end);
    Some((shown, begin..end.max(begin + 1)))
}

/// A source line as shown, and where its carets go.
struct Quote {
    text: String,
    skip: usize,
    carets: String,
}

impl Quote {
    fn new(line: &str, Range { start: first, end: last }: Range<usize>, width: usize) -> Quote {
        let width = width.max(LINE_COLUMNS_MIN);

        // Every character as shown, with the columns it takes.
        let cells: Vec<(String, usize)> = line.chars().map(cell).collect();
        let columns = |range: &[(String, usize)]| range.iter().map(|(_, columns)| columns).sum::<usize>();
        let first = first.min(cells.len()); // one past the end is where a missing token belongs
        let last = last.min(cells.len()).max(first);
        let (mut from, mut to) = (0, cells.len());
        if columns(&cells) > width {
            // Keep some context before the caret, then as much as fits; both cuts cost a column.
            while columns(&cells[from..first]) > CONTEXT_COLUMNS.min(width / 2) {
                from += 1;
            }
            // Near the end of the line there is room for more context.
            while from > 0 && columns(&cells[from - 1..]) + 1 < width {
                from -= 1;
            }
            let room = width - usize::from(from > 0);
            if columns(&cells[from..]) > room {
                while columns(&cells[from..to]) + 1 > room {
                    to -= 1;
                }
            }
        }
        let mut text = String::new();
        if from > 0 {
            text.push(CUT);
        }
        text.extend(cells[from..to].iter().map(|(shown, _)| shown.as_str()));
        if to < cells.len() {
            text.push(CUT);
        }
        let last = last.min(to);
        let skip = usize::from(from > 0) + columns(&cells[from..first]);
        Quote { text, skip, carets: "^".repeat(columns(&cells[first..last.max(first)]).max(1)) }
    }
}

/// A character as shown in a quoted line, and the columns it takes.
fn cell(c: char) -> (String, usize) {
    match c {
        '\t' => (" ".repeat(TAB_COLUMNS), TAB_COLUMNS),
        c if is_hostile(c) => (char::REPLACEMENT_CHARACTER.to_string(), 1),
        c => (c.to_string(), c.width().unwrap_or(0)),
    }
}

/// Control characters could move the cursor, and marks of direction could show code that isn't there.
pub(super) fn is_hostile(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text of somebody else's, safe to print: line breaks stay, tabs become spaces, and what could steer a
/// terminal or turn text around is replaced.
pub fn clean(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' => '\n',
            '\t' => ' ',
            c if is_hostile(c) => char::REPLACEMENT_CHARACTER,
            c => c,
        })
        .collect()
}

/// A space before the quoted line, unless that would be all there is.
fn indent(text: &str) -> String {
    let text = text.trim_end();
    if text.is_empty() { String::new() } else { format!(" {text}") }
}

struct Paint {
    colour: bool,
    severity: Severity,
}

impl Paint {
    fn paint(&self, style: anstyle::Style, text: &str) -> String {
        if self.colour { format!("{style}{text}{style:#}") } else { text.to_string() }
    }

    fn strong(&self, text: &str) -> String {
        let colour = match self.severity {
            Severity::Error => anstyle::AnsiColor::Red,
            Severity::Warning => anstyle::AnsiColor::Yellow,
        };
        self.paint(colour.on_default().bold(), text)
    }

    fn gutter(&self, text: &str) -> String {
        self.paint(anstyle::AnsiColor::Blue.on_default().bold(), text)
    }

    fn hint(&self, text: &str) -> String {
        self.paint(anstyle::AnsiColor::Cyan.on_default().bold(), text)
    }

    fn bold(&self, text: &str) -> String {
        self.paint(anstyle::Style::new().bold(), text)
    }
}

#[cfg(test)]
mod tests;
