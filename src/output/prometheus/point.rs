//! A series of ours as the series that Prometheus keeps: a share is two, a classic histogram many.

use std::sync::Arc;

use crate::metrics::{TagSet, Value};

use super::classic::Bounds;
use super::naming::{Family, Naming};
use super::native::Native;

/// How trends are told.
#[derive(Debug, Clone)]
pub(super) enum Shape {
    /// As native histograms of no more buckets than this.
    Native(usize),
    /// As classic ones.
    Classic(Bounds),
}

/// What a series has now.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reading {
    /// A sum.
    Counter(f64),
    /// A level.
    Gauge(f64),
    /// A distribution.
    Histogram(Native),
}

/// A series of Prometheus.
#[derive(Debug, Clone)]
pub(super) struct Point {
    /// `__name__` among them; sorted by name.
    pub(super) labels: Vec<(String, String)>,
    pub(super) family: Arc<Family>,
    /// Which name of the family the metadata are of.
    pub(super) name: String,
    pub(super) reading: Reading,
}

/// What Prometheus keeps of a series of ours.
pub(super) fn points(
    naming: &mut Naming,
    (metric, tags): (&Arc<str>, &TagSet),
    value: &Value,
    shape: &Shape,
) -> Vec<Point> {
    let family = naming.family(metric, value.kind());
    let labels = naming.labels(tags);
    let point = |metadata: &str, name: String, le: Option<String>, reading: Reading| {
        let mut labels = labels.clone();
        labels.push(("__name__".to_owned(), name));
        labels.extend(le.map(|le| ("le".to_owned(), le)));
        labels.sort_unstable();
        Point { labels, family: Arc::clone(&family), name: metadata.to_owned(), reading }
    };
    let plain = |index: usize, reading: Reading| {
        let name = &family.names[index];
        point(name, name.clone(), None, reading)
    };
    match value {
        Value::Counter(sum) => vec![plain(0, Reading::Counter(*sum))],
        Value::Gauge { last, .. } => vec![plain(0, Reading::Gauge(*last))],
        Value::Rate { hits, total } => {
            vec![plain(0, Reading::Counter(*hits as f64)), plain(1, Reading::Counter(*total as f64))]
        }
        Value::Trend(trend) => match shape {
            Shape::Native(buckets_max) => {
                vec![plain(0, Reading::Histogram(Native::of(trend, family.scale, *buckets_max)))]
            }
            Shape::Classic(bounds) => {
                let classic = bounds.of(trend, &family);
                let name = &family.names[0];
                let part = |part: &str, le: Option<String>, value: f64| {
                    point(name, format!("{name}{part}"), le, Reading::Counter(value))
                };
                let bucket =
                    |(bound, count): &(f64, u64)| part("_bucket", Some(bound.to_string()), *count as f64);
                let mut points: Vec<Point> = classic.buckets.iter().map(bucket).collect();
                points.push(part("_bucket", Some("+Inf".to_owned()), classic.count as f64));
                points.push(part("_sum", None, classic.sum));
                points.push(part("_count", None, classic.count as f64));
                points
            }
        },
    }
}
