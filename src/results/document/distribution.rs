//! A distribution, in microseconds or in thousandths of what a script recorded. What is exact is exact: buckets are
//! HDR's, and the trend that is read back is the very one.

use serde::{Deserialize, Serialize};

use super::form::DocumentError;
use super::sum::Sum;
use crate::metrics::{Bucket, Layout, Trend};

/// The lowest and the highest value that fall into a bucket, and how many do.
type Filled = (u64, u64, u64);

/// A distribution, whose keys are of one unit: figures for whoever reads it, then the two parts that it is made of.
macro_rules! distribution {
    (
        $(#[$doc:meta])* $name:ident, $part:ident, $sum:literal, $mean:literal, $min:literal, $max:literal,
        [$($field:ident $q:literal $key:literal),*], $smallest:literal, $largest:literal, $buckets:literal
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub(super) struct $name {
            count: u64,
            clamped: u64,
            #[serde(rename = $sum)]
            sum: Sum,
            #[serde(rename = $mean)]
            mean: Option<f64>,
            #[serde(rename = $min)]
            min: Option<u64>,
            $(#[serde(rename = $key)]
            $field: Option<u64>,)*
            #[serde(rename = $max)]
            max: Option<u64>,
            /// The keys above whose figures are lower bounds: they fall among requests that got no answer.
            lower_bounds: Vec<String>,
            measured: $part,
            /// Samples that are known only from below.
            at_least: Option<$part>,
        }

        /// What was measured, or is known only from below.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        struct $part {
            count: u64,
            zeros: u64,
            #[serde(rename = $sum)]
            sum: Sum,
            /// Above zero, and exact.
            #[serde(rename = $smallest)]
            smallest: Option<u64>,
            #[serde(rename = $largest)]
            largest: Option<u64>,
            #[serde(rename = $buckets)]
            buckets: Vec<Filled>,
        }

        impl From<&Trend> for $name {
            fn from(trend: &Trend) -> Self {
                let layout = trend.layout();
                let figures = [
                    ($min, trend.min()),
                    $(($key, trend.quantile($q)),)*
                    ($max, trend.max()),
                ];
                let is_bound = trend.censored() > 0;
                let bounds = figures.iter().filter(|(_, figure)| figure.is_some_and(|figure| figure.at_least));
                let lower_bounds = is_bound.then_some($mean).into_iter().chain(bounds.map(|(key, _)| *key));
                let lower_bounds = lower_bounds.map(str::to_owned).collect();
                let [min, $($field,)* max] = figures.map(|(_, figure)| figure.map(|figure| figure.value_us));
                Self {
                    count: trend.count(),
                    clamped: layout.clamped,
                    sum: Sum(trend.sum_us()),
                    mean: trend.mean_us(),
                    min,
                    $($field,)*
                    max,
                    lower_bounds,
                    at_least: layout.at_least.as_deref().map($part::from),
                    measured: $part::from(&layout),
                }
            }
        }

        impl From<&Layout> for $part {
            fn from(layout: &Layout) -> Self {
                let is_filled = !layout.buckets.is_empty();
                let filled = |bucket: &Bucket| (bucket.lowest, bucket.highest, bucket.count);
                Self {
                    count: layout.buckets.iter().fold(layout.zeros, |sum, bucket| sum.saturating_add(bucket.count)),
                    zeros: layout.zeros,
                    sum: Sum(layout.sum),
                    smallest: is_filled.then_some(layout.min),
                    largest: is_filled.then_some(layout.max),
                    buckets: layout.buckets.iter().map(filled).collect(),
                }
            }
        }

        impl $part {
            fn layout(self) -> Layout {
                let bucket = |(lowest, highest, count)| Bucket { lowest, highest, count };
                Layout {
                    zeros: self.zeros,
                    clamped: 0,
                    sum: self.sum.0,
                    min: self.smallest.unwrap_or(0),
                    max: self.largest.unwrap_or(0),
                    buckets: self.buckets.into_iter().map(bucket).collect(),
                    at_least: None,
                }
            }
        }

        impl $name {
            /// The trend that it was made of: what stands in it twice is taken from its parts.
            pub(super) fn trend(self) -> Result<Trend, DocumentError> {
                let at_least = self.at_least.map(|part| Box::new(part.layout()));
                let layout = Layout { clamped: self.clamped, at_least, ..self.measured.layout() };
                Ok(Trend::try_from(&layout)?)
            }
        }
    };
}

distribution! {
    /// Of times.
    Times, TimesPart, "sum_us", "mean_us", "min_us", "max_us",
    [
        p50 0.5 "p50_us", p75 0.75 "p75_us", p90 0.9 "p90_us", p95 0.95 "p95_us", p99 0.99 "p99_us",
        p999 0.999 "p99_9_us", p9999 0.9999 "p99_99_us"
    ],
    "smallest_us", "largest_us", "buckets_us"
}

distribution! {
    /// Of a script's own numbers, each in thousandths.
    Thousandths, ThousandthsPart, "sum_thousandths", "mean_thousandths", "min_thousandths", "max_thousandths",
    [
        p50 0.5 "p50_thousandths", p75 0.75 "p75_thousandths", p90 0.9 "p90_thousandths",
        p95 0.95 "p95_thousandths", p99 0.99 "p99_thousandths", p999 0.999 "p99_9_thousandths",
        p9999 0.9999 "p99_99_thousandths"
    ],
    "smallest_thousandths", "largest_thousandths", "buckets_thousandths"
}
