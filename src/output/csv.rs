//! `csv`: a row for each second and series. The tags that most are asked for have columns of their own, the others stand in
//! one as a JSON object.

use serde_json::{Map, Value as Json};

use super::fields::{PERCENTILES, Units, fields};
use super::out_file::OutFile;
use super::{Output, OutputError, Place, Played, SendError, Sink};
use crate::metrics::{Series, Unit, Value};
use crate::results::PlayedSecond;

/// `-o csv=FILE`.
pub(super) const OUTPUT: Output = Output {
    name: "csv",
    alias: None,
    place: "FILE",
    about: "each second's series as rows of CSV; in gzip by the name `.gz`",
    options: &[],
    open,
};

/// What stands before the tags.
const HEAD: [&str; 8] =
    ["second", "end_unix_ms", "elapsed_us", "warm_up", "paused", "metric", "kind", "unit"];

/// Tags with a column of their own.
const TAGS: [&str; 8] =
    ["scenario", "group", "name", "method", "status", "error_code", "expected_response", "check"];

/// The numbers but for the percentiles, by the names of their fields.
const NUMBERS: [&str; 8] = ["count", "hits", "total", "value", "sum", "min", "max", "at_least"];

struct Csv {
    file: OutFile,
    units: Units,
}

fn open(place: &Place) -> Result<Box<dyn Sink>, OutputError> {
    Ok(Box::new(Csv { file: OutFile::create(place, &place.at)?, units: Units::default() }))
}

impl Sink for Csv {
    fn begin(&mut self, run: &Played) -> Result<(), SendError> {
        self.units = Units::of(&run.plan);
        let percentiles = PERCENTILES.iter().map(|(name, _)| *name);
        let columns = HEAD.into_iter().chain(TAGS).chain(["tags"]).chain(NUMBERS).chain(percentiles);
        Ok(self.file.append(&rows([columns.map(str::to_owned).collect()])?)?)
    }

    fn second(&mut self, second: &PlayedSecond) -> Result<(), SendError> {
        let row = |series: &Series| row(second, series, self.units.unit(&series.metric));
        let rows = rows(second.delta.iter().map(row))?;
        Ok(self.file.append(&rows)?)
    }
}

/// Rows as RFC 4180 has them.
pub(super) fn rows(rows: impl IntoIterator<Item = Vec<String>>) -> Result<Vec<u8>, SendError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(&row).map_err(std::io::Error::other)?;
    }
    writer.into_inner().map_err(|error| SendError::Io(error.into_error()))
}

fn row(second: &PlayedSecond, series: &Series, unit: Unit) -> Vec<String> {
    let unit_text = match (&series.value, unit) {
        (Value::Trend(_), Unit::Time) => "us",
        (_, Unit::Time) => "ms",
        (_, Unit::Bytes) => "bytes",
        (_, Unit::None) => "",
    };
    let mut row = vec![
        second.number.to_string(),
        second.end_unix_ms.to_string(),
        second.elapsed.as_micros().to_string(),
        second.is_warm_up.to_string(),
        second.is_paused.to_string(),
        series.metric.to_string(),
        series.value.kind().to_string(),
        unit_text.to_owned(),
    ];
    row.extend(TAGS.map(|tag| series.tags.get(tag).unwrap_or_default().to_owned()));
    let others = series.tags.iter().filter(|(tag, _)| !TAGS.contains(tag));
    let others: Map<String, Json> = others.map(|(tag, value)| (tag.to_owned(), value.into())).collect();
    row.push(if others.is_empty() { String::new() } else { Json::Object(others).to_string() });
    let fields = fields(&series.value, unit);
    let columns = NUMBERS.into_iter().chain(PERCENTILES.iter().map(|(name, _)| *name));
    row.extend(columns.map(|column| {
        let field = fields.iter().find(|field| field.name == column);
        field.map(|field| field.number.to_string()).unwrap_or_default()
    }));
    row
}
