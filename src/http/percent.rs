//! Percent-encoding undone, for parts of a URL that stand for something else than a URL (RFC 3986 §2.1).

/// The bytes that are meant; a `%` without two digits stands for itself.
pub(super) fn decode(part: &str) -> Vec<u8> {
    let digit =
        |byte: Option<&u8>| char::from(*byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes = part.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if let (b'%', Some(high), Some(low)) = (byte, digit(bytes.get(at + 1)), digit(bytes.get(at + 2))) {
            out.push(high << 4 | low);
            at += 3;
        } else {
            out.push(byte);
            at += 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_escapes_are_undone() {
        for (text, wanted) in
            [("a%2Fb", "a/b"), ("%c3%A4", "ä"), ("100%", "100%"), ("%4", "%4"), ("%zz+", "%zz+")]
        {
            assert_eq!(decode(text), wanted.as_bytes(), "{text}");
        }
    }
}
