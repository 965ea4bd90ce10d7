//! `runner check`: whether a script would run, without a request.

use super::CliError;
use super::progress::print_log;
use super::script::{LoadArguments, Script, ScriptArguments};
use super::terminal;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    script: ScriptArguments,
    #[command(flatten)]
    load: LoadArguments,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), CliError> {
    let Script { source, declared, .. } =
        arguments.script.declare(&arguments.load, |line| print_log(&line))?;
    let counted = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    terminal::print(&format!(
        "✓ {}: {}, {}\n",
        source.name,
        counted(declared.plan.scenarios.len(), "scenario"),
        counted(declared.plan.targets.len(), "target")
    ))
}
