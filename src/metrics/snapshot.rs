//! What was recorded in a second, or in many: series sorted by metric and tags.
//!
//! Two operations make one snapshot of several, and neither loses a count, a share or a bucket:
//! [`Snapshot::join`] takes the same second's snapshot of another worker, [`Snapshot::append`] a later
//! second's. So join the workers first, then append the second to the total: only gauges mind the order.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::builtin::join_of;
use super::wire::Raw;
use super::{KindMismatch, Overflow, SERIES_MAX, Selector, TagSet, Trend, Value};

/// One series of a snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its metric.
    pub metric: Arc<str>,
    /// Its tags.
    pub tags: TagSet,
    /// What was recorded.
    pub value: Value,
}

impl Series {
    pub(super) fn key(&self) -> (&str, &TagSet) {
        (&self.metric, &self.tags)
    }
}

/// What a reader of the numbers must know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Warning {
    /// More than [`SERIES_MAX`] series: the rest is counted under `name:__other__`.
    SeriesCap,
    /// A metric came with two kinds; the later ones' samples are lost.
    KindMismatch {
        /// Which metric.
        metric: Arc<str>,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SeriesCap => write!(
                f,
                "more than {SERIES_MAX} series: further ones are counted together under `name:__other__`"
            ),
            Self::KindMismatch { metric } => {
                write!(f, "`{metric}` came with two kinds: the samples of the second are not counted")
            }
        }
    }
}

/// Series sorted by metric and tags, each once.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "Raw")]
pub struct Snapshot {
    /// The second since the epoch that it belongs to, or the last of them.
    pub tick: u64,
    /// What a reader of the numbers must know.
    pub warnings: BTreeSet<Warning>,
    series: Vec<Series>,
    /// What series past the cap keep of their tags; a stored one doesn't tell.
    overflow: Option<Arc<Overflow>>,
}

/// What was recorded is compared, not what would become of more.
impl PartialEq for Snapshot {
    fn eq(&self, other: &Self) -> bool {
        (self.tick, &self.warnings, &self.series) == (other.tick, &other.warnings, &other.series)
    }
}

impl Snapshot {
    /// An empty one.
    pub fn new(tick: u64) -> Self {
        Self { tick, ..Self::default() }
    }

    /// From series that are sorted and distinct already.
    pub(super) fn from_sorted(tick: u64, series: Vec<Series>, warnings: BTreeSet<Warning>) -> Self {
        debug_assert!(series.is_sorted_by(|a, b| a.key() < b.key()));
        Self { tick, warnings, series, overflow: None }
    }

    /// Tells series past the cap apart by what targets ask for.
    #[must_use]
    pub fn with_overflow(self, overflow: &Arc<Overflow>) -> Self {
        Self { overflow: Some(Arc::clone(overflow)), ..self }
    }

    /// Adds the same second's snapshot of another worker: commutative and associative. Gauges add or
    /// keep the largest, by their metric's [`super::Join`] rule.
    pub fn join(&mut self, other: Self) {
        let Self { tick, warnings, series, overflow } = other;
        let series = series.into_iter().map(Cow::Owned);
        self.combine((tick, warnings, overflow), series, |mine, theirs, metric| {
            mine.join(theirs, join_of(metric))
        });
    }

    /// Adds a later second's snapshot: associative. Gauges take the later value and widen their extremes.
    ///
    /// Borrowed, since who adds a second to a total goes on to show it: only series that are new are copied.
    pub fn append(&mut self, later: &Self) {
        let head = (later.tick, later.warnings.clone(), later.overflow.clone());
        let series = later.series.iter().map(Cow::Borrowed);
        self.combine(head, series, |mine, theirs, _| mine.append(theirs));
    }

    /// The memory that the distributions of both take once a later second is appended: who reads what others wrote asks first.
    pub fn weight_bytes_with(&self, later: &Self) -> u64 {
        let none = Trend::default();
        let weigh = |one: Option<&Value>, two: Option<&Value>| match (one, two) {
            (Some(Value::Trend(one)), Some(Value::Trend(two))) => one.weight_bytes_with(two),
            (Some(Value::Trend(one)), _) | (_, Some(Value::Trend(one))) => one.weight_bytes_with(&none),
            _ => 0,
        };
        let (mut sum, mut mine) = (0_u64, self.series.iter().peekable());
        // Both are sorted.
        for theirs in &later.series {
            while let Some(before) = mine.next_if(|mine| mine.key() < theirs.key()) {
                sum = sum.saturating_add(weigh(Some(&before.value), None));
            }
            let same = mine.next_if(|mine| mine.key() == theirs.key()).map(|mine| &mine.value);
            sum = sum.saturating_add(weigh(same, Some(&theirs.value)));
        }
        mine.fold(sum, |sum, rest| sum.saturating_add(weigh(Some(&rest.value), None)))
    }

    fn combine<'a>(
        &mut self,
        (tick, warnings, overflow): (u64, BTreeSet<Warning>, Option<Arc<Overflow>>),
        series: impl Iterator<Item = Cow<'a, Series>>,
        merge: impl Fn(&mut Value, &Value, &str) -> Result<(), KindMismatch>,
    ) {
        self.tick = self.tick.max(tick);
        self.warnings.extend(warnings);
        // One that was made for no targets, such as the host's, knows less than any other.
        let own = self.overflow.take().filter(|own| **own != Overflow::default());
        let overflow_of = own.or(overflow).unwrap_or_default();
        self.overflow = Some(Arc::clone(&overflow_of));
        let mut room = SERIES_MAX.saturating_sub(self.own_series());
        let (mut fresh, mut beyond) = (Vec::new(), Vec::new());
        let mut from = 0; // both are sorted: what is sought next lies behind what was found last
        for theirs in series {
            match self.series[from..].binary_search_by(|mine| mine.key().cmp(&theirs.key())) {
                Ok(at) => {
                    from += at;
                    self.merge_at(from, &theirs, &merge);
                }
                Err(at) => {
                    from += at;
                    if overflow_of.is_collapsed(&theirs.metric, &theirs.tags) {
                        fresh.push(theirs.into_owned());
                    } else if room > 0 {
                        room -= 1;
                        fresh.push(theirs.into_owned());
                    } else {
                        beyond.push(theirs.into_owned());
                    }
                }
            }
        }
        if !fresh.is_empty() {
            self.series.append(&mut fresh);
            self.series.sort_by(|a, b| a.key().cmp(&b.key())); // two sorted runs: linear
        }
        for mut theirs in beyond {
            self.warnings.insert(Warning::SeriesCap);
            theirs.tags = overflow_of.collapse(&theirs.metric, &theirs.tags);
            match self.series.binary_search_by(|mine| mine.key().cmp(&theirs.key())) {
                Ok(at) => self.merge_at(at, &theirs, &merge),
                Err(at) => self.series.insert(at, theirs),
            }
        }
    }

    fn merge_at(
        &mut self,
        at: usize,
        theirs: &Series,
        merge: impl Fn(&mut Value, &Value, &str) -> Result<(), KindMismatch>,
    ) {
        if merge(&mut self.series[at].value, &theirs.value, &theirs.metric).is_err() {
            self.warnings.insert(Warning::KindMismatch { metric: Arc::clone(&theirs.metric) });
        }
    }

    /// How many series count towards the cap.
    pub(super) fn own_series(&self) -> usize {
        let is_collapsed = |series: &Series| {
            let overflow = self.overflow.as_deref();
            overflow.unwrap_or(&Overflow::default()).is_collapsed(&series.metric, &series.tags)
        };
        self.series.iter().filter(|series| !is_collapsed(series)).count()
    }

    /// All series that match, joined as one value; none when nothing matches.
    pub fn select(&self, selector: &Selector) -> Option<Value> {
        let mut all: Option<Value> = None;
        for series in self.of(&selector.metric).filter(|series| selector.matches_tags(&series.tags)) {
            match &mut all {
                None => all = Some(series.value.clone()),
                // A metric has one kind within a recorder, and mismatches of others are warned of on merge.
                Some(value) => _ = value.join(&series.value, join_of(&selector.metric)),
            }
        }
        all
    }

    /// The value of one series.
    pub fn get(&self, metric: &str, tags: &TagSet) -> Option<&Value> {
        let at = self.series.binary_search_by(|series| series.key().cmp(&(metric, tags))).ok()?;
        Some(&self.series[at].value)
    }

    /// All series, sorted by metric and tags.
    pub fn iter(&self) -> std::slice::Iter<'_, Series> {
        self.series.iter()
    }

    /// The series of one metric, sorted by tags.
    pub fn of(&self, metric: &str) -> std::slice::Iter<'_, Series> {
        let start = self.series.partition_point(|series| &*series.metric < metric);
        let length = self.series[start..].partition_point(|series| &*series.metric == metric);
        self.series[start..start + length].iter()
    }

    /// How many series.
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }
}

impl<'a> IntoIterator for &'a Snapshot {
    type Item = &'a Series;
    type IntoIter = std::slice::Iter<'a, Series>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests;
