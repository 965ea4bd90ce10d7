//! `runner repl`: lines against the host functions, with history.
//!
//! At a terminal a prompt; from a pipe each entry in turn, without one, until one fails. Values go to standard
//! output, errors and the script's log to standard error.

mod complete;
mod editor;
mod ending;
mod history;
mod order;
mod page;
mod scan;

use std::fmt::Write as _;
use std::io::{BufRead, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustyline::error::ReadlineError;

use super::functions::reference;
use super::http::HttpArguments;
use super::script::OutsideArguments;
use super::terminal::{self, Terminal};
use super::{CliError, exit};
use crate::diagnostic::{Code, Diagnostic};
use crate::metrics::Snapshot;
use crate::plan::{Overrides, without_login};
use crate::script::{Origin, functions};
use crate::session::{Config, Interrupted, Line, Prompt, read};

use editor::{Asked, Editor};
use history::History;
use order::Order;
use scan::Scan;

/// The longest entry from a pipe: as large as a script may be.
const ENTRY_BYTES_MAX: usize = 16 << 20;

/// Columns that values are laid out in, however wide the terminal: longer lines are hard to read.
const COLUMNS_MAX: usize = 120;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A script: its top level is run, its functions and constants are there
    script: Option<PathBuf>,
    #[command(flatten)]
    outside: OutsideArguments,
    /// Read and write no history of lines
    #[arg(long)]
    no_history: bool,
    #[command(flatten)]
    http: HttpArguments,
}

/// What is played, and how it began.
struct Session<'a> {
    prompt: Prompt,
    arguments: &'a Arguments,
    config: Config,
    terminal: &'a Terminal,
    interrupted: Interrupted,
    /// Lines that were read so far: the first one of the present entry comes next.
    lines: u32,
}

/// Whether there are further lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goes {
    On,
    Out,
}

pub(super) fn run(arguments: &Arguments, terminal: &Terminal) -> Result<(), CliError> {
    if arguments.script.as_deref() == Some(Path::new("-")) {
        let refused = Diagnostic::new(Code::Usage, "`repl` reads lines from standard input, and no script");
        return Err(refused.hint("name a file: `runner repl SCRIPT`").into());
    }
    let is_asked = std::io::stdin().is_terminal();
    let interrupted = if is_asked { Interrupted::Line } else { Interrupted::Process };
    let config = arguments.outside.config()?;
    let prompt = open(arguments, &config, interrupted, terminal)?;
    let mut session = Session { prompt, arguments, config, terminal, interrupted, lines: 0 };
    if is_asked { session.ask() } else { session.pipe() }
}

/// Begins with the script, if there is one.
fn open(
    arguments: &Arguments,
    config: &Config,
    interrupted: Interrupted,
    terminal: &Terminal,
) -> Result<Prompt, CliError> {
    let script = arguments.script.as_deref();
    let outside = arguments.outside.of(script.unwrap_or(Path::new("")), config, terminal)?;
    let overrides = Overrides {
        base_url: arguments.outside.base_url().cloned(),
        http: arguments.http.options(),
        ..Overrides::default()
    };
    let source = script.map(read).transpose()?;
    let (prompt, notes) = Prompt::open(source, &outside, &overrides, interrupted, {
        let terminal = terminal.clone();
        move |line| terminal.hand_on("", &line)
    })?;
    for note in notes {
        terminal.note(format_args!("{note}"));
    }
    Ok(prompt)
}

/// Whether an entry goes on in the next line.
fn is_unfinished(text: &str) -> bool {
    match Order::parse(text) {
        Ok(Some(Order::Time(_, line))) => Scan::of(line).is_unfinished(),
        Ok(Some(_)) | Err(_) => false,
        Ok(None) => Scan::of(text).is_unfinished(),
    }
}

impl Session<'_> {
    /// At a terminal: asks until somebody has enough.
    fn ask(&mut self) -> Result<(), CliError> {
        let failed = |error: ReadlineError| {
            Diagnostic::new(Code::Other, format!("failed to read from the terminal: {error}"))
        };
        let history =
            if self.arguments.no_history { None } else { History::place(|name| std::env::var(name).ok()) };
        let earlier = history.as_ref().map_or_else(Vec::new, |history| {
            history.read().unwrap_or_else(|error| {
                self.terminal.warn(format_args!("the history of lines could not be read: {error}"));
                Vec::new()
            })
        });
        self.greet();
        ending::watch().map_err(CliError::Signal)?;
        let mut editor = Editor::open(&earlier, terminal::stderr_has_colour()).map_err(failed)?;
        let mut is_kept = true;
        loop {
            let line = match editor.ask(self.prompt.known()).map_err(failed)? {
                Asked::Line(line) => line,
                Asked::Cut => continue,
                Asked::End => return Ok(()),
            };
            if let Some(history) = &history
                && is_kept
                && !line.trim().is_empty()
                && !history::is_private(&line, self.terminal.mask())
                && let Err(error) = history.append(&line)
            {
                // Once is enough: the disk won't get better by the next line.
                is_kept = false;
                self.terminal.warn(format_args!("the history of lines could not be written: {error}"));
            }
            match self.take(&line) {
                Ok(Goes::On) => {}
                Ok(Goes::Out) => return Ok(()),
                // Nobody looks any more.
                Err(CliError::Print(error)) => return Err(CliError::Print(error)),
                Err(error) => exit::show(self.terminal, &error),
            }
        }
    }

    fn greet(&self) {
        let version = env!("CARGO_PKG_VERSION");
        let mut text =
            format!("runner {version}: a line is played as in a flow; `:help` tells more, Ctrl-D ends\n");
        let known = self.prompt.known();
        if !known.functions.is_empty() {
            let _ = writeln!(text, "functions: {}", known.functions.join(", "));
        }
        let goes = match self.prompt.base_url() {
            Some(url) => format!("to {}", without_login(url)),
            None => "nowhere yet: `base_url(\"demo\")` leads to a sample service".to_owned(),
        };
        let _ = writeln!(text, "relative URLs go {goes}");
        self.terminal.say(format_args!("{text}"));
    }

    /// From a pipe: plays entries until one fails.
    fn pipe(&mut self) -> Result<(), CliError> {
        let mut stdin = std::io::stdin().lock();
        let mut entry = String::new();
        loop {
            let read = (&mut stdin).take(ENTRY_BYTES_MAX as u64).read_line(&mut entry);
            let read = read.map_err(|error| {
                Diagnostic::new(Code::Usage, format!("failed to read standard input: {error}"))
                    .hint("lines are text in UTF-8")
            })?;
            if entry.len() >= ENTRY_BYTES_MAX {
                let long = Diagnostic::new(Code::Usage, "an entry of standard input is longer than 16 MiB");
                return Err(long.hint("is a bracket never closed?").into());
            }
            let is_end = read == 0;
            if !is_end && is_unfinished(&entry) {
                continue;
            }
            let text = std::mem::take(&mut entry);
            if self.take(text.trim_end_matches(['\n', '\r']))? == Goes::Out || is_end {
                return Ok(());
            }
        }
    }

    /// Does what an entry says.
    fn take(&mut self, text: &str) -> Result<Goes, CliError> {
        let origin = Origin::Line(self.lines.saturating_add(1));
        let count = text.lines().count().max(1);
        self.lines = self.lines.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        match Order::parse(text)? {
            None if text.trim().is_empty() => {}
            None => {
                let line = self.play(text, &origin)?;
                self.show(&line)?;
            }
            Some(Order::Help) => self.terminal.print(&page::help())?,
            Some(Order::Functions(Some(name))) => self.terminal.print(&reference(Some(name))?)?,
            Some(Order::Functions(None)) => {
                self.terminal.print(&page::overview(&functions(), terminal::width().min(COLUMNS_MAX)))?;
            }
            Some(Order::Vars) => self.terminal.print(&page::known(&self.prompt.known()))?,
            Some(Order::Time(times, line)) => self.time(times, line, &origin)?,
            Some(Order::Load(file)) => {
                if file == "-" {
                    let refused = Diagnostic::new(Code::Usage, "standard input is where the lines come from");
                    return Err(refused.hint("name a file").into());
                }
                let source = read(Path::new(file))?;
                let line = self.play(&source.text, &Origin::File(source.name.clone()))?;
                self.show(&line)?;
            }
            Some(Order::Reset) => {
                self.prompt = open(self.arguments, &self.config, self.interrupted, self.terminal)?;
                self.remark("everything is as it was at the start");
            }
            Some(Order::Quit) => return Ok(Goes::Out),
        }
        Ok(Goes::On)
    }

    fn play(&mut self, text: &str, origin: &Origin) -> Result<Line, CliError> {
        let line = self.prompt.play(text, origin)?;
        for warning in &line.warnings {
            self.terminal.print_diagnostic(warning);
        }
        Ok(line)
    }

    /// Shows what a line gave. What it keeps is shown to a person alone: a program didn't ask for it.
    fn show(&self, line: &Line) -> Result<(), CliError> {
        let is_asked = self.interrupted == Interrupted::Line;
        if is_asked && !line.given.functions.is_empty() {
            self.remark(&format!("fn {}", line.given.functions.join(", fn ")));
        }
        let Some(value) = &line.given.value else { return Ok(()) };
        let name = line.given.name.as_deref();
        if name.is_some() && !is_asked {
            return Ok(());
        }
        let shown = self.prompt.show(value, terminal::width().min(COLUMNS_MAX));
        let is_seen = std::io::stdout().is_terminal();
        self.terminal.print(&if is_seen { page::value(&shown, name) } else { page::data(&shown) })
    }

    /// Plays a line so many times; shows what it gave the last time, and how long it took.
    fn time(&mut self, times: u32, text: &str, origin: &Origin) -> Result<(), CliError> {
        let mut took: Vec<Duration> = Vec::new();
        let mut recorded = Snapshot::new(0);
        for number in 1..=times {
            let line = self.play(text, origin)?;
            took.push(line.took);
            recorded.append(&line.recorded);
            if number == times {
                self.show(&line)?;
            }
        }
        self.terminal.print(&page::took(&took, &recorded))
    }

    /// Says something beside the values, to a person.
    fn remark(&self, text: &str) {
        if self.interrupted == Interrupted::Line {
            let dim = anstyle::Style::new().dimmed();
            self.terminal.say(format_args!("{dim}{text}{dim:#}\n"));
        }
    }
}
