//! `base_url`, `options`, `scenario`, `target`, and the values that their options take.

use std::rc::Rc;

use rhai::{Dynamic, EvalAltResult, ImmutableString, Map, NativeCallContext};

use super::super::declaration::{to_duration, to_options};
use super::super::error::HostError;
use super::super::place::position;
use super::super::registry::Registry;
use super::super::value::described;
use super::super::vu::Phase;
use crate::plan::{PlanError, Think, Weighted};

type Outcome<T> = Result<T, Box<EvalAltResult>>;

pub(super) fn register(registry: &mut Registry<'_>) {
    registry.engine.register_type_with_name::<Think>("think time");
    registry.engine.register_type_with_name::<Weighted>("weighted flows");
    calls(registry);
    values(registry);
}

fn calls(registry: &mut Registry<'_>) {
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "base_url(url)",
        "where relative URLs go; \"demo\" is the embedded sample service",
        move |url: ImmutableString| -> Outcome<()> {
            stage.declaring("base_url")?;
            let mut declaration = stage.declaration.borrow_mut();
            if stage.with_vu(|vu| vu.phase == Phase::Prompt) {
                return Ok(declaration.change_base_url(&url)?);
            }
            Ok(declaration.base_url(&url)?)
        },
    );
    registry.declares("base_url(\"demo\");");
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "options(options)",
        "options of the whole run",
        move |context: NativeCallContext<'_>, options: Map| -> Outcome<()> {
            stage.declaring("options")?;
            let place = position(context.call_position());
            Ok(stage.declaration.borrow_mut().options(options, place)?)
        },
    );
    registry.declares("options(#{ vus: 5, duration: \"30s\", timeout: \"10s\" });");
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "scenario(name, options)",
        "a load: an executor, how much of it, and the flow that runs",
        move |context: NativeCallContext<'_>, name: ImmutableString, options: Map| -> Outcome<()> {
            stage.declaring("scenario")?;
            let place = position(context.call_position());
            Ok(stage.declaration.borrow_mut().scenario(&name, options, place)?)
        },
    );
    registry.declares(
        "scenario(\"traffic\", #{ executor: \"constant-vus\", vus: 5, duration: \"30s\", flow: \"browse\" });\nfn browse() { http::get(\"/health\"); }",
    );
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "target(selector, expression)",
        "what must hold of a metric for the run to pass: `target(\"http_req_duration\", \"p(95) < 200ms\")`",
        move |context: NativeCallContext<'_>,
              key: ImmutableString,
              expression: ImmutableString|
              -> Outcome<()> {
            stage.declaring("target")?;
            let place = position(context.call_position());
            Ok(stage.declaration.borrow_mut().target(&key, &expression, Map::new(), place)?)
        },
    );
    registry.declares("target(\"http_req_duration\", \"p(95) < 200ms\");");
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "target(selector, expression, options)",
        "the same with `abort_on_fail`, `delay_abort_eval` and `allow_few`",
        move |context: NativeCallContext<'_>,
              key: ImmutableString,
              expression: ImmutableString,
              options: Map|
              -> Outcome<()> {
            stage.declaring("target")?;
            let place = position(context.call_position());
            Ok(stage.declaration.borrow_mut().target(&key, &expression, options, place)?)
        },
    );
    registry.declares(
        "target(\"http_req_failed\", \"rate < 5% over 30s\", #{ abort_on_fail: true, delay_abort_eval: \"10s\" });",
    );
}

fn values(registry: &mut Registry<'_>) {
    let plan = |error: PlanError| HostError::plan(&error);
    registry.define(
        "weighted(flows)",
        "flows by weight, chosen anew for each iteration: `weighted(#{ price: 80, analysis: 20 })`",
        move |flows: Map| -> Outcome<Weighted> {
            let options = to_options(flows, &mut Vec::new())?;
            Ok(Weighted::from_options(&options).map_err(plan)?)
        },
    );
    registry.declares(
        "scenario(\"mixed\", #{ executor: \"constant-vus\", vus: 5, duration: \"30s\", flow: weighted(#{ look: 80, buy: 20 }) });\nfn look() { http::get(\"/health\"); }\nfn buy() { http::get(\"/mcp/tools\"); }",
    );
    registry.define(
        "between(min, max)",
        "a think time, uniform between two durations",
        move |min: ImmutableString, max: ImmutableString| -> Outcome<Think> {
            let (min, max) = (to_duration("`between`", &min)?, to_duration("`between`", &max)?);
            Ok(Think::between(min, max).map_err(plan)?)
        },
    );
    registry.declares(
        "scenario(\"calm\", #{ executor: \"constant-vus\", vus: 5, duration: \"30s\", flow: \"flow\", think: between(\"1s\", \"5s\") });",
    );
    registry.define(
        "constant(pause)",
        "a think time that is always the same",
        |pause: ImmutableString| -> Outcome<Think> {
            Ok(Think::Constant(to_duration("`constant`", &pause)?))
        },
    );
    registry.declares(
        "scenario(\"calm\", #{ executor: \"constant-vus\", vus: 5, duration: \"30s\", flow: \"flow\", think: constant(\"2s\") });",
    );
    registry.define(
        "pacing(period)",
        "a think time that lets iterations start this far apart",
        |period: ImmutableString| -> Outcome<Think> { Ok(Think::Pacing(to_duration("`pacing`", &period)?)) },
    );
    registry.declares("scenario(\"steady\", #{ executor: \"constant-vus\", vus: 5, duration: \"30s\", flow: \"flow\", think: pacing(\"1s\") });");
    registry.define(
        "throughput(per_second)",
        "a think time that allows at most so many iterations a second and user",
        move |per_second: f64| -> Outcome<Think> { Ok(Think::throughput(per_second).map_err(plan)?) },
    );
    registry.declares("scenario(\"steady\", #{ executor: \"constant-vus\", vus: 5, duration: \"30s\", flow: \"flow\", think: throughput(2) });");
    registry.overload("throughput", move |per_second: i64| -> Outcome<Think> {
        Ok(Think::throughput(per_second as f64).map_err(plan)?)
    });
    for name in ["constant", "pacing"] {
        registry
            .mistake(name, move |number: Dynamic| -> Outcome<Think> { Err(no_unit(name, &number).into()) });
    }
    registry.mistake("between", |min: Dynamic, max: Dynamic| -> Outcome<Think> {
        Err(no_unit("between", if min.is_string() { &max } else { &min }).into())
    });
}

fn no_unit(name: &str, value: &Dynamic) -> HostError {
    if value.is_int() || value.is_float() {
        return HostError::new(format!("`{name}` takes durations with a unit, not {value}"))
            .hint(format!("write \"{value}s\" for seconds, \"{value}ms\" for milliseconds"));
    }
    HostError::new(format!("`{name}` takes durations with a unit, not {}", described(value)))
        .hint("write \"2s\" for seconds, \"500ms\" for milliseconds")
}
