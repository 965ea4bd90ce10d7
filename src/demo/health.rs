//! `/health…`, `/metrics` and `/api/metrics/…`: what the demo says of itself.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Map, Value, json};

use super::price::round;
use super::reply::{Refusal, detail, json_value};
use super::service::Service;
use crate::monitor::CONTENT_TYPE;

type Shared = State<Arc<Service>>;

pub(super) async fn overall(State(service): Shared) -> Response {
    json_value(&json!({
        "status": "healthy",
        "service": "runner-demo",
        "version": env!("CARGO_PKG_VERSION"),
        "timestamp": service.clock.now_text(),
        "uptime_seconds": round(service.clock.uptime_seconds(), 3),
    }))
}

/// The embedded store can't be down while the demo answers.
pub(super) async fn database(State(service): Shared) -> Response {
    let l2 = &service.cache_summary()["layers"]["l2"];
    json_value(&json!({ "status": "healthy", "database": "embedded", "entries": l2["entries"] }))
}

pub(super) async fn cache(State(service): Shared) -> Response {
    let summary = service.cache_summary();
    json_value(&json!({
        "status": "healthy",
        "cache": "embedded",
        "hit_rate": summary["hit_rate"],
        "layers": summary["layers"],
    }))
}

pub(super) async fn providers(State(service): Shared) -> Response {
    json_value(&service.providers.health())
}

pub(super) async fn provider(State(service): Shared, Path(name): Path<String>) -> Result<Response, Refusal> {
    match service.providers.health_of(&name) {
        Some(health) => Ok(json_value(&health)),
        None => Err(Refusal::Absent(format!("provider `{name}` not found"))),
    }
}

pub(super) async fn cache_metrics(State(service): Shared) -> Response {
    json_value(&service.cache_summary())
}

pub(super) async fn task_metrics(State(service): Shared) -> Response {
    json_value(&service.tasks.summary())
}

/// Requests by route and operations by name. Means without an event are null.
pub(super) async fn performance_metrics(State(service): Shared) -> Response {
    let monitor = &service.monitor;
    let mut requests = 0;
    let mut endpoints = Map::new();
    for (route, endpoint) in monitor.endpoints() {
        let (count, seconds) = endpoint.totals();
        requests += count;
        if count > 0 {
            let mean_ms = round(seconds * 1_000.0 / count as f64, 3);
            let errors = endpoint.server_errors();
            endpoints.insert(route, json!({ "count": count, "mean_ms": mean_ms, "server_errors": errors }));
        }
    }
    let mut slow = 0;
    let mut operations = Map::new();
    for (name, operation) in monitor.operations() {
        slow += operation.slow();
        let report = json!({
            "count": operation.count(),
            "mean_ms": operation.mean_ms().map(|ms| round(ms, 3)),
            "slowest_ms": operation.slowest_ms(),
            "slow": operation.slow(),
            "slow_after_ms": operation.slow_after().as_secs_f64() * 1_000.0,
        });
        operations.insert(name, report);
    }
    json_value(&json!({
        "uptime_seconds": round(service.clock.uptime_seconds(), 3),
        "requests_total": requests,
        "active_requests": monitor.active_requests(),
        "slow_queries": slow,
        "endpoints": Value::Object(endpoints),
        "operations": Value::Object(operations),
    }))
}

pub(super) async fn to_metrics() -> Redirect {
    Redirect::temporary("/metrics/")
}

pub(super) async fn metrics(State(service): Shared) -> Response {
    match service.monitor.text() {
        Ok(text) => {
            let mut response = text.into_response();
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
            response
        }
        Err(error) => detail(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}
