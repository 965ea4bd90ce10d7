//! `encoding::*`: base64, hexadecimal, JSON.

use rhai::{Dynamic, EvalAltResult, ImmutableString};

use super::super::error::HostError;
use super::super::registry::Registry;
use super::super::value::{DEPTH_MAX, from_json, is_deeper_than, to_json};
use super::bytes::{Encoding, to_bytes};

type Outcome<T> = Result<T, Box<EvalAltResult>>;

const FORMS: [(&str, &str, &str, &str, Encoding); 3] = [
    (
        "encoding::base64(data)",
        "a text or bytes as base64 (RFC 4648 §4)",
        "encoding::base64_decode(text)",
        "the text behind base64",
        Encoding::Base64,
    ),
    (
        "encoding::base64url(data)",
        "a text or bytes as base64 for URLs (RFC 4648 §5), without padding",
        "encoding::base64url_decode(text)",
        "the text behind base64 for URLs, padded or not",
        Encoding::Base64Url,
    ),
    (
        "encoding::hex(data)",
        "a text or bytes as hexadecimal digits",
        "encoding::hex_decode(text)",
        "the text behind hexadecimal digits",
        Encoding::Hex,
    ),
];

pub(super) fn register(registry: &mut Registry<'_>) {
    for (encode, encode_about, decode, decode_about, encoding) in FORMS {
        let name = encode.split('(').next().unwrap_or(encode);
        registry.define(encode, encode_about, move |data: Dynamic| -> Outcome<Dynamic> {
            Ok(encoding.write(&to_bytes(name, &data)?))
        });
        let name = decode.split('(').next().unwrap_or(decode);
        registry.define(decode, decode_about, move |text: ImmutableString| -> Outcome<String> {
            let bytes = encoding.read(name, &text)?;
            Ok(String::from_utf8(bytes).map_err(|_| {
                HostError::new(format!("`{name}`: what is behind it is no text"))
                    .hint("take the bytes: `encoding::bytes(text, \"base64\")`")
            })?)
        });
    }
    registry.define(
        "encoding::bytes(text, encoding)",
        "the bytes behind \"hex\", \"base64\" or \"base64url\"",
        |text: ImmutableString, encoding: ImmutableString| -> Outcome<rhai::Blob> {
            let encoding = Encoding::parse("encoding::bytes", &encoding)?;
            Ok(encoding.read("encoding::bytes", &text)?)
        },
    );
    registry.define("encoding::json(value)", "the value as JSON", |value: Dynamic| -> Outcome<String> {
        if is_deeper_than(&value, DEPTH_MAX) {
            return Err(HostError::new(format!("`encoding::json`: nested deeper than {DEPTH_MAX}")).into());
        }
        let json =
            to_json(&value).map_err(|what| HostError::new(format!("`encoding::json` can't hold {what}")))?;
        Ok(json.to_string())
    });
    registry.define(
        "encoding::json_decode(text)",
        "the value behind JSON",
        |text: ImmutableString| -> Outcome<Dynamic> {
            let json: serde_json::Value = serde_json::from_str(&text)
                .map_err(|error| HostError::new(format!("`encoding::json_decode`: no JSON: {error}")))?;
            Ok(from_json(&json))
        },
    );
}
