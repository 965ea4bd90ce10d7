//! `json`: a JSON object a line: a head, each second with its series, and the verdict. `docs/outputs.md` has its shape.

use std::io::Write;

use serde_json::{Map, Value as Json, json};

use super::fields::{Number, Units, fields};
use super::out_file::OutFile;
use super::{Output, OutputError, Place, Played, SendError, Sink};
use crate::metrics::{Bucket, Series, Unit, Value};
use crate::plan::Verdict as TargetVerdict;
use crate::results::{PlayedSecond, Reason, Summary, Verdict};

/// `-o json=FILE`.
pub(super) const OUTPUT: Output = Output {
    name: "json",
    alias: None,
    place: "FILE",
    about: "each second's series as lines of JSON, with all percentiles and buckets; in gzip by the name `.gz`",
    options: &[],
    open,
};

/// Of the lines. One that is raised says that what read the former may not understand the new one.
const SCHEMA: u64 = 1;

struct JsonLines {
    file: OutFile,
    units: Units,
}

fn open(place: &Place) -> Result<Box<dyn Sink>, OutputError> {
    Ok(Box::new(JsonLines { file: OutFile::create(place, &place.at)?, units: Units::default() }))
}

impl JsonLines {
    /// All lines or none.
    fn lines(&mut self, lines: impl IntoIterator<Item = Json>) -> Result<(), SendError> {
        let mut piece = Vec::new();
        for line in lines {
            writeln!(piece, "{line}")?;
        }
        Ok(self.file.append(&piece)?)
    }
}

impl Sink for JsonLines {
    fn begin(&mut self, run: &Played) -> Result<(), SendError> {
        self.units = Units::of(&run.plan);
        self.lines([json!({
            "type": "run",
            "schema": SCHEMA,
            "runner": env!("CARGO_PKG_VERSION"),
            "id": run.id,
            "script": run.script_name,
            "start_unix_ms": run.start_unix_ms,
        })])
    }

    fn second(&mut self, second: &PlayedSecond) -> Result<(), SendError> {
        let books = &second.books;
        let head = json!({
            "type": "second",
            "second": second.number,
            "end_unix_ms": second.end_unix_ms,
            "elapsed_us": us(second.elapsed),
            "warm_up": second.is_warm_up,
            "paused": second.is_paused,
            "vus": second.vus,
            "vus_max": second.vus_max,
            "iterations": {
                "scheduled": books.scheduled,
                "dropped": books.dropped,
                "started": books.started,
                "ok": books.ok,
                "failed": books.failed,
                "interrupted": books.interrupted,
            },
        });
        let series = |series: &Series| line_of(second, series, self.units.unit(&series.metric));
        let lines: Vec<Json> = std::iter::once(head).chain(second.delta.iter().map(series)).collect();
        self.lines(lines)
    }

    fn end(&mut self, summary: &Summary) -> Result<(), SendError> {
        let (verdict, reasons) = match summary.verdict() {
            Verdict::Passed => ("passed", Vec::new()),
            Verdict::Stopped => ("stopped", Vec::new()),
            Verdict::Inconclusive(reasons) => ("inconclusive", reasons),
            Verdict::Failed(reasons) => ("failed", reasons),
        };
        let targets = summary.judgements.iter().map(|judgement| {
            json!({
                "target": judgement.key,
                "expression": judgement.text,
                "verdict": match judgement.verdict {
                    TargetVerdict::Passed => "passed",
                    TargetVerdict::NoSamples => "no_samples",
                    TargetVerdict::TooFew => "too_few",
                    TargetVerdict::Failed => "failed",
                },
                "observed": judgement.observed_text,
                "samples": judgement.samples,
            })
        });
        let targets: Vec<Json> = targets.collect();
        self.lines([json!({
            "type": "end",
            "elapsed_us": us(summary.elapsed),
            "verdict": verdict,
            "reasons": reasons.iter().map(Reason::to_string).collect::<Vec<_>>(),
            "targets": targets,
        })])
    }
}

fn us(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn line_of(second: &PlayedSecond, series: &Series, unit: Unit) -> Json {
    let mut line = Map::new();
    let mut put = |key: &str, value: Json| _ = line.insert(key.to_owned(), value);
    put("type", "series".into());
    put("second", second.number.into());
    put("metric", (&*series.metric).into());
    put("kind", series.value.kind().name().into());
    put("tags", series.tags.iter().map(|(key, value)| (key.to_owned(), Json::from(value))).collect());
    for field in fields(&series.value, unit) {
        put(&field.key(), json_of(field.number));
    }
    if let Value::Trend(trend) = &series.value {
        let unit = if unit == Unit::Time { "_us" } else { "" };
        put(&format!("buckets{unit}"), buckets(trend.zeros(), trend.buckets(), unit));
        if trend.censored() > 0 {
            let bounds = trend.censored_buckets();
            let above_zero: u64 = bounds.iter().map(|bucket| bucket.count).sum();
            let zeros = trend.censored().saturating_sub(above_zero);
            put(&format!("at_least_buckets{unit}"), buckets(zeros, bounds, unit));
        }
    }
    Json::Object(line)
}

/// `[lowest, highest, count]` each, rising.
fn buckets(zeros: u64, buckets: Vec<Bucket>, unit: &str) -> Json {
    let stored = |value: u64| match unit {
        "" => json_of(Number::Real(value as f64 / 1_000.0)),
        _ => Json::from(value),
    };
    let zeros = (zeros > 0).then(|| json!([0, 0, zeros]));
    let above = buckets
        .into_iter()
        .map(|bucket| json!([stored(bucket.lowest), stored(bucket.highest), bucket.count]));
    zeros.into_iter().chain(above).collect()
}

fn json_of(number: Number) -> Json {
    match number {
        Number::Whole(number) => u64::try_from(number).map_or_else(|_| json!(number as f64), Json::from),
        // A counter's sum mostly is a whole number, and is written as one.
        #[expect(clippy::cast_possible_truncation, reason = "a whole number within 2^53")]
        Number::Real(number) if number.fract() == 0.0 && number.abs() < 9e15 => json!(number as i64),
        Number::Real(number) => json!(number),
    }
}
