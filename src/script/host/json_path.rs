//! `r.json("price")`: RFC 9535, with `$.` understood in front of a bare name.
//!
//! What flows ask for most, names joined by dots, is walked without a query.

use rhai::{Dynamic, EvalAltResult};
use serde_json::Value;

use super::super::error::HostError;
use super::super::value::from_json;

/// A parsed path.
#[derive(Debug)]
pub(super) enum JsonPath<'a> {
    /// `data.items`: names, one below the other.
    Names(&'a str),
    /// A query that can find one value at most.
    Singular(Box<serde_json_path::JsonPath>),
    /// Any other query: its findings are a list.
    Many(Box<serde_json_path::JsonPath>),
}

impl<'a> JsonPath<'a> {
    /// Reads a path; what is no query is refused with the place.
    pub(super) fn parse(text: &'a str) -> Result<Self, Box<EvalAltResult>> {
        let names = text.strip_prefix("$.").unwrap_or(text);
        let is_name = |name: &str| {
            name.starts_with(|c: char| c.is_alphabetic() || c == '_')
                && name.chars().all(|c| c.is_alphanumeric() || c == '_')
        };
        if names.split('.').all(is_name) {
            return Ok(Self::Names(names));
        }
        let whole = match text.as_bytes().first() {
            Some(b'$') => text.to_owned(),
            Some(b'[') => format!("${text}"),
            _ => format!("$.{text}"),
        };
        let query = serde_json_path::JsonPath::parse(&whole).map_err(|error| {
            HostError::new(format!("`{text}` is no JSON path: {error}"))
                .hint("write `price`, `items[0].name`, or a query of RFC 9535 such as `$.items[?@.price > 5].name`")
                .word(text)
        })?;
        let query = Box::new(query);
        Ok(if is_singular(&whole) { Self::Singular(query) } else { Self::Many(query) })
    }

    /// What it finds: a value or nothing for a singular path, else a list.
    pub(super) fn of(&self, json: &Value) -> Dynamic {
        match self {
            Self::Names(names) => {
                let mut at = Some(json);
                for name in names.split('.') {
                    at = at.and_then(|value| value.get(name));
                }
                at.map_or(Dynamic::UNIT, from_json)
            }
            Self::Singular(query) => query.query(json).first().map_or(Dynamic::UNIT, from_json),
            Self::Many(query) => {
                query.query(json).iter().map(|value| from_json(value)).collect::<rhai::Array>().into()
            }
        }
    }
}

/// Whether a query is singular (RFC 9535 §2.3.5.1): names and indexes alone.
fn is_singular(query: &str) -> bool {
    let mut quote = None;
    let mut previous = ' ';
    for c in query.chars() {
        match quote {
            Some(open) if c == open && previous != '\\' => quote = None,
            None if c == '\'' || c == '"' => quote = Some(c),
            None if matches!(c, '*' | '?' | ',' | ':') || (c == '.' && previous == '.') => return false,
            _ => {}
        }
        previous = c;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(path: &str) -> String {
        let json = serde_json::json!({
            "price": 5, "data": { "a b": [1, 2, { "x": true }], "x": "y" }, "items": [{ "n": 1 }, { "n": 2 }]
        });
        JsonPath::parse(path).unwrap().of(&json).to_string()
    }

    #[test]
    fn a_singular_path_gives_the_value_or_nothing() {
        assert_eq!(find("price"), "5");
        assert_eq!(find("$.price"), "5");
        assert_eq!(find("data.x"), "y");
        assert_eq!(find("data['a b'][2].x"), "true");
        assert_eq!(find("items[-1].n"), "2");
        assert_eq!(find("data.nothing.deeper"), "");
        assert_eq!(find("items[7]"), "");
    }

    #[test]
    fn any_other_path_gives_a_list() {
        assert_eq!(find("items[*].n"), "[1, 2]");
        assert_eq!(find("$..n"), "[1, 2]");
        assert_eq!(find("items[?@.n > 1].n"), "[2]");
        assert_eq!(find("items[0:1].n"), "[1]");
        assert_eq!(find("none[*]"), "[]");
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for bad in ["", "a[", "$.a b", "items[?]"] {
            assert!(JsonPath::parse(bad).is_err(), "{bad}");
        }
    }
}
