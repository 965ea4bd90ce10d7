//! What Rhai found while a script ran, in our words, with what to do where that is known.

use rhai::EvalAltResult;

use super::kinds::{a, plain_type};
use super::later;
use super::syntax::{counted, in_backticks, lower_first};
use super::value::type_name;

/// The hint where a value is of another type than its author thought.
pub(super) const WHAT_IS_IT: &str = "look at what the value is: `print(type_of(value))`";

/// A thrown value as a sentence.
pub(super) fn thrown(value: &rhai::Dynamic) -> String {
    if value.is_string() || value.is_int() || value.is_float() || value.is_bool() {
        return value.to_string();
    }
    match super::value::to_json(value) {
        Ok(json) if !json.is_null() => json.to_string(),
        _ => format!("thrown: {}", type_name(value)),
    }
}

/// What Rhai found while running, in our words, with what to do where that is known.
pub(super) fn plain(error: &EvalAltResult) -> (String, Option<String>) {
    let outside = |what: &str, items: &str, length: usize, index: i64| {
        let text = format!("index {index} is outside this {what} of {}", counted(length, items));
        (text, Some("look at `.len()` first".to_owned()))
    };
    match error {
        // Rhai: "Unknown property 'x' - a getter is not registered for type 'y'".
        EvalAltResult::ErrorDotExpr(text, _) if text.contains("roperty '") => {
            let mut quoted = text.split('\'').skip(1).step_by(2);
            let name = quoted.next().unwrap_or_default();
            let kind = plain_type(quoted.next().unwrap_or_default());
            if let Some((text, hint)) = later::property(kind, name) {
                return (text, Some(hint));
            }
            let kind = a(kind);
            let hint = match kind.as_str() {
                "nothing" => {
                    format!("where it may be missing write `?.{name}`, and `?? otherwise` for a default")
                }
                _ => WHAT_IS_IT.to_owned(),
            };
            (format!("there is no property `{name}`: the value is {kind}"), Some(hint))
        }
        EvalAltResult::ErrorArithmetic(text, _) => {
            let hint = if text.contains("by zero") {
                "look at the divisor first: `if total > 0 { … }`"
            } else if text.contains("arsing") {
                "look at the text first, or catch the error: `try { … } catch { … }`"
            } else {
                "whole numbers end at 9,223,372,036,854,775,807: calculate with `to_float()`"
            };
            (in_backticks(&lower_first(text)), Some(hint.to_owned()))
        }
        EvalAltResult::ErrorArrayBounds(length, index, _) => outside("list", "item", *length, *index),
        EvalAltResult::ErrorStringBounds(length, index, _) => outside("text", "character", *length, *index),
        EvalAltResult::ErrorFor(_) => (
            "`for` can't walk over this value".to_owned(),
            Some(
                "it takes a list, a range such as `0..10`, a text's `.chars()`, or a map's `.keys()`"
                    .to_owned(),
            ),
        ),
        EvalAltResult::ErrorMismatchDataType(wanted, got, _)
        | EvalAltResult::ErrorMismatchOutputType(wanted, got, _)
            if !wanted.is_empty() && !got.is_empty() =>
        {
            let text = format!("{} is needed here, not {}", a(plain_type(wanted)), a(plain_type(got)));
            (text, Some(WHAT_IS_IT.to_owned()))
        }
        EvalAltResult::ErrorAssignmentToConstant(name, _) => (
            format!("the constant `{name}` can't be changed"),
            Some(format!("declare it with `let {name} = …` if it should change")),
        ),
        EvalAltResult::ErrorNonPureMethodCallOnConstant(name, _) => {
            let text = if name.contains('$') {
                "a constant can't be changed".to_owned()
            } else {
                format!("`{name}` would change a constant")
            };
            (text, Some("copy it first: `let copy = global::NAME.copy();`".to_owned()))
        }
        EvalAltResult::ErrorIndexingType(kind, _) => {
            let kind = kind.split([' ', '[']).next().unwrap_or(kind);
            (
                format!("there is nothing to look up in {} by `[…]`", a(plain_type(kind))),
                Some(WHAT_IS_IT.to_owned()),
            )
        }
        EvalAltResult::ErrorPropertyNotFound(name, _) => {
            (format!("there is no property `{name}`"), Some(WHAT_IS_IT.to_owned()))
        }
        EvalAltResult::ErrorDataTooLarge(kind, _) => (
            format!(
                "{} is too large",
                lower_first(kind)
                    .replace("length of string", "a text")
                    .replace("size of array/BLOB", "a list")
                    .replace("size of array", "a list")
                    .replace("size of object map", "a map")
                    .replace("size of BLOB", "a list of bytes")
            ),
            Some("does a loop append without end?".to_owned()),
        ),
        EvalAltResult::ErrorTooManyVariables(_) => (
            "there are too many variables at once".to_owned(),
            Some("put them into a list or a map".to_owned()),
        ),
        EvalAltResult::ErrorDataRace(name, _) => (
            in_backticks(&format!("'{name}' is used while it is being changed")),
            Some("copy the value first: `let copy = value;`".to_owned()),
        ),
        other => {
            let text = other.to_string();
            // Rhai appends the place, which stands elsewhere.
            let text = text.rsplit_once(" (line ").map_or(text.as_str(), |(text, _)| text);
            (in_backticks(&lower_first(text)), None)
        }
    }
}
