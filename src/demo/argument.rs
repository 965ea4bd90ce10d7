//! What a request says: the fields of a JSON body (on any method) or else of the query string,
//! checked as FastAPI checks them.

use serde_json::{Map, Value, json};

use super::price;
use super::reply::{Fault, Refusal};

/// Symbols that one request may name.
pub(super) const SYMBOLS_MAX: usize = 50;

/// The named fields of a request.
#[derive(Debug)]
pub(super) struct Arguments {
    fields: Map<String, Value>,
    /// Where the fields stood: `body` or `query`.
    place: &'static str,
}

impl Arguments {
    /// The fields of `body`, or of the query string if the body is empty.
    pub(super) fn new(body: &[u8], query: Option<&str>) -> Result<Arguments, Refusal> {
        if body.is_empty() {
            let query = query.unwrap_or_default().as_bytes();
            let fields = url::form_urlencoded::parse(query)
                .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
                .collect();
            return Ok(Arguments { fields, place: "query" });
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Arguments { fields, place: "body" }),
            Ok(other) => {
                let fault = Fault::new(
                    "model_attributes_type",
                    vec![json!("body")],
                    "Input should be an object",
                    other,
                );
                Err(Refusal::Invalid(Box::new(fault)))
            }
            Err(error) => {
                let loc = vec![json!("body"), json!(error.column())];
                let fault = Fault::new("json_invalid", loc, format!("JSON decode error: {error}"), json!({}));
                Err(Refusal::Invalid(Box::new(fault)))
            }
        }
    }

    /// The fields of a body that is required.
    pub(super) fn body(body: &[u8]) -> Result<Arguments, Refusal> {
        if body.is_empty() {
            let fault = Fault::new("missing", vec![json!("body")], "Field required", Value::Null);
            return Err(Refusal::Invalid(Box::new(fault)));
        }
        Arguments::new(body, None)
    }

    /// The fields of an object that stood inside a body.
    pub(super) fn inner(fields: Map<String, Value>) -> Arguments {
        Arguments { fields, place: "arguments" }
    }

    /// A field that is there and not null.
    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    fn fault(&self, kind: &'static str, name: &str, message: impl Into<String>, input: Value) -> Refusal {
        Refusal::Invalid(Box::new(Fault::new(kind, vec![json!(self.place), json!(name)], message, input)))
    }

    fn missing(&self, name: &str) -> Refusal {
        self.fault("missing", name, "Field required", Value::Object(self.fields.clone()))
    }

    /// A text, if it is there.
    pub(super) fn text_if_any(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => {
                Err(self.fault("string_type", name, "Input should be a valid string", other.clone()))
            }
        }
    }

    /// A text that must be there and not be empty.
    pub(super) fn text(&self, name: &str) -> Result<&str, Refusal> {
        match self.text_if_any(name)? {
            None => Err(self.missing(name)),
            Some("") => {
                let message = "String should have at least 1 character";
                Err(self.fault("string_too_short", name, message, json!("")))
            }
            Some(text) => Ok(text),
        }
    }

    /// One of `choices`, the first if the field is absent.
    pub(super) fn choice(&self, name: &str, choices: &[&'static str]) -> Result<&'static str, Refusal> {
        let Some(text) = self.text_if_any(name)? else { return Ok(choices[0]) };
        choices.iter().copied().find(|choice| *choice == text).ok_or_else(|| {
            let message = format!("Input should be one of: {}", choices.join(", "));
            self.fault("enum", name, message, json!(text))
        })
    }

    /// A switch, off if the field is absent.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.value(name) {
            None => Ok(false),
            Some(Value::Bool(on)) => Ok(*on),
            Some(Value::String(text)) if matches!(text.as_str(), "true" | "1") => Ok(true),
            Some(Value::String(text)) if matches!(text.as_str(), "false" | "0") => Ok(false),
            Some(other) => {
                Err(self.fault("bool_parsing", name, "Input should be a valid boolean", other.clone()))
            }
        }
    }

    /// An object, empty if the field is absent.
    pub(super) fn object(&self, name: &str) -> Result<Map<String, Value>, Refusal> {
        match self.value(name) {
            None => Ok(Map::new()),
            Some(Value::Object(fields)) => Ok(fields.clone()),
            Some(other) => {
                Err(self.fault("dict_type", name, "Input should be a valid object", other.clone()))
            }
        }
    }

    /// A whole number between `least` and `most`; `default` if the field is absent.
    pub(super) fn integer(&self, name: &str, default: u32, least: u32, most: u32) -> Result<u32, Refusal> {
        let Some(value) = self.value(name) else { return Ok(default) };
        let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
        match number.and_then(|number| u32::try_from(number).ok()) {
            Some(number) if (least..=most).contains(&number) => Ok(number),
            _ => {
                let message = format!("Input should be a whole number from {least} to {most}");
                Err(self.fault("int_parsing", name, message, value.clone()))
            }
        }
    }

    /// A symbol, normalised.
    pub(super) fn symbol(&self, name: &str) -> Result<String, Refusal> {
        let text = self.text(name)?;
        self.normalised(name, text)
    }

    fn normalised(&self, name: &str, text: &str) -> Result<String, Refusal> {
        price::normalise(text).ok_or_else(|| {
            self.fault("string_pattern_mismatch", name, "Input should be a symbol", json!(text))
        })
    }

    /// Symbols: a list, or a text with commas. Absent gives none.
    pub(super) fn symbols(&self, name: &str) -> Result<Vec<String>, Refusal> {
        let symbols: Vec<String> = match self.value(name) {
            None => Vec::new(),
            Some(Value::String(text)) => {
                let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                parts.map(|part| self.normalised(name, part)).collect::<Result<_, _>>()?
            }
            Some(Value::Array(list)) => {
                let texts = list.iter().map(|item| item.as_str().unwrap_or_default());
                texts.map(|text| self.normalised(name, text)).collect::<Result<_, _>>()?
            }
            Some(other) => {
                return Err(self.fault("list_type", name, "Input should be a valid list", other.clone()));
            }
        };
        if symbols.len() > SYMBOLS_MAX {
            return Err(Refusal::Bad(format!("at most {SYMBOLS_MAX} symbols, not {}", symbols.len())));
        }
        Ok(symbols)
    }

    /// What a portfolio holds: `[{"symbol": "AAPL", "quantity": 10}]` or `{"AAPL": 10}`.
    pub(super) fn holdings(&self) -> Result<Vec<(String, f64)>, Refusal> {
        const NAME: &str = "holdings";
        let Some(value) = self.value(NAME) else { return Err(self.missing(NAME)) };
        let wrong =
            || self.fault("holding_type", NAME, "Input should be symbols with quantities", value.clone());
        let pairs: Vec<(&str, Option<f64>)> = match value {
            Value::Object(map) => map.iter().map(|(symbol, n)| (symbol.as_str(), n.as_f64())).collect(),
            Value::Array(list) => {
                let quantity = |item: &Value| item.get("quantity").or_else(|| item.get("shares"))?.as_f64();
                let symbol = |item: &'_ Value| item.get("symbol").and_then(Value::as_str).map(str::to_owned);
                let known: Option<Vec<_>> =
                    list.iter().map(|item| Some((symbol(item)?, quantity(item)))).collect();
                return self
                    .checked(known.ok_or_else(wrong)?.iter().map(|(s, q)| (s.as_str(), *q)).collect());
            }
            _ => return Err(wrong()),
        };
        self.checked(pairs)
    }

    fn checked(&self, pairs: Vec<(&str, Option<f64>)>) -> Result<Vec<(String, f64)>, Refusal> {
        if pairs.is_empty() || pairs.len() > SYMBOLS_MAX {
            return Err(Refusal::Bad(format!(
                "a portfolio has 1 to {SYMBOLS_MAX} holdings, not {}",
                pairs.len()
            )));
        }
        let holding = |(symbol, quantity): (&str, Option<f64>)| match quantity {
            Some(quantity) if quantity.is_finite() && quantity >= 0.0 => {
                Ok((self.normalised("holdings", symbol)?, quantity))
            }
            _ => Err(self.fault(
                "float_type",
                "holdings",
                "quantity should be a number of at least 0",
                json!(symbol),
            )),
        };
        pairs.into_iter().map(holding).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_from_the_body_or_else_from_the_query() {
        let body = Arguments::new(br#"{"symbol":"aapl"}"#, Some("symbol=MSFT")).unwrap();
        assert_eq!(body.symbol("symbol").unwrap(), "AAPL");
        let query = Arguments::new(b"", Some("symbols=eur%2Fusd,btc&days=7&async=true")).unwrap();
        assert_eq!(query.symbols("symbols").unwrap(), ["EURUSD", "BTC"]);
        assert_eq!(query.integer("days", 30, 1, 365).unwrap(), 7);
        assert!(query.flag("async").unwrap());
    }

    #[test]
    fn faults_name_their_place() {
        let loc = |refusal: Refusal| match refusal {
            Refusal::Invalid(fault) => (fault.kind, Value::Array(fault.loc).to_string()),
            other => panic!("not a fault: {other:?}"),
        };
        let body = Arguments::new(br#"{"symbol":5,"days":0,"style":"x"}"#, None).unwrap();
        assert_eq!(
            loc(body.symbol("symbol").unwrap_err()),
            ("string_type", r#"["body","symbol"]"#.to_owned())
        );
        assert_eq!(loc(body.text("query").unwrap_err()), ("missing", r#"["body","query"]"#.to_owned()));
        assert_eq!(loc(body.integer("days", 30, 1, 365).unwrap_err()).0, "int_parsing");
        assert_eq!(loc(body.choice("style", &["concise"]).unwrap_err()).0, "enum");
        assert_eq!(loc(Arguments::new(b"{\"symbol\": ", None).unwrap_err()).0, "json_invalid");
        assert_eq!(loc(Arguments::new(b"[1]", None).unwrap_err()).0, "model_attributes_type");
        assert_eq!(loc(Arguments::body(b"").unwrap_err()), ("missing", r#"["body"]"#.to_owned()));
    }

    #[test]
    fn holdings_come_as_a_list_or_a_map() {
        let read = |text: &str| Arguments::new(text.as_bytes(), None).unwrap().holdings();
        let expected = vec![("AAPL".to_owned(), 10.0)];
        assert_eq!(read(r#"{"holdings":{"AAPL":10}}"#).unwrap(), expected);
        assert_eq!(read(r#"{"holdings":[{"symbol":"aapl","quantity":10}]}"#).unwrap(), expected);
        for bad in [r#"{"holdings":[]}"#, r#"{"holdings":{"AAPL":-1}}"#, r#"{"holdings":[5]}"#, "{\"x\":1}"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
