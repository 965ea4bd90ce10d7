//! A trend: a distribution that merges without loss and never needs its samples back.
//!
//! Stored are integers: microseconds for times, thousandths for custom values, so that what a user
//! reads is always the stored value ÷ 1,000. min ≤ every quantile ≤ max. A request that got no answer
//! is *censored*: it took at least so long, and ranks above all that were measured.

mod layout;

use serde::{Deserialize, Serialize};

pub use layout::{Bucket, Layout};

use super::pile::{Malformed, Pile, Runs};
use crate::stats;

/// The largest stored value: 10¹² of a custom metric, 31 years in microseconds. It bounds a histogram
/// to some 340 KB; what is larger is clamped and counted.
pub const STORED_MAX: u64 = 1_000_000_000_000_000;

/// Thousandths: what a user's value is multiplied by.
const SCALE: f64 = 1_000.0;

/// A value of a trend's distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantile {
    /// Microseconds, or thousandths of a custom metric.
    pub value_us: u64,
    /// The true value is this or more: it falls among requests that got no answer.
    pub at_least: bool,
}

impl Quantile {
    /// As users read it: milliseconds, or the custom metric's own number.
    pub fn value(&self) -> f64 {
        self.value_us as f64 / SCALE
    }
}

/// Between which values a quantile of what was sampled lies, with a chance of 95 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// It is at least this.
    pub low: Quantile,
    /// It is at most this; with [`Quantile::at_least`] nothing is known above it.
    pub high: Quantile,
}

/// A distribution of stored integers; see the file's head for their unit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawTrend")]
pub struct Trend {
    zeros: u64,
    clamped: u64,
    measured: Pile,
    censored: Option<Box<Censored>>,
}

/// Lower bounds; apart, since few trends have any.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
struct Censored {
    zeros: u64,
    bounds: Pile,
}

/// A trend as it was read, not yet checked and without histograms: as long as its bytes, no longer.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct RawTrend {
    zeros: u64,
    clamped: u64,
    measured: Runs,
    censored: Option<(u64, Runs)>,
}

impl RawTrend {
    /// The memory that the trend takes.
    pub(super) fn weight_bytes(&self) -> u64 {
        let censored = self.censored.as_ref().map_or(0, |(_, bounds)| bounds.weight_bytes());
        self.measured.weight_bytes().saturating_add(censored)
    }
}

impl TryFrom<RawTrend> for Trend {
    type Error = Malformed;

    fn try_from(raw: RawTrend) -> Result<Self, Malformed> {
        let censored = match raw.censored {
            None => None,
            Some((zeros, bounds)) => Some(Box::new(Censored { zeros, bounds: bounds.try_into()? })),
        };
        Ok(Self { zeros: raw.zeros, clamped: raw.clamped, measured: raw.measured.try_into()?, censored })
    }
}

impl Censored {
    fn count(&self) -> u64 {
        self.zeros.saturating_add(self.bounds.count())
    }
}

impl Trend {
    /// An empty trend.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a time in microseconds.
    pub fn record_us(&mut self, us: u64) {
        match us {
            0 => self.zeros += 1,
            1..=STORED_MAX => self.measured.record(us),
            _ => {
                self.clamped += 1;
                self.measured.record(STORED_MAX);
            }
        }
    }

    /// Adds a zero at the price of a count: phases that didn't happen are most of all samples.
    pub fn record_zero(&mut self) {
        self.zeros += 1;
    }

    /// Adds a custom value, or a time in milliseconds. A negative one counts as 0, one above 10¹² as
    /// 10¹², and one that is no number not at all; each is counted in [`Trend::clamped`]. Gives what was stored.
    pub fn record(&mut self, value: f64) -> Option<u64> {
        if value.is_nan() {
            self.clamped += 1;
            return None;
        }
        let stored = (value * SCALE).round();
        Some(if stored < 0.0 {
            self.clamped += 1;
            self.zeros += 1;
            0
        } else if stored > STORED_MAX as f64 {
            self.clamped += 1;
            self.measured.record(STORED_MAX);
            STORED_MAX
        } else {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "within 0..=STORED_MAX"
            )]
            let stored = stored as u64;
            self.record_us(stored);
            stored
        })
    }

    /// Adds a time that is known only to be at least so long: no answer came.
    pub fn record_at_least_us(&mut self, us: u64) {
        let censored = self.censored.get_or_insert_default();
        match us {
            0 => censored.zeros += 1,
            1..=STORED_MAX => censored.bounds.record(us),
            _ => {
                self.clamped += 1;
                censored.bounds.record(STORED_MAX);
            }
        }
    }

    /// Adds another trend's samples: the result equals the trend of all samples.
    pub fn merge(&mut self, other: &Self) {
        self.zeros = self.zeros.saturating_add(other.zeros);
        self.clamped = self.clamped.saturating_add(other.clamped);
        self.measured.merge(&other.measured);
        if let Some(theirs) = &other.censored {
            let mine = self.censored.get_or_insert_default();
            mine.zeros = mine.zeros.saturating_add(theirs.zeros);
            mine.bounds.merge(&theirs.bounds);
        }
    }

    /// The memory that it takes with another's samples added.
    pub(super) fn weight_bytes_with(&self, other: &Self) -> u64 {
        let none = Censored::default();
        let mine = self.censored.as_deref().unwrap_or(&none);
        let theirs = other.censored.as_deref().unwrap_or(&none);
        let censored = mine.bounds.weight_bytes_with(&theirs.bounds);
        self.measured.weight_bytes_with(&other.measured).saturating_add(censored)
    }

    /// All samples: measured, zero and censored.
    pub fn count(&self) -> u64 {
        self.zeros.saturating_add(self.measured.count()).saturating_add(self.censored())
    }

    /// Samples that are only known to be at least so long.
    pub fn censored(&self) -> u64 {
        self.censored.as_ref().map_or(0, |censored| censored.count())
    }

    /// Samples that were zero.
    pub fn zeros(&self) -> u64 {
        self.zeros
    }

    /// Samples that were out of range and counted as the nearest value in it, or that were no number.
    pub fn clamped(&self) -> u64 {
        self.clamped
    }

    /// Whether nothing was recorded, not even a refused value.
    pub fn is_empty(&self) -> bool {
        self.count() == 0 && self.clamped == 0
    }

    /// The exact sum, in stored units; censored samples add their bound.
    pub fn sum_us(&self) -> u128 {
        let bounds = self.censored.as_ref().map_or(0, |censored| censored.bounds.sum());
        self.measured.sum().saturating_add(bounds)
    }

    /// The exact mean in stored units, a lower bound when something is [`Trend::censored`]; none without samples.
    pub fn mean_us(&self) -> Option<f64> {
        (self.count() > 0).then(|| self.sum_us() as f64 / self.count() as f64)
    }

    /// The smallest sample, exact; none without samples.
    pub fn min(&self) -> Option<Quantile> {
        self.at_rank(1)
    }

    /// The largest sample, exact, or a lower bound when something is censored; none without samples.
    pub fn max(&self) -> Option<Quantile> {
        self.at_rank(self.count())
    }

    /// The quantile `q` in 0..=1 by nearest rank, within ±0.05 %; none without samples.
    pub fn quantile(&self, q: f64) -> Option<Quantile> {
        // The tiny factor undoes what binary fractions add: 0.999 of 1,000 is rank 999, not 1,000.
        let rank = (q.clamp(0.0, 1.0) * self.count() as f64 * (1.0 - 1e-12)).ceil();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
        self.at_rank(rank as u64)
    }

    /// The 95 % interval of the quantile `q`, from order statistics ([`stats::ranks`]), its ends moved out to the edges of
    /// their buckets; none when the samples are too few ([`stats::samples_needed`]), and none of the extremes.
    ///
    /// Where so many samples are in one bucket that the interval lies within it, the interval is that bucket.
    pub fn interval(&self, q: f64) -> Option<Interval> {
        let ranks = stats::ranks(self.count(), q)?;
        Some(Interval { low: self.bounds_at_rank(ranks.low)?.0, high: self.bounds_at_rank(ranks.high)?.1 })
    }

    /// How many measured samples are at most so large, by the resolution that quantiles have; censored ones, which
    /// may be larger than their bound, are left out.
    pub fn at_most(&self, us: u64) -> u64 {
        self.zeros.saturating_add(self.measured.at_most(us))
    }

    /// The measured samples above zero in stored units, rising, each value with how many had it: exact ones while there are
    /// few, else the middles of buckets, within ±0.05 %. With [`Trend::zeros`] and [`Trend::censored`] that is all of them.
    pub fn measured(&self) -> Vec<(u64, u64)> {
        self.measured.middles()
    }

    /// All samples but the censored ones.
    #[must_use]
    pub fn answered(&self) -> Self {
        Self { censored: None, ..self.clone() }
    }

    /// The measured samples above zero: of phases that happen now and then, such as connecting, those that did.
    #[must_use]
    pub fn above_zero(&self) -> Self {
        Self { measured: self.measured.clone(), ..Self::default() }
    }

    /// The sample of a rank from 1: zeros, then measured ones, then censored ones by their bound.
    fn at_rank(&self, rank: u64) -> Option<Quantile> {
        self.find(rank, Pile::at_rank)
    }

    /// Between which values the sample of a rank certainly lies.
    fn bounds_at_rank(&self, rank: u64) -> Option<(Quantile, Quantile)> {
        let low = self.find(rank, |pile, rank| pile.bounds_at_rank(rank).0)?;
        let high = self.find(rank, |pile, rank| pile.bounds_at_rank(rank).1)?;
        Some((low, high))
    }

    /// What `look` says of the sample of a rank from 1.
    fn find(&self, rank: u64, look: impl Fn(&Pile, u64) -> u64) -> Option<Quantile> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let rank = rank.clamp(1, count);
        let answered = self.zeros.saturating_add(self.measured.count());
        if rank <= self.zeros {
            return Some(Quantile { value_us: 0, at_least: false });
        }
        if rank <= answered {
            let value_us = look(&self.measured, rank - self.zeros);
            return Some(Quantile { value_us, at_least: false });
        }
        let censored = self.censored.as_ref().expect("ranks past the answered ones are censored");
        // The k-th smallest true value is at least the k-th smallest bound, and at least all measured ones.
        let bound = match (rank - answered).checked_sub(censored.zeros) {
            None | Some(0) => 0,
            Some(rank) => look(&censored.bounds, rank),
        };
        Some(Quantile { value_us: bound.max(self.measured.max().unwrap_or(0)), at_least: true })
    }
}

#[cfg(test)]
mod tests;
