//! Which metrics are recorded: the option `metrics: #{ keep: […], drop: […] }`, lists of names with `*` and `?`.
//!
//! What a target asks for is recorded all the same, with a note, and so is what the run judges itself by: a run that
//! can't accuse its own generator would be no measurement. All else that is dropped costs nothing.

use std::collections::BTreeSet;

use super::options::out_of_range;
use super::{OptionSpec, Plan, PlanError, Reader, Value};
use crate::diagnostic::suggest;
use crate::metrics::{BUILTINS, Metric};
use crate::units::format_count;
use serde::{Deserialize, Serialize};

/// The metrics that a run is judged by, beside its targets: the books, the failures, the generator's own.
const JUDGED_BY: [&str; 9] = [
    "http_reqs",
    "http_req_failed",
    "http_req_response_time",
    "iterations",
    "dropped_iterations",
    "iteration_lateness",
    "clamped_values",
    "vus",
    "vus_max",
];

/// The same, by how their names begin.
const GENERATORS: &str = "generator_";

/// Patterns of one list: more are a mistake.
const PATTERNS_MAX: usize = 1_000;

/// The options of `metrics`.
const CHOICE_OPTIONS: &[OptionSpec] = &[
    OptionSpec {
        name: "keep",
        takes: "a list of metrics' names, `*` for any part",
        default: Some("all"),
        about: "the only metrics that are recorded",
    },
    OptionSpec {
        name: "drop",
        takes: "a list of metrics' names, `*` for any part",
        default: Some("none"),
        about: "metrics that are not recorded",
    },
];

/// What can be wrong with the option `metrics`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetricsError {
    /// A pattern that means no metric.
    #[error("no metric is called `{pattern}`")]
    Unknown {
        /// The pattern as written.
        pattern: String,
        /// Names like it.
        near: Vec<String>,
    },
    /// A pattern with tags.
    #[error("`{pattern}` has tags, and a metric is dropped or kept as a whole")]
    Tags {
        /// The pattern as written.
        pattern: String,
    },
    /// A metric that can't be left out.
    #[error("`{name}` can't be dropped: the run is judged by it")]
    Needed {
        /// Its name.
        name: String,
    },
}

impl MetricsError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Unknown { near, .. } if near.is_empty() => {
                "`*` stands for any part of a name: \"http_req_*\"; the metrics are in docs/metrics.md"
                    .to_string()
            }
            Self::Unknown { near, .. } => format!("did you mean `{}`?", near.join("` or `")),
            Self::Tags { pattern } => {
                let name = pattern.split('{').next().unwrap_or_default();
                format!("write `{name}`, or leave the tag out where the samples are made")
            }
            Self::Needed { .. } => "take it out of `drop`".to_string(),
        }
    }

    /// The word of the script that is wrong.
    pub fn word(&self) -> &str {
        match self {
            Self::Unknown { pattern, .. } | Self::Tags { pattern } => pattern,
            Self::Needed { name } => name,
        }
    }
}

/// Which metrics are recorded.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MetricChoice {
    /// The only ones, as patterns; empty: all.
    pub keep: Vec<String>,
    /// Those that are left out of them.
    pub drop: Vec<String>,
}

impl MetricChoice {
    /// Reads the option `metrics`.
    pub(super) fn read(reader: &Reader<'_>) -> Result<Self, PlanError> {
        let Some((written, value)) = reader.find("metrics") else { return Ok(Self::default()) };
        let Value::Map(map) = value else { return Err(reader.wrong_type("metrics", written, value)) };
        let own = Reader::new("`metrics`", map, &[CHOICE_OPTIONS]);
        own.check_names()?;
        let list = |name: &str| {
            let patterns = own.names(name)?;
            if patterns.len() > PATTERNS_MAX || own.is_given(name) && patterns.is_empty() {
                let allowed = format!("a list of 1 to {} names", format_count(PATTERNS_MAX as u64));
                return Err(out_of_range(name, format!("a list of {}", patterns.len()), allowed));
            }
            match patterns.iter().find(|pattern| pattern.contains('{')) {
                Some(pattern) => Err(MetricsError::Tags { pattern: pattern.clone() }.into()),
                None => Ok(patterns),
            }
        };
        Ok(Self { keep: list("keep")?, drop: list("drop")? })
    }

    /// Whether every pattern means a metric, built in or one of these, and none drops what must be there.
    pub fn check(&self, metrics: &[Metric]) -> Result<(), PlanError> {
        let known = || names(metrics);
        for pattern in self.keep.iter().chain(&self.drop) {
            if !known().any(|name| matches(pattern, name)) {
                let near = suggest(pattern, known()).into_iter().map(str::to_string).collect();
                return Err(MetricsError::Unknown { pattern: pattern.clone(), near }.into());
            }
        }
        match self.drop.iter().find(|pattern| is_judged_by(pattern)) {
            Some(name) => Err(MetricsError::Needed { name: name.clone() }.into()),
            None => Ok(()),
        }
    }

    /// Whether the lists leave a metric out.
    fn leaves_out(&self, name: &str) -> bool {
        let is_kept = self.keep.is_empty() || self.keep.iter().any(|pattern| matches(pattern, name));
        !is_kept || self.drop.iter().any(|pattern| matches(pattern, name))
    }

    /// As a script would write it, without the quotes; empty where all is recorded.
    pub(super) fn describe(&self) -> String {
        let part = |word: &str, patterns: &[String]| {
            (!patterns.is_empty()).then(|| format!("{word} {}", patterns.join(", ")))
        };
        let parts = [part("keep", &self.keep), part("drop", &self.drop)];
        parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

impl Plan {
    /// The metrics that are not recorded, by name.
    pub fn dropped_metrics(&self) -> BTreeSet<&str> {
        let choice = &self.options.metrics;
        let is_dropped =
            |name: &&str| choice.leaves_out(name) && !is_judged_by(name) && !self.is_targeted(name);
        names(&self.metrics).filter(is_dropped).collect()
    }

    /// What a user should know: metrics that are recorded although the lists leave them out.
    pub fn kept_metrics(&self) -> Vec<String> {
        let is_kept = |name: &&str| self.options.metrics.leaves_out(name) && self.is_targeted(name);
        let note =
            |name: &str| format!("`{name}` is recorded although `metrics` leaves it out: a target is on it");
        names(&self.metrics).filter(is_kept).filter(|name| !is_judged_by(name)).map(note).collect()
    }

    fn is_targeted(&self, name: &str) -> bool {
        self.targets.iter().any(|target| target.selector.metric == name)
    }
}

/// All metrics that there are: the built-in ones, then the script's own.
fn names(metrics: &[Metric]) -> impl Iterator<Item = &str> {
    BUILTINS.iter().map(|builtin| builtin.name).chain(metrics.iter().map(|metric| &*metric.name))
}

fn is_judged_by(name: &str) -> bool {
    JUDGED_BY.contains(&name) || name.starts_with(GENERATORS)
}

/// Whether a name is one of those that a pattern means: `*` is any text, `?` one character.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut seen) = (0, 0);
    // The last `*`, and how much of the name it stands for so far.
    let mut star: Option<(usize, usize)> = None;
    while seen < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(&wanted) if wanted == '?' || wanted == name[seen] => {
                at += 1;
                seen += 1;
            }
            _ => {
                let Some((star_at, taken)) = star else { return false };
                star = Some((star_at, taken + 1));
                (at, seen) = (star_at + 1, taken + 1);
            }
        }
    }
    pattern[at..].iter().all(|left| *left == '*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Kind, Unit};
    use crate::plan::{Options, RunOptions, Target, TargetOptions};

    fn plan(keep: &[&str], drop: &[&str], targets: &[(&str, &str)]) -> Plan {
        let list = |patterns: &[&str]| {
            Value::List(patterns.iter().map(|pattern| Value::Text((*pattern).to_string())).collect())
        };
        let lists = [("keep", keep), ("drop", drop)];
        let given = lists.into_iter().filter(|(_, patterns)| !patterns.is_empty());
        let map: Options = given.map(|(name, patterns)| (name.to_string(), list(patterns))).collect();
        let options = Options::from([("metrics".to_string(), Value::Map(map))]);
        let own = Metric { name: "sold".into(), kind: Kind::Counter, unit: Unit::None };
        let target = |(key, text): &(&str, &str)| {
            Target::parse(key, text, &TargetOptions::default(), std::slice::from_ref(&own), None).unwrap()
        };
        let targets = targets.iter().map(target).collect();
        Plan {
            options: RunOptions::from_options(&options).unwrap().0,
            metrics: vec![own],
            targets,
            ..Plan::default()
        }
    }

    #[test]
    fn patterns_mean_names() {
        for (pattern, name, is_meant) in [
            ("http_*", "http_reqs", true),
            ("http_*", "https", false),
            ("*", "vus", true),
            ("*_duration", "http_req_duration", true),
            ("http_*_d*n", "http_req_duration", true),
            ("http_req_?ns", "http_req_dns", true),
            ("http_req_?ns", "http_req_ns", false),
            ("vus", "vus_max", false),
            ("**", "", true),
            ("?", "", false),
        ] {
            assert_eq!(matches(pattern, name), is_meant, "{pattern} {name}");
        }
    }

    #[test]
    fn nothing_is_dropped_unless_it_is_said() {
        assert!(plan(&[], &[], &[]).dropped_metrics().is_empty());
    }

    #[test]
    fn what_is_kept_and_dropped_is_what_the_lists_say_but_for_what_judges() {
        let kept = plan(&["http_req_*", "sold"], &["http_req_blocked"], &[]);
        let dropped = kept.dropped_metrics();
        for name in ["http_req_blocked", "checks", "iteration_duration", "data_sent", "cache_hit_rate"] {
            assert!(dropped.contains(name), "{name}");
        }
        for name in ["http_req_waiting", "sold", "http_reqs", "iterations", "generator_cpu", "vus"] {
            assert!(!dropped.contains(name), "{name}");
        }
        assert!(kept.kept_metrics().is_empty());
        let most = plan(&[], &["*"], &[]);
        assert!(most.dropped_metrics().contains("sold"));
        assert!(!most.dropped_metrics().contains("clamped_values"));
    }

    #[test]
    fn what_a_target_is_on_is_recorded_and_a_note_says_so() {
        let targets = [("sold", "count > 1"), ("http_req_duration{name:a}", "p(95) < 1s")];
        let kept = plan(&["checks"], &["sold"], &targets);
        let dropped = kept.dropped_metrics();
        assert!(!dropped.contains("sold") && !dropped.contains("http_req_duration"));
        assert_eq!(
            kept.kept_metrics(),
            [
                "`http_req_duration` is recorded although `metrics` leaves it out: a target is on it",
                "`sold` is recorded although `metrics` leaves it out: a target is on it",
            ]
        );
    }

    #[test]
    fn a_pattern_that_means_nothing_or_too_much_is_refused() {
        let told = |keep: &[&str], drop: &[&str]| {
            let plan = plan(keep, drop, &[]);
            let error = plan.options.metrics.check(&plan.metrics).unwrap_err();
            format!("{error} · {}", error.hint().unwrap())
        };
        assert_eq!(
            told(&["http_req_durration"], &[]),
            "no metric is called `http_req_durration` · did you mean `http_req_duration`?"
        );
        assert!(told(&[], &["grpc_*"]).starts_with("no metric is called `grpc_*` · "));
        assert!(
            told(&[], &["http_reqs"]).starts_with("`http_reqs` can't be dropped: the run is judged by it · ")
        );
        assert!(told(&[], &["generator_cpu"]).starts_with("`generator_cpu` can't be dropped"));
        assert!(plan(&["sold", "vus"], &["iteration_*"], &[]).options.metrics.check(&[]).is_err());
    }

    #[test]
    fn what_is_no_list_of_names_is_refused() {
        let read = |value: Value| {
            let options = Options::from([("metrics".to_string(), value)]);
            RunOptions::from_options(&options).unwrap_err().to_string()
        };
        let with = |name: &str, value: Value| read(Value::Map(Options::from([(name.to_string(), value)])));
        let text = |text: &str| Value::Text(text.to_string());
        assert_eq!(
            read(text("http_*")),
            "`metrics` takes a map `#{ keep, drop }` of metrics' names, not the text \"http_*\""
        );
        assert_eq!(with("only", text("vus")), "`metrics` has no option `only`");
        assert_eq!(
            with("keep", Value::Int(3)),
            "`keep` takes a list of metrics' names, `*` for any part, not the number 3"
        );
        assert_eq!(
            with("drop", text("http_reqs{name:a}")),
            "`http_reqs{name:a}` has tags, and a metric is dropped or kept as a whole"
        );
        assert_eq!(
            with("keep", Value::List(Vec::new())),
            "`keep` is a list of 0, but must be a list of 1 to 1,000 names"
        );
        assert!(
            RunOptions::from_options(&Options::from([(
                "metrics".to_string(),
                Value::Map(Options::from([("drop".to_string(), text("http_req_dns"))]))
            )]))
            .is_ok()
        );
    }
}
