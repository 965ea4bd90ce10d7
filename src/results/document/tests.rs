//! Summaries of every shape, to documents and back.

use serde_json::Value as Json;

use super::*;
use crate::metrics::{Trend, Value};
use crate::results::Summary;

/// All that a summary says, but for what a document leaves out on purpose: the texts of scripts, and the workers' clock.
/// Distributions apart: equal ones may differ inside.
fn told(summary: &Summary) -> (String, Vec<Trend>) {
    let mut told = summary.clone();
    let trends = trends(&mut told).into_iter().map(std::mem::take).collect();
    for example in &mut told.examples.list {
        example.begun_ns = 0;
    }
    let failures = told.failures.iter_mut().map(|failure| &mut failure.diagnostic);
    for label in told.errors.iter_mut().chain(failures).flat_map(|diagnostic| &mut diagnostic.labels) {
        if let Some(source) = &mut label.source {
            std::sync::Arc::make_mut(source).text.clear();
        }
    }
    (format!("{told:#?}"), trends)
}

fn trends(summary: &mut Summary) -> Vec<&mut Trend> {
    let Summary { metrics, endpoints, durations, warm_up, method, .. } = summary;
    let of_metrics = metrics.iter_mut().filter_map(|total| match &mut total.value {
        Some(Value::Trend(trend)) => Some(&mut **trend),
        _ => None,
    });
    let warm_up = warm_up.iter_mut().flat_map(|line| [&mut line.before.times, &mut line.after.times]);
    let health = method.health.lag.iter_mut().chain(&mut method.health.lateness);
    of_metrics
        .chain(endpoints.iter_mut().map(|endpoint| &mut endpoint.duration))
        .chain([&mut durations.ok, &mut durations.failed])
        .chain(warm_up)
        .chain(health)
        .collect()
}

fn there_and_back(summary: &Summary) -> Summary {
    let document = Document::from(summary);
    let read = Document::from_json(document.to_json().as_bytes()).unwrap();
    assert_eq!(read, document);
    read.into_summary().unwrap()
}

#[test]
fn nothing_of_a_summary_is_lost() {
    let seeds = 0..16;
    for summary in [Summary::uneventful(), Summary::eventful()].into_iter().chain(seeds.map(Summary::odd)) {
        let back = there_and_back(&summary);
        assert_eq!(told(&back), told(&summary));
        assert_eq!(back.verdict(), summary.verdict());
        let again = Document::from(&back);
        assert_eq!(again.to_json(), Document::from(&summary).to_json());
    }
}

#[test]
fn the_verdict_comes_with_the_exit_code() {
    let json: Json = serde_json::from_str(&Document::from(&Summary::eventful()).to_json()).unwrap();
    assert_eq!(json["verdict"]["outcome"], "failed");
    assert_eq!(json["verdict"]["exit_code"], 107, "teardown threw, and that weighs more than targets");
    assert_eq!(json["verdict"]["reasons"][0]["code"], "teardown");
    let start_us = json["start_unix_us"].as_u64().unwrap();
    assert_eq!(json["end_unix_us"].as_u64().unwrap() - start_us, json["elapsed_us"].as_u64().unwrap());
}

#[test]
fn figures_that_fall_among_unanswered_requests_say_so() {
    let json: Json = serde_json::from_str(&Document::from(&Summary::eventful()).to_json()).unwrap();
    let metrics = json["metrics"].as_array().unwrap();
    let of = |name: &str| &metrics.iter().find(|metric| metric["name"] == name).unwrap()["value"]["times"];
    let duration = of("http_req_duration");
    assert_eq!(duration["lower_bounds"], serde_json::json!([]));
    assert_eq!(duration["at_least"], Json::Null);
    let response = of("http_req_response_time");
    let bounds = serde_json::json!(["mean_us", "p99_us", "p99_9_us", "p99_99_us", "max_us"]);
    assert_eq!(response["lower_bounds"], bounds);
    assert_eq!((&response["count"], &response["at_least"]["count"]), (&1_204.into(), &24.into()));
    let buckets = response["measured"]["buckets_us"].as_array().unwrap();
    let counted: u64 = buckets.iter().map(|bucket| bucket[2].as_u64().unwrap()).sum();
    assert_eq!(counted, 1_180);
}

#[test]
fn a_document_of_a_later_version_is_refused_with_what_to_do() {
    let later = Document::from_json(br#"{"schema": 2, "unheard": "of"}"#).unwrap_err();
    assert_eq!(
        later.to_string(),
        "it has schema 2, and this version of runner reads up to 1: use a later one"
    );
    let none = Document::from_json(b"{}").unwrap_err().to_string();
    assert!(none.starts_with("it is no summary of a run: missing field `schema`"), "{none}");
}

#[test]
fn a_key_that_is_not_known_is_passed_over() {
    let text = Document::from(&Summary::eventful()).to_json();
    let text = text.replacen('{', "{\"new\": [1, {}],", 1);
    assert!(Document::from_json(text.as_bytes()).is_ok());
}

#[test]
fn a_distribution_that_can_not_be_is_refused() {
    let text = Document::from(&Summary::eventful()).to_json();
    let spoilt = text.replacen("\"zeros\":0,\"sum_us\":", "\"zeros\":0,\"sum_us\":9", 1);
    assert_ne!(spoilt, text);
    let error = Document::from_json(spoilt.as_bytes()).unwrap().into_summary().unwrap_err();
    assert_eq!(error.to_string(), "a distribution in it can't be: the trend's sum doesn't fit its values");
}

// ---------------------------------------------------------------- the published schema

fn schema() -> Json {
    serde_json::from_str(include_str!("../../../docs/summary.schema.json")).unwrap()
}

fn documents() -> Vec<Json> {
    let all = [Summary::uneventful(), Summary::eventful()].into_iter().chain((0..40).map(Summary::odd));
    all.map(|summary| serde_json::from_str(&Document::from(&summary).to_json()).unwrap()).collect()
}

#[test]
fn documents_of_every_shape_keep_to_the_schema() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for document in documents() {
        let errors: Vec<String> = validator
            .iter_errors(&document)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{}", errors.join("\n"));
    }
    let mut more = documents().remove(1);
    more["targets"][0]["unheard"] = "of".into();
    assert!(!validator.is_valid(&more), "what isn't published isn't written");
}

/// Every object of the schema, with its place.
fn objects<'a>(schema: &'a Json, place: &str, found: &mut Vec<(String, &'a Json)>) {
    match schema {
        Json::Object(pairs) => {
            if pairs.get("type") == Some(&"object".into()) {
                found.push((place.to_owned(), schema));
            }
            pairs.iter().for_each(|(key, inner)| objects(inner, &format!("{place}/{key}"), found));
        }
        Json::Array(items) => {
            items.iter().enumerate().for_each(|(at, inner)| objects(inner, &format!("{place}/{at}"), found));
        }
        _ => {}
    }
}

#[test]
fn the_schema_is_strict_and_describes_every_property() {
    let schema = schema();
    let mut found = Vec::new();
    objects(&schema, "", &mut found);
    assert!(found.len() > 50);
    for (place, object) in found {
        assert_eq!(object["additionalProperties"], false, "{place}");
        let properties = object["properties"].as_object().unwrap();
        let required: Vec<&str> =
            object["required"].as_array().unwrap().iter().filter_map(Json::as_str).collect();
        let names: Vec<&str> = properties.keys().map(String::as_str).collect();
        assert_eq!(required, names, "{place}: a key is always there, and null where there is nothing to say");
        for (name, property) in properties {
            assert!(property["description"].as_str().is_some_and(|text| text.len() > 3), "{place}: {name}");
        }
    }
}

#[test]
fn the_schema_has_no_key_that_no_document_has() {
    fn keys(document: &Json, found: &mut std::collections::BTreeSet<String>) {
        match document {
            Json::Object(pairs) => pairs.iter().for_each(|(key, inner)| {
                found.insert(key.clone());
                keys(inner, found);
            }),
            Json::Array(items) => items.iter().for_each(|inner| keys(inner, found)),
            _ => {}
        }
    }
    let mut written = std::collections::BTreeSet::new();
    for document in documents() {
        keys(&document, &mut written);
    }
    let schema = schema();
    let mut found = Vec::new();
    objects(&schema, "", &mut found);
    for (place, object) in found {
        for name in object["properties"].as_object().unwrap().keys() {
            assert!(written.contains(name), "{place}: {name}");
        }
    }
}
