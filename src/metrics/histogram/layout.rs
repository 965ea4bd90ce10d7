//! A trend laid open, bucket by bucket, for whoever writes it down for other programs, and reads it back.

use super::super::pile::{Malformed, Pile};
use super::{Censored, Trend};

/// How many samples lie between two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// The lowest value that falls into it.
    pub lowest: u64,
    /// The highest; the same where values are kept one by one.
    pub highest: u64,
    /// How many did.
    pub count: u64,
}

/// All that a trend holds. Values are in stored units; see [`Trend`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {
    /// Measured samples that were zero.
    pub zeros: u64,
    /// Samples that were out of range, which count as the nearest value in it, or were no number, and don't count.
    pub clamped: u64,
    /// The exact sum of the measured samples.
    pub sum: u128,
    /// The smallest measured sample above zero, exact; 0 where there is none.
    pub min: u64,
    /// The largest measured sample, exact.
    pub max: u64,
    /// The measured samples above zero, in order.
    pub buckets: Vec<Bucket>,
    /// Samples of which only lower bounds are known, laid out in the same way; none where there are none.
    pub at_least: Option<Box<Self>>,
}

impl Layout {
    fn of(zeros: u64, clamped: u64, pile: &Pile) -> Self {
        Self {
            zeros,
            clamped,
            sum: pile.sum(),
            min: pile.min().unwrap_or(0),
            max: pile.max().unwrap_or(0),
            buckets: filled(pile),
            at_least: None,
        }
    }

    fn pile(&self) -> Result<Pile, Malformed> {
        let buckets = self.buckets.iter().map(|bucket| (bucket.lowest, bucket.count));
        Pile::refilled(buckets, self.sum, (self.min, self.max))
    }
}

/// A pile's buckets, in ascending order.
fn filled(pile: &Pile) -> Vec<Bucket> {
    let bucket = |(lowest, highest, count)| Bucket { lowest, highest, count };
    pile.buckets_filled().into_iter().map(bucket).collect()
}

impl Trend {
    /// The measured samples above zero, in ascending order of their values.
    pub fn buckets(&self) -> Vec<Bucket> {
        filled(&self.measured)
    }

    /// The censored samples whose bound is above zero, by that bound.
    pub fn censored_buckets(&self) -> Vec<Bucket> {
        self.censored.as_ref().map_or_else(Vec::new, |censored| filled(&censored.bounds))
    }

    /// Everything in it.
    pub fn layout(&self) -> Layout {
        let at_least = self.censored.as_ref().map(|own| Box::new(Layout::of(own.zeros, 0, &own.bounds)));
        Layout { at_least, ..Layout::of(self.zeros, self.clamped, &self.measured) }
    }
}

impl TryFrom<&Layout> for Trend {
    type Error = Malformed;

    /// The very trend; where the parts don't fit each other, which.
    fn try_from(layout: &Layout) -> Result<Self, Malformed> {
        let censored = |own: &Layout| Ok(Box::new(Censored { zeros: own.zeros, bounds: own.pile()? }));
        let censored = layout.at_least.as_deref().map(censored).transpose()?;
        Ok(Self { zeros: layout.zeros, clamped: layout.clamped, measured: layout.pile()?, censored })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_trend_laid_open_and_closed_again_is_the_same(
            values in proptest::collection::vec(0_u64..5_000_000, 0..400),
            bounds in proptest::collection::vec(0_u64..100_000_000, 0..200),
            odd in any::<bool>(),
        ) {
            let mut trend = Trend::new();
            for us in values {
                trend.record_us(us);
            }
            for us in bounds {
                trend.record_at_least_us(us);
            }
            if odd {
                trend.record(-1.0);
            }
            let layout = trend.layout();
            prop_assert_eq!(&Trend::try_from(&layout).unwrap(), &trend);
            let counted = |layout: &Layout| layout.zeros + layout.buckets.iter().map(|b| b.count).sum::<u64>();
            let all = counted(&layout) + layout.at_least.as_deref().map_or(0, counted);
            prop_assert_eq!(all, trend.count());
            for pair in layout.buckets.windows(2) {
                prop_assert!(pair[0].highest < pair[1].lowest);
            }
        }
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let mut trend = Trend::new();
        (1..=1_000).for_each(|us| trend.record_us(us * 7));
        let good = trend.layout();
        assert!(Trend::try_from(&good).is_ok());
        for spoil in [
            |layout: &mut Layout| layout.sum += 1_000_000,
            |layout: &mut Layout| layout.min = 8,
            |layout: &mut Layout| layout.max += 700,
            |layout: &mut Layout| layout.buckets[3].count = 0,
            |layout: &mut Layout| layout.buckets.swap(1, 2),
            |layout: &mut Layout| layout.buckets[900].count = u64::MAX,
        ] {
            let mut bad = good.clone();
            spoil(&mut bad);
            assert!(Trend::try_from(&bad).is_err(), "{bad:?}");
        }
    }
}
