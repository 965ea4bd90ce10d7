//! What is called on a user's fiber: functions of the script, or a request where there is no script.
//!
//! The choice is made once, when a scenario is given to a worker; an iteration then asks which it was, and no
//! more.

use std::rc::Rc;

use rand::RngExt;
use rhai::{Dynamic, Scope};

use crate::plan::{Flow, Scenario, Weighted};
use crate::script::{Cast, Entry, Failure, Program, Shot, Stage, Vu};

/// A flow or a hook, ready to be run.
#[derive(Debug)]
pub(super) enum Play {
    /// Functions of the script: one, or one for each choice of a weighted flow.
    Script { program: Rc<Program>, entries: Vec<Entry>, weights: Option<Weighted> },
    /// One request.
    Request(Shot),
}

impl Play {
    /// A scenario's flow, for its users on this worker.
    ///
    /// # Panics
    /// With a flow of another script, or a request that can't be sent.
    pub(super) fn flow(
        scenario: &Scenario,
        program: Option<&Rc<Program>>,
        stage: &Stage,
        (cast, user_agent): (&Cast, Option<&str>),
    ) -> Self {
        let weights = match &scenario.flow {
            Flow::Request(request) => {
                let shot = Shot::new(request, stage, cast, user_agent);
                return Self::Request(shot.expect("the session has checked that it can be sent"));
            }
            Flow::Weighted(weighted) => Some(weighted.clone()),
            Flow::Named(_) | Flow::Closure { .. } => None,
        };
        let program = Rc::clone(program.expect("a flow with a name is a script's"));
        Self::Script { entries: program.entries(&scenario.name, &scenario.flow), program, weights }
    }

    /// A function of the script's life cycle, if the script has it.
    pub(super) fn hook(program: Option<&Rc<Program>>, name: &str) -> Option<Self> {
        let program = Rc::clone(program?);
        Some(Self::Script { entries: vec![program.entry(name)?], program, weights: None })
    }

    /// Runs it once as the user `vu`, who must be on; false when it came to its end and its request failed.
    #[inline]
    pub(super) fn run(
        &self,
        stage: &Stage,
        vu: &Vu,
        data: &Dynamic,
        scope: &mut Scope<'_>,
    ) -> Result<bool, Failure> {
        match self {
            Self::Script { program, entries, weights } => {
                let index =
                    weights.as_ref().map_or(0, |weights| weights.pick_index(vu.rng.borrow_mut().random()));
                program.call(vu, &entries[index], data, scope).map(|_| true)
            }
            Self::Request(shot) => shot.send(stage, vu),
        }
    }
}
