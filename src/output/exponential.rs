//! A trend in exponential buckets, as OpenTelemetry and Prometheus have them: bucket i of scale s holds what lies in
//! (2^(i/2^s), 2^((i+1)/2^s)], with OpenTelemetry's numbers; Prometheus's are one higher.
//!
//! Invariant: each of the trend's own buckets, which are finer, goes whole into the one where its middle lies. So counts are
//! exact, a value is in its true bucket unless it lies within 0.05 % of an edge, and counts only grow while samples come.
//! How many buckets there may be is each format's own matter, and so is where that stands which got no answer: above all that
//! was measured in both, at +Inf where there is such a bucket.

use crate::metrics::Trend;

/// The finest scale: a bucket is 0.27 % wide. It is the finest that Prometheus knows.
pub(super) const SCALE_MAX: i32 = 8;

/// Buckets with something in them, rising.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Exponential {
    /// Each step halves the number of buckets of an octave; below zero they are many octaves wide.
    pub(super) scale: i32,
    /// Their numbers and counts.
    pub(super) buckets: Vec<(i32, u64)>,
}

impl Exponential {
    /// What was measured above zero, at the finest scale. `value_of` makes the numbers that are sent of those that are
    /// stored; it keeps their order, and none becomes smaller than 2⁻¹⁰²².
    pub(super) fn of(trend: &Trend, value_of: impl Fn(u64) -> f64) -> Self {
        let mut exponential = Self { scale: SCALE_MAX, buckets: Vec::new() };
        for (stored, count) in trend.measured() {
            exponential.put(index(value_of(stored)), count);
        }
        exponential
    }

    /// Adds what is at least as large as all that is there; while the scale is the finest.
    pub(super) fn put_above(&mut self, value: f64, count: u64) {
        debug_assert_eq!(self.scale, SCALE_MAX);
        let last = self.buckets.last().map_or(i32::MIN, |(last, _)| *last);
        self.put(index(value).max(last), count);
    }

    /// To the last bucket or behind it.
    fn put(&mut self, at: i32, count: u64) {
        match self.buckets.last_mut() {
            Some((last, sum)) if *last == at => *sum = sum.saturating_add(count),
            _ => self.buckets.push((at, count)),
        }
    }

    /// The next coarser scale: two neighbours become one.
    pub(super) fn coarsen(&mut self) {
        self.scale -= 1;
        for (at, count) in std::mem::take(&mut self.buckets) {
            self.put(at >> 1, count);
        }
    }

    /// How many buckets there are from the first to the last, empty ones among them.
    pub(super) fn width(&self) -> usize {
        match (self.buckets.first(), self.buckets.last()) {
            (Some((first, _)), Some((last, _))) => usize::try_from(last - first + 1).expect("they rise"),
            _ => 0,
        }
    }
}

/// Which bucket of the finest scale a value falls into. Powers of two, which are upper bounds, are exact.
fn index(value: f64) -> i32 {
    const MANTISSA_BITS: u32 = 52;
    const EXPONENT_BIAS: i32 = 1_023;
    let bits = value.to_bits();
    let exponent = i32::try_from(bits >> MANTISSA_BITS).unwrap_or(EXPONENT_BIAS) - EXPONENT_BIAS;
    let mantissa = f64::from_bits(bits & ((1 << MANTISSA_BITS) - 1) | (1_023 << MANTISSA_BITS));
    let steps = 1 << SCALE_MAX;
    if mantissa <= 1.0 {
        return exponent * steps - 1;
    }
    #[expect(clippy::cast_possible_truncation, reason = "within 1..=steps")]
    let within = (mantissa.log2() * f64::from(steps)).ceil() as i32;
    exponent * steps + within.clamp(1, steps) - 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a bucket ends with.
    fn upper(at: i32, scale: i32) -> f64 {
        (f64::from(at + 1) * (-f64::from(scale)).exp2()).exp2()
    }

    /// The only bucket of a value.
    fn bucket(value: f64, scale: i32) -> i32 {
        let mut one = Exponential { scale: SCALE_MAX, buckets: vec![(index(value), 1)] };
        while one.scale > scale {
            one.coarsen();
        }
        one.buckets[0].0
    }

    #[test]
    fn a_power_of_two_is_the_upper_bound_of_its_bucket() {
        for scale in -4..=SCALE_MAX {
            for octave in (-32..40).filter(|octave| scale >= 0 || octave % (1 << -scale) == 0) {
                let value = f64::from(octave).exp2();
                let ends = if scale >= 0 { octave << scale } else { octave >> -scale };
                assert_eq!(bucket(value, scale), ends - 1, "2^{octave} at {scale}");
                assert_eq!(bucket(value * 1.000_001, scale), ends, "just above 2^{octave} at {scale}");
            }
        }
    }

    #[test]
    fn what_is_put_above_never_stands_below() {
        let mut trend = Trend::new();
        trend.record_us(5_000_000);
        let mut exponential = Exponential::of(&trend, |us| us as f64 / 1e6);
        exponential.put_above(3.0, 2);
        assert_eq!((exponential.buckets.len(), exponential.buckets[0].1, exponential.width()), (1, 3, 1));
        exponential.put_above(6.0, 1);
        assert_eq!(exponential.buckets.len(), 2);
        assert_eq!(exponential.width(), 68, "(log2 6 − log2 5) · 256, both ends counted");
        assert_eq!(Exponential::of(&Trend::new(), |us| us as f64).width(), 0);
    }

    proptest! {
        #[test]
        fn every_sample_is_in_one_bucket_and_near_its_true_one(
            samples in prop::collection::vec(0_u64..100_000_000_000, 0..600), steps in 0_i32..13,
        ) {
            let mut trend = Trend::new();
            for us in &samples {
                trend.record_us(*us);
            }
            let mut exponential = Exponential::of(&trend, |us| us as f64 * 1e-6);
            (0..steps).for_each(|_| exponential.coarsen());
            let Exponential { scale, buckets } = exponential;
            prop_assert_eq!(scale, SCALE_MAX - steps);
            prop_assert!(buckets.windows(2).all(|pair| pair[0].0 < pair[1].0));
            let mut below = trend.zeros();
            prop_assert_eq!(below + buckets.iter().map(|(_, count)| count).sum::<u64>(), samples.len() as u64);
            for (at, count) in buckets {
                below += count;
                let edge = upper(at, scale) * 1e6;
                let least = samples.iter().filter(|us| (**us as f64) < edge * 0.999).count() as u64;
                let most = samples.iter().filter(|us| (**us as f64) <= edge * 1.001).count() as u64;
                prop_assert!((least..=most).contains(&below), "{below} of {least}..={most} up to {edge}");
            }
        }
    }
}
