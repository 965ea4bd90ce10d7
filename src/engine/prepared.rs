//! Another version of the script on one worker: loaded beside the load, taken at an instant.
//!
//! Compiling stalls the worker for some milliseconds, which its pulse notices as any other gap. From the instant on
//! whatever begins, begins on the new version: iterations, `on_start`, `on_stop`. What runs ends on the one before.

use std::rc::Rc;
use std::sync::Arc;

use crate::diagnostic::{Code, Diagnostic};
use crate::plan::Plan;
use crate::script::{Aside, Program};

use super::act::nanoseconds;
use super::crew::{Crew, Hooks};
use super::part::Part;
use super::play::Play;
use super::version::Version;

/// A version that is ready to be played.
pub(super) struct Prepared {
    version: Arc<Version>,
    program: Rc<Program>,
    aside: Aside,
    /// What iterations run, by scenario.
    plays: Vec<Play>,
    hooks: Hooks,
}

impl Prepared {
    /// Loads a version, whose top level must declare here what it declared on the control thread.
    pub(super) fn load(version: &Arc<Version>, crew: &Crew) -> Result<Self, Box<Diagnostic>> {
        let (stage, plan) = (&crew.stage, &version.plan);
        let (program, declared, aside) = Program::load_aside(&version.source, &version.outside, stage)?;
        same(&declared, &version.declared)?;
        program.check_flows(plan)?;
        let program = Rc::new(program);
        let user_agent = plan.options.user_agent.as_deref();
        let play = |part: &Rc<Part>| {
            Play::flow(&plan.scenarios[part.index], Some(&program), stage, (&part.cast, user_agent))
        };
        Ok(Self {
            plays: crew.parts.iter().map(play).collect(),
            hooks: Hooks::of(plan, Some(&program)),
            version: Arc::clone(version),
            program,
            aside,
        })
    }
}

/// Whether a worker's top level declared what the control thread's did.
pub(super) fn same(here: &Plan, there: &Plan) -> Result<(), Box<Diagnostic>> {
    if here == there {
        return Ok(());
    }
    Err(Box::new(
        Diagnostic::new(Code::Script, "the script's top level declares something else each time it runs")
            .hint(
                "every worker runs it: what it declares must not depend on chance, time or a changing file",
            ),
    ))
}

/// From here on the version is played that was prepared last.
pub(super) fn take(crew: &Rc<Crew>) {
    let Some(Prepared { version, program, aside, plays, hooks }) = crew.prepared.take() else { return };
    let (stage, plan) = (&crew.stage, &version.plan);
    stage.take(aside);
    stage.recorder().with(|recorder| {
        plan.metrics.iter().for_each(|metric| recorder.learn(metric));
    });
    stage.set_anew(&plan.options);
    crew.iteration_min_ns.set(nanoseconds(plan.options.min_iteration_duration));
    for (part, play) in crew.parts.iter().zip(plays) {
        part.take(&plan.scenarios[part.index], play);
    }
    for drive in crew.drives.borrow().values() {
        drive.hold_anew(crew);
    }
    crew.keep_to_schedule();
    crew.hooks.replace(hooks);
    crew.program.replace(Some(program));
    crew.version.replace(Some(version));
}
