//! A trend as a native histogram: exponential buckets, of which only those with samples are sent.
//!
//! Count and sum are exact; what becomes of the buckets [`Exponential`] says. The schema, which is its scale, is the finest that
//! needs no more buckets than allowed; bucket `i` holds what lies in (2^((i−1)/2^s), 2^(i/2^s)]. Source: Prometheus's
//! specification of native histograms.

use crate::metrics::Trend;
use crate::output::exponential::Exponential;
use crate::output::{OutputError, Place};

/// The coarsest: each bucket a factor of 65,536.
const SCHEMA_MIN: i32 = -4;

/// Zero is nothing else: what is above is at least a millionth. The bound that Prometheus's own clients have.
pub(super) const ZERO_THRESHOLD: f64 = 2.938_735_877_055_719e-39; // 2⁻¹²⁸

/// Buckets of a histogram unless the option says otherwise: what Prometheus's own clients keep to, and receivers take.
const BUCKETS_MAX: usize = 160;

/// The option `buckets`.
pub(super) fn buckets_max(place: &Place) -> Result<usize, OutputError> {
    let Some(text) = place.option("buckets") else { return Ok(BUCKETS_MAX) };
    let right = text.parse().ok().filter(|buckets| (8..=10_000).contains(buckets));
    right.ok_or_else(|| place.wrong("buckets", text, "is no number from 8 to 10000"))
}

/// A histogram, its buckets rising.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Native {
    pub(super) schema: i32,
    pub(super) count: u64,
    pub(super) zeros: u64,
    pub(super) sum: f64,
    pub(super) buckets: Vec<(i32, u64)>,
}

impl Native {
    /// The trend's samples, each multiplied by `scale`, in no more buckets than `buckets_max`.
    ///
    /// What is only known to be at least so long is in the bucket of infinity, as it ranks above all that was
    /// measured: a quantile that falls among those is +Inf, and those below are what they are.
    pub(super) fn of(trend: &Trend, scale: f64, buckets_max: usize) -> Self {
        let mut measured = Exponential::of(trend, |stored| stored as f64 * scale);
        while measured.buckets.len() > buckets_max && measured.scale > SCHEMA_MIN {
            measured.coarsen();
        }
        let schema = measured.scale;
        let mut buckets: Vec<(i32, u64)> =
            measured.buckets.into_iter().map(|(at, count)| (at + 1, count)).collect();
        if trend.censored() > 0 {
            buckets.push((infinity(schema), trend.censored()));
        }
        let sum = trend.sum_us() as f64 * scale;
        Self { schema, count: trend.count(), zeros: trend.zeros(), sum, buckets }
    }

    /// Runs of neighbours, as the gap before each and its length; and each bucket's count as the difference to the one
    /// before.
    pub(super) fn spans(&self) -> (Vec<(i32, u32)>, Vec<i64>) {
        let (mut spans, mut deltas): (Vec<(i32, u32)>, Vec<i64>) = (Vec::new(), Vec::new());
        let (mut next, mut before) = (0, 0_i64);
        for &(at, count) in &self.buckets {
            match spans.last_mut() {
                Some((_, length)) if at == next => *length += 1,
                _ => spans.push((at - next, 1)),
            }
            next = at + 1;
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            deltas.push(count - before);
            before = count;
        }
        (spans, deltas)
    }
}

/// The bucket behind that of the largest number.
fn infinity(schema: i32) -> i32 {
    const OCTAVES: i32 = 1_024;
    if schema >= 0 { (OCTAVES << schema) + 1 } else { (OCTAVES >> -schema) + 1 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn upper(at: i32, schema: i32) -> f64 {
        (f64::from(at) * (-f64::from(schema)).exp2()).exp2()
    }

    fn trend(samples: &[u64]) -> Trend {
        let mut trend = Trend::new();
        for us in samples {
            trend.record_us(*us);
        }
        trend
    }

    #[test]
    fn a_bucket_has_prometheus_number_of_it() {
        // One second is 2⁰, and the upper edge of bucket 0.
        assert_eq!(Native::of(&trend(&[1_000_000]), 1e-6, 160).buckets, [(0, 1)]);
        assert_eq!(Native::of(&trend(&[1_000_001]), 1e-6, 160).buckets, [(1, 1)]);
        assert_eq!(infinity(8), 262_145, "as in Prometheus's own clients");
        assert_eq!(infinity(-4), 65);
    }

    #[test]
    fn what_got_no_answer_ranks_above_everything() {
        let mut trend = trend(&[0, 0, 1_000, 2_000]);
        trend.record_at_least_us(5);
        let native = Native::of(&trend, 1e-6, 160);
        assert_eq!((native.count, native.zeros), (5, 2));
        assert_eq!(native.buckets.last(), Some(&(262_145, 1)));
        assert!((native.sum - 0.003_005).abs() < 1e-12);
        let (spans, deltas) = native.spans();
        assert_eq!(spans.len(), 3);
        assert_eq!(deltas, [1, 0, 0]);
    }

    #[test]
    fn neighbours_share_a_span() {
        let native =
            Native { schema: 0, count: 9, zeros: 0, sum: 0.0, buckets: vec![(-3, 2), (-2, 5), (4, 2)] };
        assert_eq!(native.spans(), (vec![(-3, 2), (5, 1)], vec![2, 3, -3]));
    }

    proptest! {
        #[test]
        fn every_sample_is_in_one_bucket_and_near_its_true_one(
            samples in prop::collection::vec(0_u64..100_000_000_000, 0..600), most in 1_usize..200,
        ) {
            let native = Native::of(&trend(&samples), 1e-6, most);
            let sum: u64 = native.buckets.iter().map(|(_, count)| count).sum();
            prop_assert_eq!(sum + native.zeros, samples.len() as u64);
            prop_assert_eq!(native.count, samples.len() as u64);
            prop_assert!(native.buckets.windows(2).all(|pair| pair[0].0 < pair[1].0));
            prop_assert!(native.buckets.len() <= most || native.schema == SCHEMA_MIN);
            // The sum of what is at most an edge is right, but for what lies within HDR's width of it.
            let mut below = native.zeros;
            for &(at, count) in &native.buckets {
                below += count;
                let edge = upper(at, native.schema) * 1e6;
                let least = samples.iter().filter(|us| (**us as f64) < edge * 0.999).count() as u64;
                let most = samples.iter().filter(|us| (**us as f64) <= edge * 1.001).count() as u64;
                prop_assert!((least..=most).contains(&below), "{below} of {least}..={most} up to {edge}");
            }
        }

        #[test]
        fn more_samples_never_make_the_schema_finer(
            samples in prop::collection::vec(1_u64..1_000_000_000, 1..400), cut in 0_usize..400,
        ) {
            let part = Native::of(&trend(&samples[..cut.min(samples.len())]), 1e-6, 20);
            let whole = Native::of(&trend(&samples), 1e-6, 20);
            prop_assert!(whole.schema <= part.schema);
        }
    }
}
