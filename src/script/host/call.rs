//! What a call of `http::get` and its kin says besides method and URL: its options, read and checked.

use rhai::{Dynamic, EvalAltResult, ImmutableString, Map};

use super::super::error::HostError;
use super::super::frozen::{FrozenList, FrozenMap};
use super::super::value::{described, to_json, type_name};
use super::metric::to_tags;
use crate::diagnostic::suggest;
use crate::metrics::TagSet;
use crate::units::parse_duration;

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// Options of a request.
pub(in super::super) const OPTIONS: &[&str] = &[
    "json",
    "form",
    "body",
    "headers",
    "query",
    "name",
    "tags",
    "timeout",
    "connect_timeout",
    "expected_statuses",
    "throws",
];

/// Options that other tools have and later versions will.
const LATER: &[&str] = &[
    "multipart",
    "cookies",
    "jar",
    "auth",
    "redirects",
    "max_redirects",
    "compression",
    "response_type",
    "responseType",
    "discard_response_body",
    "proxy",
    "tls",
    "insecure_skip_tls_verify",
];

/// What a call says besides method and URL.
#[derive(Debug, Default)]
pub(in super::super) struct Call {
    pub(super) body: Vec<u8>,
    pub(super) content_type: Option<&'static str>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) query: Vec<(String, String)>,
    pub(super) name: Option<ImmutableString>,
    pub(super) tags: TagSet,
    pub(super) timeout_ns: Option<u64>,
    pub(super) connect_timeout_ns: Option<u64>,
    /// Statuses that don't count as failed; empty for those of every request.
    pub(super) expected: Vec<u16>,
    /// Whether it throws without an answer; else as the run says.
    pub(super) throws: Option<bool>,
}

impl Call {
    pub(super) fn read(function: &str, options: &Map) -> Outcome<Self> {
        let mut call = Self::default();
        let mut body_by: Option<&str> = None;
        for (key, value) in options {
            match key.as_str() {
                option @ ("json" | "form" | "body") => {
                    if let Some(first) = body_by.replace(option) {
                        return Err(HostError::new(format!("`{first}` and `{option}` are both a body"))
                            .hint("keep one of them")
                            .word(option)
                            .into());
                    }
                    call.read_body(option, value)?;
                }
                "headers" => call.headers = pairs(key, value)?,
                "query" => call.query = pairs(key, value)?,
                "name" => call.name = Some(text(key, value)?),
                "tags" => call.tags = to_tags(function, value)?,
                "timeout" => call.timeout_ns = Some(nanoseconds(key, value)?),
                "connect_timeout" | "connectTimeout" => {
                    call.connect_timeout_ns = Some(nanoseconds(key, value)?);
                }
                "expected_statuses" | "expectedStatuses" => call.expected = statuses(key, value)?,
                "throws" | "throw" => call.throws = Some(flag(key, value)?),
                other => return Err(unknown_option(function, other).into()),
            }
        }
        Ok(call)
    }

    fn read_body(&mut self, option: &str, value: &Dynamic) -> Outcome<()> {
        match option {
            "json" => {
                let json = to_json(value)
                    .map_err(|what| HostError::new(format!("`json` can't hold {what}")).word("json"))?;
                self.body = json.to_string().into_bytes();
                self.content_type = Some("application/json");
            }
            "form" => {
                let mut form = url::form_urlencoded::Serializer::new(String::new());
                form.extend_pairs(pairs(option, value)?);
                self.body = form.finish().into_bytes();
                self.content_type = Some("application/x-www-form-urlencoded");
            }
            _ if value.is_blob() => self.body = value.clone().into_blob().unwrap_or_default(),
            _ => {
                let Ok(text) = value.as_immutable_string_ref() else {
                    return Err(HostError::new(format!(
                        "`body` takes a text or bytes, not {}",
                        type_name(value)
                    ))
                    .hint("write `json: …` for JSON, `form: …` for a form")
                    .word("body")
                    .into());
                };
                self.body = text.as_bytes().to_vec();
            }
        }
        Ok(())
    }
}

fn map(option: &str, value: &Dynamic) -> Outcome<Map> {
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

fn pairs(option: &str, value: &Dynamic) -> Outcome<Vec<(String, String)>> {
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

fn statuses(option: &str, value: &Dynamic) -> Outcome<Vec<u16>> {
    let refuse = || {
        HostError::new(format!("`{option}` takes a list of statuses, not {value}"))
            .hint("write `expected_statuses: [200, 404]`")
            .word(option)
    };
    let items: Vec<Dynamic> = match (value.read_lock::<FrozenList>(), value.as_array_ref()) {
        (Some(list), _) => list.iter().collect(),
        (None, Ok(list)) => list.clone(),
        _ => return Err(refuse().into()),
    };
    let status = |item: &Dynamic| item.as_int().ok().and_then(|number| u16::try_from(number).ok());
    let statuses: Option<Vec<u16>> = items.iter().map(status).collect();
    Ok(statuses.filter(|list| !list.is_empty()).ok_or_else(refuse)?)
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
    if LATER.contains(&option) {
        return HostError::new(format!("`{option}` comes with a later version"))
            .hint(format!("the options of `{function}` are `{}`", OPTIONS.join("`, `")))
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
