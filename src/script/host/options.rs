//! Options of a function that takes a closure: each with its kind, and a near name for what is misspelt.

use rhai::{Dynamic, EvalAltResult, FnPtr, ImmutableString, Map};

use super::super::error::HostError;
use super::super::value::type_name;
use crate::diagnostic::suggest;
use crate::units::parse_duration;

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// What a call was given.
pub(super) struct Options<'a> {
    map: &'a Map,
}

impl<'a> Options<'a> {
    /// The options of `function`, which knows these names.
    pub(super) fn new(function: &str, map: &'a Map, names: &[&str]) -> Outcome<Self> {
        if let Some(unknown) = map.keys().find(|key| !names.contains(&key.as_str())) {
            let all = names.join("`, `");
            let hint = match suggest(unknown, names.iter().copied()).first() {
                Some(near) => format!("did you mean `{near}`? The options are `{all}`"),
                None => format!("the options are `{all}`"),
            };
            return Err(HostError::new(format!("`{function}` has no option `{unknown}`"))
                .hint(hint)
                .word(unknown.as_str())
                .into());
        }
        Ok(Self { map })
    }

    fn wrong<T>(name: &str, takes: &str, value: &Dynamic, hint: &str) -> Outcome<T> {
        let got = match value
            .as_int()
            .map(|n| n.to_string())
            .or_else(|_| value.as_float().map(|n| n.to_string()))
        {
            Ok(number) => number,
            Err(_) => type_name(value).to_owned(),
        };
        Err(HostError::new(format!("`{name}` takes {takes}, not {got}")).hint(hint).word(name).into())
    }

    /// A duration as a text with a unit, in nanoseconds.
    pub(super) fn duration_ns(&self, name: &str, default: &str) -> Outcome<u64> {
        let value = self.map.get(name).cloned().unwrap_or_else(|| default.into());
        let Ok(text) = value.as_immutable_string_ref().map(|text| text.to_string()) else {
            return Self::wrong(name, "a duration", &value, "write it with its unit: \"250ms\", \"5s\"");
        };
        let duration = parse_duration(&text).map_err(|error| {
            HostError::new(format!("`{name}`: {}", error.problem())).hint(error.advice()).word(name)
        })?;
        Ok(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
    }

    /// A whole number within the range.
    pub(super) fn count(&self, name: &str, default: u64, max: u64) -> Outcome<u64> {
        let Some(value) = self.map.get(name) else { return Ok(default) };
        match value.as_int().ok().and_then(|count| u64::try_from(count).ok()) {
            Some(count) if (1..=max).contains(&count) => Ok(count),
            _ => Self::wrong(
                name,
                &format!("a whole number from 1 to {max}"),
                value,
                "write it without quotes",
            ),
        }
    }

    /// A number within the range.
    pub(super) fn number(&self, name: &str, default: f64, min: f64, max: f64) -> Outcome<f64> {
        let Some(value) = self.map.get(name) else { return Ok(default) };
        match value.as_float().or_else(|_| value.as_int().map(|number| number as f64)) {
            Ok(number) if (min..=max).contains(&number) => Ok(number),
            _ => {
                Self::wrong(name, &format!("a number from {min} to {max}"), value, "write it without quotes")
            }
        }
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> Outcome<Option<ImmutableString>> {
        let Some(value) = self.map.get(name) else { return Ok(None) };
        match value.as_immutable_string_ref() {
            Ok(text) => Ok(Some(text.clone())),
            Err(_) => Self::wrong(name, "a text", value, "write it in quotes"),
        }
    }

    /// True or false.
    pub(super) fn flag(&self, name: &str) -> Outcome<bool> {
        let Some(value) = self.map.get(name) else { return Ok(false) };
        match value.as_bool() {
            Ok(flag) => Ok(flag),
            Err(_) => Self::wrong(name, "true or false", value, "write it without quotes"),
        }
    }

    /// A closure.
    pub(super) fn closure(&self, name: &str) -> Outcome<Option<FnPtr>> {
        let Some(value) = self.map.get(name) else { return Ok(None) };
        match value.read_lock::<FnPtr>() {
            Some(closure) => Ok(Some(closure.clone())),
            None => Self::wrong(name, "a closure", value, "write `|result| result.status == 200`"),
        }
    }

    /// A map; empty where there is none.
    pub(super) fn map(&self, name: &str) -> Outcome<Map> {
        let Some(value) = self.map.get(name) else { return Ok(Map::new()) };
        match value.as_map_ref() {
            Ok(map) => Ok(map.clone()),
            Err(_) => Self::wrong(name, "a map", value, "write `#{ name: value }`"),
        }
    }
}

/// The result of a predicate, which has to be true or false.
pub(super) fn truth(function: &str, what: &str, value: &Dynamic) -> Outcome<bool> {
    value.as_bool().map_err(|_| {
        HostError::new(format!("`{what}` of `{function}` gave {}, not true or false", type_name(value)))
            .hint("compare: `|r| r.status == 200`")
            .word(what)
            .into()
    })
}
