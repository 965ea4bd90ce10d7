//! A response in the making, from fields and data to the bytes that a [`Response`] has.
//!
//! Its head is written as HTTP/1 would have it, so that whatever reads responses reads this one. Pure, no I/O.

use super::super::cache_status;
use super::super::decode::{HEAD_MAX_BYTES, HEADERS_MAX, INTERIM_MAX, RESERVE_MAX_BYTES};
use super::super::error::Failure;
use super::super::grow::append;
use super::super::request::is_token;
use super::super::response::{Protocol, Response};
use super::error::{AnswerFault, Http2Error};

/// What a usual head takes.
const HEAD_BYTES: usize = 256;

#[derive(Debug)]
pub(super) struct Answer {
    bytes: Vec<u8>,
    /// 0 until the final head is complete.
    head_len: usize,
    status: u16,
    length: Option<u64>,
    to_head: bool,
    body_max_bytes: u64,
    interim: u8,
    tells_of_a_cache: bool,
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
    pub(super) fn new(to_head: bool, body_max_bytes: u64) -> Self {
        Self {
            bytes: Vec::new(),
            head_len: 0,
            status: 0,
            length: None,
            to_head,
            body_max_bytes,
            interim: 0,
            tells_of_a_cache: false,
        }
    }

    /// Whether the final head is complete.
    pub(super) fn has_head(&self) -> bool {
        self.head_len > 0
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
            (self.length, self.tells_of_a_cache) = (None, false);
            return Ok(());
        }
        self.bytes.extend_from_slice(b"\r\n");
        self.head_len = self.bytes.len();
        if self.to_head || matches!(self.status, 204 | 304) {
            self.length = None;
        } else if let Some(length) = self.length {
            if length > self.body_max_bytes {
                return Err(self.too_large());
            }
            if !ends_stream {
                self.bytes.reserve_exact(usize::try_from(length.min(RESERVE_MAX_BYTES)).unwrap_or(0));
            }
        }
        Ok(())
    }

    /// Data came.
    pub(super) fn data(&mut self, data: &[u8]) -> Result<(), Failure> {
        if !self.has_head() {
            return Err(AnswerFault::DataFirst.into());
        }
        let read = (self.bytes.len() - self.head_len) as u64;
        let room = self.body_max_bytes.saturating_sub(read);
        let bodyless = self.to_head || matches!(self.status, 204 | 304);
        if (bodyless && !data.is_empty())
            || self.length.is_some_and(|length| read + data.len() as u64 > length)
        {
            return Err(AnswerFault::Length.into());
        }
        if data.len() as u64 > room {
            return Err(self.too_large());
        }
        append(&mut self.bytes, data, self.length.map_or(room, |length| length - read));
        Ok(())
    }

    /// The stream ended: is the response complete with that?
    pub(super) fn end(&self) -> Result<(), Failure> {
        if !self.has_head() {
            return Err(AnswerFault::Status.into());
        }
        let read = (self.bytes.len() - self.head_len) as u64;
        if self.length.is_some_and(|length| length != read) {
            return Err(AnswerFault::Length.into());
        }
        Ok(())
    }

    /// The response, which is complete.
    pub(super) fn finish(self) -> Response {
        Response {
            bytes: self.bytes,
            head_len: self.head_len,
            status: self.status,
            protocol: Protocol::Http2,
            tells_of_a_cache: self.tells_of_a_cache,
        }
    }

    fn too_large(&self) -> Failure {
        Failure::BodyTooLarge { max_bytes: self.body_max_bytes }
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
