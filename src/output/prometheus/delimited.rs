//! A total as protobuf, for a Prometheus that asks for it: messages of `io.prometheus.client`, each behind its length. Unlike
//! the text it can hold native histograms; the classic buckets are in it too, and Prometheus takes what it is set to.

use std::collections::BTreeMap;
use std::sync::Arc;

use prost::Message;

use crate::metrics::{Kind, Value};

use super::classic::Bounds;
use super::message::BucketSpan;
use super::naming::{Family, Naming};
use super::native::{Native, ZERO_THRESHOLD};
use super::total::Total;

/// The media type of [`bytes`].
pub(super) const CONTENT_TYPE: &str =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

/// Whether a scraper's `Accept` names it first: all that do like it best.
pub(super) fn is_wanted(accept: &str) -> bool {
    accept.trim_start().starts_with("application/vnd.google.protobuf")
}

#[derive(Clone, PartialEq, Message)]
struct MetricFamily {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(string, optional, tag = "2")]
    help: Option<String>,
    #[prost(enumeration = "MetricType", optional, tag = "3")]
    r#type: Option<i32>,
    #[prost(message, repeated, tag = "4")]
    metric: Vec<Metric>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
enum MetricType {
    Counter = 0,
    Gauge = 1,
    Histogram = 4,
}

#[derive(Clone, PartialEq, Message)]
struct Metric {
    #[prost(message, repeated, tag = "1")]
    label: Vec<LabelPair>,
    #[prost(message, optional, tag = "2")]
    gauge: Option<Number>,
    #[prost(message, optional, tag = "3")]
    counter: Option<Number>,
    #[prost(message, optional, tag = "7")]
    histogram: Option<Histogram>,
}

#[derive(Clone, PartialEq, Message)]
struct LabelPair {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(string, optional, tag = "2")]
    value: Option<String>,
}

/// A counter's or a gauge's.
#[derive(Clone, PartialEq, Message)]
struct Number {
    #[prost(double, optional, tag = "1")]
    value: Option<f64>,
}

#[derive(Clone, PartialEq, Message)]
struct Histogram {
    #[prost(uint64, optional, tag = "1")]
    sample_count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    sample_sum: Option<f64>,
    #[prost(message, repeated, tag = "3")]
    bucket: Vec<Bucket>,
    #[prost(sint32, optional, tag = "5")]
    schema: Option<i32>,
    #[prost(double, optional, tag = "6")]
    zero_threshold: Option<f64>,
    #[prost(uint64, optional, tag = "7")]
    zero_count: Option<u64>,
    #[prost(message, repeated, tag = "12")]
    positive_span: Vec<BucketSpan>,
    #[prost(sint64, repeated, packed = "false", tag = "13")]
    positive_delta: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct Bucket {
    #[prost(uint64, optional, tag = "1")]
    cumulative_count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    upper_bound: Option<f64>,
}

/// All series.
pub(super) fn bytes(total: &Total, naming: &mut Naming, bounds: &Bounds, buckets_max: usize) -> Vec<u8> {
    let mut families: BTreeMap<String, (Arc<Family>, Vec<Metric>)> = BTreeMap::new();
    for ((metric, tags), entry) in &total.entries {
        let family = naming.family(metric, entry.value.kind());
        let label = |(name, value)| LabelPair { name: Some(name), value: Some(value) };
        let labels: Vec<LabelPair> = naming.labels(tags).into_iter().map(label).collect();
        let empty = Metric { label: labels, ..Metric::default() };
        let number = |value: f64| Some(Number { value: Some(value) });
        let counter = |value: f64| Metric { counter: number(value), ..empty.clone() };
        let metrics = match &entry.value {
            Value::Counter(sum) => vec![counter(*sum)],
            Value::Gauge { last, .. } => vec![Metric { gauge: number(*last), ..empty.clone() }],
            Value::Rate { hits, total } => vec![counter(*hits as f64), counter(*total as f64)],
            Value::Trend(trend) => {
                let native = Native::of(trend, family.scale, buckets_max);
                let buckets = bounds.of(trend, &family).buckets;
                vec![Metric { histogram: Some(histogram(&native, &buckets)), ..empty.clone() }]
            }
        };
        for (name, metric) in family.names.iter().zip(metrics) {
            let (_, metrics) =
                families.entry(name.clone()).or_insert_with(|| (Arc::clone(&family), Vec::new()));
            metrics.push(metric);
        }
    }
    let mut bytes = Vec::new();
    for (name, (family, metric)) in families {
        let r#type = match family.kind {
            Kind::Counter | Kind::Rate => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
            Kind::Trend => MetricType::Histogram,
        };
        let help = Some(family.help.clone());
        let family = MetricFamily { name: Some(name), help, r#type: Some(r#type.into()), metric };
        bytes.extend(family.encode_length_delimited_to_vec());
    }
    bytes
}

fn histogram(native: &Native, buckets: &[(f64, u64)]) -> Histogram {
    let (spans, deltas) = native.spans();
    let bucket =
        |(bound, count): &(f64, u64)| Bucket { cumulative_count: Some(*count), upper_bound: Some(*bound) };
    Histogram {
        sample_count: Some(native.count),
        sample_sum: Some(native.sum),
        bucket: buckets.iter().map(bucket).collect(),
        schema: Some(native.schema),
        zero_threshold: Some(ZERO_THRESHOLD),
        zero_count: Some(native.zeros),
        positive_span: spans.into_iter().map(|(offset, length)| BucketSpan { offset, length }).collect(),
        positive_delta: deltas,
    }
}
