//! The two streams: their width and colour, and the one place that writes to them. Whatever is written
//! goes through the mask of the run's secrets here.

use std::fmt;
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use anstream::adapter::strip_str;
use serde::Serialize;

use super::CliError;
use super::log::{Entry, Log, Rest, Speaker};
use crate::diagnostic::{Diagnostic, Mask, clean, render_masked};
use crate::output::Voice;
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

/// Whether standard error's terminal can't move its cursor, or nobody says what it can.
pub(super) fn is_dumb() -> bool {
    std::env::var("TERM").is_ok_and(|name| name.is_empty() || name == "dumb")
        || std::env::var_os("TERM").is_none()
}

/// Whether standard output takes colours.
pub(super) fn stdout_has_colour() -> bool {
    anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never
}

/// Whether standard error takes colours.
pub(super) fn stderr_has_colour() -> bool {
    anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
}

/// Where a command writes. A clone writes to the same place, above a view that is up.
#[derive(Debug, Clone, Default)]
pub(super) struct Terminal {
    mask: Mask,
    log: Log,
    /// The view that is up, if one is.
    view: Arc<Mutex<Option<Voice>>>,
}

impl Terminal {
    /// What is hidden in all that is written.
    pub(super) fn mask(&self) -> &Mask {
        &self.mask
    }

    /// The same, with a log of its own.
    pub(super) fn logging(&self, log: Log) -> Self {
        Self { log, ..self.clone() }
    }

    /// What is said goes above a view from now on, until that is gone.
    pub(super) fn speak_above(&self, view: Voice) {
        *self.view.lock().unwrap_or_else(PoisonError::into_inner) = Some(view);
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
            Rest::Stdout(line) => {
                let line = self.mask.mask(&line);
                // Both streams may be one terminal.
                if !(std::io::stdout().is_terminal() && self.is_said_above(&line)) {
                    let _ = write_out(&line);
                }
            }
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
        let text = self.mask.mask(&text);
        if !self.is_said_above(&text) {
            let _ = anstream::stderr().lock().write_all(text.as_bytes());
        }
    }

    /// Says a whole line, where the line of the progress may stand.
    pub(super) fn say_line(&self, line: &str) {
        let line = format!("{}\n", self.mask.mask(line));
        if !self.is_said_above(&line) {
            let clear = if is_watched() { "\r\x1b[K" } else { "" };
            let _ = anstream::stderr().lock().write_all(format!("{clear}{line}").as_bytes());
        }
    }

    /// Says it above the view, if one is up.
    fn is_said_above(&self, text: &str) -> bool {
        let view = self.view.lock().unwrap_or_else(PoisonError::into_inner).clone();
        view.is_some_and(|view| {
            if stderr_has_colour() { view.say(text) } else { view.say(&strip_str(text).to_string()) }
        })
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
