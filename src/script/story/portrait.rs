//! A value as a short text: what a variable holds, as an author would write it.
//!
//! Bounded in depth and length, whatever a script builds: a list of a million items costs no more than one of a few
//! hundred.

use std::fmt::Write as _;

use rhai::{Dynamic, FnPtr};

use super::super::frozen::{FrozenList, FrozenMap};
use super::super::host::Reply;
use super::super::value::type_name;
use crate::units::format_size;

/// Bytes of a text before secrets are hidden in it: far above what is shown, so that none is cut in two; and few enough
/// to be drawn at each statement of a loop.
const RAW_BYTES_MAX: usize = 8 << 10;

/// Characters of a text that is told.
const CHARACTERS_MAX: usize = 1_000;

/// Levels of nesting that are shown; a value may even contain itself.
const LEVELS_MAX: usize = 8;

/// The value in words, secrets included; what is too long is cut.
pub(super) fn portrait(value: &Dynamic) -> String {
    let mut text = String::new();
    draw(value, &mut text, LEVELS_MAX);
    cut_bytes(&mut text);
    text
}

/// A text as long as it may be told.
pub(super) fn short(text: &str) -> String {
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn cut_bytes(text: &mut String) {
    if text.len() > RAW_BYTES_MAX {
        text.truncate(text.floor_char_boundary(RAW_BYTES_MAX));
        text.push('…');
    }
}

/// Writes the value behind the text; nothing more once that is long enough.
fn draw(value: &Dynamic, text: &mut String, levels: usize) {
    if text.len() > RAW_BYTES_MAX {
        return;
    }
    if value.is_shared() {
        // Of a variable that a closure has captured: it is in use for as long as it is changed.
        return match value.read_lock::<Dynamic>() {
            Some(inner) if levels > 0 => draw(&inner, text, levels - 1),
            _ => text.push('…'),
        };
    }
    if let Ok(words) = value.as_immutable_string_ref() {
        let end = words.floor_char_boundary(RAW_BYTES_MAX);
        let _ = write!(text, "{:?}", &words[..end]);
    } else if value.is_unit() {
        text.push_str("()");
    } else if value.is_int() || value.is_float() || value.is_bool() || value.is_char() {
        text.push_str(&value.to_string());
    } else if let Ok(list) = value.as_array_ref() {
        enclosed(text, "[", "]", levels, list.iter(), |text, item| draw(item, text, levels - 1));
    } else if let Ok(map) = value.as_map_ref() {
        enclosed(text, "#{", "}", levels, map.iter(), |text, (key, item)| pair(text, key, item, levels));
    } else if let Some(list) = value.read_lock::<FrozenList>() {
        enclosed(text, "[", "]", levels, list.iter(), |text, item| draw(&item, text, levels - 1));
    } else if let Some(map) = value.read_lock::<FrozenMap>() {
        enclosed(text, "#{", "}", levels, map.iter(), |text, (key, item)| pair(text, &key, &item, levels));
    } else if let Some(reply) = value.read_lock::<Reply>() {
        text.push_str(&reply.portrait());
    } else if let Ok(bytes) = value.as_blob_ref() {
        let _ = write!(text, "{} of bytes", format_size(bytes.len() as f64));
    } else if let Some(closure) = value.read_lock::<FnPtr>() {
        text.push_str(if closure.fn_name().contains('$') { "closure" } else { closure.fn_name() });
    } else {
        text.push_str(type_name(value));
    }
}

fn pair(text: &mut String, key: &str, item: &Dynamic, levels: usize) {
    let is_plain = key.chars().all(|c| c.is_alphanumeric() || c == '_') && !key.is_empty();
    if is_plain {
        text.push_str(key);
    } else {
        let _ = write!(text, "{key:?}");
    }
    text.push_str(": ");
    draw(item, text, levels - 1);
}

fn enclosed<T>(
    text: &mut String,
    open: &str,
    close: &str,
    levels: usize,
    items: impl Iterator<Item = T>,
    draw: impl Fn(&mut String, T),
) {
    text.push_str(open);
    for (index, item) in items.enumerate() {
        if levels == 0 || text.len() > RAW_BYTES_MAX {
            text.push('…');
            break;
        }
        if index > 0 {
            text.push_str(", ");
        }
        draw(text, item);
    }
    text.push_str(close);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(script: &str) -> String {
        portrait(&super::super::super::engine::engine().eval::<Dynamic>(script).unwrap())
    }

    #[test]
    fn values_are_shown_as_an_author_writes_them() {
        for same in [
            "1",
            "2.5",
            "true",
            "()",
            "\"a \\\"b\\\"\"",
            "[1, \"a\", []]",
            "#{a: 1, \"b c\": #{d: ()}}",
            "#{}",
        ] {
            assert_eq!(of(same), same);
        }
        assert_eq!(of("let x = 7; |y| y + x"), "closure");
        assert_eq!(of("blob(1500)"), "1.5 kB of bytes");
    }

    #[test]
    fn a_frozen_value_looks_like_any_other() {
        let value = super::super::super::engine::engine().eval::<Dynamic>("[1, #{a: [2]}]").unwrap();
        assert_eq!(portrait(&super::super::super::frozen::freeze(value)), "[1, #{a: [2]}]");
    }

    #[test]
    fn large_and_endless_values_cost_no_more_than_what_is_shown() {
        assert!(of("let a = []; a.pad(500000, \"something\"); a").len() <= RAW_BYTES_MAX + 32);
        assert!(of("let s = \"x\"; for i in 0..20 { s += s; } s").len() <= RAW_BYTES_MAX + 32);
        assert_eq!(of("let a = 1; for i in 0..20 { a = [a]; } a"), "[[[[[[[[[…]]]]]]]]]");
        let shared = Dynamic::from_array(vec![]).into_shared();
        shared
            .clone()
            .write_lock::<Dynamic>()
            .unwrap()
            .write_lock::<rhai::Array>()
            .unwrap()
            .push(shared.clone());
        assert!(portrait(&shared).contains('…'));
    }

    #[test]
    fn what_is_told_is_shorter_still() {
        assert_eq!(short("abc"), "abc");
        assert_eq!(short(&"ä".repeat(2_000)).chars().count(), CHARACTERS_MAX + 1);
    }
}
