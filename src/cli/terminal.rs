//! The two streams: their width and colour, and the one place that writes to them. Whatever is written
//! goes through the mask of the run's secrets here.

use std::fmt;
use std::io::{ErrorKind, IsTerminal, Write};

use serde::Serialize;

use super::CliError;
use crate::diagnostic::{Diagnostic, Mask, render_masked};

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
}

impl Terminal {
    /// What is hidden in all that is written.
    pub(super) fn mask(&self) -> &Mask {
        &self.mask
    }

    /// Prints data to standard output. Whoever closed the pipe has seen enough, which is no failure.
    pub(super) fn print(&self, text: &str) -> Result<(), CliError> {
        write_out(&self.mask.mask(text))
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
    }
}

fn write_out(text: &str) -> Result<(), CliError> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(CliError::Print(error)),
        _ => Ok(()),
    }
}
