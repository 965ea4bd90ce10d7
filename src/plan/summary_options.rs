//! How the summary at the end of a run is laid out, k6's options by their names: how much of it, which figures
//! of a trend, and the unit of its times. Reports read them off the summary.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::options::out_of_range;
use super::{OptionSpec, Options, PlanError, Reader};
use crate::units::format_significant;

/// The most figures of a trend: more than a line of a terminal holds.
const TREND_STATS_MAX: usize = 16;

/// How a summary is laid out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SummaryOptions {
    /// How much of it is shown.
    pub mode: SummaryMode,
    /// The figures of a trend, in order; one at least.
    pub trend_stats: Vec<TrendStat>,
    /// The unit of all times of requests; nothing for the one that suits each.
    pub time_unit: Option<TimeUnit>,
}

/// How much of a summary is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SummaryMode {
    /// Targets, checks, the metrics, what stands out, the verdict.
    Compact,
    /// All that there is to say.
    #[default]
    Full,
    /// Nothing; `summary(data)` isn't called either.
    Disabled,
}

/// A figure of a trend: `avg`, `p(99.9)`, `count`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum TrendStat {
    /// The mean.
    Average,
    /// The smallest.
    Min,
    /// The median.
    Median,
    /// The largest.
    Max,
    /// How many samples.
    Count,
    /// The percentile, above 0 and below 100, by nearest rank.
    Percentile(f64),
}

/// A unit for all times of a summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimeUnit {
    /// Seconds.
    #[serde(rename = "s")]
    Seconds,
    /// Milliseconds.
    #[serde(rename = "ms")]
    Milliseconds,
    /// Microseconds.
    #[serde(rename = "us")]
    Microseconds,
}

/// The options of a script and a configuration file, which flags override.
pub const SUMMARY_OPTIONS: &[OptionSpec] = &[
    OptionSpec {
        name: "summary_mode",
        takes: "\"compact\", \"full\" or \"disabled\"",
        default: Some("\"full\""),
        about: "how much the summary shows",
    },
    OptionSpec {
        name: "summary_trend_stats",
        takes: "a list of figures such as \"avg\", \"p(95)\" and \"count\"",
        default: Some("[\"avg\", \"min\", \"med\", \"p(90)\", \"p(95)\", \"p(99)\", \"max\"]"),
        about: "which figures of times and other trends the summary shows",
    },
    OptionSpec {
        name: "summary_time_unit",
        takes: "\"s\", \"ms\" or \"us\"",
        default: Some("the one that suits each time"),
        about: "the unit of all times of requests in the summary",
    },
];

const MODES: [(&str, SummaryMode); 3] =
    [("compact", SummaryMode::Compact), ("full", SummaryMode::Full), ("disabled", SummaryMode::Disabled)];

const TIME_UNITS: [(&str, TimeUnit); 3] =
    [("s", TimeUnit::Seconds), ("ms", TimeUnit::Milliseconds), ("us", TimeUnit::Microseconds)];

/// Figures by their words; percentiles have none.
const STATS: [(&str, TrendStat); 5] = [
    ("avg", TrendStat::Average),
    ("min", TrendStat::Min),
    ("med", TrendStat::Median),
    ("max", TrendStat::Max),
    ("count", TrendStat::Count),
];

impl Default for SummaryOptions {
    fn default() -> Self {
        let [p90, p95, p99] = [90.0, 95.0, 99.0].map(TrendStat::Percentile);
        let trend_stats =
            vec![TrendStat::Average, TrendStat::Min, TrendStat::Median, p90, p95, p99, TrendStat::Max];
        Self { mode: SummaryMode::default(), trend_stats, time_unit: None }
    }
}

impl SummaryOptions {
    /// What is given in place of what `self` says. Names that are no option of the summary are left to others.
    pub fn overridden(&self, options: &Options) -> Result<Self, PlanError> {
        self.with(&Reader::new("`options`", options, &[SUMMARY_OPTIONS]))
    }

    /// The same from a reader that knows [`SUMMARY_OPTIONS`] among others.
    pub(super) fn with(&self, reader: &Reader<'_>) -> Result<Self, PlanError> {
        let mut summary = self.clone();
        if reader.is_given("summary_mode") {
            let word = reader.word("summary_mode", &MODES.map(|(word, _)| word))?;
            summary.mode = MODES.iter().find(|(known, _)| *known == word).expect("one of them").1;
        }
        if let Some((written, value)) = reader.find("summary_trend_stats") {
            let names = reader.names("summary_trend_stats")?;
            let names = names.iter().flat_map(|name| name.split(',')).map(str::trim);
            let stats: Result<Vec<TrendStat>, String> =
                names.filter(|name| !name.is_empty()).map(str::parse).collect();
            let stats = stats.map_err(|name| {
                let known =
                    "\"avg\", \"min\", \"med\", \"max\", \"count\" or a percentile such as \"p(99.9)\"";
                out_of_range(written, format!("{name:?}"), known)
            })?;
            if stats.is_empty() || stats.len() > TREND_STATS_MAX {
                let allowed = format!("a list of 1 to {TREND_STATS_MAX} figures");
                return Err(out_of_range(written, value.describe(), allowed));
            }
            summary.trend_stats = stats;
        }
        if reader.is_given("summary_time_unit") {
            let word = reader.word("summary_time_unit", &TIME_UNITS.map(|(word, _)| word))?;
            summary.time_unit = TIME_UNITS.iter().find(|(known, _)| *known == word).map(|(_, unit)| *unit);
        }
        Ok(summary)
    }

    /// What differs from the defaults: name and value.
    pub(super) fn settings(&self) -> Vec<(&'static str, String)> {
        let default = Self::default();
        let stats: Vec<String> = self.trend_stats.iter().map(ToString::to_string).collect();
        let mode = MODES.iter().find(|(_, mode)| *mode == self.mode).map(|(word, _)| (*word).to_owned());
        [
            mode.filter(|_| self.mode != default.mode).map(|word| ("summary_mode", word)),
            (self.trend_stats != default.trend_stats).then(|| ("summary_trend_stats", stats.join(", "))),
            self.time_unit.map(|unit| ("summary_time_unit", unit.as_str().to_owned())),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl TimeUnit {
    /// As it stands behind a number; `us` is written `µs`, as elsewhere.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Microseconds => "µs",
        }
    }

    /// As an option names it.
    fn as_str(self) -> &'static str {
        TIME_UNITS.iter().find(|(_, unit)| *unit == self).expect("each has its word").0
    }

    /// A time in it, three significant digits: `0.00123s`, `1204ms`.
    pub fn format_us(self, us: f64) -> String {
        let number = match self {
            Self::Seconds => us / 1e6,
            Self::Milliseconds => us / 1e3,
            Self::Microseconds => us,
        };
        format!("{}{}", format_significant(number), self.suffix())
    }
}

/// As k6 writes it: `p(99.9)`.
impl fmt::Display for TrendStat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percentile(percent) => write!(f, "p({percent})"),
            named => f.write_str(STATS.iter().find(|(_, stat)| stat == named).expect("each has its word").0),
        }
    }
}

impl FromStr for TrendStat {
    type Err = String;

    /// The error is the text itself.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((_, stat)) = STATS.iter().find(|(word, _)| *word == text) {
            return Ok(*stat);
        }
        let percent = text.strip_prefix("p(").and_then(|rest| rest.strip_suffix(')'));
        match percent.and_then(|percent| percent.trim().parse::<f64>().ok()) {
            Some(percent) if percent > 0.0 && percent < 100.0 => Ok(Self::Percentile(percent)),
            _ => Err(text.to_owned()),
        }
    }
}

impl TryFrom<String> for TrendStat {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map_err(|text| format!("`{text}` is no figure of a trend"))
    }
}

impl From<TrendStat> for String {
    fn from(stat: TrendStat) -> Self {
        stat.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Value;

    fn read(name: &str, value: Value) -> Result<SummaryOptions, PlanError> {
        SummaryOptions::default().overridden(&Options::from([(name.to_owned(), value)]))
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn the_default_figures_are_those_of_the_reference() {
        let spec = SUMMARY_OPTIONS[1].default.unwrap().replace(['[', ']', '"'], "");
        assert_eq!(read("summary_trend_stats", text(&spec)).unwrap(), SummaryOptions::default());
        assert_eq!(read("summaryMode", text("full")).unwrap(), SummaryOptions::default());
        assert!(SummaryOptions::default().settings().is_empty());
    }

    #[test]
    fn a_list_and_a_text_with_commas_mean_the_same() {
        let expected = [TrendStat::Average, TrendStat::Percentile(99.9), TrendStat::Count];
        let list = Value::List(["avg", "p(99.9)", "count"].map(text).into());
        for given in [list, text("avg, p(99.9),count"), text("avg,p(99.90),count,")] {
            assert_eq!(read("summaryTrendStats", given).unwrap().trend_stats, expected);
        }
        let changed = read("summary_trend_stats", text("avg,p(99.9)")).unwrap();
        assert_eq!(changed.settings(), [("summary_trend_stats", "avg, p(99.9)".to_owned())]);
    }

    #[test]
    fn what_is_no_figure_is_refused() {
        for wrong in ["p95", "p(0)", "p(100)", "p(x)", "mean", "p(NaN)", "p(-1)"] {
            let error = read("summary_trend_stats", text(wrong)).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("`summary_trend_stats` is {wrong:?}, but must be \"avg\"")),
                "{error}"
            );
        }
        assert!(read("summary_trend_stats", text("")).is_err());
        assert!(read("summary_trend_stats", text(&"avg,".repeat(TREND_STATS_MAX + 1))).is_err());
        assert!(read("summary_mode", text("short")).is_err());
        assert!(read("summary_time_unit", text("min")).is_err());
    }

    #[test]
    fn a_time_in_a_unit_keeps_three_digits() {
        assert_eq!(TimeUnit::Milliseconds.format_us(2_414.0), "2.41ms");
        assert_eq!(TimeUnit::Seconds.format_us(2_414.0), "0.00241s");
        assert_eq!(TimeUnit::Microseconds.format_us(182.0), "182µs");
    }

    #[test]
    fn options_survive_json() {
        let options = read("summary_trend_stats", text("p(99.9),count,max")).unwrap();
        let json = serde_json::to_string(&options).unwrap();
        assert_eq!(json, r#"{"mode":"full","trend_stats":["p(99.9)","count","max"],"time_unit":null}"#);
        assert_eq!(serde_json::from_str::<SummaryOptions>(&json).unwrap(), options);
        assert!(serde_json::from_str::<TrendStat>("\"p(101)\"").is_err());
    }
}
