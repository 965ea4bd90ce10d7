//! Answers: JSON bodies, the cache's verdict on them, and refusals in FastAPI's shapes.

use std::fmt::Write as _;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

use super::cache::{Found, Layer};
use super::provider::Failure;

const X_CACHE: HeaderName = HeaderName::from_static("x-cache");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// 200 with a JSON body.
pub(super) fn json_text(body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

/// 200 with `value` as JSON.
pub(super) fn json_value(value: &Value) -> Response {
    json_text(value.to_string())
}

/// `response` with the cache's verdict as a header.
pub(super) fn with_verdict(mut response: Response, hit: bool) -> Response {
    response.headers_mut().insert(X_CACHE, HeaderValue::from_static(if hit { "HIT" } else { "MISS" }));
    response
}

/// A JSON object that lacks its closing brace, so that each answer can add what differs without
/// serialising the rest again.
#[derive(Debug, Clone)]
pub(super) struct OpenObject(Box<str>);

impl OpenObject {
    /// `fields` must serialise to an object with at least one field.
    pub(super) fn new(fields: &impl Serialize) -> OpenObject {
        let mut text = serde_json::to_string(fields).expect("plain data has no failing serialiser");
        debug_assert!(text.starts_with("{\"") && text.ends_with('}'), "not an object with fields: {text}");
        text.pop();
        OpenObject(text.into())
    }

    /// The whole object, with the verdict of the cache on it.
    pub(super) fn close<V>(&self, found: &Found<V>) -> String {
        const TAIL_BYTES: usize = 80;
        let mut text = String::with_capacity(self.0.len() + TAIL_BYTES);
        text.push_str(&self.0);
        let ttl = whole_seconds(found.ttl);
        // Writing to a string can't fail.
        let _ = match found.layer.map(Layer::name) {
            Some(layer) => write!(text, r#","cached":true,"cache_layer":"{layer}","ttl":{ttl}}}"#),
            None => write!(text, r#","cached":false,"cache_layer":null,"ttl":{ttl}}}"#),
        };
        text
    }

    /// 200 with the whole object, the cache's verdict on it and in the header.
    pub(super) fn answer<V>(&self, found: &Found<V>) -> Response {
        with_verdict(json_text(self.close(found)), found.layer.is_some())
    }

    /// The whole object as a value, with the verdict of the cache on it.
    pub(super) fn value<V>(&self, found: &Found<V>) -> Value {
        serde_json::from_str(&self.close(found)).expect("an object that we wrote ourselves")
    }
}

/// Seconds, rounded up: a value that lives for another 200 ms has a `ttl` of 1, not 0.
pub(super) fn whole_seconds(ttl: Duration) -> u64 {
    ttl.as_millis().div_ceil(1_000).try_into().unwrap_or(u64::MAX)
}

/// One fault of a request, as FastAPI lists it under `detail`.
#[derive(Debug, Serialize)]
pub(super) struct Fault {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) loc: Vec<Value>,
    msg: String,
    input: Value,
}

impl Fault {
    pub(super) fn new(kind: &'static str, loc: Vec<Value>, msg: impl Into<String>, input: Value) -> Fault {
        Fault { kind, loc, msg: msg.into(), input }
    }
}

/// A request that gets no answer.
#[derive(Debug)]
pub(super) enum Refusal {
    /// 422: the body or the query string is not as declared.
    Invalid(Box<Fault>),
    /// 400: well-formed, but not to be done.
    Bad(String),
    /// 404: there is no such thing.
    Absent(String),
    /// 404, 503: the fetch failed.
    Failed(Failure),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Refusal {
        Refusal::Failed(failure)
    }
}

impl Refusal {
    /// What it says, for answers that carry their errors inside a 200.
    pub(super) fn message(&self) -> String {
        match self {
            Refusal::Invalid(fault) => {
                let name = fault.loc.last().and_then(Value::as_str).unwrap_or("body");
                format!("{name}: {}", fault.msg)
            }
            Refusal::Bad(message) | Refusal::Absent(message) => message.clone(),
            Refusal::Failed(failure) => failure.to_string(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, detail) = match &self {
            Refusal::Invalid(fault) => (StatusCode::UNPROCESSABLE_ENTITY, json!([fault])),
            Refusal::Bad(message) => (StatusCode::BAD_REQUEST, json!(message)),
            Refusal::Absent(message) => (StatusCode::NOT_FOUND, json!(message)),
            Refusal::Failed(failure @ Failure::Unknown { .. }) => {
                (StatusCode::NOT_FOUND, json!(failure.to_string()))
            }
            Refusal::Failed(failure) => (StatusCode::SERVICE_UNAVAILABLE, json!(failure.to_string())),
        };
        let mut response = json_value(&json!({ "detail": detail }));
        *response.status_mut() = status;
        // A failure was looked for in both layers first.
        if matches!(self, Refusal::Failed(_)) { with_verdict(response, false) } else { response }
    }
}

/// A plain refusal with a status of its own.
pub(super) fn detail(status: StatusCode, text: &str) -> Response {
    let mut response = json_value(&json!({ "detail": text }));
    *response.status_mut() = status;
    response
}
