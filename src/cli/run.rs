//! `runner run`: plays a script, prints its summary, and says pass or fail.

use std::num::NonZeroUsize;

use super::CliError;
use super::progress::{Progress, print_header, print_log};
use super::script::{LoadArguments, Script, ScriptArguments};
use super::signals::Signals;
use super::terminal;
use crate::diagnostic::Code;
use crate::engine::Control;
use crate::report::{REPORTS, Style};
use crate::results::{Reason, Verdict};
use crate::session::{self, Settings};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    script: ScriptArguments,
    /// No progress, no heading: the summary alone
    #[arg(short, long)]
    quiet: bool,
    /// Worker threads; one a core by default
    #[arg(long, env = "RUNNER_WORKERS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    /// Start the load without looking whether the hosts are there
    #[arg(long)]
    no_preflight: bool,
    #[command(flatten)]
    load: LoadArguments,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), CliError> {
    let mut signals = Signals::watch()?;
    let Script { source, outside, declared } =
        arguments.script.declare(&arguments.load, |line| print_log(&line))?;
    for note in &declared.notes {
        anstream::eprintln!("note: {note}");
    }
    let control = Control::default();
    let stopper = control.clone();
    // Left alone at the end: it waits for signals for as long as the process lives.
    std::thread::spawn(move || {
        loop {
            signals.wait();
            stopper.stop();
        }
    });
    let name = source.name.clone();
    let settings =
        Settings { source, outside, workers: workers(arguments.workers), preflight: !arguments.no_preflight };
    let mut progress = Progress::new(arguments.quiet);
    let quiet = arguments.quiet;
    let summary = session::run(declared, settings, &control, &mut progress, |plan| {
        if !quiet {
            print_header(&name, plan);
        }
    });
    progress.clear();
    let summary = summary?;
    let style = Style { colour: terminal::stdout_has_colour(), width: terminal::width() };
    // The first report is the one for people.
    anstream::print!("{}", (REPORTS[0].render)(&summary, &style));
    match summary.verdict() {
        Verdict::Passed => Ok(()),
        Verdict::Stopped => Err(CliError::NotPassed(vec![Code::Interrupted])),
        Verdict::Failed(reasons) => Err(CliError::NotPassed(reasons.iter().map(Reason::code).collect())),
    }
}

/// One worker a core that this process may use.
fn workers(asked: Option<u16>) -> usize {
    asked.map_or_else(|| std::thread::available_parallelism().map_or(1, NonZeroUsize::get), usize::from)
}
