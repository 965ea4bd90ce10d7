//! A message of a web socket, as scripts get it.

use std::rc::Rc;

use rhai::{Blob, Dynamic, EvalAltResult, ImmutableString};

use super::super::error::HostError;
use super::super::registry::Registry;
use super::super::value::from_json;
use super::json_path::JsonPath;
use crate::http::Message as Carried;

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// A message, shared: a script's copies cost a counter.
#[derive(Debug, Clone)]
pub(super) struct Message(Rc<Carried>);

impl Message {
    pub(super) fn new(carried: Carried) -> Self {
        Self(Rc::new(carried))
    }
}

pub(super) fn register(registry: &mut Registry<'_>) {
    registry.engine.register_type_with_name::<Message>("message");
    registry.property("message.text", "the message as a text", |message: &mut Message| {
        String::from_utf8_lossy(message.0.as_bytes()).into_owned()
    });
    registry.example(
        "ws::connect(\"/ws/prices/BTC\", |socket| {\n    socket.receive().text.contains(\"BTC\") // true\n});",
    );
    registry.property("message.bytes", "the message as bytes", |message: &mut Message| -> Blob {
        message.0.as_bytes().to_vec()
    });
    registry.example(
        "ws::connect(\"/ws/prices/BTC\", |socket| {\n    socket.receive().bytes.len() > 0 // true\n});",
    );
    registry.property("message.is_binary", "whether it was sent as bytes", |message: &mut Message| {
        matches!(*message.0, Carried::Binary(_))
    });
    registry
        .example("ws::connect(\"/ws/prices/BTC\", |socket| {\n    socket.receive().is_binary // false\n});");
    registry.method("message.json()", "the message as JSON", |message: &mut Message| -> Outcome<Dynamic> {
        Ok(from_json(&json_of("message", message.0.as_bytes())?))
    });
    registry.gives("any value");
    registry.example(
        "ws::connect(\"/ws/prices/BTC\", |socket| {\n    socket.receive().json().symbols // [\"BTC\"]\n});",
    );
    registry.method(
        "message.json(path)",
        "what a path finds in it (RFC 9535): a value or nothing, a list where it can find several",
        |message: &mut Message, path: ImmutableString| -> Outcome<Dynamic> {
            Ok(JsonPath::parse(&path)?.of(&json_of("message", message.0.as_bytes())?))
        },
    );
    registry.example(
        "ws::connect(\"/ws/prices/BTC\", |socket| {\n    socket.receive().json(\"type\") // \"subscription_ack\"\n});",
    );
    registry.engine.register_fn("to_string", |message: &mut Message| {
        String::from_utf8_lossy(message.0.as_bytes()).into_owned()
    });
}

/// What came as JSON.
pub(super) fn json_of(what: &str, bytes: &[u8]) -> Outcome<serde_json::Value> {
    const CHARACTERS_MAX: usize = 40;
    serde_json::from_slice(bytes).map_err(|error| {
        let beginning: String = String::from_utf8_lossy(bytes).chars().take(CHARACTERS_MAX).collect();
        HostError::new(format!("the {what} is no JSON: {error}"))
            .hint(format!("it begins with {beginning:?}"))
            .into()
    })
}
