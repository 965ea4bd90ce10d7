//! A response in the making, from fields and data to the bytes that a [`Response`] has.
//!
//! Its head is written as HTTP/1 would have it, so that whatever reads responses reads this one. Pure, no I/O.

use super::super::cache_status;
use super::super::coding::Codings;
use super::super::decode::{HEAD_MAX_BYTES, HEADERS_MAX, INTERIM_MAX, RESERVE_MAX_BYTES};
use super::super::error::Failure;
use super::super::request::is_token;
use super::super::response::{Protocol, Response};
use super::super::sink::{Receive, Sink};
use super::error::{AnswerFault, Http2Error};

/// A part of a body (RFC 9110 §15.3.7).
const PARTIAL_CONTENT: u16 = 206;

/// What a usual head takes.
const HEAD_BYTES: usize = 256;

#[derive(Debug)]
pub(super) struct Answer {
    /// The head as far as it came.
    bytes: Vec<u8>,
    /// From the final head's end on, the response's bytes.
    sink: Option<Sink>,
    /// Bytes of the body that came.
    read: u64,
    status: u16,
    length: Option<u64>,
    to_head: bool,
    receive: Receive,
    interim: u8,
    codings: Codings,
    tells_of_a_cache: bool,
    sets_cookies: bool,
}

/// One header block while it is read.
#[derive(Debug, Default)]
pub(super) struct Block {
    has_status: bool,
    has_fields: bool,
    count: usize,
    size: usize,
    fault: Option<Failure>,
}

impl From<AnswerFault> for Failure {
    fn from(fault: AnswerFault) -> Self {
        Self::Http2(Http2Error::Answer(fault))
    }
}

impl Answer {
    pub(super) fn new(to_head: bool, receive: Receive) -> Self {
        Self {
            bytes: Vec::new(),
            sink: None,
            read: 0,
            status: 0,
            length: None,
            to_head,
            receive,
            interim: 0,
            codings: Codings::default(),
            tells_of_a_cache: false,
            sets_cookies: false,
        }
    }

    /// Whether the final head is complete.
    pub(super) fn has_head(&self) -> bool {
        self.sink.is_some()
    }

    /// Takes a field of a block. A block is read to its end even if it is wrong: the table depends on it.
    pub(super) fn field(&mut self, block: &mut Block, name: &[u8], value: &[u8]) {
        block.size += name.len() + value.len() + 4;
        block.count += usize::from(name != b":status");
        if block.fault.is_some() {
            return;
        }
        if let Err(fault) = self.take(block, name, value) {
            block.fault = Some(fault);
        }
    }

    fn take(&mut self, block: &mut Block, name: &[u8], value: &[u8]) -> Result<(), Failure> {
        if block.size > HEAD_MAX_BYTES {
            return Err(Failure::HeadTooLarge { max_bytes: HEAD_MAX_BYTES });
        }
        if block.count > HEADERS_MAX {
            return Err(Failure::TooManyHeaders { max: HEADERS_MAX });
        }
        if name.first() == Some(&b':') {
            if block.has_fields || self.has_head() || name != b":status" {
                return Err(AnswerFault::Pseudo.into());
            }
            if block.has_status {
                return Err(AnswerFault::Status.into());
            }
            block.has_status = true;
            return self.begin(value);
        }
        block.has_fields = true;
        if name.is_empty() || !name.iter().all(|byte| is_token(*byte) && !byte.is_ascii_uppercase()) {
            return Err(AnswerFault::Name.into());
        }
        if value.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n')) {
            return Err(AnswerFault::Value.into());
        }
        // Trailers are checked, counted and dropped, as in HTTP/1.
        if self.has_head() {
            return Ok(());
        }
        if !block.has_status {
            return Err(AnswerFault::Status.into());
        }
        match name {
            b"connection" | b"keep-alive" | b"proxy-connection" | b"transfer-encoding" | b"upgrade" => {
                return Err(AnswerFault::ConnectionHeader.into());
            }
            b"content-encoding" => self.codings.add(value).map_err(Failure::Coding)?,
            b"set-cookie" => self.sets_cookies = true,
            b"content-length" => self.length = Some(read_length(value, self.length)?),
            _ => self.tells_of_a_cache |= str::from_utf8(name).is_ok_and(cache_status::tells),
        }
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(b": ");
        self.bytes.extend_from_slice(value);
        self.bytes.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// The status came, which is a head's first field.
    fn begin(&mut self, status: &[u8]) -> Result<(), Failure> {
        let &[a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] = status else {
            return Err(AnswerFault::Status.into());
        };
        self.status = [a, b, c].into_iter().fold(0, |number, digit| number * 10 + u16::from(digit - b'0'));
        self.bytes.reserve(HEAD_BYTES);
        self.bytes.extend_from_slice(b"HTTP/2.0 ");
        self.bytes.extend_from_slice(status);
        self.bytes.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// A block ended, and with it perhaps the stream.
    pub(super) fn end_block(&mut self, block: Block, ends_stream: bool) -> Result<(), Failure> {
        if let Some(fault) = block.fault {
            return Err(fault);
        }
        if self.has_head() {
            return if ends_stream { Ok(()) } else { Err(AnswerFault::Trailers.into()) };
        }
        if !block.has_status {
            return Err(AnswerFault::Status.into());
        }
        if self.status < 200 {
            if ends_stream || self.status == 101 {
                return Err(AnswerFault::Interim.into());
            }
            if self.interim == INTERIM_MAX {
                return Err(Failure::TooManyInterim { max: INTERIM_MAX });
            }
            self.interim += 1;
            self.bytes.clear();
            (self.length, self.tells_of_a_cache, self.sets_cookies) = (None, false, false);
            self.codings = Codings::default();
            return Ok(());
        }
        self.bytes.extend_from_slice(b"\r\n");
        let bodyless = self.is_bodyless();
        if bodyless {
            self.length = None;
        } else if self.length.is_some_and(|length| length > self.receive.max_bytes && !self.receive.discard) {
            return Err(Failure::BodyTooLarge { max_bytes: self.receive.max_bytes });
        }
        let expected = match self.length {
            Some(length) if !ends_stream => usize::try_from(length.min(RESERVE_MAX_BYTES)).unwrap_or(0),
            _ => 0,
        };
        // A part of something coded can't be decoded, and nothing can't be either.
        let is_plain = bodyless || ends_stream || self.status == PARTIAL_CONTENT;
        let codings = if is_plain { Codings::default() } else { self.codings };
        self.sink = Some(Sink::new(&self.bytes, expected, self.receive, codings));
        self.bytes = Vec::new();
        Ok(())
    }

    fn is_bodyless(&self) -> bool {
        self.to_head || matches!(self.status, 204 | 304)
    }

    /// Data came.
    pub(super) fn data(&mut self, data: &[u8]) -> Result<(), Failure> {
        let bodyless = self.is_bodyless();
        let Some(sink) = &mut self.sink else { return Err(AnswerFault::DataFirst.into()) };
        let before = self.read;
        self.read += data.len() as u64;
        if (bodyless && !data.is_empty()) || self.length.is_some_and(|length| self.read > length) {
            return Err(AnswerFault::Length.into());
        }
        let room = sink.room();
        if data.len() as u64 > room {
            return Err(sink.too_large());
        }
        sink.push(data, self.length.map_or(room, |length| length - before))
    }

    /// The stream ended: is the response complete with that?
    pub(super) fn end(&mut self) -> Result<(), Failure> {
        let Some(sink) = &mut self.sink else { return Err(AnswerFault::Status.into()) };
        if self.length.is_some_and(|length| length != self.read) {
            return Err(AnswerFault::Length.into());
        }
        // Nothing at all is no coding, whatever the head says.
        if self.read == 0 { Ok(()) } else { sink.end() }
    }

    /// The response, which is complete.
    pub(super) fn finish(self) -> Response {
        let (bytes, head_len, wire_bytes) = self.sink.unwrap_or_else(Sink::empty).into_parts();
        Response {
            bytes,
            head_len,
            wire_bytes,
            status: self.status,
            protocol: Protocol::Http2,
            tells_of_a_cache: self.tells_of_a_cache,
            sets_cookies: self.sets_cookies,
        }
    }
}

/// As in HTTP/1, but that a list is none.
fn read_length(value: &[u8], before: Option<u64>) -> Result<u64, Failure> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Failure::ContentLength);
    }
    let length =
        str::from_utf8(value).ok().and_then(|digits| digits.parse().ok()).ok_or(Failure::ContentLength)?;
    if before.is_some_and(|before| before != length) {
        return Err(Failure::ConflictingLength);
    }
    Ok(length)
}
