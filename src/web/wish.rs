//! What a body wants: JSON of a handful of known attributes, flat or in k6's `{"data": {"attributes": …}}`. `null` is as good as
//! left out, as k6's clients send it.

use axum::http::StatusCode;
use serde_json::{Map, Value as Json};

use crate::diagnostic::suggest;

use super::reply::Refusal;

/// The reading of bodies.
pub(super) struct Wish;

impl Wish {
    /// The attributes of a body; none of an empty one.
    pub(super) fn read(body: &[u8]) -> Result<Map<String, Json>, Refusal> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Map::new());
        }
        let wrong = || Refusal::bad("the body must be a JSON object, such as {\"paused\": true}");
        let json: Json = serde_json::from_slice(body)
            .map_err(|error| Refusal::bad(format!("the body is no JSON: {error}")))?;
        let Json::Object(mut object) = json else { return Err(wrong()) };
        match object.remove("data") {
            None => Ok(object),
            Some(Json::Object(mut data)) => match data.remove("attributes") {
                Some(Json::Object(attributes)) => Ok(attributes),
                _ => Err(Refusal::bad("`data` must have `attributes`, an object")),
            },
            Some(_) => Err(Refusal::bad("`data` must be an object with `attributes`")),
        }
    }

    /// Whether all attributes are known.
    pub(super) fn check(
        attributes: &Map<String, Json>,
        wishes: &[&str],
        read_only: &[&str],
    ) -> Result<(), Refusal> {
        let unknown =
            |name: &&String| !wishes.contains(&name.as_str()) && !read_only.contains(&name.as_str());
        let Some(name) = attributes.keys().find(unknown) else { return Ok(()) };
        let near = suggest(name, wishes.iter().copied());
        let listed = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            names.join(", ")
        };
        let hint = if near.is_empty() {
            format!("there are {}", listed(wishes))
        } else {
            format!("did you mean {}?", listed(&near))
        };
        Err(Refusal::new(StatusCode::BAD_REQUEST, format!("nothing is named `{name}`: {hint}")))
    }
}

fn given<'a>(attributes: &'a Map<String, Json>, name: &str) -> Option<&'a Json> {
    attributes.get(name).filter(|value| !value.is_null())
}

pub(super) fn boolean(attributes: &Map<String, Json>, name: &str) -> Result<Option<bool>, Refusal> {
    let Some(value) = given(attributes, name) else { return Ok(None) };
    value
        .as_bool()
        .map(Some)
        .ok_or_else(|| Refusal::bad(format!("`{name}` must be true or false, not {value}")))
}

pub(super) fn count(attributes: &Map<String, Json>, name: &str) -> Result<Option<u64>, Refusal> {
    let Some(value) = given(attributes, name) else { return Ok(None) };
    let wrong = || Refusal::bad(format!("`{name}` must be a whole number from 0, not {value}"));
    value.as_u64().map(Some).ok_or_else(wrong)
}

pub(super) fn factor(attributes: &Map<String, Json>, name: &str) -> Result<Option<f64>, Refusal> {
    let Some(value) = given(attributes, name) else { return Ok(None) };
    value.as_f64().map(Some).ok_or_else(|| Refusal::bad(format!("`{name}` must be a number, not {value}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail<T: std::fmt::Debug>(result: Result<T, Refusal>) -> String {
        let refusal = result.unwrap_err();
        assert_eq!(refusal.status, 400);
        refusal.detail
    }

    #[test]
    fn attributes_are_flat_or_in_k6s_envelope() {
        let flat = Wish::read(b" {\"paused\": true, \"vus\": null} ").unwrap();
        let wrapped = Wish::read(
            br#"{"data": {"type": "status", "id": "default", "attributes": {"paused": true, "vus": null}}}"#,
        );
        assert_eq!(Ok(&flat), wrapped.as_ref());
        assert_eq!(boolean(&flat, "paused"), Ok(Some(true)));
        assert_eq!(count(&flat, "vus"), Ok(None), "null is as good as left out");
        assert_eq!(Wish::read(b" \n"), Ok(Map::new()));
    }

    #[test]
    fn what_is_wrong_is_told() {
        insta::assert_snapshot!(detail(Wish::read(b"[1]")), @r#"the body must be a JSON object, such as {"paused": true}"#);
        insta::assert_snapshot!(detail(Wish::read(b"{")), @"the body is no JSON: EOF while parsing an object at line 1 column 1");
        insta::assert_snapshot!(detail(Wish::read(b"{\"data\": 1}")), @"`data` must be an object with `attributes`");
        insta::assert_snapshot!(detail(Wish::read(b"{\"data\": {}}")), @"`data` must have `attributes`, an object");
        let wish = Wish::read(br#"{"pausd": true, "vus": -1, "scale": "x", "paused": 1}"#).unwrap();
        insta::assert_snapshot!(detail(Wish::check(&wish, &["paused"], &["vus", "scale"])), @"nothing is named `pausd`: did you mean `paused`?");
        insta::assert_snapshot!(detail(count(&wish, "vus")), @"`vus` must be a whole number from 0, not -1");
        insta::assert_snapshot!(detail(factor(&wish, "scale")), @r#"`scale` must be a number, not "x""#);
        insta::assert_snapshot!(detail(boolean(&wish, "paused")), @"`paused` must be true or false, not 1");
        // A body that is deep is an error, no overflow.
        assert!(detail(Wish::read("[".repeat(10_000).as_bytes())).contains("recursion limit"));
    }
}
