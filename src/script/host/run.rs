//! `run::*`: what a flow can know of the whole run.

use std::rc::Rc;

use rhai::EvalAltResult;

use super::super::registry::Registry;
use super::scenario::milliseconds;

pub(super) fn register(registry: &mut Registry<'_>) {
    let stage = Rc::clone(&registry.stage);
    registry
        .define(
            "run::elapsed()",
            "milliseconds since the load started; 0 in `setup`",
            move || -> Result<f64, Box<EvalAltResult>> {
                let vu = stage.acting("run::elapsed")?;
                let start_ns = vu.cast.course.as_ref().map(|course| course.run_start_ns);
                Ok(start_ns
                    .map_or(0.0, |start_ns| milliseconds(stage.clock().now_ns().saturating_sub(start_ns))))
            },
        )
        .example("if run::elapsed() > 60000.0 { log::info(\"a minute is over\"); }");
}
