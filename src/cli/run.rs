//! `runner run`: plays scripts, prints their summaries, and says pass or fail.
//!
//! Several scripts are played at the same time, or one after another. All are read before the first load; each
//! has its summary, and a last line says how many passed. The exit code is the weightiest of all.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::builder::BoolishValueParser;

use super::CliError;
use super::control_api::{ControlApi, ControlApiArguments};
use super::exit;
use super::keep::{self, KeepArguments};
use super::live::Live;
use super::log::LogArguments;
use super::own_summary::{Author, lay_down};
use super::profile::{ProfileArguments, Profiled};
use super::progress::print_header;
use super::reports::{ReportArguments, Reports};
use super::results::ResultsArguments;
use super::script::{LoadArguments, OutsideArguments, Script};
use super::signals::Halt;
use super::terminal::{self, Terminal};
use crate::diagnostic::{Code, Diagnostic};
use crate::engine::Control;
use crate::output::Act;
use crate::plan::SummaryMode;
use crate::report::{Ending, Style, headline, k6_export, tally};
use crate::results::{Document, Summary, Verdict};
use crate::session::{self, Config, Part, Played, Settings};
use crate::units::format_count;

/// Failures shown with their source; the summary lists more.
const FAILURES_SHOWN_MAX: usize = 5;

#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub(super) struct Arguments {
    /// The script; several are played at the same time. `-` reads standard input
    #[arg(required = true, value_name = "SCRIPT")]
    scripts: Vec<PathBuf>,
    /// Play several scripts one after another
    #[arg(long, env = "RUNNER_IN_SERIES", value_parser = BoolishValueParser::new())]
    in_series: bool,
    #[command(flatten)]
    outside: OutsideArguments,
    /// No progress, no heading: the summary alone
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    workers: WorkersArgument,
    #[command(flatten)]
    results: ResultsArguments,
    #[command(flatten)]
    keep: KeepArguments,
    #[command(flatten)]
    reports: ReportArguments,
    /// Print the targets and the verdict alone
    #[arg(long, conflicts_with = "no_targets")]
    targets_only: bool,
    /// Start the load without looking whether the hosts are there
    #[arg(long)]
    no_preflight: bool,
    /// Begin the load paused; SIGUSR1 lets it go on, and pauses it again
    #[arg(short, long)]
    paused: bool,
    #[command(flatten)]
    profile: ProfileArguments,
    /// Write the summary to this file too, as k6's JSON; of several scripts the last one's
    #[arg(long, env = "RUNNER_SUMMARY_EXPORT", value_name = "FILE")]
    summary_export: Option<PathBuf>,
    #[command(flatten)]
    log: LogArguments,
    #[command(flatten)]
    load: LoadArguments,
    #[command(flatten)]
    api: ControlApiArguments,
}

/// How many worker threads.
#[derive(Debug, clap::Args)]
pub(super) struct WorkersArgument {
    /// Worker threads; by default one a core, which scripts that are played at the same time divide
    #[arg(long, env = "RUNNER_WORKERS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
}

impl WorkersArgument {
    /// As the command line says, else the configuration, else one a core that this process may use.
    pub(super) fn count(&self, config: Option<u16>) -> usize {
        self.divided(config, 1)[0]
    }

    /// The same for each of so many scripts at the same time, who divide the cores: more threads than those
    /// would delay each other.
    fn divided(&self, config: Option<u16>, scripts: usize) -> Vec<usize> {
        let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        match self.workers.or(config) {
            Some(asked) => vec![usize::from(asked); scripts],
            None => divided(cores(), scripts),
        }
    }
}

pub(super) fn run(arguments: &Arguments, terminal: &Terminal) -> Result<(), CliError> {
    let config = arguments.outside.config()?;
    let terminal = &terminal.logging(arguments.log.open(&config)?);
    let reports = arguments.reports.reports(&config, arguments.targets_only, &arguments.scripts)?;
    let scripts = arguments.declare(&config, terminal)?;
    if arguments.api.is_asked() && scripts.len() > 1 {
        return Err(Diagnostic::new(Code::Usage, "the control API steers one script, and several are named")
            .hint("play each in a process of its own, with an address of its own")
            .into());
    }
    let controls: Vec<Control> = scripts.iter().map(|_| Control::default()).collect();
    // From here on; reading and declaring a script end at once by the system's default.
    let halt = Halt::watch(controls.clone(), terminal)?;
    let quiet = arguments.quiet || config.is_on("quiet");
    if arguments.paused {
        // What is about to begin can be paused.
        let are_paused = controls.iter().all(|control| control.pause().is_ok());
        if are_paused {
            let id = std::process::id();
            terminal.note(format_args!("the load begins paused: `kill -USR1 {id}` lets it go on"));
        }
    }
    let api = arguments.api.start(&controls[0], &scripts[0].declared.plan, quiet, terminal)?;
    let is_in_series = arguments.in_series || config.is_on("in_series");
    let at_once = if is_in_series { 1 } else { scripts.len() };
    let is_several = scripts.len() > 1;
    let names: Vec<String> = scripts.iter().map(|script| script.source.name.clone()).collect();
    let orders = arguments.keep.orders(&config, &names)?.into();
    let profiled = arguments.profile.begin(&arguments.results, &arguments.keep)?;
    let mut plays = Plays {
        is_several,
        quiet,
        reports: &reports,
        export: arguments.summary_export.clone().or_else(|| config.text("summary_export").map(PathBuf::from)),
        preflight: !(arguments.no_preflight || config.is_on("no_preflight")),
        config: config.is_there().then_some(config.name.as_str()),
        workers: arguments.workers.divided(config.workers, at_once),
        results: &arguments.results,
        keep: &arguments.keep,
        terminal,
        endings: Vec::new(),
        codes: Vec::new(),
        played: None,
        profiled: profiled.as_ref(),
        orders,
        api: &api,
    };
    let lingers = scripts.iter().any(|script| script.declared.plan.options.linger);
    let mut pairs = scripts.into_iter().zip(&controls);
    loop {
        let group: Vec<(Script, &Control)> = pairs.by_ref().take(at_once).collect();
        if group.is_empty() {
            break;
        }
        plays.play(group);
    }
    if is_several {
        plays.tell(&(tally(&plays.endings, style()) + "\n"));
    }
    if let Some(profiled) = &profiled {
        match profiled.end(&style(), terminal) {
            Ok(text) => plays.tell(&text),
            Err(error) => {
                plays.fail(&error);
            }
        }
    }
    if let Some(failure) = terminal.log_failure() {
        plays.fail(&failure.into());
    }
    if lingers && plays.played.is_some() {
        halt.linger(terminal);
    }
    plays.end_demo();
    if plays.codes.is_empty() { Ok(()) } else { Err(CliError::NotPassed(plays.codes)) }
}

impl Arguments {
    /// Reads all scripts; a mistake in one is told before any load.
    fn declare(&self, config: &Config, terminal: &Terminal) -> Result<Vec<Script>, CliError> {
        if self.scripts.iter().filter(|script| *script == Path::new("-")).count() > 1 {
            return Err(Diagnostic::new(
                Code::Usage,
                "`-` is given twice, and standard input can be read once",
            )
            .hint("name a file for one of them")
            .into());
        }
        let is_several = self.scripts.len() > 1;
        let declare = |script: &PathBuf| {
            let declared = self.outside.declare(script, config, &self.load, terminal);
            declared.map_err(|error| if is_several { of_script(script, error) } else { error })
        };
        self.scripts.iter().map(declare).collect()
    }
}

/// Says which script a mistake is of, where that isn't shown with its place.
fn of_script(script: &Path, error: CliError) -> CliError {
    match error {
        CliError::Refused(diagnostic) if diagnostic.labels.is_empty() => {
            let note = format!("in `{}`, one of several scripts that are played", script.display());
            CliError::from(diagnostic.note(note))
        }
        error => error,
    }
}

/// The runs so far, and how those to come are played.
struct Plays<'a> {
    /// More scripts than one in all.
    is_several: bool,
    quiet: bool,
    /// How summaries are laid out, and where.
    reports: &'a Reports,
    /// Where k6's JSON of the summary goes.
    export: Option<PathBuf>,
    preflight: bool,
    /// The configuration file, where there is one.
    config: Option<&'a str>,
    /// Of each of the scripts that are played at the same time.
    workers: Vec<usize>,
    results: &'a ResultsArguments,
    keep: &'a KeepArguments,
    terminal: &'a Terminal,
    /// What became of each script.
    endings: Vec<(String, Ending)>,
    /// All that went wrong.
    codes: Vec<Code>,
    /// What was played last; it holds the embedded demo while the process lingers.
    played: Option<Played>,
    /// The profile that is taken.
    profiled: Option<&'a Profiled>,
    /// What is asked of outputs, of each script that is still to be played.
    orders: VecDeque<Vec<String>>,
    /// What is told of the run, where it is asked for.
    api: &'a ControlApi,
}

impl Plays<'_> {
    /// Plays scripts at the same time and prints their summaries. After a stop none is played any more.
    fn play(&mut self, scripts: Vec<(Script, &Control)>) {
        let names: Vec<String> = scripts.iter().map(|(script, _)| script.source.name.clone()).collect();
        if !self.endings.is_empty() && scripts.iter().any(|(_, control)| control.is_stopping()) {
            self.endings.extend(names.into_iter().map(|name| (name, Ending::NotPlayed)));
            return;
        }
        self.end_demo();
        let acts = scripts.iter().map(|(script, control)| {
            let (name, plan) = (script.source.name.clone(), script.declared.plan.clone());
            Act { name, plan, control: Control::clone(control) }
        });
        let (live, watchers) = Live::of(acts.collect(), self.quiet, self.terminal);
        let mut observers: Vec<_> = watchers.into_iter().map(|watcher| self.api.beside(watcher)).collect();
        let (mut parts, mut authors) = (Vec::new(), Vec::new());
        for (((script, control), observer), workers) in
            scripts.into_iter().zip(&mut observers).zip(&self.workers)
        {
            let Script { source, mut outside, declared } = script;
            outside.profile = self.profiled.and_then(|profiled| profiled.profiling.script.clone());
            self.print_notes(&source.name, &declared.notes);
            self.results.advise(&declared.plan, *workers, self.quiet, self.terminal);
            let author = Author { source: Arc::clone(&source), outside: outside.clone() };
            authors.push(declared.plan.hooks.summary.then_some(author));
            let (name, source) = (source.name.clone(), Some(source));
            let orders = self.orders.pop_front().unwrap_or_default();
            let kept = self
                .keep
                .folder(self.results, outside.seed)
                .and_then(|folder| Ok((folder, keep::outputs(&orders)?)));
            let (folder, outputs) = match kept {
                Ok(kept) => kept,
                Err(error) => {
                    let ending = self.fail(&error);
                    self.endings.extend(names.into_iter().map(|name| (name, ending)));
                    return;
                }
            };
            let preflight = self.preflight;
            if let (Some(profiled), Some(folder)) = (self.profiled, &folder) {
                profiled.lies_in(folder);
            }
            let workers = *workers;
            let command = command_line();
            let settings = Settings { name, source, outside, workers, preflight, folder, outputs, command };
            let profiling = self.profiled.map(|profiled| &profiled.profiling);
            parts.push(Part { declared, settings, control, observer, profiling });
        }
        let played = session::run(parts, |plans| {
            if !self.quiet {
                for (name, plan) in names.iter().zip(plans) {
                    print_header(self.terminal, name, plan, self.config);
                }
            }
        });
        live.end(observers.iter().map(|served| &served.observer));
        match played {
            Ok(mut played) => {
                let summaries = played.summaries.drain(..).zip(authors);
                for (name, (summary, author)) in names.into_iter().zip(summaries) {
                    self.api.end(summary.as_ref().ok());
                    let ending = match summary {
                        Ok(summary) => self.sum_up(&summary, &name, author),
                        Err(error) => self.fail(&error.into()),
                    };
                    self.endings.push((name, ending));
                }
                self.played = Some(played);
            }
            Err(error) => {
                self.api.end(None);
                let ending = self.fail(&error.into());
                self.endings.extend(names.into_iter().map(|name| (name, ending)));
            }
        }
    }

    fn print_notes(&self, name: &str, notes: &[String]) {
        let of = if self.is_several { format!("{name}: ") } else { String::new() };
        for note in notes {
            self.terminal.note(format_args!("{of}{note}"));
        }
    }

    /// Prints a summary, the script's own where it has one.
    fn sum_up(&mut self, summary: &Summary, name: &str, author: Option<Author>) -> Ending {
        print_failures(self.terminal, summary);
        let verdict = summary.verdict();
        self.codes.extend(verdict.codes());
        let mut ending = match verdict {
            Verdict::Passed => Ending::Passed,
            Verdict::Stopped => Ending::Stopped,
            Verdict::Failed(_) => Ending::Failed,
            Verdict::Inconclusive(_) => Ending::Inconclusive,
        };
        if let Some(path) = self.export.clone()
            && let Err(error) = export(summary, &path, self.terminal)
        {
            ending = self.fail(&error.into());
        }
        let reports = self.reports;
        for error in reports.write(summary, Path::new(name), self.terminal) {
            ending = self.fail(&error);
        }
        self.print(&reports.annotations(summary));
        let is_laid_down = self.lay_out(summary, author);
        if let (Some(id), false) = (&summary.run_id, self.quiet) {
            let folder = self.results.run_folder(id);
            self.terminal.say(format_args!("results: {}\n", folder.display()));
        }
        is_laid_down.unwrap_or(ending)
    }

    /// Prints the summary as the script, the plan and the flags say; gives how it ended where that went wrong.
    fn lay_out(&mut self, summary: &Summary, author: Option<Author>) -> Option<Ending> {
        let mut ending = None;
        let reports = self.reports;
        // What a program is to read was asked for by name, whatever people are told.
        let is_for_people = reports.are_for_people();
        let is_disabled = summary.layout.mode == SummaryMode::Disabled;
        if is_disabled && is_for_people {
            if !self.quiet {
                let plain = Style { colour: false, ..style() };
                self.terminal.say(format_args!("{}\n", headline(summary, plain)));
            }
            return None;
        }
        match author.filter(|_| !is_disabled).map(|author| self.ask(author, summary)) {
            Some(Ok(Some(mut texts))) => {
                // The report has standard output for itself.
                if !is_for_people && let Some(text) = texts.remove("stdout") {
                    self.terminal.say(format_args!("{text}"));
                }
                for error in lay_down(&texts, self.terminal) {
                    ending = Some(self.fail(&error));
                }
                if is_for_people {
                    return ending;
                }
            }
            // What the run showed is printed all the same.
            Some(Err(error)) => ending = Some(self.fail(&error)),
            Some(Ok(None)) | None => {}
        }
        let between = if self.endings.is_empty() { "" } else { "\n" };
        self.print(&format!("{between}{}", reports.printed(summary)));
        ending
    }

    /// What the script itself says of its run.
    fn ask(&self, author: Author, summary: &Summary) -> Result<Option<BTreeMap<String, String>>, CliError> {
        let text = (self.reports.for_people().render)(summary, &Style { colour: false, ..style() });
        author.summarise(&Document::from(summary).to_value(), text, self.terminal)
    }

    /// Prints to standard output. That it can't be printed weighs less than some verdicts.
    fn print(&mut self, text: &str) {
        if let Err(error) = self.terminal.print(text) {
            self.fail(&error);
        }
    }

    /// Tells people of more than one run, where the output is theirs: what a program reads stands alone.
    fn tell(&mut self, text: &str) {
        if self.reports.are_for_people() {
            self.print(text);
        } else {
            self.terminal.say(format_args!("{text}"));
        }
    }

    fn fail(&mut self, error: &CliError) -> Ending {
        exit::report(self.terminal, error);
        let codes = exit::codes(error);
        let ending = if codes == [Code::Interrupted] { Ending::Stopped } else { Ending::Failed };
        self.codes.extend(codes);
        ending
    }

    fn end_demo(&mut self) {
        if let Some(Err(error)) = self.played.take().map(Played::end) {
            self.fail(&error.into());
        }
    }
}

/// Writes k6's JSON of a summary.
fn export(summary: &Summary, path: &Path, terminal: &Terminal) -> Result<(), Diagnostic> {
    let mut json = k6_export(summary);
    terminal.mask().apply_json(&mut json);
    std::fs::write(path, format!("{json:#}\n")).map_err(|error| {
        Diagnostic::new(
            Code::Results,
            format!("`--summary-export`: failed to write {}: {error}", path.display()),
        )
        .hint("name a file that can be written, in a folder that is there")
    })
}

/// The words that this process was called with, but for its own name.
fn command_line() -> Vec<String> {
    std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect()
}

pub(super) fn style() -> Style {
    Style { colour: terminal::stdout_has_colour(), width: terminal::width() }
}

/// Shows where the script failed, with its source: the summary, which is short, has the place alone.
pub(super) fn print_failures(terminal: &Terminal, summary: &Summary) {
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

/// The cores of each script, one at least; the first ones get what is left over.
fn divided(cores: usize, scripts: usize) -> Vec<usize> {
    (0..scripts).map(|index| (cores / scripts + usize::from(index < cores % scripts)).max(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_divided_and_each_script_has_one() {
        assert_eq!(divided(8, 1), [8]);
        assert_eq!(divided(8, 3), [3, 3, 2]);
        assert_eq!(divided(2, 3), [1, 1, 1]);
        let asked = WorkersArgument { workers: Some(4) };
        assert_eq!(asked.divided(None, 2), [4, 4], "what is asked for is for each");
        assert_eq!(asked.count(Some(3)), 4, "the command line comes first");
    }
}
