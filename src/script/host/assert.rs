//! `assert::*`: records like a check, and ends the iteration when it doesn't hold.

use std::rc::Rc;

use rhai::{Dynamic, EvalAltResult, ImmutableString, NativeCallContext};

use super::super::error::HostError;
use super::super::registry::Registry;
use super::super::stage::Stage;
use super::super::value::described;
use super::check::record;
use crate::metrics::TagSet;

type Outcome = Result<(), Box<EvalAltResult>>;

/// Characters of a value in a message.
const VALUE_CHARACTERS_MAX: usize = 80;

pub(super) fn register(registry: &mut Registry<'_>) {
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "assert::is_true(condition, name)",
        "ends the iteration unless the condition holds",
        move |holds: bool, name: ImmutableString| {
            settle(&stage, "assert::is_true", &name, holds, || "is false".to_owned())
        },
    );
    registry.example("assert::is_true(http::get(\"/health\").status == 200, \"is healthy\");");
    for (signature, name_of, about, example, wanted) in [
        (
            "assert::equal(actual, expected, name)",
            "assert::equal",
            "ends the iteration unless both are equal",
            "assert::equal(http::get(\"/health\").json(\"status\"), \"healthy\", \"is healthy\");",
            true,
        ),
        (
            "assert::not_equal(actual, other, name)",
            "assert::not_equal",
            "ends the iteration if both are equal",
            "assert::not_equal(http::get(\"/health\").body, \"\", \"says something\");",
            false,
        ),
    ] {
        let stage = Rc::clone(&registry.stage);
        registry.define(
            signature,
            about,
            move |context: NativeCallContext<'_>,
                  left: Dynamic,
                  right: Dynamic,
                  name: ImmutableString|
                  -> Outcome {
                let equal: bool =
                    context.call_native_fn("==", (left.clone(), right.clone())).unwrap_or(false);
                settle(&stage, name_of, &name, equal == wanted, || {
                    let verb = if wanted { "is not" } else { "is" };
                    format!("{} {verb} {}", shown(&left), shown(&right))
                })
            },
        );
        registry.example(example);
    }
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "assert::contains(whole, part, name)",
        "ends the iteration unless a text contains a part, a list an item, or a map a key",
        move |context: NativeCallContext<'_>,
              whole: Dynamic,
              part: Dynamic,
              name: ImmutableString|
              -> Outcome {
            let contains = context.call_native_fn("contains", (whole.clone(), part.clone()));
            let contains: bool = contains.map_err(|_| {
                HostError::new(format!(
                    "`assert::contains` can't look for {} in {}",
                    described(&part),
                    described(&whole)
                ))
                .hint("it takes a text and a part of it, a list and an item, or a map and a key")
            })?;
            settle(&stage, "assert::contains", &name, contains, || {
                format!("{} has no {}", shown(&whole), shown(&part))
            })
        },
    );
    registry.example("assert::contains(http::get(\"/health\").body, \"healthy\", \"is healthy\");");
}

fn settle(stage: &Stage, function: &str, name: &str, holds: bool, why: impl FnOnce() -> String) -> Outcome {
    let vu = stage.acting(function)?;
    record(stage, &vu, name, holds, &TagSet::default());
    if holds { Ok(()) } else { Err(HostError::assertion(format!("{name}: {}", why())).into()) }
}

fn shown(value: &Dynamic) -> String {
    let text = if value.is_string() { format!("{:?}", value.to_string()) } else { value.to_string() };
    if text.chars().count() <= VALUE_CHARACTERS_MAX {
        return text;
    }
    text.chars().take(VALUE_CHARACTERS_MAX).chain("…".chars()).collect()
}
