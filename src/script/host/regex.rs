//! `regex::*`: the syntax of Rust's `regex`, which takes time linear in the text, whatever the pattern.

use std::cell::RefCell;
use std::rc::Rc;

use regex::Regex;
use rhai::{Array, Dynamic, EvalAltResult, ImmutableString};
use rustc_hash::FxHashMap;

use super::super::engine::{LIST_ITEMS_MAX, TEXT_BYTES_MAX};
use super::super::error::HostError;
use super::super::registry::Registry;

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// Patterns that a worker keeps compiled; beyond, one made of changing text is compiled each time.
const PATTERNS_MAX: usize = 1_000;
/// Memory that one compiled pattern may take.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// Compiled patterns of one worker.
#[derive(Debug, Default)]
struct Patterns(RefCell<FxHashMap<ImmutableString, Regex>>);

impl Patterns {
    fn get(&self, pattern: &ImmutableString) -> Outcome<Regex> {
        if let Some(known) = self.0.borrow().get(pattern) {
            return Ok(known.clone());
        }
        let compiled = regex::RegexBuilder::new(pattern).size_limit(PATTERN_BYTES_MAX).build();
        let compiled = compiled.map_err(|error| {
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or(&text).trim_start_matches("error: ");
            HostError::new(format!("`{pattern}` is no pattern: {reason}"))
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
    let all = Rc::clone(&patterns);
    registry.define(
        "regex::matches(text, pattern)",
        "whether the pattern is found anywhere in the text",
        move |text: ImmutableString, pattern: ImmutableString| -> Outcome<bool> {
            Ok(all.get(&pattern)?.is_match(&text))
        },
    );
    let all = Rc::clone(&patterns);
    registry.define(
        "regex::find(text, pattern)",
        "the first match, or its first group if the pattern has one; nothing without a match",
        move |text: ImmutableString, pattern: ImmutableString| -> Outcome<Dynamic> {
            let found = all.get(&pattern)?.captures(&text).and_then(|found| found.get(1).or(found.get(0)));
            Ok(found.map_or(Dynamic::UNIT, |found| found.as_str().into()))
        },
    );
    let all = Rc::clone(&patterns);
    registry.define(
        "regex::find_all(text, pattern)",
        "all matches, or their first groups if the pattern has one",
        move |text: ImmutableString, pattern: ImmutableString| -> Outcome<Array> {
            let pattern = all.get(&pattern)?;
            let found = pattern.captures_iter(&text).filter_map(|found| found.get(1).or(found.get(0)));
            // One too many is refused by the interpreter.
            Ok(found.take(LIST_ITEMS_MAX + 1).map(|found| found.as_str().into()).collect())
        },
    );
    let all = Rc::clone(&patterns);
    registry.define(
        "regex::groups(text, pattern)",
        "the first match and its groups, in order; nothing without a match",
        move |text: ImmutableString, pattern: ImmutableString| -> Outcome<Dynamic> {
            let Some(found) = all.get(&pattern)?.captures(&text) else { return Ok(Dynamic::UNIT) };
            let groups = found.iter().map(|group| group.map_or(Dynamic::UNIT, |group| group.as_str().into()));
            Ok(groups.collect::<Array>().into())
        },
    );
    registry.define(
        "regex::replace(text, pattern, with)",
        "the text with every match replaced; `$1` stands for a group",
        move |text: ImmutableString, pattern: ImmutableString, with: ImmutableString| -> Outcome<String> {
            replace(&patterns.get(&pattern)?, &text, &with)
        },
    );
}

/// `replace_all` with a limit: a thousand matches, each replaced by a long text, would take all memory.
fn replace(pattern: &Regex, text: &str, with: &str) -> Outcome<String> {
    let groups = with.matches('$').count();
    let mut out = String::new();
    let mut at = 0;
    for found in pattern.captures_iter(text) {
        let whole = found.get_match();
        out.push_str(&text[at..whole.start()]);
        at = whole.end();
        if out.len().saturating_add(with.len()).saturating_add(groups.saturating_mul(whole.len()))
            > TEXT_BYTES_MAX
        {
            return Err(HostError::new("what `regex::replace` makes is too large")
                .hint("it can make texts of up to 64 MiB")
                .into());
        }
        found.expand(with, &mut out);
    }
    out.push_str(&text[at..]);
    Ok(out)
}
