//! A snapshot as it is stored and sent: each text and each tag set once, series by their numbers. The 13
//! series of a request share their tags, so this is a tenth of the naive form. Bytes may come from
//! another machine: indexes, order, limits and numbers are all checked.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{BUILTINS, SERIES_MAX, Series, Snapshot, TagSet, Value, Warning};

/// How many series a snapshot may bring: the cap, and an `__other__` for each metric, of which nobody
/// declares more than this.
const WIRE_SERIES_MAX: usize = SERIES_MAX + BUILTINS.len() + 1_000;

/// A snapshot with its texts and tag sets pulled out; numbers are indexes.
#[derive(Serialize, Deserialize)]
pub(super) struct Wire {
    tick: u64,
    warnings: BTreeSet<Warning>,
    texts: Vec<Arc<str>>,
    tag_sets: Vec<Vec<(u32, u32)>>,
    series: Vec<(u32, u32, Value)>,
}

/// Numbers things by their first appearance.
struct Table<T> {
    index: std::collections::BTreeMap<T, u32>,
    all: Vec<T>,
}

impl<T: Ord + Clone> Table<T> {
    fn new() -> Self {
        Self { index: std::collections::BTreeMap::new(), all: Vec::new() }
    }

    fn number(&mut self, thing: &T) -> u32 {
        if let Some(&known) = self.index.get(thing) {
            return known;
        }
        let number = u32::try_from(self.all.len()).expect("series are capped far below u32::MAX");
        self.index.insert(thing.clone(), number);
        self.all.push(thing.clone());
        number
    }
}

impl From<Snapshot> for Wire {
    fn from(snapshot: Snapshot) -> Self {
        let (mut texts, mut tag_sets) = (Table::<Arc<str>>::new(), Table::<TagSet>::new());
        let series = snapshot
            .iter()
            .map(|series| (texts.number(&series.metric), tag_sets.number(&series.tags), series.value.clone()))
            .collect();
        let tag_sets = tag_sets
            .all
            .iter()
            .map(|tags| {
                tags.pairs().iter().map(|(key, value)| (texts.number(key), texts.number(value))).collect()
            })
            .collect();
        Self { tick: snapshot.tick, warnings: snapshot.warnings, texts: texts.all, tag_sets, series }
    }
}

/// Why stored bytes are no snapshot.
#[derive(Debug, thiserror::Error)]
pub(super) enum Malformed {
    #[error("the snapshot has {0} series, {WIRE_SERIES_MAX} are allowed")]
    TooMany(usize),
    #[error("the snapshot names a text or tag set that it doesn't hold")]
    Index,
    #[error("the snapshot's series are not in order")]
    Order,
    #[error("a value of `{0}` is out of range")]
    Value(Arc<str>),
}

impl TryFrom<Wire> for Snapshot {
    type Error = Malformed;

    fn try_from(wire: Wire) -> Result<Self, Malformed> {
        if wire.series.len() > WIRE_SERIES_MAX {
            return Err(Malformed::TooMany(wire.series.len()));
        }
        let text = |number: u32| wire.texts.get(number as usize).cloned().ok_or(Malformed::Index);
        let mut tag_sets = Vec::with_capacity(wire.tag_sets.len());
        for pairs in &wire.tag_sets {
            let pairs: Vec<_> =
                pairs.iter().map(|&(key, value)| Ok((text(key)?, text(value)?))).collect::<Result<_, _>>()?;
            tag_sets.push(TagSet::from(pairs));
        }
        let mut series: Vec<Series> = Vec::with_capacity(wire.series.len());
        for (metric, tags, value) in wire.series {
            let metric = text(metric)?;
            let tags = tag_sets.get(tags as usize).cloned().ok_or(Malformed::Index)?;
            if !value.is_sound() {
                return Err(Malformed::Value(metric));
            }
            if series.last().is_some_and(|last| (&last.metric, &last.tags) >= (&metric, &tags)) {
                return Err(Malformed::Order);
            }
            series.push(Series { metric, tags, value });
        }
        Ok(Self::from_sorted(wire.tick, series, wire.warnings))
    }
}
