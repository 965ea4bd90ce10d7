//! Secrets, and how they are kept out of all that is printed or stored.
//!
//! A [`Mask`] knows the secrets of a run and puts `***` where a text shows one: plain, percent-encoded,
//! form-encoded, in base64 and base64url (also inside of a longer text, as in `user:secret`), in hex of
//! either case, JSON-escaped and debug-escaped. Overlapping ones are hidden together, so that no part of
//! either stays; what a `…` cut off is known by the rest. Texts are masked where they leave the process,
//! which is `cli/terminal.rs` for what is printed.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::Value;

use super::render::is_hostile;
use super::{Diagnostic, Source};

/// What is shown instead.
pub(super) const SHOWN: &str = "***";

/// Characters of a secret beside a `…` by which it is known; fewer are found everywhere.
const FRAGMENT_MIN: usize = 4;

/// The mark of a text that was cut.
const CUT: char = '…';

/// Characters of an encoded one that was cut in its midst: `\u{1f60…`.
const ESCAPE_CHARACTERS_MAX: usize = 8;

/// The secrets of a run. A clone shares them; they come in while the script declares.
#[derive(Clone, Default)]
pub struct Mask(Arc<RwLock<Vec<Needle>>>);

/// Never shows what it hides.
impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mask")
    }
}

/// A text that must not be seen: a secret, or a code of one.
struct Needle {
    characters: Vec<char>,
    /// Of base64: the character before also holds bits of the secret.
    shares_before: bool,
    /// The same behind; `=` may follow.
    shares_behind: bool,
}

impl Mask {
    /// From now on the secret is hidden. The empty one, which is everywhere, is not.
    pub fn hide(&self, secret: &str) {
        if secret.is_empty() {
            return;
        }
        let plain = |text: &str| Needle {
            characters: text.chars().collect(),
            shares_before: false,
            shares_behind: false,
        };
        let hex = |digits: &[u8; 16]| -> String {
            let digit = |four: u8| char::from(digits[usize::from(four)]);
            secret.bytes().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
        };
        let mut needles = base64_codes(secret.as_bytes());
        needles.extend([plain(secret), plain(&hex(b"0123456789abcdef")), plain(&hex(b"0123456789ABCDEF"))]);
        self.0.write().unwrap_or_else(PoisonError::into_inner).extend(needles);
    }

    /// Whether nothing is to be hidden.
    pub fn is_empty(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// The text with `***` for each secret; the text itself where it shows none.
    pub fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let found = self.find(text);
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        let (mut masked, mut from) = (String::with_capacity(text.len()), 0);
        for range in found {
            masked.push_str(&text[from..range.start]);
            masked.push_str(SHOWN);
            from = range.end;
        }
        masked.push_str(&text[from..]);
        Cow::Owned(masked)
    }

    /// Hides secrets in a text that is kept.
    pub fn apply(&self, text: &mut String) {
        if let Cow::Owned(masked) = self.mask(text) {
            *text = masked;
        }
    }

    /// Hides secrets in the texts of a JSON value. Numbers stay, and so do keys of small letters and `_`:
    /// ours are, and a secret that equals one would break what reads the JSON.
    pub fn apply_json(&self, value: &mut Value) {
        match value {
            Value::String(text) => self.apply(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.apply_json(item)),
            Value::Object(pairs) => {
                let is_ours = |key: &str| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
                for (mut key, mut value) in std::mem::take(pairs) {
                    if !is_ours(&key) {
                        self.apply(&mut key);
                    }
                    self.apply_json(&mut value);
                    pairs.insert(key, value);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Where secrets stand, in bytes: in order, none touching another.
    pub fn find(&self, text: &str) -> Vec<Range<usize>> {
        let needles = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if needles.is_empty() {
            return Vec::new();
        }
        let mut found: Vec<Range<usize>> = needles.iter().flat_map(|needle| needle.find(text)).collect();
        found.sort_unstable_by_key(|range| range.start);
        let mut merged: Vec<Range<usize>> = Vec::with_capacity(found.len());
        for range in found {
            match merged.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => merged.push(range),
            }
        }
        merged
    }
}

impl Diagnostic {
    /// Hides secrets in all but the sources' texts, which are hidden where a line of them is quoted.
    pub fn apply(&mut self, mask: &Mask) {
        mask.apply(&mut self.message);
        self.notes.iter_mut().chain(&mut self.hint).for_each(|text| mask.apply(text));
        for label in &mut self.labels {
            mask.apply(&mut label.text);
            if let Some(source) = &mut label.source
                && let Cow::Owned(name) = mask.mask(&source.name)
            {
                *source = Arc::new(Source { name, text: source.text.clone() });
            }
        }
    }
}

impl Needle {
    /// All places, also those that overlap.
    fn find(&self, text: &str) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        for (start, c) in text.char_indices() {
            // Most characters begin nothing.
            if (c == self.characters[0] || may_encode(c))
                && let Some(end) = spelt(&self.characters, text, start)
            {
                found.push(self.widened(text, start..end));
            }
        }
        for (cut, _) in text.match_indices(CUT) {
            let start = text.len() - text[cut + CUT.len_utf8()..].trim_start_matches(' ').len();
            let ends = (1..=self.characters.len().saturating_sub(FRAGMENT_MIN))
                .filter_map(|from| spelt(&self.characters[from..], text, start));
            found.extend(ends.max().map(|end| self.widened(text, start..end)));
        }
        found
    }

    /// With the characters of base64 beside it that hold bits of the secret.
    fn widened(&self, text: &str, Range { mut start, mut end }: Range<usize>) -> Range<usize> {
        let is_code = |c: char| c.is_ascii_alphanumeric() || "+/-_".contains(c);
        if self.shares_before && text[..start].ends_with(is_code) {
            start -= 1;
        }
        if self.shares_behind && text[end..].starts_with(is_code) {
            end += 1;
            end += text[end..].bytes().take(2).take_while(|byte| *byte == b'=').count();
        }
        start..end
    }
}

/// The secret in base64 wherever it stands in a longer text: what stands before shifts it by 0, 1 or 2
/// bytes. Of each the characters that hold bits of nothing else, in both alphabets.
fn base64_codes(secret: &[u8]) -> Vec<Needle> {
    let mut codes: Vec<Needle> = Vec::new();
    for shift in 0..3 {
        let shifted = [&[0; 2][..shift], secret].concat();
        let bits = 8 * shifted.len();
        let code: Vec<char> = STANDARD_NO_PAD.encode(&shifted).chars().collect();
        let inner = &code[(8 * shift).div_ceil(6)..bits / 6];
        let for_url = |c: &char| match c {
            '+' => '-',
            '/' => '_',
            c => *c,
        };
        for characters in [inner.to_vec(), inner.iter().map(for_url).collect()] {
            if codes.iter().all(|known| known.characters != characters) {
                let (shares_before, shares_behind) = (shift != 0, !bits.is_multiple_of(6));
                codes.push(Needle { characters, shares_before, shares_behind });
            }
        }
    }
    codes
}

/// Whether the character may stand for another, or begin what does.
fn may_encode(c: char) -> bool {
    matches!(c, '%' | '\\' | '+' | ' ' | char::REPLACEMENT_CHARACTER)
}

/// Where the characters end that are spelt at a place, each as it is or encoded; also if they were cut.
fn spelt(characters: &[char], text: &str, start: usize) -> Option<usize> {
    // Several, since `%25` may be a percent sign that is encoded, or one that digits follow.
    let mut ends = vec![start];
    for (done, c) in characters.iter().enumerate() {
        let mut next: Vec<usize> = Vec::new();
        for end in &ends {
            spellings(&text[*end..], *c, |length| {
                if !next.contains(&(end + length)) {
                    next.push(end + length);
                }
            });
        }
        if next.is_empty() {
            let is_cut = |end: &usize| is_cut(&text[*end..]);
            return ends.into_iter().filter(|_| done >= FRAGMENT_MIN).filter(is_cut).max();
        }
        ends = next;
    }
    ends.into_iter().max()
}

/// Whether a text ends here in a `…`, maybe within an escape.
fn is_cut(rest: &str) -> bool {
    let is_escape = |c: char| c.is_ascii_hexdigit() || " %\\u{".contains(c);
    rest.chars().take(ESCAPE_CHARACTERS_MAX).find(|c| !is_escape(*c)) == Some(CUT)
}

/// Gives the length of each way in which a text begins with a character: as it is, percent-encoded, as a
/// form's `+`, as `clean` leaves it, escaped as JSON, Rust and Rhai do.
fn spellings(rest: &str, c: char, mut give: impl FnMut(usize)) {
    if rest.starts_with(c) {
        give(c.len_utf8());
    }
    let Some(first) = rest.chars().next().filter(|first| may_encode(*first)) else { return };
    match first {
        '%' => {
            let mut buffer = [0; 4];
            let bytes = c.encode_utf8(&mut buffer).as_bytes();
            let encoded = rest.as_bytes().get(..3 * bytes.len());
            let is_byte =
                |(code, byte): (&[u8], &u8)| code[0] == b'%' && hex(&code[1..]) == Some(u32::from(*byte));
            if encoded.is_some_and(|encoded| encoded.chunks(3).zip(bytes).all(is_byte)) {
                give(3 * bytes.len());
            }
        }
        '+' if c == ' ' => give(1),
        ' ' if c == '\t' => give(1),
        char::REPLACEMENT_CHARACTER if is_hostile(c) => give(first.len_utf8()),
        '\\' => escapes(&rest[1..], c, |length| give(1 + length)),
        _ => {}
    }
}

/// The same for what follows a `\`.
fn escapes(rest: &str, c: char, mut give: impl FnMut(usize)) {
    let letter = match c {
        '\n' => 'n',
        '\r' => 'r',
        '\t' => 't',
        '\0' => '0',
        '\u{8}' => 'b',
        '\u{c}' => 'f',
        c => c,
    };
    if (letter != c || "\"'\\/`$".contains(c)) && rest.starts_with(letter) {
        give(1);
    }
    let code = u32::from(c);
    let bytes = rest.as_bytes();
    let digits = |from: usize, count: usize| bytes.get(from..from + count).and_then(hex);
    match bytes.first() {
        Some(b'x') if digits(1, 2) == Some(code) => give(3),
        Some(b'u') if bytes.get(1) == Some(&b'{') => {
            if let Some(end) = rest.find('}')
                && digits(2, end - 2) == Some(code)
            {
                give(end + 1);
            }
        }
        Some(b'u') => {
            let mut units = [0; 2];
            let units = c.encode_utf16(&mut units);
            let is_unit = |(index, unit): (usize, &u16)| {
                let before =
                    if index == 0 { Some(&b"u"[..]) } else { bytes.get(5..7).filter(|b| b == b"\\u") };
                before.is_some() && digits(1 + 6 * index, 4) == Some(u32::from(*unit))
            };
            if units.iter().enumerate().all(is_unit) {
                give(6 * units.len() - 1);
            }
        }
        _ => {}
    }
}

/// The number that hex digits of either case write.
fn hex(digits: &[u8]) -> Option<u32> {
    let is_hex = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(digits).ok().filter(|_| is_hex)?;
    u32::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests;
