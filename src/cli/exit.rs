//! From an error to what the user sees and the exit code: the only place that gives codes.

use std::io;
use std::process::ExitCode;

use super::CliError;
use super::terminal::Terminal;
use crate::diagnostic::{Code, Diagnostic};
use crate::session::SessionError;

/// Prints the error to stderr and gives its exit code.
pub(super) fn report(terminal: &Terminal, error: &CliError) -> ExitCode {
    if let Some(diagnostic) = diagnostic(error) {
        terminal.print_diagnostic(&diagnostic);
    }
    ExitCode::from(code_of(error))
}

/// The exit code of a panic outside of scripts; what it says has been printed by then.
pub(super) fn report_panic(terminal: &Terminal) -> ExitCode {
    terminal.print_diagnostic(
        &Diagnostic::new(Code::Bug, format!("runner {} panicked", env!("CARGO_PKG_VERSION")))
            .hint("this is a bug: please report it with the lines above and the script"),
    );
    ExitCode::from(exit_code(Code::Bug))
}

/// The exit code of a kind of failure.
fn exit_code(code: Code) -> u8 {
    match code {
        Code::Usage => 2,
        Code::Target | Code::Preflight => 99,
        Code::SetupTimeout => 100,
        Code::TeardownTimeout => 101,
        Code::Plan => 104,
        Code::Interrupted => 105,
        Code::Control => 106,
        Code::Script | Code::Setup | Code::Teardown => 107,
        Code::Aborted => 108,
        Code::Bug => 109,
        Code::Inconclusive => 111,
        Code::Results => 112,
        Code::Other => 1,
    }
}

/// Exit codes by what weighs more, when several apply: whose fault it is comes before what was measured.
const BY_WEIGHT: [u8; 9] = [109, 107, 100, 101, 108, 112, 105, 111, 99];

/// The weightiest exit code; those outside of a run's own weigh most.
fn worst(codes: &[Code]) -> u8 {
    let weight = |code: &u8| BY_WEIGHT.iter().position(|known| known == code).map_or(0, |place| place + 1);
    codes.iter().map(|code| exit_code(*code)).min_by_key(weight).unwrap_or_else(|| exit_code(Code::Other))
}

fn code_of(error: &CliError) -> u8 {
    worst(&codes(error))
}

/// Every kind of failure that an error is made of.
pub(super) fn codes(error: &CliError) -> Vec<Code> {
    match error {
        CliError::Listen { .. }
        | CliError::Serve(_)
        | CliError::Signal(_)
        | CliError::Session(SessionError::Demo(_)) => vec![Code::Other],
        CliError::Print(_) => vec![Code::Results],
        CliError::Json(_) | CliError::Session(SessionError::Engine(_)) => vec![Code::Bug],
        CliError::NotPassed(codes) => codes.clone(),
        CliError::Refused(diagnostic) | CliError::Session(SessionError::Refused(diagnostic)) => {
            vec![diagnostic.code]
        }
    }
}

/// What is printed; nothing where the summary has said it.
fn diagnostic(error: &CliError) -> Option<Diagnostic> {
    let plain = |error: &dyn std::fmt::Display| Diagnostic::new(Code::Other, error.to_string());
    match error {
        CliError::NotPassed(_) => None,
        CliError::Refused(diagnostic) | CliError::Session(SessionError::Refused(diagnostic)) => {
            Some((**diagnostic).clone())
        }
        CliError::Listen { error: cause, .. } if cause.kind() == io::ErrorKind::AddrInUse => {
            Some(plain(error).hint("another process listens there: name another port, or 0 for any free one"))
        }
        CliError::Listen { error: cause, .. } if cause.kind() == io::ErrorKind::PermissionDenied => {
            Some(plain(error).hint("ports below 1024 need rights: name a higher one"))
        }
        CliError::Session(SessionError::Engine(_)) => Some(
            plain(error)
                .note(format!("runner {}", env!("CARGO_PKG_VERSION")))
                .hint("if memory and limits are in order, please report it"),
        ),
        CliError::Listen { .. }
        | CliError::Serve(_)
        | CliError::Signal(_)
        | CliError::Print(_)
        | CliError::Json(_)
        | CliError::Session(_) => Some(plain(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weightiest_failure_gives_the_code() {
        assert_eq!(worst(&[Code::Target, Code::Script]), 107);
        assert_eq!(worst(&[Code::Script, Code::Bug, Code::Target]), 109);
        assert_eq!(worst(&[Code::Target, Code::Interrupted]), 105);
        assert_eq!(worst(&[Code::TeardownTimeout, Code::Target]), 101);
        assert_eq!(worst(&[Code::Target]), 99);
    }
}
