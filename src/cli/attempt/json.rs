//! The trace for programs: an object a line, `event` first. Times are microseconds since the first call began.

use serde_json::{Map, Value, json};

use super::Trace;
use super::body::Excerpt;
use crate::diagnostic::{Mask, to_json};
use crate::metrics::Phases;
use crate::plan::Plan;
use crate::script::{Event, Place, RequestSeen, Told};
use crate::session::{Act, Ended, Tally};

/// The trace as lines of JSON.
pub(super) struct Json {
    script: String,
    full: bool,
    mask: Mask,
    /// When the first thing was told, on the worker's clock.
    begin_ns: Option<u64>,
}

impl Json {
    pub(super) fn new(script: &str, full: bool, mask: Mask) -> Self {
        Self { script: script.to_owned(), full, mask, begin_ns: None }
    }

    fn line(&self, mut value: Value) -> String {
        self.mask.apply_json(&mut value);
        format!("{value}\n")
    }

    fn request(&self, seen: &RequestSeen) -> Value {
        let mut value = json!({
            "name": seen.name,
            "method": seen.method,
            "url": seen.url,
            "status": seen.answer.as_ref().map_or(0, |answer| answer.status),
            "failed": !seen.is_expected,
            "error": seen.error,
            "error_code": seen.error_code,
            "took_us": us(seen.total_ns),
            "phases": phases(&seen.phases),
            "bytes_sent": seen.bytes_sent,
            "bytes_received": seen.bytes_received,
            "reused": seen.reused,
            "retried": seen.retried,
            "remote": seen.remote.map(|remote| remote.to_string()),
            "tls_version": seen.tls_version,
            "request": self.message(&seen.head, &seen.body, seen.body_bytes),
        });
        if let Ok(answer) = &seen.answer {
            let mut message = self.message(&answer.head, &answer.body, answer.body.len() as u64);
            message["protocol"] = answer.protocol.into();
            message["reason"] = answer.reason.clone().into();
            message["wire_bytes"] = answer.wire_bytes.into();
            message["cache"] = answer.cache.into();
            value["response"] = message;
        }
        value
    }

    fn message(&self, head: &str, body: &[u8], body_bytes: u64) -> Value {
        let headers = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        let headers: Vec<[&str; 2]> = headers.map(|(name, value)| [name, value.trim()]).collect();
        let excerpt = Excerpt::of(body, self.full, &self.mask);
        json!({
            "headers": headers,
            "body": excerpt.text,
            "body_bytes": body_bytes,
            "body_is_whole": excerpt.rest == 0 && body_bytes == body.len() as u64,
        })
    }
}

fn us(ns: u64) -> u64 {
    ns / 1_000
}

fn phases(phases: &Phases) -> Value {
    json!({
        "blocked_us": us(phases.blocked_ns),
        "dns_us": us(phases.dns_ns),
        "connecting_us": us(phases.connecting_ns),
        "tls_handshaking_us": us(phases.tls_ns),
        "sending_us": us(phases.sending_ns),
        "waiting_us": us(phases.waiting_ns),
        "receiving_us": us(phases.receiving_ns),
    })
}

fn place(place: &Place) -> Value {
    json!({ "file": &*place.file, "line": place.line, "column": place.column, "function": place.function })
}

/// Which call something belongs to.
fn of_act(event: &str, act: &Act) -> Map<String, Value> {
    let mut map = Map::new();
    map.insert("event".to_owned(), event.into());
    map.insert("part".to_owned(), act.part.name().into());
    map.insert("scenario".to_owned(), act.scenario.clone().into());
    map.insert("function".to_owned(), act.function.clone().into());
    map
}

impl Trace for Json {
    fn open(&mut self, plan: &Plan) -> String {
        let base_url = plan.base_url.as_deref().map(crate::plan::without_login);
        self.line(json!({ "event": "open", "script": self.script, "base_url": base_url }))
    }

    fn begin(&mut self, act: &Act) -> String {
        let mut map = of_act("begin", act);
        if let Some((weight, total)) = act.weight {
            map.insert("weight".to_owned(), weight.into());
            map.insert("weight_total".to_owned(), total.into());
        }
        self.line(map.into())
    }

    fn tell(&mut self, act: &Act, told: &Told) -> String {
        let begin_ns = *self.begin_ns.get_or_insert(told.at_ns);
        let (name, value) = match &told.event {
            Event::Request(seen) => ("request", self.request(seen)),
            Event::Check(verdict) => ("check", json!({ "name": verdict.name, "holds": verdict.holds })),
            Event::Sample { metric, kind, value } => {
                ("sample", json!({ "metric": metric, "kind": kind, "value": value }))
            }
            Event::Log(line) => ("log", json!({ "level": line.level.name(), "text": line.text })),
            Event::Variable { name, value } => ("variable", json!({ "name": name, "value": value })),
            Event::GroupBegins { name } => ("group_begins", json!({ "name": name })),
            Event::GroupEnds { name, took_ns } => {
                ("group_ends", json!({ "name": name, "took_us": us(*took_ns) }))
            }
            Event::Slept { ns } => ("slept", json!({ "took_us": us(*ns) })),
            Event::Message(message) => {
                let excerpt = Excerpt::of(&message.body, self.full, &self.mask);
                let value = json!({
                    "sent": message.is_sent,
                    "kind": message.kind,
                    "body": excerpt.text,
                    "body_bytes": excerpt.bytes,
                    "body_is_whole": excerpt.rest == 0,
                });
                ("message", value)
            }
            Event::Call(question) => {
                ("call", json!({ "function": question.function, "arguments": question.arguments }))
            }
        };
        let mut map = of_act(name, act);
        // The call's own function is the act's.
        map.insert("at_us".to_owned(), us(told.at_ns.saturating_sub(begin_ns)).into());
        map.insert("place".to_owned(), told.place.as_ref().map_or(Value::Null, place));
        map.insert(name.to_owned(), value);
        self.line(map.into())
    }

    fn end(&mut self, act: &Act, ended: &Ended) -> String {
        let mut map = of_act("end", act);
        map.insert("took_us".to_owned(), us(ended.took_ns).into());
        map.insert("failed".to_owned(), ended.failure.is_some().into());
        map.insert("error".to_owned(), ended.failure.as_ref().map_or(Value::Null, to_json));
        map.insert("changes_untold".to_owned(), ended.untold.into());
        if let Some(gives) = &ended.gives {
            map.insert("gives".to_owned(), gives.clone().into());
        }
        self.line(map.into())
    }

    fn close(&mut self, tally: &Tally) -> String {
        self.line(json!({
            "event": "close",
            "passed": tally.codes().is_empty(),
            "calls": tally.calls,
            "calls_failed": tally.calls_failed,
            "requests": tally.requests,
            "requests_failed": tally.requests_failed,
            "checks": tally.checks,
            "checks_failed": tally.checks_failed,
            "took_us": us(tally.took_ns),
        }))
    }
}
