//! Ids in a URL's path, folded: `/users/17/orders/550e8400-…` becomes `/users/{id}/orders/{id}`, so that requests of
//! one sort have one name. Pure text; the caller decides whether it is asked for.
//!
//! What is an id is decided segment by segment: a number, a date, a UUID, a hash, a ULID, a random token. What a
//! human would have written stays: `v2`, `top-10`, `iphone-15`, `facade`.

use std::borrow::Cow;

/// What stands in an id's place. No path holds it by chance: braces are percent-encoded in a URL.
const ID: &str = "{id}";

/// The shortest hash that is one: git's short form is 7, but 7 hex digits are too often a word and a number.
const HASH_MIN: usize = 8;
/// Hex digits without a single decimal one among them are a word below this (`defaced`, `fabaceae`).
const HASH_OF_LETTERS_MIN: usize = 32;
/// A ULID's length: 48 bits of time and 80 of chance in Crockford's base 32.
const ULID_CHARS: usize = 26;
/// The shortest token, and the shortest stretch of one without `-`, in which letters of both cases and digits mix.
const TOKEN_MIN: usize = 16;
const STRETCH_MIN: usize = 8;
/// The longest extension of a file: `.parquet`.
const EXTENSION_MAX: usize = 7;

/// The path, with what is an id in it folded; borrowed where nothing is.
pub fn fold_ids(path: &str) -> Cow<'_, str> {
    if !path.split('/').any(|segment| folded(segment).is_some()) {
        return Cow::Borrowed(path);
    }
    let segments: Vec<Cow<'_, str>> =
        path.split('/').map(|segment| folded(segment).unwrap_or(Cow::Borrowed(segment))).collect();
    Cow::Owned(segments.join("/"))
}

/// What stands for a segment, if an id is in it: alone, several with commas between, or before a file's extension.
fn folded(segment: &str) -> Option<Cow<'static, str>> {
    if segment.split(',').all(is_id) {
        return Some(Cow::Borrowed(ID));
    }
    let (stem, extension) = segment.rsplit_once('.')?;
    let is_extension = (1..=EXTENSION_MAX).contains(&extension.len())
        && extension.starts_with(|c: char| c.is_ascii_alphabetic())
        && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (is_extension && is_id(stem)).then(|| Cow::Owned(format!("{ID}.{extension}")))
}

fn is_id(text: &str) -> bool {
    is_number(text) || is_date(text) || is_uuid(text) || is_hash(text) || is_ulid(text) || is_token(text)
}

/// `17`, `-3`, `12.5`.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    match text.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => digits(text),
    }
}

/// `2024-05-17` and what begins so and goes on with a time, plain or percent-encoded: `2024-05-17T10%3A30Z`.
fn is_date(text: &str) -> bool {
    let (Some(date), rest) = (text.get(..10), text.get(10..).unwrap_or_default()) else { return false };
    let is_date = date.bytes().enumerate().all(|(at, byte)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    let is_of_time = |byte: u8| {
        byte.is_ascii_digit() || matches!(byte, b':' | b'.' | b'+' | b'-' | b'%' | b'A' | b'B' | b'Z')
    };
    is_date && (rest.is_empty() || rest.starts_with(['T', 't']) && rest.bytes().skip(1).all(is_of_time))
}

/// 8, 4, 4, 4 and 12 hex digits.
fn is_uuid(text: &str) -> bool {
    let is_part = |(part, length): (&str, usize)| part.len() == length && is_hex(part);
    let parts: [usize; 5] = [8, 4, 4, 4, 12];
    text.len() == 36 && text.split('-').count() == parts.len() && text.split('-').zip(parts).all(is_part)
}

/// Hex digits: an object's id, a checksum.
fn is_hash(text: &str) -> bool {
    let has_digit = || text.bytes().any(|byte| byte.is_ascii_digit());
    text.len() >= HASH_MIN && is_hex(text) && (text.len() >= HASH_OF_LETTERS_MIN || has_digit())
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `01ARZ3NDEKTSV4RRFFQ69G5FAV`: without I, L, O and U, and of a time that isn't over.
fn is_ulid(text: &str) -> bool {
    let is_base_32 = |byte: u8| {
        byte.is_ascii_digit() || byte.is_ascii_uppercase() && !matches!(byte, b'I' | b'L' | b'O' | b'U')
    };
    text.len() == ULID_CHARS
        && text.starts_with(|c: char| ('0'..='7').contains(&c))
        && text.bytes().all(is_base_32)
}

/// `cus_9s6XKzkNRiz8i3`, `V1StGXR8_Z5jdHi6B-myT`, base64url. Words of a title, `IPhone-15-Pro-Max-256GB`, don't mix so.
fn is_token(text: &str) -> bool {
    let is_of_token = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_mixed = |stretch: &str| {
        let has = |sort: fn(&u8) -> bool| stretch.as_bytes().iter().any(sort);
        stretch.len() >= STRETCH_MIN
            && has(u8::is_ascii_uppercase)
            && has(u8::is_ascii_lowercase)
            && has(u8::is_ascii_digit)
    };
    text.len() >= TOKEN_MIN && text.bytes().all(is_of_token) && text.split('-').any(is_mixed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_folded_segment_by_segment() {
        for (path, expected) in [
            ("/users/123/orders/550e8400-e29b-41d4-a716-446655440000", "/users/{id}/orders/{id}"),
            ("/users/123/", "/users/{id}/"),
            ("/7", "/{id}"),
            ("/at/-12.5/3.75", "/at/{id}/{id}"),
            ("/items/1,2,3", "/items/{id}"),
            ("/files/123.json", "/files/{id}.json"),
            ("/assets/a1b2c3d4e5f6.min.js", "/assets/a1b2c3d4e5f6.min.js"),
            ("/days/2024-05-17", "/days/{id}"),
            ("/days/2024-05-17T10:30:00Z", "/days/{id}"),
            ("/days/2024-05-17T10%3A30%3A00%2B02:00", "/days/{id}"),
            ("/UUID/550E8400-E29B-41D4-A716-446655440000", "/UUID/{id}"),
            ("/commit/9fceb02", "/commit/9fceb02"),
            ("/commit/9fceb02d", "/commit/{id}"),
            ("/sha/d41d8cd98f00b204e9800998ecf8427e", "/sha/{id}"),
            ("/object/507f1f77bcf86cd799439011", "/object/{id}"),
            ("/ulid/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/ulid/{id}"),
            ("/customers/cus_9s6XKzkNRiz8i3", "/customers/{id}"),
            ("/nano/V1StGXR8_Z5jdHi6B-myT", "/nano/{id}"),
        ] {
            assert_eq!(fold_ids(path), expected, "{path}");
        }
    }

    #[test]
    fn what_a_human_wrote_stays_and_costs_nothing() {
        for path in [
            "/",
            "",
            "/api/v2/users",
            "/top-10",
            "/products/iphone-15",
            "/products/IPhone-15-Pro-Max-256GB",
            "/words/facade/defaced/fabaceae",
            "/mcp/tools/get_price",
            "/docs/index.html",
            "/releases/1.2.3",
            "/a-sentence-of-many-words-in-2024",
            "/MixedCaseButWithoutDigits",
            "/2024-13",
            "/%7Bid%7D",
            "/ä/€",
        ] {
            assert!(
                matches!(fold_ids(path), Cow::Borrowed(same) if same == path),
                "{path}: {}",
                fold_ids(path)
            );
        }
    }

    #[test]
    fn folding_twice_is_folding_once_and_leaves_the_number_of_segments() {
        for path in ["/users/123/orders/9", "//7//", "/a/1.json/2024-01-01", "/,/,1"] {
            let once = fold_ids(path);
            assert_eq!(fold_ids(&once), once, "{path}");
            assert_eq!(once.matches('/').count(), path.matches('/').count(), "{path}");
        }
    }
}
