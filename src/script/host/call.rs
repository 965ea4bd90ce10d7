//! What a call of `http::get` and its kin says besides method and URL: its options, read and checked.

use rhai::{Dynamic, EvalAltResult, ImmutableString, Map};

use super::super::error::HostError;
use super::super::expected::Expected;
use super::super::frozen::FrozenMap;
use super::super::hops::Handling;
use super::super::value::{described, type_name};
use super::body::{BODIES, Body};
use super::cookies::{jar_choice, own_cookies};
use super::credentials::{self, Credentials};
use super::metric::to_tags;
use super::statuses::refuse;
use crate::diagnostic::suggest;
use crate::metrics::TagSet;
use crate::plan::{HTTP_OPTIONS, canonical};
use crate::units::parse_duration;

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// Options of a request.
pub(in super::super) const OPTIONS: &[&str] = &[
    "json",
    "form",
    "multipart",
    "body",
    "compression",
    "headers",
    "query",
    "name",
    "tags",
    "timeout",
    "connect_timeout",
    "expected_statuses",
    "redirects",
    "cookies",
    "jar",
    "auth",
    "throws",
    "response_type",
    "discard_response_body",
];

/// What a call says besides method and URL.
#[derive(Debug, Default)]
pub(in super::super) struct Call {
    pub(super) body: Body,
    /// Of basic and bearer authentication.
    pub(super) authorization: Option<String>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) query: Vec<(String, String)>,
    pub(super) name: Option<ImmutableString>,
    pub(super) tags: TagSet,
    pub(super) timeout_ns: Option<u64>,
    pub(super) connect_timeout_ns: Option<u64>,
    /// What is expected of it, and what its hops take.
    pub(super) handling: Handling,
    /// Whether it throws without an answer; else as the run says.
    pub(super) throws: Option<bool>,
    /// What becomes of the response's body; else as the run says.
    pub(super) response: Option<ResponseType>,
}

/// What a script gets of a response's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ResponseType {
    /// `body` is a text.
    Text,
    /// `body` is bytes.
    Binary,
    /// The body is counted and forgotten.
    Nothing,
}

impl Call {
    pub(super) fn read(function: &str, options: &Map) -> Outcome<Self> {
        let mut call = Self::default();
        let mut body_by: Option<&str> = None;
        let (mut compression, mut discard) = (None, None);
        for (key, value) in options {
            match key.as_str() {
                option if BODIES.contains(&option) => {
                    if let Some(first) = body_by.replace(option) {
                        return Err(HostError::new(format!("`{first}` and `{option}` are both a body"))
                            .hint("keep one of them")
                            .word(option)
                            .into());
                    }
                    call.body.read(option, value)?;
                }
                "headers" => call.headers = pairs(key, value)?,
                "query" => call.query = pairs(key, value)?,
                "name" => call.name = Some(text(key, value)?),
                "tags" => call.tags = to_tags(function, value)?,
                "timeout" => call.timeout_ns = Some(nanoseconds(key, value)?),
                "connect_timeout" | "connectTimeout" => {
                    call.connect_timeout_ns = Some(nanoseconds(key, value)?);
                }
                "expected_statuses" | "expectedStatuses" | "response_callback" | "responseCallback" => {
                    call.handling.expected = Some(statuses(key, value)?);
                }
                "redirects" | "max_redirects" | "maxRedirects" => {
                    call.handling.redirects = Some(redirects(key, value)?);
                }
                "cookies" => call.handling.cookies = own_cookies(key, map(key, value)?)?,
                "jar" => call.handling.jar = jar_choice(key, value)?,
                "auth" => call.read_auth(value)?,
                "throws" | "throw" => call.throws = Some(flag(key, value)?),
                "compression" => compression = Some(value),
                "response_type" | "responseType" => call.response = Some(response_type(key, value)?),
                "discard_response_body" | "discardResponseBody" => {
                    discard = Some(flag(key, value)?);
                }
                other => return Err(unknown_option(function, other).into()),
            }
        }
        // Maps are read by name, and these say something of what others gave.
        if let Some(value) = compression {
            call.body.compress(value)?;
            if call.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-encoding")) {
                return Err(HostError::new(
                    "`compression` and a header `Content-Encoding` say the same twice",
                )
                .hint("leave the header out: `compression` sends it")
                .word("compression")
                .into());
            }
        }
        if let Some(discard) = discard {
            let wanted = if discard { ResponseType::Nothing } else { ResponseType::Text };
            let response = *call.response.get_or_insert(wanted);
            if discard != (response == ResponseType::Nothing) {
                return Err(HostError::new(
                    "`discard_response_body` and `response_type` contradict each other",
                )
                .hint("keep `response_type`: `\"none\"` discards the body")
                .word("discard_response_body")
                .into());
            }
        }
        Ok(call)
    }

    /// Options come by name, so that `headers` may still follow: it is looked at where the request goes out.
    fn read_auth(&mut self, value: &Dynamic) -> Outcome<()> {
        match credentials::read(value)? {
            Credentials::Header(value) => self.authorization = Some(value),
            Credentials::Digest(digest) => self.handling.digest = Some(digest),
            Credentials::Url => {}
        }
        Ok(())
    }
}

fn response_type(option: &str, value: &Dynamic) -> Outcome<ResponseType> {
    match text(option, value)?.as_str() {
        "text" => Ok(ResponseType::Text),
        "binary" => Ok(ResponseType::Binary),
        "none" => Ok(ResponseType::Nothing),
        other => Err(HostError::new(format!("`{option}` knows no `{other}`"))
            .hint("write `\"text\"`, `\"binary\"`, or `\"none\"` for a body that is counted and forgotten")
            .word(other)
            .into()),
    }
}

pub(super) fn map(option: &str, value: &Dynamic) -> Outcome<Map> {
    if let Some(map) = value.read_lock::<FrozenMap>() {
        return Ok(map.to_map());
    }
    match value.as_map_ref() {
        Ok(map) => Ok(map.clone()),
        Err(_) => Err(HostError::new(format!("`{option}` takes a map, not {}", type_name(value)))
            .word(option)
            .into()),
    }
}

pub(super) fn pairs(option: &str, value: &Dynamic) -> Outcome<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    for (key, value) in map(option, value)? {
        if value.is_array() || value.is_map() || value.is_fnptr() {
            return Err(HostError::new(format!(
                "`{key}` in `{option}` must be a text, not {}",
                type_name(&value)
            ))
            .word(key.as_str())
            .into());
        }
        if !value.is_unit() {
            pairs.push((key.to_string(), value.to_string()));
        }
    }
    Ok(pairs)
}

fn text(option: &str, value: &Dynamic) -> Outcome<ImmutableString> {
    value.as_immutable_string_ref().map(|text| text.clone()).map_err(|_| {
        HostError::new(format!("`{option}` takes a text, not {}", type_name(value))).word(option).into()
    })
}

/// Nothing at all means any answer, as k6's callback does.
fn statuses(option: &str, value: &Dynamic) -> Outcome<Expected> {
    if value.is_unit() {
        return Ok(Expected::any());
    }
    Ok(Expected::read([value]).ok_or_else(|| refuse(option, &value.to_string()).word(option))?)
}

/// The most redirects of one request.
const REDIRECTS_MAX: u64 = 1_000;

fn redirects(option: &str, value: &Dynamic) -> Outcome<u64> {
    let count = value.as_int().ok().and_then(|count| u64::try_from(count).ok());
    Ok(count.filter(|count| *count <= REDIRECTS_MAX).ok_or_else(|| {
        HostError::new(format!(
            "`{option}` takes a number from 0 to {REDIRECTS_MAX}, not {}",
            described(value)
        ))
        .hint("0 takes each redirect as the answer")
        .word(option)
    })?)
}

fn flag(option: &str, value: &Dynamic) -> Outcome<bool> {
    value.as_bool().map_err(|_| {
        let message = format!("`{option}` takes true or false, not {}", described(value));
        HostError::new(message).word(option).into()
    })
}

fn nanoseconds(option: &str, value: &Dynamic) -> Outcome<u64> {
    let text = match value.as_immutable_string_ref() {
        Ok(text) => text.to_string(),
        Err(_) => value.to_string(),
    };
    let duration = parse_duration(&text).map_err(|error| {
        HostError::new(format!("`{option}`: {}", error.problem())).hint(error.advice()).word(option)
    })?;
    Ok(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX).max(1))
}

fn unknown_option(function: &str, option: &str) -> HostError {
    let of_the_run = canonical(option);
    if HTTP_OPTIONS.iter().any(|spec| spec.name == of_the_run) {
        return HostError::new(format!("`{option}` is an option of the run, not of one request"))
            .hint(format!("declare `options(#{{ {of_the_run}: … }})` at the top level"))
            .word(option);
    }
    let near = match option {
        "params" | "searchParams" => vec!["query"],
        "data" | "payload" => vec!["body"],
        option => suggest(option, OPTIONS.iter().copied()),
    };
    let hint = match near.first() {
        Some(near) => format!("did you mean `{near}`? The options are `{}`", OPTIONS.join("`, `")),
        None => format!("the options are `{}`", OPTIONS.join("`, `")),
    };
    HostError::new(format!("`{function}` has no option `{option}`")).hint(hint).word(option)
}
