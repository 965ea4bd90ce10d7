//! Samples without secrets: a tag set that was seen before is looked up.

use std::borrow::Cow;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::diagnostic::Mask;
use crate::metrics::{Batch, Measured, Sample, TagSet, builtin};

/// Tag sets that are remembered: twice as many as there are series.
const KNOWN_MAX: usize = 20_000;

/// What is known of the texts of one run.
#[derive(Default)]
pub(super) struct Hidden {
    tags: FxHashMap<TagSet, TagSet>,
    metrics: FxHashMap<Arc<str>, Arc<str>>,
}

impl Hidden {
    /// The batch without what the mask hides.
    pub(super) fn samples<'a>(&mut self, batch: &'a Batch<Sample>, mask: &Mask) -> Cow<'a, [Sample]> {
        if mask.is_empty() {
            return Cow::Borrowed(batch);
        }
        let hidden = batch.iter().map(|sample| {
            let mut sample = sample.clone();
            sample.tags = self.tags(&sample.tags, mask);
            if let Measured::Number(figure) = &mut sample.measured
                && builtin(&figure.metric).is_none()
            {
                figure.metric = self.metric(&figure.metric, mask);
            }
            sample
        });
        Cow::Owned(hidden.collect())
    }

    fn tags(&mut self, tags: &TagSet, mask: &Mask) -> TagSet {
        if let Some(known) = self.tags.get(tags) {
            return known.clone();
        }
        let hidden = TagSet::from_pairs(tags.iter().map(|(key, value)| (mask.mask(key), mask.mask(value))));
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
        assert!(matches!(hidden.samples(&batch, &mask), Cow::Borrowed(_)));
        mask.hide("hunter22");
        let expected = [sample("checks", "/a?key=***"), sample("of_***", "/b"), sample("of_***", "/b")];
        assert_eq!(*hidden.samples(&batch, &mask), expected);
    }
}
