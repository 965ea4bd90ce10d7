//! The command line: a file per subcommand, errors to exit codes in one place.
//!
//! stdout is data, stderr is talk. A subcommand is a variant of `Command`, its arm in
//! `Command::run`, and a file. `runner SCRIPT` is `runner run SCRIPT`.

mod calibrate;
mod check;
mod demo;
mod doctor;
mod editor;
mod error;
mod exit;
mod explain;
mod functions;
mod hit;
mod http;
mod inspect;
mod keep;
mod log;
mod new;
mod own_summary;
mod profile;
mod progress;
mod report;
mod reports;
mod results;
mod run;
mod runs;
mod script;
mod signals;
mod summary;
mod terminal;

use std::ffi::OsString;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser, Subcommand};

pub use error::CliError;
use terminal::Terminal;

/// Scriptable performance tests: user flows in Rhai, measured honestly, judged for CI.
#[derive(Debug, Parser)]
#[command(name = "runner", version, about, arg_required_else_help = true)]
#[command(after_help = "`runner SCRIPT` is `runner run SCRIPT`.")]
struct Arguments {
    /// No colours, as with the environment variable `NO_COLOR`
    #[arg(long, global = true)]
    no_color: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Play a script, print its summary, say pass or fail
    Run(run::Arguments),
    /// Put load on a URL, without a script
    Hit(hit::Arguments),
    /// Look whether a script would run, without a request
    Check(check::Arguments),
    /// Print the plan that a script declares, without a request
    Inspect(inspect::Arguments),
    /// Write a script to start from
    New(new::Arguments),
    /// List what a script can call: all, a module, or a function
    Functions(functions::Arguments),
    /// Say what a code means: a rule of the generator's, an exit code, an error code, a lint
    Explain(explain::Arguments),
    /// Measure what this machine gives as a load generator: its top rate and its noise floor
    Calibrate(calibrate::Arguments),
    /// Look at this machine as a load generator: what stands in the way, and the command that changes it
    Doctor(doctor::Arguments),
    /// Tell a run that is kept again; of one that died, what is known up to its last second
    Report(report::Arguments),
    /// Look at the runs that were kept: list, show, tag, remove old ones
    Runs(runs::Arguments),
    /// Serve the sample service (or, with `--null`, a bare server for benches) until interrupted
    Demo(demo::Arguments),
}

impl Command {
    fn run(self, terminal: &Terminal) -> Result<(), CliError> {
        match self {
            Self::Run(arguments) => run::run(&arguments, terminal),
            Self::Hit(arguments) => hit::run(&arguments, terminal),
            Self::Check(arguments) => check::run(&arguments, terminal),
            Self::Inspect(arguments) => inspect::run(&arguments, terminal),
            Self::New(arguments) => new::run(&arguments, terminal),
            Self::Functions(arguments) => functions::run(&arguments, terminal),
            Self::Explain(arguments) => explain::run(&arguments, terminal),
            Self::Calibrate(arguments) => calibrate::run(&arguments, terminal),
            Self::Doctor(arguments) => doctor::run(&arguments, terminal),
            Self::Report(arguments) => report::run(&arguments, terminal),
            Self::Runs(arguments) => runs::run(&arguments, terminal),
            Self::Demo(arguments) => demo::run(&arguments, terminal),
        }
    }
}

/// Parses the process's arguments, runs the subcommand, and reports its failure.
pub fn main() -> ExitCode {
    // Clap ends the process itself for `--help` (0) and for a wrong command line (2).
    let words = with_command(std::env::args_os().collect());
    let arguments =
        Arguments::try_parse_from(&words).unwrap_or_else(|error| with_source(error, &words).exit());
    if arguments.no_color {
        anstream::ColorChoice::Never.write_global();
    }
    let terminal = Terminal::default();
    exit::watch_panics(&terminal);
    // A panic of ours has a code of its own: the system's 101 is a teardown that timed out.
    match std::panic::catch_unwind(AssertUnwindSafe(|| arguments.command.run(&terminal))) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => exit::report(&terminal, &error),
        Err(_) => exit::report_panic(&terminal),
    }
}

/// Says so when a wrong value comes from an environment variable: clap names the flag alone.
fn with_source(mut error: clap::Error, words: &[OsString]) -> clap::Error {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let (flag, value) = (text(ContextKind::InvalidArg), text(ContextKind::InvalidValue));
    let mut command = Arguments::command();
    command.build();
    let flags = command.get_subcommands().flat_map(clap::Command::get_arguments);
    let variable = flags
        .filter(|argument| Some(argument.to_string()) == flag)
        .find_map(|argument| argument.get_env()?.to_str());
    // Behind the program's own path, which may hold any value by chance.
    let is_written =
        value.is_some_and(|value| words.iter().skip(1).any(|word| word.to_string_lossy().contains(&value)));
    if let Some(variable) = variable.filter(|variable| !is_written && std::env::var_os(variable).is_some()) {
        let tip = format!("the value comes from the environment variable `{variable}`");
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

/// Puts `run` in front of a script, or of flags of `run`. A word that is neither a file nor looks like
/// one is left to clap, which knows subcommands like it.
fn with_command(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let Some(first) = arguments.get(1).and_then(|first| first.to_str()) else { return arguments };
    let is_command = Arguments::command().get_subcommands().any(|command| command.get_name() == first);
    let is_ours = matches!(first, "help" | "-h" | "--help" | "-V" | "--version");
    let is_script = first.starts_with('-') || first.contains(['.', '/']) || Path::new(first).is_file();
    if !is_command && !is_ours && is_script {
        arguments.insert(1, OsString::from("run"));
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(line: &str) -> String {
        let arguments = line.split(' ').map(OsString::from).collect();
        let words: Vec<String> =
            with_command(arguments).into_iter().map(|word| word.into_string().unwrap()).collect();
        words.join(" ")
    }

    #[test]
    fn a_script_alone_is_run() {
        assert_eq!(completed("runner a.rhai -u 5"), "runner run a.rhai -u 5");
        assert_eq!(completed("runner -u 5 a.rhai"), "runner run -u 5 a.rhai");
        assert_eq!(completed("runner -"), "runner run -");
        for same in
            ["runner", "runner run a.rhai", "runner demo", "runner --help", "runner -V", "runner chekc"]
        {
            assert_eq!(completed(same), same);
        }
    }

    #[test]
    fn a_wrong_value_on_the_command_line_is_not_blamed_on_the_environment() {
        let words: Vec<OsString> = ["runner", "run", "-u", "abc", "a.rhai"].map(OsString::from).into();
        let error = with_source(Arguments::try_parse_from(&words).unwrap_err(), &words);
        assert!(error.to_string().contains("'abc' for '--vus <N>'"), "{error}");
        assert!(!error.to_string().contains("environment"), "{error}");
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
