//! `encoding::*`: base64, hexadecimal, JSON, and from bytes to text and back.

use rhai::{Blob, Dynamic, EvalAltResult, ImmutableString};

use super::super::error::HostError;
use super::super::registry::Registry;
use super::super::value::{DEPTH_MAX, from_json, is_deeper_than, to_json};
use super::argument::{fits, to_bytes, to_text};
use super::bytes::Encoding;

type Outcome<T> = Result<T, Box<EvalAltResult>>;

struct Form {
    encode: &'static str,
    encode_about: &'static str,
    encode_example: &'static str,
    decode: &'static str,
    decode_about: &'static str,
    decode_example: &'static str,
    encoding: Encoding,
}

const FORMS: [Form; 3] = [
    Form {
        encode: "encoding::base64(data)",
        encode_about: "a text or bytes as base64 (RFC 4648 §4)",
        encode_example: "encoding::base64(\"user:pass\") // \"dXNlcjpwYXNz\"",
        decode: "encoding::base64_decode(text)",
        decode_about: "the text behind base64, padded or not",
        decode_example: "encoding::base64_decode(\"dXNlcjpwYXNz\") // \"user:pass\"",
        encoding: Encoding::Base64,
    },
    Form {
        encode: "encoding::base64url(data)",
        encode_about: "a text or bytes as base64 for URLs (RFC 4648 §5), without padding",
        encode_example: "encoding::base64url(\"a?>\") // \"YT8-\"",
        decode: "encoding::base64url_decode(text)",
        decode_about: "the text behind base64 for URLs, padded or not",
        decode_example: "encoding::base64url_decode(\"YT8-\") // \"a?>\"",
        encoding: Encoding::Base64Url,
    },
    Form {
        encode: "encoding::hex(data)",
        encode_about: "a text or bytes as hexadecimal digits",
        encode_example: "encoding::hex(\"abc\") // \"616263\"",
        decode: "encoding::hex_decode(text)",
        decode_about: "the text behind hexadecimal digits",
        decode_example: "encoding::hex_decode(\"616263\") // \"abc\"",
        encoding: Encoding::Hex,
    },
];

pub(super) fn register(registry: &mut Registry<'_>) {
    for form in FORMS {
        let (encoding, name) = (form.encoding, name_of(form.encode));
        let encode = move |data: Dynamic| encoding.write(name, &to_bytes(name, &data)?);
        registry.define(form.encode, form.encode_about, encode);
        registry.takes("data", "text or bytes").gives("text").example(form.encode_example);
        let name = name_of(form.decode);
        let decode = move |text: Dynamic| decode(name, encoding, &text);
        registry.define(form.decode, form.decode_about, decode);
        registry.takes("text", "text or bytes").example(form.decode_example);
    }
    variants(registry);
    bytes(registry);
    json(registry);
}

fn name_of(signature: &'static str) -> &'static str {
    signature.split('(').next().unwrap_or(signature)
}

fn decode(function: &str, encoding: Encoding, text: &Dynamic) -> Outcome<String> {
    let bytes = encoding.read(function, &to_bytes(function, text)?)?;
    Ok(String::from_utf8(bytes).map_err(|_| {
        HostError::new(format!("`{function}`: what is behind it is no text"))
            .hint("take the bytes: `encoding::bytes(text, \"base64\")`")
    })?)
}

/// k6's `b64encode(input, variant)` and `b64decode(input, variant)`.
fn variants(registry: &mut Registry<'_>) {
    registry.define(
        "encoding::base64(data, variant)",
        "the same as \"std\", \"rawstd\" (without padding), \"url\" or \"rawurl\"",
        |data: Dynamic, variant: ImmutableString| -> Outcome<Dynamic> {
            let encoding = Encoding::variant("encoding::base64", &variant)?;
            encoding.write("encoding::base64", &to_bytes("encoding::base64", &data)?)
        },
    );
    registry.takes("data", "text or bytes").gives("text");
    registry.example("encoding::base64(\"a?>b\", \"url\") // \"YT8-Yg==\"");
    registry.define(
        "encoding::base64_decode(text, variant)",
        "the same of a variant",
        |text: Dynamic, variant: ImmutableString| -> Outcome<String> {
            let encoding = Encoding::variant("encoding::base64_decode", &variant)?;
            decode("encoding::base64_decode", encoding, &text)
        },
    );
    registry.takes("text", "text or bytes");
    registry.example("encoding::base64_decode(\"YT8-Yg\", \"rawurl\") // \"a?>b\"");
}

fn bytes(registry: &mut Registry<'_>) {
    registry.define(
        "encoding::bytes(text)",
        "the bytes of a text (UTF-8)",
        |text: Dynamic| -> Outcome<Blob> { to_bytes("encoding::bytes", &text) },
    );
    registry.takes("text", "text or bytes").example("encoding::bytes(\"é\").len() // 2");
    registry.define(
        "encoding::bytes(text, encoding)",
        "the bytes behind \"hex\", \"base64\" or \"base64url\"",
        |text: Dynamic, encoding: ImmutableString| -> Outcome<Blob> {
            let encoding = Encoding::parse("encoding::bytes", &encoding)?;
            encoding.read("encoding::bytes", &to_bytes("encoding::bytes", &text)?)
        },
    );
    registry.takes("text", "text or bytes").example("encoding::bytes(\"00ff\", \"hex\").len() // 2");
    registry.define(
        "encoding::text(bytes)",
        "the text that bytes are (UTF-8)",
        |bytes: Dynamic| -> Outcome<String> { to_text("encoding::text", &bytes) },
    );
    registry.takes("bytes", "text or bytes");
    registry.example("encoding::text(encoding::bytes(\"616263\", \"hex\")) // \"abc\"");
}

fn json(registry: &mut Registry<'_>) {
    registry.define("encoding::json(value)", "the value as JSON", |value: Dynamic| -> Outcome<String> {
        let text = json_of("encoding::json", &value)?.to_string();
        fits("encoding::json", text.len())?;
        Ok(text)
    });
    registry.example("encoding::json(#{ price: 5, tags: [\"a\"] }) // `{\"price\":5,\"tags\":[\"a\"]}`");
    registry.define(
        "encoding::json_decode(text)",
        "the value behind JSON",
        |text: Dynamic| -> Outcome<Dynamic> {
            let bytes = to_bytes("encoding::json_decode", &text)?;
            let json: serde_json::Value = serde_json::from_slice(&bytes)
                .map_err(|error| HostError::new(format!("`encoding::json_decode`: no JSON: {error}")))?;
            Ok(from_json(&json))
        },
    );
    registry.takes("text", "text or bytes");
    registry.example("encoding::json_decode(`{\"price\":5}`).price // 5");
}

/// A value as JSON, for a function that says which values it can't hold.
pub(super) fn json_of(function: &str, value: &Dynamic) -> Outcome<serde_json::Value> {
    if is_deeper_than(value, DEPTH_MAX) {
        return Err(HostError::new(format!("`{function}`: a value nested deeper than {DEPTH_MAX}")).into());
    }
    Ok(to_json(value).map_err(|what| {
        HostError::new(format!("`{function}` can't hold {what}"))
            .hint("JSON takes nothing, true or false, numbers, texts, lists and maps")
    })?)
}
