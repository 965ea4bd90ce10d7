//! TOML and JSON as one tree: keys and values of a configuration file, each with its place.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::config::table;
use crate::diagnostic::{Code, Diagnostic, Position, Source};
use crate::plan::Value;

/// A key with its value.
#[derive(Debug)]
pub(super) struct Entry {
    /// As it is written.
    pub(super) name: String,
    /// Where the key stands.
    pub(super) key: Position,
    /// Where the value begins.
    pub(super) at: Position,
    /// The value, tables as maps.
    pub(super) value: Value,
    /// What a table, or tables in a list, hold.
    pub(super) below: Vec<Entry>,
}

impl Entry {
    /// The entry of a name: this one, or the first below it.
    pub(super) fn find(&self, name: &str) -> Option<&Entry> {
        if self.name == name {
            return Some(self);
        }
        self.below.iter().find_map(|entry| entry.find(name))
    }
}

/// The entries of a TOML text.
pub(super) fn toml(source: &Arc<Source>) -> Result<Vec<Entry>, Box<Diagnostic>> {
    let table = DeTable::parse(&source.text).map_err(|error| {
        let diagnostic =
            Diagnostic::new(Code::Plan, format!("{} is no TOML: {}", source.name, one_line(error.message())));
        Box::new(match error.span() {
            Some(span) => diagnostic.at(source, position(&source.text, span.start), ""),
            None => diagnostic,
        })
    })?;
    let mut entries = toml_entries(source, table.get_ref())?;
    // As they stand in the file: the first mistake is the one to show.
    entries.sort_by_key(|entry| entry.key);
    Ok(entries)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn toml_entries(source: &Arc<Source>, table: &DeTable<'_>) -> Result<Vec<Entry>, Box<Diagnostic>> {
    table
        .iter()
        .map(|(key, value)| {
            let mut below = Vec::new();
            Ok(Entry {
                name: key.get_ref().to_string(),
                key: position(&source.text, key.span().start),
                at: position(&source.text, value.span().start),
                value: toml_value(source, value, &mut below)?,
                below,
            })
        })
        .collect()
}

fn toml_value(
    source: &Arc<Source>,
    value: &Spanned<DeValue<'_>>,
    below: &mut Vec<Entry>,
) -> Result<Value, Box<Diagnostic>> {
    let refuse = |span: Range<usize>, text: &str| {
        Box::new(Diagnostic::new(Code::Plan, format!("{text} is too large a number")).at(
            source,
            position(&source.text, span.start),
            "",
        ))
    };
    Ok(match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Boolean(flag) => Value::Bool(*flag),
        DeValue::Integer(number) => {
            let digits = number.as_str().replace('_', "");
            let number = i64::from_str_radix(&digits, number.radix());
            Value::Int(number.map_err(|_| refuse(value.span(), &digits))?)
        }
        DeValue::Float(number) => {
            let digits = number.as_str().replace('_', "");
            Value::Float(digits.parse().map_err(|_| refuse(value.span(), &digits))?)
        }
        DeValue::Datetime(time) => Value::Text(time.to_string()),
        DeValue::Array(items) => {
            Value::List(items.iter().map(|item| toml_value(source, item, below)).collect::<Result<_, _>>()?)
        }
        DeValue::Table(inner) => {
            let entries = toml_entries(source, inner)?;
            let value = table(&entries);
            below.extend(entries);
            value
        }
    })
}

/// The entries of a JSON text. Its parser keeps no places: a key's is where it first stands in quotes.
pub(super) fn json(source: &Arc<Source>) -> Result<Vec<Entry>, Box<Diagnostic>> {
    use serde_json::Value as Json;
    let parsed: Json = serde_json::from_str(&source.text).map_err(|error| {
        let place = Position {
            line: u32::try_from(error.line()).unwrap_or(u32::MAX).max(1),
            column: u32::try_from(error.column()).unwrap_or(u32::MAX).max(1),
        };
        let text = error.to_string();
        // The parser appends the place, which stands elsewhere.
        let text = text.split(" at line ").next().unwrap_or_default();
        Box::new(
            Diagnostic::new(Code::Plan, format!("{} is no JSON: {text}", source.name)).at(source, place, ""),
        )
    })?;
    match parsed {
        Json::Object(pairs) => Ok(json_entries(&source.text, &pairs)),
        _ => Err(Box::new(
            Diagnostic::new(Code::Plan, format!("{} holds no object", source.name))
                .hint("write `{ \"vus\": 10, \"duration\": \"30s\" }`"),
        )),
    }
}

fn json_entries(text: &str, pairs: &serde_json::Map<String, serde_json::Value>) -> Vec<Entry> {
    // `null` says that a key is left out, as k6 writes it.
    pairs
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| {
            let (key, at) = json_places(text, name);
            let mut below = Vec::new();
            Entry { name: name.clone(), key, at, value: json_value(text, value, &mut below), below }
        })
        .collect()
}

fn json_value(text: &str, value: &serde_json::Value, below: &mut Vec<Entry>) -> Value {
    use serde_json::Value as Json;
    match value {
        // In a list it stands for nothing that an option takes.
        Json::Null => Value::Text(String::new()),
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Value::Int(number),
            None => Value::Float(number.as_f64().unwrap_or(f64::MAX)),
        },
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => Value::List(items.iter().map(|item| json_value(text, item, below)).collect()),
        Json::Object(pairs) => {
            let entries = json_entries(text, pairs);
            let value = table(&entries);
            below.extend(entries);
            value
        }
    }
}

fn json_places(text: &str, name: &str) -> (Position, Position) {
    let quoted = serde_json::Value::from(name).to_string();
    let places = text.match_indices(&quoted).find_map(|(at, _)| {
        let behind = text[at + quoted.len()..].trim_start().strip_prefix(':')?.trim_start();
        Some((at, text.len() - behind.len()))
    });
    let (key, value) = places.unwrap_or_default();
    (position(text, key), position(text, value))
}

/// The place of a byte.
fn position(text: &str, byte: usize) -> Position {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Position { line: number(line), column: number(column) }
}
