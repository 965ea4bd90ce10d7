//! From an error to what the user sees and the exit code, and each code in words.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io;
use std::process::ExitCode;

use super::CliError;
use super::terminal::Terminal;
use crate::diagnostic::{Code, Diagnostic, exit_code, worst_exit_code};
use crate::session::SessionError;

/// Prints the error to stderr and gives its exit code.
pub(super) fn report(terminal: &Terminal, error: &CliError) -> ExitCode {
    show(terminal, error);
    ExitCode::from(code_of(error))
}

/// Prints the error to stderr, unless that was done.
pub(super) fn show(terminal: &Terminal, error: &CliError) {
    if let Some(diagnostic) = diagnostic(error) {
        terminal.print_diagnostic(&diagnostic);
    }
}

/// Says panics through the terminal, which hides secrets: what a panic quotes may hold one.
pub(super) fn watch_panics(terminal: &Terminal) {
    let terminal = terminal.clone();
    std::panic::set_hook(Box::new(move |panic| {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("unnamed");
        // As without a hook: empty unless the environment asks for it.
        let trace = match Backtrace::capture() {
            trace if trace.status() == BacktraceStatus::Captured => format!("{trace}"),
            _ => "note: run with `RUST_BACKTRACE=1` to see where it came from\n".to_owned(),
        };
        terminal.say(format_args!("\nthread `{name}`: {panic}\n{trace}"));
    }));
}

/// The exit code of a panic outside of scripts; what it says has been printed by then.
pub(super) fn report_panic(terminal: &Terminal) -> ExitCode {
    terminal.print_diagnostic(
        &Diagnostic::new(Code::Bug, format!("runner {} panicked", env!("CARGO_PKG_VERSION")))
            .hint("this is a bug: please report it with the lines above and the script"),
    );
    ExitCode::from(exit_code(Code::Bug))
}

/// An exit code, in words.
pub(super) struct ExitWord {
    pub(super) code: u8,
    /// What it means, in half a sentence.
    pub(super) about: &'static str,
    /// What to do.
    pub(super) advice: &'static str,
}

const fn word(code: u8, about: &'static str, advice: &'static str) -> ExitWord {
    ExitWord { code, about, advice }
}

/// Every exit code, in order: what `runner explain 99` reads.
pub(super) const EXIT_WORDS: &[ExitWord] = &[
    word(0, "the run passed: every target holds, and nothing went wrong", "nothing"),
    word(
        1,
        "something else failed: a port that is taken, a signal that can't be waited for",
        "read the error above",
    ),
    word(2, "the command line is wrong", "see `runner COMMAND --help`"),
    word(
        99,
        "a target failed, or the service could not be reached",
        "the last line names the targets; a failed preflight names the host",
    ),
    word(100, "`setup` took longer than it may", "look at what it waits for, or set `setup_timeout`"),
    word(101, "`teardown` took longer than it may", "look at what it waits for, or set `teardown_timeout`"),
    word(104, "the plan or an option is wrong", "the error shows the line; `runner check` shows all of them"),
    word(
        105,
        "the user stopped the run (Ctrl-C, SIGTERM)",
        "nothing: what ran until then stands in the summary",
    ),
    word(106, "the control interface could not start", "name another address, or free the port"),
    word(
        107,
        "the script threw: at the top level, in `setup` or `teardown`, or in every iteration of a scenario",
        "the error shows file, line and column",
    ),
    word(108, "the script called `abort`", "its reason stands in the last line"),
    word(109, "a bug of runner", "please report it, with the script and the lines above"),
    word(
        111,
        "inconclusive: the generator was the limit, or less than 99 % of the load was delivered, so the run says nothing of the service",
        "the first line names the rules; `runner explain RULE` says what each means and what to do",
    ),
    word(112, "results could not be written or printed", "look at the disk and at who reads standard output"),
];

fn code_of(error: &CliError) -> u8 {
    worst_exit_code(&codes(error)).unwrap_or_else(|| exit_code(Code::Other))
}

/// Every kind of failure that an error is made of.
pub(super) fn codes(error: &CliError) -> Vec<Code> {
    match error {
        CliError::Listen { .. }
        | CliError::Serve(_)
        | CliError::Signal(_)
        | CliError::Session(SessionError::Demo(_) | SessionError::Null(_)) => vec![Code::Other],
        CliError::Print(_) | CliError::Calibration(_) | CliError::Profile(_) => vec![Code::Results],
        CliError::Session(SessionError::Engine(error)) if error.is_lack() => vec![Code::Inconclusive],
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
        CliError::Session(SessionError::Engine(error)) if error.is_lack() => Some(
            plain(error)
                .hint("that says nothing of the service: look at `ulimit -n`, `ulimit -u` and the memory"),
        ),
        CliError::Session(SessionError::Engine(_)) => Some(
            plain(error)
                .note(format!("runner {}", env!("CARGO_PKG_VERSION")))
                .hint("if memory and limits are in order, please report it"),
        ),
        CliError::Listen { .. }
        | CliError::Serve(_)
        | CliError::Signal(_)
        | CliError::Print(_)
        | CliError::Calibration(_)
        | CliError::Profile(_)
        | CliError::Json(_)
        | CliError::Session(_) => Some(plain(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "hunter2Tango";

    /// Set for the child alone.
    const PANICS: &str = "RUNNER_TEST_PANICS";

    /// The child of the test below: it panics with a secret, on a thread as workers do.
    #[test]
    fn a_panic_with_a_secret() {
        if std::env::var_os(PANICS).is_none() {
            return;
        }
        let terminal = Terminal::default();
        terminal.mask().hide(SECRET);
        watch_panics(&terminal);
        let worker = std::thread::Builder::new().name("worker-3".to_owned());
        let ended = worker.spawn(|| panic!("no such key: {SECRET}, as {SECRET:?}")).expect("a thread").join();
        assert!(ended.is_err());
    }

    #[test]
    fn what_a_panic_says_goes_through_the_mask() {
        let tests = std::env::current_exe().expect("the program of these tests");
        let child = std::process::Command::new(tests)
            .args(["--exact", "cli::exit::tests::a_panic_with_a_secret", "--nocapture"])
            .env(PANICS, "1")
            .env("RUST_BACKTRACE", "0")
            .output()
            .expect("it starts");
        let said = String::from_utf8_lossy(&child.stderr);
        assert!(child.status.success() && !said.contains(SECRET), "{said}");
        assert!(said.contains("thread `worker-3`: panicked at src/cli/exit.rs:"), "{said}");
        assert!(said.contains("no such key: ***, as \"***\""), "{said}");
    }

    #[test]
    fn every_exit_code_is_explained() {
        assert!(EXIT_WORDS.is_sorted_by(|a, b| a.code < b.code));
        let codes = [
            Code::Usage,
            Code::Target,
            Code::Preflight,
            Code::SetupTimeout,
            Code::TeardownTimeout,
            Code::Plan,
            Code::Interrupted,
            Code::Control,
            Code::Script,
            Code::Setup,
            Code::Teardown,
            Code::Aborted,
            Code::Bug,
            Code::Inconclusive,
            Code::Results,
            Code::Other,
        ];
        for code in codes.map(exit_code) {
            assert!(EXIT_WORDS.iter().any(|word| word.code == code), "{code}");
        }
    }
}
