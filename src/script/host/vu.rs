//! `vu::*`: who runs.

use std::rc::Rc;

use rhai::{Dynamic, EvalAltResult, INT, ImmutableString, Map};

use super::super::registry::Registry;
use super::metric::tag;

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
    let stage = Rc::clone(&registry.stage);
    registry
        .define(
            "vu::tag(name, value)",
            "sets a tag on all further samples of this user; the value `()` takes it away",
            move |name: ImmutableString, value: Dynamic| -> Outcome<()> {
                let vu = stage.acting("vu::tag")?;
                let value = if value.is_unit() { "".into() } else { value };
                let (name, value) = tag(&name, &value)?;
                stage.recorder().with(|recorder| vu.set_tag(recorder, &name, &value));
                Ok(())
            },
        )
        .example("vu::tag(\"plan\", \"premium\");");
    let stage = Rc::clone(&registry.stage);
    registry
        .define(
            "vu::tags()",
            "the tags of this user's samples: the scenario's, its own, those of open groups",
            move || -> Outcome<Map> {
                let tags = stage.acting("vu::tags")?.tags();
                Ok(tags.iter().map(|(name, value)| (name.into(), value.into())).collect())
            },
        )
        .example("let tags = vu::tags();");
}
