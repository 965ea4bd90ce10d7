//! What a module's names become when it is linked into a script.
//!
//! Rhai knows one set of functions, of constants and of aliases while a flow runs, whoever calls whom.
//! So each module gets names of its own, given while it is parsed: its functions (`f` becomes
//! `__m3__f`), its constants (`global::X` becomes `lib/a.rhai/global::X`) and its imports (the alias
//! becomes the module's name). A script can't write such names itself, and sees none of them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use rhai::{Engine, Token};

use super::engine::ours;
use crate::diagnostic::Source;

/// In front of the number of a module, in the names of its functions.
const MARK: &str = "__m";

/// The namespace of a module's constants.
pub(super) fn constants_of(module: &str) -> String {
    format!("{module}/global")
}

/// A module's function as the interpreter knows it. `file` counts modules from 1.
pub(super) fn marked(file: usize, name: &str) -> String {
    format!("{MARK}{file}__{name}")
}

/// The module and the name that an author gave, of a marked name.
pub(super) fn unmarked(name: &str) -> Option<(usize, &str)> {
    let (file, name) = name.strip_prefix(MARK)?.split_once("__")?;
    Some((file.parse().ok()?, name))
}

/// The text with every marked name in it as its author wrote it.
pub(super) fn without_marks(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(MARK) {
        let (before, here) = rest.split_at(at);
        out.push_str(before);
        let digits = here[MARK.len()..].bytes().take_while(u8::is_ascii_digit).count();
        let behind = &here[MARK.len() + digits..];
        rest = match behind.strip_prefix("__") {
            Some(name) if digits > 0 => name,
            _ => {
                out.push_str(MARK);
                &here[MARK.len()..]
            }
        };
    }
    out + rest
}

/// How the names of the file that is being parsed change.
#[derive(Debug)]
pub(super) struct Names {
    file: usize,
    functions: BTreeSet<String>,
    /// From what stands in front of `::` to what takes its place.
    spaces: BTreeMap<String, String>,
    lines: Vec<Vec<char>>,
    before: Before,
    in_import: bool,
}

/// What the token before this one says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Other,
    /// `.` or `?.`: a property or a method.
    Dot,
    /// `::`: a member of a module.
    Path,
    /// `as`.
    As,
    /// `Fn`, which takes the name of a function as a text.
    Pointer,
    /// `Fn(`.
    PointerName,
}

impl Names {
    /// For a module that has these functions and that imports under these aliases.
    pub(super) fn new(
        file: usize,
        module: &str,
        source: &Source,
        functions: BTreeSet<String>,
        aliases: &BTreeMap<String, String>,
    ) -> Self {
        let mut spaces = aliases.clone();
        spaces.insert("global".to_owned(), constants_of(module));
        let lines = source.text.lines().map(|line| line.chars().collect()).collect();
        Self { file, functions, spaces, lines, before: Before::Other, in_import: false }
    }

    fn renamed(&mut self, token: Token, position: rhai::Position) -> Token {
        let before = self.before;
        self.before = match &token {
            Token::Period | Token::Elvis => Before::Dot,
            Token::DoubleColon => Before::Path,
            Token::As => Before::As,
            Token::LeftParen if before == Before::Pointer => Before::PointerName,
            Token::Identifier(word) | Token::Reserved(word) if word.as_str() == "Fn" => Before::Pointer,
            _ => Before::Other,
        };
        match &token {
            Token::Import => self.in_import = true,
            Token::SemiColon => self.in_import = false,
            Token::StringConstant(name)
                if before == Before::PointerName && self.functions.contains(name.as_str()) =>
            {
                return Token::StringConstant(Box::new(marked(self.file, name).into()));
            }
            Token::Identifier(name) => {
                if let Some(new) = self.new_name(name, before, position) {
                    return Token::Identifier(Box::new(new.into()));
                }
            }
            _ => {}
        }
        token
    }

    fn new_name(&self, name: &str, before: Before, position: rhai::Position) -> Option<String> {
        let behind = self.behind(name, position);
        if behind.starts_with(&[':', ':']) || (before == Before::As && self.in_import) {
            return if before == Before::Path { None } else { self.spaces.get(name).cloned() };
        }
        let is_function = match before {
            Before::Path | Before::As => false,
            Before::Dot => behind.first() == Some(&'('),
            // `#{ name: …` is a key.
            _ => behind.first() != Some(&':'),
        };
        (is_function && self.functions.contains(name)).then(|| marked(self.file, name))
    }

    /// What stands behind a name in its line.
    fn behind(&self, name: &str, position: rhai::Position) -> &[char] {
        let place = position.line().zip(position.position());
        let rest = place.and_then(|(line, column)| {
            self.lines.get(line.checked_sub(1)?)?.get(column.checked_sub(1)? + name.chars().count()..)
        });
        let rest = rest.unwrap_or_default();
        let spaces = rest.iter().take_while(|c| c.is_whitespace()).count();
        &rest[spaces..]
    }
}

/// The names that hold while a file is parsed; none for the script itself.
#[derive(Debug, Default)]
pub(super) struct Renaming(RefCell<Option<Names>>);

impl Renaming {
    /// Makes an engine rename what it parses.
    pub(super) fn install(engine: &mut Engine) -> Rc<Self> {
        let renaming = Rc::new(Self::default());
        let names = Rc::clone(&renaming);
        #[expect(deprecated, reason = "not deprecated but marked as volatile: a change would not compile")]
        engine.on_parse_token(move |token, position, _| {
            let token = ours(token);
            match &mut *names.0.borrow_mut() {
                Some(names) => names.renamed(token, position),
                None => token,
            }
        });
        renaming
    }

    /// Parses something by other names.
    pub(super) fn with<R>(&self, names: Names, parse: impl FnOnce() -> R) -> R {
        self.0.replace(Some(names));
        let result = parse();
        self.0.replace(None);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_come_off_again() {
        assert_eq!(unmarked(&marked(12, "spike")), Some((12, "spike")));
        assert_eq!(unmarked("spike"), None);
        assert_eq!(without_marks("f(__m3__ask (i64), __m12__x) __mx __m4"), "f(ask (i64), x) __mx __m4");
    }
}
