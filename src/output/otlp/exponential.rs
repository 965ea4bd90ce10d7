//! A trend as OpenTelemetry's exponential histogram: bucket i of scale s holds what lies in (b^i, b^(i+1)], with
//! b = 2^(2^-s) ([data model](https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram)).
//!
//! Invariant: count, sum, smallest and largest are the trend's own, exact; each of its buckets, which are finer, goes
//! whole into the one where its middle lies. Counts of buckets only grow while samples come, as backends expect of sums.

use opentelemetry_proto::tonic::metrics::v1::ExponentialHistogramDataPoint;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;

use crate::metrics::{Bucket, Quantile, Trend};

/// The finest scale: a bucket is 0.27 % wide. It is also the finest that Prometheus takes as it is.
const SCALE_MAX: i32 = 8;

/// The most buckets of a point; where its values spread further it is made coarser. Ten doublings, as from 1 ms to
/// 1 s, have buckets of 1.1 % with so many.
const BUCKETS_MAX: i32 = 640;

/// What a user's number is multiplied by where it is stored.
const STORED_SCALE: f64 = 1_000.0;

/// Where that is counted that got no answer, unless it was waited for even longer: above anything that is measured, so
/// that no failure passes for a fast answer. The format has no bucket without an end.
const NO_ANSWER_US: u64 = 3_600_000_000;

/// The distribution's own fields of a point; time and attributes are left to the caller. Values are as users read them:
/// milliseconds, or a custom metric's own. What got no answer adds to the sum as long as it was waited for, and takes
/// away the largest, which nobody knows.
pub(super) fn point(trend: &Trend) -> ExponentialHistogramDataPoint {
    let largest_us = trend.max().map_or(0, |max| max.value_us);
    let place = |bucket: &Bucket, least_us: u64| {
        (index(middle(*bucket, largest_us).max(least_us) as f64 / STORED_SCALE), bucket.count)
    };
    let mut placed: Vec<(i32, u64)> = trend.buckets().iter().map(|bucket| place(bucket, 1)).collect();
    if trend.censored() > 0 {
        let bounds = trend.censored_buckets();
        let at_once = trend.censored().saturating_sub(bounds.iter().map(|bucket| bucket.count).sum());
        placed.push((index(NO_ANSWER_US as f64 / STORED_SCALE), at_once));
        placed.extend(bounds.iter().map(|bucket| place(bucket, NO_ANSWER_US)));
    }
    let (scale, positive) = spread(&placed);
    let known =
        |quantile: Option<Quantile>| quantile.filter(|value| !value.at_least).map(|value| value.value());
    ExponentialHistogramDataPoint {
        count: trend.count(),
        sum: Some(trend.sum_us() as f64 / STORED_SCALE),
        scale,
        zero_count: trend.zeros(),
        positive,
        min: known(trend.min()),
        max: known(trend.max()),
        ..ExponentialHistogramDataPoint::default()
    }
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
    fn what_got_no_answer_is_above_all_that_was_measured() {
        let mut trend = Trend::new();
        trend.record_us(0);
        trend.record_us(1_500);
        let measured = point(&trend);
        assert_eq!((measured.min, measured.max, measured.sum), (Some(0.0), Some(1.5), Some(1.5)));
        trend.record_at_least_us(4_000);
        trend.record_at_least_us(0);
        trend.record_at_least_us(2 * NO_ANSWER_US);
        let point = point(&trend);
        assert_eq!((point.count, point.zero_count, point.sum), (5, 1, Some(7_200_005.5)));
        assert_eq!((point.min, point.max), (Some(0.0), None));
        let buckets = point.positive.unwrap();
        let at = |value: f64| {
            let at = (index(value) >> (SCALE_MAX - point.scale)) - buckets.offset;
            buckets.bucket_counts[usize::try_from(at).unwrap()]
        };
        assert_eq!([at(1.5), at(3_600_000.0), at(7_200_000.0)], [1, 2, 1]);
        assert_eq!(buckets.bucket_counts.iter().sum::<u64>(), 4);
    }

    proptest! {
        #[test]
        fn counts_are_exact_and_quantiles_within_a_bucket(
            values in prop::collection::vec(1_u64..3_600_000_000, 1..400),
        ) {
            let mut trend = Trend::new();
            for us in &values {
                trend.record_us(*us);
            }
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
