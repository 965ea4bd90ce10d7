//! Spans as OpenTelemetry's, by its conventions for HTTP clients
//! ([semantic conventions](https://opentelemetry.io/docs/specs/semconv/http/http-spans/), 1.2x); what they have no name for
//! stands under `runner.`. An attribute that says what a tag of `runner` says is left out with that: the option `system_tags`.

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span as Sent, Status};
use prost::Message;

use super::super::post::quoted;
use super::super::{Played, SendError, SpanLoss, SpanSink};
use super::attribute::{flag, float, number, resource, scope, text};
use super::setting::Setting;
use super::signal::Signal;
use crate::metrics::Phases;
use crate::plan::SystemTags;
use crate::script::{Ended, RequestOutcome, RequestWork, Span, Work};

/// The flag of W3C's trace context that says: recorded.
const SAMPLED: u32 = 1;

/// Attributes that say what a tag says. What went wrong is told by `error.type` too, a status or a code.
const OF_TAGS: &[(&str, &str)] = &[
    ("runner.scenario", "scenario"),
    ("runner.group", "group"),
    ("runner.name", "name"),
    ("url.full", "url"),
    ("http.request.method", "method"),
    ("http.response.status_code", "status"),
    ("network.protocol.version", "proto"),
    ("runner.error_code", "error_code"),
];

/// Sends batches of spans.
pub(super) struct SpanExporter {
    setting: Setting,
    signal: Signal,
    resource: Resource,
    /// Which of `runner`'s own tags are wanted.
    tags: SystemTags,
}

impl SpanExporter {
    pub(super) fn new(setting: &Setting) -> Result<Self, SendError> {
        let signal = Signal::new(setting, &setting.traces_url)?;
        Ok(Self {
            setting: setting.clone(),
            signal,
            resource: Resource::default(),
            tags: SystemTags::default(),
        })
    }
}

impl SpanSink for SpanExporter {
    fn begin(&mut self, run: &Played) {
        self.resource = resource(&self.setting, run);
        self.tags = run.plan.options.system_tags.clone();
    }

    fn spans(&mut self, spans: &[Span]) -> Result<(), SpanLoss> {
        let request = request(spans, &self.tags, self.resource.clone());
        let count = spans.len() as u64;
        let answer = self.signal.send(&request).map_err(|error| SpanLoss { count, error })?;
        let rejected =
            ExportTraceServiceResponse::decode(&*answer).ok().and_then(|answer| answer.partial_success);
        match rejected {
            Some(partial) if partial.rejected_spans > 0 => {
                let count = partial.rejected_spans.unsigned_abs();
                let message = quoted(&partial.error_message);
                Err(SpanLoss {
                    count,
                    error: SendError::Refused(format!("the receiver rejected them: {message}")),
                })
            }
            _ => Ok(()),
        }
    }
}

fn request(spans: &[Span], tags: &SystemTags, resource: Resource) -> ExportTraceServiceRequest {
    let spans = spans.iter().map(|span| sent(span, tags)).collect();
    let scope_spans = vec![ScopeSpans { scope: Some(scope()), spans, ..ScopeSpans::default() }];
    let spans = ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![spans] }
}

fn sent(span: &Span, tags: &SystemTags) -> Sent {
    let unless_left_out =
        |tag: &str, text: &str| if tags.leaves_out(tag) { String::new() } else { format!(" {text}") };
    let (name, kind, mut attributes, status) = match &span.work {
        Work::Iteration(ended) => {
            let name = format!("iteration{}", unless_left_out("scenario", &span.scenario));
            (name, SpanKind::Internal, Vec::new(), iteration_status(*ended))
        }
        Work::Request(request) => {
            // The conventions' word for a method that isn't told.
            let method = if tags.leaves_out("method") { "HTTP" } else { &*request.method };
            let name = format!("{method}{}", unless_left_out("name", &request.name));
            (name, SpanKind::Client, of_request(request), request_status(request, tags))
        }
    };
    attributes.extend((!span.scenario.is_empty()).then(|| text("runner.scenario", &*span.scenario)));
    attributes.push(number("runner.vu", span.vu));
    attributes.extend(span.iteration.map(|iteration| number("runner.iteration", iteration)));
    if !tags.is_all() {
        attributes.retain(|attribute| tag_of(&attribute.key, span).is_none_or(|tag| !tags.leaves_out(tag)));
    }
    for (key, value) in span.tags.iter() {
        if !attributes.iter().any(|known| known.key == key) {
            attributes.push(text(key, value));
        }
    }
    Sent {
        trace_id: span.trace_id.to_be_bytes().to_vec(),
        span_id: span.span_id.to_be_bytes().to_vec(),
        parent_span_id: span.parent_id.map(|id| id.to_be_bytes().to_vec()).unwrap_or_default(),
        flags: SAMPLED,
        name,
        kind: kind as i32,
        start_time_unix_nano: span.start_unix_ns,
        end_time_unix_nano: span.end_unix_ns,
        attributes,
        status,
        ..Sent::default()
    }
}

/// The tag that says the same as an attribute of a span.
fn tag_of(key: &str, span: &Span) -> Option<&'static str> {
    match &span.work {
        Work::Request(request) if key == "error.type" => {
            let outcome = request.outcome.as_ref()?;
            Some(if outcome.status > 0 { "status" } else { "error_code" })
        }
        _ => OF_TAGS.iter().find(|(attribute, _)| *attribute == key).map(|(_, tag)| *tag),
    }
}

fn iteration_status(ended: Ended) -> Option<Status> {
    match ended {
        Ended::Ok => None,
        Ended::Failed => Some(failed("the iteration failed")),
        Ended::Cut => Some(failed("the iteration was cut")),
    }
}

/// What was expected is no error, whatever its status.
fn request_status(request: &RequestWork, tags: &SystemTags) -> Option<Status> {
    match &request.outcome {
        None => Some(failed("its iteration was cut")),
        Some(outcome) if outcome.is_expected => None,
        Some(outcome) => {
            let error = outcome.error.as_deref().filter(|_| !tags.leaves_out("error"));
            Some(failed(error.unwrap_or("the answer was not one that is expected")))
        }
    }
}

fn failed(message: &str) -> Status {
    Status { message: message.to_owned(), code: StatusCode::Error as i32 }
}

fn of_request(request: &RequestWork) -> Vec<KeyValue> {
    let mut attributes = vec![
        text("http.request.method", &*request.method),
        text("url.full", &*request.url),
        text("server.address", &*request.host),
        number("server.port", u64::from(request.port)),
        text("runner.name", &*request.name),
    ];
    attributes.extend((!request.group.is_empty()).then(|| text("runner.group", &*request.group)));
    match &request.outcome {
        Some(outcome) => attributes.extend(of_outcome(outcome)),
        None => attributes.push(text("error.type", "cut")),
    }
    attributes
}

fn of_outcome(outcome: &RequestOutcome) -> Vec<KeyValue> {
    let mut attributes = Vec::new();
    if outcome.status > 0 {
        attributes.push(number("http.response.status_code", u64::from(outcome.status)));
    }
    if !outcome.is_expected {
        // The status itself, as the conventions want it, or k6's number of what went wrong.
        let kind = if outcome.status > 0 { outcome.status } else { outcome.error_code };
        attributes.push(text("error.type", kind.to_string()));
    }
    if outcome.error_code > 0 {
        attributes.push(number("runner.error_code", u64::from(outcome.error_code)));
    }
    attributes.extend(outcome.protocol.map(|version| text("network.protocol.version", version)));
    if let Some(remote) = outcome.remote {
        attributes.push(text("network.peer.address", remote.ip().to_string()));
        attributes.push(number("network.peer.port", u64::from(remote.port())));
    }
    attributes.push(flag("runner.connection_reused", outcome.reused));
    attributes.push(number("runner.bytes_sent", outcome.bytes_sent));
    attributes.push(number("runner.bytes_received", outcome.bytes_received));
    attributes.extend(of_phases(&outcome.phases));
    attributes
}

/// In milliseconds; those that didn't happen are left out.
fn of_phases(phases: &Phases) -> impl Iterator<Item = KeyValue> {
    [
        ("runner.blocked_ms", phases.blocked_ns),
        ("runner.dns_ms", phases.dns_ns),
        ("runner.connecting_ms", phases.connecting_ns),
        ("runner.tls_handshaking_ms", phases.tls_ns),
        ("runner.sending_ms", phases.sending_ns),
        ("runner.waiting_ms", phases.waiting_ns),
        ("runner.receiving_ms", phases.receiving_ns),
    ]
    .into_iter()
    .filter(|(_, ns)| *ns > 0)
    .map(|(key, ns)| float(key, ns as f64 / 1e6))
}
