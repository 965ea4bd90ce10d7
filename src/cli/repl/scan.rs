//! Where a text of our language stands at its end: what is open, and whether that is code at all.

/// Where the end of a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum In {
    Code,
    /// Between quotes, which end with the line.
    Text,
    /// Between backticks.
    Template,
    /// `#"…"#`, with so many `#`.
    Raw(usize),
    LineComment,
    /// Comments nest.
    BlockComment(usize),
}

/// What is open at the end of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scan {
    /// Brackets, each with the byte that it stands at, the innermost last.
    pub(super) open: Vec<(char, usize)>,
    place: In,
    is_balanced: bool,
    /// The last character of code that is no blank.
    last: char,
}

impl Scan {
    /// Looks at a text from its beginning.
    pub(super) fn of(text: &str) -> Self {
        let mut scan = Self { open: Vec::new(), place: In::Code, is_balanced: true, last: ' ' };
        // The templates around the code that stands within them.
        let mut templates = Vec::new();
        let characters: Vec<(usize, char)> = text.char_indices().collect();
        let at = |index: usize| characters.get(index).map_or('\0', |(_, c)| *c);
        let mut index = 0;
        while index < characters.len() {
            let (byte, c) = characters[index];
            let next = at(index + 1);
            let mut step = 1;
            let was_code = scan.place == In::Code;
            match scan.place {
                In::Code => match c {
                    '"' => scan.place = In::Text,
                    '`' => scan.place = In::Template,
                    '/' if next == '/' => scan.place = In::LineComment,
                    '/' if next == '*' => (scan.place, step) = (In::BlockComment(1), 2),
                    '#' if matches!(next, '#' | '"') => {
                        let marks = characters[index..].iter().take_while(|(_, c)| *c == '#').count();
                        if at(index + marks) == '"' {
                            (scan.place, step) = (In::Raw(marks), marks + 1);
                        }
                    }
                    '\'' => {
                        // A character: `'x'`, or `'\n'`.
                        let length = if next == '\\' { 4 } else { 3 };
                        if at(index + length - 1) == '\'' {
                            step = length;
                        }
                    }
                    '(' | '[' | '{' => scan.open.push((c, byte)),
                    ')' | ']' | '}' => {
                        scan.close(c);
                        if c == '}' && templates.last() == Some(&scan.open.len()) {
                            templates.pop();
                            scan.place = In::Template;
                        }
                    }
                    _ => {}
                },
                In::Text => match c {
                    '\\' => step = 2,
                    '"' | '\n' => scan.place = In::Code,
                    _ => {}
                },
                In::Template => match c {
                    '\\' => step = 2,
                    '`' => scan.place = In::Code,
                    '$' if next == '{' => {
                        templates.push(scan.open.len());
                        scan.open.push(('{', byte + 1));
                        (scan.place, step) = (In::Code, 2);
                    }
                    _ => {}
                },
                In::Raw(marks) => {
                    if c == '"' && (1..=marks).all(|mark| at(index + mark) == '#') {
                        (scan.place, step) = (In::Code, marks + 1);
                    }
                }
                In::LineComment => {
                    if c == '\n' {
                        scan.place = In::Code;
                    }
                }
                In::BlockComment(depth) => match (c, next) {
                    ('/', '*') => (scan.place, step) = (In::BlockComment(depth + 1), 2),
                    ('*', '/') if depth == 1 => (scan.place, step) = (In::Code, 2),
                    ('*', '/') => (scan.place, step) = (In::BlockComment(depth - 1), 2),
                    _ => {}
                },
            }
            index += step;
            let is_comment = matches!(scan.place, In::LineComment | In::BlockComment(_));
            if was_code && !is_comment && !c.is_whitespace() {
                scan.last = c;
            }
        }
        scan
    }

    fn close(&mut self, bracket: char) {
        let opening = match bracket {
            ')' => '(',
            ']' => '[',
            _ => '{',
        };
        self.is_balanced &= self.open.pop().is_some_and(|(open, _)| open == opening);
    }

    /// Whether more is to come: something is open, and nothing is wrong so far.
    pub(super) fn is_unfinished(&self) -> bool {
        let is_within = matches!(self.place, In::Template | In::Raw(_) | In::BlockComment(_));
        // An operator wants something behind it.
        let wants = matches!(self.last, '+' | '-' | '*' | '/' | '%' | '=' | '&' | '|' | '<' | '>');
        let is_code = matches!(self.place, In::Code | In::LineComment);
        self.is_balanced && (is_within || !self.open.is_empty() || (is_code && wants))
    }

    /// Whether what follows is code, and no text or comment.
    pub(super) fn is_code(&self) -> bool {
        self.place == In::Code
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_goes_on_while_something_is_open() {
        for text in [
            "fn f() {",
            "http::post(\"/x\", #{",
            "let a = [1,",
            "`one",
            "`one ${ f(",
            "/* a comment",
            "/* a /* b */",
            "#\"raw",
            "if x { // }",
            "f('(', ",
            "let a =",
            "1 + // more",
            "a ||\n",
            "list.map(|x| x) + |x|",
        ] {
            assert!(Scan::of(text).is_unfinished(), "{text}");
        }
    }

    #[test]
    fn an_entry_is_whole_when_all_is_closed_or_something_is_wrong() {
        for text in [
            "1 + 1",
            "fn f() { `a ${ g(1) } b` }",
            "print(\"(\")",
            "print(\"\\\"(\")",
            "x == '{'",
            "'\\n' // (",
            "/* ( */ 1",
            "##\"( \"# \"##",
            "let a = \"never closed (",
            "f(]",
            "1 // +",
            "1 /* + */",
            "\"+\"",
            "`+`",
            "f(]) +",
            ")",
            "#{ a: 1 }",
            "",
        ] {
            assert!(!Scan::of(text).is_unfinished(), "{text}");
        }
    }

    #[test]
    fn it_is_known_what_is_code() {
        assert!(Scan::of("http::get(").is_code());
        assert!(!Scan::of("http::get(\"/he").is_code());
        assert!(Scan::of("`a ${ b").is_code());
        assert!(!Scan::of("a // b").is_code());
        assert_eq!(Scan::of("f(g(1), ").open, [('(', 1)]);
    }
}
