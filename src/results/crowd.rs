//! What there was too much of, once there were more series than are kept apart: which tag of which metric, with
//! examples and what to do. Worked out once, of the run's total.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::metrics::{BUILTINS, OTHER, SERIES_MAX, Snapshot, Value};
use crate::units::format_count;

/// A tag with so many values that there was no room for all of their series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Crowd {
    metric: String,
    tag: String,
    /// How many values it has in the series that there was room for.
    values: usize,
    examples: Vec<String>,
    /// Another tag, and the number of its values, where both together made the crowd.
    with: Option<(String, usize)>,
    /// Samples of the metric that are counted together, and all of them.
    together: u64,
    all: u64,
    /// Whether ids in paths are folded already.
    folds_ids: bool,
}

impl Crowd {
    /// The metric with most series, and the tag of it with most values; nothing if no series has a tag.
    pub(super) fn of(total: &Snapshot, folds_ids: bool) -> Option<Self> {
        let mut series: BTreeMap<&str, usize> = BTreeMap::new();
        for own in total.iter().filter(|series| series.tags.get("name") != Some(OTHER)) {
            *series.entry(&own.metric).or_default() += 1;
        }
        let most = *series.values().max()?;
        // Of the metrics of a request, which all have as many, the one that the reference has first.
        let of_the_reference = BUILTINS.iter().map(|builtin| builtin.name);
        let metric =
            of_the_reference.chain(series.keys().copied()).find(|name| series.get(name) == Some(&most))?;
        let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let (mut together, mut all) = (0, 0);
        for own in total.of(metric) {
            let samples = samples(&own.value);
            all += samples;
            if own.tags.get("name") == Some(OTHER) {
                together += samples;
                continue;
            }
            for (tag, value) in own.tags.iter() {
                values.entry(tag).or_default().insert(value);
            }
        }
        // The URL differs where the name does.
        let mut tags: Vec<(&str, BTreeSet<&str>)> =
            values.into_iter().filter(|(tag, _)| *tag != "url").collect();
        tags.sort_by_key(|(_, values)| std::cmp::Reverse(values.len())); // stable: equal ones by name
        let (tag, values) = tags.first()?;
        let next = tags.get(1).map(|(tag, values)| ((*tag).to_owned(), values.len()));
        Some(Self {
            metric: metric.to_owned(),
            tag: (*tag).to_owned(),
            values: values.len(),
            examples: alike(values),
            with: next.filter(|_| values.len() < most / 2),
            together,
            all,
            folds_ids,
        })
    }

    fn remedy(&self) -> String {
        match self.tag.as_str() {
            "name" if self.metric.starts_with("http_") && !self.folds_ids => {
                "give the requests a `name`, or fold ids in paths by `fold_ids: true` (`--fold-ids`)"
                    .to_owned()
            }
            "name" => "give the requests a `name`".to_owned(),
            "check" => "give the check one name, without a value in it".to_owned(),
            "group" => "give the group one name, without a value in it".to_owned(),
            tag => format!("leave the tag `{tag}` out, or `metrics: #{{ drop: [\"{}\"] }}`", self.metric),
        }
    }
}

/// Two values that have most in common: of `/price`, `/users/17` and `/users/18` the last ones show what is wrong.
fn alike(values: &BTreeSet<&str>) -> Vec<String> {
    let common =
        |(one, other): &(&&str, &&str)| one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let pairs = values.iter().zip(values.iter().skip(1));
    // Of several the first, so that the same run says the same.
    let pair = pairs.reduce(|best, pair| if common(&pair) > common(&best) { pair } else { best });
    match pair {
        Some((one, other)) => vec![(*one).to_owned(), (*other).to_owned()],
        None => values.iter().map(|value| (*value).to_owned()).collect(),
    }
}

fn samples(value: &Value) -> u64 {
    match value {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count; saturates")]
        Value::Counter(sum) => *sum as u64,
        Value::Gauge { .. } => 1,
        Value::Rate { total, .. } => *total,
        Value::Trend(trend) => trend.count(),
    }
}

impl fmt::Display for Crowd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let examples: Vec<String> = self.examples.iter().map(|value| format!("`{value}`")).collect();
        write!(
            f,
            "more than {} series: `{}` has {} values of the tag `{}` ({}, …)",
            format_count(SERIES_MAX as u64),
            self.metric,
            format_count(self.values as u64),
            self.tag,
            examples.join(", ")
        )?;
        if let Some((tag, values)) = &self.with {
            write!(f, " and {} of `{tag}`", format_count(*values as u64))?;
        }
        write!(
            f,
            " and more; {} of its {} samples are counted together as `name:{OTHER}`; {}",
            format_count(self.together),
            format_count(self.all),
            self.remedy()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Kind, Metric, Recorder, TagSet, Unit};

    fn total(metric: &str, samples: usize, tags: impl Fn(usize) -> TagSet) -> Snapshot {
        let own = Metric { name: metric.into(), kind: Kind::Counter, unit: Unit::None };
        let mut recorder = Recorder::new(&[own]);
        let (id, _) = recorder.metric(metric).unwrap();
        for sample in 0..samples {
            let series = recorder.series(id, &tags(sample));
            recorder.add(series, 1.0);
        }
        recorder.take(1)
    }

    #[test]
    fn the_tag_with_most_values_is_named_with_examples_and_what_to_do() {
        let many = |n: usize| {
            TagSet::from_pairs([
                ("name", format!("/users/{n:05}")),
                ("url", format!("http://h/users/{n:05}")),
            ])
        };
        let urls = total("http_reqs", SERIES_MAX + 500, many);
        let text = Crowd::of(&urls, false).unwrap().to_string();
        assert_eq!(
            text,
            "more than 10,000 series: `http_reqs` has 10,000 values of the tag `name` (`/users/00000`, `/users/00001`, …) \
             and more; 500 of its 10,500 samples are counted together as `name:__other__`; give the requests a `name`, \
             or fold ids in paths by `fold_ids: true` (`--fold-ids`)"
        );
        assert!(Crowd::of(&urls, true).unwrap().to_string().ends_with("; give the requests a `name`"));
    }

    #[test]
    fn tags_that_multiply_are_both_named() {
        let many = |n: usize| {
            TagSet::from_pairs([("user", format!("{}", n % 150)), ("item", format!("{}", n / 150))])
        };
        let text = Crowd::of(&total("sold", 150 * 150, many), false).unwrap().to_string();
        assert!(text.contains("`sold` has 150 values of the tag `user`"), "{text}");
        assert!(text.contains(" and 67 of `item` and more; 12,500 of its 22,500 samples"), "{text}");
        assert!(text.ends_with("; leave the tag `user` out, or `metrics: #{ drop: [\"sold\"] }`"), "{text}");
    }

    #[test]
    fn without_tags_there_is_no_crowd() {
        assert_eq!(Crowd::of(&Snapshot::default(), false), None);
        assert_eq!(Crowd::of(&total("sold", 3, |_| TagSet::default()), false), None);
    }
}
