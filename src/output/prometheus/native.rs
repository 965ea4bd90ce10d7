//! A trend as a native histogram: exponential buckets, of which only those with samples are sent.
//!
//! Bucket `i` of schema `s` holds what lies in (2^((i−1)/2^s), 2^(i/2^s)]. Each sample is in exactly one: counts and the
//! sum are exact, and a value is in its true bucket unless it lies within 0.05 % of an edge. The schema is the finest
//! that needs no more buckets than allowed. Source: Prometheus's specification of native histograms.

use crate::metrics::Trend;
use crate::output::{OutputError, Place};

/// The finest schema there is: each bucket 0.27 % wide.
const SCHEMA_MAX: i32 = 8;

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
        let measured = trend.measured();
        let mut schema = SCHEMA_MAX;
        let mut buckets: Vec<(i32, u64)> = Vec::new();
        for (value, count) in measured {
            put(&mut buckets, index(value as f64 * scale, schema), count);
        }
        while buckets.len() > buckets_max && schema > SCHEMA_MIN {
            schema -= 1;
            let finer = std::mem::take(&mut buckets);
            for (at, count) in finer {
                put(&mut buckets, coarser(at), count);
            }
        }
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

/// Adds to the last bucket or behind it.
fn put(buckets: &mut Vec<(i32, u64)>, at: i32, count: u64) {
    match buckets.last_mut() {
        Some((last, sum)) if *last == at => *sum = sum.saturating_add(count),
        _ => buckets.push((at, count)),
    }
}

/// The bucket of a value above zero.
#[expect(
    clippy::cast_possible_truncation,
    reason = "below 2^18: an f64 has 2,098 octaves of at most 256 buckets"
)]
fn index(value: f64, schema: i32) -> i32 {
    (value.log2() * f64::from(schema).exp2()).ceil() as i32
}

/// The bucket of the next coarser schema that holds a bucket whole.
fn coarser(at: i32) -> i32 {
    (at + 1).div_euclid(2)
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
    fn a_power_of_two_is_the_upper_edge_of_its_bucket() {
        for schema in SCHEMA_MIN..=SCHEMA_MAX {
            for octave in (-32..32).filter(|octave| schema >= 0 || octave % (1 << -schema) == 0) {
                let value = f64::from(octave).exp2();
                let expected = if schema >= 0 { octave << schema } else { octave >> -schema };
                assert_eq!(index(value, schema), expected, "{value} at {schema}");
                assert_eq!(index(value * 1.000_001, schema), expected + 1, "{value} at {schema}");
            }
        }
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
