//! Other texts in a snapshot's names and tags: what must not leave the process is hidden in them. Series that
//! become alike are joined, so that no sample is lost.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::builtin::{builtin, join_of};
use super::{Series, Snapshot, TagSet, Value, Warning};

impl Snapshot {
    /// The same with each text replaced for which `hide` has another; the names of built-in metrics stay.
    #[must_use]
    pub fn relabelled(&self, hide: impl Fn(&str) -> Option<String>) -> Self {
        self.shown(hide).into_owned()
    }

    /// The same without a copy where nothing is hidden: a run's total may be large.
    pub fn shown(&self, hide: impl Fn(&str) -> Option<String>) -> Cow<'_, Self> {
        let mut texts: BTreeMap<Arc<str>, Option<Arc<str>>> = BTreeMap::new();
        let mut other = |text: &Arc<str>| -> Option<Arc<str>> {
            texts.entry(Arc::clone(text)).or_insert_with(|| hide(text).map(Arc::from)).clone()
        };
        let mut changed: Vec<Option<(Arc<str>, TagSet)>> = Vec::with_capacity(self.len());
        for series in self {
            let metric = if builtin(&series.metric).is_some() { None } else { other(&series.metric) };
            let pairs: Vec<_> = series
                .tags
                .pairs()
                .iter()
                .map(|(key, value)| (key, value, other(key), other(value)))
                .collect();
            let is_same = pairs.iter().all(|(.., key, value)| key.is_none() && value.is_none());
            changed.push((metric.is_some() || !is_same).then(|| {
                let tags = pairs.into_iter().map(|(key, value, other_key, other_value)| {
                    let or =
                        |text: &Arc<str>, other: Option<Arc<str>>| other.unwrap_or_else(|| Arc::clone(text));
                    (or(key, other_key), or(value, other_value))
                });
                (metric.unwrap_or_else(|| Arc::clone(&series.metric)), TagSet::from_pairs(tags))
            }));
        }
        if changed.iter().all(Option::is_none) {
            return Cow::Borrowed(self);
        }
        let all = self.iter().zip(changed).map(|(series, changed)| match changed {
            None => series.clone(),
            Some((metric, tags)) => Series { metric, tags, value: series.value.clone() },
        });
        Cow::Owned(self.joined(all.collect()))
    }

    /// The same with other tags; a series keeps its metric and all of its samples.
    #[must_use]
    pub fn retagged(&self, other: impl Fn(&TagSet) -> TagSet) -> Self {
        let series = |series: &Series| Series { tags: other(&series.tags), ..series.clone() };
        self.joined(self.iter().map(series).collect())
    }

    /// Series that became alike are one.
    fn joined(&self, mut all: Vec<Series>) -> Self {
        all.sort_by(|one, two| one.key().cmp(&two.key()));
        let mut warnings = self.warnings.clone();
        let mut joined: Vec<Series> = Vec::with_capacity(all.len());
        for series in all {
            match joined.last_mut() {
                Some(last) if last.key() == series.key() => {
                    if last.value.join(&series.value, join_of(&series.metric)).is_err() {
                        warnings.insert(Warning::KindMismatch { metric: Arc::clone(&series.metric) });
                    }
                }
                _ => joined.push(series),
            }
        }
        Self::from_sorted(self.tick, joined, warnings)
    }
}

impl Value {
    /// How many samples it holds; of a counter or a gauge, which don't tell, one.
    pub fn samples(&self) -> u64 {
        match self {
            Self::Counter(_) | Self::Gauge { .. } => 1,
            Self::Rate { total, .. } => *total,
            Self::Trend(trend) => trend.count(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Recorder, Selector};

    fn snapshot(names: &[&str]) -> Snapshot {
        let mut recorder = Recorder::new(&[]);
        let (trend, _) = recorder.metric("http_req_duration").unwrap();
        for (at, name) in names.iter().enumerate() {
            let series = recorder.series(trend, &TagSet::from_pairs([("name", *name), ("method", "GET")]));
            recorder.trend_us(series, 1_000 * (at as u64 + 1));
        }
        recorder.take(7)
    }

    #[test]
    fn what_is_hidden_is_hidden_and_no_sample_is_lost() {
        let plain = snapshot(&["/a?k=hunter2", "/a?k=hunter3", "/b"]);
        let hidden = plain.relabelled(|text| text.starts_with("/a?k=").then(|| "/a?k=***".to_owned()));
        let names: Vec<_> = hidden.iter().map(|series| series.tags.get("name").unwrap()).collect();
        assert_eq!(names, ["/a?k=***", "/b"], "series that became alike are one");
        let all = Selector::all("http_req_duration");
        assert_eq!(hidden.select(&all), plain.select(&all));
        assert_eq!(hidden.tick, 7);
        assert_eq!(hidden.of("http_req_duration").next().unwrap().value.samples(), 2);
    }

    #[test]
    fn a_tag_is_hidden_too_and_a_built_in_metric_is_not() {
        let hidden = snapshot(&["/b"]).relabelled(|text| Some(format!("x{text}")));
        let series = hidden.iter().next().unwrap();
        assert_eq!(&*series.metric, "http_req_duration");
        assert_eq!(series.tags.to_string(), "{xmethod:xGET,xname:x/b}");
    }

    #[test]
    fn series_that_differed_in_a_tag_that_is_gone_are_one() {
        let plain = snapshot(&["/a", "/b"]);
        let bare = plain.retagged(|tags| tags.with("name", "").with("build", "7"));
        assert_eq!(bare.len(), 1);
        assert_eq!(bare.iter().next().unwrap().tags.to_string(), "{build:7,method:GET}");
        let all = Selector::all("http_req_duration");
        assert_eq!(bare.select(&all), plain.select(&all));
        assert_eq!(plain.retagged(Clone::clone), plain);
    }

    #[test]
    fn without_anything_to_hide_it_is_the_same() {
        let plain = snapshot(&["/a", "/b"]);
        assert_eq!(plain.relabelled(|_| None), plain);
    }
}
