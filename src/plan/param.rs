//! Parameters: values that a script names, with a default, and that a user sets from outside.
//!
//! Precedence: default < configuration file < environment < command line. What is given is text until
//! the script's `param(name, default)` says what it must be; [`Param::declare`] settles both.

use super::options::Value;
use crate::units::parse_duration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// The start of an environment variable that sets a parameter.
pub const PARAM_VARIABLE: &str = "RUNNER_PARAM_";
/// The longest name of a parameter: it is a word on a command line.
const NAME_CHARACTERS_MAX: usize = 100;

/// What a parameter's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParamKind {
    /// True or false.
    Boolean,
    /// A whole number.
    Integer,
    /// A number that may have a fraction.
    Number,
    /// A text that reads as a duration: "30s".
    Duration,
    /// Any other text.
    Text,
}

impl ParamKind {
    /// With its article, as an error says what a parameter takes.
    pub fn takes(self) -> &'static str {
        match self {
            ParamKind::Boolean => "true or false",
            ParamKind::Integer => "an integer",
            ParamKind::Number => "a number",
            ParamKind::Duration => "a duration",
            ParamKind::Text => "a text",
        }
    }
}

/// A parameter's value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ParamValue {
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number that may have a fraction.
    Number(f64),
    /// A text, or a duration as it was written.
    Text(String),
}

impl ParamValue {
    /// The kind that a default of this value gives its parameter.
    fn kind(&self) -> ParamKind {
        match self {
            ParamValue::Boolean(_) => ParamKind::Boolean,
            ParamValue::Integer(_) => ParamKind::Integer,
            ParamValue::Number(_) => ParamKind::Number,
            ParamValue::Text(text) if parse_duration(text).is_ok() => ParamKind::Duration,
            ParamValue::Text(_) => ParamKind::Text,
        }
    }

    /// What orders values of one kind; texts and booleans have none.
    fn rank(&self, kind: ParamKind) -> Option<f64> {
        match self {
            ParamValue::Integer(number) => Some(*number as f64),
            ParamValue::Number(number) => Some(*number),
            ParamValue::Text(text) if kind == ParamKind::Duration => {
                parse_duration(text).ok().map(|duration| duration.as_secs_f64())
            }
            ParamValue::Boolean(_) | ParamValue::Text(_) => None,
        }
    }
}

impl fmt::Display for ParamValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParamValue::Boolean(value) => write!(f, "{value}"),
            ParamValue::Integer(number) => write!(f, "{number}"),
            ParamValue::Number(number) => write!(f, "{number:?}"),
            ParamValue::Text(text) => f.write_str(text),
        }
    }
}

/// Where a parameter's value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParamSource {
    /// The script's own default.
    #[default]
    Default,
    /// The configuration file, with the place: "runner.toml:3:9".
    Config(String),
    /// An environment variable, by name.
    Environment(String),
    /// `--param`.
    CommandLine,
}

impl fmt::Display for ParamSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParamSource::Default => f.write_str("default"),
            ParamSource::Config(place) => f.write_str(place),
            ParamSource::Environment(variable) => f.write_str(variable),
            ParamSource::CommandLine => f.write_str("--param"),
        }
    }
}

/// A declared parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// What it takes.
    pub kind: ParamKind,
    /// The value that holds.
    pub value: ParamValue,
    /// The value that holds when nobody gives one.
    pub default: ParamValue,
    /// Where the value comes from.
    pub source: ParamSource,
    /// What it is for; may be empty.
    pub about: String,
    /// The least value that it takes.
    pub min: Option<ParamValue>,
    /// The greatest.
    pub max: Option<ParamValue>,
    /// The only values that it takes; all, where empty.
    pub choices: Vec<ParamValue>,
}

/// What a script says of a parameter besides its name and default.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ParamRules {
    /// What it is for.
    pub about: String,
    /// The least value that it takes.
    pub min: Option<ParamValue>,
    /// The greatest.
    pub max: Option<ParamValue>,
    /// The only values that it takes; all, where empty.
    pub choices: Vec<ParamValue>,
    /// Takes any text, though the default reads as a duration.
    pub any_text: bool,
}

/// A value that a user gives a parameter, before anyone knows what it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// As written.
    pub text: String,
    /// Where.
    pub source: ParamSource,
}

/// The values that users give: by name on the command line and in the configuration file, by
/// variable in the environment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GivenParams {
    /// By `--param`.
    pub command_line: BTreeMap<String, Given>,
    /// By the environment; the key is the variable's whole name.
    pub environment: BTreeMap<String, Given>,
    /// By the configuration file.
    pub config: BTreeMap<String, Given>,
}

impl GivenParams {
    /// The value that a parameter is given; the command line wins.
    pub fn find(&self, name: &str) -> Option<&Given> {
        let by_name = self.command_line.get(name);
        by_name.or_else(|| self.environment.get(&Param::variable(name))).or_else(|| self.config.get(name))
    }
}

/// What is wrong with a parameter; the text fits behind `error: `.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ParamError {
    /// A name that no command line or environment could carry.
    #[error("`{name}` is no name for a parameter")]
    Name {
        /// The name.
        name: String,
    },
    /// A default, limit or choice that doesn't fit the others.
    #[error("the parameter `{name}`: {problem}")]
    Rules {
        /// The parameter.
        name: String,
        /// What doesn't fit.
        problem: String,
    },
    /// A given value of the wrong type, or outside of what the parameter takes.
    #[error("the parameter `{name}` takes {takes}, not {got} ({source_text})")]
    Refused {
        /// The parameter.
        name: String,
        /// What it takes: "an integer", "20s to 30s".
        takes: String,
        /// What it got, as written.
        got: String,
        /// Where that came from: "from `--param`".
        source_text: String,
    },
    /// Two declarations that differ.
    #[error("the parameter `{name}` is declared twice, with the defaults {first} and {second}")]
    Twice {
        /// The parameter.
        name: String,
        /// One default.
        first: String,
        /// The other.
        second: String,
    },
    /// Two names that one environment variable would set.
    #[error("the parameters `{first}` and `{second}` differ in case alone")]
    Case {
        /// One name.
        first: String,
        /// The other.
        second: String,
    },
}

impl ParamError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            ParamError::Name { .. } => {
                "use letters, digits and `_`, beginning with a letter; at most 100 characters".to_owned()
            }
            ParamError::Rules { .. } => return None,
            ParamError::Refused { name, takes, .. } => {
                let example = match takes.as_str() {
                    "an integer" => "20",
                    "a number" => "0.5",
                    "a duration" => "30s",
                    "true or false" => "true",
                    _ => return Some(format!("write `--param {name}=…` with {takes}")),
                };
                format!("write `--param {name}={example}`, for example")
            }
            ParamError::Twice { name, .. } => {
                format!("declare it once, as a `const`, and read it as `global::{}`", name.to_uppercase())
            }
            ParamError::Case { .. } => {
                "the environment knows them by one name: choose another for one of them".to_owned()
            }
        })
    }

    /// The word of the script that is wrong.
    pub fn word(&self) -> &str {
        match self {
            ParamError::Name { name }
            | ParamError::Rules { name, .. }
            | ParamError::Refused { name, .. }
            | ParamError::Twice { name, .. }
            | ParamError::Case { second: name, .. } => name,
        }
    }
}

impl Param {
    /// The environment variable that sets a parameter.
    pub fn variable(name: &str) -> String {
        format!("{PARAM_VARIABLE}{}", name.to_ascii_uppercase())
    }

    /// True when it is not the script's default that holds.
    pub fn is_given(&self) -> bool {
        self.source != ParamSource::Default
    }

    /// The parameter with the value that holds.
    pub fn declare(
        name: &str,
        default: ParamValue,
        rules: ParamRules,
        given: Option<&Given>,
    ) -> Result<Param, ParamError> {
        check_name(name)?;
        let kind = match default.kind() {
            ParamKind::Duration if rules.any_text => ParamKind::Text,
            kind => kind,
        };
        let ParamRules { about, min, max, choices, .. } = rules;
        let mut param = Param {
            name: name.to_owned(),
            kind,
            value: default.clone(),
            default,
            source: ParamSource::Default,
            about,
            min: None,
            max: None,
            choices: Vec::new(),
        };
        param.min = min.map(|value| param.limit("min", value)).transpose()?;
        param.max = max.map(|value| param.limit("max", value)).transpose()?;
        param.choices =
            choices.into_iter().map(|value| param.same_kind("choices", value)).collect::<Result<_, _>>()?;
        if let (Some(min), Some(max)) = (&param.min, &param.max)
            && min.rank(kind) > max.rank(kind)
        {
            return Err(param.wrong(format!("`min` {min} is above `max` {max}")));
        }
        if let Some(takes) = param.refuses(&param.default) {
            return Err(param.wrong(format!("the default {} is not {takes}", param.default)));
        }
        if let Some(given) = given {
            param.value = param.read(given)?;
            param.source = given.source.clone();
        }
        Ok(param)
    }

    /// Whether a second declaration says the same.
    pub fn check_same(&self, other: &Param) -> Result<(), ParamError> {
        if self.name != other.name {
            return if self.name.eq_ignore_ascii_case(&other.name) {
                Err(ParamError::Case { first: self.name.clone(), second: other.name.clone() })
            } else {
                Ok(())
            };
        }
        if self.default == other.default {
            return Ok(());
        }
        let shown = |value: &ParamValue| match value {
            ParamValue::Text(text) => format!("{text:?}"),
            value => value.to_string(),
        };
        let (first, second) = (shown(&self.default), shown(&other.default));
        Err(ParamError::Twice { name: self.name.clone(), first, second })
    }

    /// What a user wrote, as the parameter's kind.
    fn read(&self, given: &Given) -> Result<ParamValue, ParamError> {
        let text = given.text.trim();
        let value = match self.kind {
            ParamKind::Boolean => match text {
                "true" | "1" | "yes" | "on" => Some(ParamValue::Boolean(true)),
                "false" | "0" | "no" | "off" => Some(ParamValue::Boolean(false)),
                _ => None,
            },
            ParamKind::Integer => text.replace('_', "").parse().ok().map(ParamValue::Integer),
            ParamKind::Number => {
                let number: Option<f64> = text.replace('_', "").parse().ok();
                number.filter(|number| number.is_finite()).map(ParamValue::Number)
            }
            ParamKind::Duration => parse_duration(text).ok().map(|_| ParamValue::Text(text.to_owned())),
            ParamKind::Text => Some(ParamValue::Text(given.text.clone())),
        };
        let refused = |takes: String| {
            let source_text = match &given.source {
                ParamSource::Config(place) => format!("from {place}"),
                source => format!("from `{source}`"),
            };
            let (name, got) = (self.name.clone(), format!("{:?}", given.text));
            ParamError::Refused { name, takes, got, source_text }
        };
        let value = value.ok_or_else(|| refused(self.kind.takes().to_owned()))?;
        match self.refuses(&value) {
            Some(takes) => Err(refused(takes)),
            None => Ok(value),
        }
    }

    /// What the parameter takes instead, if it doesn't take the value.
    fn refuses(&self, value: &ParamValue) -> Option<String> {
        if !self.choices.is_empty() && !self.choices.contains(value) {
            let choices: Vec<String> = self.choices.iter().map(|choice| format!("`{choice}`")).collect();
            return Some(format!("one of {}", choices.join(", ")));
        }
        let rank = value.rank(self.kind)?;
        let below = self.min.as_ref().and_then(|min| min.rank(self.kind)).is_some_and(|min| rank < min);
        let above = self.max.as_ref().and_then(|max| max.rank(self.kind)).is_some_and(|max| rank > max);
        let takes = self.kind.takes();
        (below || above).then(|| match (&self.min, &self.max) {
            (Some(min), Some(max)) => format!("{takes} from {min} to {max}"),
            (Some(min), None) => format!("{takes} from {min} up"),
            (_, Some(max)) => format!("{takes} up to {max}"),
            (None, None) => takes.to_owned(),
        })
    }

    fn limit(&self, rule: &str, value: ParamValue) -> Result<ParamValue, ParamError> {
        if matches!(self.kind, ParamKind::Boolean | ParamKind::Text) {
            return Err(self.wrong(format!("`{rule}` goes with numbers and durations")));
        }
        self.same_kind(rule, value)
    }

    /// A limit or a choice as the parameter's kind: a whole number will do for one with a fraction.
    fn same_kind(&self, rule: &str, value: ParamValue) -> Result<ParamValue, ParamError> {
        match (self.kind, value) {
            (ParamKind::Number, ParamValue::Integer(number)) => Ok(ParamValue::Number(number as f64)),
            (ParamKind::Text, text @ ParamValue::Text(_)) => Ok(text),
            (kind, value) if value.kind() == kind => Ok(value),
            (kind, value) => {
                Err(self.wrong(format!("`{rule}` must be {}, as the default is, not {value}", kind.takes())))
            }
        }
    }

    fn wrong(&self, problem: String) -> ParamError {
        ParamError::Rules { name: self.name.clone(), problem }
    }
}

/// A name that a command line and an environment can carry.
fn check_name(name: &str) -> Result<(), ParamError> {
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let fine = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if begins && fine && name.len() <= NAME_CHARACTERS_MAX {
        return Ok(());
    }
    Err(ParamError::Name { name: name.to_owned() })
}

/// A script's value as a parameter's; what no command line could give is refused by its description.
pub fn param_value(value: &Value) -> Result<ParamValue, String> {
    match value {
        Value::Bool(value) => Ok(ParamValue::Boolean(*value)),
        Value::Int(number) => Ok(ParamValue::Integer(*number)),
        Value::Float(number) if number.is_finite() => Ok(ParamValue::Number(*number)),
        Value::Text(text) => Ok(ParamValue::Text(text.clone())),
        other => Err(other.describe()),
    }
}

#[cfg(test)]
mod tests;
