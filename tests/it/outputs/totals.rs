//! What an output wrote, added up, so that all can be held against each other.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value as Json;

use super::text;

/// What a run recorded of each metric: how many, and the sum of what can be added up; times in microseconds, other trends in
/// thousandths.
pub(crate) type Totals = BTreeMap<String, (u64, u64)>;

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "of a test")]
pub(crate) fn add(totals: &mut Totals, metric: &str, count: f64, sum: f64) {
    // A gauge is a level, and the generator's own numbers have no samples.
    if !metric.starts_with("vus") && !metric.starts_with("generator_") {
        let total = totals.entry(metric.to_owned()).or_default();
        *total = (total.0 + count.round() as u64, total.1 + sum.round() as u64);
    }
}

pub(crate) fn add_of_kind(totals: &mut Totals, metric: &str, kind: &str, of: impl Fn(&str) -> Option<f64>) {
    let number = |key: &str| of(key).unwrap_or_else(|| panic!("{metric} ({kind}) has no {key}"));
    match kind {
        "counter" => add(totals, metric, 0.0, number("count")),
        "rate" => add(totals, metric, number("total"), number("hits")),
        "trend" => {
            let sum = of("sum_us").unwrap_or_else(|| number("sum") * 1_000.0);
            add(totals, metric, number("count"), sum);
        }
        _ => {}
    }
}

pub(crate) fn of_json(folder: &Path) -> Totals {
    let mut totals = Totals::new();
    for line in text(folder, "all.jsonl").lines() {
        let line: Json = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        if line["type"] == "series" {
            let (metric, kind) =
                (line["metric"].as_str().expect("a text"), line["kind"].as_str().expect("a text"));
            add_of_kind(&mut totals, metric, kind, |key| line[key].as_f64());
            let buckets = line.get("buckets_us").or(line.get("buckets")).and_then(Json::as_array);
            if let Some(buckets) = buckets {
                let counted: u64 =
                    buckets.iter().map(|bucket| bucket[2].as_u64().expect("a whole number")).sum();
                assert_eq!(
                    counted,
                    line["count"].as_u64().expect("a whole number")
                        - line["at_least"].as_u64().expect("a whole number"),
                    "{line}"
                );
            }
        }
    }
    totals
}

pub(crate) fn table(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().map(|row| row.expect("a row of the header's columns")).collect()
}

pub(crate) fn of_csv(folder: &Path) -> Totals {
    let mut totals = Totals::new();
    for row in table(&text(folder, "all.csv")) {
        add_of_kind(&mut totals, &row["metric"], &row["kind"], |key| match (key, row["unit"].as_str()) {
            ("sum_us", "us") => row["sum"].parse().ok(),
            _ => row.get(key)?.parse().ok(),
        });
    }
    totals
}

/// Of points of the line protocol: what a server was sent, or a file.
pub(crate) fn of_points(lines: &str) -> Totals {
    let mut totals = Totals::new();
    for line in lines.lines() {
        let (series, rest) = split_unescaped(line, ' ');
        let (fields, _time) = rest.rsplit_once(' ').expect("a time");
        let metric = split_unescaped(&series, ',').0;
        let fields: BTreeMap<&str, f64> = fields
            .split(',')
            .map(|field| {
                let (key, value) = field.split_once('=').expect("a field");
                (key, value.trim_end_matches('i').parse().expect("a number"))
            })
            .collect();
        let kind = match &fields {
            fields if fields.contains_key("hits") => "rate",
            fields if fields.contains_key("at_least") => "trend",
            fields if fields.contains_key("count") => "counter",
            _ => "gauge",
        };
        add_of_kind(&mut totals, &metric, kind, |key| fields.get(key).copied());
    }
    totals
}

pub(crate) fn split_unescaped(text: &str, at: char) -> (String, String) {
    let mut is_escaped = false;
    for (index, c) in text.char_indices() {
        if c == at && !is_escaped {
            return (text[..index].to_owned(), text[index + 1..].to_owned());
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    (text.to_owned(), String::new())
}

/// A sample's value as k6 has it, milliseconds.
pub(crate) fn add_sample(totals: &mut Totals, kinds: &BTreeMap<String, String>, metric: &str, value: f64) {
    match kinds[metric].as_str() {
        "counter" => add(totals, metric, 0.0, value),
        "rate" => add(totals, metric, 1.0, value),
        "trend" => add(totals, metric, 1.0, value * 1_000.0),
        _ => {}
    }
}

pub(crate) fn of_json_samples(folder: &Path) -> (Totals, BTreeMap<String, String>) {
    let (mut totals, mut kinds) = (Totals::new(), BTreeMap::new());
    for line in text(folder, "samples.json").lines() {
        let line: Json = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let metric = line["metric"].as_str().expect("a text");
        match line["type"].as_str().expect("a text") {
            "Metric" => {
                let kind = line["data"]["type"].as_str().expect("a text").to_owned();
                assert!(kinds.insert(metric.to_owned(), kind).is_none(), "{metric} is declared twice");
            }
            _ => add_sample(&mut totals, &kinds, metric, line["data"]["value"].as_f64().expect("a number")),
        }
    }
    (totals, kinds)
}

pub(crate) fn of_csv_samples(folder: &Path, kinds: &BTreeMap<String, String>) -> Totals {
    let mut totals = Totals::new();
    for row in table(&text(folder, "samples.csv")) {
        add_sample(&mut totals, kinds, &row["metric_name"], row["metric_value"].parse().expect("a number"));
    }
    totals
}
