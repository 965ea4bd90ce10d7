//! `fail` ends the iteration, `abort` the run; neither can be caught.

use std::rc::Rc;

use rhai::{EvalAltResult, ImmutableString};

use super::super::registry::Registry;
use super::super::stage::terminated;
use super::super::vu::Ending;

type Outcome = Result<(), Box<EvalAltResult>>;

pub(super) fn register(registry: &mut Registry<'_>) {
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "fail(reason)",
        "ends the iteration as failed, for good",
        move |reason: ImmutableString| -> Outcome {
            stage.acting("fail")?.end(Ending::Failed(reason.to_string()));
            Err(terminated())
        },
    );
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "abort(reason)",
        "ends the whole run; `teardown` still runs",
        move |reason: ImmutableString| -> Outcome {
            stage.acting("abort")?.end(Ending::Aborted(reason.to_string()));
            Err(terminated())
        },
    );
}
