//! Which series are meant: `metric{tag:value, tag2!:value2}`, k6's form with negation and quotes. All
//! conditions must hold. A tag that a series doesn't have equals nothing and differs from everything.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{SelectorError, TagSet};

/// One condition of a selector.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Matcher {
    /// The tag.
    pub tag: String,
    /// Its value; never empty.
    pub value: String,
    /// Whether the value must differ.
    pub negated: bool,
}

impl Matcher {
    /// Whether the condition holds.
    pub fn matches(&self, tags: &TagSet) -> bool {
        (tags.get(&self.tag) == Some(&*self.value)) != self.negated
    }
}

/// A metric and conditions on its tags.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Selector {
    /// The metric's name.
    pub metric: String,
    /// All must hold.
    pub matchers: Vec<Matcher>,
}

impl Selector {
    /// All series of a metric.
    pub fn all(metric: &str) -> Self {
        Self { metric: metric.to_owned(), matchers: Vec::new() }
    }

    /// Reads `metric{tag:value,…}`.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        Reader { rest: text.chars().collect(), at: 0 }.selector()
    }

    /// Whether a series is meant.
    pub fn matches(&self, metric: &str, tags: &TagSet) -> bool {
        self.metric == metric && self.matches_tags(tags)
    }

    /// Whether the conditions on tags hold.
    pub fn matches_tags(&self, tags: &TagSet) -> bool {
        self.matchers.iter().all(|matcher| matcher.matches(tags))
    }
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        Self::parse(text)
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.metric)?;
        for (index, matcher) in self.matchers.iter().enumerate() {
            f.write_str(if index == 0 { "{" } else { "," })?;
            write!(f, "{matcher}")?;
        }
        f.write_str(if self.matchers.is_empty() { "" } else { "}" })
    }
}

/// `tag:value`, quoted where it must be.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.tag, if self.negated { "!:" } else { ":" })?;
        let plain = self.value.trim() == self.value && !self.value.contains([',', '{', '}', '"', '\'', '\\']);
        if plain {
            return f.write_str(&self.value);
        }
        write!(f, "\"{}\"", self.value.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '-')
}

struct Reader {
    rest: Vec<char>,
    at: usize,
}

impl Reader {
    fn selector(mut self) -> Result<Selector, SelectorError> {
        self.spaces();
        let metric = self.name("a metric's name")?;
        let mut matchers = Vec::new();
        self.spaces();
        if self.take('{') {
            self.spaces();
            while !self.take('}') {
                if !matchers.is_empty() {
                    if !self.take(',') {
                        return self.expected("`,` or `}`");
                    }
                    self.spaces();
                }
                matchers.push(self.matcher()?);
                self.spaces();
            }
            self.spaces();
        }
        match self.peek() {
            None => Ok(Selector { metric, matchers }),
            Some(_) if matchers.is_empty() => self.expected("`{` or the end"),
            Some(_) => self.expected("the end"),
        }
    }

    fn matcher(&mut self) -> Result<Matcher, SelectorError> {
        let tag = self.name("a tag's name")?;
        self.spaces();
        let negated = match self.peek() {
            Some(':') => {
                self.at += 1;
                false
            }
            Some('!') => {
                self.at += 1;
                if self.peek() == Some('~') {
                    return Err(SelectorError::Regex { position: self.at + 1 });
                }
                if !self.take(':') && !self.take('=') {
                    return self.expected("`:` or `=` after `!`");
                }
                true
            }
            Some('~') => return Err(SelectorError::Regex { position: self.at + 1 }),
            _ => return self.expected("`:` or `!:`"),
        };
        self.spaces();
        Ok(Matcher { tag, value: self.value()?, negated })
    }

    fn value(&mut self) -> Result<String, SelectorError> {
        if let Some(quote @ ('"' | '\'')) = self.peek() {
            return self.quoted(quote);
        }
        let start = self.at;
        while let Some(c) = self.peek().filter(|c| !matches!(c, ',' | '}')) {
            if matches!(c, '{' | '"' | '\'') {
                return self.expected("`,`, `}` or a value in quotes");
            }
            self.at += 1;
        }
        let value: String = self.rest[start..self.at].iter().collect();
        match value.trim_end() {
            "" => self.expected("a value"), // a tag never has an empty one
            value => Ok(value.to_owned()),
        }
    }

    fn quoted(&mut self, quote: char) -> Result<String, SelectorError> {
        self.at += 1;
        let mut value = String::new();
        while !self.take(quote) {
            if self.take('\\') && !self.peek().is_some_and(|c| c == '\\' || c == quote) {
                value.push('\\'); // a lone backslash stands for itself
                continue;
            }
            match self.peek() {
                Some(c) => value.push(c),
                None => return self.expected("a closing quote"),
            }
            self.at += 1;
        }
        if value.is_empty() {
            self.at -= 1;
            return self.expected("a value");
        }
        Ok(value)
    }

    fn name(&mut self, what: &'static str) -> Result<String, SelectorError> {
        let start = self.at;
        while self.peek().is_some_and(is_name) {
            self.at += 1;
        }
        if start == self.at {
            return self.expected(what);
        }
        Ok(self.rest[start..self.at].iter().collect())
    }

    fn expected<T>(&self, expected: &'static str) -> Result<T, SelectorError> {
        let found = self.peek().map_or_else(|| "the end".to_owned(), |c| format!("`{c}`"));
        Err(SelectorError::Expected { expected, found, position: self.at + 1 })
    }

    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn spaces(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests;
