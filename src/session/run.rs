//! `runner run` and `runner hit`: from declared plans to their summaries.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use crate::demo::{Demo, DemoOptions};
use crate::diagnostic::{Code, Diagnostic, Source};
use crate::engine::{self, Control, EngineError, Job, Observer, Observers, Outcome, Pass};
use crate::output::Courier;
use crate::plan::Plan;
use crate::profile::enlist;
use crate::results::{RunFolder, Summary};
use crate::script::{DEMO_URL, Outside};

use super::declare::Declared;
use super::error::SessionError;
use super::keeping::Keeping;
use super::preflight::preflight;
use super::profile::{Profiled, Profiling};
use super::provenance::Origin;
use super::recording::Recording;

/// How a plan is played.
#[derive(Debug)]
pub struct Settings {
    /// What the summary calls it.
    pub name: String,
    /// The script; none where all flows are requests.
    pub source: Option<Arc<Source>>,
    /// What it takes from outside.
    pub outside: Outside,
    /// Worker threads.
    pub workers: usize,
    /// Whether hosts are looked for before the load.
    pub preflight: bool,
    /// Where it is kept; none where it isn't.
    pub folder: Option<RunFolder>,
    /// Where its seconds go while it is played.
    pub outputs: Vec<Courier>,
    /// The command line, word by word, for whoever looks at the run later.
    pub command: Vec<String>,
}

/// One of the scripts that are played at the same time.
pub struct Part<'a> {
    /// Its plan.
    pub declared: Declared,
    /// How that is played.
    pub settings: Settings,
    /// What stops it.
    pub control: &'a Control,
    /// Who is told how it goes.
    pub observer: &'a mut (dyn Observer + Send),
    /// The profile that is taken meanwhile.
    pub profiling: Option<&'a Profiling>,
}

/// What came of scripts that were played at the same time.
pub struct Played {
    /// A summary each, in the order of the scripts.
    pub summaries: Vec<Result<Summary, SessionError>>,
    /// The embedded demo, where a plan wants the process to stay after the run.
    demo: Option<Demo>,
}

impl Played {
    /// Ends the embedded demo, if there still is one.
    pub fn end(self) -> Result<(), SessionError> {
        self.demo.map_or(Ok(()), |demo| demo.stop().map_err(|error| demo_failed(&error).into()))
    }
}

/// Plays declared plans at the same time: their loads start at one instant, once each is set up, and against one
/// embedded demo, if they ask for it. If one can't start, none does. `begin` is told the plans with their
/// real addresses, before the load.
pub fn run(mut parts: Vec<Part<'_>>, begin: impl FnOnce(&[&Plan])) -> Result<Played, SessionError> {
    let mut demo = start_demo(parts.iter_mut().map(|part| &mut part.declared.plan))?;
    let looked_for = parts.iter().filter(|part| part.settings.preflight);
    preflight_unless_stopped(looked_for.map(|part| part.declared.plan.clone()).collect(), || {
        parts.iter().any(|part| part.control.is_stopping())
    })?;
    begin(&parts.iter().map(|part| &part.declared.plan).collect::<Vec<_>>());
    let plans: Vec<Plan> = parts.iter().map(|part| part.declared.plan.clone()).collect();
    let masks: Vec<_> = parts.iter().map(|part| part.settings.outside.secrets.mask().clone()).collect();
    let names: Vec<String> = parts.iter().map(|part| part.settings.name.clone()).collect();
    let origins: Vec<Origin> = parts.iter().map(|part| Origin::of(&part.settings)).collect();
    let record = |(part, origin): (&mut Part<'_>, &Origin)| {
        let (settings, plan) = (&mut part.settings, &part.declared.plan);
        let (folder, outputs) = (settings.folder.take(), std::mem::take(&mut settings.outputs));
        let keeping = folder.as_ref().map(|folder| Keeping::new(settings, origin, plan, folder));
        let mask = settings.outside.secrets.mask().clone();
        let seed = plan.options.seed.unwrap_or(settings.outside.seed);
        let recording = Recording::new(settings.name.clone(), plan.clone(), mask, folder, outputs);
        let mut recording = recording.journalled(seed, settings.workers);
        if let Some(keeping) = keeping {
            recording.keep(keeping);
        }
        recording
    };
    let mut recordings: Vec<Recording> = parts.iter_mut().zip(&origins).map(record).collect();
    let mut outcomes = play(parts, &mut recordings, &names);
    let stays = plans.iter().any(|plan| plan.options.linger);
    // The runs were played: that their service then failed is no reason to lose the summaries.
    if let Some(Err(error)) = demo.take_if(|_| !stays).map(Demo::stop) {
        for outcome in outcomes.iter_mut().flatten() {
            outcome.errors.push(demo_failed(&error));
        }
    }
    let sum_up = |(index, outcome): (usize, Result<Outcome, EngineError>)| {
        let outcome = outcome?;
        let last = outcome.replaced_by.as_deref();
        let plan = last.map_or(&plans[index], |version| &version.plan);
        let mut summary = Summary::new(&names[index], plan, &outcome);
        let origin = last.map(|version| origins[index].edited(version));
        summary.method.provenance = Some(origin.as_ref().unwrap_or(&origins[index]).provenance());
        summary.apply(&masks[index]);
        Ok(summary)
    };
    let mut summaries: Vec<Result<Summary, SessionError>> =
        outcomes.into_iter().enumerate().map(sum_up).collect();
    for (summary, recording) in summaries.iter_mut().zip(recordings) {
        if let Ok(summary) = summary {
            recording.finish(summary);
        }
    }
    Ok(Played { summaries, demo })
}

pub(super) fn demo_failed(error: &std::io::Error) -> Diagnostic {
    Diagnostic::new(Code::Other, format!("the embedded demo failed: {error}"))
}

/// Plays each on a control thread of its own; one alone on this one.
fn play(
    parts: Vec<Part<'_>>,
    recordings: &mut [Recording],
    names: &[String],
) -> Vec<Result<Outcome, EngineError>> {
    let passes = Pass::several(names.iter().cloned());
    let is_alone = parts.len() == 1;
    let mut pairs = parts.into_iter().zip(recordings).zip(passes);
    if is_alone {
        return pairs.map(|((part, recording), pass)| play_one(part, recording, pass)).collect();
    }
    std::thread::scope(|scope| {
        let start = |(index, ((part, recording), pass))| {
            let thread = std::thread::Builder::new().name(format!("script {index}"));
            thread.spawn_scoped(scope, move || play_one(part, recording, pass))
        };
        let threads: Vec<_> = pairs.by_ref().enumerate().map(start).collect();
        let end = |thread: std::io::Result<std::thread::ScopedJoinHandle<'_, _>>| match thread {
            Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
            Err(error) => Err(EngineError::Start(error)),
        };
        threads.into_iter().map(end).collect()
    })
}

fn play_one(part: Part<'_>, recording: &mut Recording, pass: Pass) -> Result<Outcome, EngineError> {
    let Part { declared, settings, control, observer, profiling } = part;
    let _seat = enlist();
    let job = Job {
        source: settings.source,
        declared: declared.declared,
        plan: declared.plan,
        outside: settings.outside,
        workers: settings.workers.max(1),
        taps: recording.taps(),
    };
    let mut profiled = Profiled { observer, profiling };
    engine::run_together(job, control, &mut Observers(vec![&mut profiled, recording]), pass)
}

/// Looks for the hosts on a thread of its own: a host that is silent for seconds must not outlast a stop.
pub(super) fn preflight_unless_stopped(
    looked_for: Vec<Plan>,
    is_stopping: impl Fn() -> bool,
) -> Result<(), SessionError> {
    /// How soon a stop is noticed.
    const LOOK: Duration = Duration::from_millis(20);
    if looked_for.is_empty() {
        return Ok(());
    }
    let (told, found) = mpsc::channel();
    std::thread::spawn(move || told.send(looked_for.iter().try_for_each(preflight)));
    loop {
        match found.recv_timeout(LOOK) {
            Ok(found) => return Ok(found?),
            Err(RecvTimeoutError::Timeout) if !is_stopping() => {}
            Err(RecvTimeoutError::Timeout) => {
                return Err(Diagnostic::new(Code::Interrupted, "stopped by the user before the load").into());
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Diagnostic::new(Code::Bug, "the look for the hosts panicked").into());
            }
        }
    }
}

/// Starts the sample service if a plan asks for it, and gives those that do its address.
pub(super) fn start_demo<'a>(
    plans: impl Iterator<Item = &'a mut Plan>,
) -> Result<Option<Demo>, SessionError> {
    let urls: Vec<&mut String> = plans
        .flat_map(|plan| {
            let scenarios = plan.scenarios.iter_mut().filter_map(|scenario| scenario.base_url.as_mut());
            scenarios.chain(plan.base_url.as_mut())
        })
        .filter(|url| *url == DEMO_URL)
        .collect();
    if urls.is_empty() {
        return Ok(None);
    }
    let demo = Demo::start(DemoOptions { port: 0, ..DemoOptions::default() }).map_err(SessionError::Demo)?;
    for url in urls {
        *url = demo.url();
    }
    Ok(Some(demo))
}
