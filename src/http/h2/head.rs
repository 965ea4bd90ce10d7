//! A request's head, from HTTP/1's lines to a header block.
//!
//! The lines are those that HTTP/1 would send, composed by the same code, so that a request is the same in both: what
//! is the connection's own business is left out, names become lower-case, `Host` becomes `:authority`.

use memchr::memchr;

use super::hpack::{Encoder, Indexing};

/// A shorter `Cookie` could be guessed by how well it compresses (RFC 7541 §7.1.3); browsers draw the line there.
const SECRET_MIN_BYTES: usize = 20;

/// Appends the block of a request to `out`. `lines` is a whole head of HTTP/1; `lower` is scratch for names.
pub(super) fn encode(
    lines: &[u8],
    scheme: &str,
    encoder: &mut Encoder,
    lower: &mut Vec<u8>,
    out: &mut Vec<u8>,
) {
    encoder.begin(out);
    let (first, headers) = split_line(lines);
    let method_end = memchr(b' ', first).unwrap_or(first.len());
    let target = first.get(method_end + 1..).unwrap_or_default();
    let target = &target[..memchr(b' ', target).unwrap_or(target.len())];
    encoder.field(b":method", &first[..method_end], Indexing::Always, out);
    encoder.field(b":scheme", scheme.as_bytes(), Indexing::Always, out);
    if let Some(host) =
        fields(headers).find_map(|(name, value)| name.eq_ignore_ascii_case(b"host").then_some(value))
    {
        encoder.field(b":authority", host, Indexing::Always, out);
    }
    encoder.field(b":path", target, Indexing::Again, out);
    for (name, value) in fields(headers) {
        lower.clear();
        lower.extend(name.iter().map(u8::to_ascii_lowercase));
        if let Some(indexing) = indexing(lower, value) {
            encoder.field(lower, value, indexing, out);
        }
    }
}

/// How a header goes, `None` if it doesn't.
fn indexing(name: &[u8], value: &[u8]) -> Option<Indexing> {
    Some(match name {
        b"host" | b"connection" | b"keep-alive" | b"proxy-connection" | b"transfer-encoding" | b"upgrade" => {
            return None;
        }
        b"te" if !value.eq_ignore_ascii_case(b"trailers") => return None,
        b"content-length" => Indexing::Never,
        b"cookie" | b"authorization" | b"proxy-authorization" if value.len() < SECRET_MIN_BYTES => {
            Indexing::Secret
        }
        b"if-modified-since" | b"if-none-match" | b"range" | b"traceparent" => Indexing::Again,
        _ => Indexing::Always,
    })
}

/// The first line without its end, and what follows.
fn split_line(lines: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr(b'\n', lines).unwrap_or(lines.len());
    let rest = lines.get(end + 1..).unwrap_or_default();
    (lines[..end].strip_suffix(b"\r").unwrap_or(&lines[..end]), rest)
}

/// Names and values, up to the blank line.
fn fields(mut lines: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || {
        let (line, rest) = split_line(lines);
        lines = rest;
        let colon = memchr(b':', line)?;
        Some((&line[..colon], line[colon + 1..].trim_ascii()))
    })
}

#[cfg(test)]
mod tests {
    use super::super::hpack::Decoder;
    use super::*;

    fn sent(lines: &str) -> Vec<String> {
        let (mut out, mut fields) = (Vec::new(), Vec::new());
        encode(lines.as_bytes(), "http", &mut Encoder::new(), &mut Vec::new(), &mut out);
        Decoder::new()
            .decode(&out, |name, value| {
                fields.push(format!("{}={}", str::from_utf8(name).unwrap(), str::from_utf8(value).unwrap()));
            })
            .unwrap();
        fields
    }

    #[test]
    fn a_head_becomes_fields_without_what_is_the_connections() {
        assert_eq!(
            sent(
                "POST /a?b=c HTTP/1.1\r\nHost: h:1\r\nUser-Agent: x\r\nConnection: close\r\nTE: gzip\r\nX-A: : 1\r\nContent-Length: 3\r\n\r\n"
            ),
            [
                ":method=POST",
                ":scheme=http",
                ":authority=h:1",
                ":path=/a?b=c",
                "user-agent=x",
                "x-a=: 1",
                "content-length=3"
            ]
        );
        assert_eq!(
            sent("GET / HTTP/1.1\r\nTE: trailers\r\nX:\r\n\r\n"),
            [":method=GET", ":scheme=http", ":path=/", "te=trailers", "x="]
        );
    }

    #[test]
    fn a_head_that_came_before_is_one_byte_a_field() {
        let lines =
            b"GET /a HTTP/1.1\r\nHost: h\r\nUser-Agent: x\r\nAuthorization: Bearer 0123456789abcdef\r\n\r\n";
        let (mut encoder, mut lower) = (Encoder::new(), Vec::new());
        let mut lengths = Vec::new();
        for _ in 0..4 {
            let mut out = Vec::new();
            encode(lines, "https", &mut encoder, &mut lower, &mut out);
            lengths.push(out.len());
        }
        assert!(lengths[0] > 30 && lengths[1] < 12, "{lengths:?}");
        assert_eq!(lengths[2..], [6, 6]);
    }

    #[test]
    fn a_short_secret_never_enters_a_table() {
        let (mut encoder, mut out) = (Encoder::new(), Vec::new());
        for _ in 0..2 {
            out.clear();
            encode(b"GET / HTTP/1.1\r\nCookie: a=1\r\n\r\n", "http", &mut encoder, &mut Vec::new(), &mut out);
        }
        // Never indexed, its name by the static table's 32.
        assert_eq!(out[3..5], [0x1f, 32 - 15]);
    }
}
