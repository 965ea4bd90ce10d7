//! The two streams: their width and colour, and the one place that writes to them. Whatever is written
//! goes through the mask of the run's secrets here.

use std::fmt;
use std::io::{ErrorKind, IsTerminal, Write};

use serde::Serialize;

use super::CliError;
use super::log::{Entry, Log, Rest, Speaker};
use crate::diagnostic::{Diagnostic, Mask, clean, render_masked};
use crate::script::{Level, LogLine};

/// Columns where no terminal says how wide it is.
const WIDTH: usize = 120;

/// Columns of standard error's terminal.
pub(super) fn width() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stderr()).ok();
    size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0).unwrap_or(WIDTH)
}

/// Whether standard error is looked at by a person.
pub(super) fn is_watched() -> bool {
    std::io::stderr().is_terminal()
}

/// Whether standard output takes colours.
pub(super) fn stdout_has_colour() -> bool {
    anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never
}

/// Where a command writes.
#[derive(Debug, Clone, Default)]
pub(super) struct Terminal {
    mask: Mask,
    log: Log,
}

impl Terminal {
    /// What is hidden in all that is written.
    pub(super) fn mask(&self) -> &Mask {
        &self.mask
    }

    /// The same, with a log of its own.
    pub(super) fn logging(&self, log: Log) -> Self {
        Self { mask: self.mask.clone(), log }
    }

    /// What of the log could not be written, if anything.
    pub(super) fn log_failure(&self) -> Option<Diagnostic> {
        self.log.failure()
    }

    /// Tells, on the log, what a user should know.
    pub(super) fn note(&self, text: fmt::Arguments<'_>) {
        self.enter(Level::Info, "note:", &text.to_string(), None);
    }

    /// Tells, on the log, what a user should look at.
    pub(super) fn warn(&self, text: fmt::Arguments<'_>) {
        self.enter(Level::Warn, "warning:", &text.to_string(), None);
    }

    /// Puts a line of a script on the log; with the script's name, where there are several.
    pub(super) fn hand_on(&self, script: &str, line: &LogLine) {
        // What a service sent may be in it.
        let text = clean(&self.mask.mask(&line.text));
        let (script, scenario) = (clean(script), self.mask.mask(&line.scenario));
        let mut prefix = line.level.name().to_owned();
        if !script.is_empty() {
            prefix = format!("{prefix} {script}");
        }
        if !scenario.is_empty() {
            prefix = format!("{prefix} [{scenario} #{}]", line.vu);
        }
        let speaker = Speaker { script: &script, scenario: &scenario, vu: line.vu };
        self.enter(line.level, &prefix, &text, Some(speaker));
    }

    fn enter(&self, level: Level, prefix: &str, text: &str, speaker: Option<Speaker<'_>>) {
        let (prefix, text) = (self.mask.mask(prefix), self.mask.mask(text));
        self.lay_down(self.log.take(&Entry { level, prefix: &prefix, text: &text, speaker }));
    }

    fn lay_down(&self, rest: Rest) {
        match rest {
            Rest::Stderr(line) => self.say(format_args!("{line}")),
            // That nobody reads it is no reason to end a run.
            Rest::Stdout(line) => _ = write_out(&self.mask.mask(&line)),
            Rest::Nothing => {}
        }
    }

    /// Prints data to standard output. Whoever closed the pipe has seen enough, which is no failure.
    pub(super) fn print(&self, text: &str) -> Result<(), CliError> {
        write_out(&self.mask.mask(text))
    }

    /// Prints data in which no secret is left: a mask over the whole of JSON could hide what makes it JSON.
    pub(super) fn print_masked(text: &str) -> Result<(), CliError> {
        write_out(text)
    }

    /// Prints a value as JSON. Its texts are masked before they are written: between them stands what
    /// makes it JSON.
    pub(super) fn print_json(&self, value: &impl Serialize) -> Result<(), CliError> {
        let mut value = serde_json::to_value(value)?;
        self.mask.apply_json(&mut value);
        write_out(&(serde_json::to_string_pretty(&value)? + "\n"))
    }

    /// Says something on standard error. If nobody can hear it, the run goes on.
    pub(super) fn say(&self, text: fmt::Arguments<'_>) {
        let text = text.to_string();
        let _ = anstream::stderr().lock().write_all(self.mask.mask(&text).as_bytes());
    }

    /// Prints a diagnostic to standard error; colours go where they can't be seen.
    pub(super) fn print_diagnostic(&self, diagnostic: &Diagnostic) {
        let text = render_masked(diagnostic, &self.mask, true, width().max(60));
        self.say(format_args!("{}\n", text.trim_end()));
        let plain = render_masked(diagnostic, &self.mask, false, width().max(60));
        self.lay_down(self.log.copy(diagnostic.severity, plain.trim_end()));
    }
}

fn write_out(text: &str) -> Result<(), CliError> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(CliError::Print(error)),
        _ => Ok(()),
    }
}
