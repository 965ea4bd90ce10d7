//! One failure: what was asked, what came back, when and of whom.

use std::time::Duration;

use super::super::client::Client;
use super::super::exchange::Exchange;
use super::super::request::Request;
use super::super::response::Response;
use super::super::upload::{Piece, Upload};
use super::excerpt::{CUT, Content, Excerpt, Kept};
use super::{curl, route, sensitive};

/// The most of a request's body: as much as a line for a shell may be long.
const REQUEST_BODY_KEPT_MAX: usize = 4 << 10;

/// The most of a response's body: an error's text, or the beginning of a page.
const RESPONSE_BODY_KEPT_MAX: usize = 1 << 10;

/// The most of a head. Servers accept 8 KB, and most have a tenth of that.
const HEAD_KEPT_MAX: usize = 8 << 10;

/// What failed. Failures of one kind and of one name have one example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A request: no answer, or one with a status that was not expected.
    Request {
        /// The status; 0 without an answer.
        status: u16,
        /// The error's code; 0 for an answer below 400.
        error_code: u16,
    },
    /// A check of a response that did not hold, by its name.
    Check(String),
}

/// A failed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// What failed.
    pub kind: Kind,
    /// The request's tag `name`.
    pub name: String,
    /// How many failures of this kind and name there were.
    pub count: u64,
    /// When it began, on the clock that the run's workers share.
    pub begun_ns: u64,
    /// Who met it, and when.
    pub happened: Happened,
    /// What was asked.
    pub request: Question,
    /// What came back.
    pub answer: Answer,
}

/// Who met a failure, and when.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Happened {
    /// Since the load began; none outside of it.
    pub at: Option<Duration>,
    /// The scenario; empty outside of any.
    pub scenario: String,
    /// The path of open groups, `::outer::inner`, or empty.
    pub group: String,
    /// The user's number; 0 for `setup` and `teardown`.
    pub vu: u64,
    /// The iteration's number in its scenario, from 0; none before the first.
    pub iteration: Option<u64>,
}

/// A request as an example tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The method.
    pub method: String,
    /// The URL, without user and password.
    pub url: String,
    /// The request line and the headers, as they were sent or would have been, in HTTP/1's lines. The last line is `…`
    /// where some are left out; empty where there was nothing to send.
    pub head: String,
    /// The body.
    pub body: Excerpt,
    /// How curl goes the same way: its options, unquoted.
    pub route: Vec<String>,
}

/// What came back, as an example tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status; 0 without an answer.
    pub status: u16,
    /// The status line and the headers as they came; empty without an answer, `…` as in [`Question::head`].
    pub head: String,
    /// The body, decoded.
    pub body: Excerpt,
    /// Why there is none, or why a redirect was not followed.
    pub error: Option<String>,
    /// The error's code; 0 where there was none.
    pub error_code: u16,
    /// The protocol, as its tag prints it; empty without an answer.
    pub protocol: &'static str,
    /// The peer's address, where a connection was made over a network.
    pub remote: Option<String>,
    /// From the hand-over to the end, in microseconds.
    pub took_us: u64,
    /// Whether the connection had served a request before.
    pub reused: bool,
    /// Whether it was the second attempt, after a stale connection.
    pub retried: bool,
}

impl Example {
    /// The first of its kind, from a request and what came of it.
    pub fn new(
        client: &Client,
        (kind, name): (Kind, &str),
        request: &Request<'_>,
        exchange: &Exchange,
        happened: Happened,
    ) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            count: 1,
            begun_ns: exchange.timings.start_ns,
            happened,
            request: Question::new(client, request, exchange),
            answer: Answer::new(exchange),
        }
    }

    /// A line for a shell that sends the request again. What was hidden stands in it as `***`; a body that is not kept is
    /// taken from the file `body`.
    pub fn curl(&self) -> String {
        curl::line(&self.request)
    }

    /// Hides what `hide` finds in any of its texts.
    pub fn hide(&mut self, hide: &mut dyn FnMut(&mut String)) {
        if let Kind::Check(name) = &mut self.kind {
            hide(name);
        }
        let Question { method, url, head, body, route } = &mut self.request;
        let own = [&mut self.name, &mut self.happened.scenario, &mut self.happened.group, method, url, head];
        let answer = &mut self.answer;
        own.into_iter().chain(route).chain([&mut answer.head]).chain(&mut answer.error).for_each(&mut *hide);
        body.hide(hide);
        answer.body.hide(hide);
    }
}

impl Question {
    fn new(client: &Client, request: &Request<'_>, exchange: &Exchange) -> Self {
        let sent = request.head(client.options().user_agent.as_deref());
        let kept = |text_bytes_max| Kept {
            kind: header_of(&sent, "content-type"),
            is_encoded: header_of(&sent, "content-encoding").is_some(),
            text_bytes_max,
            keeps_bytes: true,
        };
        let body = match request.upload {
            None => Excerpt::of(request.body, kept(REQUEST_BODY_KEPT_MAX)),
            Some(upload) => uploaded(upload, kept(REQUEST_BODY_KEPT_MAX)),
        };
        Self {
            method: request.method.to_string(),
            url: sensitive::url(request.endpoint.url()),
            head: head(&sent),
            body,
            route: route::words(client, request, exchange),
        }
    }

    /// Names and values of the headers, in their order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        headers(&self.head)
    }
}

/// A body that may lie on disk: nobody reads a file again for an example.
fn uploaded(upload: &Upload, kept: Kept<'_>) -> Excerpt {
    let content = match (upload.pieces(), upload.in_memory()) {
        (_, Some(body)) => return Excerpt::of(&body, kept),
        ([Piece::File(file)], None) => Content::File(file.path().to_owned()),
        (_, None) => Content::Withheld,
    };
    Excerpt { content, total_bytes: upload.len() }
}

impl Answer {
    fn new(exchange: &Exchange) -> Self {
        let response = exchange.result.as_ref().ok();
        let error = exchange.error().filter(|_| response.is_none() || exchange.not_followed.is_some());
        Self {
            status: exchange.status(),
            head: response.map_or_else(String::new, |response| head(&response.head_text())),
            body: response.map_or_else(Excerpt::nothing, body),
            // It may name where a redirect led.
            error: error.map(|error| sensitive::url(&error)),
            error_code: exchange.error_code(),
            protocol: response.map_or("", |response| response.protocol().as_str()),
            remote: exchange.remote.map(|remote| remote.to_string()),
            took_us: exchange.timings.total_ns() / 1_000,
            reused: exchange.reused,
            retried: exchange.retried,
        }
    }

    /// Names and values of the headers, in their order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        headers(&self.head)
    }
}

fn body(response: &Response) -> Excerpt {
    let kind = response.header("content-type");
    let kept = Kept {
        kind: kind.as_deref(),
        // Its codings were undone.
        is_encoded: false,
        text_bytes_max: RESPONSE_BODY_KEPT_MAX,
        keeps_bytes: false,
    };
    let body = response.body();
    if body.is_empty() && response.wire_bytes() > 0 {
        return Excerpt { content: Content::Withheld, total_bytes: response.wire_bytes() };
    }
    Excerpt::of(body, kept)
}

/// A head as it may be seen: without what identifies the user, and without what is beyond the limit.
fn head(lines: &str) -> String {
    let mut kept = String::new();
    for (at, line) in lines.trim_end().lines().enumerate() {
        let shown = match line.split_once(':') {
            Some((name, value)) if at > 0 => {
                let (blank, value) = value.split_at(value.len() - value.trim_start().len());
                format!("{name}:{blank}{}", sensitive::header(name, value))
            }
            // The request's target, and a status line.
            _ => line.split(' ').map(sensitive::url).collect::<Vec<_>>().join(" "),
        };
        if kept.len() + shown.len() > HEAD_KEPT_MAX {
            kept.push(CUT);
            break;
        }
        kept.push_str(&shown);
        kept.push('\n');
    }
    kept
}

fn headers(head: &str) -> impl Iterator<Item = (&str, &str)> {
    let pairs = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    pairs.map(|(name, value)| (name, value.strip_prefix(' ').unwrap_or(value)))
}

fn header_of<'a>(head: &'a str, wanted: &str) -> Option<&'a str> {
    headers(head).find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value)
}

#[cfg(test)]
impl Example {
    /// One of so many, for tests of what shows them: a POST with a body, answered by 503 after 12 ms.
    pub(crate) fn sample(kind: Kind, name: &str, count: u64) -> Self {
        let text = |text: &str| Excerpt {
            content: Content::Text { text: text.to_owned(), is_whole: true },
            total_bytes: text.len() as u64,
        };
        Self {
            kind,
            name: name.to_owned(),
            count,
            begun_ns: 0,
            happened: Happened {
                at: Some(Duration::from_millis(2_100)),
                scenario: "shop".to_owned(),
                group: "::pay".to_owned(),
                vu: 3,
                iteration: Some(17),
            },
            request: Question {
                method: "POST".to_owned(),
                url: "http://h.test/orders".to_owned(),
                head: "POST /orders HTTP/1.1\nHost: h.test\nUser-Agent: runner\nContent-Type: application/json\nContent-Length: 7\n".to_owned(),
                body: text("{\"n\":1}"),
                route: vec!["--max-time".to_owned(), "60".to_owned()],
            },
            answer: Answer {
                status: 503,
                head: "HTTP/1.1 503 Busy\nRetry-After: 1\n".to_owned(),
                body: text("no\u{1b}[2J stock\nat all"),
                error: None,
                error_code: 1503,
                protocol: "HTTP/1.1",
                remote: Some("10.0.0.1:80".to_owned()),
                took_us: 12_345,
                reused: true,
                retried: false,
            },
        }
    }
}
