//! Scripts that don't compile: what Rhai's parser says, in our words, with what to write instead; and the
//! words themselves, of types and numbers.

use rhai::{LexError, ParseErrorType};

/// Words that Rhai reserves without using them, and what an author of another language wants by them.
const WORDS: [(&str, &str); 14] = [
    ("var", "write `let`"),
    ("null", "nothing is written `()`"),
    ("nil", "nothing is written `()`"),
    ("void", "nothing is written `()`"),
    ("async", "leave it out: functions that wait look like any other"),
    ("await", "leave it out: functions that wait look like any other"),
    ("match", "write `switch`"),
    ("case", "write `switch value { 1 => …, _ => … }`"),
    ("default", "the last case of a `switch` is written `_ => …`"),
    ("new", "there are no classes: write `counter(\"name\")` for a metric"),
    ("static", "write `const`"),
    ("eval", "write what it should run as a function"),
    ("throw", "the option of runs and requests is called `throws`"),
    ("exit", "write `fail(reason)` to end the iteration, `abort(reason)` to end the run"),
];

/// Symbols of other languages.
const SYMBOLS: [(&str, &str); 9] = [
    ("=", "compare with `==`; a variable is declared by `let name = …;`"),
    ("===", "write `==`"),
    ("!==", "write `!=`"),
    ("++", "write `+= 1`"),
    ("--", "write `-= 1`"),
    ("=>", "a closure is written `|x| …`"),
    ("->", "a function doesn't say what it returns"),
    ("#", "a map is written `#{ name: value }`"),
    (":=", "write `=`"),
];

/// What is wrong, and what to do about it.
pub(super) fn explain(error: &ParseErrorType) -> (String, String) {
    let said = |message: &str, hint: &str| (message.to_owned(), hint.to_owned());
    match error {
        ParseErrorType::Reserved(word) => reserved(word),
        ParseErrorType::UnknownOperator(symbol) => {
            (format!("`{symbol}` is no operator"), symbol_hint(symbol))
        }
        ParseErrorType::BadInput(LexError::ImproperSymbol(symbol, _)) => {
            (format!("`{symbol}` has no meaning here"), symbol_hint(symbol))
        }
        ParseErrorType::BadInput(LexError::UnexpectedInput(text)) => {
            (format!("`{text}` has no meaning here"), symbol_hint(text))
        }
        ParseErrorType::BadInput(LexError::UnterminatedString) => {
            said("a text has no closing quote", "write `\"…\"` on one line, or `…` in backticks for several")
        }
        ParseErrorType::BadInput(LexError::MalformedChar(text)) => {
            (format!("`'{text}'` is no character"), "a text stands in double quotes: `\"…\"`".to_owned())
        }
        ParseErrorType::BadInput(LexError::MalformedEscapeSequence(text)) => {
            (format!("`{text}` is no escape"), "a backslash itself is written `\\\\`".to_owned())
        }
        ParseErrorType::BadInput(LexError::MalformedNumber(text)) => {
            (format!("`{text}` is no number"), "a duration is a text: `\"30s\"`".to_owned())
        }
        ParseErrorType::UnexpectedEOF => {
            said("the script ends in the middle", "a `}`, `)` or `]` is missing somewhere above")
        }
        ParseErrorType::MissingToken(token, why) => missing(token, why),
        ParseErrorType::DuplicatedProperty(name) => {
            (format!("the map has the key `{name}` twice"), "keep one of them".to_owned())
        }
        ParseErrorType::FnDuplicatedDefinition(name, parameters) => (
            format!("there are two functions `{name}` with {}", counted(*parameters, "parameter")),
            "give one of them another name".to_owned(),
        ),
        ParseErrorType::FnDuplicatedParam(name, parameter) => {
            (format!("`{name}` has the parameter `{parameter}` twice"), "rename one of them".to_owned())
        }
        ParseErrorType::FnMissingBody(name) if !name.is_empty() => {
            (format!("the function `{name}` has no body"), format!("write `fn {name}() {{ … }}`"))
        }
        ParseErrorType::FnMissingParams(name) => {
            (format!("the function `{name}` has no parentheses"), format!("write `fn {name}() {{ … }}`"))
        }
        ParseErrorType::WrongFnDefinition => said(
            "a function stands within another block",
            "functions stand at the top level; within one, a closure does: `let f = |x| …;`, called by `f.call(1)`",
        ),
        ParseErrorType::AssignmentToConstant(name) => (
            format!("the constant `{name}` can't be changed"),
            format!("declare it with `let {name} = …` if it should change"),
        ),
        ParseErrorType::AssignmentToInvalidLHS(_) => said(
            "nothing can be assigned to this expression",
            "give it a name first: `let state = vu::state(); state.count = 1;`; compare with `==`",
        ),
        ParseErrorType::LoopBreak => said(
            "`break` and `continue` stand in no loop",
            "a closure is no loop: `return` ends it, and `for item in list { … }` can be left",
        ),
        ParseErrorType::ExprTooDeep => {
            said("an expression is nested too deeply", "give parts of it names with `let`")
        }
        ParseErrorType::TooManyFunctions => {
            said("the script has too many functions", "split it into several scripts")
        }
        ParseErrorType::VariableExpected => said("the name of a variable is missing", "write `let name = …`"),
        ParseErrorType::PropertyExpected => {
            said("a name is missing behind the dot or in the map", "write `map.name`, or `#{ name: value }`")
        }
        ParseErrorType::MismatchedType(wanted, got) => (
            format!("{} is needed here, not {}", plain_kind(wanted), plain_kind(got)),
            if wanted.contains("iterable") {
                "`for` takes a list, or a range such as `0..10`".to_owned()
            } else {
                "compare, or convert: `text.parse_int()`, `number.to_string()`".to_owned()
            },
        ),
        other => (
            in_backticks(&lower_first(&other.to_string())).replace("expecting", "expected"),
            "look at what stands just before this place, too".to_owned(),
        ),
    }
}

/// A keyword as a key of a map, `rest` being the line from what is wrong on: Rhai misses the map's end there.
pub(super) fn keyword_as_key(error: &ParseErrorType, rest: &str) -> Option<(String, String)> {
    let ParseErrorType::MissingToken(token, why) = error else { return None };
    let (word, behind) = rest.split_at(rest.find(|c: char| !c.is_alphanumeric() && c != '_')?);
    let is_key = !word.is_empty() && behind.trim_start().starts_with(':');
    (token == "}" && why.contains("object map") && is_key).then(|| reserved(word))
}

fn reserved(word: &str) -> (String, String) {
    if !word.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        return (format!("`{word}` has no meaning here"), symbol_hint(word));
    }
    let hint = WORDS.iter().find(|(known, _)| *known == word);
    let hint = hint.map_or_else(
        || format!("choose another name, or, as a key of a map, write \"{word}\" in quotes"),
        |(_, hint)| format!("{hint}; as a key of a map it stands in quotes: \"{word}\""),
    );
    (format!("`{word}` is a word that the language reserves"), hint)
}

fn symbol_hint(symbol: &str) -> String {
    let known = SYMBOLS.iter().find(|(known, _)| *known == symbol);
    known.map_or_else(|| "take it out, or write it within a text".to_owned(), |(_, hint)| (*hint).to_owned())
}

fn missing(token: &str, why: &str) -> (String, String) {
    // Rhai says what for: "to terminate this statement", "to separate the items of this array literal".
    let why = why
        .replace("object map literal", "map")
        .replace("array literal", "list")
        .replace("terminate this statement", "end the statement before it");
    let why = in_backticks(&why).replace("to function call", "of");
    if token == "," {
        return (
            format!("`,` or a closing bracket is missing here, {why}"),
            "write `,` before this, or close what stands above".to_owned(),
        );
    }
    (format!("`{token}` is missing here, {why}"), format!("write `{token}` before this"))
}

/// Rhai's words for a kind of expression, with its article, in ours.
fn plain_kind(kind: &str) -> String {
    kind.replace("a boolean expression", "true or false")
        .replace("an array", "a list")
        .replace("an object map", "a map")
        .replace("a string", "a text")
        .replace("an iterable value", "a list or a range")
}

/// `1 argument`, `2 arguments`, `no arguments`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    match count {
        0 => format!("no {noun}s"),
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

/// Rhai quotes code as `'x'`.
pub(super) fn in_backticks(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\'') {
        // An apostrophe within a word opens nothing.
        let opens = !before.ends_with(char::is_alphanumeric);
        match after.split_once('\'') {
            Some((code, behind)) if opens && !code.is_empty() => {
                out.extend([before, "`", code, "`"]);
                rest = behind;
            }
            _ => {
                out.extend([before, "'"]);
                rest = after;
            }
        }
    }
    out + rest
}

/// A message that quotes a huge text is cut in its middle.
pub(super) fn shortened(message: &str) -> String {
    const CHARACTERS_MAX: usize = 500;
    const KEPT: usize = 200;
    let count = message.chars().count();
    if count <= CHARACTERS_MAX {
        return message.to_owned();
    }
    let first = message.chars().take(KEPT);
    first.chain(" … ".chars()).chain(message.chars().skip(count - KEPT)).collect()
}

/// Our messages begin in lower case, except with a word in capitals.
pub(super) fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    let Some(first) = characters.next() else { return String::new() };
    if characters.clone().next().is_some_and(char::is_uppercase) {
        return text.to_owned();
    }
    first.to_lowercase().chain(characters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rhai_s_sentences_become_ours() {
        assert_eq!(lower_first("Unknown property"), "unknown property");
        assert_eq!(lower_first("JSON is broken"), "JSON is broken");
        assert_eq!(lower_first(""), "");
        assert_eq!(in_backticks("can't say 'x' nor 'y z'"), "can't say `x` nor `y z`");
        assert_eq!(in_backticks("it's 'open"), "it's 'open");
    }

    #[test]
    fn every_syntax_error_says_what_to_do_and_quotes_as_we_do() {
        let engine = super::super::engine::engine();
        for script in [
            "let x = ",
            "let x = 1 let y",
            "fn f( { }",
            "fn f",
            "fn f()",
            "let a = [1 2];",
            "let a = #{ a 1 };",
            "let a = #{ a: 1, a: 2 };",
            "a === b",
            "i++;",
            "let a = 'abc';",
            "let a = \"abc",
            "5s",
            "var x = 1;",
            "let go = 1;",
            "break;",
            "const A = 1; A = 2;",
            "fn f() { fn g() {} }",
            "let a = (x) => 1;",
            "x.;",
            "let = 5;",
            "if x { 1",
            "fn f(a, a) {}",
            "fn f() {} fn f() {}",
            "let a = @;",
            "let a = \"\\q\";",
            "switch 1 { _ => 1, 2 => 3 }",
            "let a = { x: 1 };",
            "for x { }",
            "function f() { 1 }",
            "return => 1",
            "eval(\"1\");",
        ] {
            let error = engine.compile(script).map(|_| ()).expect_err(script);
            let (message, hint) = explain(error.err_type());
            let own = message.replace("`'abc'`", "");
            assert!(!own.contains('\'') || own.contains("n't"), "{script}: {message}");
            assert!(!message.is_empty() && !hint.is_empty(), "{script}");
            assert!(message.starts_with(|c: char| c.is_lowercase() || c == '`'), "{script}: {message}");
            assert!(!message.contains("Expecting") && !message.contains("object map"), "{script}: {message}");
        }
    }
}
