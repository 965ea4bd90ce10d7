//! `csv-samples`: each sample as a row, in the columns of k6's `csv` output.

use jiff::Timestamp;

use super::csv::rows as csv_rows;
use super::out_file::OutFile;
use super::samples::{Row, gauges, rows};
use super::{Output, OutputError, Place, Played, SendError, Sink};
use crate::metrics::Sample;
use crate::results::PlayedSecond;

/// `-o csv-samples=FILE`.
pub(super) const OUTPUT: Output = Output {
    name: "csv-samples",
    alias: None,
    place: "FILE",
    about: "each sample as a row, in k6's columns; in gzip by the name `.gz`",
    options: &[(
        "time",
        "how the time is written: unix (seconds), unix_milli, unix_micro, unix_nano, rfc3339",
    )],
    open,
};

/// k6's columns for tags, between the value and what else there is. Those that we never set are empty.
const TAGS: [&str; 14] = [
    "check",
    "error",
    "error_code",
    "expected_response",
    "group",
    "method",
    "name",
    "proto",
    "scenario",
    "service",
    "status",
    "subproto",
    "tls_version",
    "url",
];

/// How the time is written; k6's names.
#[derive(Debug, Clone, Copy)]
enum Time {
    /// Counted in units of so many nanoseconds.
    Unix(u64),
    Rfc3339,
}

struct CsvSamples {
    file: OutFile,
    time: Time,
}

fn open(place: &Place) -> Result<Box<dyn Sink>, OutputError> {
    let time = match place.option("time") {
        None | Some("unix") => Time::Unix(1_000_000_000),
        Some("unix_milli") => Time::Unix(1_000_000),
        Some("unix_micro") => Time::Unix(1_000),
        Some("unix_nano") => Time::Unix(1),
        Some("rfc3339") => Time::Rfc3339,
        Some(other) => {
            let why = "is none of unix, unix_milli, unix_micro, unix_nano and rfc3339";
            return Err(place.wrong("time", other, why));
        }
    };
    Ok(Box::new(CsvSamples { file: OutFile::create(place, &place.at)?, time }))
}

impl CsvSamples {
    fn append<'a>(&mut self, rows: impl Iterator<Item = Row<'a>>) -> Result<(), SendError> {
        let time = self.time;
        let piece = csv_rows(rows.map(|row| line(&row, time)))?;
        Ok(self.file.append(&piece)?)
    }
}

impl Sink for CsvSamples {
    fn begin(&mut self, _run: &Played) -> Result<(), SendError> {
        let head = ["metric_name", "timestamp", "metric_value"];
        let columns = head.into_iter().chain(TAGS).chain(["extra_tags", "metadata"]);
        Ok(self.file.append(&csv_rows([columns.map(str::to_owned).collect()])?)?)
    }

    fn second(&mut self, second: &PlayedSecond) -> Result<(), SendError> {
        self.append(gauges(second))
    }

    fn takes_samples(&self) -> bool {
        true
    }

    fn samples(&mut self, samples: &[Sample]) -> Result<(), SendError> {
        self.append(rows(samples))
    }
}

fn line(row: &Row<'_>, time: Time) -> Vec<String> {
    let at = match time {
        Time::Unix(unit_ns) => (row.at_unix_ns / unit_ns).to_string(),
        Time::Rfc3339 => rfc3339(row.at_unix_ns),
    };
    let mut line = vec![row.figure.metric.to_owned(), at, format!("{:.6}", row.value())];
    line.extend(TAGS.map(|tag| row.tags.get(tag).unwrap_or_default().to_owned()));
    line.push(pairs(row.tags.iter().filter(|(tag, _)| !TAGS.contains(tag))));
    line.push(pairs(row.metadata().iter().map(|(key, value)| (*key, value.as_str()))));
    line
}

/// UTC, to the nanosecond.
pub(super) fn rfc3339(unix_ns: u64) -> String {
    // Every u64 is within what a timestamp can be.
    Timestamp::from_nanosecond(unix_ns.into()).map(|at| at.to_string()).unwrap_or_default()
}

/// `tag=value&tag2=value2`; what would be taken for one of the signs is percent-encoded.
fn pairs<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let plain = |text: &str| text.replace('%', "%25").replace('&', "%26").replace('=', "%3D");
    pairs.map(|(key, value)| format!("{}={}", plain(key), plain(value))).collect::<Vec<_>>().join("&")
}
