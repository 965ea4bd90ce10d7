//! Failed requests, whole enough to be understood and to be sent again.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::form::{DocumentError, micros};
use super::own::own;
use crate::engine::{Content, Example, Excerpt, Happened, Kind, Question, Reply};

/// The protocols that a client speaks, as their tag prints them; empty without an answer.
const PROTOCOLS: [&str; 4] = ["", "HTTP/1.0", "HTTP/1.1", "HTTP/2.0"];

/// The first request of a kind of failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Sample {
    failure: Failed,
    name: String,
    count: u64,
    at_us: Option<u64>,
    scenario: String,
    group: String,
    vu: u64,
    iteration: Option<u64>,
    request: Sent,
    response: Received,
    curl: String,
}

/// What failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Failed {
    Request { status: u16, error_code: u16 },
    Check { name: String },
}

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Sent {
    method: String,
    url: String,
    head: String,
    body: Body,
    curl_options: Vec<String>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Received {
    status: u16,
    error_code: u16,
    error: Option<String>,
    head: String,
    body: Body,
    protocol: String,
    remote: Option<String>,
    took_us: u64,
    reused: bool,
    retried: bool,
}

/// A body, or its beginning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Body {
    total_bytes: u64,
    content: Kept,
}

/// What is kept of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kept {
    Nothing {},
    Text { text: String, is_whole: bool },
    Base64 { bytes: String },
    File { path: String },
    Withheld {},
}

impl From<&Example> for Sample {
    fn from(example: &Example) -> Self {
        let happened = &example.happened;
        Self {
            failure: match &example.kind {
                Kind::Request { status, error_code } => {
                    Failed::Request { status: *status, error_code: *error_code }
                }
                Kind::Check(name) => Failed::Check { name: name.clone() },
            },
            name: example.name.clone(),
            count: example.count,
            at_us: happened.at.map(micros),
            scenario: happened.scenario.clone(),
            group: happened.group.clone(),
            vu: happened.vu,
            iteration: happened.iteration,
            request: (&example.request).into(),
            response: (&example.answer).into(),
            curl: example.curl(),
        }
    }
}

impl Sample {
    pub(super) fn example(self) -> Result<Example, DocumentError> {
        Ok(Example {
            kind: match self.failure {
                Failed::Request { status, error_code } => Kind::Request { status, error_code },
                Failed::Check { name } => Kind::Check(name),
            },
            name: self.name,
            count: self.count,
            // The workers' clock, by which examples were put in order: they are.
            begun_ns: 0,
            happened: Happened {
                at: self.at_us.map(Duration::from_micros),
                scenario: self.scenario,
                group: self.group,
                vu: self.vu,
                iteration: self.iteration,
            },
            request: self.request.question()?,
            answer: self.response.reply()?,
        })
    }
}

impl From<&Question> for Sent {
    fn from(question: &Question) -> Self {
        Self {
            method: question.method.clone(),
            url: question.url.clone(),
            head: question.head.clone(),
            body: (&question.body).into(),
            curl_options: question.route.clone(),
        }
    }
}

impl Sent {
    fn question(self) -> Result<Question, DocumentError> {
        Ok(Question {
            method: self.method,
            url: self.url,
            head: self.head,
            body: self.body.excerpt()?,
            route: self.curl_options,
        })
    }
}

impl From<&Reply> for Received {
    fn from(reply: &Reply) -> Self {
        Self {
            status: reply.status,
            error_code: reply.error_code,
            error: reply.error.clone(),
            head: reply.head.clone(),
            body: (&reply.body).into(),
            protocol: reply.protocol.to_owned(),
            remote: reply.remote.clone(),
            took_us: reply.took_us,
            reused: reply.reused,
            retried: reply.retried,
        }
    }
}

impl Received {
    fn reply(self) -> Result<Reply, DocumentError> {
        Ok(Reply {
            status: self.status,
            head: self.head,
            body: self.body.excerpt()?,
            error: self.error,
            error_code: self.error_code,
            protocol: own(self.protocol, PROTOCOLS),
            remote: self.remote,
            took_us: self.took_us,
            reused: self.reused,
            retried: self.retried,
        })
    }
}

impl From<&Excerpt> for Body {
    fn from(excerpt: &Excerpt) -> Self {
        let content = match &excerpt.content {
            Content::Nothing => Kept::Nothing {},
            Content::Text { text, is_whole } => Kept::Text { text: text.clone(), is_whole: *is_whole },
            Content::Bytes(bytes) => Kept::Base64 { bytes: STANDARD.encode(bytes) },
            Content::File(path) => Kept::File { path: path.clone() },
            Content::Withheld => Kept::Withheld {},
        };
        Self { total_bytes: excerpt.total_bytes, content }
    }
}

impl Body {
    fn excerpt(self) -> Result<Excerpt, DocumentError> {
        let content = match self.content {
            Kept::Nothing {} => Content::Nothing,
            Kept::Text { text, is_whole } => Content::Text { text, is_whole },
            Kept::Base64 { bytes } => {
                Content::Bytes(STANDARD.decode(bytes).map_err(|_| DocumentError::Base64)?)
            }
            Kept::File { path } => Content::File(path),
            Kept::Withheld {} => Content::Withheld,
        };
        Ok(Excerpt { content, total_bytes: self.total_bytes })
    }
}
