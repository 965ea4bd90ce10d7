//! `url::*`: parts of a URL, percent-encoding, query strings.

use rhai::{Dynamic, EvalAltResult, ImmutableString, Map};
use url::form_urlencoded;

use super::super::error::HostError;
use super::super::registry::Registry;
use super::super::value::type_name;

type Outcome<T> = Result<T, Box<EvalAltResult>>;

pub(super) fn register(registry: &mut Registry<'_>) {
    registry.define(
        "url::encode(text)",
        "the text for a part of a path or a query",
        |text: ImmutableString| encode(&text),
    );
    registry.define("url::decode(text)", "the text behind percent-encoding", |text: ImmutableString| {
        decode(&text)
    });
    registry.define(
        "url::query(parameters)",
        "a map as a query string, without `?`",
        |parameters: Map| -> Outcome<String> {
            let mut query = form_urlencoded::Serializer::new(String::new());
            for (name, value) in &parameters {
                if value.is_array() || value.is_map() || value.is_fnptr() {
                    return Err(HostError::new(format!(
                        "`url::query`: `{name}` must be a text, not {}",
                        type_name(value)
                    ))
                    .word(name.as_str())
                    .into());
                }
                if !value.is_unit() {
                    query.append_pair(name, &value.to_string());
                }
            }
            Ok(query.finish())
        },
    );
    registry.define(
        "url::parse(url)",
        "a map of its parts: scheme, host, port, path, query (a map), fragment",
        |text: ImmutableString| parse(&text),
    );
}

/// All but the unreserved characters of RFC 3986 §2.3.
fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn decode(text: &str) -> Outcome<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if first != b'%' {
            bytes.push(first);
            rest = after;
            continue;
        }
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) else {
            return Err(HostError::new(format!(
                "`url::decode`: a `%` in {text:?} is not followed by two digits"
            ))
            .into());
        };
        bytes.push(byte);
        rest = &after[2..];
    }
    Ok(String::from_utf8(bytes).map_err(|_| HostError::new("`url::decode`: what is behind it is no text"))?)
}

fn parse(text: &str) -> Outcome<Map> {
    let url = url::Url::parse(text).map_err(|error| {
        HostError::new(format!("`{text}` is no whole URL: {error}"))
            .hint("write `http://HOST/path`")
            .word(text)
    })?;
    let query: Map =
        url.query_pairs().map(|(name, value)| (name.as_ref().into(), value.into_owned().into())).collect();
    let optional = |part: Option<&str>| part.map_or(Dynamic::UNIT, Into::into);
    Ok(Map::from([
        ("scheme".into(), url.scheme().into()),
        ("host".into(), optional(url.host_str())),
        ("port".into(), url.port_or_known_default().map_or(Dynamic::UNIT, |port| i64::from(port).into())),
        ("path".into(), url.path().into()),
        ("query".into(), query.into()),
        ("fragment".into(), optional(url.fragment())),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(text in ".*") {
            let encoded = encode(&text);
            prop_assert!(encoded.is_ascii());
            prop_assert_eq!(decode(&encoded).unwrap(), text);
        }
    }

    #[test]
    fn broken_encodings_are_refused() {
        assert_eq!(encode("a b/ü"), "a%20b%2F%C3%BC");
        for bad in ["%", "%2", "%zz", "a%", "%ff"] {
            assert!(decode(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_url_has_its_parts() {
        let parts = parse("http://h:81/a/b?x=1&y=a%20b#f").unwrap();
        assert_eq!(parts["host"].clone().into_string().unwrap(), "h");
        assert_eq!(parts["port"].as_int().unwrap(), 81);
        assert_eq!(parts["query"].as_map_ref().unwrap()["y"].clone().into_string().unwrap(), "a b");
        assert!(parse("/a").is_err());
    }
}
