//! A snapshot as OpenTelemetry's metrics, under k6's names.
//!
//! | ours    | there                                                          |
//! |---------|----------------------------------------------------------------|
//! | counter | a monotonic sum                                                |
//! | gauge   | a gauge: the last value                                        |
//! | rate    | two monotonic sums, `NAME.occurred` and `NAME.total`, as in k6 |
//! | trend   | an exponential histogram, in milliseconds where it is a time   |

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Metric,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
};
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::attribute::{flag, scope, text};
use super::histogram;
use super::setting::Temporality;
use crate::metrics::{Series, Unit, Value, builtin};

/// Milliseconds to the format's nanoseconds.
const MS_NS: u64 = 1_000_000;

/// What all points of a message have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    /// From when on their sums run: milliseconds since 1970.
    pub(super) start_unix_ms: u64,
    /// To when.
    pub(super) end_unix_ms: u64,
    pub(super) temporality: Temporality,
    /// Whether they are of the warm-up, which no total of ours holds: series of their own, with the attribute `warm_up`.
    pub(super) is_warm_up: bool,
}

/// Metrics being put together.
pub(super) struct Batch<'a> {
    prefix: &'a str,
    /// Units of the script's own metrics, by name.
    units: &'a BTreeMap<String, Unit>,
    metrics: Vec<Metric>,
    points: u64,
}

impl<'a> Batch<'a> {
    pub(super) fn new(prefix: &'a str, units: &'a BTreeMap<String, Unit>) -> Self {
        Self { prefix, units, metrics: Vec::new(), points: 0 }
    }

    /// Adds a series; those of one metric come one after another.
    pub(super) fn add(&mut self, series: &Series, span: Span) {
        let mut attributes: Vec<KeyValue> = series.tags.iter().map(|(key, value)| text(key, value)).collect();
        if span.is_warm_up {
            attributes.push(flag("warm_up", true));
        }
        match &series.value {
            Value::Counter(sum) => {
                self.number(series, "", sum_of, number(span, attributes, Number::AsDouble(*sum)), span);
            }
            Value::Gauge { last, .. } => {
                self.number(series, "", gauge_of, number(span, attributes, Number::AsDouble(*last)), span);
            }
            Value::Rate { hits, total } => {
                let whole = |count: u64| Number::AsInt(i64::try_from(count).unwrap_or(i64::MAX));
                let occurred = number(span, attributes.clone(), whole(*hits));
                self.number(series, ".occurred", sum_of, occurred, span);
                self.number(series, ".total", sum_of, number(span, attributes, whole(*total)), span);
            }
            Value::Trend(trend) => {
                let point = ExponentialHistogramDataPoint {
                    attributes,
                    start_time_unix_nano: span.start_unix_ms * MS_NS,
                    time_unix_nano: span.end_unix_ms * MS_NS,
                    ..histogram::point(trend)
                };
                let data = self.metric(series, "", span, histogram_of);
                if let Some(Data::ExponentialHistogram(histogram)) = data {
                    histogram.data_points.push(point);
                    self.points += 1;
                }
            }
        }
    }

    fn number(
        &mut self,
        series: &Series,
        suffix: &str,
        make: fn(i32) -> Data,
        point: NumberDataPoint,
        span: Span,
    ) {
        match self.metric(series, suffix, span, make) {
            Some(Data::Sum(sum)) => sum.data_points.push(point),
            Some(Data::Gauge(gauge)) => gauge.data_points.push(point),
            _ => return,
        }
        self.points += 1;
    }

    /// The metric that a series belongs to: one of the last two, as those of a rate come in turns, or a new one.
    fn metric(
        &mut self,
        series: &Series,
        suffix: &str,
        span: Span,
        make: fn(i32) -> Data,
    ) -> Option<&mut Data> {
        let name = format!("{}{}{suffix}", self.prefix, series.metric);
        let from = self.metrics.len().saturating_sub(2);
        let known = self.metrics[from..].iter().position(|metric| metric.name == name);
        let at = known.map_or(self.metrics.len(), |at| from + at);
        if known.is_none() {
            let builtin = builtin(&series.metric);
            let unit = builtin.map(|builtin| builtin.unit).or(self.units.get(&*series.metric).copied());
            self.metrics.push(Metric {
                name,
                description: builtin.map(|builtin| builtin.about.to_owned()).unwrap_or_default(),
                unit: unit_of(unit.unwrap_or(Unit::None)).to_owned(),
                data: Some(make(temporality_of(span.temporality))),
                ..Metric::default()
            });
        }
        self.metrics[at].data.as_mut()
    }

    /// How many data points it has.
    pub(super) fn points(&self) -> u64 {
        self.points
    }

    /// The message.
    pub(super) fn request(self, resource: Resource) -> ExportMetricsServiceRequest {
        let scope_metrics =
            vec![ScopeMetrics { scope: Some(scope()), metrics: self.metrics, ..ScopeMetrics::default() }];
        let metrics =
            ResourceMetrics { resource: Some(resource), scope_metrics, ..ResourceMetrics::default() };
        ExportMetricsServiceRequest { resource_metrics: vec![metrics] }
    }
}

fn number(span: Span, attributes: Vec<KeyValue>, value: Number) -> NumberDataPoint {
    NumberDataPoint {
        attributes,
        start_time_unix_nano: span.start_unix_ms * MS_NS,
        time_unix_nano: span.end_unix_ms * MS_NS,
        value: Some(value),
        ..NumberDataPoint::default()
    }
}

fn sum_of(aggregation_temporality: i32) -> Data {
    Data::Sum(Sum { aggregation_temporality, is_monotonic: true, data_points: Vec::new() })
}

fn gauge_of(_: i32) -> Data {
    Data::Gauge(Gauge { data_points: Vec::new() })
}

fn histogram_of(aggregation_temporality: i32) -> Data {
    Data::ExponentialHistogram(ExponentialHistogram { aggregation_temporality, data_points: Vec::new() })
}

fn temporality_of(temporality: Temporality) -> i32 {
    match temporality {
        Temporality::Cumulative => AggregationTemporality::Cumulative as i32,
        Temporality::Delta => AggregationTemporality::Delta as i32,
    }
}

/// As UCUM writes it.
fn unit_of(unit: Unit) -> &'static str {
    match unit {
        Unit::None => "",
        Unit::Time => "ms",
        Unit::Bytes => "By",
    }
}
