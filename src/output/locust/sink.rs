//! The files themselves.

use std::fs::File;
use std::io::Write;
use std::time::Duration;

use jiff::Timestamp;

use super::super::csv::rows;
use super::super::out_file::OutFile;
use super::super::{Output, OutputError, Place, SendError, Sink};
use super::tally::{Entry, Requests, Tally};
use crate::diagnostic::Diagnostic;
use crate::metrics::Trend;
use crate::results::{PlayedSecond, Summary};

/// `-o locust=PREFIX`.
pub(in super::super) const OUTPUT: Output = Output {
    name: "locust",
    alias: None,
    place: "PREFIX",
    about: "Locust's four CSV files: PREFIX_stats.csv, _stats_history.csv, _failures.csv, _exceptions.csv",
    options: &[],
    open,
};

const PERCENTILES: [(&str, f64); 11] = [
    ("50%", 0.5),
    ("66%", 0.66),
    ("75%", 0.75),
    ("80%", 0.8),
    ("90%", 0.9),
    ("95%", 0.95),
    ("98%", 0.98),
    ("99%", 0.99),
    ("99.9%", 0.999),
    ("99.99%", 0.9999),
    ("100%", 1.0),
];

const STATS: [&str; 11] = [
    "Type",
    "Name",
    "Request Count",
    "Failure Count",
    "Median Response Time",
    "Average Response Time",
    "Min Response Time",
    "Max Response Time",
    "Average Content Size",
    "Requests/s",
    "Failures/s",
];

const HISTORY: [&str; 6] = ["Timestamp", "User Count", "Type", "Name", "Requests/s", "Failures/s"];

const HISTORY_TOTALS: [&str; 7] = [
    "Total Request Count",
    "Total Failure Count",
    "Total Median Response Time",
    "Total Average Response Time",
    "Total Min Response Time",
    "Total Max Response Time",
    "Total Average Content Size",
];

const FAILURES: [&str; 6] = ["Method", "Name", "Error", "Occurrences", "First Seen", "Last Seen"];

const EXCEPTIONS: [&str; 4] = ["Count", "Message", "Traceback", "Nodes"];

struct Locust {
    prefix: String,
    history: OutFile,
    tally: Tally,
    /// When the warm-up ended, since the start of the load.
    warm_up: Duration,
}

fn open(place: &Place) -> Result<Box<dyn Sink>, OutputError> {
    let file = |name: &str| OutFile::create(place, &format!("{}_{name}.csv", place.at));
    let history = file("stats_history")?;
    for other in ["stats", "failures", "exceptions"] {
        file(other)?;
    }
    let mut locust =
        Locust { prefix: place.at.clone(), history, tally: Tally::default(), warm_up: Duration::ZERO };
    locust.begin().map_err(|error| OutputError::Place {
        output: place.output,
        at: place.at.clone(),
        why: error.to_string(),
    })?;
    Ok(Box::new(locust))
}

impl Locust {
    /// All headers, so that a run without a request has four files too.
    fn begin(&mut self) -> Result<(), SendError> {
        let percentiles = PERCENTILES.iter().map(|(name, _)| *name);
        let columns = HISTORY.into_iter().chain(percentiles).chain(HISTORY_TOTALS);
        self.history.append(&rows([columns.map(str::to_owned).collect()])?)?;
        self.whole("stats", [header(&STATS, true)])?;
        self.whole("failures", [header(&FAILURES, false)])?;
        self.whole("exceptions", [header(&EXCEPTIONS, false)])
    }

    /// Replaces a file: who reads it meets the old one or the new one.
    fn whole(&self, name: &str, table: impl IntoIterator<Item = Vec<String>>) -> Result<(), SendError> {
        let path = format!("{}_{name}.csv", self.prefix);
        let new = format!("{path}.new");
        let written = rows(table).and_then(|rows| {
            File::create(&new)?.write_all(&rows)?;
            Ok(std::fs::rename(&new, &path)?)
        });
        if written.is_err() {
            // What there was stays; what could not be written is of no use.
            let _ = std::fs::remove_file(&new);
        }
        written
    }

    /// Rows of the tables, the sum last.
    fn entries(&self) -> impl Iterator<Item = (&str, &str, &Entry)> {
        let own =
            self.tally.entries.iter().map(|((name, method), entry)| (method.as_str(), name.as_str(), entry));
        own.chain([("", "Aggregated", &self.tally.aggregated)])
    }

    fn stats(&self) -> Vec<Vec<String>> {
        let row = |(method, name, entry): (&str, &str, &Entry)| {
            let total = &entry.total;
            let mut row = vec![method.to_owned(), name.to_owned()];
            row.extend(totals(total));
            row.extend([total.count, total.failed].map(|count| rate(count, self.tally.seconds)));
            row.extend(percentiles(&total.times));
            row
        };
        std::iter::once(header(&STATS, true)).chain(self.entries().map(row)).collect()
    }

    fn history(&self, second: &PlayedSecond) -> Vec<Vec<String>> {
        let row = |(method, name, entry): (&str, &str, &Entry)| {
            let (current, seconds) = entry.current();
            let time = second.end_unix_ms / 1_000;
            let mut row = vec![time.to_string(), second.vus.to_string(), method.to_owned(), name.to_owned()];
            let per_second = |count: u64| format!("{:.6}", count as f64 / seconds.max(1) as f64);
            row.extend([current.count, current.failed].map(per_second));
            row.extend(percentiles(&current.times));
            row.extend(totals(&entry.total));
            row
        };
        self.entries().map(row).collect()
    }

    fn failures(&self) -> Vec<Vec<String>> {
        let mut table = vec![header(&FAILURES, false)];
        for ((name, method, error), failure) in &self.tally.failures {
            let seen = [failure.first_unix_ms, failure.last_unix_ms].map(utc);
            let [first, last] = seen;
            table.push(vec![
                method.clone(),
                name.clone(),
                error.clone(),
                failure.occurrences.to_string(),
                first,
                last,
            ]);
        }
        table
    }
}

impl Sink for Locust {
    fn second(&mut self, second: &PlayedSecond) -> Result<(), SendError> {
        // Locust has no warm-up: what no total holds is in none of its files.
        if second.is_warm_up {
            self.warm_up = second.elapsed;
            return Ok(());
        }
        let measured = second.elapsed.saturating_sub(self.warm_up);
        self.tally.add(&second.delta, measured, second.end_unix_ms);
        self.history.append(&rows(self.history(second))?)?;
        self.whole("stats", self.stats())?;
        self.whole("failures", self.failures())
    }

    fn end(&mut self, summary: &Summary) -> Result<(), SendError> {
        let rows = summary.failures.iter().map(|failure| {
            let (count, message) = (failure.count.to_string(), failure.diagnostic.message.clone());
            vec![count, message, place(&failure.diagnostic), "local".to_owned()]
        });
        self.whole("exceptions", std::iter::once(header(&EXCEPTIONS, false)).chain(rows))
    }
}

fn header(columns: &[&str], has_percentiles: bool) -> Vec<String> {
    let percentiles = PERCENTILES.iter().filter(|_| has_percentiles).map(|(name, _)| *name);
    columns.iter().copied().chain(percentiles).map(str::to_owned).collect()
}

/// Requests, failures, median, average, smallest and largest time, average size.
fn totals(requests: &Requests) -> [String; 7] {
    let times = &requests.times;
    let ms = |us: Option<f64>| (us.unwrap_or(0.0) / 1_000.0).to_string();
    let value =
        |quantile: Option<crate::metrics::Quantile>| ms(quantile.map(|quantile| quantile.value_us as f64));
    let size = if requests.count == 0 { 0.0 } else { requests.received_bytes / requests.count as f64 };
    [
        requests.count.to_string(),
        requests.failed.to_string(),
        value(times.quantile(0.5)),
        ms(times.mean_us()),
        value(times.min()),
        value(times.max()),
        size.to_string(),
    ]
}

fn percentiles(times: &Trend) -> impl Iterator<Item = String> {
    PERCENTILES.iter().map(|(_, share)| match times.quantile(*share) {
        Some(quantile) => quantile.value().to_string(),
        None => "N/A".to_owned(),
    })
}

fn rate(count: u64, seconds: f64) -> String {
    (if seconds > 0.0 { count as f64 / seconds } else { 0.0 }).to_string()
}

/// As Locust: whole seconds, `2026-11-28T10:00:00Z`.
fn utc(unix_ms: u64) -> String {
    let at = Timestamp::from_second(i64::try_from(unix_ms / 1_000).unwrap_or(0));
    at.map(|at| at.to_string()).unwrap_or_default()
}

/// `flow.rhai:12:5`, in the place of a traceback.
fn place(diagnostic: &Diagnostic) -> String {
    let Some(label) = diagnostic.labels.first() else { return String::new() };
    let source = label.source.as_ref().map(|source| format!("{}:", source.name)).unwrap_or_default();
    format!("{source}{}", label.position)
}

#[cfg(test)]
mod tests;
