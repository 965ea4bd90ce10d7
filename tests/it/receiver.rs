//! A receiver of remote write 2.0, made from the published schema (`io.prometheus.write.v2.Request`, 2.0-rc.4) and the rules of its
//! specification: what breaks one of them is a problem that it names. It knows nothing of the library.

use std::collections::BTreeMap;

use prost::Message;

pub(crate) const COUNTER: i32 = 1;
pub(crate) const GAUGE: i32 = 2;
pub(crate) const HISTOGRAM: i32 = 3;

const STALE: u64 = 0x7ff0_0000_0000_0002;

#[derive(Clone, PartialEq, Message)]
struct Request {
    /// 1 to 3 are reserved: what is there was meant for 1.0.
    #[prost(bytes = "vec", repeated, tag = "1")]
    reserved_1: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "3")]
    reserved_3: Vec<Vec<u8>>,
    #[prost(string, repeated, tag = "4")]
    symbols: Vec<String>,
    #[prost(message, repeated, tag = "5")]
    timeseries: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    #[prost(uint32, repeated, tag = "1")]
    labels_refs: Vec<u32>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
    #[prost(message, repeated, tag = "3")]
    histograms: Vec<Histogram>,
    #[prost(message, optional, tag = "5")]
    metadata: Option<Metadata>,
    /// Reserved since 2.0-rc.4.
    #[prost(int64, tag = "6")]
    created_timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
    #[prost(int64, tag = "3")]
    start_timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Metadata {
    #[prost(int32, tag = "1")]
    r#type: i32,
    #[prost(uint32, tag = "3")]
    help_ref: u32,
    #[prost(uint32, tag = "4")]
    unit_ref: u32,
}

#[derive(Clone, PartialEq, Message)]
struct Histogram {
    #[prost(oneof = "Count", tags = "1, 2")]
    count: Option<Count>,
    #[prost(double, tag = "3")]
    sum: f64,
    #[prost(sint32, tag = "4")]
    schema: i32,
    #[prost(double, tag = "5")]
    zero_threshold: f64,
    #[prost(oneof = "ZeroCount", tags = "6, 7")]
    zero_count: Option<ZeroCount>,
    #[prost(message, repeated, tag = "8")]
    negative_spans: Vec<Span>,
    #[prost(message, repeated, tag = "11")]
    positive_spans: Vec<Span>,
    #[prost(sint64, repeated, tag = "12")]
    positive_deltas: Vec<i64>,
    #[prost(int32, tag = "14")]
    reset_hint: i32,
    #[prost(int64, tag = "15")]
    timestamp: i64,
    #[prost(int64, tag = "17")]
    start_timestamp: i64,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Count {
    #[prost(uint64, tag = "1")]
    Int(u64),
    #[prost(double, tag = "2")]
    Float(f64),
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum ZeroCount {
    #[prost(uint64, tag = "6")]
    Int(u64),
    #[prost(double, tag = "7")]
    Float(f64),
}

#[derive(Clone, PartialEq, Message)]
struct Span {
    #[prost(sint32, tag = "1")]
    offset: i32,
    #[prost(uint32, tag = "2")]
    length: u32,
}

/// A histogram as it was told last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Distribution {
    pub(crate) count: u64,
    pub(crate) zeros: u64,
    pub(crate) sum: f64,
    schema: i32,
    buckets: BTreeMap<i32, u64>,
}

impl Distribution {
    /// How many are in buckets that end at most there.
    pub(crate) fn at_most(&self, bound: f64) -> u64 {
        let edge = |at: i32| (f64::from(at) * (-f64::from(self.schema)).exp2()).exp2();
        let below = self.buckets.iter().filter(|(at, _)| edge(**at) <= bound);
        self.zeros + below.map(|(_, count)| count).sum::<u64>()
    }
}

/// A series as it was told last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stored {
    pub(crate) name: String,
    /// Type, help and unit.
    pub(crate) metadata: (i32, String, String),
    pub(crate) is_stale: bool,
    at: i64,
    value: f64,
    histogram: Option<Distribution>,
}

/// All that was written.
#[derive(Debug, Default)]
pub(crate) struct Receiver {
    pub(crate) series: BTreeMap<Vec<(String, String)>, Stored>,
    pub(crate) problems: Vec<String>,
}

impl Receiver {
    /// The sum of the series of that name.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        self.series.values().filter(|series| series.name == name).map(|series| series.value).sum()
    }

    /// The only histogram of that name.
    pub(crate) fn histogram(&self, name: &str) -> Distribution {
        let mut found = self.series.values().filter(|series| series.name == name);
        let only = found.next().and_then(|series| series.histogram.clone());
        assert!(found.next().is_none(), "there are several {name}");
        only.unwrap_or_else(|| panic!("no histogram {name}"))
    }

    /// Takes a body; how many samples and histograms it held.
    pub(crate) fn write(&mut self, body: &[u8]) -> (usize, usize) {
        let bytes = snap::raw::Decoder::new().decompress_vec(body).expect("snappy's block format");
        let request = Request::decode(&*bytes).expect("a request of the schema");
        let mut problems = Vec::new();
        let mut rule = |is_kept: bool, what: &str| {
            if !is_kept {
                problems.push(what.to_owned());
            }
        };
        rule(
            request.reserved_1.is_empty() && request.reserved_3.is_empty(),
            "reserved fields of a request are used",
        );
        rule(request.symbols.first().is_some_and(String::is_empty), "the first symbol is not empty");
        let mut distinct = request.symbols.clone();
        distinct.sort_unstable();
        distinct.dedup();
        rule(distinct.len() == request.symbols.len(), "a symbol stands twice");
        let (mut samples, mut histograms) = (0, 0);
        for series in &request.timeseries {
            let text = |at: u32| request.symbols.get(at as usize).cloned().expect("a reference to a symbol");
            rule(series.labels_refs.len() % 2 == 0, "labels are no pairs");
            let labels: Vec<(String, String)> =
                series.labels_refs.chunks(2).map(|pair| (text(pair[0]), text(pair[1]))).collect();
            rule(
                labels.windows(2).all(|pair| pair[0].0 < pair[1].0),
                "labels are not sorted, or stand twice",
            );
            rule(
                labels.iter().all(|(name, value)| !name.is_empty() && !value.is_empty()),
                "a label is empty",
            );
            let is_name = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            rule(labels.iter().all(|(name, _)| is_name(name)), "a label's name has odd characters");
            let reserved = |name: &str| name.starts_with("__") && name != "__name__";
            rule(!labels.iter().any(|(name, _)| reserved(name)), "a label begins with two underscores");
            rule(series.created_timestamp == 0, "the reserved field 6 of a series is used");
            rule(
                series.samples.is_empty() != series.histograms.is_empty(),
                "a series has samples and histograms, or neither",
            );
            let metadata = series.metadata.clone().unwrap_or_default();
            rule((COUNTER..=HISTOGRAM).contains(&metadata.r#type), "a series has no type");
            rule(
                (metadata.r#type == HISTOGRAM) == samples_are_absent(series),
                "the type is not that of the values",
            );
            let name = labels.iter().find(|(name, _)| name == "__name__").map(|(_, value)| value.clone());
            let stored = self.series.entry(labels).or_default();
            rule(!stored.is_stale, "a series goes on behind its end");
            stored.name = name.unwrap_or_default();
            stored.metadata = (metadata.r#type, text(metadata.help_ref), text(metadata.unit_ref));
            rule(!stored.metadata.1.is_empty(), "a series has no help");
            let is_sum = metadata.r#type != GAUGE;
            for sample in &series.samples {
                samples += 1;
                rule(sample.timestamp > stored.at, "samples are not in the order of their times");
                rule((sample.start_timestamp != 0) == is_sum, "a sum has no start, or a level has one");
                rule(sample.start_timestamp <= sample.timestamp, "a sample begins behind its end");
                stored.at = sample.timestamp;
                stored.is_stale = sample.value.to_bits() == STALE;
                if !stored.is_stale {
                    rule(!is_sum || sample.value >= stored.value, "a sum falls");
                    stored.value = sample.value;
                }
            }
            for histogram in &series.histograms {
                histograms += 1;
                rule(histogram.timestamp > stored.at, "histograms are not in the order of their times");
                rule(histogram.start_timestamp != 0, "a histogram has no start");
                stored.at = histogram.timestamp;
                stored.is_stale = histogram.sum.to_bits() == STALE;
                if !stored.is_stale {
                    let told = distribution(histogram, &mut rule);
                    rule(
                        told.count >= stored.histogram.as_ref().map_or(0, |before| before.count),
                        "a histogram's count falls",
                    );
                    stored.histogram = Some(told);
                }
            }
        }
        self.problems.extend(problems);
        (samples, histograms)
    }
}

fn samples_are_absent(series: &TimeSeries) -> bool {
    series.samples.is_empty()
}

fn distribution(histogram: &Histogram, rule: &mut impl FnMut(bool, &str)) -> Distribution {
    rule((-4..=8).contains(&histogram.schema), "the schema is out of range");
    rule(histogram.negative_spans.is_empty(), "there are values below zero");
    let (Some(Count::Int(count)), Some(ZeroCount::Int(zeros))) = (&histogram.count, &histogram.zero_count)
    else {
        rule(false, "a histogram has no whole counts");
        return Distribution::default();
    };
    let (mut at, mut value) = (0, 0_i64);
    let mut deltas = histogram.positive_deltas.iter();
    let mut buckets = BTreeMap::new();
    for (index, span) in histogram.positive_spans.iter().enumerate() {
        rule(index == 0 || span.offset >= 0, "spans overlap");
        at += span.offset;
        for _ in 0..span.length {
            value += deltas.next().copied().unwrap_or_default();
            rule(value > 0, "a bucket that is told is empty");
            buckets.insert(at, u64::try_from(value).unwrap_or(0));
            at += 1;
        }
    }
    rule(deltas.next().is_none(), "there are more counts than buckets");
    rule(buckets.values().sum::<u64>() + zeros == *count, "buckets and zeros are not the count");
    Distribution { count: *count, zeros: *zeros, sum: histogram.sum, schema: histogram.schema, buckets }
}
