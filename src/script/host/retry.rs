//! `retry`: the same again, a little later each time, until it works.

use std::rc::Rc;

use rand::RngExt;
use rhai::{Dynamic, EvalAltResult, FnPtr, Map, NativeCallContext};

use super::super::error::HostError;
use super::super::registry::Registry;
use super::super::stage::Stage;
use super::super::value::type_name;
use super::call_back;
use super::options::{Options, truth};
use super::response::Reply;
use super::time::pause;
use crate::units::format_count;

type Outcome<T> = Result<T, Box<EvalAltResult>>;

const OPTIONS: [&str; 6] = ["attempts", "delay", "factor", "max_delay", "jitter", "accept"];

/// More attempts than that are a loop, not a retry.
const ATTEMPTS_MAX: u64 = 1_000;

pub(super) fn register(registry: &mut Registry<'_>) {
    let stage = Rc::clone(&registry.stage);
    registry
        .define(
            "retry(options, closure)",
            "calls the closure until it works, at most `attempts` times (3), first `delay` apart (\"100ms\"), each time \
             `factor` (2) as long up to `max_delay` (\"30s\"), changed by up to `jitter` (0.1); it works when it throws \
             nothing and gives no response of status 0, 429 or 500 and more, or when `accept` says so of its result",
            move |context: NativeCallContext<'_>, options: Map, closure: FnPtr| {
                retry(&context, &stage, &options, &closure)
            },
        )
        .waits()
        .example("retry(#{ attempts: 5, delay: \"200ms\" }, || 42) // 42");
}

fn retry(context: &NativeCallContext<'_>, stage: &Stage, options: &Map, closure: &FnPtr) -> Outcome<Dynamic> {
    let vu = stage.acting("retry")?;
    let options = Options::new("retry", options, &OPTIONS)?;
    let attempts = options.count("attempts", 3, ATTEMPTS_MAX)?;
    let factor = options.number("factor", 2.0, 1.0, 100.0)?;
    let jitter = options.number("jitter", 0.1, 0.0, 1.0)?;
    let max_ns = options.duration_ns("max_delay", "30s")? as f64;
    let mut delay_ns = (options.duration_ns("delay", "100ms")? as f64).min(max_ns);
    let accept = options.closure("accept")?;

    let mut attempt = 1;
    loop {
        let failure = match call_back(context, &vu, closure, &mut []) {
            _ if vu.is_ending() => return Err(super::super::stage::terminated().into()),
            Ok(result) => {
                let works = match &accept {
                    Some(accept) => {
                        truth("retry", "accept", &call_back(context, &vu, accept, &mut [result.clone()])?)?
                    }
                    None => result.read_lock::<Reply>().is_none_or(|reply| is_fine(reply.status())),
                };
                if works {
                    return Ok(result);
                }
                unwanted(&result)
            }
            Err(error) => HostError::of(&error).unwrap_or_else(|| HostError::new(said(&error))),
        };
        if attempt == attempts {
            let times = if attempts == 1 { "attempt" } else { "attempts" };
            let count = format_count(attempts);
            let message = format!("`retry` gave up after {count} {times}: {}", failure.message);
            return Err(HostError { message, word: None, ..failure }.into());
        }
        attempt += 1;
        let spread = 1.0 + jitter * vu.rng.borrow_mut().random_range(-1.0..=1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and `max_delay`"
        )]
        pause(stage, &vu, (delay_ns * spread).min(max_ns) as u64)?;
        delay_ns = (delay_ns * factor).min(max_ns);
    }
}

/// Whether asking again would be of no use.
fn is_fine(status: u16) -> bool {
    status != 0 && status != 429 && status < 500
}

fn unwanted(result: &Dynamic) -> HostError {
    HostError::new(match result.read_lock::<Reply>() {
        Some(reply) => reply.outcome(),
        None if result.is_string() || result.is_int() || result.is_bool() => {
            format!("the last result was {result}")
        }
        None => format!("the last result was of type `{}`", type_name(result)),
    })
}

/// What was thrown, without Rhai's words on where.
fn said(error: &EvalAltResult) -> String {
    match error.unwrap_inner() {
        EvalAltResult::ErrorRuntime(value, _) => value.to_string(),
        other => {
            let text = other.to_string();
            text.rsplit_once(" (line ").map_or(text.clone(), |(text, _)| text.to_owned())
        }
    }
}
