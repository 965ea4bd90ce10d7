//! `fail` ends the iteration, `abort` the run; neither can be caught.

use std::rc::Rc;

use rhai::{EvalAltResult, ImmutableString, NativeCallContext};

use super::super::place::position;
use super::super::registry::Registry;
use super::super::stage::terminated;
use super::super::vu::Ending;

type Outcome = Result<(), Box<EvalAltResult>>;

pub(super) fn register(registry: &mut Registry<'_>) {
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "fail(reason)",
        "ends the iteration as failed, for good",
        move |context: NativeCallContext<'_>, reason: ImmutableString| -> Outcome {
            let place = position(context.call_position());
            stage.acting("fail")?.end_at(Ending::Failed(reason.to_string()), place);
            Err(terminated().into())
        },
    );
    registry.example("if http::get(\"/health\").status == 503 { fail(\"the service is down\"); }");
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "abort(reason)",
        "ends the whole run; `teardown` still runs",
        move |context: NativeCallContext<'_>, reason: ImmutableString| -> Outcome {
            let place = position(context.call_position());
            stage.acting("abort")?.end_at(Ending::Aborted(reason.to_string()), place);
            Err(terminated().into())
        },
    );
    registry.example("if http::get(\"/health\").status == 401 { abort(\"the token is wrong\"); }");
}
