//! How bytes are written as text, and read back: the names that `encoding::*` and `crypto::*` take.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use rhai::{Blob, Dynamic, EvalAltResult};

use super::super::error::HostError;
use super::argument::fits;

/// How bytes are written as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Hex,
    /// RFC 4648 §4, padded.
    Base64,
    /// The same without padding.
    Base64Raw,
    /// RFC 4648 §5, without padding, as JSON web tokens have it.
    Base64Url,
    /// The same with padding.
    Base64UrlPadded,
    /// Not at all.
    Bytes,
}

/// By their names in scripts, k6's included.
const ENCODINGS: [(&str, Encoding); 9] = [
    ("hex", Encoding::Hex),
    ("base64", Encoding::Base64),
    ("base64raw", Encoding::Base64Raw),
    ("base64url", Encoding::Base64Url),
    ("base64url_padded", Encoding::Base64UrlPadded),
    ("bytes", Encoding::Bytes),
    ("binary", Encoding::Bytes),
    ("base64std", Encoding::Base64),
    ("base64rawurl", Encoding::Base64Url),
];

/// The names that a hint recommends.
const RECOMMENDED: &str =
    "write \"hex\", \"base64\", \"base64raw\", \"base64url\", \"base64url_padded\" or \"bytes\"";

/// Variants of base64 by k6's names.
const VARIANTS: [(&str, Encoding); 4] = [
    ("std", Encoding::Base64),
    ("rawstd", Encoding::Base64Raw),
    ("url", Encoding::Base64UrlPadded),
    ("rawurl", Encoding::Base64Url),
];

/// Readers that don't mind whether the writer padded: senders differ.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const READ_STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const READ_URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

impl Encoding {
    pub(super) fn parse(function: &str, name: &str) -> Result<Self, Box<EvalAltResult>> {
        let known = ENCODINGS.iter().find(|(known, _)| *known == name).map(|(_, encoding)| *encoding);
        known.ok_or_else(|| {
            HostError::new(format!("`{function}` knows no encoding `{name}`"))
                .hint(RECOMMENDED)
                .word(name)
                .into()
        })
    }

    /// A variant of base64, as k6 names them.
    pub(super) fn variant(function: &str, name: &str) -> Result<Self, Box<EvalAltResult>> {
        let known = VARIANTS.iter().find(|(known, _)| *known == name).map(|(_, encoding)| *encoding);
        known.ok_or_else(|| {
            HostError::new(format!("`{function}` knows no variant `{name}` of base64"))
                .hint("write \"std\", \"rawstd\" (without padding), \"url\" or \"rawurl\"")
                .word(name)
                .into()
        })
    }

    /// The bytes in this encoding: a text, or the bytes themselves.
    pub(super) fn write(self, function: &str, bytes: &[u8]) -> Result<Dynamic, Box<EvalAltResult>> {
        fits(function, bytes.len().saturating_mul(2))?;
        Ok(match self {
            Self::Hex => to_hex(bytes).into(),
            Self::Base64 => STANDARD.encode(bytes).into(),
            Self::Base64Raw => STANDARD_NO_PAD.encode(bytes).into(),
            Self::Base64Url => URL_SAFE_NO_PAD.encode(bytes).into(),
            Self::Base64UrlPadded => URL_SAFE.encode(bytes).into(),
            Self::Bytes => Dynamic::from_blob(bytes.to_vec()),
        })
    }

    /// The bytes that a text in this encoding stands for.
    pub(super) fn read(self, function: &str, text: &[u8]) -> Result<Blob, Box<EvalAltResult>> {
        let fault = |what: String| HostError::new(format!("`{function}`: {what}"));
        Ok(match self {
            Self::Hex => from_hex(text).map_err(fault)?,
            Self::Base64 | Self::Base64Raw => {
                READ_STANDARD.decode(text).map_err(|error| fault(lower(&error.to_string())))?
            }
            Self::Base64Url | Self::Base64UrlPadded => {
                READ_URL.decode(text).map_err(|error| fault(lower(&error.to_string())))?
            }
            Self::Bytes => text.to_vec(),
        })
    }
}

fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

fn from_hex(text: &[u8]) -> Result<Blob, String> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    if let Some(wrong) = String::from_utf8_lossy(text).chars().find(|c| !c.is_ascii_hexdigit()) {
        return Err(format!("`{wrong}` is no hexadecimal digit"));
    }
    if text.len() % 2 == 1 {
        return Err(format!("{} digits are no whole bytes", text.len()));
    }
    let pairs = text.chunks_exact(2);
    Ok(pairs.filter_map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect())
}

/// A library's sentence as a fragment.
fn lower(text: &str) -> String {
    let mut characters = text.trim_end_matches('.').chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(encoding: Encoding, bytes: &[u8]) -> String {
        encoding.write("f", bytes).unwrap().into_string().unwrap()
    }

    #[test]
    fn every_encoding_reads_what_it_wrote() {
        let all: Vec<u8> = (0..=255).collect();
        for (_, encoding) in ENCODINGS.iter().filter(|(_, encoding)| *encoding != Encoding::Bytes) {
            for length in [0, 1, 2, 3, 255, 256] {
                let text = write(*encoding, &all[..length]);
                assert_eq!(encoding.read("f", text.as_bytes()).unwrap(), &all[..length], "{encoding:?}");
            }
        }
    }

    #[test]
    fn base64_is_that_of_rfc_4648() {
        // §10.
        for (plain, padded, hex) in [
            ("", "", ""),
            ("f", "Zg==", "66"),
            ("fo", "Zm8=", "666f"),
            ("foo", "Zm9v", "666f6f"),
            ("foob", "Zm9vYg==", "666f6f62"),
            ("fooba", "Zm9vYmE=", "666f6f6261"),
            ("foobar", "Zm9vYmFy", "666f6f626172"),
        ] {
            assert_eq!(write(Encoding::Base64, plain.as_bytes()), padded);
            assert_eq!(write(Encoding::Base64Raw, plain.as_bytes()), padded.trim_end_matches('='));
            assert_eq!(write(Encoding::Hex, plain.as_bytes()), hex);
            for text in [padded, padded.trim_end_matches('=')] {
                assert_eq!(Encoding::Base64.read("f", text.as_bytes()).unwrap(), plain.as_bytes());
            }
        }
        assert_eq!(write(Encoding::Base64, b"ab?>"), "YWI/Pg==");
        assert_eq!(write(Encoding::Base64UrlPadded, b"ab?>"), "YWI_Pg==");
        assert_eq!(write(Encoding::Base64Url, b"ab?>"), "YWI_Pg");
        assert_eq!(Encoding::Base64Url.read("f", b"YWI_Pg==").unwrap(), b"ab?>");
    }

    #[test]
    fn what_is_no_encoding_is_refused() {
        assert!(from_hex(b"abc").unwrap_err().contains("no whole bytes"));
        assert!(from_hex(b"zz").unwrap_err().contains("`z`"));
        assert!(Encoding::Base64.read("f", b"a$").is_err());
        assert!(Encoding::Base64.read("f", b"YWI_Pg").is_err(), "the other alphabet");
        assert!(Encoding::parse("f", "rot13").is_err());
        assert!(Encoding::variant("f", "hex").is_err());
    }
}
