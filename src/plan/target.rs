//! Targets as authors write them: a selector of series, and `aggregate operator number [over duration]`.
//!
//! Limits are kept in one unit each (see [`Quantity`]), so that a verdict compares plain numbers. All
//! that can be wrong is found here, before any load: unknown metrics, aggregates a kind doesn't have,
//! units that don't fit.

mod error;

pub use error::TargetError;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::diagnostic::{Position, suggest};
use crate::metrics::{BUILTINS, Kind, Metric, Selector, Unit, builtin};
use crate::units::{parse_duration, parse_percent, parse_rate, parse_size};

/// The longest window. It is kept as one value a second, each of up to some 50 KB, and merged once a second.
pub const WINDOW_MAX: Duration = Duration::from_mins(10);

/// What is computed of a metric's samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Aggregate {
    /// A counter's sum; of rates and trends the number of samples.
    Count,
    /// A counter's sum per second.
    PerSecond,
    /// A gauge's last value.
    Value,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The share of samples that were true.
    Share,
    /// The number of samples that were false.
    Fails,
    /// The mean.
    Average,
    /// The median.
    Median,
    /// The percentile, 0 to 100.
    Percentile(f64),
}

/// The aggregates that a kind has, as authors write them.
const fn aggregates(kind: Kind) -> &'static [(&'static str, Aggregate)] {
    match kind {
        Kind::Counter => &[("count", Aggregate::Count), ("rate", Aggregate::PerSecond)],
        Kind::Gauge => &[("value", Aggregate::Value), ("min", Aggregate::Min), ("max", Aggregate::Max)],
        Kind::Rate => &[("rate", Aggregate::Share), ("count", Aggregate::Count), ("fails", Aggregate::Fails)],
        Kind::Trend => &[
            ("avg", Aggregate::Average),
            ("min", Aggregate::Min),
            ("max", Aggregate::Max),
            ("med", Aggregate::Median),
            ("count", Aggregate::Count),
        ],
    }
}

/// The word another tool has for an aggregate of ours.
const SYNONYMS: &[(&str, &str)] = &[
    ("mean", "avg"),
    ("average", "avg"),
    ("median", "med"),
    ("minimum", "min"),
    ("maximum", "max"),
    ("total", "count"),
    ("last", "value"),
    ("percent", "rate"),
    ("failed", "fails"),
];

impl Aggregate {
    /// Which quantile it is, 0 to 1; none of what is no quantile.
    pub fn quantile(self) -> Option<f64> {
        match self {
            Self::Median => Some(0.5),
            Self::Percentile(percent) => Some(percent / 100.0),
            _ => None,
        }
    }

    /// What its number is, for a metric of that kind and unit.
    pub fn quantity(self, kind: Kind, unit: Unit) -> Quantity {
        match (self, kind, unit) {
            (Self::Share, ..) => Quantity::Share,
            (Self::Fails, ..) | (Self::Count, Kind::Trend | Kind::Rate, _) => Quantity::Number,
            (Self::PerSecond, _, Unit::Bytes) => Quantity::BytesPerSecond,
            (Self::PerSecond, ..) => Quantity::PerSecond,
            (_, _, Unit::Time) => Quantity::Time,
            (_, _, Unit::Bytes) => Quantity::Bytes,
            (_, _, Unit::None) => Quantity::Number,
        }
    }
}

/// As authors write it: `p(95)`, `avg`.
impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Count => "count",
            Self::PerSecond | Self::Share => "rate",
            Self::Value => "value",
            Self::Min => "min",
            Self::Max => "max",
            Self::Fails => "fails",
            Self::Average => "avg",
            Self::Median => "med",
            Self::Percentile(percent) => return write!(f, "p({percent})"),
        })
    }
}

/// What a number is, and with it the unit it is kept and compared in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Quantity {
    /// Milliseconds.
    Time,
    /// A share, 0 to 1.
    Share,
    /// Bytes.
    Bytes,
    /// A plain number.
    Number,
    /// Per second.
    PerSecond,
    /// Bytes per second.
    BytesPerSecond,
}

impl Quantity {
    /// How a limit of it may be written.
    fn examples(self) -> &'static str {
        match self {
            Self::Time => "`200ms`, `1.5s`, or a bare number of milliseconds",
            Self::Share => "`80%` or `0.8`",
            Self::Bytes => "`10MB`, `64KiB`, or a bare number of bytes",
            Self::Number => "a bare number",
            Self::PerSecond => "`100/s`, `6000/m`, or a bare number per second",
            Self::BytesPerSecond => "`10MB/s`, or a bare number of bytes per second",
        }
    }
}

/// How the observed value must relate to the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operator {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `==`, `===`
    Equal,
    /// `!=`
    NotEqual,
}

/// Longest first, so that `<=` isn't read as `<`.
const OPERATORS: &[(&str, Operator)] = &[
    ("===", Operator::Equal),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

/// What must hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expression {
    /// What is computed.
    pub aggregate: Aggregate,
    /// How it must relate to the limit.
    pub operator: Operator,
    /// The limit, in the unit of the quantity: ms, share, bytes, count, per second.
    pub limit: f64,
    /// In every window of this length, whole seconds; else over the whole run.
    pub over: Option<Duration>,
}

/// What goes with a target besides its expression: k6's `abortOnFail` and `delayAbortEval`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TargetOptions {
    /// End the run as soon as the target fails.
    pub abort_on_fail: bool,
    /// But not before this much of the run is over.
    pub delay_abort_eval: Duration,
    /// Judge a percentile on fewer samples than it needs too.
    pub allow_few: bool,
}

/// A target: which series, and what must hold for them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// Which series.
    pub selector: Selector,
    /// What must hold.
    pub expression: Expression,
    /// The selector as it was written.
    pub key: String,
    /// The expression as it was written.
    pub text: String,
    /// The metric's kind.
    pub kind: Kind,
    /// What the compared numbers are.
    pub quantity: Quantity,
    /// End the run as soon as it fails.
    pub abort_on_fail: bool,
    /// But not before this much of the run is over.
    pub delay_abort_eval: Duration,
    /// Where it was written.
    pub position: Option<Position>,
    /// Judge a percentile on fewer samples than it needs too.
    #[serde(default)]
    pub allow_few: bool,
    /// The file that it was written in, where that is none of the script that is played: a module, or the file of `--targets`.
    #[serde(default)]
    pub file: Option<String>,
}

impl Target {
    /// The scenario whose samples alone it looks at, if it names one.
    pub fn scenario(&self) -> Option<&str> {
        let mut matchers = self.selector.matchers.iter();
        let named = matchers.find(|matcher| matcher.tag == "scenario" && !matcher.negated)?;
        Some(&named.value)
    }

    /// Reads a target: `key` selects series of a built-in metric or of one of `metrics`.
    pub fn parse(
        key: &str,
        expression: &str,
        options: &TargetOptions,
        metrics: &[Metric],
        position: Option<Position>,
    ) -> Result<Self, TargetError> {
        let selector =
            Selector::parse(key).map_err(|error| TargetError::Selector { key: key.to_owned(), error })?;
        let (kind, unit) = kind_of(&selector.metric, metrics)?;
        let parts = Parts::split(expression)?;
        let aggregate = parse_aggregate(parts.aggregate, &selector.metric, kind)?;
        let quantity = aggregate.quantity(kind, unit);
        let limit = parse_limit(parts.limit, quantity).map_err(|fault| match fault {
            Some(error) => error,
            None => TargetError::Limit {
                text: parts.limit.to_owned(),
                aggregate: aggregate.to_string(),
                metric: selector.metric.clone(),
                quantity,
            },
        })?;
        let over = parts.window.map(parse_window).transpose()?;
        Ok(Self {
            selector,
            expression: Expression { aggregate, operator: parts.operator, limit, over },
            key: key.trim().to_owned(),
            text: expression.trim().to_owned(),
            kind,
            quantity,
            abort_on_fail: options.abort_on_fail,
            delay_abort_eval: options.delay_abort_eval,
            position,
            allow_few: options.allow_few,
            file: None,
        })
    }
}

fn kind_of(name: &str, metrics: &[Metric]) -> Result<(Kind, Unit), TargetError> {
    if let Some(builtin) = builtin(name) {
        return Ok((builtin.kind, builtin.unit));
    }
    if let Some(metric) = metrics.iter().find(|metric| &*metric.name == name) {
        return Ok((metric.kind, metric.unit));
    }
    let known = BUILTINS.iter().map(|builtin| builtin.name).chain(metrics.iter().map(|metric| &*metric.name));
    let near = suggest(name, known).into_iter().map(str::to_owned).collect();
    Err(TargetError::UnknownMetric { name: name.to_owned(), near })
}

/// An expression cut into its parts.
struct Parts<'a> {
    aggregate: &'a str,
    operator: Operator,
    limit: &'a str,
    window: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn split(text: &'a str) -> Result<Self, TargetError> {
        let expected = |expected, rest: &str| {
            let position = text.chars().count() - rest.chars().count() + 1;
            TargetError::Expected { expected, position, text: text.trim().to_owned() }
        };
        let is_joint = |word: &str| matches!(word, "and" | "or" | "AND" | "OR");
        if text.contains("&&") || text.contains("||") || text.split_whitespace().any(is_joint) {
            return Err(TargetError::Joined { text: text.trim().to_owned() });
        }
        let start = text.trim_start();
        let at = start.find(['<', '>', '=', '!']).unwrap_or(start.len());
        let (aggregate, rest) = start.split_at(at);
        let aggregate = aggregate.trim_end();
        if aggregate.is_empty() || aggregate.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(expected("an aggregate", start));
        }
        let Some((sign, operator)) = OPERATORS.iter().find(|(sign, _)| rest.starts_with(sign)) else {
            return Err(expected("one of `<`, `<=`, `>`, `>=`, `==`, `!=`", rest));
        };
        let rest = rest[sign.len()..].trim_start();
        if rest.is_empty() || rest.starts_with(['<', '>', '=', '!']) {
            return Err(expected("a number", rest));
        }
        let mut words = rest.match_indices("over").filter(|&(at, _)| {
            let (before, after) = (&rest[..at], &rest[at + "over".len()..]);
            before.is_empty()
                || before.ends_with(char::is_whitespace) && after.starts_with(char::is_whitespace)
                || before.ends_with(char::is_whitespace) && after.is_empty()
        });
        let (limit, window) = match words.next() {
            None => (rest.trim_end(), None),
            Some((0, _)) => return Err(expected("a number", rest)),
            Some((at, word)) => {
                let window = rest[at + word.len()..].trim();
                if window.is_empty() {
                    return Err(expected("a duration, such as `30s`", ""));
                }
                (rest[..at].trim_end(), Some(window))
            }
        };
        Ok(Self { aggregate, operator: *operator, limit, window })
    }
}

fn parse_aggregate(text: &str, metric: &str, kind: Kind) -> Result<Aggregate, TargetError> {
    let unknown = |near: Vec<String>| {
        let (aggregate, metric) = (text.to_owned(), metric.to_owned());
        TargetError::UnknownAggregate { aggregate, metric, kind, near }
    };
    let known = aggregates(kind);
    if let Some((_, aggregate)) = known.iter().find(|(name, _)| *name == text) {
        if *aggregate == Aggregate::Fails && metric == "http_req_failed" {
            return Err(TargetError::FailsOfFailed);
        }
        return Ok(*aggregate);
    }
    if kind == Kind::Trend {
        let inner = text.strip_prefix('p').map(str::trim_start).and_then(|rest| rest.strip_prefix('('));
        if let Some(inner) = inner {
            let percent = inner.strip_suffix(')').and_then(|inner| inner.trim().parse::<f64>().ok());
            return match percent.filter(|percent| (0.0..=100.0).contains(percent)) {
                Some(percent) => Ok(Aggregate::Percentile(percent)),
                None => Err(TargetError::Percentile { text: text.to_owned() }),
            };
        }
        // `p95`, `P99.9`: what Locust, wrk and many dashboards write.
        let digits = text.strip_prefix(['p', 'P']).and_then(|digits| digits.parse::<f64>().ok());
        if let Some(percent) = digits.filter(|percent| (0.0..=100.0).contains(percent)) {
            return Err(unknown(vec![Aggregate::Percentile(percent).to_string()]));
        }
    }
    let lower = text.to_lowercase();
    let has = |name: &str| known.iter().any(|(known, _)| *known == name);
    if let Some((_, ours)) = SYNONYMS.iter().find(|(theirs, ours)| *theirs == lower && has(ours)) {
        return Err(unknown(vec![(*ours).to_owned()]));
    }
    let near = suggest(text, known.iter().map(|(name, _)| *name));
    Err(unknown(near.into_iter().map(str::to_owned).collect()))
}

/// The limit in the quantity's own unit; `Err(None)` when the text is nothing of that sort.
fn parse_limit(text: &str, quantity: Quantity) -> Result<f64, Option<TargetError>> {
    let bare = text.parse::<f64>().ok().filter(|number| number.is_finite());
    let limit = match (bare, quantity) {
        (Some(number), _) => number,
        (None, Quantity::Time) => parse_duration(text).map_err(|_| None)?.as_secs_f64() * 1_000.0,
        (None, Quantity::Share) => parse_percent(text).map_err(|_| None)?,
        (None, Quantity::Bytes) => parse_size(text).map_err(|_| None)? as f64,
        (None, Quantity::PerSecond) => parse_rate(text).map_err(|_| None)?,
        (None, Quantity::BytesPerSecond) => {
            let size = text.strip_suffix("/s").ok_or(None)?;
            parse_size(size.trim_end()).map_err(|_| None)? as f64
        }
        (None, Quantity::Number) => return Err(None),
    };
    if quantity == Quantity::Share && limit > 1.0 {
        let percent = bare.filter(|number| *number <= 100.0).map(|number| format!("{number}%"));
        return Err(Some(TargetError::ShareTooLarge { text: text.to_owned(), percent }));
    }
    if limit < 0.0 && quantity != Quantity::Number {
        return Err(None);
    }
    Ok(limit)
}

fn parse_window(text: &str) -> Result<Duration, TargetError> {
    let window = parse_duration(text).map_err(|error| TargetError::WindowUnit { error })?;
    if window.is_zero() || window > WINDOW_MAX || window.subsec_nanos() != 0 {
        return Err(TargetError::Window { window });
    }
    Ok(window)
}

#[cfg(test)]
mod tests;
