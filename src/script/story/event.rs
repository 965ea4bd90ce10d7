//! What can happen, as plain data: it outlives the fiber that it happened on.

use std::net::SocketAddr;
use std::sync::Arc;

use super::super::log::LogLine;
use crate::http::{Exchange, Request, presentable_url};
use crate::metrics::Phases;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// When, on the worker's clock.
    pub at_ns: u64,
    /// At which statement of the script; none where no script is at work.
    pub place: Option<Place>,
    /// What.
    pub event: Event,
}

/// A statement of the script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file's name, as diagnostics have it.
    pub file: Arc<str>,
    /// The function's name as its author wrote it; empty for a closure.
    pub function: String,
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: u32,
    /// The line that it begins in, without the blanks around it.
    pub text: String,
    /// How many groups are open there.
    pub groups: usize,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A request has ended, each hop of a redirect for itself.
    Request(Box<RequestSeen>),
    /// A check or an assertion was made.
    Check(Verdict),
    /// A custom metric was added to.
    Sample {
        /// Its name.
        metric: String,
        /// `counter`, `gauge`, `rate` or `trend`.
        kind: String,
        /// What was added, in words.
        value: String,
    },
    /// A line of the log.
    Log(LogLine),
    /// A variable has another value than before the statement.
    Variable {
        /// `r`, or `this.token` of the user's state.
        name: String,
        /// A bounded text without secrets.
        value: String,
    },
    /// A group begins.
    GroupBegins {
        /// Its own name.
        name: String,
    },
    /// It is over.
    GroupEnds {
        /// Its own name.
        name: String,
        /// How long it took.
        took_ns: u64,
    },
    /// The script has slept.
    Slept {
        /// For so long.
        ns: u64,
    },
    /// A message over a web socket, or an event of a stream.
    Message(Message),
    /// A call of the host is about to be made, and waits for a permit.
    Call(Question),
}

/// A check or an assertion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Its name.
    pub name: String,
    /// Whether it holds.
    pub holds: bool,
}

/// A call that waits for a permit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// `http::get`.
    pub function: String,
    /// Bounded texts without secrets.
    pub arguments: Vec<String>,
}

/// A message over a web socket, or an event of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// From the script to the service; else the other way.
    pub is_sent: bool,
    /// `message`, or the name of an event.
    pub kind: String,
    /// As it was sent.
    pub body: Vec<u8>,
}

/// A request and what came of it. Secrets may be in it: whoever shows it hides them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestSeen {
    /// The tag `name`.
    pub name: String,
    /// `GET`.
    pub method: String,
    /// Whole.
    pub url: String,
    /// As it was sent.
    pub head: String,
    /// The same; nothing of one that is read from disk.
    pub body: Vec<u8>,
    /// Bytes of the body, however it was sent.
    pub body_bytes: u64,
    /// What came back, or why nothing did.
    pub answer: Result<Answer, String>,
    /// Whether its status was expected.
    pub is_expected: bool,
    /// What is wrong, in words, where something is.
    pub error: Option<String>,
    /// k6's number of the error; 0 for none.
    pub error_code: u16,
    /// Where the time went.
    pub phases: Phases,
    /// From the hand-over to the end.
    pub total_ns: u64,
    /// Over all attempts.
    pub bytes_sent: u64,
    /// Over all attempts.
    pub bytes_received: u64,
    /// Whether it went over a connection that had served a request before.
    pub reused: bool,
    /// Whether a stale connection made a second attempt necessary.
    pub retried: bool,
    /// The peer's address.
    pub remote: Option<SocketAddr>,
    /// The version of TLS, where it was spoken.
    pub tls_version: Option<&'static str>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// 100 to 999.
    pub status: u16,
    /// The words behind it; often empty.
    pub reason: String,
    /// `HTTP/1.1`.
    pub protocol: &'static str,
    /// As it came.
    pub head: String,
    /// Decoded.
    pub body: Vec<u8>,
    /// Bytes of the body on the wire.
    pub wire_bytes: u64,
    /// `hit`, `miss`, …, or `unknown`.
    pub cache: &'static str,
}

impl RequestSeen {
    pub(super) fn new(
        name: &str,
        user_agent: Option<&str>,
        request: &Request<'_>,
        exchange: &Exchange,
        is_expected: bool,
    ) -> Self {
        let answer = match &exchange.result {
            Ok(response) => Ok(Answer {
                status: response.status(),
                reason: response.reason().into_owned(),
                protocol: response.protocol().as_str(),
                head: response.head_text().into_owned(),
                body: response.body().to_vec(),
                wire_bytes: response.wire_bytes(),
                cache: response.cache_status().as_str(),
            }),
            Err(failure) => Err(failure.to_string()),
        };
        Self {
            name: name.to_owned(),
            method: request.method.as_str().to_owned(),
            url: presentable_url(request.endpoint.url()),
            head: request.head(user_agent),
            body: match request.upload {
                Some(upload) => upload.in_memory().unwrap_or_default(),
                None => request.body.to_vec(),
            },
            body_bytes: request.body_bytes(),
            answer,
            is_expected,
            error: exchange.error().map(std::borrow::Cow::into_owned),
            error_code: exchange.error_code(),
            phases: exchange.timings.phases,
            total_ns: exchange.timings.total_ns(),
            bytes_sent: exchange.bytes_sent,
            bytes_received: exchange.bytes_received,
            reused: exchange.reused,
            retried: exchange.retried,
            remote: exchange.remote,
            tls_version: exchange.tls.map(|tls| tls.version()),
        }
    }
}
