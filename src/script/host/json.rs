//! `to_json`: any value that JSON knows as its text. Rhai has it for maps alone.

use rhai::{Dynamic, EvalAltResult};

use super::super::error::HostError;
use super::super::registry::Registry;
use super::super::value::to_json;
use super::argument::fits;

pub(super) fn register(registry: &mut Registry<'_>) {
    registry
        .define(
            "to_json(value)",
            "the value as a text of JSON: a list, a map, constant ones, a text, a number; `parse_json(text)` is its reverse",
            |value: Dynamic| -> Result<String, Box<EvalAltResult>> {
                let json = to_json(&value).map_err(|kind| {
                    HostError::new(format!("`to_json` can't write {kind} as JSON"))
                        .hint("it takes lists, maps, texts, numbers, true and false, and `()`")
                })?;
                let text = json.to_string();
                fits("to_json", text.len())?;
                Ok(text)
            },
        )
        .example("[1, \"a\", #{ b: () }].to_json() // `[1,\"a\",{\"b\":null}]`");
}
