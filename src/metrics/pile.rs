//! A pile of integers: exact values while there are few, a histogram once there are many.
//!
//! Invariant: the body is a list exactly when it holds at most [`LIST_MAX`] values. So equal samples make
//! equal piles, whatever the order and the path of merging. Count, sum, smallest and largest are exact.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize, Serializer};

use super::histogram::STORED_MAX;

/// Up to here a pile is a list: 1 KB at most, where a histogram starts at 16 KB.
pub(super) const LIST_MAX: usize = 128;

/// Three significant digits: values up to 2,047 exact, then buckets of at most 1/1,024 of their value.
const SIGNIFICANT_DIGITS: u8 = 3;

/// The one constructor: piles may be added because all have this configuration.
fn histogram() -> Histogram<u64> {
    Histogram::new(SIGNIFICANT_DIGITS).expect("three digits are within 0..=5")
}

fn put(histogram: &mut Histogram<u64>, value: u64, times: u64) {
    histogram.record_n(value, times).expect("a resizing histogram takes all that is below STORED_MAX");
}

/// Memory of a pile of so many values, the largest of which is that: a list's, or a histogram's, which doubles its range with
/// each 1,024 buckets behind the first 2,048.
fn weight_bytes(count: u64, max: u64) -> u64 {
    const BUCKET_BYTES: u64 = 8;
    if count <= LIST_MAX as u64 {
        return count * BUCKET_BYTES;
    }
    let doublings = u64::from((u64::BITS - max.leading_zeros()).saturating_sub(11));
    (2_048 + 1_024 * doublings) * BUCKET_BYTES
}

#[derive(Debug, Clone)]
enum Body {
    List(Vec<u64>),
    Buckets(Box<Histogram<u64>>),
}

/// Values above zero, at most [`STORED_MAX`].
#[derive(Debug, Clone)]
pub(super) struct Pile {
    count: u64,
    sum: u128,
    min: u64,
    max: u64,
    body: Body,
}

impl Default for Pile {
    fn default() -> Self {
        Self { count: 0, sum: 0, min: u64::MAX, max: 0, body: Body::List(Vec::new()) }
    }
}

impl Pile {
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn sum(&self) -> u128 {
        self.sum
    }

    pub(super) fn min(&self) -> Option<u64> {
        (self.count > 0).then_some(self.min)
    }

    pub(super) fn max(&self) -> Option<u64> {
        (self.count > 0).then_some(self.max)
    }

    /// The memory that it takes with another's values added.
    pub(super) fn weight_bytes_with(&self, other: &Self) -> u64 {
        weight_bytes(self.count.saturating_add(other.count), self.max.max(other.max))
    }

    /// Adds a value in 1..=`STORED_MAX`.
    pub(super) fn record(&mut self, value: u64) {
        debug_assert!((1..=STORED_MAX).contains(&value));
        self.count += 1;
        self.sum += u128::from(value);
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        match &mut self.body {
            Body::Buckets(buckets) => put(buckets, value, 1),
            Body::List(list) if list.len() < LIST_MAX => list.push(value),
            Body::List(_) => put(self.buckets(), value, 1),
        }
    }

    /// The histogram; a list becomes one.
    fn buckets(&mut self) -> &mut Histogram<u64> {
        if let Body::List(list) = &self.body {
            let mut buckets = histogram();
            for &value in list {
                put(&mut buckets, value, 1);
            }
            self.body = Body::Buckets(Box::new(buckets));
        }
        match &mut self.body {
            Body::Buckets(buckets) => buckets,
            Body::List(_) => unreachable!("the list became a histogram above"),
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.saturating_add(other.sum);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        match (&mut self.body, &other.body) {
            (Body::List(mine), Body::List(theirs)) if mine.len() + theirs.len() <= LIST_MAX => {
                mine.extend_from_slice(theirs);
            }
            (_, Body::List(theirs)) => {
                let buckets = self.buckets();
                for &value in theirs {
                    put(buckets, value, 1);
                }
            }
            (_, Body::Buckets(theirs)) => {
                self.buckets().add(&**theirs).expect("one configuration, and both resize");
            }
        }
    }

    /// The value of the given rank, 1 being the smallest: exact in a list and at both ends, else the
    /// middle of its bucket (±0.05 %).
    pub(super) fn at_rank(&self, rank: u64) -> u64 {
        if rank <= 1 {
            return self.min;
        }
        if rank >= self.count {
            return self.max;
        }
        let value = match &self.body {
            Body::List(list) => {
                let mut copy = list.clone();
                let index = usize::try_from(rank - 1).expect("below the list's length");
                *copy.select_nth_unstable(index).1
            }
            Body::Buckets(buckets) => {
                let mut below = 0_u64;
                let found = buckets.iter_recorded().find(|step| {
                    below = below.saturating_add(step.count_at_value());
                    below >= rank
                });
                found.map_or(self.max, |step| buckets.median_equivalent(step.value_iterated_to()))
            }
        };
        value.clamp(self.min, self.max)
    }

    /// Between which values that of the given rank certainly lies: itself in a list and at both ends, else its bucket.
    pub(super) fn bounds_at_rank(&self, rank: u64) -> (u64, u64) {
        let value = self.at_rank(rank);
        let bounds = match &self.body {
            Body::Buckets(buckets) if (2..self.count).contains(&rank) => {
                (buckets.lowest_equivalent(value), buckets.highest_equivalent(value))
            }
            _ => (value, value),
        };
        (bounds.0.max(self.min), bounds.1.min(self.max))
    }

    /// How many values are at most `limit`; those of a bucket count as its middle, as in [`Pile::at_rank`].
    pub(super) fn at_most(&self, limit: u64) -> u64 {
        match &self.body {
            _ if limit >= self.max => self.count,
            Body::List(list) => list.iter().filter(|value| **value <= limit).count() as u64,
            Body::Buckets(buckets) => buckets
                .iter_recorded()
                .take_while(|step| buckets.median_equivalent(step.value_iterated_to()).max(self.min) <= limit)
                .fold(0, |sum, step| sum.saturating_add(step.count_at_value())),
        }
    }

    /// The values or buckets that something is in, as the lowest and the highest that fall into each, and how many do.
    pub(super) fn buckets_filled(&self) -> Vec<(u64, u64, u64)> {
        let highest = |value| match &self.body {
            Body::List(_) => value,
            Body::Buckets(buckets) => buckets.highest_equivalent(value),
        };
        self.runs().into_iter().map(|(lowest, count)| (lowest, highest(lowest), count)).collect()
    }

    /// Of what [`Pile::buckets_filled`] and the totals say, which need not agree.
    pub(super) fn refilled(
        buckets: impl IntoIterator<Item = (u64, u64)>,
        sum: u128,
        (min, max): (u64, u64),
    ) -> Result<Self, Malformed> {
        let mut before = 0_u64;
        let mut steps = Vec::new();
        for (lowest, count) in buckets {
            steps.push((lowest.checked_sub(before).ok_or(Malformed::Value)?, count));
            before = lowest;
        }
        Runs { sum, min, max, steps }.try_into()
    }

    /// Rising values with their counts, each the middle of its bucket as in [`Pile::at_rank`].
    pub(super) fn middles(&self) -> Vec<(u64, u64)> {
        let mut runs = self.runs();
        if let Body::Buckets(buckets) = &self.body {
            for (value, _) in &mut runs {
                *value = buckets.median_equivalent(*value).clamp(self.min, self.max);
            }
        }
        runs
    }

    /// Sorted distinct values with their counts; for buckets their lowest value.
    fn runs(&self) -> Vec<(u64, u64)> {
        match &self.body {
            Body::List(list) => {
                let mut sorted = list.clone();
                sorted.sort_unstable();
                sorted.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as u64)).collect()
            }
            Body::Buckets(buckets) => buckets
                .iter_recorded()
                .map(|step| (buckets.lowest_equivalent(step.value_iterated_to()), step.count_at_value()))
                .collect(),
        }
    }
}

/// By content: neither the order of a list nor the spare buckets of a histogram make a difference.
impl PartialEq for Pile {
    fn eq(&self, other: &Self) -> bool {
        (self.count, self.sum, self.min, self.max) == (other.count, other.sum, other.min, other.max)
            && self.runs() == other.runs()
    }
}

impl Eq for Pile {}

/// A pile as it is stored: distinct values or buckets as gaps from the one before, with their counts.
/// Some 3 bytes a bucket with variable-length integers.
///
/// Reading stops at this form, so that a snapshot can be refused before any histogram is made of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Runs {
    sum: u128,
    min: u64,
    max: u64,
    steps: Vec<(u64, u64)>,
}

impl Runs {
    /// The memory that the pile of them takes.
    pub(super) fn weight_bytes(&self) -> u64 {
        let sums = self.steps.iter().fold((0_u64, 0_u64), |(count, value), (gap, times)| {
            (count.saturating_add(*times), value.saturating_add(*gap))
        });
        weight_bytes(sums.0, sums.1.min(STORED_MAX))
    }
}

impl Serialize for Pile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut runs = self.runs();
        let mut before = 0;
        for (value, _) in &mut runs {
            let gap = *value - before;
            before = *value;
            *value = gap;
        }
        let (min, max) = (self.min().unwrap_or(0), self.max);
        Runs { sum: self.sum, min, max, steps: runs }.serialize(serializer)
    }
}

/// Why stored bytes are no pile. They may come from another machine: nothing is taken on trust.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// It is above the largest, or not in order, or no bucket begins there.
    #[error("a value of the trend is out of range")]
    Value,
    /// A bucket of nothing, or more samples than can be counted.
    #[error("a count of the trend is out of range")]
    Count,
    /// The sum, the minimum or the maximum can't be that of the buckets.
    #[error("the trend's {0} doesn't fit its values")]
    Total(&'static str),
}

impl TryFrom<Runs> for Pile {
    type Error = Malformed;

    fn try_from(wire: Runs) -> Result<Self, Malformed> {
        let mut runs = Vec::with_capacity(wire.steps.len());
        let (mut value, mut count) = (0_u64, 0_u64);
        for (gap, times) in wire.steps {
            value = value.checked_add(gap).ok_or(Malformed::Value)?;
            if gap == 0 || value > STORED_MAX {
                return Err(Malformed::Value);
            }
            count = count.checked_add(times).ok_or(Malformed::Count)?;
            if times == 0 {
                return Err(Malformed::Count);
            }
            runs.push((value, times));
        }
        if count == 0 {
            let empty = wire.sum == 0 && wire.min == 0 && wire.max == 0;
            return if empty { Ok(Self::default()) } else { Err(Malformed::Total("sum")) };
        }
        // At most 42 doublings of the histogram's first 2,048 buckets: some 340 KB, whatever was sent.
        let mut buckets = histogram();
        let exact = count <= LIST_MAX as u64;
        let mut list = Vec::new();
        for &(value, times) in &runs {
            if exact {
                list.extend(std::iter::repeat_n(
                    value,
                    usize::try_from(times).map_err(|_| Malformed::Count)?,
                ));
            } else {
                put(&mut buckets, value, times);
            }
        }
        let body = if exact { Body::List(list) } else { Body::Buckets(Box::new(buckets)) };
        let pile = Self { count, sum: wire.sum, min: wire.min, max: wire.max, body };
        pile.agrees_with(&runs)?;
        Ok(pile)
    }
}

impl Pile {
    /// Whether the exact totals are possible for those runs.
    fn agrees_with(&self, runs: &[(u64, u64)]) -> Result<(), Malformed> {
        if self.runs() != runs {
            return Err(Malformed::Value); // two runs in one bucket, or not a bucket's lowest value
        }
        let highest = |value| match &self.body {
            Body::List(_) => value,
            Body::Buckets(buckets) => buckets.highest_equivalent(value),
        };
        let (first, last) = (runs[0].0, runs[runs.len() - 1].0);
        if !(first..=highest(first)).contains(&self.min) {
            return Err(Malformed::Total("minimum"));
        }
        if !(last..=highest(last)).contains(&self.max) || self.max > STORED_MAX {
            return Err(Malformed::Total("maximum"));
        }
        let total = |value: fn(u64, u64) -> u128| runs.iter().map(|&(v, n)| value(v, n)).sum::<u128>();
        let least = total(|value, times| u128::from(value) * u128::from(times));
        // A bucket is at most 1/1,024 of its value wide.
        let width = if matches!(self.body, Body::List(_)) { 0 } else { least / 1_024 };
        if !(least..=least + width).contains(&self.sum) {
            return Err(Malformed::Total("sum"));
        }
        Ok(())
    }
}
