//! The word that opens the control API: `Authorization: Bearer TOKEN`.

use std::fmt::{self, Write as _};

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

use super::error::WebError;

/// Fewer characters are soon guessed.
const CHARACTERS_MIN: usize = 16;
/// More fit in no header that others accept.
const CHARACTERS_MAX: usize = 256;
/// Of a token that is made: 128 bits.
const RANDOM_BYTES: usize = 16;

/// A token; never shown by `Debug`.
#[derive(Clone)]
pub struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    /// One that a user chose.
    pub fn new(text: &str) -> Result<Self, WebError> {
        let is_long = (CHARACTERS_MIN..=CHARACTERS_MAX).contains(&text.len());
        if is_long && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(WebError::Token { min: CHARACTERS_MIN, max: CHARACTERS_MAX })
        }
    }

    /// One that nobody can guess: 32 hex digits.
    pub fn random() -> Result<Self, WebError> {
        let mut bytes = [0; RANDOM_BYTES];
        SystemRandom::new().fill(&mut bytes).map_err(|_| WebError::Random)?;
        let digits = bytes.iter().fold(String::new(), |mut digits, byte| {
            let _ = write!(digits, "{byte:02x}");
            digits
        });
        Ok(Self(digits))
    }

    /// As it is sent.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Whether it is this one. Digests are compared: how long that takes says nothing of the token.
    pub(super) fn is(&self, text: &str) -> bool {
        digest(&SHA256, self.0.as_bytes()).as_ref() == digest(&SHA256, text.as_bytes()).as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_can_be_sent_and_not_be_guessed() {
        assert!(Token::new("0123456789abcdef").is_ok());
        for wrong in ["", "0123456789abcde", "0123456789 abcdef", "0123456789abcdeé", &"a".repeat(257)] {
            assert!(Token::new(wrong).is_err(), "{wrong}");
        }
        let (one, two) = (Token::random().unwrap(), Token::random().unwrap());
        assert_ne!(one.text(), two.text());
        assert!(Token::new(one.text()).is_ok());
    }

    #[test]
    fn only_the_very_token_opens() {
        let token = Token::new("0123456789abcdef").unwrap();
        assert!(token.is("0123456789abcdef"));
        for wrong in ["", "0123456789abcde", "0123456789abcdeF", "0123456789abcdef "] {
            assert!(!token.is(wrong), "{wrong}");
        }
        assert_eq!(format!("{token:?}"), "Token");
    }
}
