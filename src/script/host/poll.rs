//! `poll`: asks again and again until there is an answer.

use std::rc::Rc;

use rhai::{Dynamic, EvalAltResult, FnPtr, Map, NativeCallContext};

use super::super::error::HostError;
use super::super::registry::Registry;
use super::super::stage::Stage;
use super::call_back;
use super::options::Options;
use super::time::pause;
use crate::units::{format_count, format_duration};

type Outcome<T> = Result<T, Box<EvalAltResult>>;

const OPTIONS: [&str; 2] = ["every", "timeout"];

/// What is asked more often is no polling, and without a pause it would never end on a still clock.
const EVERY_MIN_NS: u64 = 1_000_000;

pub(super) fn register(registry: &mut Registry<'_>) {
    let stage = Rc::clone(&registry.stage);
    registry
        .define(
            "poll(options, closure)",
            "calls the closure, `every` so often (\"1s\") for `timeout` at most (\"60s\"), until it gives something \
             other than `false` or `()`, and returns that",
            move |context: NativeCallContext<'_>, options: Map, closure: FnPtr| {
                poll(&context, &stage, &options, &closure)
            },
        )
        .waits()
        .example("poll(#{ every: \"10ms\", timeout: \"5s\" }, || \"done\") // \"done\"");
}

fn poll(context: &NativeCallContext<'_>, stage: &Stage, options: &Map, closure: &FnPtr) -> Outcome<Dynamic> {
    let vu = stage.acting("poll")?;
    let options = Options::new("poll", options, &OPTIONS)?;
    let every_ns = options.duration_ns("every", "1s")?;
    let timeout_ns = options.duration_ns("timeout", "60s")?;
    if every_ns < EVERY_MIN_NS {
        return Err(HostError::new("`every` of `poll` is less than 1ms")
            .hint("give the service time: `every: \"100ms\"`")
            .word("every")
            .into());
    }
    let start_ns = stage.clock().now_ns();
    let mut calls = 0;
    loop {
        let result = call_back(context, &vu, closure, &mut [])?;
        calls += 1;
        if !(result.is_unit() || result.as_bool() == Ok(false)) {
            return Ok(result);
        }
        let spent_ns = stage.clock().now_ns().saturating_sub(start_ns);
        if spent_ns.saturating_add(every_ns) > timeout_ns {
            let timeout = format_duration(std::time::Duration::from_nanos(timeout_ns));
            let asked = if calls == 1 { "once".to_owned() } else { format!("{} times", format_count(calls)) };
            return Err(HostError::new(format!("`poll` had no answer within {timeout}, asked {asked}"))
                .hint("allow a longer `timeout`, or let the closure throw what it sees to end at once")
                .into());
        }
        pause(stage, &vu, every_ns)?;
    }
}
