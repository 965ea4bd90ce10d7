//! Width and colour of the streams, and the one place that prints diagnostics.

use std::io::IsTerminal;

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

/// Prints a diagnostic to standard error; colours go where they can't be seen.
pub(super) fn print_diagnostic(diagnostic: &Diagnostic) {
    anstream::eprintln!("{}", render(diagnostic, true, width().max(60)).trim_end());
}
