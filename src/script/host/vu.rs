//! `vu::*`: who runs.

use std::rc::Rc;

use rhai::{Dynamic, EvalAltResult, INT, ImmutableString};

use super::super::registry::Registry;

type Outcome<T> = Result<T, Box<EvalAltResult>>;

pub(super) fn register(registry: &mut Registry<'_>) {
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "vu::id()",
        "the virtual user's number, from 1 over the whole run",
        move || -> Outcome<INT> { Ok(INT::try_from(stage.acting("vu::id")?.id).unwrap_or(INT::MAX)) },
    );
    registry.example("vu::id() >= 1 // true");
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "vu::iteration()",
        "how many iterations this user began before",
        move || -> Outcome<INT> {
            Ok(INT::try_from(stage.acting("vu::iteration")?.iteration.get()).unwrap_or(INT::MAX))
        },
    );
    registry.example("vu::iteration() // 0");
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "vu::scenario()",
        "the name of the scenario that runs",
        move || -> Outcome<ImmutableString> { Ok((&*stage.acting("vu::scenario")?.cast.scenario).into()) },
    );
    registry.example("vu::scenario().is_empty() // false");
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "vu::state()",
        "what this user remembers: `this`, where helpers can reach it",
        move || -> Outcome<Dynamic> { Ok(stage.acting("vu::state")?.state.clone()) },
    );
    registry.example("let me = vu::state();\nme.seen = (me.seen ?? 0) + 1;\nthis.seen // 1");
}
