//! Names and labels as Prometheus wants them: `http_req_duration{name:/a}` is
//! `runner_http_req_duration_seconds{name="/a"}`.
//!
//! Counters end in `_total`, times are seconds, a share is two counters (`_hits_total` of `_samples_total`), so that
//! shares of shares never have to be averaged. No two metrics share a name, and no series two labels: that would
//! make Prometheus refuse all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::metrics::{Kind, Metric, TagSet, Unit, builtin};
use crate::output::{OutputError, Place, Played};

/// What stands before each name unless `prefix` says otherwise.
const PREFIX: &str = "runner";

/// Labels that Prometheus gives a meaning of its own.
const RESERVED: [&str; 2] = ["le", "quantile"];

/// The options of names and labels, for the registry.
pub(super) const OPTIONS: [(&str, &str); 3] = [
    ("prefix", "what each metric's name begins with (runner)"),
    ("labels", "labels on all series, `name:value;name2:value2`"),
    ("run_id", "the label `run_id` on all series (true)"),
];

/// A metric as Prometheus knows it.
#[derive(Debug, PartialEq)]
pub(super) struct Family {
    /// How its samples add up here.
    pub(super) kind: Kind,
    /// One; of a rate two, the hits' and the samples'.
    pub(super) names: Vec<String>,
    /// What it is for.
    pub(super) help: String,
    /// `seconds`, `bytes`, or nothing.
    pub(super) unit: &'static str,
    /// What a trend's stored integers are multiplied by.
    pub(super) scale: f64,
}

/// How metrics and tags are called.
#[derive(Debug)]
pub(super) struct Naming {
    prefix: String,
    has_run_id: bool,
    fixed: Vec<(String, String)>,
    declared: Vec<Metric>,
    families: BTreeMap<Arc<str>, Arc<Family>>,
    used: BTreeSet<String>,
}

impl Naming {
    /// As the options say.
    pub(super) fn new(place: &Place) -> Result<Self, OutputError> {
        let prefix = place.option("prefix").unwrap_or(PREFIX);
        if !prefix.is_empty() && !is_name(prefix) {
            return Err(place.wrong(
                "prefix",
                prefix,
                "is no beginning of a name: write letters, digits and `_`",
            ));
        }
        let mut fixed = Vec::new();
        for label in place.option("labels").unwrap_or_default().split(';').filter(|label| !label.is_empty()) {
            match label.split_once(':') {
                Some((name, value)) if is_label(name) && !value.is_empty() => {
                    fixed.push((name.to_owned(), value.to_owned()));
                }
                _ => {
                    let why = "is no list of labels: write `name:value;name2:value2`, names of letters, digits and `_`";
                    return Err(place.wrong("labels", label, why));
                }
            }
        }
        let has_run_id = match place.option("run_id") {
            None => true,
            Some(_) => place.is_on("run_id")?,
        };
        let prefix = match prefix {
            "" => String::new(),
            prefix => format!("{}_", prefix.trim_end_matches('_')),
        };
        Ok(Self {
            prefix,
            has_run_id,
            fixed,
            declared: Vec::new(),
            families: BTreeMap::new(),
            used: BTreeSet::new(),
        })
    }

    /// What the run adds: its labels, and the units of its metrics. What the options say wins.
    pub(super) fn begin(&mut self, run: &Played) {
        self.declared.clone_from(&run.plan.metrics);
        let id = run.id.clone().filter(|_| self.has_run_id);
        for (name, value) in [("script", Some(run.script_name.clone())), ("run_id", id)] {
            if let Some(value) = value.filter(|value| !value.is_empty())
                && !self.fixed.iter().any(|(known, _)| known == name)
            {
                self.fixed.push((name.to_owned(), value));
            }
        }
    }

    /// The metric's family; the same one each time.
    pub(super) fn family(&mut self, metric: &Arc<str>, kind: Kind) -> Arc<Family> {
        if let Some(known) = self.families.get(metric) {
            return Arc::clone(known);
        }
        let declared = self.declared.iter().find(|declared| declared.name == *metric);
        let unit = builtin(metric).map(|builtin| builtin.unit).or(declared.map(|declared| declared.unit));
        let is_time = unit == Some(Unit::Time);
        let help =
            builtin(metric).map_or_else(|| format!("{kind} of the script"), |known| known.about.to_owned());
        let unit = match unit {
            Some(Unit::Time) if kind == Kind::Trend => "seconds",
            Some(Unit::Bytes) => "bytes",
            _ => "",
        };
        let base = format!("{}{}", self.prefix, plain(metric));
        let base = if base.starts_with(|c: char| c.is_ascii_digit()) { format!("_{base}") } else { base };
        let mut count = 1;
        let names = loop {
            let base = if count == 1 { base.clone() } else { format!("{base}_{count}") };
            let (names, claimed) = names_of(&base, kind, is_time);
            if claimed.iter().all(|name| !self.used.contains(name)) {
                self.used.extend(claimed);
                break names;
            }
            count += 1;
        };
        let scale = if is_time { 1e-6 } else { 1e-3 };
        let family = Arc::new(Family { kind, names, help, unit, scale });
        self.families.insert(Arc::clone(metric), Arc::clone(&family));
        family
    }

    /// A series' labels, sorted, each name once. Of tags whose names become alike the values are joined by `;`, as
    /// OpenTelemetry does; a tag named as one of the run's own labels has `tag_` in front.
    pub(super) fn labels(&self, tags: &TagSet) -> Vec<(String, String)> {
        let mut labels: BTreeMap<String, String> = self.fixed.iter().cloned().collect();
        let mut own: BTreeMap<String, String> = BTreeMap::new();
        for (tag, value) in tags.iter() {
            let mut name = plain(tag);
            if name.starts_with("__") || name.starts_with(|c: char| c.is_ascii_digit()) {
                name = format!("tag_{}", name.trim_start_matches('_'));
            }
            if RESERVED.contains(&name.as_str()) || labels.contains_key(&name) {
                name = format!("tag_{name}");
            }
            own.entry(name)
                .and_modify(|known| {
                    known.push(';');
                    known.push_str(value);
                })
                .or_insert_with(|| value.to_owned());
        }
        for (name, value) in own {
            labels.entry(name).or_insert(value);
        }
        labels.into_iter().collect()
    }
}

/// The names of a family, and all that nobody else may use then.
fn names_of(base: &str, kind: Kind, is_time: bool) -> (Vec<String>, Vec<String>) {
    match kind {
        Kind::Counter => {
            let name = format!("{}_total", base.strip_suffix("_total").unwrap_or(base));
            (vec![name.clone()], vec![name])
        }
        Kind::Gauge => (vec![base.to_owned()], vec![base.to_owned()]),
        Kind::Rate => {
            let names = vec![format!("{base}_hits_total"), format!("{base}_samples_total")];
            (names.clone(), names)
        }
        Kind::Trend => {
            let name = if is_time && !base.ends_with("_seconds") {
                format!("{base}_seconds")
            } else {
                base.to_owned()
            };
            let parts = ["", "_bucket", "_sum", "_count"].map(|part| format!("{name}{part}"));
            (vec![name], parts.into())
        }
    }
}

/// Letters, digits and `_`; each other character becomes one `_`.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect()
}

fn is_name(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit()) && !text.is_empty() && plain(text) == text
}

fn is_label(text: &str) -> bool {
    is_name(text) && !text.starts_with("__") && !RESERVED.contains(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::prometheus::remote_write;

    fn naming(options: &str) -> Result<Naming, OutputError> {
        Naming::new(&Place::parse(&remote_write::OUTPUT, &format!("http://a/{options}"))?)
    }

    fn names(naming: &mut Naming, metric: &str, kind: Kind) -> Vec<String> {
        naming.family(&Arc::from(metric), kind).names.clone()
    }

    #[test]
    fn names_say_kind_and_unit() {
        let mut naming = naming("").unwrap();
        assert_eq!(names(&mut naming, "http_reqs", Kind::Counter), ["runner_http_reqs_total"]);
        assert_eq!(names(&mut naming, "vus", Kind::Gauge), ["runner_vus"]);
        assert_eq!(
            names(&mut naming, "checks", Kind::Rate),
            ["runner_checks_hits_total", "runner_checks_samples_total"]
        );
        assert_eq!(
            names(&mut naming, "http_req_duration", Kind::Trend),
            ["runner_http_req_duration_seconds"]
        );
        assert_eq!(names(&mut naming, "basket.size", Kind::Trend), ["runner_basket_size"]);
    }

    #[test]
    fn metrics_that_become_alike_keep_names_of_their_own() {
        let mut naming = naming("#prefix=").unwrap();
        assert_eq!(names(&mut naming, "a-b", Kind::Gauge), ["a_b"]);
        assert_eq!(names(&mut naming, "a.b", Kind::Gauge), ["a_b_2"]);
        assert_eq!(names(&mut naming, "a-b", Kind::Gauge), ["a_b"], "and the same one each time");
        assert_eq!(names(&mut naming, "size", Kind::Trend), ["size"]);
        assert_eq!(
            names(&mut naming, "size_count", Kind::Gauge),
            ["size_count_2"],
            "a histogram has that one"
        );
        assert_eq!(names(&mut naming, "2fast", Kind::Gauge), ["_2fast"]);
        assert_eq!(names(&mut naming, "jobs_total", Kind::Counter), ["jobs_total"]);
    }

    #[test]
    fn labels_are_sorted_and_unique() {
        let naming = naming("#labels=env:ci;Team:a:b").unwrap();
        let tags = TagSet::from_pairs([
            ("name", "/a"),
            ("x-y", "1"),
            ("x.y", "2"),
            ("env", "mine"),
            ("le", "5"),
            ("__name__", "n"),
            ("0", "zero"),
        ]);
        let labels = naming.labels(&tags);
        let pairs: Vec<_> = labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(
            pairs,
            [
                ("Team", "a:b"),
                ("env", "ci"),
                ("name", "/a"),
                ("tag_0", "zero"),
                ("tag_env", "mine"),
                ("tag_le", "5"),
                ("tag_name__", "n"),
                ("x_y", "1;2"),
            ]
        );
    }

    #[test]
    fn wrong_options_say_what_is_right() {
        for wrong in
            ["#prefix=a-b", "#prefix=1a", "#labels=env", "#labels=__x:1", "#labels=le:1", "#run_id=x"]
        {
            assert!(naming(wrong).is_err(), "{wrong}");
        }
        assert_eq!(names(&mut naming("#prefix=k6_").unwrap(), "vus", Kind::Gauge), ["k6_vus"]);
    }
}
