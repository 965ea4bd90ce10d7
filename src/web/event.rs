//! What the stream of events tells: each as a JSON object. Names of endpoints and the like are values, never keys.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::engine::EpochCause;
use crate::metrics::{Selector, Snapshot, Trend, Value};
use crate::plan::Verdict as TargetVerdict;
use crate::script::LogLine;

use super::beat::{Beat, EpochNews, Verdict};
use super::board::Board;
use super::metric::{number, percentiles, share};
use super::scenario::iterations;

/// The endpoints of a second that are told one by one, busiest first; of the rest how many there are.
const ENDPOINTS_MAX: usize = 50;

/// A second: what it recorded (requests, percentiles, endpoints), and how the run is by its end (users, iterations, targets).
pub(super) fn tick(beat: &Beat, board: &Board) -> Json {
    let of = |metric: &str| beat.delta.select(&Selector::all(metric));
    let counter = |metric: &str| match of(metric) {
        Some(Value::Counter(count)) => number(count),
        _ => 0.into(),
    };
    let (failed, asked) = match of("http_req_failed") {
        Some(Value::Rate { hits, total }) => (hits, total),
        _ => (0, 0),
    };
    let durations = match of("http_req_duration") {
        Some(Value::Trend(trend)) => Some(trend),
        _ => None,
    };
    let (endpoints, endpoints_more) = endpoints(&beat.delta);
    json!({
        "number": beat.number,
        "elapsed_ms": millis(beat.elapsed),
        "end_max_ms": millis(beat.end_max),
        "paused": beat.is_paused,
        "warm_up": beat.is_warm_up,
        "vus": beat.vus,
        "vus_max": beat.vus_max,
        "iterations": iterations(beat.books),
        "requests": counter("http_reqs"),
        "failed": failed,
        "failed_share": share(failed, asked),
        "data_sent": counter("data_sent"),
        "data_received": counter("data_received"),
        "http_req_duration": percentiles(durations.as_deref()),
        "endpoints": endpoints,
        "endpoints_more": endpoints_more,
        "targets": targets(board),
    })
}

#[derive(Default)]
struct Endpoint {
    requests: f64,
    failed: u64,
    durations: Trend,
}

fn endpoints(delta: &Snapshot) -> (Vec<Json>, usize) {
    let mut all: BTreeMap<&str, Endpoint> = BTreeMap::new();
    for metric in ["http_reqs", "http_req_failed", "http_req_duration"] {
        for series in delta.of(metric) {
            let endpoint = all.entry(series.tags.get("name").unwrap_or_default()).or_default();
            match &series.value {
                Value::Counter(count) => endpoint.requests += count,
                Value::Rate { hits, .. } => endpoint.failed += hits,
                Value::Trend(trend) => endpoint.durations.merge(trend),
                Value::Gauge { .. } => {}
            }
        }
    }
    let mut all: Vec<(&str, Endpoint)> = all.into_iter().collect();
    all.sort_by(|(_, a), (_, b)| b.requests.total_cmp(&a.requests));
    let more = all.len().saturating_sub(ENDPOINTS_MAX);
    let shown = all.into_iter().take(ENDPOINTS_MAX).map(|(name, endpoint)| {
        json!({
            "name": name,
            "requests": number(endpoint.requests),
            "failed": endpoint.failed,
            "http_req_duration": percentiles(Some(&endpoint.durations)),
        })
    });
    (shown.collect(), more)
}

/// The targets; their verdict is null while there is nothing to judge them on.
fn targets(board: &Board) -> Vec<Json> {
    let told = |(target, judgement): (&crate::plan::Target, Option<crate::plan::Judgement>)| {
        json!({
            "target": target.key,
            "expression": target.text,
            "verdict": judgement.as_ref().map(|judgement| match judgement.verdict {
                TargetVerdict::Passed => "passed",
                TargetVerdict::Failed => "failed",
                TargetVerdict::NoSamples => "no_samples",
                TargetVerdict::TooFew => "too_few",
            }),
            "observed": judgement.as_ref().map(|judgement| judgement.observed_text.as_str()),
        })
    };
    board.judged().map(told).collect()
}

/// A line of the script's log.
pub(super) fn log(line: &LogLine) -> Json {
    let of_scenario = !line.scenario.is_empty();
    json!({
        "level": line.level.name(),
        "scenario": of_scenario.then_some(&line.scenario),
        "vu": of_scenario.then_some(line.vu),
        "text": line.text,
    })
}

/// A new epoch.
pub(super) fn epoch(news: &EpochNews) -> Json {
    let (cause, version, took_ms) = match &news.cause {
        EpochCause::Reload { version, took } => {
            ("reload", Some(*version), Some(took.as_secs_f64() * 1_000.0))
        }
        EpochCause::Reset => ("reset", None, None),
    };
    json!({
        "number": news.number,
        "first_second": news.first_second,
        "last_second": news.last_second,
        "cause": cause,
        "version": version,
        "took_ms": took_ms,
    })
}

/// The end of all.
pub(super) fn end(verdict: &Verdict) -> Json {
    json!({ "verdict": verdict.word, "exit_code": verdict.exit_code, "reasons": verdict.reasons })
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
