//! The command line: a file per subcommand, errors to exit codes in one place.
//!
//! stdout is data, stderr is talk. A subcommand is a variant of `Command`, its arm in
//! `Command::run`, and a file. `runner SCRIPT` is `runner run SCRIPT`.

mod attempt;
mod calibrate;
mod check;
mod control_api;
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
mod live;
mod log;
mod new;
mod news;
mod own_summary;
mod profile;
mod progress;
mod repl;
mod report;
mod reports;
mod results;
mod run;
mod runs;
mod script;
mod signals;
mod summary;
mod terminal;
mod watch;
mod words;

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use error::CliError;
use terminal::Terminal;
use words::{with_command, with_source};

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
    Run(Box<run::Arguments>),
    /// Put load on a URL, without a script
    Hit(hit::Arguments),
    /// Play one iteration of a script, and show each request, check and variable
    Try(attempt::Arguments),
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
    /// Try lines at a prompt: requests, functions, a script's own; from a pipe too
    Repl(repl::Arguments),
    /// Tell a run that is kept again; of one that died, what is known up to its last second
    Report(report::Arguments),
    /// Look at the runs that were kept: list, show, tag, remove old ones
    Runs(runs::Arguments),
    /// Play a script that is edited meanwhile: a save is felt at once
    Watch(watch::Arguments),
    /// Serve the sample service (or, with `--null`, a bare server for benches) until interrupted
    Demo(demo::Arguments),
}

impl Command {
    fn run(self, terminal: &Terminal) -> Result<(), CliError> {
        match self {
            Self::Run(arguments) => run::run(&arguments, terminal),
            Self::Hit(arguments) => hit::run(&arguments, terminal),
            Self::Try(arguments) => attempt::run(&arguments, terminal),
            Self::Check(arguments) => check::run(&arguments, terminal),
            Self::Inspect(arguments) => inspect::run(&arguments, terminal),
            Self::New(arguments) => new::run(&arguments, terminal),
            Self::Functions(arguments) => functions::run(&arguments, terminal),
            Self::Explain(arguments) => explain::run(&arguments, terminal),
            Self::Calibrate(arguments) => calibrate::run(&arguments, terminal),
            Self::Doctor(arguments) => doctor::run(&arguments, terminal),
            Self::Repl(arguments) => repl::run(&arguments, terminal),
            Self::Report(arguments) => report::run(&arguments, terminal),
            Self::Runs(arguments) => runs::run(&arguments, terminal),
            Self::Watch(arguments) => watch::run(&arguments, terminal),
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
