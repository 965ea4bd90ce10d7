//! What functions on data take and give: text or bytes in, text in an encoding or bytes out.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rhai::{Dynamic, EvalAltResult};

use super::super::error::HostError;
use super::super::value::type_name;

/// How bytes are written as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Hex,
    Base64,
    /// RFC 4648 §5, without padding.
    Base64Url,
    /// Not at all.
    Bytes,
}

/// By their names in scripts.
const ENCODINGS: [(&str, Encoding); 4] = [
    ("hex", Encoding::Hex),
    ("base64", Encoding::Base64),
    ("base64url", Encoding::Base64Url),
    ("bytes", Encoding::Bytes),
];

impl Encoding {
    pub(super) fn parse(function: &str, name: &str) -> Result<Self, Box<EvalAltResult>> {
        let known = ENCODINGS.iter().find(|(known, _)| *known == name).map(|(_, encoding)| *encoding);
        known.ok_or_else(|| {
            HostError::new(format!("`{function}` knows no encoding `{name}`"))
                .hint("write \"hex\", \"base64\", \"base64url\" or \"bytes\"")
                .word(name)
                .into()
        })
    }

    /// The bytes in this encoding: a text, or the bytes themselves.
    pub(super) fn write(self, bytes: &[u8]) -> Dynamic {
        match self {
            Self::Hex => to_hex(bytes).into(),
            Self::Base64 => STANDARD.encode(bytes).into(),
            Self::Base64Url => URL_SAFE_NO_PAD.encode(bytes).into(),
            Self::Bytes => Dynamic::from_blob(bytes.to_vec()),
        }
    }

    /// The bytes that a text in this encoding stands for.
    pub(super) fn read(self, function: &str, text: &str) -> Result<Vec<u8>, HostError> {
        let fault = |what: String| HostError::new(format!("`{function}`: {what}")).word(text);
        match self {
            Self::Hex => from_hex(text).map_err(fault),
            Self::Base64 => STANDARD.decode(text).map_err(|error| fault(lower(&error.to_string()))),
            // Senders differ in whether they pad.
            Self::Base64Url => URL_SAFE_NO_PAD
                .decode(text.trim_end_matches('='))
                .map_err(|error| fault(lower(&error.to_string()))),
            Self::Bytes => Ok(text.as_bytes().to_vec()),
        }
    }
}

/// A text's UTF-8, or bytes as they are.
pub(super) fn to_bytes(function: &str, value: &Dynamic) -> Result<Vec<u8>, Box<EvalAltResult>> {
    if let Ok(text) = value.as_immutable_string_ref() {
        return Ok(text.as_bytes().to_vec());
    }
    match value.as_blob_ref() {
        Ok(bytes) => Ok(bytes.clone()),
        Err(_) => {
            Err(HostError::new(format!("`{function}` takes a text or bytes, not {}", type_name(value)))
                .into())
        }
    }
}

fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

fn from_hex(text: &str) -> Result<Vec<u8>, String> {
    if let Some(wrong) = text.chars().find(|c| !c.is_ascii_hexdigit()) {
        return Err(format!("`{wrong}` is no hexadecimal digit"));
    }
    if text.len() % 2 == 1 {
        return Err(format!("{} digits are no whole bytes", text.len()));
    }
    let digit =
        |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).unwrap_or(0);
    Ok(text.as_bytes().chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect())
}

/// A library's sentence as a fragment.
fn lower(text: &str) -> String {
    let mut characters = text.trim_end_matches('.').chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_reads_what_it_wrote() {
        let all: Vec<u8> = (0..=255).collect();
        for encoding in [Encoding::Hex, Encoding::Base64, Encoding::Base64Url] {
            for length in [0, 1, 2, 3, 255, 256] {
                let text = encoding.write(&all[..length]).into_string().unwrap();
                assert_eq!(encoding.read("f", &text).unwrap(), &all[..length], "{encoding:?} {length}");
            }
        }
        assert_eq!(Encoding::Base64.write(b"ab?>").into_string().unwrap(), "YWI/Pg==");
        assert_eq!(Encoding::Base64Url.write(b"ab?>").into_string().unwrap(), "YWI_Pg");
        assert_eq!(Encoding::Base64Url.read("f", "YWI_Pg==").unwrap(), b"ab?>");
    }

    #[test]
    fn what_is_no_encoding_is_refused() {
        assert!(from_hex("abc").unwrap_err().contains("no whole bytes"));
        assert!(from_hex("zz").unwrap_err().contains("`z`"));
        assert!(Encoding::Base64.read("f", "a$").is_err());
        assert!(Encoding::parse("f", "rot13").is_err());
    }
}
