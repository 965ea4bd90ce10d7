//! `json-samples`: each sample as a line, in the layout of k6's `json` output: `Metric` lines that declare, `Point` lines
//! with values.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use serde_json::{Map, Value as Json, json};

use super::csv_samples::rfc3339;
use super::fields::Units;
use super::out_file::OutFile;
use super::samples::{Row, gauges, rows};
use super::{Output, OutputError, Place, Played, SendError, Sink};
use crate::metrics::{Sample, Unit};
use crate::results::PlayedSecond;

/// `-o json-samples=FILE`.
pub(super) const OUTPUT: Output = Output {
    name: "json-samples",
    alias: None,
    place: "FILE",
    about: "each sample as a line of JSON, in k6's layout; in gzip by the name `.gz`",
    options: &[],
    open,
};

struct JsonSamples {
    file: OutFile,
    units: Units,
    /// What the targets ask of a metric as a whole.
    thresholds: BTreeMap<String, Vec<String>>,
    /// Metrics that were declared.
    declared: BTreeSet<String>,
}

fn open(place: &Place) -> Result<Box<dyn Sink>, OutputError> {
    let file = OutFile::create(place, &place.at)?;
    let (units, thresholds, declared) = (Units::default(), BTreeMap::new(), BTreeSet::new());
    Ok(Box::new(JsonSamples { file, units, thresholds, declared }))
}

impl JsonSamples {
    fn append<'a>(&mut self, rows: impl Iterator<Item = Row<'a>>) -> Result<(), SendError> {
        let mut piece = Vec::new();
        let mut declared = Vec::new();
        for row in rows {
            let metric = row.figure.metric;
            if !self.declared.contains(metric) && !declared.iter().any(|known| known == metric) {
                writeln!(piece, "{}", self.declaration(&row))?;
                declared.push(metric.to_owned());
            }
            writeln!(piece, "{}", point(&row))?;
        }
        self.file.append(&piece)?;
        self.declared.extend(declared);
        Ok(())
    }

    fn declaration(&self, row: &Row<'_>) -> Json {
        let metric = row.figure.metric;
        let contains = match self.units.unit(metric) {
            Unit::Time => "time",
            Unit::Bytes => "data",
            Unit::None => "default",
        };
        let thresholds = self.thresholds.get(metric).cloned().unwrap_or_default();
        json!({
            "type": "Metric",
            "data": {
                "name": metric,
                "type": row.figure.kind.name(),
                "contains": contains,
                "thresholds": thresholds,
                "submetrics": null,
            },
            "metric": metric,
        })
    }
}

fn point(row: &Row<'_>) -> Json {
    let tags: Map<String, Json> =
        row.tags.iter().map(|(tag, value)| (tag.to_owned(), value.into())).collect();
    let value = row.value();
    // Whole numbers as k6 writes them.
    #[expect(clippy::cast_possible_truncation, reason = "a whole number within 2^53")]
    let value = if value.fract() == 0.0 && value.abs() < 9e15 { json!(value as i64) } else { json!(value) };
    let mut data = json!({ "time": rfc3339(row.at_unix_ns), "value": value, "tags": tags });
    let metadata = row.metadata();
    if !metadata.is_empty() {
        let metadata: Map<String, Json> =
            metadata.into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect();
        data["metadata"] = Json::Object(metadata);
    }
    json!({ "metric": row.figure.metric, "type": "Point", "data": data })
}

impl Sink for JsonSamples {
    fn begin(&mut self, run: &Played) -> Result<(), SendError> {
        self.units = Units::of(&run.plan);
        for target in run.plan.targets.iter().filter(|target| target.selector.matchers.is_empty()) {
            self.thresholds.entry(target.selector.metric.clone()).or_default().push(target.text.clone());
        }
        Ok(())
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
