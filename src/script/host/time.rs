//! `sleep`, `time::measure`, and the wall clock: `time::now`, `time::format`, `time::parse`.
//!
//! An instant is a number: milliseconds since 1970 in UTC, as in JavaScript. Times of day are UTC.

use std::future::poll_fn;
use std::rc::Rc;

use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use rhai::{Dynamic, EvalAltResult, FnPtr, INT, ImmutableString, NativeCallContext};

use super::super::declaration::to_duration;
use super::super::error::HostError;
use super::super::registry::Registry;
use super::super::stage::Stage;
use super::super::story::Event;
use super::super::vu::Vu;
use super::argument::{fits, to_finite, to_number};
use super::call_back;
use super::metric::key;
use crate::metrics::{Kind, Symbol, TagSet};

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// The longest sleep: what is longer is a mistake in the unit.
const SLEEP_MAX_SECONDS: f64 = 30.0 * 86_400.0;

/// The longest format: a text that isn't one is no format.
const FORMAT_BYTES_MAX: usize = 4_096;

const FORMATS: &str = "`%Y-%m-%d` is a day, `%H:%M:%S` a time of day, `%s` seconds since 1970";

pub(super) fn register(registry: &mut Registry<'_>) {
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "sleep(time)",
        "waits: a number is seconds, a text has a unit (\"250ms\")",
        move |text: ImmutableString| -> Outcome<()> {
            sleep(&stage, to_duration("`sleep`", &text)?.as_secs_f64())
        },
    );
    registry.waits().example("sleep(\"5ms\");\nsleep(0.005);");
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
    registry.declares(
        "const LOGIN = trend(\"login_time\", \"time\");\n\
         fn flow() { let status = time::measure(\"login_time\", || http::get(\"/health\").status); }",
    );
    clock(registry);
    calendar(registry);
}

fn clock(registry: &mut Registry<'_>) {
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "time::now()",
        "milliseconds since 1970 (UTC), a number with fractions that never goes back",
        move || -> Outcome<f64> { now(&stage, "time::now") },
    );
    registry.example("time::now() > 1.6e12 // true");
    let stage = Rc::clone(&registry.stage);
    registry.define("time::unix()", "whole seconds since 1970 (UTC)", move || -> Outcome<INT> {
        #[expect(clippy::cast_possible_truncation, reason = "seconds of this century, of all those to come")]
        let seconds = (now(&stage, "time::unix")? / 1e3).floor() as INT;
        Ok(seconds)
    });
    registry.example("time::unix() > 1_600_000_000 // true");
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "time::since(instant)",
        "the milliseconds that passed since an instant",
        move |instant: Dynamic| -> Outcome<f64> {
            Ok(now(&stage, "time::since")? - to_finite("time::since", "instant", &instant)?)
        },
    );
    registry.takes("instant", "number");
    registry.example("let start = time::now();\nhttp::get(\"/health\");\ntime::since(start) >= 0.0 // true");
    let stage = Rc::clone(&registry.stage);
    registry.define("time::iso()", "now, by RFC 3339", move || -> Outcome<String> {
        iso("time::iso", now(&stage, "time::iso")?)
    });
    registry.example("time::iso().len() // 24");
}

fn calendar(registry: &mut Registry<'_>) {
    registry.define(
        "time::iso(instant)",
        "an instant by RFC 3339, in UTC, to the millisecond",
        |instant: Dynamic| -> Outcome<String> {
            iso("time::iso", to_number("time::iso", "instant", &instant)?)
        },
    );
    registry.takes("instant", "number").example("time::iso(1_500) // \"1970-01-01T00:00:01.500Z\"");
    registry.define(
        "time::format(instant, format)",
        "an instant by a format of strftime, in UTC",
        |instant: Dynamic, format: ImmutableString| {
            self::format(to_number("time::format", "instant", &instant)?, &format)
        },
    );
    registry.takes("instant", "number");
    registry.example("time::format(86_400_000, \"%Y-%m-%d\") // \"1970-01-02\"");
    registry.define(
        "time::parse(text)",
        "milliseconds since 1970 of an instant such as \"2026-11-24T13:09:26.299Z\" (RFC 3339)",
        |text: ImmutableString| -> Outcome<f64> {
            let instant: Timestamp = text.parse().map_err(|_| {
                HostError::new(format!("`time::parse`: `{text}` is no instant"))
                    .hint("write it by RFC 3339, with its offset: \"2026-11-24T13:09:26.299Z\"")
                    .word(text.as_str())
            })?;
            Ok(instant.as_nanosecond() as f64 / 1e6)
        },
    );
    registry.example("time::parse(\"1970-01-01T00:00:01.500Z\") // 1500.0");
    registry.define(
        "time::parse(text, format)",
        "the same by a format of strptime; without an offset it is UTC",
        |text: ImmutableString, format: ImmutableString| parse(&text, &format),
    );
    registry.example("time::parse(\"02.01.1970\", \"%d.%m.%Y\") // 86400000.0");
    registry.define(
        "time::ms(duration)",
        "the milliseconds of a duration",
        |duration: ImmutableString| -> Outcome<f64> {
            Ok(to_duration("`time::ms`", &duration)?.as_secs_f64() * 1e3)
        },
    );
    registry.example("time::ms(\"1h30m\") // 5400000.0");
}

fn now(stage: &Stage, function: &str) -> Outcome<f64> {
    stage.acting(function)?;
    Ok(stage.wall_ns() as f64 / 1e6)
}

fn timestamp(function: &str, ms: f64) -> Outcome<Timestamp> {
    // Beyond 2⁵³ a number holds no single microsecond, and no year has so many.
    #[expect(clippy::cast_possible_truncation, reason = "it saturates, and what is too far is refused")]
    let instant = Timestamp::from_microsecond((ms * 1e3).round() as i64);
    let known = instant.ok().filter(|_| ms.is_finite());
    Ok(known.ok_or_else(|| {
        HostError::new(format!(
            "`{function}`: {ms} is no instant, in milliseconds since 1970, of the years -9999 to 9999"
        ))
    })?)
}

fn iso(function: &str, ms: f64) -> Outcome<String> {
    Ok(format!("{:.3}", timestamp(function, ms)?))
}

fn format(ms: f64, format: &str) -> Outcome<String> {
    const NAME: &str = "time::format";
    check_format(NAME, format)?;
    let zoned = timestamp(NAME, ms)?.to_zoned_datetime(TimeZone::UTC);
    let text = strtime::format(format, &zoned)
        .map_err(|error| HostError::new(format!("`{NAME}`: {error}")).hint(FORMATS).word(format))?;
    fits(NAME, text.len())?;
    Ok(text)
}

fn parse(text: &str, format: &str) -> Outcome<f64> {
    const NAME: &str = "time::parse";
    check_format(NAME, format)?;
    let fault = |error: jiff::Error| {
        HostError::new(format!("`{NAME}`: `{text}` doesn't fit `{format}`: {error}")).hint(FORMATS).word(text)
    };
    let parsed = strtime::parse(format, text).map_err(fault)?;
    let instant = if parsed.offset().is_some() || parsed.timestamp().is_some() {
        parsed.to_timestamp().map_err(fault)?
    } else {
        let time = parsed.to_time().unwrap_or_default();
        let day = parsed.to_date().map_err(fault)?;
        day.to_datetime(time).to_zoned_datetime(TimeZone::UTC).map_err(fault)?.timestamp()
    };
    Ok(instant.as_nanosecond() as f64 / 1e6)
}

fn check_format(function: &str, format: &str) -> Outcome<()> {
    if format.len() <= FORMAT_BYTES_MAX {
        return Ok(());
    }
    Err(HostError::new(format!(
        "`{function}`: a format of {} bytes; at most {FORMAT_BYTES_MAX}",
        format.len()
    ))
    .hint(FORMATS)
    .into())
}

/// `sleep` for whoever calls it without the interpreter; nothing where the argument is none of its.
pub(in super::super) fn sleep_by(stage: &Stage, time: &Dynamic) -> Option<Outcome<()>> {
    if let Ok(text) = time.as_immutable_string_ref() {
        let duration = to_duration("`sleep`", &text);
        return Some(duration.map_err(Into::into).and_then(|duration| sleep(stage, duration.as_secs_f64())));
    }
    let seconds = time.as_float().or_else(|_| time.as_int().map(|seconds| seconds as f64)).ok()?;
    Some(sleep(stage, seconds))
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
    pause(stage, &vu, ns)?;
    stage.tell(|| Event::Slept { ns });
    Ok(())
}

/// Lets the user wait.
pub(in super::super) fn pause(stage: &Stage, vu: &Vu, ns: u64) -> Outcome<()> {
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
    stage.tell_sample(name, Kind::Trend, || took_ms.to_string());
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_and_read_again() {
        for (ms, iso_text, day) in [
            (0.0, "1970-01-01T00:00:00.000Z", "1970-01-01 Thu"),
            (1_795_439_366_299.0, "2026-11-23T13:09:26.299Z", "2026-11-23 Mon"),
            (-1.0, "1969-12-31T23:59:59.999Z", "1969-12-31 Wed"),
        ] {
            assert_eq!(iso("f", ms).unwrap(), iso_text);
            assert_eq!(format(ms, "%Y-%m-%d %a").unwrap(), day);
            assert!((parse(iso_text, "%Y-%m-%dT%H:%M:%S%.fZ").unwrap() - ms).abs() < 0.001);
        }
        assert!((parse("1970-01-01 01:00 +0100", "%Y-%m-%d %H:%M %z").unwrap()).abs() < 0.001);
        assert!((parse("12", "%s").unwrap() - 12_000.0).abs() < 0.001);
    }

    #[test]
    fn what_is_no_instant_or_no_format_is_refused() {
        for ms in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, 1e18] {
            assert!(iso("f", ms).is_err(), "{ms}");
            assert!(format(ms, "%Y").is_err(), "{ms}");
        }
        for bad in ["%", "%!", &"%Y".repeat(5_000)] {
            assert!(format(0.0, bad).is_err());
        }
        assert!(format(0.0, "%255Y").is_ok_and(|text| text.len() <= 255));
        for (text, format) in [("", "%Y"), ("2026", "%Y"), ("2026-13-01", "%Y-%m-%d"), ("a", "")] {
            assert!(parse(text, format).is_err(), "{text}");
        }
    }
}
