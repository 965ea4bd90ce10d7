//! `runner repl`: one user, without a load, who plays what is typed.
//!
//! It has what a worker has (a runtime, a timer, connections, a recorder), on the calling thread, and only while a
//! line is played: nothing goes on while somebody types. A line that waits can be cut.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use rhai::Dynamic;
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::signal::unix::{SignalKind, signal};

use super::declare::check_network;
use super::error::SessionError;
use crate::demo::{Demo, DemoOptions};
use crate::diagnostic::{Code, Diagnostic, Source};
use crate::engine::{Epoch, Timer};
use crate::fiber::{Arena, Current, Fiber};
use crate::http::{Client, Clock, Options};
use crate::metrics::{Recorder, Snapshot, Symbol, TagSet};
use crate::plan::{Overrides, Plan};
use crate::script::{
    Cast, DEMO_URL, Given, Known, LogLine, Origin, Outside, Phase, Program, Repl, Shown, Stage, Turn, Vu,
};

/// What a script without a name is called.
const UNNAMED: &str = "repl";

/// How long a line that was cut may take to end.
const CUT: Duration = Duration::from_secs(1);

/// A line that was played.
#[derive(Debug)]
pub struct Line {
    /// What it gave.
    pub given: Given,
    /// What looks wrong in functions that it defines.
    pub warnings: Vec<Diagnostic>,
    /// How long its statements took, without the reading of them.
    pub took: Duration,
    /// What it recorded: requests, checks, the script's own metrics.
    pub recorded: Snapshot,
}

/// Whether Ctrl-C (SIGINT) cuts a line, or ends the process as ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupted {
    /// The line.
    Line,
    /// The process.
    Process,
}

/// One user who plays lines.
pub struct Prompt {
    // Dropped in this order: connections before the runtime that they belong to.
    repl: Repl,
    stage: Rc<Stage>,
    arena: Rc<Arena>,
    runtime: LocalRuntime,
    epoch: Epoch,
    base_url: Option<String>,
    demo: Option<Demo>,
    interrupted: Interrupted,
}

impl std::fmt::Debug for Prompt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prompt").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

impl Prompt {
    /// Runs the top level of a script, if there is one, and waits for lines. With the notes that a user should read.
    pub fn open(
        script: Option<Arc<Source>>,
        outside: &Outside,
        overrides: &Overrides,
        interrupted: Interrupted,
        log: impl Fn(LogLine) + 'static,
    ) -> Result<(Self, Vec<String>), SessionError> {
        let bug = |error: std::io::Error| Diagnostic::new(Code::Other, format!("failed to start: {error}"));
        let runtime = Builder::new_current_thread().enable_io().build_local(LocalOptions::default());
        let runtime = runtime.map_err(bug)?;
        let epoch = Epoch::now();
        let timer = runtime.block_on(async {
            let timer = Timer::start(epoch)?;
            let ticking = Rc::clone(&timer);
            tokio::task::spawn_local(async move {
                // Without alarms nothing that waits would ever end: `sleep` says so by hanging, and can be cut.
                let Err(_) = ticking.run().await;
            });
            Ok(timer)
        });
        let timer = timer.map_err(bug)?;
        let stage =
            Stage::new(Rc::new(Current::default()), Rc::clone(&timer) as Rc<dyn Clock>, outside.clone(), log);
        let source =
            script.unwrap_or_else(|| Arc::new(Source { name: UNNAMED.to_owned(), text: String::new() }));
        let (program, mut plan) = Program::load(&source, &stage)?;
        let mut notes = overrides.apply(&mut plan).map_err(|error| Box::new(program.plan_error(&error)))?;
        notes.extend(check_network(&plan)?);
        set(&stage, &plan, epoch)?;
        runtime.block_on(async {
            tokio::task::spawn_local(Rc::clone(stage.network()).deliver(Rc::clone(stage.clock())));
        });
        let vu = user(&stage, &plan);
        let arena = Arena::new(1)
            .map_err(|error| Diagnostic::new(Code::Other, format!("failed to start: {error}")))?;
        let repl = Repl::new(program, vu);
        let base_url = plan.base_url.clone();
        let mut prompt = Self { repl, stage, arena, runtime, epoch, base_url: None, demo: None, interrupted };
        if let Some(url) = base_url {
            prompt.go_to(url)?;
        }
        Ok((prompt, notes))
    }

    /// Plays an entry to its end. An error leaves what came before it as it is.
    pub fn play(&mut self, text: &str, origin: &Origin) -> Result<Line, Box<Diagnostic>> {
        let warnings = self.repl.read(text, origin)?;
        self.follow()?;
        let mut took_ns = 0;
        while let Some(body) = self.repl.step() {
            let start_ns = self.epoch.now_ns();
            let ended = self.on_a_fiber(body);
            took_ns += self.epoch.now_ns().saturating_sub(start_ns);
            if let Err(error) = ended {
                self.repl.abandon();
                return Err(error);
            }
            self.repl.settle()?;
            self.follow()?;
        }
        let given = self.repl.finish();
        let now_ns = self.epoch.now_ns();
        Ok(Line { given, warnings, took: Duration::from_nanos(took_ns), recorded: self.take(now_ns) })
    }

    /// What is to be seen of a value.
    pub fn show(&self, value: &Dynamic, columns: usize) -> Shown {
        self.repl.show(value, columns)
    }

    /// What lines can name now.
    pub fn known(&self) -> Known {
        self.repl.known()
    }

    /// Where relative URLs go.
    pub fn base_url(&self) -> Option<&str> {
        self.base_url.as_deref()
    }

    /// Nobody reads what a prompt records but who asks for a line's own.
    fn take(&self, now_ns: u64) -> Snapshot {
        self.stage.record_connections();
        let _ = (self.stage.take_examples(), self.stage.take_requests_cut());
        let _ = self.stage.network().take_connections();
        self.stage.recorder().with(|recorder| recorder.take(self.epoch.unix_seconds(now_ns)))
    }

    /// Goes where lines said that relative URLs go.
    fn follow(&mut self) -> Result<(), Box<Diagnostic>> {
        self.repl.take_base_url().map_or(Ok(()), |url| self.go_to(url))
    }

    fn go_to(&mut self, url: String) -> Result<(), Box<Diagnostic>> {
        let url = match (&self.demo, url == DEMO_URL) {
            (Some(demo), true) => demo.url(),
            (None, true) => {
                let demo =
                    Demo::start(DemoOptions { port: 0, ..DemoOptions::default() }).map_err(|error| {
                        Diagnostic::new(Code::Other, format!("failed to start the embedded demo: {error}"))
                    })?;
                self.demo.insert(demo).url()
            }
            (_, false) => url,
        };
        self.repl.set_base_url(&url);
        self.base_url = Some(url);
        Ok(())
    }

    /// Runs a step to its end; Ctrl-C cuts it.
    fn on_a_fiber(&self, body: impl FnOnce() + 'static) -> Result<(), Box<Diagnostic>> {
        let fiber = Fiber::new(&self.arena, self.stage.current(), body);
        let fiber = fiber.map_err(|error| Diagnostic::new(Code::Other, error.to_string()))?;
        let vu = Rc::clone(self.repl.vu());
        let turn = Turn::new(&self.stage, &vu, fiber);
        let is_cut = self.interrupted == Interrupted::Line;
        self.runtime.block_on(async {
            // From here on alone: one that came while nothing was played is no word to what is.
            let mut listening = if is_cut { signal(SignalKind::interrupt()).ok() } else { None };
            let interrupt = async {
                match &mut listening {
                    Some(signal) => _ = signal.recv().await,
                    None => std::future::pending().await,
                }
            };
            self.guard(&vu, turn, pin!(interrupt)).await
        })
    }

    /// Polls a step's fiber to its end; what won't end when it is cut is left behind.
    async fn guard(
        &self,
        vu: &Rc<Vu>,
        turn: Turn<Fiber<()>>,
        mut interrupt: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<(), Box<Diagnostic>> {
        let mut turn = pin!(turn);
        let alarm = self.stage.clock().alarm();
        let mut is_cut = false;
        poll_fn(|context| {
            loop {
                if let Poll::Ready(ended) = turn.as_mut().poll(context) {
                    return Poll::Ready(ended.map_err(|panic| Box::new(panicked(&*panic))));
                }
                if is_cut {
                    if alarm.poll_due(context).is_pending() {
                        return Poll::Pending;
                    }
                    let text = "the line did not end when it was cut";
                    return Poll::Ready(Err(Box::new(
                        Diagnostic::new(Code::Bug, text)
                            .hint("`:reset` begins anew; please report it with the line"),
                    )));
                }
                if interrupt.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                is_cut = true;
                vu.stop();
                let cut_ns = u64::try_from(CUT.as_nanos()).unwrap_or(u64::MAX);
                alarm.set(self.stage.clock().now_ns() + cut_ns);
            }
        })
        .await
    }
}

/// Sets the stage by the plan's options, as a worker's is.
fn set(stage: &Rc<Stage>, plan: &Plan, epoch: Epoch) -> Result<(), Box<Diagnostic>> {
    stage.set_wall_start_ns(epoch.wall_ns(0));
    stage.set_recorder(Recorder::new(&plan.metrics));
    stage.set(&plan.options)
}

/// Who plays the lines: the first user, of no scenario.
fn user(stage: &Rc<Stage>, plan: &Plan) -> Rc<Vu> {
    let (clock, network) = (stage.clock(), stage.network());
    let options = Options {
        user_agent: plan.options.user_agent.as_deref().map(Rc::from),
        local_address: network.network().local_address(0),
        ..Options::default()
    };
    let client = Client::new(Rc::clone(clock), Rc::clone(network), options);
    let tags = TagSet::from_pairs(plan.options.tags.iter().map(|(tag, value)| (&**tag, &**value)));
    let symbols = [Symbol::NONE, stage.recorder().with(|recorder| recorder.intern_tags(&tags))];
    let cast = Cast::new("", tags, symbols, plan.base_url.as_deref(), BTreeMap::new(), None);
    let seed = plan.options.seed.unwrap_or(stage.outside().seed);
    Rc::new(Vu::new(1, cast, Phase::Prompt, seed, clock.alarm(), Some(client)))
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Diagnostic {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without words");
    Diagnostic::new(Code::Bug, format!("runner {} panicked: {text}", env!("CARGO_PKG_VERSION")))
        .hint("this is a bug: please report it with the line")
}
