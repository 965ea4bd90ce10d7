//! The command line: a file per subcommand, errors to exit codes in one place.
//!
//! stdout is data, stderr is talk. A subcommand is a variant of `Command`, its arm in
//! `Command::run`, and a file.

mod demo;
mod error;
mod exit;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use error::CliError;

/// Scriptable performance tests: user flows in Rhai, measured honestly, judged for CI.
#[derive(Debug, Parser)]
#[command(name = "runner", version, about, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the sample service (or, with `--null`, a bare server for benches) until interrupted
    Demo(demo::Arguments),
}

impl Command {
    fn run(self) -> Result<(), CliError> {
        match self {
            Self::Demo(arguments) => demo::run(&arguments),
        }
    }
}

/// Parses the process's arguments, runs the subcommand, and reports its failure.
pub fn main() -> ExitCode {
    // Clap ends the process itself for `--help` (0) and for a wrong command line (2).
    match Arguments::parse().command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::report(&error),
    }
}
