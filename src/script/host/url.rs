//! `url::*`: parts of a URL, percent-encoding, query strings.

use std::fmt::Write as _;

use rhai::{Dynamic, EvalAltResult, ImmutableString, Map};
use url::form_urlencoded;

use super::super::error::HostError;
use super::super::registry::Registry;
use super::super::value::described;
use super::argument::{fits, to_list, to_map};

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// What `url::build` reads.
const PARTS: [&str; 6] = ["scheme", "host", "port", "path", "query", "fragment"];

pub(super) fn register(registry: &mut Registry<'_>) {
    registry.define(
        "url::encode(text)",
        "the text for a part of a path or a query",
        |text: ImmutableString| encode("url::encode", &text),
    );
    registry.example("url::encode(\"a b/ü\") // \"a%20b%2F%C3%BC\"");
    registry.define("url::decode(text)", "the text behind percent-encoding", |text: ImmutableString| {
        decode(&text)
    });
    registry.example("url::decode(\"a%20b\") // \"a b\"");
    registry.define(
        "url::query(parameters)",
        "a map as a query string, without `?`; a list repeats its name",
        |parameters: Dynamic| query("url::query", parameters),
    );
    registry.takes("parameters", "map");
    registry.example(
        "url::query(#{ days: 30, symbols: [\"AAPL\", \"TSLA\"] }) // \"days=30&symbols=AAPL&symbols=TSLA\"",
    );
    registry.define(
        "url::with_query(url, parameters)",
        "the URL with the parameters added to its query",
        |url: ImmutableString, parameters: Dynamic| with_query(&url, parameters),
    );
    registry.takes("parameters", "map");
    registry.example("url::with_query(\"/api/market/prices?a=1#top\", #{ symbols: \"AAPL\" }) // \"/api/market/prices?a=1&symbols=AAPL#top\"");
    registry.define(
        "url::join(base, relative)",
        "where a link on a page leads (RFC 3986 §5)",
        |base: ImmutableString, relative: ImmutableString| -> Outcome<String> {
            let whole = whole("url::join", &base)?;
            let joined = whole.join(&relative).map_err(|error| {
                HostError::new(format!("`url::join` can't follow `{relative}`: {error}"))
                    .word(relative.as_str())
            })?;
            Ok(joined.into())
        },
    );
    registry.example("url::join(\"http://h/a/b\", \"../c?x=1\") // \"http://h/c?x=1\"");
    registry.define(
        "url::parse(url)",
        "a map of its parts: scheme, host, port, path, query (a map), fragment",
        |text: ImmutableString| parse(&text),
    );
    registry.example("url::parse(\"http://h:81/a?x=1\").query.x // \"1\"");
    registry.define(
        "url::build(parts)",
        "the URL of such a map; all but `host` may be missing",
        |parts: Dynamic| build(&to_map("url::build", parts)?),
    );
    registry.takes("parts", "map");
    registry.example("url::build(#{ host: \"h\", path: \"/a\", query: #{ x: 1 } }) // \"http://h/a?x=1\"");
}

/// All but the unreserved characters of RFC 3986 §2.3.
fn encode(function: &str, text: &str) -> Outcome<String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let plain = text.bytes().filter(|byte| is_plain(*byte)).count();
    fits(function, plain + (text.len() - plain).saturating_mul(3))?;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if is_plain(byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    Ok(out)
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
        let digit = |at: usize| after.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        let byte = digit(0).zip(digit(1)).and_then(|(high, low)| u8::try_from(high << 4 | low).ok());
        let Some(byte) = byte else {
            return Err(HostError::new("`url::decode`: a `%` is not followed by two hexadecimal digits")
                .hint("a `%` that stands for itself is written `%25`")
                .into());
        };
        bytes.push(byte);
        rest = &after[2..];
    }
    Ok(String::from_utf8(bytes).map_err(|_| HostError::new("`url::decode`: what is behind it is no text"))?)
}

fn query(function: &str, parameters: Dynamic) -> Outcome<String> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let mut bytes = 0_usize;
    for (name, value) in to_map(function, parameters)? {
        let values = if value.is_array() { to_list(function, value)? } else { vec![value] };
        for value in values {
            if value.is_array() || value.is_map() || value.is_fnptr() {
                return Err(HostError::new(format!(
                    "`{function}`: `{name}` must be a text, not {}",
                    described(&value)
                ))
                .word(name.as_str())
                .into());
            }
            if !value.is_unit() {
                let value = value.to_string();
                bytes = bytes.saturating_add((name.len() + value.len()).saturating_mul(3));
                fits(function, bytes)?;
                query.append_pair(&name, &value);
            }
        }
    }
    Ok(query.finish())
}

fn with_query(url: &str, parameters: Dynamic) -> Outcome<String> {
    let (rest, fragment) = url.split_once('#').map_or((url, None), |(rest, end)| (rest, Some(end)));
    let query = query("url::with_query", parameters)?;
    fits("url::with_query", url.len() + query.len() + 2)?;
    let mut whole = rest.to_owned();
    if !query.is_empty() {
        let joins = if rest.ends_with(['?', '&']) {
            ""
        } else if rest.contains('?') {
            "&"
        } else {
            "?"
        };
        whole.push_str(joins);
        whole.push_str(&query);
    }
    if let Some(fragment) = fragment {
        whole.push('#');
        whole.push_str(fragment);
    }
    Ok(whole)
}

fn whole(function: &str, text: &str) -> Outcome<url::Url> {
    Ok(url::Url::parse(text).map_err(|error| {
        HostError::new(format!("`{function}`: `{text}` is no whole URL: {error}"))
            .hint("write `http://HOST/path`")
            .word(text)
    })?)
}

fn build(parts: &Map) -> Outcome<String> {
    const NAME: &str = "url::build";
    if let Some(unknown) = parts.keys().find(|name| !PARTS.contains(&name.as_str())) {
        return Err(HostError::new(format!("`{NAME}` knows no part `{unknown}`"))
            .hint(format!("the parts are `{}`", PARTS.join("`, `")))
            .word(unknown.as_str())
            .into());
    }
    let text = |name: &str| parts.get(name).filter(|part| !part.is_unit()).map(ToString::to_string);
    let host = text("host").ok_or_else(|| HostError::new(format!("`{NAME}` needs a `host`")))?;
    let mut base = format!("{}://{host}", text("scheme").unwrap_or_else(|| "http".to_owned()));
    if let Some(port) = text("port") {
        base = format!("{base}:{port}");
    }
    let mut url = whole(NAME, &base)?;
    url.set_path(&text("path").unwrap_or_default());
    if let Some(parameters) = parts.get("query").filter(|part| !part.is_unit()) {
        let query =
            if parameters.is_string() { parameters.to_string() } else { query(NAME, parameters.clone())? };
        url.set_query((!query.is_empty()).then_some(&query));
    }
    url.set_fragment(text("fragment").as_deref());
    Ok(url.into())
}

fn parse(text: &str) -> Outcome<Map> {
    let url = whole("url::parse", text)?;
    let mut query = Map::new();
    for (name, value) in url.query_pairs() {
        let value = Dynamic::from(value.into_owned());
        match query.get_mut(name.as_ref()) {
            None => {
                query.insert(name.as_ref().into(), value);
            }
            // A name that is repeated has a list.
            Some(known) => {
                let known_value = known.take();
                let mut values = if known_value.is_array() {
                    to_list("url::parse", known_value)?
                } else {
                    vec![known_value]
                };
                values.push(value);
                *known = values.into();
            }
        }
    }
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
            let encoded = encode("f", &text).unwrap();
            prop_assert!(encoded.is_ascii());
            prop_assert_eq!(decode(&encoded).unwrap(), text);
        }
    }

    #[test]
    fn broken_encodings_are_refused() {
        assert_eq!(encode("f", "a b/ü").unwrap(), "a%20b%2F%C3%BC");
        for bad in ["%", "%2", "%zz", "a%", "%ff", "%+1", "%é"] {
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
    #[test]
    fn repeated_names_of_a_query_are_a_list() {
        let parts = parse("http://h/?a=1&b=2&a=3&a=4").unwrap();
        let query = parts["query"].as_map_ref().unwrap().clone();
        assert_eq!(query["a"].clone().into_typed_array::<String>().unwrap(), ["1", "3", "4"]);
        assert_eq!(super::query("f", query.into()).unwrap(), "a=1&a=3&a=4&b=2");
    }

    #[test]
    fn what_is_taken_apart_is_built_again() {
        for url in
            ["http://h/", "https://h:81/a/b?x=1&y=a+b#f", "http://[::1]:8080/a%20b", "https://h/?q=%3D"]
        {
            let mut parts = parse(url).unwrap();
            if !url.contains(":8") {
                parts.remove("port");
            }
            assert_eq!(build(&parts).unwrap(), url);
        }
        for bad in ["path", "host name", "host"] {
            let parts = Map::from([(bad.into(), " ".into())]);
            assert!(build(&parts).is_err(), "{bad}");
        }
    }

    #[test]
    fn parameters_are_added_before_the_fragment() {
        let with = |url: &str| with_query(url, Map::from([("x".into(), 1.into())]).into()).unwrap();
        assert_eq!(with("/a"), "/a?x=1");
        assert_eq!(with("/a?"), "/a?x=1");
        assert_eq!(with("/a?y=2"), "/a?y=2&x=1");
        assert_eq!(with("http://h/a#f"), "http://h/a?x=1#f");
        assert_eq!(with_query("/a#f", Map::new().into()).unwrap(), "/a#f");
    }
}
