//! A response: one allocation with the head as it came and the decoded body behind it.
//!
//! Most flows look at the status and the body alone, so headers are not collected: `header` walks
//! the head, which the parser has already found well-formed.

use std::borrow::Cow;

use memchr::memchr;

use super::cache_status::CacheStatus;

/// The protocol of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// `HTTP/1.0`
    Http10,
    /// `HTTP/1.1`
    Http11,
    /// `HTTP/2.0`
    Http2,
}

impl Protocol {
    /// As the `proto` tag prints it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2.0",
        }
    }
}

/// A complete response.
#[derive(Debug)]
pub struct Response {
    /// The head as received, blank line included, then the body without its framing.
    pub(super) bytes: Vec<u8>,
    pub(super) head_len: usize,
    /// Bytes of the body on the wire: without framing, but before its content codings were undone.
    pub(super) wire_bytes: u64,
    pub(super) status: u16,
    pub(super) protocol: Protocol,
    /// Whether a header was seen that tells of a cache: without one there is nothing to look for.
    pub(super) tells_of_a_cache: bool,
    /// Whether it sets a cookie.
    pub(super) sets_cookies: bool,
}

impl Response {
    /// The status code, 100 to 999.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The reason phrase; often empty.
    pub fn reason(&self) -> Cow<'_, str> {
        // "HTTP/1.1 200 OK": the parser has seen at least twelve bytes.
        let line = &self.head()[..memchr(b'\n', self.head()).unwrap_or(self.head_len)];
        String::from_utf8_lossy(line.get(13..).unwrap_or_default().trim_ascii())
    }

    /// The protocol of the response.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The body, decoded from its framing and its content codings; empty if it was discarded.
    pub fn body(&self) -> &[u8] {
        &self.bytes[self.head_len..]
    }

    /// Bytes of the body on the wire, without framing, as `Content-Length` has them: before its content codings
    /// were undone.
    pub fn wire_bytes(&self) -> u64 {
        self.wire_bytes
    }

    /// The body as text; bytes that are not UTF-8 become U+FFFD.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.body())
    }

    /// The value of the header, whatever the case of `name`; several are joined by `", "` (RFC 9110 §5.3).
    pub fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut values = self
            .raw_headers()
            .filter(|(own, _)| own.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value);
        let first = String::from_utf8_lossy(values.next()?);
        Some(values.fold(first, |joined, value| joined + ", " + String::from_utf8_lossy(value)))
    }

    /// All headers in the order they came, names in lower case, repeated ones as often as they came.
    pub fn headers(&self) -> Headers<'_> {
        Headers { rest: self.header_lines() }
    }

    /// The values of a header, each as it came: for those that can't be joined, such as `Set-Cookie`.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Cow<'a, str>> {
        let all = self.raw_headers().filter(|(own, _)| own.eq_ignore_ascii_case(name.as_bytes()));
        all.map(|(_, value)| String::from_utf8_lossy(value))
    }

    /// Whether it sets a cookie; known since the head was read.
    #[inline]
    pub fn sets_cookies(&self) -> bool {
        self.sets_cookies
    }

    /// What the response tells about the caches it came through.
    pub fn cache_status(&self) -> CacheStatus {
        if self.tells_of_a_cache { CacheStatus::of(self) } else { CacheStatus::Unknown }
    }

    /// The head as it came, for people.
    pub fn head_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.head())
    }

    fn head(&self) -> &[u8] {
        &self.bytes[..self.head_len]
    }

    /// The head without its status line.
    fn header_lines(&self) -> &[u8] {
        memchr(b'\n', self.head()).map_or(&[], |end| &self.head()[end + 1..])
    }

    /// All headers as they came, without what is around a value.
    pub(super) fn raw_headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut rest = self.header_lines();
        std::iter::from_fn(move || next_header(&mut rest))
    }
}

/// The headers of a [`Response`].
#[derive(Clone, Debug)]
pub struct Headers<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Headers<'a> {
    type Item = (String, Cow<'a, str>);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value) = next_header(&mut self.rest)?;
        Some((String::from_utf8_lossy(name).to_ascii_lowercase(), String::from_utf8_lossy(value)))
    }
}

/// Takes one header line off `rest`; the blank line, which has no colon, ends them.
fn next_header<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let end = memchr(b'\n', rest)?;
    let line = &rest[..end];
    *rest = &rest[end + 1..];
    let colon = memchr(b':', line)?;
    Some((&line[..colon], line[colon + 1..].trim_ascii()))
}

#[cfg(test)]
impl Response {
    /// One with the head's status, for tests of what reads responses.
    pub(crate) fn sample(head: &str, body: &[u8]) -> Self {
        Self {
            bytes: [head.as_bytes(), body].concat(),
            head_len: head.len(),
            wire_bytes: body.len() as u64,
            status: head.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(200),
            protocol: Protocol::Http11,
            tells_of_a_cache: false,
            sets_cookies: head.to_ascii_lowercase().contains("\nset-cookie:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(head: &str, body: &[u8]) -> Response {
        Response::sample(head, body)
    }

    #[test]
    fn headers_are_found_in_any_case() {
        let response = response(
            "HTTP/1.1 200 All right\r\nContent-Type:  text/plain \r\nX-Empty:\r\nVia: a\r\nVIA: b\n\r\n",
            b"x: y\r\n",
        );
        assert_eq!(response.reason(), "All right");
        assert_eq!(response.header("content-TYPE").as_deref(), Some("text/plain"));
        assert_eq!(response.header("x-empty").as_deref(), Some(""));
        assert_eq!(response.header("via").as_deref(), Some("a, b"));
        assert_eq!(response.header("x"), None);
        let names: Vec<_> = response.headers().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(names, ["content-type=text/plain", "x-empty=", "via=a", "via=b"]);
        assert_eq!(response.body(), b"x: y\r\n");
    }

    #[test]
    fn a_status_line_may_end_early() {
        for head in ["HTTP/1.1 200\r\n\r\n", "HTTP/1.1 200 \r\n\r\n", "HTTP/1.1 200\n\n"] {
            let response = response(head, b"");
            assert_eq!(response.reason(), "");
            assert_eq!(response.headers().count(), 0);
        }
    }

    #[test]
    fn text_replaces_what_is_not_utf8() {
        assert_eq!(response("HTTP/1.1 200\r\n\r\n", b"a\xffb").text(), "a\u{fffd}b");
    }
}
