//! `runner run`: plays a script, prints its summary, and says pass or fail.

use std::num::NonZeroUsize;

use super::CliError;
use super::exit;
use super::progress::{Progress, print_header};
use super::results::ResultsArguments;
use super::script::{LoadArguments, Script, ScriptArguments};
use super::signals::{Heard, Signals};
use super::terminal::{self, Terminal};
use crate::diagnostic::Code;
use crate::engine::Control;
use crate::report::{REPORTS, Style};
use crate::results::{Reason, Summary, Verdict};
use crate::session::{self, Settings};
use crate::units::format_count;

/// Failures shown with their source; the summary lists more.
const FAILURES_SHOWN_MAX: usize = 5;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    script: ScriptArguments,
    /// No progress, no heading: the summary alone
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    workers: WorkersArgument,
    #[command(flatten)]
    results: ResultsArguments,
    /// Start the load without looking whether the hosts are there
    #[arg(long)]
    no_preflight: bool,
    /// Begin the load paused; SIGUSR1 lets it go on, and pauses it again
    #[arg(short, long)]
    paused: bool,
    #[command(flatten)]
    load: LoadArguments,
}

/// How many worker threads.
#[derive(Debug, clap::Args)]
pub(super) struct WorkersArgument {
    /// Worker threads; one a core by default
    #[arg(long, env = "RUNNER_WORKERS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
}

impl WorkersArgument {
    /// As the command line says, else the configuration, else one a core that this process may use.
    pub(super) fn count(&self, config: Option<u16>) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.workers.or(config).map_or_else(cores, usize::from)
    }
}

pub(super) fn run(arguments: &Arguments, terminal: &Terminal) -> Result<(), CliError> {
    let Script { source, outside, declared, config } = arguments.script.declare(&arguments.load, terminal)?;
    let quiet = arguments.quiet || config.is_on("quiet");
    for note in declared.notes.iter().filter(|_| !quiet) {
        terminal.say(format_args!("note: {note}\n"));
    }
    let control = Control::default();
    // From here on; reading and declaring a script end at once by the system's default.
    let signals = Signals::watch()?;
    let (stopper, told) = (control.clone(), terminal.clone());
    std::thread::spawn(move || obey(signals, &stopper, &told));
    if arguments.paused && control.pause().is_ok() && !quiet {
        let id = std::process::id();
        terminal.say(format_args!("note: the load begins paused: `kill -USR1 {id}` lets it go on\n"));
    }
    let name = source.name.clone();
    let workers = arguments.workers.count(config.workers);
    arguments.results.advise(&declared.plan, workers, quiet, terminal);
    let settings = Settings {
        source,
        outside,
        workers,
        preflight: !(arguments.no_preflight || config.is_on("no_preflight")),
    };
    let mut progress = Progress::new(quiet, terminal);
    let summary = session::run(declared, settings, &control, &mut progress, |plan| {
        if !quiet {
            print_header(terminal, &name, plan, config.is_there().then_some(config.name.as_str()));
        }
    });
    progress.clear();
    let summary = summary?;
    print_failures(terminal, &summary);
    let style = Style { colour: terminal::stdout_has_colour(), width: terminal::width() };
    let mut codes = match summary.verdict() {
        Verdict::Passed => Vec::new(),
        Verdict::Stopped => vec![Code::Interrupted],
        Verdict::Failed(reasons) | Verdict::Inconclusive(reasons) => {
            reasons.iter().map(Reason::code).collect()
        }
    };
    // The first report is the one for people. That it can't be printed weighs less than some verdicts.
    if let Err(error) = terminal.print(&(REPORTS[0].render)(&summary, &style)) {
        exit::report(terminal, &error);
        codes.push(Code::Results);
    }
    if codes.is_empty() { Ok(()) } else { Err(CliError::NotPassed(codes)) }
}

/// Shows where the script failed, with its source: the summary, which is short, has the place alone.
fn print_failures(terminal: &Terminal, summary: &Summary) {
    for error in &summary.errors {
        terminal.print_diagnostic(error);
    }
    for failure in summary.failures.iter().take(FAILURES_SHOWN_MAX) {
        let times = match failure.count {
            1 => "once".to_owned(),
            count => format!("{} times", format_count(count)),
        };
        let note = format!("met {times}, first in scenario `{}`", failure.scenario);
        terminal.print_diagnostic(&failure.diagnostic.clone().note(note));
    }
}

/// Hands signals on. Left alone at the end: it waits for as long as the process lives.
pub(super) fn obey(mut signals: Signals, control: &Control, terminal: &Terminal) {
    let say = |what: &str| {
        let clear = if terminal::is_watched() { "\r\x1b[K" } else { "" };
        terminal.say(format_args!("{clear}{what}\n"));
    };
    loop {
        match signals.wait() {
            Heard::Stop => {
                let is_first = !control.is_stopping();
                control.stop();
                if is_first {
                    say("stopping: once more ends it at once");
                }
            }
            // A run that ends can't be paused, and says itself that it ends.
            Heard::Pause if control.is_paused() => {
                if control.resume().is_ok() {
                    say("resumed");
                }
            }
            Heard::Pause => {
                if control.pause().is_ok() {
                    say("paused: once more goes on");
                }
            }
        }
    }
}
