//! A snapshot as it is stored and sent: each text and each tag set once, series by their numbers. The 13
//! series of a request share their tags, so this is a tenth of the naive form. Bytes may come from
//! another machine: indexes, order, limits and numbers are all checked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use super::histogram::RawTrend;
use super::pile;
use super::{BUILTINS, OVERFLOW_MAX, SERIES_MAX, Series, Snapshot, TagSet, Value, Warning};

/// How many series a snapshot may bring: the cap, what targets tell apart past it, and some that are few for each
/// metric (`__other__`, those without tags, `clamped_values`), of which nobody declares more than 1,000. The rest is
/// for statuses and errors, of which each request's counters have one.
const WIRE_SERIES_MAX: usize = SERIES_MAX + OVERFLOW_MAX + 3 * (BUILTINS.len() + 1_000) + 6_000;

/// The memory that the distributions of one snapshot may ask for: ten thousand full ones of a run whose times are below a second. Bytes
/// that ask for more are few, and no run's.
pub(super) const WIRE_WEIGHT_BYTES_MAX: u64 = 1 << 30;

/// A snapshot with its texts and tag sets pulled out; numbers are indexes.
#[derive(Serialize)]
struct Wire<'a> {
    tick: u64,
    warnings: &'a BTreeSet<Warning>,
    texts: Vec<&'a str>,
    tag_sets: Vec<Vec<(u32, u32)>>,
    series: Vec<(u32, u32, &'a Value)>,
}

/// The same as it is read: values unchecked and without histograms, so that a few bytes can't ask for
/// gigabytes before the number of series is known to be allowed.
#[derive(Deserialize)]
pub(super) struct Raw {
    tick: u64,
    warnings: BTreeSet<Warning>,
    texts: Vec<Arc<str>>,
    tag_sets: Vec<Vec<(u32, u32)>>,
    series: Vec<(u32, u32, RawValue)>,
}

/// [`Value`], variant for variant.
#[derive(Deserialize)]
enum RawValue {
    Counter(f64),
    Gauge { last: f64, min: f64, max: f64 },
    Rate { hits: u64, total: u64 },
    Trend(Box<RawTrend>),
}

impl TryFrom<RawValue> for Value {
    type Error = pile::Malformed;

    fn try_from(raw: RawValue) -> Result<Self, pile::Malformed> {
        Ok(match raw {
            RawValue::Counter(sum) => Self::Counter(sum),
            RawValue::Gauge { last, min, max } => Self::Gauge { last, min, max },
            RawValue::Rate { hits, total } => Self::Rate { hits, total },
            RawValue::Trend(trend) => Self::Trend(Box::new((*trend).try_into()?)),
        })
    }
}

/// Numbers things by their first appearance.
struct Table<T> {
    index: BTreeMap<T, u32>,
    all: Vec<T>,
}

impl<T: Ord + Copy> Table<T> {
    fn new() -> Self {
        Self { index: BTreeMap::new(), all: Vec::new() }
    }

    fn number(&mut self, thing: T) -> u32 {
        if let Some(&known) = self.index.get(&thing) {
            return known;
        }
        let number = u32::try_from(self.all.len()).expect("series are capped far below u32::MAX");
        self.index.insert(thing, number);
        self.all.push(thing);
        number
    }
}

impl Serialize for Snapshot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (mut texts, mut tag_sets) = (Table::<&str>::new(), Table::<&TagSet>::new());
        let series = self
            .iter()
            .map(|series| (texts.number(&series.metric), tag_sets.number(&series.tags), &series.value))
            .collect();
        let tag_sets = tag_sets
            .all
            .iter()
            .map(|tags| tags.iter().map(|(key, value)| (texts.number(key), texts.number(value))).collect())
            .collect();
        Wire { tick: self.tick, warnings: &self.warnings, texts: texts.all, tag_sets, series }
            .serialize(serializer)
    }
}

/// Why stored bytes are no snapshot.
#[derive(Debug, thiserror::Error)]
pub(super) enum Malformed {
    #[error("the snapshot has {0} series, {WIRE_SERIES_MAX} are allowed")]
    TooMany(usize),
    #[error("the snapshot's distributions take {0} bytes of memory, {WIRE_WEIGHT_BYTES_MAX} are allowed")]
    TooLarge(u64),
    #[error("the snapshot names a text or tag set that it doesn't hold")]
    Index,
    #[error("the snapshot's series are not in order")]
    Order,
    #[error("a value of `{0}` is out of range")]
    Value(Arc<str>),
    #[error(transparent)]
    Trend(#[from] pile::Malformed),
}

impl TryFrom<Raw> for Snapshot {
    type Error = Malformed;

    fn try_from(wire: Raw) -> Result<Self, Malformed> {
        if wire.series.len() > WIRE_SERIES_MAX {
            return Err(Malformed::TooMany(wire.series.len()));
        }
        let weight_bytes = wire.series.iter().fold(0_u64, |sum, (.., value)| match value {
            RawValue::Trend(trend) => sum.saturating_add(trend.weight_bytes()),
            _ => sum,
        });
        if weight_bytes > WIRE_WEIGHT_BYTES_MAX {
            return Err(Malformed::TooLarge(weight_bytes));
        }
        let text = |number: u32| wire.texts.get(number as usize).cloned().ok_or(Malformed::Index);
        let mut tag_sets = Vec::with_capacity(wire.tag_sets.len());
        for pairs in &wire.tag_sets {
            let pairs: Vec<_> = pairs
                .iter()
                .map(|&(key, value)| Ok((text(key)?, text(value)?)))
                .collect::<Result<_, Malformed>>()?;
            tag_sets.push(TagSet::from(pairs));
        }
        let mut series: Vec<Series> = Vec::with_capacity(wire.series.len());
        for (metric, tags, value) in wire.series {
            let metric = text(metric)?;
            let tags = tag_sets.get(tags as usize).cloned().ok_or(Malformed::Index)?;
            let value = Value::try_from(value)?;
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
