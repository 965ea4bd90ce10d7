//! `env`: variables from the scenario, from `-e`, and from the environment.

use std::rc::Rc;

use rhai::{Dynamic, EvalAltResult, ImmutableString};

use super::super::error::HostError;
use super::super::registry::Registry;
use super::super::stage::Stage;

pub(super) fn register(registry: &mut Registry<'_>) {
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "env(name)",
        "the environment variable, which must be set",
        move |name: ImmutableString| -> Result<ImmutableString, Box<EvalAltResult>> {
            find(&stage, &name).ok_or_else(|| {
                HostError::new(format!("the environment variable `{name}` is not set"))
                    .hint(format!("set it with `-e {name}=…`, or give a default: `env(\"{name}\", \"…\")`"))
                    .word(name.as_str())
                    .into()
            })
        },
    );
    registry.example("env(\"PATH\").is_empty() // false");
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "env(name, otherwise)",
        "the same with a default",
        move |name: ImmutableString, otherwise: Dynamic| find(&stage, &name).map_or(otherwise, Dynamic::from),
    );
    registry.declares("base_url(env(\"TARGET_URL\", \"demo\"));");
}

fn find(stage: &Stage, name: &str) -> Option<ImmutableString> {
    let vu = stage.vu();
    let outside = stage.outside();
    vu.cast.env.get(name).or_else(|| outside.env.get(name)).map(|value| value.as_str().into())
}
