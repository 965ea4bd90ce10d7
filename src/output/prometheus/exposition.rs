//! A total as Prometheus's text format 0.0.4, by the crate `prometheus`.

use std::collections::BTreeMap;
use std::sync::Arc;

use prometheus::TextEncoder;
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};

use crate::metrics::{Kind, Value};

use super::classic::Bounds;
use super::naming::{Family, Naming};
use super::total::Total;

/// The media type of [`text`].
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All series.
pub(super) fn text(total: &Total, naming: &mut Naming, bounds: &Bounds) -> Result<String, prometheus::Error> {
    let mut families: BTreeMap<String, (Arc<Family>, Vec<Metric>)> = BTreeMap::new();
    for ((metric, tags), entry) in &total.entries {
        let family = naming.family(metric, entry.value.kind());
        let labels: Vec<LabelPair> = naming.labels(tags).into_iter().map(label).collect();
        for (name, value) in family.names.iter().zip(values(&entry.value, &family, bounds)) {
            let (_, metrics) =
                families.entry(name.clone()).or_insert_with(|| (Arc::clone(&family), Vec::new()));
            let mut metric = Metric::from_label(labels.clone());
            match value {
                Exposed::Counter(sum) => {
                    let mut counter = Counter::default();
                    counter.set_value(sum);
                    metric.set_counter(counter);
                }
                Exposed::Gauge(level) => {
                    let mut gauge = Gauge::default();
                    gauge.set_value(level);
                    metric.set_gauge(gauge);
                }
                Exposed::Histogram(histogram) => metric.set_histogram(histogram),
            }
            metrics.push(metric);
        }
    }
    let families: Vec<MetricFamily> = families
        .into_iter()
        .map(|(name, (family, metrics))| {
            let mut exposed = MetricFamily::default();
            exposed.set_name(name);
            exposed.set_help(family.help.clone());
            exposed.set_field_type(match family.kind {
                Kind::Counter | Kind::Rate => MetricType::COUNTER,
                Kind::Gauge => MetricType::GAUGE,
                Kind::Trend => MetricType::HISTOGRAM,
            });
            exposed.set_metric(metrics);
            exposed
        })
        .collect();
    TextEncoder::new().encode_to_string(&families)
}

enum Exposed {
    Counter(f64),
    Gauge(f64),
    Histogram(Histogram),
}

/// A value for each of the family's names.
fn values(value: &Value, family: &Family, bounds: &Bounds) -> Vec<Exposed> {
    match value {
        Value::Counter(sum) => vec![Exposed::Counter(*sum)],
        Value::Gauge { last, .. } => vec![Exposed::Gauge(*last)],
        Value::Rate { hits, total } => vec![Exposed::Counter(*hits as f64), Exposed::Counter(*total as f64)],
        Value::Trend(trend) => {
            let classic = bounds.of(trend, family);
            let bucket = |(bound, count): (f64, u64)| {
                let mut bucket = Bucket::default();
                bucket.set_upper_bound(bound);
                bucket.set_cumulative_count(count);
                bucket
            };
            let mut histogram = Histogram::default();
            histogram.set_bucket(classic.buckets.into_iter().map(bucket).collect());
            histogram.set_sample_count(classic.count);
            histogram.set_sample_sum(classic.sum);
            vec![Exposed::Histogram(histogram)]
        }
    }
}

fn label((name, value): (String, String)) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name);
    pair.set_value(value);
    pair
}
