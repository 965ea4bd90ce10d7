//! Percent-encoding undone, for parts of a URL that stand for something else than a URL (RFC 3986 §2.1).

use percent_encoding::percent_decode_str;

/// The bytes that are meant; a `%` without two digits stands for itself.
pub(super) fn decode(part: &str) -> Vec<u8> {
    percent_decode_str(part).collect()
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
