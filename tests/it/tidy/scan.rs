//! Reads Rust source just far enough for tidy's rules: what is code, what is comment, which items
//! exist only for tests, and which rooms a file names.
//!
//! Every view keeps the source's lines, so that a finding can say where it is. No parser crate: the
//! rules need words and braces, not a syntax tree.

/// A source in two views of the same shape; what a view leaves out is blank.
pub(super) struct Source {
    /// Without comments, and without what stands inside strings and character literals.
    pub(super) code: String,
    /// Comments only.
    pub(super) comments: String,
}

/// Splits a source into its code and its comments.
pub(super) fn split(text: &str) -> Source {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut comments = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let rest = &chars[at..];
        let before = at.checked_sub(1).map_or(' ', |index| chars[index]);
        let (length, kind) = token(rest, before);
        for &c in &rest[..length] {
            let blank = if c == '\n' { '\n' } else { ' ' };
            code.push(if kind == Token::Code { c } else { blank });
            comments.push(if kind == Token::Comment { c } else { blank });
        }
        at += length;
    }
    Source { code, comments }
}

#[derive(Clone, Copy, PartialEq)]
enum Token {
    Code,
    Comment,
    Literal,
}

/// Length and kind of what `rest` begins with; code comes one character at a time.
fn token(rest: &[char], before: char) -> (usize, Token) {
    match rest {
        ['/', '/', ..] => (until(rest, 2, |c| c == '\n'), Token::Comment),
        ['/', '*', ..] => (block_comment(rest), Token::Comment),
        ['"', ..] => (string(rest), Token::Literal),
        ['\'', ..] => character(rest).map_or((1, Token::Code), |length| (length, Token::Literal)),
        ['r', '"' | '#', ..] if !is_word(before) || before == 'b' || before == 'c' => {
            raw_string(rest).map_or((1, Token::Code), |length| (length, Token::Literal))
        }
        _ => (1, Token::Code),
    }
}

fn until(rest: &[char], from: usize, stop: impl Fn(char) -> bool) -> usize {
    rest.iter().skip(from).position(|&c| stop(c)).map_or(rest.len(), |index| from + index)
}

fn block_comment(rest: &[char]) -> usize {
    let (mut at, mut depth) = (2, 1);
    while at < rest.len() && depth > 0 {
        match (rest[at], rest.get(at + 1)) {
            ('/', Some('*')) => (at, depth) = (at + 2, depth + 1),
            ('*', Some('/')) => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
    }
    at
}

fn string(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// `r"…"` or `r#"…"#`; `r#word` is a name.
fn raw_string(rest: &[char]) -> Option<usize> {
    let hashes = rest[1..].iter().take_while(|&&c| c == '#').count();
    if rest.get(1 + hashes) != Some(&'"') {
        return None;
    }
    let body = 2 + hashes;
    let end = (body..rest.len()).find(|&at| {
        rest[at] == '"' && rest[at + 1..].iter().take(hashes).filter(|&&c| c == '#').count() == hashes
    });
    Some(end.map_or(rest.len(), |at| at + 1 + hashes))
}

/// `'x'` or `'\n'`; `'a` is a lifetime.
fn character(rest: &[char]) -> Option<usize> {
    match rest {
        [_, '\\', _, ..] => Some((until(rest, 3, |c| c == '\'') + 1).min(rest.len())),
        [_, _, '\'', ..] => Some(3),
        _ => None,
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The words of a code view with their place; a path's `::` and braces count as words of their own.
fn words(code: &str) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(c) = code[at..].chars().next() {
        let rest = &code[at..];
        let length = if is_word(c) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            c.len_utf8()
        };
        if !c.is_whitespace() {
            words.push((at, &rest[..length]));
        }
        at += length;
    }
    words
}

/// The line of a place, from 1.
fn line_of(text: &str, at: usize) -> usize {
    1 + text[..at].matches('\n').count()
}

/// Lines on which `word` stands as a whole word, or, with a trailing `!`, is called as a macro.
pub(super) fn lines_with(code: &str, word: &str) -> Vec<usize> {
    let all = words(code);
    let (name, bang) = word.strip_suffix('!').map_or((word, false), |name| (name, true));
    let found = all.iter().enumerate().filter(|(index, (_, text))| {
        *text == name && (!bang || all.get(index + 1).is_some_and(|(_, next)| *next == "!"))
    });
    found.map(|(_, (at, _))| line_of(code, *at)).collect()
}

/// Blanks every item under `#[cfg(test)]`, and says how many lines that was.
pub(super) fn without_tests(code: &str) -> (String, usize) {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let all = words(code);
    let mut out = code.to_owned();
    let mut lines = 0;
    let mut index = 0;
    while index < all.len() {
        let marked = all[index..].iter().take(MARK.len()).map(|(_, text)| *text).eq(MARK);
        if !marked {
            index += 1;
            continue;
        }
        let end = item_end(&all, index + MARK.len());
        let (from, to) = (all[index].0, all[end].0 + all[end].1.len());
        lines += 1 + code[from..to].matches('\n').count();
        let blank: String = code[from..to]
            .chars()
            .flat_map(|c| std::iter::repeat_n(if c == '\n' { '\n' } else { ' ' }, c.len_utf8()))
            .collect();
        out.replace_range(from..to, &blank);
        index = end + 1;
    }
    (out, lines)
}

/// The index of an item's last word: its `;`, or the brace that closes its body.
fn item_end(all: &[(usize, &str)], from: usize) -> usize {
    let (mut braces, mut others) = (0_i32, 0_i32);
    for (index, (_, text)) in all.iter().enumerate().skip(from) {
        match *text {
            "(" | "[" => others += 1,
            ")" | "]" => others -= 1,
            "{" => braces += 1,
            "}" => {
                braces -= 1;
                // `use a::{b, c};` closes a brace too, and ends at its semicolon.
                let semicolon = all.get(index + 1).is_some_and(|(_, next)| *next == ";");
                if braces == 0 && others == 0 && !semicolon {
                    return index;
                }
            }
            ";" if braces == 0 && others == 0 => return index,
            _ => {}
        }
    }
    all.len() - 1
}

/// The rooms that a code view names, by `crate::room`, `crate::{room, …}`, or enough `super::`s to
/// reach the root; with the line. `depth` is how many modules lie between the file and the root.
pub(super) fn rooms_named(code: &str, depth: usize) -> Vec<(String, usize)> {
    let all = words(code);
    let text = |index: usize| all.get(index).map_or("", |(_, text)| *text);
    let mut found = Vec::new();
    let mut index = 0;
    while index < all.len() {
        let mut next = index;
        if text(index) == "crate" {
            next = index + 1;
        } else if text(index) == "super" {
            let mut supers = 1;
            while text(index + 2 * supers - 1) == "::" && text(index + 2 * supers) == "super" {
                supers += 1;
            }
            // Inside an inline module one more `super` is due; reading it as the root errs on the strict side
            // only when the word after it happens to be a room's name.
            next = index + 2 * supers - 1;
            if supers < depth {
                index = next;
                continue;
            }
        }
        if next == index || text(next) != "::" {
            index += 1;
            continue;
        }
        index = next + 1;
        if text(index) != "{" {
            found.push((text(index).to_owned(), line_of(code, all[index.min(all.len() - 1)].0)));
            continue;
        }
        let mut braces = 0;
        while index < all.len() {
            match text(index) {
                "{" => braces += 1,
                "}" => braces -= 1,
                _ => {}
            }
            if braces == 0 {
                break;
            }
            let starts = matches!(text(index), "{" | ",") && braces == 1;
            if starts && text(index + 1).starts_with(is_word) {
                found.push((text(index + 1).to_owned(), line_of(code, all[index + 1].0)));
            }
            index += 1;
        }
    }
    found
}

#[test]
fn comments_and_strings_are_not_code() {
    let source = split(concat!(
        "use a; // crate::one\n",
        "/* crate::two /* nested */ still */ let s = \"crate::three \\\" \";\n",
        "let r = r#\"crate::four \" \"#; let c = '\"'; let n = '\\''; fn f<'a>(x: &'a str) {}\n",
        "let b = b\"crate::five\"; let rb = br\"\\\"; done();\n",
    ));
    assert!(!source.code.contains("crate::"), "{}", source.code);
    assert!(source.code.contains("fn f<'a>(x: &'a str) {}") && source.code.contains("done();"));
    assert!(source.comments.contains("crate::one") && source.comments.contains("still */"));
    assert!(!source.comments.contains("three"));
    assert_eq!(source.code.lines().count(), 4);
}

#[test]
fn every_way_to_name_a_room_is_seen() {
    let named = |text: &str, depth| -> Vec<(String, usize)> { rooms_named(&split(text).code, depth) };
    let one = |room: &str, line| vec![(room.to_owned(), line)];
    assert_eq!(named("use crate::plan::Plan;", 2), one("plan", 1));
    assert_eq!(named("\nfn f() -> crate::plan::Plan { x }", 2), one("plan", 2));
    assert_eq!(named("pub(crate) fn f() {}", 2), []);
    assert_eq!(named("use super::super::plan;", 2), one("plan", 1));
    assert_eq!(named("use super::sibling;", 2), []);
    assert_eq!(named("use super::plan;", 1), one("plan", 1));
    assert_eq!(named("macro_rules! m { () => { $crate::plan::x() } }", 2), one("plan", 1));
    let group = named("use crate::{\n  http::{Client, pool},\n  plan,\n};", 2);
    assert_eq!(group, [("http".to_owned(), 2), ("plan".to_owned(), 3)]);
}

#[test]
fn what_is_for_tests_only_is_left_out() {
    let text = "use crate::a;\n#[cfg(test)]\nmod tests {\n    use crate::b;\n    fn f() { if x { } }\n}\nuse crate::c;\n\
                #[cfg(test)]\nuse crate::{d, e};\n#[cfg(test)]\nmod more;\n#[cfg(test)]\nfn g(x: [u8; 2]) {}\nuse crate::f;\n";
    let (code, lines) = without_tests(&split(text).code);
    let rooms: Vec<String> = rooms_named(&code, 2).into_iter().map(|(room, _)| room).collect();
    assert_eq!(rooms, ["a", "c", "f"]);
    assert_eq!(lines, 11);
}

#[test]
fn words_are_whole_words() {
    assert_eq!(lines_with("unsafe_code();\nunsafe { x }", "unsafe"), [2]);
    assert_eq!(lines_with("todo();\ntodo!()", "todo!"), [2]);
}
