//! Where in a script something stands: from what Rhai points at to the word that is wrong.

use crate::diagnostic::{Position, Source};

/// Rhai's position as ours; none where Rhai knows none.
pub(super) fn position(position: rhai::Position) -> Option<Position> {
    let line = u32::try_from(position.line()?).ok()?;
    let column = u32::try_from(position.position().unwrap_or(1)).ok()?;
    Some(Position { line, column: column.max(1) })
}

/// Rhai points at the first or the last part of `http::gett`; what is wrong is the last.
pub(super) fn end_of_path(source: &Source, place: Position, name: &str) -> Position {
    let Some((path, _)) = name.rsplit_once("::") else { return place };
    let at = place.column.saturating_sub(1) as usize;
    let here: Vec<char> = source.line(place.line).unwrap_or_default().chars().skip(at).collect();
    let points_at_path = here.starts_with(&name.chars().collect::<Vec<_>>());
    let before = u32::try_from(path.chars().count() + 2).unwrap_or(0);
    if points_at_path { Position { column: place.column + before, ..place } } else { place }
}

/// Where `word` stands within the call that starts at `from`: as a key, or as a text in quotes.
pub(super) fn find_in_call(text: &str, from: Position, word: &str) -> Option<Position> {
    let (mut line, mut column) = (1_u32, 1_u32);
    let mut depth = 0_i32;
    let mut previous = ' ';
    let mut quote: Option<char> = None;
    let mut comment: Option<&str> = None;
    let mut rest = text.chars();
    // A part of a text does only where the word is neither a key nor the whole of a text.
    let mut part = None;
    loop {
        let here = rest.as_str();
        let Some(c) = rest.next() else { return part };
        // What a comment says is no part of the call.
        match comment {
            Some(end) if here.starts_with(end) => comment = None,
            None if quote.is_none() && here.starts_with("//") => comment = Some("\n"),
            None if quote.is_none() && here.starts_with("/*") => comment = Some("*/"),
            _ => {}
        }
        if comment.is_none() && (line, column) >= (from.line, from.column) {
            let starts_word = !(previous.is_alphanumeric() || previous == '_');
            let ends_word = here
                .strip_prefix(word)
                .is_some_and(|after| !after.starts_with(|c: char| c.is_alphanumeric() || c == '_'));
            if starts_word && ends_word && !word.is_empty() && depth > 0 {
                // A text in quotes is marked with them when it is the whole of it.
                let quoted = quote.is_some() && previous == quote.unwrap_or(' ');
                let closes = quote.is_some_and(|quote| here[word.len()..].starts_with(quote));
                if quote.is_none() || quoted && closes {
                    return Some(Position { line, column: column - u32::from(quoted && closes) });
                }
                part = part.or(Some(Position { line, column }));
            }
            match (quote, c) {
                (Some(open), c) if c == open && previous != '\\' => quote = None,
                (None, '"' | '`') => quote = Some(c),
                (None, '(' | '{' | '[') => depth += 1,
                (None, ')' | '}' | ']') => {
                    depth -= 1;
                    if depth <= 0 {
                        return part;
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
        let noted = "scenario(\"a\", #{ // vus (in \"all\n    /* vus */ vus: 2 });";
        assert_eq!(find_in_call(noted, from, "vus"), Some(Position { line: 2, column: 15 }));
        let within = "scenario(\"a\", #{ executor: \"constant-vus\", vus: 0 })";
        assert_eq!(find_in_call(within, from, "vus"), Some(Position { line: 1, column: 44 }), "the key");
        let target = "target(\"http_req{name:x}\", \"averge < 1\")";
        assert_eq!(find_in_call(target, from, "averge"), Some(Position { line: 1, column: 29 }));
    }
}
