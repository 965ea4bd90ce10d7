//! A response as scripts see it: getters, headers in any case, JSON by path.

use std::cell::OnceCell;
use std::rc::Rc;

use rhai::{Dynamic, EvalAltResult, ImmutableString, Map};

use super::super::error::HostError;
use super::super::registry::Registry;
use super::super::stage::Stage;
use super::super::value::from_json;
use super::super::vu::Vu;
use super::call::ResponseType;
use super::cookies::of_response;
use super::html::Page;
use super::json_path::JsonPath;
use super::outgoing::Sent;
use crate::http::{CacheStatus, Exchange, Response, Timings};
use crate::units::format_size;

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// An exchange, shared: a script's copies cost a counter.
#[derive(Debug, Clone)]
pub(in super::super) struct Reply(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    exchange: Exchange,
    url: Rc<str>,
    kind: ResponseType,
    /// What it came for, where a check may tell it.
    sent: Option<Sent>,
    /// The body as a page, once somebody asked.
    page: OnceCell<Rc<Page>>,
    /// The body as JSON, once somebody asked; what is wrong with it otherwise.
    json: OnceCell<Result<serde_json::Value, String>>,
}

impl Reply {
    pub(super) fn new(exchange: Exchange, url: Rc<str>, kind: ResponseType, sent: Option<Sent>) -> Self {
        Self(Rc::new(Inner { exchange, url, kind, sent, page: OnceCell::new(), json: OnceCell::new() }))
    }

    /// Takes note of a check of it that did not hold.
    pub(in super::super) fn note_check(&self, stage: &Stage, vu: &Vu, check: &str) {
        if let Some(sent) = &self.0.sent {
            sent.note_check(stage, vu, check, &self.0.exchange);
        }
    }

    /// Whether there was a body to read.
    pub(super) fn is_discarded(&self) -> bool {
        self.0.kind == ResponseType::Nothing
    }

    /// The body as a page; nothing without a response.
    pub(super) fn page(&self) -> Outcome<Rc<Page>> {
        if let Some(page) = self.0.page.get() {
            return Ok(Rc::clone(page));
        }
        let page = Rc::new(Page::read(self.body())?);
        Ok(Rc::clone(self.0.page.get_or_init(|| page)))
    }

    /// What came of the request.
    pub(in super::super) fn exchange(&self) -> &Exchange {
        &self.0.exchange
    }

    pub(in super::super) fn body(&self) -> &[u8] {
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
            Err(_) if self.is_discarded() => Err(HostError::new("the body of the answer was discarded").hint(
                "give the request `response_type: \"text\"` if it is to be read; `discard_response_bodies` discards all",
            ).into()),
            Err(error) => Err(HostError::new(format!(
                "the body of the answer with status {} is no JSON: {error}",
                self.0.exchange.status()
            ))
            .hint(format!("look at `status` first; the body begins with {:?}", beginning(self.body())))
            .into()),
        }
    }

    /// Whether a text stands in the body, as a text.
    pub(in super::super) fn body_contains(&self, text: &str) -> bool {
        String::from_utf8_lossy(self.body()).contains(text)
    }

    /// k6's number of the error.
    pub(in super::super) fn error_code(&self) -> u16 {
        self.0.exchange.error_code()
    }

    /// The status; 0 without a response.
    pub(in super::super) fn status(&self) -> u16 {
        self.0.exchange.status()
    }

    /// The URL that was asked, whole.
    pub(in super::super) fn url(&self) -> &str {
        &self.0.url
    }

    /// A sentence on what came back.
    pub(super) fn outcome(&self) -> String {
        match self.0.exchange.error() {
            Some(error) if self.status() == 0 => error.into_owned(),
            _ => format!("the status was {}", self.status()),
        }
    }

    /// It in a few words: `response 200 OK, 312 B`.
    pub(in super::super) fn portrait(&self) -> String {
        match &self.0.exchange.result {
            Err(failure) => format!("response without an answer: {failure}"),
            Ok(response) => {
                let reason = response.reason();
                let space = if reason.is_empty() { "" } else { " " };
                let size = format_size(response.body().len() as f64);
                format!("response {}{space}{reason}, {size}", response.status())
            }
        }
    }

    pub(in super::super) fn json_at(&self, path: &str) -> Outcome<Dynamic> {
        let path = JsonPath::parse(path)?;
        Ok(self.json()?.map_or(Dynamic::UNIT, |json| path.of(json)))
    }

    fn cache(&self) -> ImmutableString {
        let status = self.0.exchange.result.as_ref().map_or(CacheStatus::Unknown, Response::cache_status);
        status.as_str().into()
    }
}

/// A response for tests, as a script gets it.
#[cfg(test)]
pub(in super::super) fn sample(body: &str) -> Dynamic {
    let response = Response::sample("HTTP/1.1 200 OK\r\nX-Kind: sample\r\n\r\n", body.as_bytes());
    Dynamic::from(Reply::new(
        Exchange::answered(response),
        "http://127.0.0.1/".into(),
        ResponseType::Text,
        None,
    ))
}

/// The first characters of a body, for an error message.
fn beginning(body: &[u8]) -> String {
    const CHARACTERS_MAX: usize = 40;
    String::from_utf8_lossy(body).chars().take(CHARACTERS_MAX).collect()
}

fn milliseconds(ns: u64) -> f64 {
    ns as f64 / 1e6
}

/// What scripts read of a response; a test compares it with what is registered.
pub(in super::super) const PROPERTIES: &[&str] = &[
    "status",
    "status_text",
    "body",
    "bytes",
    "body_bytes",
    "wire_bytes",
    "headers",
    "cookies",
    "timings",
    "cache",
    "url",
    "error",
    "error_code",
    "proto",
    "remote_ip",
    "remote_port",
    "tls_version",
    "tls_cipher_suite",
    "retried",
];

/// What scripts read of its timings, as the reference lists them: `timings.duration`.
pub(in super::super) const TIMING_PROPERTIES: &[&str] = &{
    let mut names = [""; TIMINGS.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = TIMINGS[index].0;
        index += 1;
    }
    names
};

/// The timings by name, in milliseconds.
pub(in super::super) fn timings_of(timings: &Timings) -> impl Iterator<Item = (&'static str, f64)> {
    let name = |signature: &'static str| signature.trim_start_matches("timings.");
    TIMINGS.iter().map(move |(signature, _, _, of)| (name(signature), milliseconds(of(timings))))
}

pub(super) fn register(registry: &mut Registry<'_>) {
    registry.engine.register_type_with_name::<Reply>("response");
    registry.engine.register_type_with_name::<Timings>("timings");
    answer(registry);
    about(registry);
    for (signature, about, example, of) in TIMINGS {
        registry.property(signature, about, move |timings: &mut Timings| milliseconds(of(timings)));
        registry.example(example);
    }
    registry.engine.register_fn("to_string", |reply: &mut Reply| {
        format!("{} {}", reply.0.exchange.status(), reply.0.url)
    });
}

/// What the service said.
fn answer(registry: &mut Registry<'_>) {
    registry.property("response.status", "the status; 0 without an answer", |reply: &mut Reply| {
        i64::from(reply.0.exchange.status())
    });
    registry.example("http::get(\"/health\").status // 200");
    registry.property("response.status_text", "the words behind the status", |reply: &mut Reply| {
        let response = reply.0.exchange.result.as_ref();
        response.map_or_else(|_| String::new(), |response| response.reason().into_owned())
    });
    registry.example("http::get(\"/health\").status_text // \"OK\"");
    registry.property(
        "response.body",
        "the body as a text, decoded; bytes with `response_type: \"binary\"`, empty where it is discarded",
        |reply: &mut Reply| -> Dynamic {
            match reply.0.kind {
                ResponseType::Binary => Dynamic::from_blob(reply.body().to_vec()),
                _ => String::from_utf8_lossy(reply.body()).into_owned().into(),
            }
        },
    );
    registry.gives("text or bytes");
    registry.example("http::get(\"/health\").body.contains(\"healthy\") // true");
    registry.property("response.bytes", "the body as bytes", |reply: &mut Reply| reply.body().to_vec());
    registry.example("http::get(\"/health\").bytes.len() > 0 // true");
    registry.property(
        "response.body_bytes",
        "how many bytes the body has, decoded; 0 where it is discarded",
        |reply: &mut Reply| i64::try_from(reply.body().len()).unwrap_or(i64::MAX),
    );
    registry.example("http::get(\"/health\").body_bytes > 0 // true");
    registry.property(
        "response.wire_bytes",
        "how many bytes the body had on the wire: still coded, without head and chunks",
        |reply: &mut Reply| {
            let response = reply.0.exchange.result.as_ref();
            response.map_or(0, |response| i64::try_from(response.wire_bytes()).unwrap_or(i64::MAX))
        },
    );
    registry.example("http::get(\"/health\").wire_bytes > 0 // true");
    registry.property(
        "response.headers",
        "a map of the headers, their names in lower case",
        |reply: &mut Reply| reply.headers(),
    );
    registry.example("http::get(\"/health\").headers[\"content-type\"] // \"application/json\"");
    registry.method(
        "response.header(name)",
        "a header, its name in any case; nothing where it is missing",
        |reply: &mut Reply, name: ImmutableString| reply.header(&name),
    );
    registry.gives("text or nothing");
    registry.example("http::get(\"/health\").header(\"Content-Type\") // \"application/json\"");
    registry.property(
        "response.cookies",
        "the cookies that it sets: a map from each name to a list of `#{ name, value, domain, path, … }`",
        |reply: &mut Reply| reply.0.exchange.result.as_ref().map_or_else(|_| Map::new(), of_response),
    );
    registry.example("http::get(\"/health\").cookies.len() // 0");
    registry.method(
        "response.json()",
        "the body as JSON; nothing without an answer",
        |reply: &mut Reply| -> Outcome<Dynamic> { Ok(reply.json()?.map_or(Dynamic::UNIT, from_json)) },
    );
    registry.example("http::get(\"/health\").json().status // \"healthy\"");
    registry.method(
        "response.json(path)",
        "what a path finds in it (RFC 9535): a value or nothing, a list where it can find several",
        |reply: &mut Reply, path: ImmutableString| reply.json_at(&path),
    );
    registry.example("http::get(\"/health\").json(\"status\") // \"healthy\"");
    registry.property(
        "response.cache",
        "what a cache before the service said: \"hit\", \"miss\", …, or \"unknown\"",
        |reply: &mut Reply| reply.cache(),
    );
    registry.example("http::get(\"/health\").cache // \"unknown\"");
}

/// How it came.
fn about(registry: &mut Registry<'_>) {
    registry.property(
        "response.timings",
        "how long each phase took, in milliseconds",
        |reply: &mut Reply| reply.0.exchange.timings,
    );
    registry.example("http::get(\"/health\").timings.duration > 0.0 // true");
    registry.property("response.url", "the whole URL that was asked", |reply: &mut Reply| {
        ImmutableString::from(&*reply.0.url)
    });
    registry.example("http::get(\"/health\").url.ends_with(\"/health\") // true");
    registry.property("response.error", "why there is no answer; empty otherwise", |reply: &mut Reply| {
        reply.0.exchange.error().map_or_else(ImmutableString::new, |error| error.into_owned().into())
    });
    registry.example("http::get(\"/health\").error // \"\"");
    registry.property(
        "response.error_code",
        "k6's number of the error, 1000 and the status for 400 and up; 0 otherwise",
        |reply: &mut Reply| i64::from(reply.0.exchange.error_code()),
    );
    registry.example("http::get(\"/nowhere\").error_code // 1404");
    registry.property("response.proto", "the protocol that answered", |reply: &mut Reply| {
        reply.0.exchange.result.as_ref().map_or("", |response| response.protocol().as_str())
    });
    registry.example("http::get(\"/health\").proto // \"HTTP/1.1\"");
    registry.property(
        "response.remote_ip",
        "the address that was called: the proxy's, if one is used; empty for a Unix socket",
        |reply: &mut Reply| {
            reply.0.exchange.remote.map_or_else(String::new, |remote| remote.ip().to_string())
        },
    );
    registry.example("http::get(\"/health\").remote_ip // \"127.0.0.1\"");
    registry.property("response.remote_port", "its port; 0 for a Unix socket", |reply: &mut Reply| {
        reply.0.exchange.remote.map_or(0, |remote| i64::from(remote.port()))
    });
    registry.example("http::get(\"/health\").remote_port > 0 // true");
    registry.property(
        "response.tls_version",
        "the version of TLS that was spoken, such as \"tls1.3\"; empty without TLS",
        |reply: &mut Reply| reply.0.exchange.tls.map_or("", |tls| tls.version()),
    );
    registry.example("http::get(\"/health\").tls_version // \"\"");
    registry.property(
        "response.tls_cipher_suite",
        "the cipher suite of TLS, such as \"TLS_AES_128_GCM_SHA256\"; empty without TLS",
        |reply: &mut Reply| reply.0.exchange.tls.map_or("", |tls| tls.cipher_suite),
    );
    registry.example("http::get(\"/health\").tls_cipher_suite // \"\"");
    registry.property(
        "response.retried",
        "whether it was sent a second time, since the service had closed the open connection",
        |reply: &mut Reply| reply.0.exchange.retried,
    );
    registry.example("http::get(\"/health\").retried // false");
}

/// A phase by its name.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Timing(Nanoseconds);

impl Timing {
    /// By the property's name: `duration`.
    pub(in super::super) fn of(property: &str) -> Option<Self> {
        let known = TIMINGS.iter().find(|(name, ..)| name.strip_prefix("timings.") == Some(property))?;
        Some(Self(known.3))
    }

    /// How long it took.
    pub(in super::super) fn milliseconds(self, reply: &Reply) -> f64 {
        milliseconds((self.0)(&reply.0.exchange.timings))
    }
}

/// How a phase is read from the timings.
type Nanoseconds = fn(&Timings) -> u64;

/// The phases as k6 names them, in milliseconds for scripts.
const TIMINGS: [(&str, &str, &str, Nanoseconds); 9] = [
    (
        "timings.blocked",
        "waiting for a connection",
        "http::get(\"/health\").timings.blocked >= 0.0 // true",
        |timings| timings.phases.blocked_ns,
    ),
    ("timings.dns", "looking the name up", "http::get(\"/health\").timings.dns >= 0.0 // true", |timings| {
        timings.phases.dns_ns
    }),
    (
        "timings.connecting",
        "connecting",
        "http::get(\"/health\").timings.connecting >= 0.0 // true",
        |timings| timings.phases.connecting_ns,
    ),
    (
        "timings.tls_handshaking",
        "the TLS handshake",
        "http::get(\"/health\").timings.tls_handshaking >= 0.0 // true",
        |timings| timings.phases.tls_ns,
    ),
    (
        "timings.sending",
        "sending the request",
        "http::get(\"/health\").timings.sending >= 0.0 // true",
        |timings| timings.phases.sending_ns,
    ),
    (
        "timings.waiting",
        "waiting for the first byte",
        "http::get(\"/health\").timings.waiting >= 0.0 // true",
        |timings| timings.phases.waiting_ns,
    ),
    (
        "timings.receiving",
        "receiving the body",
        "http::get(\"/health\").timings.receiving >= 0.0 // true",
        |timings| timings.phases.receiving_ns,
    ),
    (
        "timings.duration",
        "sending, waiting and receiving",
        "http::get(\"/health\").timings.duration >= 0.0 // true",
        |timings| timings.phases.duration_ns(),
    ),
    ("timings.total", "all phases", "http::get(\"/health\").timings.total >= 0.0 // true", Timings::total_ns),
];
