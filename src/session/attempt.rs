//! `runner try`: one user plays a script once, and somebody is told of all that happens.
//!
//! `setup`, then of each scenario one user: `on_start`, its flow (each choice of a weighted one), `on_stop`; then
//! `teardown`. All on this thread, one function after another, by the same means as a run: the same interpreter, client
//! and options. Only pace is left out: no think time, no schedule, no limits of requests a second.

mod choice;
mod player;
mod tally;
mod user;

use std::sync::Arc;

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::oneshot;

use self::choice::Scene;
use self::player::Player;
pub use self::tally::Tally;
use super::declare::Declared;
use super::error::SessionError;
use super::run::{demo_failed, preflight_unless_stopped, start_demo};
use crate::diagnostic::{Code, Diagnostic, Source};
use crate::engine::{Control, EngineError};
use crate::plan::Plan;
use crate::script::{Outside, Permit, StoryWanted, Told};

/// How a script is tried.
#[derive(Debug)]
pub struct AttemptSettings {
    /// The script.
    pub source: Arc<Source>,
    /// What it takes from outside.
    pub outside: Outside,
    /// Whether hosts are looked for before.
    pub preflight: bool,
    /// A scenario or a function that is played alone.
    pub flow: Option<String>,
    /// Whether the audience is asked before each call of the host.
    pub steps: bool,
}

/// What a function of the script is to whoever plays it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `setup`.
    Setup,
    /// `on_start`.
    OnStart,
    /// A flow.
    Flow,
    /// `on_stop`.
    OnStop,
    /// `teardown`.
    Teardown,
}

impl Part {
    /// As a script and a trace have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::OnStart => "on_start",
            Self::Flow => "flow",
            Self::OnStop => "on_stop",
            Self::Teardown => "teardown",
        }
    }
}

/// One call of a function of the script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// What it is.
    pub part: Part,
    /// The scenario's name; empty outside of scenarios.
    pub scenario: String,
    /// The function's, or `closure 1`.
    pub function: String,
    /// Of a weighted flow: its weight, and the sum of all.
    pub weight: Option<(u64, u64)>,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// How long it took.
    pub took_ns: u64,
    /// What `setup` gives to the flows, where one takes it: a bounded text without secrets.
    pub gives: Option<String>,
    /// Changes of variables that were not told: there were more at one line than anybody reads.
    pub untold: u64,
    /// Why it didn't come to its end.
    pub failure: Option<Diagnostic>,
}

/// Who is told.
pub trait Audience {
    /// All is ready: the plan with its real addresses.
    fn open(&mut self, plan: &Plan);
    /// A function is about to be called.
    fn begin(&mut self, act: &Act);
    /// Something happened in it.
    fn tell(&mut self, act: &Act, told: &Told);
    /// It is over.
    fn end(&mut self, act: &Act, ended: &Ended);
    /// A call of the host, told just now, waits for a permit. Nobody answering ends the script.
    fn ask(&mut self, question: &Told) -> oneshot::Receiver<Permit>;
}

/// Plays a declared script once.
pub fn attempt(
    mut declared: Declared,
    settings: AttemptSettings,
    control: &Control,
    audience: &mut dyn Audience,
) -> Result<Tally, SessionError> {
    let wanted = StoryWanted { steps: settings.steps };
    let outside = Outside { story: Some(wanted), ..settings.outside };
    let runtime = Builder::new_current_thread().enable_io().build_local(LocalOptions::default());
    let runtime = runtime.map_err(EngineError::Start)?;
    runtime.block_on(async {
        let mut player = Player::start(&settings.source, outside, &declared.declared)?;
        let scenes = Scene::of_plan(player.program(), &declared.plan, settings.flow.as_deref())?;
        let demo = start_demo(std::iter::once(&mut declared.plan))?;
        if settings.preflight {
            preflight_unless_stopped(vec![declared.plan.clone()], || control.is_stopping())?;
        }
        player.fit(&declared.plan)?;
        audience.open(&declared.plan);
        player.play(&declared.plan, scenes, control, audience).await?;
        let mut tally = player.end();
        if let Some(Err(error)) = demo.map(crate::demo::Demo::stop) {
            tally.errors.push(demo_failed(&error));
        }
        Ok(tally)
    })
}

/// A script that declares something else each time.
fn declares_otherwise() -> Diagnostic {
    Diagnostic::new(Code::Script, "the script's top level declares something else each time it runs")
        .hint("what it declares must not depend on chance, time or a changing file")
}
