//! From what Rhai says to what an author reads: where it happened, in our words, with a hint.
//!
//! Rhai reports the outermost call; the innermost place is where the mistake is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rhai::{Engine, EvalAltResult, ParseError};

use super::elsewhere;
use super::engine::CALL_LEVELS_MAX;
use super::error::{Fault, HostError};
use super::foreign::{foreign, unclosed};
use super::kinds::{a, listed, types_of};
use super::later;
use super::link::Imports;
use super::names::{self, Arities, Known, Unknown};
use super::place::{end_of_path, find_in_call, position};
use super::registry::Function;
use super::stage::OPERATIONS_MAX;
use super::syntax::{counted, explain, keyword_as_key, shortened};
use super::value::DEPTH_MAX;
use super::vu::Limit;
use super::wording::{WHAT_IS_IT, plain, thrown};
use crate::diagnostic::{Code, Diagnostic, Position, Source, suggest};
use crate::units::format_count;

/// What is known of a script, to explain its errors.
#[derive(Debug)]
pub(super) struct Context {
    /// The script.
    pub(super) source: Arc<Source>,
    /// Functions of the host modules.
    pub(super) functions: Vec<Function>,
    /// The same, each with the numbers of arguments that it takes, answers to mistakes included.
    pub(super) host: Arities,
    /// The script's own functions.
    pub(super) own: Arities,
    /// Variables of the top level that are no constants, so that functions don't see them.
    pub(super) variables: Vec<String>,
    /// Constants of the top level.
    pub(super) constants: Vec<String>,
    /// The module's name; empty for the script itself.
    pub(super) module: String,
    /// What the file imports.
    pub(super) imports: Imports,
    /// Of the script: the modules, in the order of their loading; they count as files from 1.
    pub(super) modules: Vec<Context>,
    /// Of the script: the modules' closures and their files.
    pub(super) closures: BTreeMap<String, usize>,
}

impl Context {
    /// A script that doesn't compile.
    pub(super) fn parse_error(&self, error: &ParseError) -> Diagnostic {
        let mut place = position(error.position());
        let line = place.and_then(|place| self.source.line(place.line));
        let rest: Option<String> = place
            .zip(line)
            .map(|(place, line)| line.chars().skip(place.column.saturating_sub(1) as usize).collect());
        let as_key = rest.and_then(|rest| keyword_as_key(error.err_type(), &rest));
        let (message, hint) = as_key.unwrap_or_else(|| explain(error.err_type()));
        // What is wrong at a place stands there or before it.
        if let (Some(found), Some(at)) = (line.and_then(foreign), &mut place)
            && found.column <= at.column
        {
            at.column = found.column;
            return self.at(Diagnostic::new(Code::Script, found.message), place, None).hint(found.hint);
        }
        let is_end = line.is_none_or(|line| line.trim().is_empty());
        if let Some((bracket, open)) = unclosed(&self.source).filter(|_| is_end) {
            let message = format!("this `{bracket}` is never closed");
            return Diagnostic::new(Code::Script, message)
                .at(&self.source, open, "")
                .hint("write what closes it where its contents end");
        }
        self.at(Diagnostic::new(Code::Script, message), place, None).hint(hint)
    }

    /// The names in the script that nothing answers to, by place.
    pub(super) fn misspelt(&self, engine: &Engine, ast: &rhai::AST) -> Vec<Diagnostic> {
        let known =
            Known { host: &self.host, own: &self.own, constants: &self.constants, imports: &self.imports };
        let unknown = names::unknown_names(engine, ast, &known).into_iter();
        unknown
            .map(|(unknown, place)| self.unknown(engine, &unknown, position(place), Code::Script))
            .collect()
    }

    fn unknown(&self, engine: &Engine, unknown: &Unknown, place: Option<Position>, code: Code) -> Diagnostic {
        match unknown {
            Unknown::Module(name) => self.unknown_module(name, place, code),
            Unknown::Variable(name) => self.unknown_variable(name, place, code),
            Unknown::Function(name) => {
                let place = place.map(|place| end_of_path(&self.source, place, name));
                if let Some((text, hint)) = later::function(name) {
                    return self.at(Diagnostic::new(code, text), place, None).hint(hint);
                }
                let text = format!("there is no function `{name}`");
                let diagnostic = self.at(Diagnostic::new(code, text), place, None);
                self.near_function(engine, diagnostic, name)
            }
            Unknown::Arguments { name, given, takes } => {
                let place = place.map(|place| end_of_path(&self.source, place, name));
                // Forms that only answer a mistake are no forms to name.
                let forms = self.functions.iter().filter(|function| function.name() == name);
                let forms: BTreeSet<usize> = forms.map(Function::arity).collect();
                let takes = if forms.is_empty() { takes } else { &forms };
                let takes: Vec<String> = takes.iter().map(ToString::to_string).collect();
                let text = format!("`{name}` takes {} arguments, not {given}", takes.join(" or "));
                let text =
                    text.replace(" 1 arguments", " 1 argument").replace(" 0 arguments", " no arguments");
                self.forms(self.at(Diagnostic::new(code, text), place, None), name, None)
            }
        }
    }

    /// An error of a running script. `code` is what it means in this part of the life cycle.
    pub(super) fn error(&self, engine: &Engine, error: &EvalAltResult, code: Code) -> Diagnostic {
        self.error_in(0, engine, error, code)
    }

    /// The same, of a file's top level.
    pub(super) fn error_in(
        &self,
        file: usize,
        engine: &Engine,
        error: &EvalAltResult,
        code: Code,
    ) -> Diagnostic {
        let (file, place) = self.spot(error, file);
        self.of(file).explained(engine, error.unwrap_inner(), place, code)
    }

    fn explained(
        &self,
        engine: &Engine,
        inner: &EvalAltResult,
        place: Option<Position>,
        code: Code,
    ) -> Diagnostic {
        if let Some(host) = HostError::of(inner) {
            return self.host_error(&host, place, code);
        }
        let diagnostic = |text: String| self.at(Diagnostic::new(code, text), place, None);
        match inner {
            EvalAltResult::ErrorParsing(kind, position) => {
                self.parse_error(&ParseError(kind.clone().into(), *position))
            }
            EvalAltResult::ErrorFunctionNotFound(signature, _) => {
                self.unknown_function(engine, &self.plain_names(signature), place, code)
            }
            EvalAltResult::ErrorVariableNotFound(name, _) => {
                self.unknown_variable(&self.plain_names(name), place, code)
            }
            EvalAltResult::ErrorModuleNotFound(name, _) => {
                self.unknown_module(&self.plain_names(name), place, code)
            }
            EvalAltResult::ErrorUnboundThis(_) => diagnostic("`this` is not bound here".to_owned()).hint(
                "a helper sees the user's state when called as `this.helper()`, or through `vu::state()`",
            ),
            EvalAltResult::ErrorStackOverflow(_) => self.limit(Limit::Stack, place, code),
            EvalAltResult::ErrorRuntime(value, _) => diagnostic(thrown(value)),
            other => {
                let (text, hint) = plain(other);
                match hint {
                    Some(hint) => diagnostic(text).hint(hint),
                    None => diagnostic(text),
                }
            }
        }
    }

    /// What a host function complained of.
    pub(super) fn host_error(&self, error: &HostError, place: Option<Position>, code: Code) -> Diagnostic {
        let code = match error.fault {
            Fault::Plan => Code::Plan,
            Fault::Assertion => Code::Target,
            Fault::Misuse => code,
        };
        let message = shortened(&error.message);
        let diagnostic = self.at(Diagnostic::new(code, message), place, error.word.as_deref());
        match &error.hint {
            Some(hint) => diagnostic.hint(hint.clone()),
            // An option may have a function's name; its error is of the plan.
            None if matches!(error.fault, Fault::Plan) => diagnostic,
            None => match takes_what(&error.message).filter(|name| self.lists(name)) {
                Some(name) => self.forms(diagnostic, name, None),
                None => diagnostic,
            },
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

    /// Points at `word` within the call at `place`, or at the call itself.
    fn at(&self, diagnostic: Diagnostic, place: Option<Position>, word: Option<&str>) -> Diagnostic {
        let Some(mut place) = place else { return diagnostic };
        // Of `value.name` Rhai points at the dot.
        let line = self.source.line(place.line).unwrap_or_default();
        let dots =
            line.chars().skip(place.column as usize - 1).take_while(|c| matches!(c, '?' | '.')).count();
        if matches!(dots, 1 | 2) {
            place.column += u32::from(dots == 1) + 2 * u32::from(dots == 2);
        }
        let place = word.and_then(|word| find_in_call(&self.source.text, place, word)).unwrap_or(place);
        diagnostic.at(&self.source, place, "")
    }

    /// No function takes such arguments. `signature` is Rhai's: `name (i64, bool)`.
    fn unknown_function(
        &self,
        engine: &Engine,
        signature: &str,
        place: Option<Position>,
        code: Code,
    ) -> Diagnostic {
        let name = signature.split(" (").next().unwrap_or(signature).trim();
        let types = types_of(signature);
        let diagnostic = |text: String, place| self.at(Diagnostic::new(code, text), place, None);
        if !name.contains(|c: char| c.is_alphanumeric() || c == '_') {
            return match types.as_slice() {
                ["nothing", _] | [_, "nothing"] => {
                    diagnostic(format!("`{name}` can't be applied to {}", listed(&types)), place).hint(
                        "is a field missing? Look with `print(value)`, or give a default: `(map.price ?? 0)`",
                    )
                }
                [left, right] => {
                    diagnostic(format!("`{name}` can't be applied to {} and {}", a(left), a(right)), place)
                        .hint("convert one of them: `text.parse_int()`, `number.to_string()`")
                }
                _ => diagnostic(format!("`{name}` can't be applied to {}", listed(&types)), place)
                    .hint(WHAT_IS_IT),
            };
        }
        if name.contains('$') {
            return diagnostic(format!("the closure can't take {}", listed(&types)), place)
                .hint("count its parameters: `|a, b| …` takes two");
        }
        let place = place.map(|place| end_of_path(&self.source, place, name));
        let native = names::native(engine);
        if self.host.contains_key(name) || self.own.contains_key(name) || native.contains_key(name) {
            // A method of one of our types takes its value as the first argument.
            let method = types.split_first().map(|(owner, rest)| (format!("{owner}.{name}"), rest));
            if let Some((method, rest)) = method.filter(|(method, _)| self.lists(method)) {
                let text = format!("`{method}` can't take {}", listed(rest));
                return self.forms(diagnostic(text, place), &method, Some(rest.len()));
            }
            let text = format!("`{name}` can't take {}", listed(&types));
            return self.forms(diagnostic(text, place), name, Some(types.len()));
        }
        self.unknown(engine, &Unknown::Function(name.to_owned()), place, code)
    }

    /// Says how a function is called; with so many arguments, where it can be.
    fn forms(&self, diagnostic: Diagnostic, name: &str, given: Option<usize>) -> Diagnostic {
        let known = self.functions.iter().filter(|function| function.name() == name);
        let fit = known.clone().filter(|function| given == Some(function.arity()));
        let fit: Vec<_> = if fit.clone().count() > 0 { fit.collect() } else { known.collect() };
        let forms: Vec<String> = fit.iter().map(|function| format!("`{}`", function.typed())).collect();
        if !forms.is_empty() {
            return diagnostic.hint(format!("write {}", forms.join(" or ")));
        }
        if let Some(forms) = self.imports.forms.get(name) {
            let forms: Vec<String> = forms.iter().map(|form| format!("`{form}`")).collect();
            return diagnostic.hint(format!("write {}", forms.join(" or ")));
        }
        match self.own.get(name) {
            Some(takes) => {
                let takes: Vec<String> = takes.iter().map(|count| counted(*count, "parameter")).collect();
                diagnostic.hint(format!("the script's function `{name}` has {}", takes.join(" or ")))
            }
            None => diagnostic.hint(WHAT_IS_IT),
        }
    }

    fn lists(&self, name: &str) -> bool {
        self.functions.iter().any(|function| function.name() == name)
    }

    fn near_function(&self, engine: &Engine, diagnostic: Diagnostic, name: &str) -> Diagnostic {
        // A function of a module is found by its last name as well: `get` is `http::get`.
        let of_modules: Vec<&str> = (self.host.keys().map(String::as_str))
            .filter(|host| host.rsplit_once("::").is_some_and(|(_, last)| last == name))
            .collect();
        if !of_modules.is_empty() {
            return did_you_mean(diagnostic, &of_modules).expect("there are some");
        }
        let native = names::native(engine);
        let all = self.host.keys().chain(self.own.keys()).chain(native.keys());
        let near = suggest(name, all.map(String::as_str).filter(|name| !name.contains('$')));
        did_you_mean(diagnostic, &near).unwrap_or_else(|diagnostic| {
            diagnostic.hint(match name.split_once("::") {
                Some((module, _)) => format!("`{module}` has {}", self.functions_of(module)),
                None => "`runner` knows no such function, and the script has none of that name".to_owned(),
            })
        })
    }

    pub(super) fn functions_of(&self, module: &str) -> String {
        let prefix = format!("{module}::");
        let names = self.host.keys().filter(|name| name.starts_with(&prefix));
        names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    }

    fn unknown_variable(&self, name: &str, place: Option<Position>, code: Code) -> Diagnostic {
        let short = name.rsplit("::").next().unwrap_or(name);
        // Of `global::NAME` Rhai points at the path or the name, as it comes: the name is what counts.
        let place = place.map(|place| end_of_path(&self.source, place, name));
        let diagnostic =
            self.at(Diagnostic::new(code, format!("there is no variable `{name}` here")), place, None);
        if let Some((alias, _)) = name.split_once("::").filter(|(alias, _)| self.has_module(alias)) {
            return self.unknown_constant(diagnostic, alias, name);
        }
        if self.variables.iter().any(|variable| variable == short) {
            return diagnostic.hint(format!(
                "functions don't see variables of the top level: declare `const {short} = …` and read `global::{short}`, or keep it in `this`"
            ));
        }
        if short == name && self.constants.iter().any(|constant| constant == short) {
            return diagnostic.hint(format!("a constant of the top level is read as `global::{short}`"));
        }
        if self.has_module(name) {
            return diagnostic.hint(format!(
                "`{name}` is a module: write `{name}::…` for `{name}.…`; it has {}",
                self.functions_of(name)
            ));
        }
        if let Some(hint) = elsewhere::hint(name, &self.rest_of_line(place)) {
            return diagnostic.hint(hint);
        }
        let near = suggest(short, self.constants.iter().map(String::as_str));
        let near: Vec<String> = near.iter().map(|name| format!("global::{name}")).collect();
        did_you_mean(diagnostic, &near.iter().map(String::as_str).collect::<Vec<_>>())
            .unwrap_or_else(|diagnostic| diagnostic.hint(format!("declare it first: `let {short} = …;`")))
    }

    fn unknown_module(&self, name: &str, place: Option<Position>, code: Code) -> Diagnostic {
        if name == "global" {
            let text = "`global::…` can't be read before the module's top level has ended";
            return self
                .at(Diagnostic::new(code, text), place, None)
                .hint("pass the value to the function: `fn table(size) { … }`, `const T = table(SIZE);`");
        }
        if let Some((text, hint)) = later::module(name) {
            return self.at(Diagnostic::new(code, text), place, None).hint(hint);
        }
        let text = format!("there is no module `{name}`");
        let diagnostic = self.at(Diagnostic::new(code, text), place, None);
        if let Some(hint) = elsewhere::hint(name, &self.rest_of_line(place)) {
            return diagnostic.hint(hint);
        }
        let modules = self.modules();
        let near = suggest(name, modules.iter().copied());
        did_you_mean(diagnostic, &near).unwrap_or_else(|diagnostic| {
            diagnostic.hint(format!("the modules are `{}`", modules.join("`, `")))
        })
    }

    /// The source from a place to the end of its line.
    fn rest_of_line(&self, place: Option<Position>) -> String {
        let Some(place) = place else { return String::new() };
        let line = self.source.line(place.line).unwrap_or_default();
        line.chars().skip(place.column.saturating_sub(1) as usize).collect()
    }

    fn has_module(&self, name: &str) -> bool {
        self.modules().contains(&name)
    }

    fn modules(&self) -> Vec<&str> {
        let mut modules: Vec<&str> =
            self.host.keys().filter_map(|name| name.split_once("::")).map(|(module, _)| module).collect();
        modules.dedup();
        modules
    }
}

/// The function of a message such as "`crypto::md5` takes a text or bytes, not an integer".
fn takes_what(message: &str) -> Option<&str> {
    let (name, rest) = message.strip_prefix('`')?.split_once('`')?;
    rest.starts_with(" takes ").then_some(name)
}

/// The diagnostic with the names near the one that is wrong; as it was without any.
pub(super) fn did_you_mean(diagnostic: Diagnostic, near: &[&str]) -> Result<Diagnostic, Diagnostic> {
    if near.is_empty() {
        return Err(diagnostic);
    }
    let near: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
    Ok(diagnostic.hint(format!("did you mean {}?", near.join(" or "))))
}
