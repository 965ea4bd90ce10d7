//! `runner check`: whether scripts would run, without a request, and what the lints say of them.
//!
//! Text goes where errors go, to standard error, with a line for each script on standard output; `--json`
//! prints one list there instead. A script that doesn't load fails with its own code, warnings only with
//! `--strict`. All scripts are looked at, whatever the first is like.

use std::path::{Path, PathBuf};

use super::CliError;
use super::script::{LoadArguments, OutsideArguments};
use super::terminal::Terminal;
use crate::diagnostic::{Diagnostic, Severity, to_finding};
use crate::session::{Config, Declared, check, read};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The scripts; `-` reads standard input
    #[arg(required = true, value_name = "SCRIPT")]
    scripts: Vec<PathBuf>,
    /// Print a list for editors: file, line, column, `end_column`, severity, code, message, notes, hint
    #[arg(long)]
    json: bool,
    /// Fail with 104 if there is a warning
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    outside: OutsideArguments,
    #[command(flatten)]
    load: LoadArguments,
}

pub(super) fn run(arguments: &Arguments, terminal: &Terminal) -> Result<(), CliError> {
    let mut findings = Vec::new();
    let mut codes = Vec::new();
    let config = arguments.outside.config()?;
    for script in &arguments.scripts {
        let (declared, diagnostics) = look(arguments, script, &config, terminal)?;
        let fails = |diagnostic: &&Diagnostic| diagnostic.severity == Severity::Error || arguments.strict;
        // The first is the worst.
        codes.extend(diagnostics.iter().find(fails).map(|diagnostic| diagnostic.code));
        if arguments.json {
            findings.extend(diagnostics.iter().map(|diagnostic| in_file(diagnostic, script)));
            continue;
        }
        for (index, diagnostic) in diagnostics.iter().enumerate() {
            if index > 0 {
                terminal.say(format_args!("\n"));
            }
            terminal.print_diagnostic(diagnostic);
        }
        if let Some(declared) = declared {
            terminal.print(&summary(script, &declared, diagnostics.len()))?;
        }
    }
    if arguments.json {
        terminal.print_json(&findings)?;
    }
    if codes.is_empty() { Ok(()) } else { Err(CliError::NotPassed(codes)) }
}

/// The plan of one script, if there is one, and all that is to be said.
fn look(
    arguments: &Arguments,
    script: &Path,
    config: &Config,
    terminal: &Terminal,
) -> Result<(Option<Declared>, Vec<Diagnostic>), CliError> {
    let outside = arguments.outside.of(script, config, terminal)?;
    let overrides = arguments.outside.overrides(&arguments.load, config)?;
    let source = match read(script) {
        Ok(source) => source,
        Err(diagnostic) => return Ok((None, vec![diagnostic])),
    };
    let (is_quiet, told) = (arguments.json, terminal.clone());
    let (declared, mut diagnostics) = check(&source, &outside, &overrides, move |line| {
        if !is_quiet {
            told.hand_on("", &line);
        }
    });
    if let Some(declared) = &declared
        && let Err(error) = config.check(&declared.declared)
    {
        diagnostics.insert(0, *error);
        return Ok((None, diagnostics));
    }
    Ok((declared, diagnostics))
}

/// For editors; what has no place is of the file.
fn in_file(diagnostic: &Diagnostic, script: &Path) -> serde_json::Value {
    let mut finding = to_finding(diagnostic);
    if finding["file"].is_null() {
        finding["file"] = script.display().to_string().into();
    }
    finding
}

fn summary(script: &Path, declared: &Declared, warnings: usize) -> String {
    let counted = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    let warned = if warnings == 0 { String::new() } else { format!(", {}", counted(warnings, "warning")) };
    format!(
        "✓ {}: {}, {}{warned}\n",
        script.display(),
        counted(declared.plan.scenarios.len(), "scenario"),
        counted(declared.plan.targets.len(), "target")
    )
}
