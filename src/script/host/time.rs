//! `sleep`, `time::measure`, and the wall clock: `time::now`, `time::parse`.

use std::future::poll_fn;
use std::rc::Rc;

use rhai::{Dynamic, EvalAltResult, FnPtr, INT, ImmutableString, NativeCallContext};

use super::super::declaration::to_duration;
use super::super::error::HostError;
use super::super::registry::Registry;
use super::super::stage::Stage;
use super::super::vu::Vu;
use super::call_back;
use super::metric::key;
use crate::metrics::{Kind, Symbol, TagSet};

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// The longest sleep: what is longer is a mistake in the unit.
const SLEEP_MAX_SECONDS: f64 = 30.0 * 86_400.0;

pub(super) fn register(registry: &mut Registry<'_>) {
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "sleep(time)",
        "waits: a number is seconds, a text has a unit (\"250ms\")",
        move |text: ImmutableString| -> Outcome<()> {
            sleep(&stage, to_duration("`sleep`", &text)?.as_secs_f64())
        },
    );
    let stage = Rc::clone(&registry.stage);
    registry.overload("sleep", move |seconds: f64| sleep(&stage, seconds));
    let stage = Rc::clone(&registry.stage);
    registry.overload("sleep", move |seconds: INT| sleep(&stage, seconds as f64));
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "time::measure(name, closure)",
        "runs the closure, adds the milliseconds that it took to the trend of that name, and returns its result",
        move |context: NativeCallContext<'_>, name: ImmutableString, closure: FnPtr| {
            measure(&context, &stage, &name, &closure)
        },
    );
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "time::now()",
        "milliseconds since 1970 (UTC), a number with fractions that never goes back",
        move || -> Outcome<f64> {
            stage.acting("time::now")?;
            Ok(stage.wall_ns() as f64 / 1e6)
        },
    );
    registry.define(
        "time::parse(text)",
        "milliseconds since 1970 of an instant such as \"2026-11-24T13:09:26.299Z\" (RFC 3339)",
        |text: ImmutableString| -> Outcome<f64> {
            let instant: jiff::Timestamp = text.parse().map_err(|_| {
                HostError::new(format!("`{text}` is no instant"))
                    .hint("write it by RFC 3339, with its offset: \"2026-11-24T13:09:26.299Z\"")
                    .word(text.as_str())
            })?;
            Ok(instant.as_nanosecond() as f64 / 1e6)
        },
    );
}

fn sleep(stage: &Stage, seconds: f64) -> Outcome<()> {
    let vu = stage.acting("sleep")?;
    if !(0.0..=SLEEP_MAX_SECONDS).contains(&seconds) {
        return Err(HostError::new(format!("`sleep` can't wait for {seconds} seconds"))
            .hint("a number is seconds: write \"250ms\" for milliseconds")
            .into());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked above to be in range"
    )]
    let ns = (seconds * 1e9) as u64;
    pause(stage, &vu, ns)
}

/// Lets the user wait.
pub(super) fn pause(stage: &Stage, vu: &Vu, ns: u64) -> Outcome<()> {
    vu.alarm.set(stage.clock().now_ns().saturating_add(ns));
    let slept = stage.wait(vu, poll_fn(|context| vu.alarm.poll_due(context)));
    vu.alarm.clear();
    slept
}

fn measure(context: &NativeCallContext<'_>, stage: &Stage, name: &str, closure: &FnPtr) -> Outcome<Dynamic> {
    let vu = stage.acting("time::measure")?;
    let Some((metric, Kind::Trend)) = stage.recorder().with(|recorder| recorder.metric(name)) else {
        return Err(HostError::new(format!("there is no trend `{name}`"))
            .hint(format!(
                "declare it at the top level: `const {} = trend(\"{name}\", \"time\");`",
                name.to_uppercase()
            ))
            .word(name)
            .into());
    };
    let start_ns = stage.clock().now_ns();
    let result = call_back(context, &vu, closure, &mut [])?;
    let took_ms = (stage.clock().now_ns() - start_ns) as f64 / 1e6;
    stage.recorder().with(|recorder| {
        let key = key(recorder, metric, &vu, Symbol::NONE, &TagSet::default());
        let series = stage.series(recorder, key);
        recorder.trend(series, took_ms);
    });
    Ok(result)
}
