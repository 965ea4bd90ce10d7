//! Samples in pprof's format, gzipped: what Go's `pprof`, speedscope and Pyroscope read.
//!
//! The messages are those fields of `profile.proto` (github.com/google/pprof) that we fill, by its numbers; the
//! pprof crate's own would want its generator, or protoc. Lines are left out: samples are counted by function.

use std::collections::HashMap;
use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use prost::Message;

use super::{ProfileError, Samples};

/// `perftools.profiles.Profile`.
#[derive(Clone, PartialEq, Message)]
struct Profile {
    #[prost(message, repeated, tag = "1")]
    sample_type: Vec<ValueType>,
    #[prost(message, repeated, tag = "2")]
    sample: Vec<Sample>,
    #[prost(message, repeated, tag = "4")]
    location: Vec<Location>,
    #[prost(message, repeated, tag = "5")]
    function: Vec<Function>,
    /// The first is empty.
    #[prost(string, repeated, tag = "6")]
    string_table: Vec<String>,
    #[prost(int64, tag = "9")]
    time_nanos: i64,
    #[prost(int64, tag = "10")]
    duration_nanos: i64,
    #[prost(message, optional, tag = "11")]
    period_type: Option<ValueType>,
    #[prost(int64, tag = "12")]
    period: i64,
}

/// What a value counts; both are indices of strings.
#[derive(Clone, Copy, PartialEq, Message)]
struct ValueType {
    #[prost(int64, tag = "1")]
    kind: i64,
    #[prost(int64, tag = "2")]
    unit: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    /// The innermost first.
    #[prost(uint64, repeated, tag = "1")]
    location_id: Vec<u64>,
    #[prost(int64, repeated, tag = "2")]
    value: Vec<i64>,
    #[prost(message, repeated, tag = "3")]
    label: Vec<Label>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Label {
    #[prost(int64, tag = "1")]
    key: i64,
    #[prost(int64, tag = "2")]
    text: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Location {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(message, repeated, tag = "4")]
    line: Vec<Line>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Line {
    #[prost(uint64, tag = "1")]
    function_id: u64,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Function {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(int64, tag = "2")]
    name: i64,
    #[prost(int64, tag = "3")]
    system_name: i64,
    #[prost(int64, tag = "4")]
    filename: i64,
}

/// Strings by their place in the table.
struct Strings {
    table: Vec<String>,
    places: HashMap<String, i64>,
}

impl Strings {
    fn place(&mut self, text: &str) -> i64 {
        *self.places.entry(text.to_owned()).or_insert_with(|| {
            self.table.push(text.to_owned());
            signed(self.table.len() - 1)
        })
    }
}

fn signed(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

/// The samples as a gzipped profile. `end_unix_ns` is when they were complete, in nanoseconds since 1970.
/// A thread's name stands as the outermost function of its stacks and as their label `thread`.
pub fn pprof(samples: &Samples, end_unix_ns: u64) -> Result<Vec<u8>, ProfileError> {
    let bytes = profile(samples, end_unix_ns).encode_to_vec();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&bytes).and_then(|()| gzip.finish()).map_err(ProfileError::Draw)
}

fn profile(samples: &Samples, end_unix_ns: u64) -> Profile {
    let mut strings = Strings { table: vec![String::new()], places: HashMap::from([(String::new(), 0)]) };
    let mut function = Vec::new();
    let mut add = |strings: &mut Strings, name: &str, file: &str| {
        let id = function.len() as u64 + 1;
        let name = strings.place(name);
        function.push(Function { id, name, system_name: name, filename: strings.place(file) });
        id
    };
    for frame in &samples.frames {
        add(&mut strings, &frame.function, frame.file.as_deref().unwrap_or_default());
    }
    let mut threads: HashMap<&str, u64> = HashMap::new();
    for stack in &samples.stacks {
        threads.entry(&stack.thread).or_insert_with(|| add(&mut strings, &stack.thread, ""));
    }
    let period = 1_000_000_000 / i64::from(samples.hertz.max(1));
    let cpu = ValueType { kind: strings.place("cpu"), unit: strings.place("nanoseconds") };
    let count = ValueType { kind: strings.place("samples"), unit: strings.place("count") };
    let key = strings.place("thread");
    let sample = samples.stacks.iter().map(|stack| {
        let inner = stack.frames.iter().rev().map(|index| *index as u64 + 1);
        let met = signed(stack.count);
        Sample {
            location_id: inner.chain([threads[stack.thread.as_str()]]).collect(),
            value: vec![met, met.saturating_mul(period)],
            label: vec![Label { key, text: strings.place(&stack.thread) }],
        }
    });
    let sample = sample.collect();
    // A location is a function here: the same numbers.
    let location =
        (1..=function.len() as u64).map(|id| Location { id, line: vec![Line { function_id: id }] });
    Profile {
        sample_type: vec![count, cpu],
        sample,
        location: location.collect(),
        function,
        string_table: strings.table,
        time_nanos: signed(end_unix_ns),
        duration_nanos: signed(samples.cpu.as_nanos()),
        period_type: Some(cpu),
        period,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Frame, Stack};
    use super::*;
    use std::io::Read;
    use std::time::Duration;

    #[test]
    fn a_profile_is_read_again_as_it_was() {
        let frame = |name: &str, file: Option<&str>| Frame {
            function: name.to_owned(),
            file: file.map(str::to_owned),
        };
        let samples = Samples {
            frames: vec![frame("main", None), frame("run", Some("src/a.rs"))],
            stacks: vec![
                Stack { thread: "worker 0".to_owned(), frames: vec![0, 1], count: 3 },
                Stack { thread: "demo".to_owned(), frames: vec![1], count: 1 },
            ],
            hertz: 250,
            cpu: Duration::from_secs(2),
            ..Samples::default()
        };
        let packed = pprof(&samples, 7).unwrap();
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut bytes).unwrap();
        let read = Profile::decode(bytes.as_slice()).unwrap();
        let text = |place: i64| read.string_table[usize::try_from(place).unwrap()].as_str();
        let name = |id: &u64| {
            let location = read.location.iter().find(|location| location.id == *id).unwrap();
            let function = read.function.iter().find(|one| one.id == location.line[0].function_id).unwrap();
            text(function.name)
        };
        let stacks: Vec<Vec<&str>> =
            read.sample.iter().map(|sample| sample.location_id.iter().map(name).collect()).collect();
        assert_eq!(stacks, [vec!["run", "main", "worker 0"], vec!["run", "demo"]]);
        assert_eq!(read.sample[0].value, [3, 12_000_000]);
        assert_eq!(text(read.sample[1].label[0].key), "thread");
        assert_eq!(text(read.sample[1].label[0].text), "demo");
        let units: Vec<(&str, &str)> =
            read.sample_type.iter().map(|one| (text(one.kind), text(one.unit))).collect();
        assert_eq!(units, [("samples", "count"), ("cpu", "nanoseconds")]);
        assert_eq!(text(read.function[1].filename), "src/a.rs");
        assert_eq!((read.string_table[0].as_str(), read.period, read.time_nanos), ("", 4_000_000, 7));
    }
}
