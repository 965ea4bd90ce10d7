//! `regex::*`: the syntax of Rust's `regex`, which takes time linear in the text, whatever the pattern.

use std::cell::RefCell;
use std::rc::Rc;

use regex::Regex;
use rhai::{Array, Dynamic, EvalAltResult, ImmutableString, Map};
use rustc_hash::FxHashMap;

use super::super::engine::LIST_ITEMS_MAX;
use super::super::error::HostError;
use super::super::registry::Registry;
use super::argument::{fits, to_text};

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// Patterns that a worker keeps compiled; beyond, one made of changing text is compiled each time.
const PATTERNS_MAX: usize = 1_000;
/// Memory that one compiled pattern may take.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// Compiled patterns of one worker.
#[derive(Debug, Default)]
struct Patterns(RefCell<FxHashMap<ImmutableString, Regex>>);

impl Patterns {
    fn get(&self, function: &str, pattern: &ImmutableString) -> Outcome<Regex> {
        if let Some(known) = self.0.borrow().get(pattern) {
            return Ok(known.clone());
        }
        let compiled = regex::RegexBuilder::new(pattern).size_limit(PATTERN_BYTES_MAX).build();
        let compiled = compiled.map_err(|error| {
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or(&text).trim_start_matches("error: ");
            HostError::new(format!("`{function}`: `{pattern}` is no pattern: {reason}"))
                .hint("in a text, `\\` is written `\\\\`; between backticks it stands for itself")
                .word(pattern.as_str())
        })?;
        let mut kept = self.0.borrow_mut();
        if kept.len() < PATTERNS_MAX {
            kept.insert(pattern.clone(), compiled.clone());
        }
        Ok(compiled)
    }
}

pub(super) fn register(registry: &mut Registry<'_>) {
    let patterns = Rc::new(Patterns::default());
    finding(registry, &patterns);
    grouping(registry, &patterns);
    let all = Rc::clone(&patterns);
    registry.define(
        "regex::replace(text, pattern, with)",
        "the text with every match replaced; `$1` stands for a group, `$$` for a `$`",
        move |text: Dynamic, pattern: ImmutableString, with: ImmutableString| -> Outcome<String> {
            replace(&all, &to_text("regex::replace", &text)?, &pattern, &with)
        },
    );
    registry.takes("text", "text or bytes");
    registry.example("regex::replace(\"2026-11-24\", `(\\d+)-(\\d+)`, \"$2/$1\") // \"11/2026-24\"");
    registry.define(
        "regex::split(text, pattern)",
        "the parts of the text between the matches",
        move |text: Dynamic, pattern: ImmutableString| -> Outcome<Array> {
            const NAME: &str = "regex::split";
            let (text, pattern) = (to_text(NAME, &text)?, patterns.get(NAME, &pattern)?);
            bounded(NAME, pattern.split(&text).map(Into::into))
        },
    );
    registry.takes("text", "text or bytes");
    registry.example("regex::split(\"AAPL, TSLA;BTC\", `[,;]\\s*`) // [\"AAPL\", \"TSLA\", \"BTC\"]");
}

fn finding(registry: &mut Registry<'_>, patterns: &Rc<Patterns>) {
    let all = Rc::clone(patterns);
    registry.define(
        "regex::matches(text, pattern)",
        "whether the pattern is found anywhere in the text",
        move |text: Dynamic, pattern: ImmutableString| -> Outcome<bool> {
            const NAME: &str = "regex::matches";
            Ok(all.get(NAME, &pattern)?.is_match(&to_text(NAME, &text)?))
        },
    );
    registry.takes("text", "text or bytes");
    registry.example("regex::matches(\"order-42\", `^order-\\d+$`) // true");
    let all = Rc::clone(patterns);
    registry.define(
        "regex::find(text, pattern)",
        "the first match, or its first group if the pattern has one; nothing without a match",
        move |text: Dynamic, pattern: ImmutableString| -> Outcome<Dynamic> {
            const NAME: &str = "regex::find";
            let (text, pattern) = (to_text(NAME, &text)?, all.get(NAME, &pattern)?);
            let found = pattern.captures(&text).and_then(|found| found.get(1).or(found.get(0)));
            Ok(found.map_or(Dynamic::UNIT, |found| found.as_str().into()))
        },
    );
    registry.takes("text", "text or bytes").gives("text or nothing");
    registry.example("regex::find(`<input name=\"csrf\" value=\"a1\">`, `value=\"(\\w+)\"`) // \"a1\"");
    let all = Rc::clone(patterns);
    registry.define(
        "regex::find_all(text, pattern)",
        "all matches, or their first groups if the pattern has one",
        move |text: Dynamic, pattern: ImmutableString| -> Outcome<Array> {
            const NAME: &str = "regex::find_all";
            let (text, pattern) = (to_text(NAME, &text)?, all.get(NAME, &pattern)?);
            let found = pattern.captures_iter(&text).filter_map(|found| found.get(1).or(found.get(0)));
            bounded(NAME, found.map(|found| found.as_str().into()))
        },
    );
    registry.takes("text", "text or bytes");
    registry.example("regex::find_all(\"a=1 b=2\", `=(\\d)`) // [\"1\", \"2\"]");
}

fn grouping(registry: &mut Registry<'_>, patterns: &Rc<Patterns>) {
    let all = Rc::clone(patterns);
    registry.define(
        "regex::groups(text, pattern)",
        "the first match and its groups, in order; nothing without a match",
        move |text: Dynamic, pattern: ImmutableString| -> Outcome<Dynamic> {
            const NAME: &str = "regex::groups";
            let (text, pattern) = (to_text(NAME, &text)?, all.get(NAME, &pattern)?);
            let Some(found) = pattern.captures(&text) else { return Ok(Dynamic::UNIT) };
            let groups = found.iter().map(|group| group.map_or(Dynamic::UNIT, |group| group.as_str().into()));
            Ok(groups.collect::<Array>().into())
        },
    );
    registry.takes("text", "text or bytes").gives("list or nothing");
    registry.example("regex::groups(\"2026-11\", `(\\d+)-(\\d+)`) // [\"2026-11\", \"2026\", \"11\"]");
    let all = Rc::clone(patterns);
    registry.define(
        "regex::named(text, pattern)",
        "the named groups of the first match, `(?<year>…)`, as a map; nothing without a match",
        move |text: Dynamic, pattern: ImmutableString| -> Outcome<Dynamic> {
            const NAME: &str = "regex::named";
            let (text, pattern) = (to_text(NAME, &text)?, all.get(NAME, &pattern)?);
            let Some(found) = pattern.captures(&text) else { return Ok(Dynamic::UNIT) };
            let value = |name: &str| found.name(name).map_or(Dynamic::UNIT, |group| group.as_str().into());
            let names = pattern.capture_names().flatten();
            Ok(names.map(|name| (name.into(), value(name))).collect::<Map>().into())
        },
    );
    registry.takes("text", "text or bytes").gives("map or nothing");
    registry.example("regex::named(\"2026-11\", `(?<year>\\d+)-(?<month>\\d+)`).month // \"11\"");
}

/// The items as a list, of which a script may hold so many.
fn bounded(function: &str, items: impl Iterator<Item = Dynamic>) -> Outcome<Array> {
    let list: Array = items.take(LIST_ITEMS_MAX + 1).collect();
    if list.len() <= LIST_ITEMS_MAX {
        return Ok(list);
    }
    Err(HostError::new(format!("`{function}` would give more than {LIST_ITEMS_MAX} items"))
        .hint("look at a part of the text: `text.sub_string(0, 100000)`")
        .into())
}

fn replace(patterns: &Patterns, text: &str, pattern: &ImmutableString, with: &str) -> Outcome<String> {
    const NAME: &str = "regex::replace";
    let pattern = patterns.get(NAME, pattern)?;
    let mut out = String::new();
    let mut end = 0;
    for found in pattern.captures_iter(text) {
        let whole = found.get_match();
        out.push_str(&text[end..whole.start()]);
        found.expand(with, &mut out);
        fits(NAME, out.len())?;
        end = whole.end();
    }
    out.push_str(&text[end..]);
    fits(NAME, out.len())?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacing_is_that_of_the_library() {
        let patterns = Patterns::default();
        for (text, pattern, with) in [
            ("a1b22", r"\d+", "<$0>"),
            ("", "x*", "-"),
            ("abc", "", "-"),
            ("aé", "(?<x>é)", "${x}${x}$$"),
            ("ab", "c", "x"),
        ] {
            let expected = Regex::new(pattern).unwrap().replace_all(text, with);
            assert_eq!(replace(&patterns, text, &pattern.into(), with).unwrap(), expected);
        }
    }

    #[test]
    fn a_replacement_that_grows_without_end_is_refused() {
        let patterns = Patterns::default();
        let (text, with) = ("a".repeat(100_000), "$0".repeat(100_000));
        let error = replace(&patterns, &text, &"a".into(), &with).unwrap_err();
        assert!(HostError::of(&error).unwrap().message.contains("would make a text of"));
        assert!(bounded("f", std::iter::repeat_n(Dynamic::UNIT, LIST_ITEMS_MAX + 1)).is_err());
    }

    #[test]
    fn a_pattern_that_would_take_too_much_is_refused() {
        let patterns = Patterns::default();
        for bad in ["(", r"(\w{1000}){1000}", "[a"] {
            assert!(patterns.get("f", &bad.into()).is_err(), "{bad}");
        }
    }
}
