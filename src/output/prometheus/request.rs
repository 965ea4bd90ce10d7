//! Points as the body of a remote write: protobuf of either version, compressed by snappy's block format.

use std::collections::BTreeMap;

use prost::Message;

use crate::metrics::Kind;

use super::message::{
    BucketSpan, Histogram, Label, Metadata, MetricMetadata, MetricType, Request, Sample, TimeSeries,
    TimeSeries2, WriteRequest,
};
use super::native::{Native, ZERO_THRESHOLD};
use super::point::{Point, Reading};

/// The number that says that a series has ended: a NaN that nothing else may be.
const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// Which remote write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// 1.0.
    One,
    /// 2.0.
    Two,
}

impl Version {
    /// The headers `Content-Type` and `X-Prometheus-Remote-Write-Version`.
    pub(super) fn headers(self) -> (&'static str, &'static str) {
        match self {
            Self::One => ("application/x-protobuf", "0.1.0"),
            Self::Two => ("application/x-protobuf;proto=io.prometheus.write.v2.Request", "2.0.0"),
        }
    }
}

/// A point that is told.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) point: Point,
    /// When, in milliseconds since 1970.
    pub(super) at_unix_ms: i64,
    /// When it was nothing yet.
    pub(super) since_unix_ms: i64,
    /// Whether that is told too, as a value of its own: else nobody could tell how much a sum grew in its first second.
    pub(super) from_zero: bool,
    /// Instead of the value, that there are no more of them.
    pub(super) is_last: bool,
}

impl Told {
    fn is_sum(&self) -> bool {
        !matches!(self.point.reading, Reading::Gauge(_))
    }

    /// Its samples: of a sum that is new two.
    fn values(&self, version: Version) -> (Vec<Sample>, Vec<Histogram>) {
        let start = if version == Version::Two && self.is_sum() { self.since_unix_ms } else { 0 };
        let from_zero = self.from_zero && self.is_sum() && !self.is_last;
        let times = from_zero.then_some((self.since_unix_ms, true)).into_iter();
        let times = times.chain([(self.at_unix_ms, false)]);
        match &self.point.reading {
            Reading::Counter(value) | Reading::Gauge(value) => {
                let value = if self.is_last { STALE } else { *value };
                let sample = |(timestamp, is_zero)| Sample {
                    value: if is_zero { 0.0 } else { value },
                    timestamp,
                    start_timestamp: start,
                };
                (times.map(sample).collect(), Vec::new())
            }
            Reading::Histogram(native) => {
                let histogram = |(timestamp, is_zero)| {
                    let empty =
                        Native { count: 0, zeros: 0, sum: 0.0, buckets: Vec::new(), schema: native.schema };
                    let native = match (self.is_last, is_zero) {
                        (true, _) => &Native { sum: STALE, ..empty },
                        (_, true) => &empty,
                        _ => native,
                    };
                    message(native, timestamp, start)
                };
                (Vec::new(), times.map(histogram).collect())
            }
        }
    }

    fn kind(&self) -> MetricType {
        match &self.point.reading {
            // A part of a classic histogram, which is one by its name.
            _ if self.point.family.kind == Kind::Trend => MetricType::Histogram,
            Reading::Counter(_) => MetricType::Counter,
            Reading::Gauge(_) => MetricType::Gauge,
            Reading::Histogram(_) => MetricType::Histogram,
        }
    }
}

fn message(native: &Native, timestamp: i64, start_timestamp: i64) -> Histogram {
    let (spans, deltas) = native.spans();
    Histogram {
        count_int: Some(native.count),
        sum: native.sum,
        schema: native.schema,
        zero_threshold: ZERO_THRESHOLD,
        zero_count_int: Some(native.zeros),
        positive_spans: spans.into_iter().map(|(offset, length)| BucketSpan { offset, length }).collect(),
        positive_deltas: deltas,
        timestamp,
        start_timestamp,
    }
}

/// A body, and how many samples and histograms it holds.
pub(super) fn body(told: &[Told], version: Version, metadata: bool) -> (Vec<u8>, usize) {
    let (bytes, values) = match version {
        Version::One => one(told, metadata),
        Version::Two => two(told),
    };
    let packed = snap::raw::Encoder::new().compress_vec(&bytes).expect("a request is far below 4 GiB");
    (packed, values)
}

fn one(told: &[Told], metadata: bool) -> (Vec<u8>, usize) {
    let mut families: BTreeMap<&str, &Told> = BTreeMap::new();
    let mut values = 0;
    let series = told.iter().map(|told| {
        families.entry(&told.point.name).or_insert(told);
        let (samples, histograms) = told.values(Version::One);
        values += samples.len() + histograms.len();
        let label = |(name, value): &(String, String)| Label { name: name.clone(), value: value.clone() };
        TimeSeries { labels: told.point.labels.iter().map(label).collect(), samples, histograms }
    });
    let timeseries = series.collect();
    let describe = |(name, told): (&str, &Told)| MetricMetadata {
        r#type: told.kind().into(),
        metric_family_name: name.to_owned(),
        help: told.point.family.help.clone(),
        unit: told.point.family.unit.to_owned(),
    };
    let metadata = if metadata { families.into_iter().map(describe).collect() } else { Vec::new() };
    (WriteRequest { timeseries, metadata }.encode_to_vec(), values)
}

fn two(told: &[Told]) -> (Vec<u8>, usize) {
    let mut symbols: BTreeMap<&str, u32> = BTreeMap::from([("", 0)]);
    let mut values = 0;
    let mut timeseries = Vec::with_capacity(told.len());
    for told in told {
        let mut symbol = |text| {
            let next = u32::try_from(symbols.len()).expect("fewer than 4 billion texts");
            *symbols.entry(text).or_insert(next)
        };
        let labels = &told.point.labels;
        let labels_refs = labels.iter().flat_map(|(name, value)| [symbol(name), symbol(value)]).collect();
        let metadata = Metadata {
            r#type: told.kind().into(),
            help_ref: symbol(&told.point.family.help),
            unit_ref: symbol(told.point.family.unit),
        };
        let (samples, histograms) = told.values(Version::Two);
        values += samples.len() + histograms.len();
        timeseries.push(TimeSeries2 { labels_refs, samples, histograms, metadata: Some(metadata) });
    }
    let mut texts = vec![String::new(); symbols.len()];
    for (text, at) in symbols {
        text.clone_into(&mut texts[at as usize]);
    }
    (Request { symbols: texts, timeseries }.encode_to_vec(), values)
}
