//! `shared::counter(name)`: a number that all users of all workers count up together.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rhai::{EvalAltResult, INT, ImmutableString};

use super::super::error::HostError;
use super::super::registry::Registry;
use super::super::stage::Stage;

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// The counter, as scripts hold it.
#[derive(Debug, Clone)]
struct SharedCounter {
    name: ImmutableString,
    value: Arc<AtomicI64>,
}

pub(super) fn register(registry: &mut Registry<'_>) {
    registry.engine.register_type_with_name::<SharedCounter>("shared counter");
    let stage = Rc::clone(&registry.stage);
    registry
        .define(
            "shared::counter(name)",
            "a number that all users count up together, from 0; no metric",
            move |name: ImmutableString| -> Outcome<SharedCounter> {
                stage.declaring("shared::counter")?;
                let value = stage.outside().data.counter(&name)?;
                Ok(SharedCounter { name, value })
            },
        )
        .declares(
            "const ORDERS = shared::counter(\"orders\");\n\
             fn flow() { log::info(`order ${global::ORDERS.next()}`); }",
        );
    let stage = Rc::clone(&registry.stage);
    registry.method(
        "counter.next()",
        "counts one up and gives the value before: each number once over all users",
        move |counter: &mut SharedCounter| add(&stage, counter, 1),
    );
    registry.declares(
        "const ORDERS = shared::counter(\"orders\");\nfn flow() { let id = global::ORDERS.next(); }",
    );
    let stage = Rc::clone(&registry.stage);
    registry.method(
        "counter.add(number)",
        "adds a number, which may be negative, and gives the value before",
        move |counter: &mut SharedCounter, number: INT| add(&stage, counter, number),
    );
    registry.declares("const SOLD = shared::counter(\"sold\");\nfn flow() { global::SOLD.add(5); }");
    let stage = Rc::clone(&registry.stage);
    registry.method(
        "counter.value()",
        "the value as it is now",
        move |counter: &mut SharedCounter| -> Outcome<INT> {
            stage.acting("counter.value")?;
            Ok(counter.value.load(Ordering::Relaxed))
        },
    );
    registry.declares(
        "const SOLD = shared::counter(\"sold\");\nfn flow() { if global::SOLD.value() > 100 { fail(\"sold out\"); } }",
    );
}

fn add(stage: &Stage, counter: &SharedCounter, number: INT) -> Outcome<INT> {
    stage.acting("counter.add")?;
    // Each number is given once whatever the order, and nothing else is read by it: relaxed is enough.
    let added =
        counter.value.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |value| value.checked_add(number));
    added.map_err(|value| {
        HostError::new(format!("the shared counter `{}` can't add {number} to {value}", counter.name))
            .hint("it ends at 9,223,372,036,854,775,807")
            .into()
    })
}
