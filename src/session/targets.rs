//! The targets of another script, in place of those of the script that is played: `--targets FILE`.
//!
//! Its top level runs as that of any script, and knows the metrics of the one that is played; of what it declares the
//! targets count alone. What is wrong with them is shown in its own lines.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use crate::diagnostic::{Code, Diagnostic, Source};
use crate::fiber::Current;
use crate::metrics::builtin;
use crate::plan::{Plan, PlanError, Target, TargetError};
use crate::script::{LogLine, Outside, Program, Stage, StillClock};

/// The targets that a file declares, if they fit the plan.
pub(super) fn targets_of(
    source: &Arc<Source>,
    plan: &Plan,
    outside: &Outside,
    log: impl Fn(LogLine) + 'static,
) -> Result<Vec<Target>, Box<Diagnostic>> {
    let folder = Path::new(&source.name).parent().map(Path::to_owned).unwrap_or_default();
    // What lies in its folder is its own.
    let (data, modules) = (Arc::default(), Arc::default());
    let outside = Outside { folder, modules, data, ..outside.clone() };
    let stage = Stage::new(Rc::new(Current::default()), Rc::new(StillClock), outside, log);
    stage.know_metrics(&plan.metrics);
    let (program, other) = Program::load(source, &stage)?;
    if other.targets.is_empty() {
        let message = format!("`{}` declares no target", source.name);
        return Err(Box::new(
            Diagnostic::new(Code::Plan, message)
                .hint("write `target(\"http_req_duration\", \"p(95) < 200ms\");`, or leave `--targets` out"),
        ));
    }
    for target in &other.targets {
        let refuse = |error: &PlanError| Box::new(program.target_error(error, target));
        let metric = &target.selector.metric;
        if builtin(metric).is_none() && plan.metrics.iter().all(|known| *known.name != **metric) {
            let error = TargetError::ForeignMetric { name: metric.clone() };
            return Err(refuse(&error.into()));
        }
        plan.check_scenario_of(target).map_err(|error| refuse(&error))?;
    }
    let written_there = |mut target: Target| {
        target.file = Some(target.file.unwrap_or_else(|| source.name.clone()));
        target
    };
    Ok(other.targets.into_iter().map(written_there).collect())
}
