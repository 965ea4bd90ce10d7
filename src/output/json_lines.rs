//! A JSON object a line: a head, each second's series, and the verdict.

use std::fs::File;
use std::io::{BufWriter, Write};

use serde_json::{Value as Json, json};

use super::{Output, OutputError, Place, Played, SendError, Sink};
use crate::metrics::Value;
use crate::results::PlayedSecond;

/// `-o json=FILE`.
pub(super) const OUTPUT: Output = Output {
    name: "json",
    alias: None,
    place: "FILE",
    about: "a line of JSON for each series and second",
    options: &[],
    open,
};

struct JsonLines(BufWriter<File>);

fn open(place: &Place) -> Result<Box<dyn Sink>, OutputError> {
    let file = File::create(&place.at).map_err(|error| OutputError::Open {
        output: place.output,
        at: place.at.clone(),
        error,
    })?;
    Ok(Box::new(JsonLines(BufWriter::new(file))))
}

impl JsonLines {
    fn line(&mut self, line: &Json) -> Result<(), SendError> {
        writeln!(self.0, "{line}")?;
        Ok(())
    }
}

impl Sink for JsonLines {
    fn begin(&mut self, run: &Played) -> Result<(), SendError> {
        self.line(&json!({
            "type": "run",
            "id": run.id,
            "script": run.script_name,
            "start_unix_ms": run.start_unix_ms,
        }))
    }

    fn second(&mut self, second: &PlayedSecond) -> Result<(), SendError> {
        for series in &second.delta {
            let tags: serde_json::Map<String, Json> =
                series.tags.iter().map(|(key, value)| (key.to_owned(), value.into())).collect();
            let mut line = json!({
                "type": "second",
                "second": second.number,
                "end_unix_ms": second.end_unix_ms,
                "metric": &*series.metric,
                "tags": tags,
            });
            let value = match &series.value {
                Value::Counter(sum) => json!({ "count": sum }),
                Value::Gauge { last, min, max } => json!({ "value": last, "min": min, "max": max }),
                Value::Rate { hits, total } => json!({ "hits": hits, "total": total }),
                Value::Trend(trend) => json!({
                    "count": trend.count(),
                    "p50_us": trend.quantile(0.5).map(|quantile| quantile.value_us),
                }),
            };
            if let (Json::Object(line), Json::Object(value)) = (&mut line, value) {
                line.extend(value);
            }
            self.line(&line)?;
        }
        self.0.flush()?;
        Ok(())
    }
}
