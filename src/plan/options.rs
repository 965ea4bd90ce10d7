//! Options as a script gives them, and the reader that checks them.
//!
//! The script room turns an option map into [`Options`]; whoever needs them lists an [`OptionSpec`] for
//! each and reads them through a [`Reader`], so names, types, defaults, help and error messages have one
//! source. k6's camelCase spellings are accepted everywhere; [`ALIASES`] is the one table of them.

use super::{Flow, PlanError, Stage, Think, Weighted};
use crate::diagnostic::suggest;
use crate::units::{format_count, format_duration, parse_duration, parse_rate};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

/// The options of one call, by name.
pub type Options = BTreeMap<String, Value>;

/// The longest duration in a plan: longer ones are a mistake in the unit.
pub const DURATION_MAX: Duration = Duration::from_hours(30 * 24);
/// The most virtual users of a run: what 32 GiB hold at 32 KiB a user.
pub const VUS_MAX: u64 = 1_000_000;
/// The most iterations of a bound: at a million a second still eleven days.
pub const ITERATIONS_MAX: u64 = 1_000_000_000_000;
/// The highest cap on requests, a second: far above what one machine sends, so more is a mistake.
const CAP_MAX: f64 = 10_000_000.0;
/// The lowest, one a day: less is a mistake in the unit.
const CAP_MIN: f64 = 1.0 / 86_400.0;
/// The most stages of a ramp; each user's intervals are computed from all of them.
pub const STAGES_MAX: usize = 10_000;

/// k6's spelling and ours.
pub const ALIASES: &[(&str, &str)] = &[
    ("startTime", "start_time"),
    ("startAfter", "start_after"),
    ("gracefulStop", "graceful_stop"),
    ("gracefulRampDown", "graceful_ramp_down"),
    ("exec", "flow"),
    ("startVUs", "start_vus"),
    ("maxDuration", "max_duration"),
    ("preAllocatedVUs", "pre_allocated_vus"),
    ("maxVUs", "max_vus"),
    ("timeUnit", "time_unit"),
    ("startRate", "start_rate"),
    ("whenBusy", "when_busy"),
    ("queueMax", "queue_max"),
    ("baseUrl", "base_url"),
    ("baseURL", "base_url"),
    ("userAgent", "user_agent"),
    ("setupTimeout", "setup_timeout"),
    ("teardownTimeout", "teardown_timeout"),
    ("connectTimeout", "connect_timeout"),
    ("minIterationDuration", "min_iteration_duration"),
    ("warmUp", "warm_up"),
    ("throw", "throws"),
    ("abortOnFail", "abort_on_fail"),
    ("delayAbortEval", "delay_abort_eval"),
    ("insecureSkipTLSVerify", "insecure_skip_tls_verify"),
    ("tlsVersion", "tls_version"),
    ("tlsAuth", "tls_auth"),
    ("httpVersion", "http_version"),
    ("localIPs", "local_ips"),
    ("localIps", "local_ips"),
    ("blockHostnames", "block_hostnames"),
    ("blacklistIPs", "blacklist_ips"),
    ("blacklist_ip", "blacklist_ips"),
    ("maxRedirects", "max_redirects"),
    ("batchPerHost", "batch_per_host"),
    ("noConnectionReuse", "no_connection_reuse"),
    ("noVUConnectionReuse", "no_vu_connection_reuse"),
    ("discardResponseBodies", "discard_response_bodies"),
    ("noCookiesReset", "no_cookies_reset"),
    ("httpDebug", "http_debug"),
    ("foldIds", "fold_ids"),
    ("noSetup", "no_setup"),
    ("noTeardown", "no_teardown"),
    ("noThresholds", "no_targets"),
    ("no_thresholds", "no_targets"),
    ("allowFew", "allow_few"),
    ("systemTags", "system_tags"),
    ("summaryMode", "summary_mode"),
    ("summaryTrendStats", "summary_trend_stats"),
    ("summaryTimeUnit", "summary_time_unit"),
];

/// Our spelling of an option's name.
pub fn canonical(name: &str) -> &str {
    ALIASES.iter().find(|(theirs, _)| *theirs == name).map_or(name, |(_, ours)| ours)
}

/// A value of an option.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// A map.
    Map(Options),
    /// A flow: a closure, already numbered.
    Flow(Flow),
    /// A think time.
    Think(Think),
    /// Flows by weight.
    Weighted(Weighted),
}

impl Value {
    /// The value as an error names it: "the number 3".
    pub fn describe(&self) -> String {
        match self {
            Value::Bool(value) => value.to_string(),
            Value::Int(number) => format!("the number {number}"),
            Value::Float(number) => format!("the number {number:?}"),
            Value::Text(text) => format!("the text {text:?}"),
            Value::List(_) => "a list".to_string(),
            Value::Map(_) => "a map".to_string(),
            Value::Flow(_) => "a flow".to_string(),
            Value::Think(_) => "a think time".to_string(),
            Value::Weighted(_) => "weighted flows".to_string(),
        }
    }
}

/// What there is to know about an option: help, errors and the reference read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptionSpec {
    /// Its name in snake case.
    pub name: &'static str,
    /// What it takes, with an article: "a duration".
    pub takes: &'static str,
    /// What holds when it is not given, as a script would write it; nothing when it must be given.
    pub default: Option<&'static str>,
    /// What it is for.
    pub about: &'static str,
}

/// Reads options by their specs.
pub struct Reader<'a> {
    owner: String,
    options: &'a Options,
    specs: Vec<&'static OptionSpec>,
}

impl<'a> Reader<'a> {
    /// `owner` is whose options they are, as an error names it: "executor `constant-vus`".
    pub fn new(
        owner: impl Into<String>,
        options: &'a Options,
        specs: &[&'static [OptionSpec]],
    ) -> Reader<'a> {
        Reader { owner: owner.into(), options, specs: specs.iter().copied().flatten().collect() }
    }

    /// Refuses options that have no spec, and those given in two spellings.
    pub fn check_names(&self) -> Result<(), PlanError> {
        let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
        for written in self.options.keys() {
            let name = canonical(written);
            let known = self.specs.iter().map(|spec| spec.name);
            if !known.clone().any(|known| known == name) {
                let near: Vec<String> =
                    suggest(written, known.clone()).into_iter().map(String::from).collect();
                let known = known.map(String::from).collect();
                let (owner, option) = (self.owner.clone(), written.clone());
                return Err(PlanError::UnknownOption { owner, option, near, known });
            }
            if let Some(first) = seen.insert(name, written) {
                let (first, second) =
                    if first == name { (written.as_str(), first) } else { (first, written.as_str()) };
                return Err(PlanError::GivenTwice { first: first.to_string(), second: second.to_string() });
            }
        }
        Ok(())
    }

    /// Whether the script gave the option.
    pub fn is_given(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// An integer within limits.
    pub fn count(&self, name: &str, allowed: RangeInclusive<u64>) -> Result<u64, PlanError> {
        let Some((written, value)) = self.find(name) else {
            return Ok(self.default(name)?.parse().expect("the spec's default is a number"));
        };
        let Value::Int(number) = value else {
            return Err(self.wrong_type(name, written, value));
        };
        within(written, *number, &allowed)
    }

    /// A duration from 0 to [`DURATION_MAX`].
    pub fn duration(&self, name: &str) -> Result<Duration, PlanError> {
        let Some((written, value)) = self.find(name) else {
            return Ok(parse_duration(self.default(name)?).expect("the spec's default is a duration"));
        };
        match value {
            Value::Text(_) | Value::Int(_) | Value::Float(_) => duration(written, value),
            _ => Err(self.wrong_type(name, written, value)),
        }
    }

    /// A duration above 0, at most [`DURATION_MAX`].
    pub fn positive_duration(&self, name: &str) -> Result<Duration, PlanError> {
        let duration = self.duration(name)?;
        if duration.is_zero() {
            return Err(out_of_range(name, "0s", "longer than 0s"));
        }
        Ok(duration)
    }

    /// A cap on what happens a second, as a number or a rate; nothing, as in k6, for 0 or where none is given.
    pub fn cap(&self, name: &str) -> Result<Option<f64>, PlanError> {
        let Some((written, value)) = self.find(name) else { return Ok(None) };
        match cap(written, value)? {
            None => Err(self.wrong_type(name, written, value)),
            Some(0.0) => Ok(None),
            Some(number) => Ok(Some(number)),
        }
    }

    /// True or false.
    pub fn flag(&self, name: &str) -> Result<bool, PlanError> {
        match self.find(name) {
            None => Ok(self.default(name)? == "true"),
            Some((_, Value::Bool(value))) => Ok(*value),
            Some((written, value)) => Err(self.wrong_type(name, written, value)),
        }
    }

    /// A text that must be given.
    pub fn text(&self, name: &str) -> Result<String, PlanError> {
        self.optional_text(name)?.ok_or_else(|| self.missing(name))
    }

    /// A text, if it is given.
    pub fn optional_text(&self, name: &str) -> Result<Option<String>, PlanError> {
        match self.find(name) {
            None => Ok(None),
            Some((_, Value::Text(text))) => Ok(Some(text.clone())),
            Some((written, value)) => Err(self.wrong_type(name, written, value)),
        }
    }

    /// A text, or a list of texts.
    pub fn names(&self, name: &str) -> Result<Vec<String>, PlanError> {
        let Some((written, value)) = self.find(name) else { return Ok(Vec::new()) };
        let list = match value {
            Value::List(list) => list.as_slice(),
            one => std::slice::from_ref(one),
        };
        let text = |item: &Value| match item {
            Value::Text(text) => Ok(text.clone()),
            other => Err(self.wrong_type(name, written, other)),
        };
        list.iter().map(text).collect()
    }

    /// A map of texts; numbers and booleans become their text.
    pub fn texts(&self, name: &str) -> Result<BTreeMap<String, String>, PlanError> {
        let Some((written, value)) = self.find(name) else { return Ok(BTreeMap::new()) };
        let Value::Map(map) = value else { return Err(self.wrong_type(name, written, value)) };
        map.iter()
            .map(|(key, value)| {
                let text = match value {
                    Value::Text(text) => text.clone(),
                    Value::Int(number) => number.to_string(),
                    Value::Float(number) => format!("{number:?}"),
                    Value::Bool(value) => value.to_string(),
                    _ => {
                        let (option, takes) = (format!("{written}.{key}"), "a text".to_string());
                        return Err(PlanError::WrongType { option, takes, got: value.describe() });
                    }
                };
                Ok((key.clone(), text))
            })
            .collect()
    }

    /// What a user runs: a function's name, a closure, or flows by weight.
    pub fn flow(&self, name: &str) -> Result<Flow, PlanError> {
        match self.find(name) {
            None => Err(self.missing(name)),
            Some((_, Value::Text(function))) if !function.is_empty() => Ok(Flow::Named(function.clone())),
            Some((_, Value::Flow(flow))) => Ok(flow.clone()),
            Some((_, Value::Weighted(weighted))) => Ok(Flow::Weighted(weighted.clone())),
            Some((written, value)) => Err(self.wrong_type(name, written, value)),
        }
    }

    /// A think time; a duration alone is a constant one.
    pub fn think(&self, name: &str) -> Result<Think, PlanError> {
        match self.find(name) {
            None => Ok(Think::None),
            Some((_, Value::Think(think))) => Ok(*think),
            Some((written, value @ (Value::Text(_) | Value::Int(_) | Value::Float(_)))) => {
                duration(written, value).map(Think::Constant)
            }
            Some((written, value)) => Err(self.wrong_type(name, written, value)),
        }
    }

    /// Stages of users, each `#{ duration, target }` or `"30s:50"`; at least one, and not 0 s long in all.
    pub fn stages(&self, name: &str) -> Result<Vec<Stage>, PlanError> {
        self.stages_of(
            name,
            |map| {
                let reader = Reader::new("a stage", map, &[STAGE_OPTIONS]);
                reader.check_names()?;
                Ok(Stage {
                    duration: reader.duration("duration")?,
                    target: reader.count("target", 0..=VUS_MAX)?,
                })
            },
            |text| {
                let stage = Stage::parse(text)?;
                if stage.target > VUS_MAX {
                    return Err(out_of_range("target", format_count(stage.target), range(&(0..=VUS_MAX))));
                }
                Ok(stage)
            },
            |stage| stage.duration,
        )
    }

    /// A list of stages, read as maps and as texts by the caller.
    pub(super) fn stages_of<T>(
        &self,
        name: &str,
        of_map: impl Fn(&Options) -> Result<T, PlanError>,
        of_text: impl Fn(&str) -> Result<T, PlanError>,
        length: impl Fn(&T) -> Duration,
    ) -> Result<Vec<T>, PlanError> {
        let (written, value) = self.given(name)?;
        let Value::List(list) = value else { return Err(self.wrong_type(name, written, value)) };
        if list.is_empty() || list.len() > STAGES_MAX {
            let allowed = format!("a list of 1 to {} stages", format_count(STAGES_MAX as u64));
            return Err(out_of_range(written, format!("a list of {}", list.len()), allowed));
        }
        let mut total = Duration::ZERO;
        let mut stages = Vec::with_capacity(list.len());
        for item in list {
            let stage = match item {
                Value::Map(map) => of_map(map)?,
                Value::Text(text) => of_text(text)?,
                other => return Err(self.wrong_type(name, written, other)),
            };
            limited(written, length(&stage))?;
            total = total.saturating_add(length(&stage));
            stages.push(stage);
        }
        if total.is_zero() {
            return Err(out_of_range(written, "0s in all", "longer than 0s"));
        }
        limited(written, total)?;
        Ok(stages)
    }

    /// One of a few words; the default is written with its quotes.
    pub fn word(&self, name: &str, known: &[&'static str]) -> Result<&'static str, PlanError> {
        let (written, text) = match self.find(name) {
            None => (name, self.default(name)?.trim_matches('"')),
            Some((written, Value::Text(text))) => (written, text.as_str()),
            Some((written, value)) => return Err(self.wrong_type(name, written, value)),
        };
        known.iter().find(|known| **known == text).copied().ok_or_else(|| PlanError::UnknownWord {
            option: written.to_string(),
            got: text.to_string(),
            near: suggest(text, known.iter().copied()).first().map(|near| (*near).to_string()),
            known: known.iter().map(|known| (*known).to_string()).collect(),
        })
    }

    /// The option as written and its value, or that it is missing.
    pub(super) fn given(&self, name: &str) -> Result<(&'a str, &'a Value), PlanError> {
        self.find(name).ok_or_else(|| self.missing(name))
    }

    pub(super) fn has_default(&self, name: &str) -> bool {
        self.spec(name).default.is_some()
    }

    /// The option as written and its value.
    pub(super) fn find(&self, name: &str) -> Option<(&'a str, &'a Value)> {
        let same = |(written, _): &(&'a String, &'a Value)| canonical(written) == name;
        self.options.iter().find(same).map(|(written, value)| (written.as_str(), value))
    }

    fn spec(&self, name: &str) -> &'static OptionSpec {
        self.specs.iter().find(|spec| spec.name == name).expect("only options with a spec are read")
    }

    fn default(&self, name: &str) -> Result<&'static str, PlanError> {
        self.spec(name).default.ok_or_else(|| self.missing(name))
    }

    fn missing(&self, name: &str) -> PlanError {
        let takes = self.spec(name).takes.to_string();
        PlanError::MissingOption { owner: self.owner.clone(), option: name.to_string(), takes }
    }

    pub(super) fn wrong_type(&self, name: &str, written: &str, got: &Value) -> PlanError {
        let takes = self.spec(name).takes.to_string();
        PlanError::WrongType { option: written.to_string(), takes, got: got.describe() }
    }
}

const STAGE_OPTIONS: &[OptionSpec] = &[
    OptionSpec {
        name: "duration",
        takes: "a duration",
        default: None,
        about: "how long the stage takes; 0s is a step",
    },
    OptionSpec { name: "target", takes: "an integer", default: None, about: "the virtual users at its end" },
];

/// A text is parsed; a bare number is refused, with what it may have meant.
fn duration(option: &str, value: &Value) -> Result<Duration, PlanError> {
    let text = match value {
        Value::Text(text) => text.clone(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        _ => unreachable!("the caller matched texts and numbers"),
    };
    let unit = |source| PlanError::Unit { option: option.to_string(), source };
    limited(option, parse_duration(&text).map_err(unit)?)
}

/// A cap on requests as the command line has it, a second: `100`, `600/m`; 0 is none.
pub fn parse_cap(text: &str) -> Result<f64, PlanError> {
    Ok(cap("rps", &Value::Text(text.to_string()))?.expect("a text is a number or refused"))
}

/// A cap as a number a second or as a text such as `600/m`; 0 is none. Nothing for a value that is neither.
fn cap(option: &str, value: &Value) -> Result<Option<f64>, PlanError> {
    let number = match value {
        Value::Int(number) => *number as f64,
        Value::Float(number) => *number,
        Value::Text(text) => match text.trim().parse() {
            Ok(number) => number,
            Err(_) => {
                parse_rate(text).map_err(|source| PlanError::Unit { option: option.to_string(), source })?
            }
        },
        _ => return Ok(None),
    };
    if number == 0.0 || (CAP_MIN..=CAP_MAX).contains(&number) {
        return Ok(Some(number));
    }
    let got = match value {
        Value::Text(text) => text.clone(),
        _ => number.to_string(),
    };
    let allowed = format!("from one a day to {} a second, or 0 for no cap", format_count(10_000_000));
    Err(out_of_range(option, got, allowed))
}

pub(super) fn limited(option: &str, duration: Duration) -> Result<Duration, PlanError> {
    if duration > DURATION_MAX {
        let allowed = format!("at most {}", format_duration(DURATION_MAX));
        return Err(out_of_range(option, format_duration(duration), allowed));
    }
    Ok(duration)
}

fn within(option: &str, number: i64, allowed: &RangeInclusive<u64>) -> Result<u64, PlanError> {
    match u64::try_from(number) {
        Ok(count) if allowed.contains(&count) => Ok(count),
        _ => Err(out_of_range(option, number.to_string(), range(allowed))),
    }
}

fn range(allowed: &RangeInclusive<u64>) -> String {
    format!("from {} to {}", format_count(*allowed.start()), format_count(*allowed.end()))
}

pub(super) fn out_of_range(option: &str, got: impl Into<String>, allowed: impl Into<String>) -> PlanError {
    PlanError::OutOfRange { option: option.to_string(), got: got.into(), allowed: allowed.into() }
}

#[cfg(test)]
mod tests;
