//! From an error to what the user sees and the exit code: the only place that gives codes.

use std::io;
use std::process::ExitCode;

use super::CliError;
use crate::diagnostic::{Code, Diagnostic, render};

/// Columns of a diagnostic; lines of source are cut to it.
const WIDTH: usize = 120;

/// Prints the error to stderr and gives its exit code.
pub(super) fn report(error: &CliError) -> ExitCode {
    let diagnostic = Diagnostic::new(Code::Other, error.to_string());
    let diagnostic = match hint(error) {
        Some(hint) => diagnostic.hint(hint),
        None => diagnostic,
    };
    anstream::eprintln!("{}", render(&diagnostic, true, WIDTH).trim_end());
    ExitCode::from(code(error))
}

fn code(error: &CliError) -> u8 {
    match error {
        CliError::Listen { .. } | CliError::Serve(_) | CliError::Signal(_) => 1,
    }
}

fn hint(error: &CliError) -> Option<String> {
    match error {
        CliError::Listen { error, .. } if error.kind() == io::ErrorKind::AddrInUse => {
            Some("another process listens there: name another port, or 0 for any free one".to_string())
        }
        CliError::Listen { error, .. } if error.kind() == io::ErrorKind::PermissionDenied => {
            Some("ports below 1024 need rights: name a higher one".to_string())
        }
        CliError::Listen { .. } | CliError::Serve(_) | CliError::Signal(_) => None,
    }
}
