//! A value as an author would write it: `#{ name: "AAPL", list: [1, 2] }`, on one line where it fits, else on
//! several; what is long is cut, and says by how much.

use std::fmt::Write as _;

use rhai::{Dynamic, FnPtr};

use super::super::error::HostError;
use super::super::frozen::{FrozenList, FrozenMap};
use super::super::host::{Reply, timings_of};
use super::super::state::State;
use super::super::value::{DEPTH_MAX, type_name};
use crate::http::Timings;
use crate::units::{format_count, format_latency_us, format_significant, format_size};

/// Items of one list or map that are shown.
const ITEMS_MAX: usize = 50;

/// Values that are shown, those within others included.
const VALUES_MAX: usize = 1_000;

/// Characters of a text within a list or a map.
const TEXT_CHARACTERS_MAX: usize = 200;

/// What is put further in by a level.
const INDENT: &str = "  ";

/// A value, ready to be laid out.
#[derive(Debug, PartialEq)]
pub(super) enum Node {
    Leaf(String),
    List { open: &'static str, close: &'static str, items: Vec<(Option<String>, Node)>, more: usize },
}

/// How values that only the interpreter knows are told.
pub(super) type Told<'a> = &'a dyn Fn(&Dynamic) -> String;

/// Reads a value.
pub(super) fn node(value: &Dynamic, told: Told<'_>) -> Node {
    let mut rest = VALUES_MAX;
    read(value, told, DEPTH_MAX, &mut rest)
}

fn read(value: &Dynamic, told: Told<'_>, depth: usize, rest: &mut usize) -> Node {
    *rest = rest.saturating_sub(1);
    let Some(depth) = depth.checked_sub(1) else { return Node::Leaf("…".to_owned()) };
    if value.is_shared() {
        return match value.read_lock::<Dynamic>() {
            Some(inner) => read(&inner, told, depth, rest),
            None => Node::Leaf("…".to_owned()),
        };
    }
    if let Ok(list) = value.as_array_ref() {
        return items(list.len(), list.iter().cloned(), told, depth, rest);
    }
    if let Some(list) = value.read_lock::<FrozenList>() {
        return items(list.len(), list.iter(), told, depth, rest);
    }
    if let Ok(map) = value.as_map_ref() {
        let pairs = map.iter().map(|(name, value)| (name.to_string(), value.clone()));
        return self::pairs(map.len(), pairs, told, depth, rest);
    }
    if let Some(map) = value.read_lock::<FrozenMap>() {
        let all: Vec<(String, Dynamic)> = map.iter().map(|(name, value)| (name.to_string(), value)).collect();
        return pairs(all.len(), all.into_iter(), told, depth, rest);
    }
    if let Some(state) = value.read_lock::<State>() {
        let map = state.to_map();
        let all = map.iter().map(|(name, value)| (name.to_string(), value.clone()));
        return pairs(map.len(), all, told, depth, rest);
    }
    Node::Leaf(leaf(value, told))
}

fn items(
    count: usize,
    list: impl Iterator<Item = Dynamic>,
    told: Told<'_>,
    depth: usize,
    rest: &mut usize,
) -> Node {
    let shown = count.min(ITEMS_MAX).min((*rest).max(1));
    let items: Vec<_> = list.take(shown).map(|item| (None, read(&item, told, depth, rest))).collect();
    Node::List { open: "[", close: "]", more: count - items.len(), items }
}

fn pairs(
    count: usize,
    map: impl Iterator<Item = (String, Dynamic)>,
    told: Told<'_>,
    depth: usize,
    rest: &mut usize,
) -> Node {
    let shown = count.min(ITEMS_MAX).min((*rest).max(1));
    let items: Vec<_> =
        map.take(shown).map(|(name, value)| (Some(key(&name)), read(&value, told, depth, rest))).collect();
    Node::List { open: "#{", close: "}", more: count - items.len(), items }
}

/// A key as it is written: between quotes where it is no name.
fn key(name: &str) -> String {
    if rhai::is_valid_identifier(name) { name.to_owned() } else { quoted(name, TEXT_CHARACTERS_MAX) }
}

/// A text between quotes.
fn quoted(text: &str, characters_max: usize) -> String {
    let start: String = text.chars().take(characters_max).collect();
    let rest = text.len() - start.len();
    let start = serde_json::Value::String(start).to_string();
    if rest == 0 { start } else { format!("{start}… {} more", format_size(rest as f64)) }
}

fn leaf(value: &Dynamic, told: Told<'_>) -> String {
    if value.is_unit() {
        return "()".to_owned();
    }
    if let Ok(text) = value.as_immutable_string_ref() {
        return quoted(&text, TEXT_CHARACTERS_MAX);
    }
    if let Ok(character) = value.as_char() {
        return format!("{character:?}");
    }
    if let Ok(number) = value.as_float() {
        return format!("{number:?}");
    }
    if let Ok(bytes) = value.as_blob_ref() {
        return format!("<{} bytes>", format_count(bytes.len() as u64));
    }
    if let Some(reply) = value.read_lock::<Reply>() {
        let took = format_latency_us(reply.exchange().timings.phases.duration_ns() as f64 / 1e3);
        return match reply.status() {
            0 => format!("<no answer, error {}, {}>", reply.error_code(), reply.url()),
            status => format!("<{status}, {took}, {}>", reply.url()),
        };
    }
    if let Some(timings) = value.read_lock::<Timings>() {
        let named = |(name, ms): (&str, f64)| format!("{name}: {}", format_significant(ms));
        return format!("#{{{}}}", timings_of(&timings).map(named).collect::<Vec<_>>().join(", "));
    }
    if let Some(function) = value.read_lock::<FnPtr>() {
        let name = function.fn_name();
        return if function.is_anonymous() { "<closure>".to_owned() } else { format!("Fn(\"{name}\")") };
    }
    if let Some(error) = value.read_lock::<HostError>() {
        return format!("<error: {}>", error.message);
    }
    if value.is_int() || value.is_bool() {
        return value.to_string();
    }
    let text = told(value);
    if text == value.type_name() { format!("<{}>", type_name(value)) } else { format!("<{text}>") }
}

impl Node {
    /// On one line.
    pub(super) fn compact(&self) -> String {
        match self {
            Self::Leaf(text) => text.clone(),
            Self::List { open, close, items, more } => {
                let mut parts: Vec<String> = items
                    .iter()
                    .map(|(name, item)| match name {
                        Some(name) => format!("{name}: {}", item.compact()),
                        None => item.compact(),
                    })
                    .collect();
                if *more > 0 {
                    parts.push(more_of(*more));
                }
                if *open == "[" || parts.is_empty() {
                    format!("{open}{}{close}", parts.join(", "))
                } else {
                    format!("{open} {} {close}", parts.join(", "))
                }
            }
        }
    }

    /// On one line where that has at most so many columns, else an item a line.
    pub(super) fn laid_out(&self, columns: usize) -> String {
        self.at(0, 0, columns)
    }

    /// `before`: columns that stand in front of it on its first line.
    fn at(&self, level: usize, before: usize, columns: usize) -> String {
        let compact = self.compact();
        let fits = level * INDENT.len() + before + compact.chars().count() <= columns;
        let Self::List { open, close, items, more } = self else { return compact };
        if fits || items.is_empty() {
            return compact;
        }
        let indent = INDENT.repeat(level + 1);
        let mut text = format!("{open}\n");
        for (name, item) in items {
            let name = name.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
            let item = item.at(level + 1, name.chars().count() + 1, columns);
            let _ = writeln!(text, "{indent}{name}{item},");
        }
        if *more > 0 {
            let _ = writeln!(text, "{indent}{}", more_of(*more));
        }
        format!("{text}{}{close}", INDENT.repeat(level))
    }
}

fn more_of(more: usize) -> String {
    format!("… {} more", format_count(more as u64))
}

#[cfg(test)]
mod tests {
    use rhai::Engine;

    use super::super::super::frozen::freeze;
    use super::*;

    fn of(script: &str) -> Node {
        let value = Engine::new_raw().eval::<Dynamic>(script).unwrap();
        let frozen = node(&freeze(value.clone()), &|_| String::new());
        let node = node(&value, &|_| String::new());
        assert_eq!(node, frozen, "a constant looks like what it was made of");
        node
    }

    #[test]
    fn values_are_shown_as_they_are_written() {
        for text in [
            "()",
            "true",
            "42",
            "1.5",
            "2.0",
            "\"a \\\"b\\\" \\n\"",
            "'x'",
            "[]",
            "[1, [2, \"c\"]]",
            "#{ a: 1, \"b c\": [#{ d: () }] }",
        ] {
            assert_eq!(of(text).compact(), text);
        }
        assert_eq!(of("#{}").compact(), "#{}");
    }

    #[test]
    fn what_does_not_fit_is_laid_out_an_item_a_line() {
        let node = of("#{ name: \"AAPL\", list: [1, 2, 3] }");
        assert_eq!(node.laid_out(80), "#{ list: [1, 2, 3], name: \"AAPL\" }");
        assert_eq!(node.laid_out(20), "#{\n  list: [1, 2, 3],\n  name: \"AAPL\",\n}");
        assert_eq!(node.laid_out(10), "#{\n  list: [\n    1,\n    2,\n    3,\n  ],\n  name: \"AAPL\",\n}");
    }

    #[test]
    fn what_is_long_is_cut_and_says_so() {
        let list: Vec<Dynamic> = (0..120_i64).map(Dynamic::from).collect();
        let shown = node(&list.into(), &|_| String::new()).compact();
        assert!(shown.ends_with("49, … 70 more]"), "{shown}");
        let shown = node(&vec![Dynamic::from("x".repeat(5_000))].into(), &|_| String::new()).compact();
        assert!(shown.len() < 300 && shown.ends_with("\"… 4.80 KB more]"), "{shown}");
        // Many within many: a million values would fill the screen for a minute.
        let row = Dynamic::from((0..100_i64).map(Dynamic::from).collect::<Vec<_>>());
        let rows = Dynamic::from(vec![row; 100]);
        assert!(node(&rows, &|_| String::new()).compact().len() < 20_000);
    }
}
