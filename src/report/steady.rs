//! What of the load the figures are of: the warm-up that is left out, and when the service became steady.

use serde_json::{Value as Json, json};

use crate::metrics::{Trend, Unit};
use crate::results::{Steadiness, Stretch, Summary, Unknown, WarmUpLine};
use crate::units::{format_count, format_duration, format_latency_us, format_percent};

use super::Style;
use super::figure::{self, Signs};
use super::paint::{columns, left};

/// Disturbances that are named.
const DISTURBED_MAX: usize = 3;

/// The lines of both; none of a run without requests and without a warm-up.
pub(super) fn lines(summary: &Summary, style: Style, signs: &mut Signs) -> Vec<String> {
    let mut lines = summary.warm_up.as_ref().map_or_else(Vec::new, |line| warm_up(line, style, signs));
    lines.extend(summary.steadiness.as_ref().map(|steadiness| format!("  {}", told(steadiness))));
    lines
}

/// What is left out, with its figures beside those that count.
fn warm_up(line: &WarmUpLine, style: Style, signs: &mut Signs) -> Vec<String> {
    let length = format_duration(line.elapsed);
    let mut lines = vec![format!(
        "  the first {length} are left out of all figures and targets (warm-up); a sample belongs to the second in which it falls"
    )];
    if !line.is_over {
        let asked = format_duration(line.length);
        let mark = style.mark(false);
        lines.push(format!("  {mark} the load was over within its warm-up of {asked}: nothing was measured"));
    }
    let mut table: Vec<[String; 5]> = Vec::new();
    for (name, part) in [("warm-up", &line.before), ("measured", &line.after)] {
        table.push([
            name.to_owned(),
            format!("{} requests", format_count(part.requests)),
            format!("{} failed", format_count(part.failed)),
            format!("med {}", figure::median(&part.times, Unit::Time, signs)),
            format!("p(95) {}", figure::percentile(&part.times, 95.0, Unit::Time, signs)),
        ]);
    }
    let widths: [usize; 5] =
        std::array::from_fn(|at| table.iter().map(|cells| columns(&cells[at])).max().unwrap_or(0));
    lines.extend(table.iter().map(|cells| {
        let cells = cells.iter().zip(widths).map(|(cell, width)| left(cell, width));
        format!("    {}", cells.collect::<Vec<_>>().join("  ")).trim_end().to_owned()
    }));
    let ended = [line.before.iterations, line.after.iterations].map(format_count);
    lines.push(format!(
        "    books, which are of the whole load: {} iterations ended in the warm-up, {} after it",
        ended[0], ended[1]
    ));
    lines
}

/// The same for programs; `times` lays a distribution out. Null where there is none.
pub(super) fn json(summary: &Summary, times: impl Fn(&Trend) -> Json) -> (Json, Json) {
    let us = |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let warm_up = summary.warm_up.as_ref().map(|line| {
        json!({
            "elapsed_us": us(line.elapsed),
            "requests": line.before.requests,
            "failed": line.before.failed,
            "response_time": times(&line.before.times),
        })
    });
    let steady = summary.steadiness.as_ref().map(|steadiness| match steadiness {
        Steadiness::Steady { since, before_us, after_us, stretch, .. } => json!({
            "state": "steady",
            "since_us": us(stretch.begin.saturating_add(*since)),
            "median_before_us": before_us,
            "median_us": after_us,
        }),
        Steadiness::Drifting { change, .. } => json!({ "state": "drifting", "change": change }),
        Steadiness::Restless { last_change, .. } => {
            json!({ "state": "restless", "last_change_us": us(*last_change) })
        }
        Steadiness::Unknown(_) => json!({ "state": "unknown", "reason": told(steadiness) }),
    });
    (json!(warm_up), json!(steady))
}

/// The finding in a sentence.
fn told(steadiness: &Steadiness) -> String {
    match steadiness {
        Steadiness::Steady { since, before_us: None, disturbed, stretch, .. } => {
            debug_assert!(since.is_zero());
            format!("steady from the start{}{}", of(*stretch), disturbances(disturbed))
        }
        Steadiness::Steady { since, before_us: Some(before_us), after_us, disturbed, stretch } => {
            let [before, after] = [*before_us, *after_us].map(|us| format_latency_us(us as f64));
            let from = format_duration(stretch.begin.saturating_add(*since));
            let is_start = stretch.begin.is_zero();
            let advice =
                if is_start { format!("; `--warm-up {from}` leaves that out") } else { String::new() };
            format!(
                "steady from {from} on{}: before it the median was {before}, since then {after}{advice}{}",
                of(*stretch),
                disturbances(disturbed)
            )
        }
        Steadiness::Drifting { change, stretch } => {
            let (verb, by) = if *change > 0.0 { ("rose", *change) } else { ("fell", -*change) };
            format!(
                "never steady: response times {verb} by {} until the end{}",
                format_percent(by),
                of(*stretch)
            )
        }
        Steadiness::Restless { last_change, stretch } => format!(
            "never steady: response times still changed at {}, {} before the end{}",
            format_duration(*last_change),
            format_duration(stretch.end.saturating_sub(*last_change)),
            of(*stretch)
        ),
        Steadiness::Unknown(Unknown::TooShort { seconds, needed }) => {
            let noun = if *seconds == 1 { "second" } else { "seconds" };
            format!("too short to say whether it was steady: {seconds} whole {noun}, {needed} are needed")
        }
        Steadiness::Unknown(Unknown::LoadChanges { longest, needed }) => format!(
            "whether it was steady can't be said: the load changed, and {longest} s is its longest stretch under one load ({needed} s are needed)"
        ),
        Steadiness::Unknown(Unknown::Silent) => {
            "whether it was steady can't be said: too many seconds had no answer".to_owned()
        }
    }
}

/// Which part of the run was looked at, unless it is all of it.
fn of(stretch: Stretch) -> String {
    if stretch.is_all {
        return String::new();
    }
    let [begin, end] = [stretch.begin, stretch.end].map(format_duration);
    format!(" (of {begin} to {end}, the longest stretch under one load)")
}

fn disturbances(disturbed: &[std::ops::Range<std::time::Duration>]) -> String {
    if disturbed.is_empty() {
        return String::new();
    }
    let one = |range: &std::ops::Range<std::time::Duration>| {
        format!("{} to {}", format_duration(range.start), format_duration(range.end))
    };
    let mut named: Vec<String> = disturbed.iter().take(DISTURBED_MAX).map(one).collect();
    if disturbed.len() > DISTURBED_MAX {
        named.push(format!("{} more", disturbed.len() - DISTURBED_MAX));
    }
    format!(", but for {}", named.join(", "))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::results::WarmUpPart;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    const ALL: Stretch = Stretch { begin: s(0), end: s(60), is_all: true };
    const PART: Stretch = Stretch { begin: s(20), end: s(60), is_all: false };

    fn steady(since: u64, before_us: Option<u64>, stretch: Stretch) -> Steadiness {
        Steadiness::Steady { since: s(since), before_us, after_us: 20_000, disturbed: Vec::new(), stretch }
    }

    #[test]
    fn each_finding_is_a_sentence() {
        let disturbed = (0..5).map(|at| s(10 * at)..s(10 * at + 2)).collect();
        let restless =
            Steadiness::Steady { since: s(0), before_us: None, after_us: 1, disturbed, stretch: ALL };
        let unknown = |why| told(&Steadiness::Unknown(why));
        let sentences = [
            told(&steady(0, None, ALL)),
            told(&steady(12, Some(80_000), ALL)),
            told(&steady(5, Some(80_000), PART)),
            told(&restless),
            told(&Steadiness::Drifting { change: 0.34, stretch: ALL }),
            told(&Steadiness::Drifting { change: -0.2, stretch: PART }),
            told(&Steadiness::Restless { last_change: s(50), stretch: ALL }),
            unknown(Unknown::TooShort { seconds: 1, needed: 20 }),
            unknown(Unknown::LoadChanges { longest: 9, needed: 20 }),
            unknown(Unknown::Silent),
        ];
        insta::assert_snapshot!(sentences.join("\n"));
    }

    #[test]
    fn a_warm_up_stands_beside_what_was_measured() {
        let part = |requests: u64, us: u64| {
            let mut times = Trend::new();
            (0..requests).for_each(|at| times.record_us(us + at));
            WarmUpPart { requests, failed: requests / 100, times, iterations: requests / 2 }
        };
        let line = WarmUpLine {
            length: s(10),
            elapsed: s(12),
            is_over: true,
            before: part(1_200, 80_000),
            after: part(50, 20_000),
        };
        let summary = Summary { warm_up: Some(line.clone()), ..Summary::uneventful() };
        let style = Style { colour: false, width: 80 };
        insta::assert_snapshot!(lines(&summary, style, &mut Signs::default()).join("\n"));
        let over = WarmUpLine { is_over: false, after: part(0, 0), ..line };
        let summary = Summary { warm_up: Some(over), ..Summary::uneventful() };
        let shown = lines(&summary, style, &mut Signs::default()).join("\n");
        assert!(
            shown.contains("✗ the load was over within its warm-up of 10s: nothing was measured"),
            "{shown}"
        );
        assert!(shown.contains("med –"), "nothing measured is no zero: {shown}");
    }
}
