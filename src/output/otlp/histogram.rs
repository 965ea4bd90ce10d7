//! A trend as OpenTelemetry's exponential histogram
//! ([data model](https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram)).
//!
//! Invariant: count, sum, smallest and largest are the trend's own, exact; what becomes of its buckets [`Exponential`] says.

use opentelemetry_proto::tonic::metrics::v1::ExponentialHistogramDataPoint;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;

use super::super::exponential::Exponential;
use crate::metrics::{Quantile, Trend};

/// The most buckets of a point, empty ones among them, since the format has no gaps; where its values spread further it is
/// made coarser. Ten doublings, as from 1 ms to 1 s, have buckets of 1.1 % with so many.
const BUCKETS_MAX: usize = 640;

/// What a user's number is multiplied by where it is stored.
const STORED_SCALE: f64 = 1_000.0;

/// Where that is counted that got no answer, unless it was waited for even longer: above anything that is measured, so
/// that no failure passes for a fast answer. Prometheus has +Inf for it; this format has no bucket without an end.
const NO_ANSWER_US: u64 = 3_600_000_000;

/// The distribution's own fields of a point; time and attributes are left to the caller. Values are as users read them:
/// milliseconds, or a custom metric's own. What got no answer adds to the sum as long as it was waited for, and takes
/// away the largest, which nobody knows.
pub(super) fn point(trend: &Trend) -> ExponentialHistogramDataPoint {
    let value_of = |stored: u64| stored as f64 / STORED_SCALE;
    let mut exponential = Exponential::of(trend, value_of);
    if trend.censored() > 0 {
        let bounds = trend.censored_buckets();
        let at_once = trend.censored().saturating_sub(bounds.iter().map(|bucket| bucket.count).sum());
        if at_once > 0 {
            exponential.put_above(value_of(NO_ANSWER_US), at_once);
        }
        for bound in bounds {
            let middle_us = bound.lowest + (bound.highest - bound.lowest) / 2;
            exponential.put_above(value_of(middle_us.max(NO_ANSWER_US)), bound.count);
        }
    }
    while exponential.width() > BUCKETS_MAX {
        exponential.coarsen();
    }
    let known =
        |quantile: Option<Quantile>| quantile.filter(|value| !value.at_least).map(|value| value.value());
    ExponentialHistogramDataPoint {
        count: trend.count(),
        sum: Some(trend.sum_us() as f64 / STORED_SCALE),
        scale: exponential.scale,
        zero_count: trend.zeros(),
        positive: side_by_side(&exponential),
        min: known(trend.min()),
        max: known(trend.max()),
        ..ExponentialHistogramDataPoint::default()
    }
}

/// The counts one after another, with those of nothing.
fn side_by_side(exponential: &Exponential) -> Option<Buckets> {
    let (offset, _) = *exponential.buckets.first()?;
    let mut bucket_counts = vec![0; exponential.width()];
    for (at, count) in &exponential.buckets {
        bucket_counts[usize::try_from(at - offset).expect("none is below the first")] = *count;
    }
    Some(Buckets { offset, bucket_counts })
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
            let holds = |at: &usize| {
                let (low, high) = bounds(point.scale, buckets.offset + i32::try_from(*at).unwrap());
                low < value && value <= high
            };
            buckets.bucket_counts[(0..buckets.bucket_counts.len()).find(holds).unwrap()]
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
