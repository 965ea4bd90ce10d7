//! The grammar of FK-DSL, by recursive descent. Keywords and names in any case.
//!
//! ```text
//! get       = GET metrics FOR symbols
//! analyze   = ANALYZE symbols FOR aspect {"," aspect}
//! compare   = COMPARE symbol "," symbol {"," symbol} BY metrics
//! evaluate  = EVALUATE symbol ":" metrics
//! find      = FIND class WITH condition {AND condition}
//! track     = TRACK symbols WHEN condition {AND condition}
//! correlate = CORRELATE symbol WITH symbol [WINDOW window]
//! metrics   = metric {"," metric}        metric    = NAME ["(" window ")"]
//! symbols   = symbol {"," symbol}        condition = metric operator number
//! window    = whole number, then h, d, w, m or y
//! ```

use super::token::{Kind, Token, tokens};
use crate::demo::argument::SYMBOLS_MAX;
use crate::demo::price::{Class, normalise};

/// What can be measured.
pub(super) const METRICS: [&str; 9] =
    ["PRICE", "CHANGE", "VOLUME", "VOLATILITY", "RETURN", "SMA", "RSI", "BETA", "MARKET_CAP"];
/// What an analysis can look at.
const ASPECTS: [&str; 4] = ["TECHNICALS", "FUNDAMENTALS", "SENTIMENT", "RISK"];
const CLASSES: [(&str, Option<Class>); 4] = [
    ("ASSETS", None),
    ("STOCKS", Some(Class::Equity)),
    ("COINS", Some(Class::Crypto)),
    ("PAIRS", Some(Class::Forex)),
];
const VERBS: [&str; 7] = ["GET", "ANALYZE", "COMPARE", "EVALUATE", "FIND", "TRACK", "CORRELATE"];
/// Days in each unit of a window; hours round up to a day.
const WINDOWS: [(&str, u32); 5] = [("H", 0), ("D", 1), ("W", 7), ("M", 30), ("Y", 365)];
/// The longest window, days.
const WINDOW_MAX: u32 = 3_650;
/// The window when a query names none, days.
const WINDOW_DEFAULT: u32 = 30;

/// Where a query stopped making sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} at position {position}, found {found}")]
pub(super) struct QueryError {
    /// 1-based, in characters.
    pub(super) position: usize,
    pub(super) expected: String,
    pub(super) found: String,
}

impl QueryError {
    pub(super) fn new(position: usize, expected: impl Into<String>, found: impl Into<String>) -> QueryError {
        QueryError { position, expected: expected.into(), found: found.into() }
    }
}

/// A measure over a window of days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) days: u32,
}

/// A measure against a bound.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Condition {
    pub(super) metric: Metric,
    pub(super) operator: &'static str,
    pub(super) bound: f64,
}

/// A whole query.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Query {
    Get { metrics: Vec<Metric>, symbols: Vec<String> },
    Analyze { symbols: Vec<String>, aspects: Vec<&'static str> },
    Compare { symbols: Vec<String>, metrics: Vec<Metric> },
    Evaluate { symbol: String, metrics: Vec<Metric> },
    Find { class: Option<Class>, conditions: Vec<Condition> },
    Track { symbols: Vec<String>, conditions: Vec<Condition> },
    Correlate { left: String, right: String, days: u32 },
}

impl Query {
    /// Its type, as labels and answers name it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Query::Get { .. } => "get",
            Query::Analyze { .. } => "analyze",
            Query::Compare { .. } => "compare",
            Query::Evaluate { .. } => "evaluate",
            Query::Find { .. } => "find",
            Query::Track { .. } => "track",
            Query::Correlate { .. } => "correlate",
        }
    }

    /// The steps that its execution takes, one after another.
    pub(super) fn steps(&self) -> &'static [&'static str] {
        match self {
            Query::Get { .. } => &["fetch"],
            Query::Track { .. } => &["fetch", "watch"],
            Query::Analyze { .. } | Query::Evaluate { .. } => &["fetch", "compute"],
            Query::Compare { .. } => &["fetch", "rank"],
            Query::Find { .. } => &["scan", "filter", "rank"],
            Query::Correlate { .. } => &["fetch", "align", "correlate"],
        }
    }
}

/// Reads a whole query.
pub(super) fn parse(text: &str) -> Result<Query, QueryError> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0 };
    let query = parser.query()?;
    match parser.peek().kind {
        Kind::End => Ok(query),
        _ => Err(parser.unexpected("the end of the query")),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    fn query(&mut self) -> Result<Query, QueryError> {
        Ok(match self.one_of(&VERBS)? {
            "GET" => {
                let metrics = self.list(Parser::metric)?;
                self.keyword("FOR")?;
                Query::Get { metrics, symbols: self.symbols()? }
            }
            "ANALYZE" => {
                let symbols = self.symbols()?;
                self.keyword("FOR")?;
                Query::Analyze { symbols, aspects: self.list(|parser| parser.one_of(&ASPECTS))? }
            }
            "COMPARE" => {
                let mut symbols = vec![self.symbol()?];
                self.mark(',')?;
                symbols.extend(self.symbols()?);
                self.keyword("BY")?;
                Query::Compare { symbols, metrics: self.list(Parser::metric)? }
            }
            "EVALUATE" => {
                let symbol = self.symbol()?;
                self.mark(':')?;
                Query::Evaluate { symbol, metrics: self.list(Parser::metric)? }
            }
            "FIND" => {
                let name = self.one_of(&CLASSES.map(|(name, _)| name))?;
                let class = CLASSES.iter().find(|(known, _)| *known == name).and_then(|(_, class)| *class);
                self.keyword("WITH")?;
                Query::Find { class, conditions: self.conditions()? }
            }
            "TRACK" => {
                let symbols = self.symbols()?;
                self.keyword("WHEN")?;
                Query::Track { symbols, conditions: self.conditions()? }
            }
            _ => {
                let left = self.symbol()?;
                self.keyword("WITH")?;
                let right = self.symbol()?;
                let days = if self.take_keyword("WINDOW") { self.window()? } else { WINDOW_DEFAULT };
                Query::Correlate { left, right, days }
            }
        })
    }

    fn conditions(&mut self) -> Result<Vec<Condition>, QueryError> {
        let mut conditions = vec![self.condition()?];
        while self.take_keyword("AND") {
            conditions.push(self.condition()?);
        }
        Ok(conditions)
    }

    fn condition(&mut self) -> Result<Condition, QueryError> {
        let metric = self.metric()?;
        let Kind::Compare(operator) = self.peek().kind else {
            return Err(self.unexpected("a comparison (`>`, `>=`, `<`, `<=`, `=`, `!=`)"));
        };
        self.at += 1;
        match &self.peek().kind {
            Kind::Number(bound, unit) if unit.is_empty() || unit == "%" => {
                let bound = *bound;
                self.at += 1;
                Ok(Condition { metric, operator, bound })
            }
            _ => Err(self.unexpected("a number")),
        }
    }

    fn metric(&mut self) -> Result<Metric, QueryError> {
        let name = self.one_of(&METRICS)?;
        let mut days = WINDOW_DEFAULT;
        if self.peek().kind == Kind::Mark('(') {
            self.at += 1;
            days = self.window()?;
            self.mark(')')?;
        }
        Ok(Metric { name, days })
    }

    fn window(&mut self) -> Result<u32, QueryError> {
        let wrong =
            |parser: &Parser| parser.unexpected("a window such as `30d` (h, d, w, m, y; at most 10 years)");
        let Kind::Number(count, unit) = &self.peek().kind else { return Err(wrong(self)) };
        let known = WINDOWS.iter().find(|(name, _)| unit.eq_ignore_ascii_case(name));
        let Some((_, unit_days)) = known else { return Err(wrong(self)) };
        let days = if *unit_days == 0 { (count / 24.0).ceil() } else { count * f64::from(*unit_days) };
        if count.fract() != 0.0 || !(1.0..=f64::from(WINDOW_MAX)).contains(&days) {
            return Err(wrong(self));
        }
        self.at += 1;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to lie in 1..=WINDOW_MAX"
        )]
        let days = days as u32;
        Ok(days)
    }

    fn symbols(&mut self) -> Result<Vec<String>, QueryError> {
        let first = self.peek().column;
        let symbols = self.list(Parser::symbol)?;
        if symbols.len() > SYMBOLS_MAX {
            let found = format!("{} symbols", symbols.len());
            return Err(QueryError::new(first, format!("at most {SYMBOLS_MAX} symbols"), found));
        }
        Ok(symbols)
    }

    fn symbol(&mut self) -> Result<String, QueryError> {
        let Kind::Word(word) = &self.peek().kind else { return Err(self.unexpected("a symbol")) };
        let Some(symbol) = normalise(word) else { return Err(self.unexpected("a symbol")) };
        self.at += 1;
        Ok(symbol)
    }

    /// Items separated by commas, at least one.
    fn list<T>(&mut self, item: fn(&mut Parser) -> Result<T, QueryError>) -> Result<Vec<T>, QueryError> {
        let mut items = vec![item(self)?];
        while self.peek().kind == Kind::Mark(',') {
            self.at += 1;
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn one_of(&mut self, words: &[&'static str]) -> Result<&'static str, QueryError> {
        let found = match &self.peek().kind {
            Kind::Word(word) => words.iter().copied().find(|known| known == word),
            _ => None,
        };
        match found {
            Some(word) => {
                self.at += 1;
                Ok(word)
            }
            None => Err(self.unexpected(&format!("one of {}", words.join(", ")))),
        }
    }

    fn keyword(&mut self, word: &str) -> Result<(), QueryError> {
        if self.take_keyword(word) { Ok(()) } else { Err(self.unexpected(&format!("`{word}`"))) }
    }

    fn take_keyword(&mut self, word: &str) -> bool {
        let taken = matches!(&self.peek().kind, Kind::Word(found) if found == word);
        self.at += usize::from(taken);
        taken
    }

    fn mark(&mut self, mark: char) -> Result<(), QueryError> {
        if self.peek().kind != Kind::Mark(mark) {
            return Err(self.unexpected(&format!("`{mark}`")));
        }
        self.at += 1;
        Ok(())
    }

    /// The end is never taken, so there is always a token.
    fn peek(&self) -> &Token {
        &self.tokens[self.at]
    }

    fn unexpected(&self, expected: &str) -> QueryError {
        let token = self.peek();
        QueryError::new(token.column, expected, token.shown())
    }
}
