//! All that was typed and loaded, as one text to the interpreter: so that an error in a function of an earlier line
//! shows that line.
//!
//! Rhai tells lines without their file. Each entry is compiled below what is kept of the earlier ones, and a place
//! is then told by the text that its line came from. Only entries that define functions are kept.

use std::sync::Arc;

use crate::diagnostic::{Code, Diagnostic, Source};

/// Lines that the interpreter tells apart; see `rhai::Position`.
const LINES_MAX: u32 = u16::MAX as u32 - 1;

/// What typed lines are called.
const TYPED: &str = "repl";

/// Where an entry came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A person, or a pipe, as its line of that number, from 1.
    Line(u32),
    /// A file of this name.
    File(String),
}

/// A part of the text, and where it came from.
#[derive(Debug)]
struct Part {
    /// Its first line in the whole text.
    start: u32,
    source: Arc<Source>,
    /// The same line in its source.
    first: u32,
}

/// All that was read.
#[derive(Debug)]
pub(super) struct Transcript {
    name: String,
    kept: String,
    lines: u32,
    parts: Vec<Part>,
    /// The last part, and its text, while nobody has said whether it is kept.
    entry: String,
    source: Arc<Source>,
}

impl Transcript {
    /// Goes on below a script.
    pub(super) fn new(script: &Arc<Source>) -> Self {
        let mut kept = script.text.clone();
        if !kept.is_empty() && !kept.ends_with('\n') {
            kept.push('\n');
        }
        let lines = line_count(&kept);
        let whole = Part { start: 1, source: Arc::clone(script), first: 1 };
        let parts = if kept.is_empty() { Vec::new() } else { vec![whole] };
        Self {
            name: script.name.clone(),
            kept,
            lines,
            parts,
            entry: String::new(),
            source: Arc::clone(script),
        }
    }

    /// Takes an entry down, and gives what is to be compiled: the entry on its lines.
    pub(super) fn begin(&mut self, text: &str, origin: &Origin) -> Result<String, Box<Diagnostic>> {
        self.keep(false);
        let count = line_count(text).max(1);
        if self.lines.saturating_add(count) > LINES_MAX {
            return Err(Box::new(
                Diagnostic::new(Code::Script, format!("more than {LINES_MAX} lines of functions"))
                    .hint("`:reset` begins anew; keep what is long in a script, and start with it"),
            ));
        }
        let (source, first) = match origin {
            Origin::File(name) => (Source { name: name.clone(), text: text.to_owned() }, 1),
            Origin::Line(line) => {
                let above = "\n".repeat(line.saturating_sub(1) as usize);
                (Source { name: TYPED.to_owned(), text: above + text }, *line)
            }
        };
        self.parts.push(Part { start: self.lines + 1, source: Arc::new(source), first });
        self.entry = format!("{text}\n");
        let text = format!("{}{}", self.kept, self.entry);
        self.source = Arc::new(Source { name: self.name.clone(), text });
        Ok("\n".repeat(self.lines as usize) + &self.entry)
    }

    /// The whole text, with the entry that was begun last.
    pub(super) fn source(&self) -> Arc<Source> {
        Arc::clone(&self.source)
    }

    /// Keeps the entry for good, since later ones may come back to it; or only until the next one.
    pub(super) fn keep(&mut self, keep: bool) {
        if self.entry.is_empty() {
            return;
        }
        if keep {
            self.kept.push_str(&std::mem::take(&mut self.entry));
            self.lines = line_count(&self.kept);
        } else if self.parts.last().is_some_and(|part| part.start > self.lines) {
            // It was told of by now.
            self.parts.pop();
            self.entry.clear();
        }
    }

    /// The diagnostic with the places that the author knows.
    pub(super) fn relocated(&self, mut diagnostic: Diagnostic) -> Diagnostic {
        for label in &mut diagnostic.labels {
            if label.source.as_ref().is_none_or(|source| !Arc::ptr_eq(source, &self.source)) {
                continue;
            }
            let line = label.position.line;
            if let Some(part) = self.parts.iter().rev().find(|part| part.start <= line) {
                label.position.line = line - part.start + part.first;
                label.source = Some(Arc::clone(&part.source));
            }
        }
        diagnostic
    }
}

fn line_count(text: &str) -> u32 {
    u32::try_from(text.lines().count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Position;

    fn script(text: &str) -> Arc<Source> {
        Arc::new(Source { name: "flow.rhai".to_owned(), text: text.to_owned() })
    }

    /// Where a place of the whole text is told to be, and the line that is quoted.
    fn told(transcript: &Transcript, line: u32) -> (String, Option<String>) {
        let place = Position { line, column: 1 };
        let diagnostic = Diagnostic::new(Code::Script, "x").at(&transcript.source(), place, "");
        let label = transcript.relocated(diagnostic).labels.remove(0);
        let source = label.source.expect("it had one");
        let quoted = source.line(label.position.line).map(str::to_owned);
        (format!("{}:{}", source.name, label.position), quoted)
    }

    #[test]
    fn places_are_those_of_the_text_that_a_line_came_from() {
        let mut transcript = Transcript::new(&script("fn a() {\n}"));
        assert_eq!(transcript.begin("1 + 1", &Origin::Line(1)).unwrap(), "\n\n1 + 1\n");
        assert_eq!(told(&transcript, 1), ("flow.rhai:1:1".to_owned(), Some("fn a() {".to_owned())));
        assert_eq!(told(&transcript, 3), ("repl:1:1".to_owned(), Some("1 + 1".to_owned())));
        // What is not kept leaves no lines behind.
        let function = "fn b() {\n  x\n}";
        assert_eq!(transcript.begin(function, &Origin::Line(2)).unwrap(), format!("\n\n{function}\n"));
        transcript.keep(true);
        assert_eq!(told(&transcript, 4), ("repl:3:1".to_owned(), Some("  x".to_owned())));
        let file = Origin::File("more.rhai".to_owned());
        assert_eq!(transcript.begin("\nb()", &file).unwrap(), "\n\n\n\n\n\nb()\n");
        assert_eq!(told(&transcript, 7), ("more.rhai:2:1".to_owned(), Some("b()".to_owned())));
        assert_eq!(told(&transcript, 4), ("repl:3:1".to_owned(), Some("  x".to_owned())));
        transcript.begin("z", &Origin::Line(9)).unwrap();
        assert_eq!(told(&transcript, 6), ("repl:9:1".to_owned(), Some("z".to_owned())));
    }

    #[test]
    fn more_lines_than_the_interpreter_counts_are_refused() {
        let mut transcript = Transcript::new(&script(""));
        assert!(transcript.begin(&"\n".repeat(70_000), &Origin::Line(1)).is_err());
        transcript.begin("1", &Origin::Line(1)).unwrap();
        assert_eq!(told(&transcript, 1).1.as_deref(), Some("1"));
    }
}
