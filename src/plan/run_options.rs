//! Options of the whole run, as the host function `options(#{ … })` takes them.
//!
//! Beside its own it takes k6's shortcuts for a script without scenarios: `vus`, `duration`,
//! `iterations`, `stages`. See [`Shortcut`].

use super::http::{HTTP_OPTIONS, HttpOptions};
use super::options::{ITERATIONS_MAX, VUS_MAX, out_of_range};
use super::{
    MetricChoice, OptionSpec, Options, PlanError, Reader, SUMMARY_OPTIONS, SYSTEM_TAGS_OPTION, Shortcut,
    SummaryOptions, SystemTags, Value, canonical,
};
use crate::units::{duration_text, format_duration, format_rate};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Options of the whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunOptions {
    /// The header `user-agent` of each request; nothing stands for `runner`'s own.
    pub user_agent: Option<String>,
    /// How long `setup` may take.
    #[serde(with = "duration_text")]
    pub setup_timeout: Duration,
    /// How long `teardown` may take.
    #[serde(with = "duration_text")]
    pub teardown_timeout: Duration,
    /// How long a request may take, unless it says otherwise.
    #[serde(with = "duration_text")]
    pub timeout: Duration,
    /// How long a connection may take to come up, TLS included.
    #[serde(with = "duration_text")]
    pub connect_timeout: Duration,
    /// The most requests a second that all users together send during the load; nothing for no cap.
    pub rps: Option<f64>,
    /// Whether a request without an answer throws, unless it says otherwise.
    pub throws: bool,
    /// What an iteration is filled up to that ends sooner.
    #[serde(with = "duration_text")]
    pub min_iteration_duration: Duration,
    /// Whether the process stays, once the run is over, until it gets a signal.
    pub linger: bool,
    /// The seed of all random numbers; nothing stands for a fresh one each run.
    pub seed: Option<u64>,
    /// Tags on each sample of a user; a scenario's own win.
    pub tags: BTreeMap<String, String>,
    /// What concerns HTTP.
    pub http: HttpOptions,
    /// Which metrics are recorded.
    #[serde(default)]
    pub metrics: MetricChoice,
    /// Whether ids in the paths of URLs are left out of the tags `name` and `url`.
    #[serde(default)]
    pub fold_ids: bool,
    /// How much of the load's beginning is left out of all figures and targets: whole seconds.
    #[serde(with = "duration_text")]
    pub warm_up: Duration,
    /// Which of `runner`'s own tags go to the outputs.
    #[serde(default)]
    pub system_tags: SystemTags,
    /// How the summary is laid out.
    #[serde(default)]
    pub summary: SummaryOptions,
}

/// What a configuration file says below the script: it holds where the script says nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunDefaults {
    /// Where relative URLs go.
    pub base_url: Option<String>,
    /// Options of the run, as a script would give them.
    pub options: Options,
}

/// The options of `options(#{ … })`.
pub const RUN_OPTIONS: &[OptionSpec] = &[
    OptionSpec {
        name: "user_agent",
        takes: "a text",
        default: Some("runner"),
        about: "the header `user-agent`",
    },
    OptionSpec {
        name: "setup_timeout",
        takes: "a duration",
        default: Some("60s"),
        about: "how long `setup` may take",
    },
    OptionSpec {
        name: "teardown_timeout",
        takes: "a duration",
        default: Some("60s"),
        about: "how long `teardown` may take",
    },
    OptionSpec {
        name: "timeout",
        takes: "a duration",
        default: Some("60s"),
        about: "how long a request may take",
    },
    OptionSpec {
        name: "connect_timeout",
        takes: "a duration",
        default: Some("30s"),
        about: "how long a connection may take to come up",
    },
    OptionSpec {
        name: "rps",
        takes: "a number a second, or a rate such as \"600/m\"",
        default: Some("0"),
        about: "the most requests that all users together send; 0 is no cap",
    },
    OptionSpec {
        name: "throws",
        takes: "true or false",
        default: Some("false"),
        about: "whether a request without an answer throws (k6's `throw`, a word that Rhai reserves)",
    },
    OptionSpec {
        name: "min_iteration_duration",
        takes: "a duration",
        default: Some("0s"),
        about: "what an iteration is filled up to that ends sooner",
    },
    OptionSpec {
        name: "warm_up",
        takes: "a duration",
        default: Some("0s"),
        about: "how much of the load's beginning, in whole seconds, is left out of all figures and targets",
    },
    OptionSpec {
        name: "linger",
        takes: "true or false",
        default: Some("false"),
        about: "whether the process stays, once the run is over, until it gets a signal",
    },
    OptionSpec {
        name: "seed",
        takes: "an integer",
        default: Some("random"),
        about: "the seed of all random numbers",
    },
    OptionSpec {
        name: "tags",
        takes: "a map of texts",
        default: Some("#{}"),
        about: "tags on each sample of a user; a scenario's own win",
    },
    OptionSpec {
        name: "metrics",
        takes: "a map `#{ keep, drop }` of metrics' names",
        default: Some("all"),
        about: "which metrics are recorded; what targets and the run itself are judged by always is",
    },
    OptionSpec {
        name: "fold_ids",
        takes: "true or false",
        default: Some("false"),
        about: "whether ids in paths are folded in the tags `name` and `url`: `/users/17` is `/users/{id}`",
    },
    OptionSpec {
        name: "vus",
        takes: "an integer",
        default: Some("1"),
        about: "without a scenario: how many virtual users run `flow`",
    },
    OptionSpec {
        name: "duration",
        takes: "a duration",
        default: Some("none"),
        about: "without a scenario: for how long",
    },
    OptionSpec {
        name: "iterations",
        takes: "an integer",
        default: Some("1"),
        about: "without a scenario: how often",
    },
    OptionSpec {
        name: "stages",
        takes: "a list of `#{ duration, target }` or \"30s:50\"",
        default: Some("none"),
        about: "without a scenario: in which stages",
    },
];

impl Default for RunOptions {
    fn default() -> Self {
        let none = Options::new();
        RunOptions::from_options(&none).expect("the defaults are valid").0
    }
}

impl RunOptions {
    /// Reads the options of the run, and the shortcuts among them.
    pub fn from_options(options: &Options) -> Result<(RunOptions, Shortcut), PlanError> {
        let specs = [RUN_OPTIONS, SYSTEM_TAGS_OPTION, SUMMARY_OPTIONS, HTTP_OPTIONS];
        let reader = Reader::new("`options`", options, &specs);
        reader.check_names()?;
        let count = |name, max| reader.is_given(name).then(|| reader.count(name, 1..=max)).transpose();
        let seed_max = i64::MAX.unsigned_abs(); // what a script's integer holds
        let run = RunOptions {
            user_agent: reader.optional_text("user_agent")?,
            setup_timeout: reader.positive_duration("setup_timeout")?,
            teardown_timeout: reader.positive_duration("teardown_timeout")?,
            timeout: reader.positive_duration("timeout")?,
            connect_timeout: reader.positive_duration("connect_timeout")?,
            rps: reader.cap("rps")?,
            throws: reader.flag("throws")?,
            min_iteration_duration: reader.duration("min_iteration_duration")?,
            linger: reader.flag("linger")?,
            seed: reader.is_given("seed").then(|| reader.count("seed", 0..=seed_max)).transpose()?,
            tags: reader.texts("tags")?,
            http: HttpOptions::default().with(&reader)?,
            metrics: MetricChoice::read(&reader)?,
            fold_ids: reader.flag("fold_ids")?,
            warm_up: warm_up(reader.duration("warm_up")?)?,
            system_tags: SystemTags::default().with(&reader)?,
            summary: SummaryOptions::default().with(&reader)?,
        };
        let shortcut = Shortcut {
            vus: count("vus", VUS_MAX)?,
            duration: reader
                .is_given("duration")
                .then(|| reader.positive_duration("duration"))
                .transpose()?,
            iterations: count("iterations", ITERATIONS_MAX)?,
            stages: reader.is_given("stages").then(|| reader.stages("stages")).transpose()?,
        };
        Ok((run, shortcut))
    }

    /// What says how the load is played, where it differs from the defaults: name and value.
    pub fn play_settings(&self) -> Vec<(&'static str, String)> {
        let is_on = |name, is_on: bool| is_on.then(|| (name, "true".to_string()));
        let least = Some(self.min_iteration_duration).filter(|least| !least.is_zero());
        [
            self.rps.map(|rps| ("rps", format_rate(rps))),
            is_on("throws", self.throws),
            least.map(|least| ("min_iteration_duration", format_duration(least))),
            is_on("linger", self.linger),
            is_on("fold_ids", self.fold_ids),
            Some(self.metrics.describe())
                .filter(|choice| !choice.is_empty())
                .map(|choice| ("metrics", choice)),
            Some(self.warm_up).filter(|warm_up| !warm_up.is_zero()).map(|t| ("warm_up", format_duration(t))),
            self.system_tags.describe().map(|tags| ("system_tags", tags)),
        ]
        .into_iter()
        .flatten()
        .chain(self.summary.settings())
        .chain(self.http.settings())
        .collect()
    }

    /// What holds of two sources, of which `above` wins: option by option, tags one by one. As in k6, who
    /// says `duration`, `iterations` or `stages` says all of the load but the users.
    pub fn merge(below: &Options, above: &Options) -> Options {
        let names = |options: &Options| -> BTreeSet<String> {
            options.keys().map(|written| canonical(written).to_string()).collect()
        };
        let said = names(above);
        let says_load = LOAD.iter().any(|name| said.contains(*name));
        let mut merged = above.clone();
        for (written, value) in below {
            let name = canonical(written);
            if said.contains(name) {
                if let (Value::Map(lower), Some((key, Value::Map(upper)))) =
                    (value, above.iter().find(|(key, _)| canonical(key) == name))
                {
                    let mut both = lower.clone();
                    both.extend(upper.clone());
                    merged.insert(key.clone(), Value::Map(both));
                }
            } else if !(says_load && LOAD.contains(&name)) {
                merged.insert(written.clone(), value.clone());
            }
        }
        merged
    }

    /// Which of the options say what the load is.
    pub fn load_among(options: &Options) -> Vec<&str> {
        let is_load = |name: &&str| *name == "vus" || LOAD.contains(name);
        options.keys().map(|written| canonical(written)).filter(is_load).collect()
    }
}

/// A warm-up is counted in the seconds of the run.
pub(super) fn warm_up(length: Duration) -> Result<Duration, PlanError> {
    if length.subsec_nanos() != 0 {
        return Err(out_of_range("warm_up", format_duration(length), "whole seconds, such as 10s"));
    }
    Ok(length)
}

/// Options that say what the load is, beside the users.
const LOAD: [&str; 3] = ["duration", "iterations", "stages"];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(options: &[(&str, Value)]) -> Result<(RunOptions, Shortcut), PlanError> {
        let options = options.iter().map(|(name, value)| ((*name).to_string(), value.clone())).collect();
        RunOptions::from_options(&options)
    }

    #[test]
    fn the_defaults_are_those_of_the_reference() {
        let run = RunOptions::default();
        assert_eq!(run.setup_timeout, Duration::from_mins(1));
        assert_eq!(run.timeout, Duration::from_mins(1));
        assert_eq!((run.seed, run.user_agent), (None, None));
        assert_eq!(read(&[]).unwrap().1, Shortcut::default());
    }

    #[test]
    fn run_options_and_shortcuts_are_read_together() {
        assert_eq!(read(&[("rps", Value::Text("600/m".into()))]).unwrap().0.rps, Some(10.0));
        assert_eq!(read(&[("rps", Value::Int(0))]).unwrap().0.rps, None, "as in k6");
        assert!(read(&[("throw", Value::Bool(true))]).unwrap().0.throws);
        let (run, shortcut) = read(&[
            ("seed", Value::Int(7)),
            ("setupTimeout", Value::Text("5s".into())),
            ("vus", Value::Int(3)),
            ("duration", Value::Text("10s".into())),
        ])
        .unwrap();
        assert_eq!((run.seed, run.setup_timeout), (Some(7), Duration::from_secs(5)));
        assert_eq!((shortcut.vus, shortcut.duration), (Some(3), Some(Duration::from_secs(10))));
    }

    #[test]
    fn the_upper_source_wins_option_by_option_and_its_load_stands_alone() {
        let options = |pairs: &[(&str, Value)]| -> Options {
            pairs.iter().map(|(name, value)| ((*name).to_string(), value.clone())).collect()
        };
        let text = |text: &str| Value::Text(text.to_string());
        let map = |pairs: &[(&str, Value)]| Value::Map(options(pairs));
        let below = options(&[
            ("vus", Value::Int(5)),
            ("duration", text("1m")),
            ("user_agent", text("below")),
            ("tags", map(&[("a", text("below")), ("b", text("below"))])),
        ]);
        assert_eq!(RunOptions::merge(&below, &Options::new()), below);
        assert_eq!(RunOptions::merge(&Options::new(), &below), below);
        let above = options(&[
            ("iterations", Value::Int(9)),
            ("userAgent", text("above")),
            ("tags", map(&[("a", text("above"))])),
        ]);
        let (run, shortcut) = RunOptions::from_options(&RunOptions::merge(&below, &above)).unwrap();
        assert_eq!(run.user_agent.as_deref(), Some("above"));
        assert_eq!(
            run.tags,
            BTreeMap::from([("a", "above"), ("b", "below")].map(|(k, v)| (k.into(), v.into())))
        );
        assert_eq!((shortcut.vus, shortcut.duration, shortcut.iterations), (Some(5), None, Some(9)));
        assert_eq!(RunOptions::load_among(&below), ["duration", "vus"]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = read(&[("sede", Value::Int(7))]).unwrap_err();
        insta::assert_snapshot!(error, @"`options` has no option `sede`");
        assert!(error.hint().unwrap().starts_with("did you mean `seed`?"), "{:?}", error.hint());
        insta::assert_snapshot!(read(&[("timeout", Value::Int(30))]).unwrap_err(), @"`timeout`: `30` has no unit");
        insta::assert_snapshot!(read(&[("timeout", Value::Text("0s".into()))]).unwrap_err(), @"`timeout` is 0s, but must be longer than 0s");
        insta::assert_snapshot!(read(&[("rps", Value::Int(-5))]).unwrap_err(), @"`rps` is -5, but must be from one a day to 10,000,000 a second, or 0 for no cap");
        insta::assert_snapshot!(read(&[("rps", Value::Text("many".into()))]).unwrap_err(), @"`rps`: `many` names no period");
        insta::assert_snapshot!(read(&[("rps", Value::Bool(true))]).unwrap_err(), @r#"`rps` takes a number a second, or a rate such as "600/m", not true"#);
        insta::assert_snapshot!(read(&[("throws", Value::Int(1))]).unwrap_err(), @"`throws` takes true or false, not the number 1");
        insta::assert_snapshot!(read(&[("seed", Value::Int(-1))]).unwrap_err(), @"`seed` is -1, but must be from 0 to 9,223,372,036,854,775,807");
    }
}
