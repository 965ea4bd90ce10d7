//! Metrics in k6's layout: `GET /v1/metrics` and `GET /v1/metrics/ID`.
//!
//! Times are milliseconds, a figure that is only a lower bound is a number too, and a rate is a counter's a second of the
//! measured load.

use serde_json::{Value as Json, json};

use crate::diagnostic::suggest;
use crate::metrics::{Quantile, Trend, Unit, Value};

use super::board::{Board, Shown};
use super::reply::{Answer, Refusal};

pub(super) fn all(board: &Board) -> Json {
    let metrics: Vec<Json> = board.shown().iter().map(|shown| resource(shown, board)).collect();
    json!({ "data": metrics })
}

pub(super) fn one(board: &Board, id: &str) -> Answer {
    let shown = board.shown();
    if let Some(found) = shown.iter().find(|shown| shown.id == id) {
        return Ok(json!({ "data": resource(found, board) }));
    }
    let near: Vec<String> =
        suggest(id, shown.iter().map(|shown| shown.id)).into_iter().map(|name| format!("`{name}`")).collect();
    let hint = if near.is_empty() {
        "`GET /v1/metrics` lists what has been recorded so far".to_owned()
    } else {
        format!("did you mean {}?", near.join(" or "))
    };
    let status = axum::http::StatusCode::NOT_FOUND;
    Err(Refusal::new(status, format!("nothing has been recorded of a metric `{id}`: {hint}")))
}

fn resource(shown: &Shown<'_>, board: &Board) -> Json {
    json!({
        "type": "metrics",
        "id": shown.id,
        "attributes": {
            "type": shown.value.kind().name(),
            "contains": match shown.unit {
                Unit::None => "default",
                Unit::Time => "time",
                Unit::Bytes => "data",
            },
            "tainted": shown.tainted,
            "sample": sample(shown.value, board.measured().as_secs_f64()),
        },
    })
}

fn sample(value: &Value, seconds: f64) -> Json {
    match value {
        Value::Counter(count) => {
            let rate = if seconds > 0.0 { count / seconds } else { 0.0 };
            json!({ "count": number(*count), "rate": rate })
        }
        Value::Gauge { last, .. } => json!({ "value": number(*last) }),
        Value::Rate { hits, total } => json!({ "rate": share(*hits, *total) }),
        Value::Trend(trend) => json!({
            "avg": trend.mean_us().unwrap_or(0.0) / 1_000.0,
            "max": figure(trend.max()),
            "med": figure(trend.quantile(0.5)),
            "min": figure(trend.min()),
            "p(90)": figure(trend.quantile(0.9)),
            "p(95)": figure(trend.quantile(0.95)),
        }),
    }
}

/// Percentiles in milliseconds; null where there are no samples.
pub(super) fn percentiles(trend: Option<&Trend>) -> Json {
    let of = |q: f64| trend.and_then(|trend| trend.quantile(q)).map(|quantile| quantile.value());
    json!({ "p50_ms": of(0.5), "p95_ms": of(0.95), "p99_ms": of(0.99) })
}

pub(super) fn share(hits: u64, total: u64) -> f64 {
    if total == 0 { 0.0 } else { hits as f64 / total as f64 }
}

fn figure(quantile: Option<Quantile>) -> f64 {
    quantile.map_or(0.0, |quantile| quantile.value())
}

/// A whole number without a point, as k6 writes it.
#[expect(clippy::cast_possible_truncation, reason = "whole, and below 2⁵³")]
pub(super) fn number(value: f64) -> Json {
    if value.fract() == 0.0 && value.abs() < 9e15 { (value as i64).into() } else { json!(value) }
}
