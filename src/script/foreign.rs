//! Scripts that don't compile because a line of them is JavaScript or Python: what it is, and how it is
//! written here. Rhai says `;` is missing where the author wrote `function`.
//!
//! Also finds the bracket that was never closed, of which Rhai sees only the end of the script.

use crate::diagnostic::{Position, Source};

/// Something of another language in a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Foreign {
    /// Where it stands, from 1.
    pub(super) column: u32,
    pub(super) message: String,
    pub(super) hint: String,
}

/// How a pattern stands in a line.
#[derive(Clone, Copy)]
enum At {
    /// As the first word.
    Start,
    /// As a whole word, or as signs.
    Anywhere,
}

/// What is looked for, first to last; how it is written here.
const PATTERNS: &[(&str, At, &str)] = &[
    (
        "export default function",
        At::Start,
        "write `fn flow() { … }`: it runs by itself where no scenario is declared",
    ),
    (
        "export const options =",
        At::Start,
        "write `options(#{ vus: 5, duration: \"30s\" });`, or declare scenarios",
    ),
    ("export function", At::Start, "write `fn name() { … }`: functions are found by their names"),
    (
        "import",
        At::Start,
        "what is built in needs no import: `http::get(url)`, `check(…)`; a module is `import \"path\" as name;`",
    ),
    ("from", At::Start, "what is built in needs no import: `http::get(url)`, `check(…)`"),
    ("class", At::Start, "there are no classes: a flow is a function, what a user remembers is `this.name`"),
    ("def", At::Start, "a function is written `fn name() { … }`"),
    ("async def", At::Start, "a function is written `fn name() { … }`, also one that waits"),
    ("function", At::Anywhere, "a function is written `fn name() { … }`, a closure `|x| …`"),
    ("let {", At::Anywhere, "take the values one by one: `let a = map.a;`"),
    ("const {", At::Anywhere, "take the values one by one: `const A = map.a;`"),
    ("let [", At::Anywhere, "take the values one by one: `let a = list[0];`"),
    ("for (", At::Anywhere, "write `for i in 0..3 { … }`, or `for item in list { … }`"),
    ("=>", At::Anywhere, "a closure is written `|x| …`; a function `fn name() { … }`"),
    ("elif", At::Anywhere, "write `else if`"),
    ("and", At::Anywhere, "write `&&`"),
    ("or", At::Anywhere, "write `||`"),
    ("not", At::Anywhere, "write `!`: `if !done { … }`"),
    ("typeof", At::Anywhere, "write `type_of(value)`"),
    ("instanceof", At::Anywhere, "write `type_of(value) == \"map\"`"),
    ("f\"", At::Anywhere, "a text with values stands in backticks: `` `/items/${id}` ``"),
    ("= {", At::Anywhere, "a map is written `#{ name: value }`"),
    ("({", At::Anywhere, "a map is written `#{ name: value }`"),
    (", {", At::Anywhere, "a map is written `#{ name: value }`"),
    ("?", At::Anywhere, "write `if condition { one } else { other }`, also as a value"),
];

/// What of another language stands in the line that doesn't compile.
pub(super) fn foreign(line: &str) -> Option<Foreign> {
    let start = line.trim_start();
    let indent = line.chars().count() - start.chars().count();
    if start.starts_with("# ") {
        return Some(Foreign {
            column: column(indent),
            message: "`#` begins no comment".to_owned(),
            hint: "a comment is written `// …`".to_owned(),
        });
    }
    let code = without_texts(line);
    PATTERNS.iter().find_map(|(pattern, at, hint)| {
        let place = match at {
            At::Start => code.trim_start().starts_with(pattern).then_some(line.len() - start.len()),
            At::Anywhere => code.find(pattern),
        }?;
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        let begins = pattern.starts_with(is_part) && code[..place].ends_with(is_part);
        let ends = pattern.ends_with(is_part) && code[place + pattern.len()..].starts_with(is_part);
        // `?.` and `??` are ours, `=>` is, in a `switch`.
        let is_ours = match *pattern {
            "?" => code[place + 1..].starts_with(['.', '?', '[']),
            "=>" => !code[..place].trim_end().ends_with(')') && !code[..place].contains('('),
            "import" => code.trim_start()[pattern.len()..].trim_start().starts_with('"'),
            _ => false,
        };
        if begins || ends || is_ours {
            return None;
        }
        Some(Foreign {
            column: column(code[..place].chars().count()),
            message: format!("`{}` means nothing here", pattern.trim_end_matches(['"', '=']))
                .replace(" `", "`"),
            hint: (*hint).to_owned(),
        })
    })
}

fn column(characters: usize) -> u32 {
    u32::try_from(characters + 1).unwrap_or(u32::MAX)
}

/// The line with the insides of its texts and its comment blank; what is left keeps its place.
fn without_texts(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut quote: Option<char> = None;
    let mut previous = ' ';
    for (at, c) in line.char_indices() {
        match quote {
            None if line[at..].starts_with("//") => {
                out.push_str(&" ".repeat(line.len() - at));
                break;
            }
            None => {
                quote = matches!(c, '"' | '`').then_some(c);
                out.push(c);
            }
            Some(open) => {
                let closes = c == open && previous != '\\';
                quote = if closes { None } else { quote };
                // Blanks as long as what they stand for: places are in bytes.
                out.push_str(&if closes { c.to_string() } else { " ".repeat(c.len_utf8()) });
            }
        }
        previous = c;
    }
    out
}

/// The bracket that is never closed: by the indentation of what closes others, else the innermost.
pub(super) fn unclosed(source: &Source) -> Option<(char, Position)> {
    let mut open: Vec<(char, Position, usize)> = Vec::new();
    for (text, number) in source.text.lines().zip(1_u32..) {
        let code = without_texts(text);
        let indent = code.len() - code.trim_start().len();
        for (at, c) in code.char_indices() {
            match c {
                '{' | '(' | '[' => {
                    let place = Position { line: number, column: column(code[..at].chars().count()) };
                    open.push((c, place, indent));
                }
                '}' | ')' | ']' => {
                    let (opening, place, outer) = open.pop()?;
                    if at == indent && indent < outer {
                        return Some((opening, place));
                    }
                }
                _ => {}
            }
        }
    }
    open.pop().map(|(opening, place, _)| (opening, place))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(line: &str) -> Option<String> {
        foreign(line).map(|foreign| foreign.hint)
    }

    #[test]
    fn other_languages_are_known_by_a_line() {
        for (line, says) in [
            ("function price() {", "`fn name() { … }`"),
            ("const price = () => {", "`|x| …`"),
            ("    list.map((x) => x + 1)", "`|x| …`"),
            ("import http from \"k6/http\";", "needs no import"),
            ("let n = ok ? 1 : 2;", "`if condition"),
            ("if a and b {", "`&&`"),
            ("http::get(f\"/x/{y}\")", "backticks"),
            ("# a comment", "`// …`"),
            ("const options = { vus: 5 };", "`#{ name: value }`"),
        ] {
            let hint = hint(line).unwrap_or_else(|| panic!("{line}"));
            assert!(hint.contains(says), "{line}: {hint}");
        }
    }

    #[test]
    fn our_own_language_is_not_foreign() {
        for line in [
            "let text = \"function and or not\"; // function",
            "let order = land + notes;",
            "switch x { 1 => 2 }",
            "let a = b?.c ?? d;",
            "import \"std/auth\" as auth;",
            "scenario(\"a\", #{ vus: 1 });",
        ] {
            assert_eq!(foreign(line), None, "{line}");
        }
    }

    #[test]
    fn the_unclosed_bracket_is_told_by_indentation() {
        let of = |text: &str| unclosed(&Source { name: "a".into(), text: text.into() });
        let place = |line, column| Position { line, column };
        assert_eq!(of("fn f() {\n    if a {\n        b();\n}\n"), Some(('{', place(2, 10))));
        assert_eq!(of("f(#{ a: 1 }"), Some(('(', place(1, 2))));
        assert_eq!(of("f(\"{\")"), None);
    }
}
