//! Samples as they are sent on, without secrets: a tag set that was seen before is looked up.

use std::borrow::Cow;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::diagnostic::Mask;
use crate::metrics::{Batch, Measured, Sample, TagSet, builtin};
use crate::results::Labels;

/// Tag sets that are remembered: twice as many as there are series.
const KNOWN_MAX: usize = 20_000;

/// What is known of the texts of one run.
#[derive(Default)]
pub(super) struct Hidden {
    tags: FxHashMap<TagSet, TagSet>,
    metrics: FxHashMap<Arc<str>, Arc<str>>,
}

impl Hidden {
    /// The batch without what the mask hides, with the tags that are sent.
    pub(super) fn samples<'a>(&mut self, batch: &'a Batch<Sample>, labels: &Labels) -> Cow<'a, [Sample]> {
        let mask = labels.mask();
        if mask.is_empty() && !labels.changes() {
            return Cow::Borrowed(batch);
        }
        let hidden = batch.iter().map(|sample| {
            let mut sample = sample.clone();
            sample.tags = self.tags(&sample.tags, labels);
            if let Measured::Number(figure) = &mut sample.measured
                && builtin(&figure.metric).is_none()
            {
                figure.metric = self.metric(&figure.metric, mask);
            }
            sample
        });
        Cow::Owned(hidden.collect())
    }

    fn tags(&mut self, tags: &TagSet, labels: &Labels) -> TagSet {
        if let Some(known) = self.tags.get(tags) {
            return known.clone();
        }
        let masked = |text| labels.mask().mask(text);
        let hidden =
            labels.of(&TagSet::from_pairs(tags.iter().map(|(key, value)| (masked(key), masked(value)))));
        if self.tags.len() >= KNOWN_MAX {
            self.tags.clear();
        }
        self.tags.insert(tags.clone(), hidden.clone());
        hidden
    }

    fn metric(&mut self, metric: &Arc<str>, mask: &Mask) -> Arc<str> {
        let hidden = self.metrics.entry(Arc::clone(metric));
        Arc::clone(hidden.or_insert_with(|| match mask.mask(metric) {
            Cow::Borrowed(_) => Arc::clone(metric),
            Cow::Owned(masked) => masked.into(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Figure, Kind};
    use crate::plan::{Options, RunOptions, Value};

    #[test]
    fn secrets_are_gone_and_all_else_stays() {
        let mask = Mask::default();
        let sample = |metric: &str, name: &str| Sample {
            at_unix_ns: 5,
            tags: TagSet::from_pairs([("name", name)]),
            measured: Measured::Number(Figure {
                metric: metric.into(),
                kind: Kind::Counter,
                value: 1.0,
                total: 1,
                at_least: false,
            }),
        };
        let batch: Batch<Sample> = Arc::new(vec![
            sample("checks", "/a?key=hunter22"),
            sample("of_hunter22", "/b"),
            sample("of_hunter22", "/b"),
        ]);
        let mut hidden = Hidden::default();
        let labels = Labels::new(&RunOptions::default(), &mask);
        assert!(matches!(hidden.samples(&batch, &labels), Cow::Borrowed(_)));
        mask.hide("hunter22");
        let expected = [sample("checks", "/a?key=***"), sample("of_***", "/b"), sample("of_***", "/b")];
        assert_eq!(*hidden.samples(&batch, &labels), expected);
    }

    #[test]
    fn system_tags_that_nobody_asked_for_are_gone() {
        let options = Options::from([("system_tags".to_owned(), Value::Text("name".to_owned()))]);
        let labels = Labels::new(&RunOptions::from_options(&options).unwrap().0, &Mask::default());
        let sample = |pairs: &[(&'static str, &'static str)]| Sample {
            at_unix_ns: 5,
            tags: TagSet::from_pairs(pairs.iter().copied()),
            measured: Measured::Number(Figure {
                metric: "checks".into(),
                kind: Kind::Rate,
                value: 1.0,
                total: 1,
                at_least: false,
            }),
        };
        let batch = Arc::new(vec![sample(&[("name", "/a"), ("check", "is up"), ("team", "shop")])]);
        let sent = Hidden::default().samples(&batch, &labels).into_owned();
        assert_eq!(sent, [sample(&[("name", "/a"), ("team", "shop")])]);
    }
}
