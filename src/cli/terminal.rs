//! The two streams: their width and colour, and the one place that writes to them.

use std::fmt;
use std::io::{ErrorKind, IsTerminal, Write};

use super::CliError;
use crate::diagnostic::{Diagnostic, render};

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

/// Prints data to standard output. Whoever closed the pipe has seen enough, which is no failure.
pub(super) fn print(text: &str) -> Result<(), CliError> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(CliError::Print(error)),
        _ => Ok(()),
    }
}

/// Says something on standard error. If nobody can hear it, the run goes on.
pub(super) fn say(text: fmt::Arguments<'_>) {
    let _ = anstream::stderr().lock().write_fmt(text);
}

/// Prints a diagnostic to standard error; colours go where they can't be seen.
pub(super) fn print_diagnostic(diagnostic: &Diagnostic) {
    say(format_args!("{}\n", render(diagnostic, true, width().max(60)).trim_end()));
}
