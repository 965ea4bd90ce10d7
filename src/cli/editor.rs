//! What editors need to know of the language, made from the registry: a `TextMate` grammar (colours) and
//! snippets (completion). Both are JSON; docs/editors holds copies that a test compares.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::script::{Function, Kind};

/// Words of Rhai that steer what runs.
const CONTROL: &str = "if|else|switch|do|while|until|loop|for|in|continue|break|return|throw|try|catch";
/// Words of Rhai that declare or bind.
const DECLARE: &str = "let|const|fn|import|export|as|private|global";
/// Words that Rhai reserves, marked so that an author sees why they don't work.
const RESERVED: &str = "var|static|shared|goto|match|case|default|void|null|nil|new|use|with|is|module|package|super|spawn|thread|go|sync|async|await|yield|exit|public|protected";

/// A grammar for `.rhai` files that knows our modules, functions and properties.
pub(super) fn grammar(functions: &[Function]) -> Value {
    let of = |kind: Kind| functions.iter().filter(move |function| function.kind == kind);
    let last = |function: &Function| {
        let name = function.name();
        name.rsplit([':', '.']).next().unwrap_or(name)
    };
    let modules = words(of(Kind::Function).filter_map(Function::module));
    let in_modules = words(of(Kind::Function).filter(|function| function.module().is_some()).map(last));
    let alone = words(of(Kind::Function).filter(|function| function.module().is_none()).map(last));
    let methods = words(of(Kind::Method).map(last));
    let properties = words(of(Kind::Property).map(last));
    let escapes = json!([{ "name": "constant.character.escape.rhai", "match": r#"\\(?:[\\"'`trn0]|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8})"# }]);
    json!({
        "$schema": "https://raw.githubusercontent.com/martinring/tmlanguage/master/tmlanguage.json",
        "name": "Rhai (runner)",
        "scopeName": "source.rhai",
        "fileTypes": ["rhai"],
        "patterns": [{ "include": "#code" }],
        "repository": {
            "code": { "patterns": [
                { "include": "#comments" }, { "include": "#texts" }, { "include": "#numbers" },
                { "include": "#words" }, { "include": "#functions" }, { "include": "#operators" }
            ] },
            "comments": { "patterns": [
                { "name": "comment.line.documentation.rhai", "match": r"//[/!].*$" },
                { "name": "comment.line.double-slash.rhai", "match": r"//.*$" },
                { "include": "#block" }
            ] },
            "block": {
                "name": "comment.block.rhai", "begin": r"/\*", "end": r"\*/", "patterns": [{ "include": "#block" }]
            },
            "texts": { "patterns": [
                { "name": "string.quoted.double.rhai", "begin": "\"", "end": "\"", "patterns": escapes },
                { "name": "string.quoted.single.rhai", "match": r"'(?:[^'\\]|\\.[0-9A-Fa-f]*)'" },
                {
                    "name": "string.interpolated.rhai", "begin": "`", "end": "`",
                    "patterns": [{
                        "name": "meta.embedded.rhai", "begin": r"\$\{", "end": r"\}",
                        "beginCaptures": { "0": { "name": "punctuation.section.embedded.begin.rhai" } },
                        "endCaptures": { "0": { "name": "punctuation.section.embedded.end.rhai" } },
                        "patterns": [{ "include": "#braces" }, { "include": "#code" }]
                    }]
                }
            ] },
            "braces": { "begin": r"\{", "end": r"\}", "patterns": [{ "include": "#braces" }, { "include": "#code" }] },
            "numbers": { "patterns": [
                { "name": "constant.numeric.rhai", "match": r"\b(?:0x[0-9A-Fa-f_]+|0o[0-7_]+|0b[01_]+)\b" },
                { "name": "constant.numeric.rhai", "match": r"\b[0-9][0-9_]*(?:\.[0-9][0-9_]*)?(?:[eE][+-]?[0-9]+)?\b" }
            ] },
            "words": { "patterns": [
                { "name": "keyword.control.rhai", "match": format!(r"\b(?:{CONTROL})\b") },
                { "name": "storage.type.rhai", "match": format!(r"\b(?:{DECLARE})\b") },
                { "name": "constant.language.rhai", "match": r"\b(?:true|false)\b|\(\)" },
                { "name": "variable.language.this.rhai", "match": r"\bthis\b" },
                { "name": "invalid.illegal.reserved.rhai", "match": format!(r"\b(?:{RESERVED})\b(?!\s*[:(])") }
            ] },
            "functions": { "patterns": [
                {
                    "match": format!(r"\b({modules})(::)({in_modules})?\b"),
                    "captures": {
                        "1": { "name": "entity.name.namespace.rhai" },
                        "2": { "name": "punctuation.separator.namespace.rhai" },
                        "3": { "name": "support.function.rhai" }
                    }
                },
                { "name": "support.function.rhai", "match": format!(r"(?<![.:\w])(?:{alone})(?=\s*\()") },
                { "match": format!(r"(\??\.)({methods})(?=\s*\()"), "captures": { "2": { "name": "support.function.method.rhai" } } },
                { "match": format!(r"(\??\.)({properties})\b(?!\s*\()"), "captures": { "2": { "name": "support.variable.property.rhai" } } },
                { "name": "entity.name.function.rhai", "match": r"\b[A-Za-z_]\w*(?=\s*\()" },
                { "name": "variable.other.constant.rhai", "match": r"\b[A-Z][A-Z0-9_]+\b" }
            ] },
            "operators": { "name": "keyword.operator.rhai", "match": r"#\{|\?\?=?|\?[.\[]|\.\.=?|[-+*/%&|^<>=!~]+" }
        }
    })
}

fn words<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<&str> = names.collect::<BTreeSet<_>>().into_iter().collect();
    // The longest first: an alternation takes what matches first.
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    names.join("|")
}

/// Snippets by signature: what is typed, what is put in, what it does.
pub(super) fn snippets(functions: &[Function]) -> Value {
    let snippets = functions.iter().map(|function| {
        // Of a method or property the value before the dot is there already.
        let name = function.name();
        let word =
            if function.kind == Kind::Function { name } else { name.rsplit('.').next().unwrap_or(name) };
        let places: Vec<String> = (function.parameters.iter().enumerate())
            .map(|(index, parameter)| {
                format!("${{{}:{}}}", index + 1, placeholder(parameter.name, &parameter.takes))
            })
            .collect();
        let body = if function.kind == Kind::Property {
            word.to_owned()
        } else {
            format!("{word}({})", places.join(", "))
        };
        let about = format!("{}\n{}", function.about, function.typed());
        (
            function.signature.to_owned(),
            json!({ "scope": "rhai", "prefix": word, "body": body, "description": about }),
        )
    });
    Value::Object(snippets.collect())
}

/// What stands in a placeholder: its name in the form of what it takes. `}` ends a placeholder: escaped.
fn placeholder(name: &str, takes: &str) -> String {
    match takes {
        "text" => format!("\"{name}\""),
        "map" => "#{ \\}".to_owned(),
        "list" => format!("[{name}]"),
        "closure" => "|| { \\}".to_owned(),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;
    use crate::script::functions;

    #[test]
    fn the_grammar_marks_every_function() {
        let grammar = grammar(&functions());
        let patterns = grammar["repository"]["functions"]["patterns"].as_array().unwrap();
        // Ours has no look-around, which editors' engines have: what stands in it is left out here.
        let plain = |index: usize| {
            let text = patterns[index]["match"].as_str().unwrap();
            let text = text.replace(r"(?<![.:\w])", "").replace(r"(?=\s*\()", "").replace(r"(?!\s*\()", "");
            Regex::new(&format!("^(?:{text})$")).unwrap()
        };
        let [module, alone, method, property] = [plain(0), plain(1), plain(2), plain(3)];
        for function in functions() {
            let name = function.name();
            let dotted = name.split_once('.').map_or(String::new(), |(_, last)| format!(".{last}"));
            let is_marked = match (function.kind, function.module()) {
                (Kind::Function, Some(_)) => module.is_match(name),
                (Kind::Function, None) => alone.is_match(name),
                (Kind::Method, _) => method.is_match(&dotted),
                (Kind::Property, _) => property.is_match(&dotted),
            };
            assert!(is_marked, "{name}");
        }
        assert!(!module.is_match("http::gett"));
    }

    #[test]
    fn every_included_rule_exists() {
        let grammar = grammar(&functions());
        let text = grammar.to_string();
        let includes = Regex::new(r##""include":"#(\w+)""##).unwrap();
        let mut count = 0;
        for found in includes.captures_iter(&text) {
            assert!(!grammar["repository"][&found[1]].is_null(), "{}", &found[1]);
            count += 1;
        }
        assert!(count > 8, "{count}");
    }

    #[test]
    fn a_snippet_has_a_place_for_each_parameter() {
        let snippets = snippets(&functions());
        for function in functions() {
            let snippet = &snippets[function.signature];
            let body = snippet["body"].as_str().unwrap();
            assert_eq!(body.matches("${").count(), function.arity(), "{body}");
            assert!(snippet["description"].as_str().unwrap().contains(function.about));
        }
        assert_eq!(snippets["url::encode(text)"]["body"], "url::encode(${1:\"text\"})");
        assert_eq!(snippets["response.status"]["body"], "status");
    }
}
