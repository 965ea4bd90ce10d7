//! What a person at a prompt sees of a value.

use rhai::{Dynamic, EvalContext};

use super::super::host::{Reply, timings_of};
use super::super::value::to_json;
use super::notation::node;
use super::{Desk, Repl};
use rhai::Scope;

/// A value to be shown.
#[derive(Debug, Clone, PartialEq)]
pub enum Shown {
    /// A text, as it is.
    Text(String),
    /// A response.
    Response(Box<ShownResponse>),
    /// Anything else.
    Value {
        /// As an author would write it, laid out.
        notation: String,
        /// As JSON, where that knows it.
        json: Option<serde_json::Value>,
    },
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownResponse {
    /// The status; 0 without an answer.
    pub status: u16,
    /// The words behind the status.
    pub reason: String,
    /// k6's number of the error, 0 where there is none, and its text.
    pub error: Option<(u16, String)>,
    /// The URL that was asked.
    pub url: String,
    /// The version of HTTP: `HTTP/1.1`.
    pub protocol: String,
    /// Whether the connection had served a request before.
    pub reused: bool,
    /// The times that are not zero, by name, in milliseconds; `duration` and `total` are not among them.
    pub phases_ms: Vec<(&'static str, f64)>,
    /// Sending, waiting and receiving, in milliseconds.
    pub duration_ms: f64,
    /// The same with all that came before, such as connecting.
    pub total_ms: f64,
    /// The header `content-type`.
    pub content_type: Option<String>,
    /// The body, decoded.
    pub body: Vec<u8>,
}

impl Repl {
    /// What is to be seen of a value, in at most so many columns where it can be told so.
    pub fn show(&self, value: &Dynamic, columns: usize) -> Shown {
        if let Some(reply) = value.read_lock::<Reply>() {
            return Shown::Response(Box::new(response(&reply)));
        }
        if let Ok(text) = value.as_immutable_string_ref() {
            return Shown::Text(text.to_string());
        }
        let notation = node(value, &|value| self.desk.told(value)).laid_out(columns);
        Shown::Value { notation, json: to_json(value).ok() }
    }
}

impl Desk {
    /// How the interpreter tells a value.
    pub(super) fn told(&self, value: &Dynamic) -> String {
        let mut value = value.clone();
        let told =
            self.with_context(&mut Scope::new(), |context: &mut EvalContext<'_, '_, '_, '_, '_, '_>| {
                context.call_native_fn_raw("to_string", true, &mut [&mut value])
            });
        told.ok().and_then(|text| text.into_string().ok()).unwrap_or_else(|| value.type_name().to_owned())
    }
}

fn response(reply: &Reply) -> ShownResponse {
    let exchange = reply.exchange();
    let answer = exchange.result.as_ref().ok();
    let times: Vec<(&'static str, f64)> = timings_of(&exchange.timings).collect();
    let time = |name: &str| times.iter().find(|(known, _)| *known == name).map_or(0.0, |(_, ms)| *ms);
    ShownResponse {
        status: exchange.status(),
        reason: answer.map(|answer| answer.reason().into_owned()).unwrap_or_default(),
        error: exchange.error().map(|error| (exchange.error_code(), error.into_owned())),
        url: reply.url().to_owned(),
        protocol: answer.map(|answer| answer.protocol().as_str().to_owned()).unwrap_or_default(),
        reused: exchange.reused,
        duration_ms: time("duration"),
        total_ms: time("total"),
        phases_ms: (times.iter().filter(|(name, ms)| *ms > 0.0 && !matches!(*name, "duration" | "total")))
            .copied()
            .collect(),
        content_type: answer.and_then(|answer| Some(answer.header("content-type")?.into_owned())),
        body: reply.body().to_vec(),
    }
}
