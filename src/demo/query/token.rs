//! A query's text as tokens, each with the column at which it begins.

use super::parse::QueryError;

/// Characters that a query may have.
const LENGTH_MAX: usize = 2_000;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// A keyword, name or symbol, in upper case.
    Word(String),
    /// A number, and the unit or `%` that follows it without a space.
    Number(f64, String),
    /// `,` `:` `(` `)`
    Mark(char),
    /// `>` `>=` `<` `<=` `=` `!=`
    Compare(&'static str),
    End,
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// 1-based, in characters.
    pub(super) column: usize,
}

impl Token {
    /// How an error names it.
    pub(super) fn shown(&self) -> String {
        match &self.kind {
            Kind::Word(word) => format!("`{word}`"),
            Kind::Number(number, unit) => format!("`{number}{unit}`"),
            Kind::Mark(mark) => format!("`{mark}`"),
            Kind::Compare(operator) => format!("`{operator}`"),
            Kind::End => "the end of the query".to_owned(),
        }
    }
}

/// Splits `text`; the last token is always [`Kind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, QueryError> {
    let chars: Vec<char> = text.chars().collect();
    if chars.len() > LENGTH_MAX {
        let found = format!("{} characters", chars.len());
        return Err(QueryError::new(LENGTH_MAX + 1, format!("at most {LENGTH_MAX} characters"), found));
    }
    let run = |from: usize, belongs: fn(char) -> bool| -> usize {
        chars[from..].iter().take_while(|c| belongs(**c)).count() + from
    };
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let column = at + 1;
        let kind = match c {
            c if c.is_whitespace() => {
                at += 1;
                continue;
            }
            ',' | ':' | '(' | ')' => {
                at += 1;
                Kind::Mark(c)
            }
            '>' | '<' | '=' | '!' => {
                let wide = chars.get(at + 1) == Some(&'=');
                let operator = match (c, wide) {
                    ('>', true) => ">=",
                    ('>', false) => ">",
                    ('<', true) => "<=",
                    ('<', false) => "<",
                    ('=', _) => "=",
                    ('!', true) => "!=",
                    _ => return Err(QueryError::new(column, "`!=`", "`!`")),
                };
                at += if wide { 2 } else { 1 };
                Kind::Compare(operator)
            }
            '-' | '0'..='9' => {
                let digits = run(at + 1, |c| c.is_ascii_digit() || c == '.');
                let number: String = chars[at..digits].iter().collect();
                let end = run(digits, |c| c.is_ascii_alphabetic() || c == '%');
                let unit: String = chars[digits..end].iter().collect();
                let value = number.parse::<f64>();
                at = end;
                Kind::Number(
                    value.map_err(|_| QueryError::new(column, "a number", format!("`{number}`")))?,
                    unit,
                )
            }
            c if c.is_ascii_alphabetic() => {
                let end = run(at, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | '-'));
                let word: String = chars[at..end].iter().map(char::to_ascii_uppercase).collect();
                at = end;
                Kind::Word(word)
            }
            other => return Err(QueryError::new(column, "a word, a number or a mark", format!("`{other}`"))),
        };
        tokens.push(Token { kind, column });
    }
    tokens.push(Token { kind: Kind::End, column: chars.len() + 1 });
    Ok(tokens)
}
