//! Attributes, and the resource that all of a run's data come from.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::super::Played;
use super::setting::Setting;

/// Of a text.
pub(super) fn text(key: &str, value: impl Into<String>) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

/// Of a whole number; what is larger than the format's own is its largest.
pub(super) fn number(key: &str, value: u64) -> KeyValue {
    attribute(key, Value::IntValue(i64::try_from(value).unwrap_or(i64::MAX)))
}

/// Of a number.
pub(super) fn float(key: &str, value: f64) -> KeyValue {
    attribute(key, Value::DoubleValue(value))
}

/// Of a yes or no.
pub(super) fn flag(key: &str, value: bool) -> KeyValue {
    attribute(key, Value::BoolValue(value))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

/// What a run is to a backend: a service with a name, and which of its runs. What the user says of it comes
/// first, but the run's own names can't be taken.
pub(super) fn resource(setting: &Setting, run: &Played) -> Resource {
    let mut attributes = vec![text("service.name", setting.service.clone())];
    attributes.push(text("service.version", env!("CARGO_PKG_VERSION")));
    attributes.extend(run.id.iter().map(|id| text("runner.run.id", id.clone())));
    attributes.push(text("runner.script", run.script_name.clone()));
    for (key, value) in &setting.attributes {
        if !attributes.iter().any(|known| known.key == *key) {
            attributes.push(text(key, value.clone()));
        }
    }
    Resource { attributes, ..Resource::default() }
}

/// Who made the data.
pub(super) fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "runner".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    }
}
