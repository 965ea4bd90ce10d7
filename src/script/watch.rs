//! What the interpreter tells while a script runs: each operation, which the limits count; what is printed.

use std::rc::Rc;

use rhai::{Dynamic, Engine, EvalAltResult};

use super::host;
use super::log::Level;
use super::place::position;
use super::stage::Stage;

/// Limits that hold while a script runs, and where `print` goes.
pub(super) fn watch(engine: &mut Engine, stage: &Rc<Stage>) {
    let progress = Rc::clone(stage);
    engine.on_progress(move |_| progress.progress());
    let variable = Rc::clone(stage);
    #[expect(deprecated, reason = "not deprecated but marked as volatile: a change would not compile")]
    engine.on_var(move |_, _, context| {
        if !variable.is_alert(context.call_level()) {
            return Ok(None);
        }
        if variable.looks_for_nesting() {
            host::look_for_nesting(&variable, context.scope());
        }
        if variable.ends_here(context.call_level()) {
            return Err(EvalAltResult::ErrorRuntime(Dynamic::UNIT, rhai::Position::NONE).into());
        }
        Ok(None)
    });
    let print = Rc::clone(stage);
    engine.on_print(move |text| print.log(Level::Info, text));
    let debug = Rc::clone(stage);
    engine.on_debug(move |text, _, place| {
        let place = position(place).map(|place| format!("{place}: ")).unwrap_or_default();
        debug.log(Level::Info, &format!("{place}{text}"));
    });
}
