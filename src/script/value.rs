//! Rhai values: their depth, and their passage to and from JSON.

use rhai::{Array, Dynamic, INT, Map};

use super::frozen::{FrozenList, FrozenMap};

/// Levels of nesting that a value may have. Walking, cloning and dropping a nested value recurse on
/// the native stack, so depth must be bounded; JSON met in practice is below 20.
pub const DEPTH_MAX: usize = 64;

/// True when `value` holds lists or maps nested deeper than `limit`, or a circle.
pub fn is_deeper_than(value: &Dynamic, limit: usize) -> bool {
    let Some(below) = limit.checked_sub(1) else {
        return value.is_array() || value.is_map() || value.is_shared();
    };
    if value.is_shared() {
        // Through a closure's captured variable a value can contain itself.
        return value.read_lock::<Dynamic>().is_none_or(|inner| is_deeper_than(&inner, below));
    }
    if let Ok(list) = value.as_array_ref() {
        return list.iter().any(|item| is_container(item) && is_deeper_than(item, below));
    }
    if let Ok(map) = value.as_map_ref() {
        return map.values().any(|item| is_container(item) && is_deeper_than(item, below));
    }
    false
}

fn is_container(value: &Dynamic) -> bool {
    value.is_array() || value.is_map() || value.is_shared()
}

/// The value as JSON; what JSON doesn't know (a response, a function) is refused by its type name.
pub fn to_json(value: &Dynamic) -> Result<serde_json::Value, String> {
    use serde_json::Value as Json;
    if value.is_unit() {
        return Ok(Json::Null);
    }
    if let Ok(flag) = value.as_bool() {
        return Ok(Json::Bool(flag));
    }
    if let Ok(int) = value.as_int() {
        return Ok(int.into());
    }
    if let Ok(float) = value.as_float() {
        return serde_json::Number::from_f64(float)
            .map(Json::Number)
            .ok_or_else(|| format!("the number {float}"));
    }
    if let Ok(text) = value.as_immutable_string_ref() {
        return Ok(Json::String(text.to_string()));
    }
    if let Some(character) = value.clone().try_cast::<char>() {
        return Ok(Json::String(character.to_string()));
    }
    if let Ok(list) = value.as_array_ref() {
        return list.iter().map(to_json).collect::<Result<_, _>>().map(Json::Array);
    }
    if let Ok(map) = value.as_map_ref() {
        let pairs = map.iter().map(|(key, item)| Ok((key.to_string(), to_json(item)?)));
        return pairs.collect::<Result<_, String>>().map(Json::Object);
    }
    if let Some(list) = value.read_lock::<FrozenList>() {
        return list.iter().map(|item| to_json(&item)).collect::<Result<_, _>>().map(Json::Array);
    }
    if let Some(map) = value.read_lock::<FrozenMap>() {
        let pairs = map.iter().map(|(key, item)| Ok((key.to_string(), to_json(&item)?)));
        return pairs.collect::<Result<_, String>>().map(Json::Object);
    }
    Err(format!("a value of type `{}`", type_name(value)))
}

/// JSON as a Rhai value. Whole numbers become integers where they fit.
pub fn from_json(json: &serde_json::Value) -> Dynamic {
    use serde_json::Value as Json;
    match json {
        Json::Null => Dynamic::UNIT,
        Json::Bool(flag) => (*flag).into(),
        Json::Number(number) => match number.as_i64() {
            Some(int) => Dynamic::from_int(int as INT),
            None => Dynamic::from_float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => text.into(),
        Json::Array(items) => Dynamic::from_array(items.iter().map(from_json).collect::<Array>()),
        Json::Object(pairs) => Dynamic::from_map(
            pairs.iter().map(|(key, item)| (key.as_str().into(), from_json(item))).collect::<Map>(),
        ),
    }
}

/// What an author calls a value of this type: `an integer`, `text`, `nothing`.
pub(super) fn described(value: &Dynamic) -> String {
    with_article(type_name(value))
}

/// A type's name with its article.
pub(super) fn with_article(kind: &str) -> String {
    match kind {
        "nothing" | "text" | "bytes" => kind.to_owned(),
        "boolean" => "true or false".to_owned(),
        _ if kind.starts_with(['a', 'e', 'i', 'o', 'u']) => format!("an {kind}"),
        _ => format!("a {kind}"),
    }
}

/// What an author calls the type.
pub fn type_name(value: &Dynamic) -> &'static str {
    match value.type_name() {
        "()" => "nothing",
        "i64" => "integer",
        "f64" => "number with a decimal point",
        "bool" => "boolean",
        "string" | "alloc::string::String" => "text",
        "array" => "list",
        "map" => "map",
        "Fn" => "closure",
        "char" => "character",
        "blob" => "bytes",
        other => match other.rsplit("::").next().unwrap_or(other) {
            "FrozenList" => "constant list",
            "FrozenMap" => "constant map",
            "Reply" => "response",
            "CustomMetric" => "metric",
            "State" => "user state",
            "FileStream" => "file stream",
            "File" => "file",
            "Elements" => "elements of a page",
            other => other,
        },
    }
}
