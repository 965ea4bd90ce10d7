//! `runner watch`: plays a script while it is edited. A save is read at once and played from the next iteration on;
//! when the load is over, the next save (or Enter) plays it again.
//!
//! Nothing is kept of such a run: it is many versions in one.

use std::io::{BufRead, IsTerminal};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::CliError;
use super::control_api::{ControlApi, ControlApiArguments, Served};
use super::exit;
use super::live::{Live, Watcher};
use super::log::LogArguments;
use super::news;
use super::progress::print_header;
use super::run::{WorkersArgument, print_failures, style};
use super::script::{LoadArguments, OutsideArguments};
use super::signals::Halt;
use super::terminal::Terminal;
use crate::diagnostic::{Code, Diagnostic};
use crate::engine::{Control, NewEpoch, NewFailures, Observer, Tick};
use crate::output::Act;
use crate::plan::Plan;
use crate::report::REPORTS;
use crate::results::Summary;
use crate::script::LogLine;
use crate::session::watch::{Draft, Follower, News, Reading, Waker, Watch};
use crate::session::{self, Part, Settings, read};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The script; it and all files that it reads are watched
    script: PathBuf,
    #[command(flatten)]
    outside: OutsideArguments,
    /// Say nothing but mistakes: the summary alone
    #[arg(short, long)]
    quiet: bool,
    /// Begin the load anew when a save needs it, such as one with a new scenario
    #[arg(long)]
    restart: bool,
    #[command(flatten)]
    workers: WorkersArgument,
    /// Start the load without looking whether the hosts are there
    #[arg(long)]
    no_preflight: bool,
    #[command(flatten)]
    log: LogArguments,
    #[command(flatten)]
    load: LoadArguments,
    #[command(flatten)]
    api: ControlApiArguments,
}

pub(super) fn run(arguments: &Arguments, terminal: &Terminal) -> Result<(), CliError> {
    let config = arguments.outside.config()?;
    let terminal = &terminal.logging(arguments.log.open(&config)?);
    if arguments.script == Path::new("-") {
        return Err(Diagnostic::new(Code::Usage, "standard input can't be watched: it is read once")
            .hint("name a file, or play it with `runner run -`")
            .into());
    }
    // What isn't there at all is no script that is being written.
    read(&arguments.script)?;
    let outside = arguments.outside.of(&arguments.script, &config, terminal)?;
    let overrides = arguments.outside.overrides(&arguments.load, &config)?;
    let workers = arguments.workers.count(config.workers);
    let is_quiet = arguments.quiet || config.is_on("quiet");
    let preflight = !(arguments.no_preflight || config.is_on("no_preflight"));
    let named = config.is_there().then(|| config.name.clone());
    let script = arguments.script.clone();
    let (watch, note) = Watch::new(Reading { script, config, outside, overrides });
    if let Some(note) = note {
        terminal.warn(format_args!("{note}"));
    }
    let latest = Arc::new(Mutex::new(Control::default()));
    let waker = watch.waker();
    let halt = Halt::watch_latest(Arc::clone(&latest), move || waker.wake(), terminal)?;
    let teller = Teller {
        terminal: terminal.clone(),
        is_quiet,
        restarts: arguments.restart.then(Arc::default),
        latest,
        version: Arc::default(),
    };
    // Before the first load; one that can't start is no reason to wait for a save.
    let api = arguments.api.start(&Control::default(), &Plan::default(), is_quiet, terminal)?;
    let ways = Ways { workers, preflight, config: named.as_deref(), halt: &halt, teller, api };
    ways.explore(watch)
}

/// Says what happens, and ends a load that a save needs to begin anew.
#[derive(Clone)]
struct Teller {
    terminal: Terminal,
    is_quiet: bool,
    /// Whether the load is to begin anew; none where nobody asked for that.
    restarts: Option<Arc<AtomicBool>>,
    latest: Arc<Mutex<Control>>,
    /// The version that is played, where it isn't the first.
    version: Arc<AtomicU64>,
}

impl Teller {
    fn tell(&self, happened: &News) {
        news::say(happened, self.is_quiet, &self.terminal);
        if let News::Live { version, .. } = happened {
            self.version.store(*version, Ordering::SeqCst);
        }
        let needs_restart = match happened {
            News::Barred(_) => true,
            News::Read(read) => !read.restart.is_empty(),
            _ => false,
        };
        if let Some(restarts) = self.restarts.as_ref().filter(|_| needs_restart) {
            // Once: a second stop would leave `teardown` out.
            if !restarts.swap(true, Ordering::SeqCst) {
                self.terminal.say_line("the load begins anew");
                self.latest().stop();
            }
        }
    }

    fn latest(&self) -> Control {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the load that has ended is to begin anew.
    fn takes_restart(&self) -> bool {
        self.restarts.as_ref().is_some_and(|restarts| restarts.swap(false, Ordering::SeqCst))
    }
}

/// How a script is played that is edited.
struct Ways<'a> {
    workers: usize,
    preflight: bool,
    config: Option<&'a str>,
    halt: &'a Halt,
    teller: Teller,
    /// From one load to the next.
    api: ControlApi,
}

impl Ways<'_> {
    /// Plays the script again and again, until a signal ends it.
    fn explore(&self, mut watch: Watch) -> Result<(), CliError> {
        let mut codes = vec![Code::Interrupted];
        loop {
            let log = self.teller.terminal.clone();
            match watch.read(move |line| log.hand_on("", &line)) {
                Ok(draft) => {
                    let control = Control::default();
                    *self.teller.latest.lock().unwrap_or_else(PoisonError::into_inner) = control.clone();
                    codes = self.play(draft, &mut watch, &control);
                    // A stop of the user's; one for a restart was heard by nobody.
                    if self.halt.is_told() {
                        break;
                    }
                    if self.teller.takes_restart() {
                        continue;
                    }
                    self.terminal().say_line(
                        "the load is over: a save plays it again, and so does Enter; Ctrl-C ends this",
                    );
                }
                Err(diagnostics) => {
                    for diagnostic in &diagnostics {
                        self.terminal().print_diagnostic(diagnostic);
                    }
                    self.terminal().say_line("waiting for a save that can be played; Ctrl-C ends this");
                }
            }
            if !self.wait(&mut watch) {
                break;
            }
        }
        if codes.is_empty() { Ok(()) } else { Err(CliError::NotPassed(codes)) }
    }

    /// Blocks until the script is to be played again; false where that is to end.
    fn wait(&self, watch: &mut Watch) -> bool {
        self.halt.set_waiting(true);
        let (is_over, is_entered) = (AtomicBool::new(false), AtomicBool::new(false));
        let waker = watch.waker();
        let plays_again = std::thread::scope(|scope| {
            scope.spawn(|| listen(&is_over, &is_entered, &waker));
            let plays_again = loop {
                if self.halt.is_told() {
                    break false;
                }
                if is_entered.load(Ordering::SeqCst) || watch.wait() {
                    break true;
                }
            };
            is_over.store(true, Ordering::SeqCst);
            plays_again
        });
        self.halt.set_waiting(false);
        plays_again
    }

    /// Plays it once, and gives all that went wrong.
    fn play(&self, draft: Draft, watch: &mut Watch, control: &Control) -> Vec<Code> {
        let Draft { source, outside, declared } = draft;
        let (terminal, is_quiet) = (self.terminal(), self.teller.is_quiet);
        declared.notes.iter().for_each(|note| terminal.note(format_args!("{note}")));
        let name = source.name.clone();
        let settings = Settings {
            name: name.clone(),
            source: Some(source),
            outside,
            workers: self.workers,
            preflight: self.preflight,
            folder: None,
            outputs: Vec::new(),
            command: Vec::new(),
        };
        let (asked, waker) = (declared.plan.clone(), watch.waker());
        let is_over = AtomicBool::new(false);
        self.api.plays(control, &declared.plan);
        let act = Act { name: name.clone(), plan: declared.plan.clone(), control: control.clone() };
        let (live, mut watchers) = Live::of(vec![act], is_quiet, terminal);
        let (teller, is_view) = (self.teller.clone(), live.is_view());
        let tell = move |happened: News| match happened {
            // The view shows both epochs all the time.
            News::Compared(_) if is_view => {}
            happened => teller.tell(&happened),
        };
        let Some(watcher) = watchers.pop() else { return vec![Code::Bug] };
        let mut onlookers =
            Onlookers { shown: self.api.beside(watcher), follower: watch.follower(tell.clone()) };
        let played = std::thread::scope(|scope| {
            let mut following = None;
            let part = Part { declared, settings, control, observer: &mut onlookers, profiling: None };
            let played = session::run(vec![part], |plans| {
                let plan = plans[0].clone();
                if !is_quiet {
                    print_header(terminal, &name, &plan, self.config);
                }
                let is_over = || is_over.load(Ordering::SeqCst);
                following = Some(scope.spawn(move || watch.follow(control, (&asked, plan), is_over, tell)));
            });
            is_over.store(true, Ordering::SeqCst);
            waker.wake();
            if let Some(Err(panic)) = following.map(std::thread::ScopedJoinHandle::join) {
                resume_unwind(panic);
            }
            played
        });
        live.end([&onlookers.shown.observer]);
        let mut codes = Vec::new();
        match played {
            Ok(mut played) => {
                for summary in played.summaries.drain(..) {
                    self.api.end(summary.as_ref().ok());
                    match summary {
                        Ok(summary) => codes.extend(self.sum_up(&summary)),
                        Err(error) => codes.extend(self.fail(&error.into())),
                    }
                }
                if let Err(error) = played.end() {
                    codes.extend(self.fail(&error.into()));
                }
            }
            Err(error) => {
                self.api.end(None);
                codes.extend(self.fail(&error.into()));
            }
        }
        codes
    }

    fn sum_up(&self, summary: &Summary) -> Vec<Code> {
        let terminal = self.terminal();
        print_failures(terminal, summary);
        let text = (REPORTS[0].render)(summary, &style());
        let mut codes = summary.verdict().codes();
        if let Err(error) = terminal.print(&text) {
            codes.extend(self.fail(&error));
        }
        let version = self.teller.version.swap(0, Ordering::SeqCst);
        if version > 1 {
            terminal.say_line(&format!(
                "these figures are of versions 1 to {version}; targets, plan and script are those of version {version}"
            ));
        }
        codes
    }

    fn fail(&self, error: &CliError) -> Vec<Code> {
        exit::report(self.terminal(), error);
        exit::codes(error)
    }

    fn terminal(&self) -> &Terminal {
        &self.teller.terminal
    }
}

/// Waits for Enter, where somebody is there to press it. A line that was typed while the load went on counts.
fn listen(is_over: &AtomicBool, is_entered: &AtomicBool, waker: &Waker) {
    /// How soon it is noticed that nobody waits any more.
    const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return;
    }
    while !is_over.load(Ordering::SeqCst) {
        let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
        if poll(&mut fds, Some(&LOOK)).is_ok_and(|ready| ready > 0) {
            // The end of it is no Enter, and comes again and again.
            if matches!(stdin.lock().read_line(&mut String::new()), Ok(0) | Err(_)) {
                return;
            }
            is_entered.store(true, Ordering::SeqCst);
            waker.wake();
            return;
        }
    }
}

/// Who looks on while the load goes on.
struct Onlookers<T: FnMut(News)> {
    shown: Served<Watcher>,
    follower: Follower<T>,
}

impl<T: FnMut(News)> Observer for Onlookers<T> {
    fn tick(&mut self, tick: &Tick<'_>) {
        self.follower.tick(tick);
        self.shown.tick(tick);
    }

    fn log(&mut self, line: &LogLine) {
        self.shown.log(line);
    }

    fn load_begins(&mut self) {
        self.shown.load_begins();
    }

    fn load_ends(&mut self) {
        self.follower.load_ends();
        self.shown.load_ends();
    }

    fn epoch(&mut self, new: &NewEpoch<'_>) {
        self.follower.epoch(new);
        self.shown.epoch(new);
    }

    fn refused(&mut self, diagnostic: &Diagnostic) {
        self.follower.refused(diagnostic);
        self.shown.refused(diagnostic);
    }

    fn failing(&mut self, new: &NewFailures) {
        self.follower.failing(new);
        self.shown.failing(new);
    }
}
