//! From what Rhai says to what an author reads: where it happened, in our words, with a hint.
//!
//! Rhai reports the outermost call; the innermost place is where the mistake is.

use std::sync::Arc;

use rhai::{Engine, EvalAltResult, ParseError, ParseErrorType};

use super::engine::CALL_LEVELS_MAX;
use super::error::{Fault, HostError};
use super::registry::Function;
use super::stage::OPERATIONS_MAX;
use super::value::{DEPTH_MAX, type_name};
use super::vu::Limit;
use crate::diagnostic::{Code, Diagnostic, Position, Source, suggest};
use crate::units::format_count;

/// What is known of a script, to explain its errors.
#[derive(Debug)]
pub(super) struct Context {
    /// The script.
    pub(super) source: Arc<Source>,
    /// Functions of the host modules.
    pub(super) functions: Vec<Function>,
    /// Names of the script's own functions.
    pub(super) own: Vec<String>,
    /// Variables of the top level that are no constants, so that functions don't see them.
    pub(super) variables: Vec<String>,
    /// Constants of the top level.
    pub(super) constants: Vec<String>,
}

/// Rhai's position as ours; none where Rhai knows none.
pub(super) fn position(position: rhai::Position) -> Option<Position> {
    let line = u32::try_from(position.line()?).ok()?;
    let column = u32::try_from(position.position().unwrap_or(1)).ok()?;
    Some(Position { line, column: column.max(1) })
}

impl Context {
    /// A script that doesn't compile.
    pub(super) fn parse_error(&self, error: &ParseError) -> Diagnostic {
        let text = error.err_type().to_string();
        let text = match error.err_type() {
            ParseErrorType::Reserved(word) => format!("`{word}` is a word that the language reserves"),
            _ => lower_first(&text),
        };
        let diagnostic = self.at(Diagnostic::new(Code::Script, text), position(error.position()), None);
        match error.err_type() {
            ParseErrorType::Reserved(word) => diagnostic
                .hint(format!("choose another name, or, as a key of a map, write \"{word}\" in quotes")),
            ParseErrorType::ModuleUndefined(name) => self.near_module(diagnostic, name),
            ParseErrorType::ExprTooDeep => diagnostic.hint("give parts of the expression names with `let`"),
            _ => diagnostic,
        }
    }

    /// An error of a running script. `code` is what it means in this part of the life cycle.
    pub(super) fn error(&self, engine: &Engine, error: &EvalAltResult, code: Code) -> Diagnostic {
        let (inner, place) = innermost(error);
        if let Some(host) = HostError::of(inner) {
            return self.host_error(&host, place, code);
        }
        let diagnostic = |text: String| self.at(Diagnostic::new(code, text), place, None);
        match inner {
            EvalAltResult::ErrorParsing(kind, position) => {
                self.parse_error(&ParseError(kind.clone().into(), *position))
            }
            EvalAltResult::ErrorFunctionNotFound(signature, _) => {
                self.unknown_function(engine, signature, place, code)
            }
            EvalAltResult::ErrorVariableNotFound(name, _) => self.unknown_variable(name, place, code),
            EvalAltResult::ErrorModuleNotFound(name, _) => {
                self.near_module(diagnostic(format!("there is no module `{name}`")), name)
            }
            EvalAltResult::ErrorUnboundThis(_) => diagnostic("`this` is not bound here".to_owned()).hint(
                "a helper sees the user's state when called as `this.helper()`, or through `vu::state()`",
            ),
            EvalAltResult::ErrorStackOverflow(_) => self.limit(Limit::Stack, place, code),
            EvalAltResult::ErrorRuntime(value, _) => diagnostic(thrown(value)),
            EvalAltResult::ErrorDotExpr(text, _) if !text.is_empty() => diagnostic(lower_first(text)),
            other => diagnostic(plain(other)),
        }
    }

    /// What a host function complained of.
    pub(super) fn host_error(&self, error: &HostError, place: Option<Position>, code: Code) -> Diagnostic {
        let code = match error.fault {
            Fault::Plan => Code::Plan,
            Fault::Assertion => Code::Target,
            Fault::Misuse => code,
        };
        let diagnostic = self.at(Diagnostic::new(code, error.message.clone()), place, error.word.as_deref());
        match &error.hint {
            Some(hint) => diagnostic.hint(hint.clone()),
            None => diagnostic,
        }
    }

    /// A limit of the sandbox.
    pub(super) fn limit(&self, limit: Limit, place: Option<Position>, code: Code) -> Diagnostic {
        let (message, hint) = match limit {
            Limit::Operations => (
                format!(
                    "more than {} operations without waiting for anything",
                    format_count(OPERATIONS_MAX.into())
                ),
                "does a loop never end? A request or a `sleep` within it starts the count anew".to_owned(),
            ),
            Limit::Stack => (
                format!("calls are nested too deeply (at most {CALL_LEVELS_MAX})"),
                "does a function call itself without end? Write the recursion as a loop".to_owned(),
            ),
            Limit::Nesting => (
                format!("a value is nested deeper than {DEPTH_MAX} lists or maps"),
                "does a loop put a list into itself? Append with `push`".to_owned(),
            ),
        };
        self.at(Diagnostic::new(code, message), place, None).hint(hint)
    }

    /// Where an error happened.
    pub(super) fn place(error: &EvalAltResult) -> Option<Position> {
        innermost(error).1
    }

    /// Points at `word` within the call at `place`, or at the call itself.
    fn at(&self, diagnostic: Diagnostic, place: Option<Position>, word: Option<&str>) -> Diagnostic {
        let Some(place) = place else { return diagnostic };
        let place = word.and_then(|word| find_in_call(&self.source.text, place, word)).unwrap_or(place);
        diagnostic.at(&self.source, place, "")
    }

    fn unknown_function(
        &self,
        engine: &Engine,
        signature: &str,
        place: Option<Position>,
        code: Code,
    ) -> Diagnostic {
        let name = signature.split(" (").next().unwrap_or(signature).trim();
        let place = place.map(|place| self.end_of_path(place, name));
        let known: Vec<&Function> =
            self.functions.iter().filter(|function| function.name() == name).collect();
        if !name.contains(|c: char| c.is_alphanumeric() || c == '_') {
            let text = format!("`{name}` can't be applied to ({})", types_of(signature));
            return self.at(Diagnostic::new(code, text), place, None);
        }
        let callable = self.callable(engine);
        if !known.is_empty() || callable.iter().any(|callable| callable == name) {
            let text = format!("`{name}` can't be called with ({})", types_of(signature));
            let diagnostic = self.at(Diagnostic::new(code, text), place, None);
            let forms: Vec<String> =
                known.iter().map(|function| format!("`{}`", function.signature)).collect();
            return if forms.is_empty() {
                diagnostic
            } else {
                diagnostic.hint(format!("write {}", forms.join(" or ")))
            };
        }
        let diagnostic =
            self.at(Diagnostic::new(code, format!("there is no function `{name}`")), place, None);
        let all = self.functions.iter().map(|f| f.name()).chain(callable.iter().map(String::as_str));
        did_you_mean(diagnostic, &suggest(name, all))
    }

    /// The names of all functions that can be called without a module, Rhai's own included.
    fn callable(&self, engine: &Engine) -> Vec<String> {
        let builtin = engine.collect_fn_metadata(
            None,
            |info| info.namespace.is_empty().then(|| info.metadata.name.to_string()),
            true,
        );
        let named =
            builtin.into_iter().filter(|name| name.starts_with(char::is_alphabetic) && !name.contains('$'));
        named.chain(self.own.iter().cloned()).collect()
    }

    fn unknown_variable(&self, name: &str, place: Option<Position>, code: Code) -> Diagnostic {
        let short = name.rsplit("::").next().unwrap_or(name);
        let diagnostic =
            self.at(Diagnostic::new(code, format!("there is no variable `{name}` here")), place, None);
        if self.variables.iter().any(|variable| variable == short) {
            return diagnostic.hint(format!(
                "functions don't see variables of the top level: declare `const {short} = …` and read `global::{short}`, or keep it in `this`"
            ));
        }
        if self.constants.iter().any(|constant| constant == short) {
            return diagnostic.hint(format!("a constant of the top level is read as `global::{short}`"));
        }
        let near = suggest(short, self.constants.iter().map(String::as_str));
        let near: Vec<String> = near.iter().map(|name| format!("global::{name}")).collect();
        did_you_mean(diagnostic, &near.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn near_module(&self, diagnostic: Diagnostic, name: &str) -> Diagnostic {
        let modules: std::collections::BTreeSet<&str> = self
            .functions
            .iter()
            .filter_map(|f| f.name().split_once("::"))
            .map(|(module, _)| module)
            .collect();
        let near = suggest(name, modules);
        if near.is_empty() {
            return diagnostic
                .hint("`import` comes with a later version: keep everything in one script for now");
        }
        did_you_mean(diagnostic, &near)
    }

    /// Rhai points at the last part of `http::gett`; the whole path is what is wrong.
    fn end_of_path(&self, place: Position, name: &str) -> Position {
        let Some((path, _)) = name.rsplit_once("::") else { return place };
        let line: Vec<char> = self.source.line(place.line).unwrap_or_default().chars().collect();
        let before = path.chars().count() + 2;
        let at = place.column as usize - 1;
        if at >= before
            && line
                .get(at - before..at)
                .is_some_and(|text| text.iter().collect::<String>() == format!("{path}::"))
        {
            return place;
        }
        // Rhai pointed at the module: the function's name stands behind it.
        let column = place.column + u32::try_from(before).unwrap_or(0);
        let points_at_path =
            line.get(at..).is_some_and(|rest| rest.iter().collect::<String>().starts_with(name));
        if points_at_path { Position { column, ..place } } else { place }
    }
}

fn did_you_mean(diagnostic: Diagnostic, near: &[&str]) -> Diagnostic {
    if near.is_empty() {
        return diagnostic;
    }
    let near: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
    diagnostic.hint(format!("did you mean {}?", near.join(" or ")))
}

/// The error without the calls that led to it, and the innermost place that is known.
fn innermost(error: &EvalAltResult) -> (&EvalAltResult, Option<Position>) {
    let here = position(error.position());
    match error {
        EvalAltResult::ErrorInFunctionCall(_, _, inner, _) | EvalAltResult::ErrorInModule(_, inner, _) => {
            let (inner, place) = innermost(inner);
            (inner, place.or(here))
        }
        _ => (error, here),
    }
}

/// A thrown value as a sentence.
fn thrown(value: &rhai::Dynamic) -> String {
    if value.is_string() || value.is_int() || value.is_float() || value.is_bool() {
        return value.to_string();
    }
    match super::value::to_json(value) {
        Ok(json) if !json.is_null() => json.to_string(),
        _ => format!("thrown: {}", type_name(value)),
    }
}

/// Rhai's own words, without the place.
fn plain(error: &EvalAltResult) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" (line ").map_or(text.as_str(), |(text, _)| text);
    lower_first(text)
}

/// The types of a call in Rhai's words, `name (i64, bool)`, in ours.
fn types_of(signature: &str) -> String {
    let types = signature.split_once(" (").map_or("", |(_, types)| types.strip_suffix(')').unwrap_or(types));
    types.split(", ").filter(|kind| !kind.is_empty()).map(plain_type).collect::<Vec<_>>().join(", ")
}

/// What an author calls a type of Rhai's.
fn plain_type(name: &str) -> &str {
    match name {
        "&str | ImmutableString | String" | "string" | "ImmutableString" | "&str" | "String" => "text",
        "i64" => "integer",
        "f64" => "number with a decimal point",
        "bool" => "boolean",
        "array" => "list",
        "Fn" => "closure",
        "()" => "nothing",
        other => other,
    }
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    let Some(first) = characters.next() else { return String::new() };
    if characters.clone().next().is_some_and(char::is_uppercase) {
        return text.to_owned();
    }
    first.to_lowercase().chain(characters).collect()
}

/// Where `word` stands within the call that starts at `from`: as a key, or as a text in quotes.
fn find_in_call(text: &str, from: Position, word: &str) -> Option<Position> {
    let (mut line, mut column) = (1_u32, 1_u32);
    let mut depth = 0_i32;
    let mut previous = ' ';
    let mut quote: Option<char> = None;
    let mut rest = text.chars();
    loop {
        let here = rest.as_str();
        let c = rest.next()?;
        if (line, column) >= (from.line, from.column) {
            let starts_word = !(previous.is_alphanumeric() || previous == '_');
            let ends_word = here
                .strip_prefix(word)
                .is_some_and(|after| !after.starts_with(|c: char| c.is_alphanumeric() || c == '_'));
            if starts_word && ends_word && !word.is_empty() && depth > 0 {
                // A text in quotes is marked with them when it is the whole of it.
                let quoted = quote.is_some() && previous == quote.unwrap_or(' ');
                let closes = quote.is_some_and(|quote| here[word.len()..].starts_with(quote));
                return Some(Position { line, column: if quoted && closes { column - 1 } else { column } });
            }
            match (quote, c) {
                (Some(open), c) if c == open && previous != '\\' => quote = None,
                (Some(_), _) => {}
                (None, '"' | '`') => quote = Some(c),
                (None, '(' | '{' | '[') => depth += 1,
                (None, ')' | '}' | ']') => {
                    depth -= 1;
                    if depth <= 0 {
                        return None;
                    }
                }
                _ => {}
            }
        }
        previous = c;
        if c == '\n' {
            (line, column) = (line + 1, 1);
        } else {
            column += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_within_its_call_alone() {
        let text = "scenario(\"a\", #{\n    vus: 2,\n    duraton: \"1s\",\n});\nlet vus_max = duration;\n";
        let from = Position { line: 1, column: 1 };
        assert_eq!(find_in_call(text, from, "duraton"), Some(Position { line: 3, column: 5 }));
        assert_eq!(find_in_call(text, from, "a"), Some(Position { line: 1, column: 10 }));
        assert_eq!(find_in_call(text, from, "vus_max"), None, "it stands behind the call");
        assert_eq!(find_in_call(text, from, "vu"), None, "a part of a word is no word");
        let target = "target(\"http_req{name:x}\", \"averge < 1\")";
        assert_eq!(find_in_call(target, from, "averge"), Some(Position { line: 1, column: 29 }));
    }

    #[test]
    fn rhai_s_sentences_become_ours() {
        assert_eq!(lower_first("Unknown property"), "unknown property");
        assert_eq!(lower_first("JSON is broken"), "JSON is broken");
        assert_eq!(lower_first(""), "");
    }
}
