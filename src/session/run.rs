//! `runner run`: from a script to its summary.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use crate::demo::{Demo, DemoOptions};
use crate::diagnostic::{Code, Diagnostic, Source};
use crate::engine::{self, Control, Job, Observer};
use crate::plan::Plan;
use crate::results::Summary;
use crate::script::{DEMO_URL, Outside};

use super::declare::Declared;
use super::error::SessionError;
use super::preflight::preflight;

/// How a plan is played.
#[derive(Debug)]
pub struct Settings {
    /// The script.
    pub source: Arc<Source>,
    /// What it takes from outside.
    pub outside: Outside,
    /// Worker threads.
    pub workers: usize,
    /// Whether hosts are looked for before the load.
    pub preflight: bool,
}

/// Plays a declared plan. `begin` is told the plan with its real addresses, before the load.
pub fn run(
    declared: Declared,
    settings: Settings,
    control: &Control,
    observer: &mut dyn Observer,
    begin: impl FnOnce(&Plan),
) -> Result<Summary, SessionError> {
    let Declared { declared, mut plan, .. } = declared;
    let demo = start_demo(&mut plan)?;
    if settings.preflight {
        preflight_unless_stopped(&plan, control)?;
    }
    begin(&plan);
    let name = settings.source.name.clone();
    let secrets = settings.outside.secrets.clone();
    let job = Job {
        source: settings.source,
        declared,
        plan: plan.clone(),
        outside: settings.outside,
        workers: settings.workers.max(1),
    };
    let mut outcome = engine::run(job, control, observer)?;
    // The run was played: that its service then failed is no reason to lose the summary.
    if let Some(Err(error)) = demo.map(Demo::stop) {
        outcome.errors.push(Diagnostic::new(Code::Other, format!("the embedded demo failed: {error}")));
    }
    let mut summary = Summary::new(&name, &plan, &outcome);
    summary.apply(secrets.mask());
    Ok(summary)
}

/// Looks for the hosts on a thread of its own: a host that is silent for seconds must not outlast a stop.
fn preflight_unless_stopped(plan: &Plan, control: &Control) -> Result<(), SessionError> {
    /// How soon a stop is noticed.
    const LOOK: Duration = Duration::from_millis(20);
    let (told, found) = mpsc::channel();
    let looked_for = plan.clone();
    std::thread::spawn(move || told.send(preflight(&looked_for)));
    loop {
        match found.recv_timeout(LOOK) {
            Ok(found) => return Ok(found?),
            Err(RecvTimeoutError::Timeout) if !control.is_stopping() => {}
            Err(RecvTimeoutError::Timeout) => {
                return Err(Diagnostic::new(Code::Interrupted, "stopped by the user before the load").into());
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Diagnostic::new(Code::Bug, "the look for the hosts panicked").into());
            }
        }
    }
}

/// Starts the sample service if the plan asks for it, and gives the plan its address.
fn start_demo(plan: &mut Plan) -> Result<Option<Demo>, SessionError> {
    let scenarios = plan.scenarios.iter_mut().filter_map(|scenario| scenario.base_url.as_mut());
    let urls: Vec<&mut String> =
        scenarios.chain(plan.base_url.as_mut()).filter(|url| *url == DEMO_URL).collect();
    if urls.is_empty() {
        return Ok(None);
    }
    let demo = Demo::start(DemoOptions { port: 0, ..DemoOptions::default() }).map_err(SessionError::Demo)?;
    for url in urls {
        *url = demo.url();
    }
    Ok(Some(demo))
}
