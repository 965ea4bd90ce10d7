//! A response as scripts see it: getters, headers in any case, JSON by path.

use std::cell::OnceCell;
use std::rc::Rc;

use rhai::{Dynamic, EvalAltResult, ImmutableString, Map};

use super::super::error::HostError;
use super::super::registry::Registry;
use super::super::value::from_json;
use super::json_path::JsonPath;
use crate::http::{CacheStatus, Exchange, Response, Timings};

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// An exchange, shared: a script's copies cost a counter.
#[derive(Debug, Clone)]
pub(super) struct Reply(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    exchange: Exchange,
    url: Rc<str>,
    /// The body as JSON, once somebody asked; what is wrong with it otherwise.
    json: OnceCell<Result<serde_json::Value, String>>,
}

impl Reply {
    pub(super) fn new(exchange: Exchange, url: Rc<str>) -> Self {
        Self(Rc::new(Inner { exchange, url, json: OnceCell::new() }))
    }

    fn body(&self) -> &[u8] {
        self.0.exchange.result.as_ref().map_or(&[], |response| response.body())
    }

    pub(super) fn header(&self, name: &str) -> Dynamic {
        let response = self.0.exchange.result.as_ref().ok();
        response
            .and_then(|response| response.header(name))
            .map_or(Dynamic::UNIT, |value| value.into_owned().into())
    }

    fn headers(&self) -> Map {
        let mut headers = Map::new();
        if let Ok(response) = &self.0.exchange.result {
            for (name, value) in response.headers() {
                let joined = match headers.get(name.as_str()) {
                    Some(first) => format!("{first}, {value}"),
                    None => value.into_owned(),
                };
                headers.insert(name.into(), joined.into());
            }
        }
        headers
    }

    /// The body as JSON; nothing without a response.
    fn json(&self) -> Outcome<Option<&serde_json::Value>> {
        if self.0.exchange.result.is_err() {
            return Ok(None);
        }
        let parsed = self
            .0
            .json
            .get_or_init(|| serde_json::from_slice(self.body()).map_err(|error| error.to_string()));
        match parsed {
            Ok(json) => Ok(Some(json)),
            Err(error) => Err(HostError::new(format!(
                "the body of the answer with status {} is no JSON: {error}",
                self.0.exchange.status()
            ))
            .hint(format!("look at `status` first; the body begins with {:?}", beginning(self.body())))
            .into()),
        }
    }

    /// The status; 0 without a response.
    pub(super) fn status(&self) -> u16 {
        self.0.exchange.status()
    }

    /// The URL that was asked, whole.
    pub(super) fn url(&self) -> &str {
        &self.0.url
    }

    /// A sentence on what came back.
    pub(super) fn outcome(&self) -> String {
        match self.0.exchange.error() {
            Some(error) if self.status() == 0 => error.into_owned(),
            _ => format!("the status was {}", self.status()),
        }
    }

    pub(super) fn json_at(&self, path: &str) -> Outcome<Dynamic> {
        let path = JsonPath::parse(path)?;
        Ok(self.json()?.map_or(Dynamic::UNIT, |json| path.of(json)))
    }

    fn cache(&self) -> ImmutableString {
        let status = self.0.exchange.result.as_ref().map_or(CacheStatus::Unknown, Response::cache_status);
        status.as_str().into()
    }
}

/// The first characters of a body, for an error message.
fn beginning(body: &[u8]) -> String {
    const CHARACTERS_MAX: usize = 40;
    String::from_utf8_lossy(body).chars().take(CHARACTERS_MAX).collect()
}

fn milliseconds(ns: u64) -> f64 {
    ns as f64 / 1e6
}

pub(super) fn register(registry: &mut Registry<'_>) {
    let engine = &mut *registry.engine;
    engine
        .register_type_with_name::<Reply>("response")
        .register_get("status", |reply: &mut Reply| i64::from(reply.0.exchange.status()))
        .register_get("status_text", |reply: &mut Reply| {
            reply
                .0
                .exchange
                .result
                .as_ref()
                .map_or_else(|_| String::new(), |response| response.reason().into_owned())
        })
        .register_get("body", |reply: &mut Reply| String::from_utf8_lossy(reply.body()).into_owned())
        .register_get("bytes", |reply: &mut Reply| reply.body().to_vec())
        .register_get("headers", |reply: &mut Reply| reply.headers())
        .register_get("timings", |reply: &mut Reply| reply.0.exchange.timings)
        .register_get("cache", |reply: &mut Reply| reply.cache())
        .register_get("url", |reply: &mut Reply| ImmutableString::from(&*reply.0.url))
        .register_get("error", |reply: &mut Reply| {
            reply.0.exchange.error().map_or_else(ImmutableString::new, |error| error.into_owned().into())
        })
        .register_get("error_code", |reply: &mut Reply| i64::from(reply.0.exchange.error_code()))
        .register_get("proto", |reply: &mut Reply| {
            reply.0.exchange.result.as_ref().map_or("", |response| response.protocol().as_str())
        })
        .register_get("remote_ip", |reply: &mut Reply| {
            reply.0.exchange.remote.map_or_else(String::new, |remote| remote.ip().to_string())
        })
        .register_get("remote_port", |reply: &mut Reply| {
            reply.0.exchange.remote.map_or(0, |remote| i64::from(remote.port()))
        })
        .register_fn("header", |reply: &mut Reply, name: ImmutableString| reply.header(&name))
        .register_fn("json", |reply: &mut Reply| -> Outcome<Dynamic> {
            Ok(reply.json()?.map_or(Dynamic::UNIT, from_json))
        })
        .register_fn("json", |reply: &mut Reply, path: ImmutableString| reply.json_at(&path))
        .register_fn("to_string", |reply: &mut Reply| {
            format!("{} {}", reply.0.exchange.status(), reply.0.url)
        });
    engine.register_type_with_name::<Timings>("timings");
    for (name, of) in TIMINGS {
        engine.register_get(name, move |timings: &mut Timings| milliseconds(of(timings)));
    }
}

/// How a phase is read from the timings.
type Nanoseconds = fn(&Timings) -> u64;

/// The phases as k6 names them, in milliseconds for scripts.
const TIMINGS: [(&str, Nanoseconds); 9] = [
    ("blocked", |timings| timings.phases.blocked_ns),
    ("dns", |timings| timings.phases.dns_ns),
    ("connecting", |timings| timings.phases.connecting_ns),
    ("tls_handshaking", |timings| timings.phases.tls_ns),
    ("sending", |timings| timings.phases.sending_ns),
    ("waiting", |timings| timings.phases.waiting_ns),
    ("receiving", |timings| timings.phases.receiving_ns),
    ("duration", |timings| timings.phases.duration_ns()),
    ("total", Timings::total_ns),
];
