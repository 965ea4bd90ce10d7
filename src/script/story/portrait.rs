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

/// Bytes of a text before secrets are hidden in it: far above what is shown, so that none is cut in two.
const RAW_BYTES_MAX: usize = 64 << 10;

/// Bytes of a sketch: drawn at each statement, also of a loop that turns a million times.
const SKETCH_BYTES_MAX: usize = 512;

/// Characters of a text that is told.
const CHARACTERS_MAX: usize = 1_000;

/// Levels of nesting that are shown; a value may even contain itself.
const LEVELS_MAX: usize = 8;

/// The value in words, secrets included; what is too long is cut.
pub(super) fn portrait(value: &Dynamic) -> String {
    Canvas::of(value, RAW_BYTES_MAX)
}

/// What tells a value from what it was before: its beginning and its length.
pub(super) fn sketch(value: &Dynamic) -> String {
    let mut text = Canvas::of(value, SKETCH_BYTES_MAX);
    let length = if let Ok(words) = value.as_immutable_string_ref() {
        words.len()
    } else if let Ok(list) = value.as_array_ref() {
        list.len()
    } else if let Ok(map) = value.as_map_ref() {
        map.len()
    } else {
        return text;
    };
    let _ = write!(text, " {length}");
    text
}

/// A text as long as it may be told.
pub(super) fn short(text: &str) -> String {
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A text that takes so much and no more.
struct Canvas {
    text: String,
    bytes_max: usize,
}

impl Canvas {
    fn of(value: &Dynamic, bytes_max: usize) -> String {
        let mut canvas = Self { text: String::new(), bytes_max };
        canvas.draw(value, LEVELS_MAX);
        if canvas.is_full() {
            canvas.text.truncate(canvas.text.floor_char_boundary(bytes_max));
            canvas.text.push('…');
        }
        canvas.text
    }

    fn is_full(&self) -> bool {
        self.text.len() > self.bytes_max
    }

    /// Draws the value behind what is there; nothing more once that is enough.
    fn draw(&mut self, value: &Dynamic, levels: usize) {
        if self.is_full() {
            return;
        }
        if value.is_shared() {
            // Of a variable that a closure has captured: it is in use for as long as it is changed.
            return match value.read_lock::<Dynamic>() {
                Some(inner) if levels > 0 => self.draw(&inner, levels - 1),
                _ => self.text.push('…'),
            };
        }
        if let Ok(words) = value.as_immutable_string_ref() {
            let end = words.floor_char_boundary(self.bytes_max);
            let _ = write!(self.text, "{:?}", &words[..end]);
        } else if value.is_unit() {
            self.text.push_str("()");
        } else if value.is_int() || value.is_float() || value.is_bool() || value.is_char() {
            let _ = write!(self.text, "{value}");
        } else if let Ok(list) = value.as_array_ref() {
            self.enclose("[", "]", levels, list.iter(), |canvas, item| canvas.draw(item, levels - 1));
        } else if let Ok(map) = value.as_map_ref() {
            self.enclose("#{", "}", levels, map.iter(), |canvas, (key, item)| canvas.pair(key, item, levels));
        } else if let Some(list) = value.read_lock::<FrozenList>() {
            self.enclose("[", "]", levels, list.iter(), |canvas, item| canvas.draw(&item, levels - 1));
        } else if let Some(map) = value.read_lock::<FrozenMap>() {
            self.enclose("#{", "}", levels, map.iter(), |canvas, (key, item)| {
                canvas.pair(&key, &item, levels);
            });
        } else if let Some(reply) = value.read_lock::<Reply>() {
            self.text.push_str(&reply.portrait());
        } else if let Ok(bytes) = value.as_blob_ref() {
            let _ = write!(self.text, "{} of bytes", format_size(bytes.len() as f64));
        } else if let Some(closure) = value.read_lock::<FnPtr>() {
            self.text.push_str(if closure.fn_name().contains('$') { "closure" } else { closure.fn_name() });
        } else {
            self.text.push_str(type_name(value));
        }
    }

    fn pair(&mut self, key: &str, item: &Dynamic, levels: usize) {
        let is_plain = key.chars().all(|c| c.is_alphanumeric() || c == '_') && !key.is_empty();
        if is_plain {
            self.text.push_str(key);
        } else {
            let _ = write!(self.text, "{key:?}");
        }
        self.text.push_str(": ");
        self.draw(item, levels - 1);
    }

    fn enclose<T>(
        &mut self,
        open: &str,
        close: &str,
        levels: usize,
        items: impl Iterator<Item = T>,
        draw: impl Fn(&mut Self, T),
    ) {
        self.text.push_str(open);
        for (index, item) in items.enumerate() {
            if levels == 0 || self.is_full() {
                self.text.push('…');
                break;
            }
            if index > 0 {
                self.text.push_str(", ");
            }
            draw(self, item);
        }
        self.text.push_str(close);
    }
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
    fn a_sketch_tells_a_long_list_from_a_longer_one() {
        let list = |more: &str| {
            let script = format!("let a = []; a.pad(500, \"something\"); {more} a");
            super::super::super::engine::engine().eval::<Dynamic>(&script).unwrap()
        };
        let (short, long) = (sketch(&list("")), sketch(&list("a.push(1);")));
        assert!(short != long && short.len() < SKETCH_BYTES_MAX + 32, "{short}");
        assert_ne!(short, sketch(&list("a[0] = 1;")));
    }

    #[test]
    fn what_is_told_is_shorter_still() {
        assert_eq!(short("abc"), "abc");
        assert_eq!(short(&"ä".repeat(2_000)).chars().count(), CHARACTERS_MAX + 1);
    }
}
