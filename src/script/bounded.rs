//! Functions of Rhai's texts that make much of little, with a limit before they do the work.
//!
//! Rhai looks at sizes once a function has returned: `replace` of a thousand letters by a long text would
//! take the machine's memory first. What grows by a constant factor is left to Rhai.

use rhai::{Array, Dynamic, Engine, EvalAltResult, INT, ImmutableString, Position};

use super::engine::{LIST_ITEMS_MAX, TEXT_BYTES_MAX};

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// Puts them in place of Rhai's.
pub(super) fn register(engine: &mut Engine) {
    engine
        .register_fn("replace", |text: &mut ImmutableString, old: &str, new: &str| replace(text, old, new))
        .register_fn("replace", |text: &mut ImmutableString, old: char, new: &str| {
            replace(text, old.encode_utf8(&mut [0; 4]), new)
        })
        .register_fn("split", |text: &mut ImmutableString| split(text.split_whitespace()))
        .register_fn("split", |text: &mut ImmutableString, at: &str| split(text.split(at)))
        .register_fn("split", |text: &mut ImmutableString, at: char| split(text.split(at)))
        .register_fn("split", |text: &mut ImmutableString, at: &str, parts: INT| {
            split(text.splitn(count(parts), at))
        })
        .register_fn("split", |text: &mut ImmutableString, at: char, parts: INT| {
            split(text.splitn(count(parts), at))
        })
        .register_fn("split_rev", |text: &mut ImmutableString, at: &str| split(text.rsplit(at)))
        .register_fn("split_rev", |text: &mut ImmutableString, at: char| split(text.rsplit(at)))
        .register_fn("split_rev", |text: &mut ImmutableString, at: &str, parts: INT| {
            split(text.rsplitn(count(parts), at))
        })
        .register_fn("split_rev", |text: &mut ImmutableString, at: char, parts: INT| {
            split(text.rsplitn(count(parts), at))
        });
}

fn replace(text: &mut ImmutableString, old: &str, new: &str) -> Outcome<()> {
    let matches = text.matches(old).count();
    if matches == 0 {
        return Ok(());
    }
    if text.len().saturating_add(matches.saturating_mul(new.len())) > TEXT_BYTES_MAX {
        return Err(too_large("Length of string").into());
    }
    *text = text.replace(old, new).into();
    Ok(())
}

/// The parts as a list.
fn split<'t>(parts: impl Iterator<Item = &'t str>) -> Outcome<Array> {
    let mut list = Array::new();
    for part in parts {
        if list.len() == LIST_ITEMS_MAX {
            return Err(too_large("Size of array/BLOB").into());
        }
        list.push(Dynamic::from(ImmutableString::from(part)));
    }
    Ok(list)
}

/// Rhai's own takes less than one for one.
fn count(parts: INT) -> usize {
    usize::try_from(parts).unwrap_or(0).max(1)
}

fn too_large(what: &str) -> EvalAltResult {
    EvalAltResult::ErrorDataTooLarge(what.to_owned(), Position::NONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of a script in an engine of ours, and in Rhai's own.
    fn both(script: &str) -> [String; 2] {
        [super::super::engine::engine(), Engine::new()]
            .map(|engine| format!("{:?}", engine.eval::<Dynamic>(script).map_err(|error| error.to_string())))
    }

    #[test]
    fn what_they_give_is_what_rhai_gives() {
        for script in [
            "let s = \"a b a\"; s.replace(\"a\", \"xy\"); s",
            "let s = \"a b a\"; s.replace('a', \"\"); s",
            "let s = \"ab\"; s.replace(\"\", \"-\"); s",
            "let s = \"ab\"; s.replace(\"c\", \"-\"); s",
            "let s = \"ab\"; s.replace('a', 'b'); s",
            "\" a  b \".split()",
            "\"a,b,,c\".split(\",\")",
            "\"a,b,c\".split(',')",
            "\"a,b,c\".split(\",\", 2)",
            "\"a,b,c\".split(',', -1)",
            "\"a,b,c\".split_rev(\",\")",
            "\"a,b,c\".split_rev(',', 2)",
            "\"abc\".split(\"\")",
            "\"abc\".split(1)",
        ] {
            let [ours, theirs] = both(script);
            assert_eq!(ours, theirs, "{script}");
        }
    }

    #[test]
    fn what_would_take_all_memory_is_refused_before_it_does() {
        let engine = super::super::engine::engine();
        for script in [
            "let s = \"a\"; s.pad(1_000_000, \"a\"); let t = s + \"\"; s.replace(\"a\", t);",
            "let s = \"a\"; s.pad(1_000_000, \"a\"); let t = s + \"\"; s.replace('a', t);",
            "let s = \"a\"; s.pad(2_000_000, \"a\"); s.split(\"a\")",
            "let s = \"a\"; s.pad(2_000_000, \"a\"); s.split_rev('a')",
        ] {
            let error = engine.eval::<Dynamic>(script).expect_err(script);
            assert!(matches!(*error, EvalAltResult::ErrorDataTooLarge(..)), "{script}: {error}");
        }
    }
}
