//! What a series holds: a sum, a gauge, a share or a distribution, and the two ways values become one.

use serde::{Deserialize, Serialize};

use super::{Join, Kind, KindMismatch, Trend};

/// The content of a series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// A sum; exact for whole numbers up to 2⁵³.
    Counter(f64),
    /// The last value set, and the extremes of all.
    Gauge {
        /// The last value.
        last: f64,
        /// The smallest.
        min: f64,
        /// The largest.
        max: f64,
    },
    /// Samples that were true, and all samples.
    Rate {
        /// True samples.
        hits: u64,
        /// All samples.
        total: u64,
    },
    /// A distribution.
    Trend(Box<Trend>),
}

impl Value {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Counter(_) => Kind::Counter,
            Self::Gauge { .. } => Kind::Gauge,
            Self::Rate { .. } => Kind::Rate,
            Self::Trend(_) => Kind::Trend,
        }
    }

    /// The same second's value of another worker or series. Commutative and associative: the parts in
    /// any order make the whole. Gauges add or keep the largest, as `rule` says.
    pub fn join(&mut self, other: &Self, rule: Join) -> Result<(), KindMismatch> {
        match (&mut *self, other) {
            (Self::Gauge { last, min, max }, Self::Gauge { last: last2, min: min2, max: max2 }) => {
                match rule {
                    Join::Sum => {
                        *last += last2;
                        *min += min2;
                        *max += max2;
                    }
                    Join::Max => {
                        *last = last.max(*last2);
                        *min = min.min(*min2);
                        *max = max.max(*max2);
                    }
                }
                Ok(())
            }
            _ => self.add(other),
        }
    }

    /// The value of a later second. Associative: a gauge takes the later `last` and widens its extremes.
    pub fn append(&mut self, later: &Self) -> Result<(), KindMismatch> {
        match (&mut *self, later) {
            (Self::Gauge { last, min, max }, Self::Gauge { last: last2, min: min2, max: max2 }) => {
                *last = *last2;
                *min = min.min(*min2);
                *max = max.max(*max2);
                Ok(())
            }
            _ => self.add(later),
        }
    }

    /// What both have in common: sums, shares and distributions just add up.
    fn add(&mut self, other: &Self) -> Result<(), KindMismatch> {
        match (&mut *self, other) {
            (Self::Counter(mine), Self::Counter(theirs)) => *mine += theirs,
            (Self::Rate { hits, total }, Self::Rate { hits: hits2, total: total2 }) => {
                *hits = hits.saturating_add(*hits2);
                *total = total.saturating_add(*total2);
            }
            (Self::Trend(mine), Self::Trend(theirs)) => mine.merge(theirs),
            (mine, theirs) => return Err(KindMismatch { expected: mine.kind(), found: theirs.kind() }),
        }
        Ok(())
    }

    /// Whether all numbers are possible: finite, and no more hits than samples.
    pub(super) fn is_sound(&self) -> bool {
        match self {
            Self::Counter(sum) => sum.is_finite(),
            Self::Gauge { last, min, max } => [last, min, max].iter().all(|value| value.is_finite()),
            Self::Rate { hits, total } => hits <= total,
            Self::Trend(_) => true, // checked where it is read
        }
    }
}
