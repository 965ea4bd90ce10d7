//! The line editor: history, completion, what is left to write of a call, lines that go on.

use std::borrow::Cow;

use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter, MatchingBracketHighlighter};
use rustyline::hint::{Hint, Hinter};
use rustyline::history::DefaultHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Behavior, ColorMode, CompletionType, Config, Context};

use super::complete::Names;
use super::is_unfinished;
use crate::script::Known;

/// Lines that arrows go through.
const HISTORY_MAX: usize = 10_000;

/// What stands in front of a line.
const PROMPT: &str = "› ";

/// What came of asking for a line.
pub(super) enum Asked {
    Line(String),
    /// Ctrl-C at the prompt: the line is thrown away.
    Cut,
    /// Ctrl-D, or the terminal is gone.
    End,
}

/// Reads lines from a terminal.
pub(super) struct Editor(rustyline::Editor<Assistant, DefaultHistory>);

impl Editor {
    /// With the lines of earlier sessions.
    pub(super) fn open(earlier: &[String], has_colour: bool) -> Result<Self, ReadlineError> {
        let config = Config::builder()
            .max_history_size(HISTORY_MAX)?
            .history_ignore_dups(true)?
            .completion_type(CompletionType::List)
            .completion_show_all_if_ambiguous(true)
            .color_mode(if has_colour { ColorMode::Enabled } else { ColorMode::Disabled })
            // Values go to standard output, which may be a file: the prompt belongs to the terminal.
            .behavior(Behavior::PreferTerm)
            .build();
        let mut editor = rustyline::Editor::with_config(config)?;
        editor.set_helper(Some(Assistant {
            names: Names::new(),
            files: FilenameCompleter::new(),
            brackets: MatchingBracketHighlighter::new(),
            has_colour,
        }));
        for line in earlier {
            editor.add_history_entry(line.as_str())?;
        }
        Ok(Self(editor))
    }

    /// Asks for a line; what lines can name is `known`.
    pub(super) fn ask(&mut self, known: Known) -> Result<Asked, ReadlineError> {
        if let Some(assistant) = self.0.helper_mut() {
            assistant.names.known = known;
        }
        match self.0.readline(PROMPT) {
            Ok(line) => {
                if !line.trim().is_empty() {
                    self.0.add_history_entry(line.as_str())?;
                }
                Ok(Asked::Line(line))
            }
            Err(ReadlineError::Interrupted) => Ok(Asked::Cut),
            Err(ReadlineError::Eof) => Ok(Asked::End),
            Err(error) => Err(error),
        }
    }
}

/// What helps while a line is written.
struct Assistant {
    names: Names,
    files: FilenameCompleter,
    brackets: MatchingBracketHighlighter,
    has_colour: bool,
}

impl rustyline::Helper for Assistant {}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        at: usize,
        context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        if line.starts_with(":load ") {
            return self.files.complete(line, at, context);
        }
        let completions = self.names.complete(&line[..at]);
        let pair = |word: String| Pair { display: word.clone(), replacement: word };
        Ok((completions.start, completions.words.into_iter().map(pair).collect()))
    }
}

/// What is still to be written: shown, and not taken over by the arrow to the right.
struct Rest(String);

impl Hint for Rest {
    fn display(&self) -> &str {
        &self.0
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

impl Hinter for Assistant {
    type Hint = Rest;

    fn hint(&self, line: &str, at: usize, _: &Context<'_>) -> Option<Rest> {
        // Without colour nobody could tell it from what was typed.
        (self.has_colour && at == line.len()).then(|| self.names.arguments(line)).flatten().map(Rest)
    }
}

impl Highlighter for Assistant {
    fn highlight<'l>(&self, line: &'l str, at: usize) -> Cow<'l, str> {
        self.brackets.highlight(line, at)
    }

    fn highlight_char(&self, line: &str, at: usize, kind: CmdKind) -> bool {
        self.brackets.highlight_char(line, at, kind)
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        format!("\x1b[2m{hint}\x1b[0m").into()
    }
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let text = context.input();
        // Two empty lines end what seems to go on: an error says what is open.
        let is_given_up = text.ends_with("\n\n");
        Ok(if is_unfinished(text) && !is_given_up {
            ValidationResult::Incomplete
        } else {
            ValidationResult::Valid(None)
        })
    }
}
