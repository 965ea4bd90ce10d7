//! A trend as OpenTelemetry's exponential histogram: bucket i of scale s holds what lies in (b^i, b^(i+1)], with
//! b = 2^(2^-s) ([data model](https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram)).
//!
//! Invariant: count, sum, smallest and largest are the trend's own, exact; each of its buckets, which are finer, goes
//! whole into the one where its middle lies.

use opentelemetry_proto::tonic::metrics::v1::ExponentialHistogramDataPoint;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;

use crate::metrics::{Bucket, Trend};

/// The finest scale: a bucket is 0.27 % wide. It is also the finest that Prometheus takes as it is.
const SCALE_MAX: i32 = 8;

/// The most buckets of a point; where its values spread further it is made coarser. Ten doublings, as from 1 ms to
/// 1 s, have buckets of 1.1 % with so many.
const BUCKETS_MAX: i32 = 640;

/// What a user's number is multiplied by where it is stored.
const STORED_SCALE: f64 = 1_000.0;

/// The distribution's own fields of a point; time and attributes are left to the caller. Values are as users read them:
/// milliseconds, or a custom metric's own. What got no answer counts as its lower bound.
pub(super) fn point(trend: &Trend) -> ExponentialHistogramDataPoint {
    let (measured, censored) = (trend.buckets(), trend.censored_buckets());
    let (min_us, max_us) = (trend.min().map(|min| min.value_us), largest_us(trend, &censored));
    let placed: Vec<(i32, u64)> = measured
        .iter()
        .chain(&censored)
        .map(|bucket| (index(middle(*bucket, max_us) as f64 / STORED_SCALE), bucket.count))
        .collect();
    let above_zero = placed.iter().fold(0_u64, |sum, (_, count)| sum.saturating_add(*count));
    let (scale, positive) = spread(&placed);
    ExponentialHistogramDataPoint {
        count: trend.count(),
        sum: Some(trend.sum_us() as f64 / STORED_SCALE),
        scale,
        zero_count: trend.count().saturating_sub(above_zero),
        positive,
        min: min_us.map(|us| us as f64 / STORED_SCALE),
        max: (trend.count() > 0).then(|| max_us as f64 / STORED_SCALE),
        ..ExponentialHistogramDataPoint::default()
    }
}

/// The largest value that is known, bounds included.
fn largest_us(trend: &Trend, censored: &[Bucket]) -> u64 {
    let answered = trend.answered().max().map_or(0, |max| max.value_us);
    // The largest of all is one that got no answer, if there is one: its own bound is exact.
    let bound = trend.max().filter(|_| !censored.is_empty()).map_or(0, |max| max.value_us);
    answered.max(bound)
}

/// The value that stands for all of a bucket.
fn middle(bucket: Bucket, max_us: u64) -> u64 {
    (bucket.lowest + (bucket.highest - bucket.lowest) / 2).min(max_us)
}

/// Which bucket of [`SCALE_MAX`] a value above zero falls into. Powers of two, which are upper bounds, are exact.
fn index(value: f64) -> i32 {
    const MANTISSA_BITS: u32 = 52;
    const EXPONENT_BIAS: i32 = 1_023;
    let bits = value.to_bits();
    // Stored values are at least a thousandth, so that none is subnormal.
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

/// The counts side by side, at the finest scale at which they are few enough.
fn spread(placed: &[(i32, u64)]) -> (i32, Option<Buckets>) {
    let indices = || placed.iter().map(|(index, _)| *index);
    let (Some(first), Some(last)) = (indices().min(), indices().max()) else { return (SCALE_MAX, None) };
    let mut coarser = 0;
    while (last >> coarser) - (first >> coarser) >= BUCKETS_MAX {
        coarser += 1;
    }
    let offset = first >> coarser;
    let width = usize::try_from((last >> coarser) - offset + 1).expect("in ascending order");
    let mut bucket_counts = vec![0_u64; width];
    for (index, count) in placed {
        let at = usize::try_from((index >> coarser) - offset).expect("none is below the first");
        bucket_counts[at] = bucket_counts[at].saturating_add(*count);
    }
    (SCALE_MAX - coarser, Some(Buckets { offset, bucket_counts }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Between which values a bucket's samples lie.
    fn bounds(scale: i32, index: i32) -> (f64, f64) {
        let base = f64::from(-scale).exp2().exp2();
        (base.powi(index), base.powi(index + 1))
    }

    #[test]
    fn powers_of_two_are_the_upper_bounds_of_their_buckets() {
        for exponent in -9..40 {
            let value = f64::from(exponent).exp2();
            assert_eq!(index(value), exponent * 256 - 1, "2^{exponent}");
            assert_eq!(index(value * 1.000_001), exponent * 256, "just above 2^{exponent}");
        }
    }

    #[test]
    fn an_empty_trend_has_no_buckets() {
        let point = point(&Trend::new());
        assert_eq!((point.count, point.zero_count, point.sum), (0, 0, Some(0.0)));
        assert_eq!((point.positive, point.min, point.max), (None, None, None));
    }

    #[test]
    fn zeros_and_what_got_no_answer_are_counted() {
        let mut trend = Trend::new();
        trend.record_us(0);
        trend.record_us(1_500);
        trend.record_at_least_us(4_000);
        trend.record_at_least_us(0);
        let point = point(&trend);
        assert_eq!((point.count, point.zero_count, point.sum), (4, 2, Some(5.5)));
        assert_eq!((point.min, point.max), (Some(0.0), Some(4.0)));
        let buckets = point.positive.unwrap();
        assert_eq!(buckets.bucket_counts.iter().sum::<u64>(), 2);
        assert_eq!(buckets.offset, index(1.5));
        assert_eq!(buckets.bucket_counts.first(), Some(&1));
        assert_eq!(buckets.bucket_counts.last(), Some(&1));
    }

    proptest! {
        #[test]
        fn counts_are_exact_and_quantiles_within_a_bucket(
            values in prop::collection::vec(1_u64..3_600_000_000, 1..400),
        ) {
            let mut trend = Trend::new();
            values.iter().for_each(|us| trend.record_us(*us));
            let point = point(&trend);
            let buckets = point.positive.unwrap();
            prop_assert!(buckets.bucket_counts.len() <= 640);
            prop_assert_eq!(point.count, values.len() as u64);
            prop_assert_eq!(point.sum, Some(values.iter().sum::<u64>() as f64 / 1e3));
            prop_assert_eq!(point.max, Some(*values.iter().max().unwrap() as f64 / 1e3));
            let mut sorted = values;
            sorted.sort_unstable();
            let mut below = 0;
            for (at, count) in buckets.bucket_counts.iter().enumerate() {
                let count = usize::try_from(*count).unwrap();
                let (low, high) = bounds(point.scale, buckets.offset + i32::try_from(at).unwrap());
                for us in &sorted[below..below + count] {
                    // A bucket of the trend's own is a thousandth of its value wide, and goes by its middle.
                    let value = *us as f64 / 1e3;
                    prop_assert!(low * 0.998 <= value && value <= high * 1.002, "{low} {value} {high}");
                }
                below += count;
            }
            prop_assert_eq!(below, sorted.len());
        }
    }
}
