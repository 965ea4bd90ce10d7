//! From bytes as they come to a response: where the head ends, how the body is framed (RFC 9112 §6),
//! and whether the connection may serve another request.
//!
//! Pure and without I/O. Invariant: the outcome does not depend on how the input was split. When
//! one read brings all, as almost always, the response is the only allocation.
//!
//! | state | goes to | when |
//! |---|---|---|
//! | `Head` | `Head` | an interim response (1xx) ended |
//! | `Head` | `Length`, `Chunked`, `UntilClose` | a final head ended and a body follows |
//! | `Head` | `Done` | a final head without a body ended |
//! | body states | `Done` | the body ended, for `UntilClose` with the connection |

use std::mem::{self, MaybeUninit};

use memchr::memchr;

use super::cache_status;
use super::chunked::Chunked;
use super::coding::Codings;
use super::error::Failure;
use super::request::has_token;
use super::response::{Protocol, Response};
use super::sink::{Receive, Sink};

/// Headers a response may have: as many as hyper's client takes.
pub(super) const HEADERS_MAX: usize = 100;
/// Bytes a head may take; common servers stop at 8 to 32 KiB.
pub(super) const HEAD_MAX_BYTES: usize = 64 << 10;
/// Interim responses before the final one; a 100 and a few early hints are usual.
pub(super) const INTERIM_MAX: u8 = 16;
/// What is set aside for a body on its declared length alone; the rest follows as it comes.
pub(super) const RESERVE_MAX_BYTES: u64 = 1 << 20;

/// What a piece of input led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// The response goes on.
    More,
    /// The response is complete: [`Decoder::finish`] has it.
    Complete,
}

#[derive(Debug)]
enum State {
    Head,
    Length { left: u64 },
    Chunked(Chunked),
    UntilClose,
    Done,
}

/// One response in the making.
#[derive(Debug)]
pub(super) struct Decoder {
    state: State,
    /// In state `Head`, what came of it so far.
    bytes: Vec<u8>,
    /// From the final head's end on, the response's bytes.
    sink: Sink,
    /// In state `Head`, how far `bytes` was searched for the head's end.
    searched: usize,
    interim: u8,
    to_head: bool,
    receive: Receive,
    head: Head,
    leftover: bool,
}

/// What a final head says.
#[derive(Clone, Copy, Debug)]
struct Head {
    status: u16,
    protocol: Protocol,
    keep_alive: bool,
    tells_of_a_cache: bool,
    sets_cookies: bool,
    codings: Codings,
}

enum Framing {
    None,
    Length(u64),
    Chunked,
    UntilClose,
}

impl Decoder {
    /// A decoder for the answer to one request; the answer `to_head` has no body.
    pub(super) fn new(to_head: bool, receive: Receive) -> Self {
        let head = Head {
            status: 0,
            protocol: Protocol::Http11,
            keep_alive: false,
            tells_of_a_cache: false,
            sets_cookies: false,
            codings: Codings::default(),
        };
        Self {
            state: State::Head,
            bytes: Vec::new(),
            sink: Sink::empty(),
            searched: 0,
            interim: 0,
            to_head,
            receive,
            head,
            leftover: false,
        }
    }

    /// Takes the next bytes from the connection.
    pub(super) fn feed(&mut self, input: &[u8]) -> Result<Progress, Failure> {
        match self.state {
            State::Head if self.bytes.is_empty() => self.feed_head(input),
            State::Head => {
                self.bytes.extend_from_slice(input);
                if self.awaits_more_head()? {
                    return Ok(Progress::More);
                }
                let carried = mem::take(&mut self.bytes);
                self.feed_head(&carried)
            }
            _ => self.feed_body(input),
        }
    }

    /// Whether only the connection's end can tell that the response is complete.
    pub(super) fn awaits_end(&self) -> bool {
        matches!(self.state, State::UntilClose)
    }

    /// The connection ended; an error if the response is not complete with that.
    pub(super) fn end(&mut self) -> Result<(), Failure> {
        match self.state {
            State::UntilClose => {
                self.sink.end()?;
                self.state = State::Done;
            }
            State::Done => {}
            State::Head if self.bytes.is_empty() && self.interim == 0 => return Err(Failure::NoResponse),
            State::Head => return Err(Failure::TruncatedHead),
            State::Length { .. } | State::Chunked(_) => return Err(Failure::TruncatedBody),
        }
        Ok(())
    }

    /// The complete response, and whether its connection may be used again.
    pub(super) fn finish(self) -> (Response, bool) {
        debug_assert!(matches!(self.state, State::Done), "only a complete response is finished");
        let Head { status, protocol, keep_alive, tells_of_a_cache, sets_cookies, .. } = self.head;
        let (bytes, head_len, wire_bytes) = self.sink.into_parts();
        let response =
            Response { bytes, head_len, wire_bytes, status, protocol, tells_of_a_cache, sets_cookies };
        (response, keep_alive && !self.leftover)
    }

    /// Whether the head in `bytes` is still without its end; a server may send it byte by byte.
    fn awaits_more_head(&mut self) -> Result<bool, Failure> {
        if !starts_as_http(&self.bytes) {
            return Err(not_http(&self.bytes));
        }
        let more = head_end(&self.bytes, self.searched).is_none() && self.bytes.len() < HEAD_MAX_BYTES;
        if more {
            self.searched = search_again_from(self.bytes.len());
        }
        Ok(more)
    }

    /// Reads heads off `input`, which holds all that came since the last one ended.
    fn feed_head(&mut self, mut input: &[u8]) -> Result<Progress, Failure> {
        loop {
            if !starts_as_http(input) {
                return Err(not_http(input));
            }
            let Some(end) = head_end(input, self.searched) else {
                if input.len() >= HEAD_MAX_BYTES {
                    return Err(Failure::HeadTooLarge { max_bytes: HEAD_MAX_BYTES });
                }
                self.searched = search_again_from(input.len());
                self.bytes = input.to_vec();
                return Ok(Progress::More);
            };
            self.searched = 0;
            if end > HEAD_MAX_BYTES {
                return Err(Failure::HeadTooLarge { max_bytes: HEAD_MAX_BYTES });
            }
            let (head, framing) = read_head(&input[..end], self.to_head)?;
            match head.status {
                101 => return Err(Failure::Upgrade),
                100..=199 if self.interim == INTERIM_MAX => {
                    return Err(Failure::TooManyInterim { max: INTERIM_MAX });
                }
                100..=199 => {
                    self.interim += 1;
                    input = &input[end..];
                    if input.is_empty() {
                        return Ok(Progress::More);
                    }
                }
                _ => {
                    self.head = head;
                    self.begin_body(&input[..end], framing, input.len() - end)?;
                    return self.feed_body(&input[end..]);
                }
            }
        }
    }

    fn begin_body(&mut self, head: &[u8], framing: Framing, at_hand: usize) -> Result<(), Failure> {
        let Receive { max_bytes, discard } = self.receive;
        let (state, expected) = match framing {
            Framing::None | Framing::Length(0) => (State::Done, 0),
            Framing::Length(left) if left > max_bytes && !discard => {
                return Err(Failure::BodyTooLarge { max_bytes });
            }
            Framing::Length(left) => (State::Length { left }, left.min(RESERVE_MAX_BYTES)),
            Framing::Chunked => (State::Chunked(Chunked::new()), at_hand as u64),
            Framing::UntilClose => (State::UntilClose, at_hand as u64),
        };
        let expected = usize::try_from(expected).unwrap_or(0);
        // A part of something coded can't be decoded: who asks for parts puts them together.
        let whole = self.head.status != 206 && !matches!(state, State::Done);
        let codings = if whole { self.head.codings } else { Codings::default() };
        self.sink = Sink::new(head, expected, self.receive, codings);
        self.state = state;
        Ok(())
    }

    fn feed_body(&mut self, input: &[u8]) -> Result<Progress, Failure> {
        let sink = &mut self.sink;
        let used = match &mut self.state {
            State::Length { left } => {
                let take = usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
                sink.push(&input[..take], *left)?;
                *left -= take as u64;
                if *left > 0 {
                    return Ok(Progress::More);
                }
                take
            }
            State::Chunked(chunked) => match chunked.feed(input, sink)? {
                Some(used) => used,
                None => return Ok(Progress::More),
            },
            State::UntilClose => {
                let room = sink.room();
                if input.len() as u64 > room {
                    return Err(sink.too_large());
                }
                sink.push(input, room)?;
                return Ok(Progress::More);
            }
            State::Head | State::Done => 0,
        };
        self.sink.end()?;
        self.state = State::Done;
        self.leftover = used < input.len();
        Ok(Progress::Complete)
    }
}

/// Whether what came so far can be the start of a response: other services are told apart at once.
fn starts_as_http(input: &[u8]) -> bool {
    input.iter().zip(b"HTTP/").all(|(found, expected)| found == expected)
}

/// What answered instead: TLS, or whatever else. Its records are alerts or handshakes of version 3.
#[cold]
fn not_http(input: &[u8]) -> Failure {
    match input {
        [21 | 22, 3, ..] => Failure::AnswerIsTls,
        _ => Failure::NotHttp,
    }
}

/// The last two of `len` bytes without a head's end may be the beginning of it.
fn search_again_from(len: usize) -> usize {
    len.saturating_sub(2)
}

/// Where the head ends, blank line included, given that it does not before `from`. Lines may end
/// in a bare LF (RFC 9112 §2.2).
fn head_end(input: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(found) = memchr(b'\n', input.get(at..)?) {
        at += found + 1;
        match &input[at..] {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
    None
}

/// Reads a whole head: all that framing and reuse depend on.
fn read_head(bytes: &[u8], to_head: bool) -> Result<(Head, Framing), Failure> {
    // Uninitialised, so that the usual handful of headers touches a handful of slots.
    let mut slots = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let mut parsed = httparse::Response::new(&mut []);
    match httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut parsed, bytes, &mut slots)
    {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(Failure::ResponseHeader),
        Err(error) => return Err(diagnose(error, bytes)),
    }
    let status = parsed.code.filter(|code| *code >= 100).ok_or(Failure::StatusLine)?;
    let protocol = if parsed.version == Some(0) { Protocol::Http10 } else { Protocol::Http11 };

    let mut length = None;
    let mut chunked = false;
    let (mut tells_of_a_cache, mut sets_cookies) = (false, false);
    let mut codings = Codings::default();
    let (mut close, mut keep) = (false, false);
    for header in &*parsed.headers {
        let is = |name| header.name.eq_ignore_ascii_case(name);
        match header.name.len() {
            10 if is("connection") => {
                let value = str::from_utf8(header.value).unwrap_or_default();
                close |= has_token(value, "close");
                keep |= has_token(value, "keep-alive");
            }
            10 if is("set-cookie") => sets_cookies = true,
            14 if is("content-length") => length = Some(read_length(header.value, length)?),
            16 if is("content-encoding") => codings.add(header.value).map_err(Failure::Coding)?,
            17 if is("transfer-encoding") => {
                // A second coding, in this line or another, would have to be undone as well.
                if chunked || !header.value.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                    return Err(Failure::TransferCoding);
                }
                chunked = true;
            }
            _ => tells_of_a_cache |= cache_status::tells(header.name),
        }
    }

    let framing = match length {
        _ if to_head || matches!(status, 100..=199 | 204 | 304) => Framing::None,
        _ if chunked => Framing::Chunked,
        Some(length) => Framing::Length(length),
        None => Framing::UntilClose,
    };
    let persistent = if protocol == Protocol::Http11 { !close } else { keep && !close };
    // RFC 9112 §6.1: both framings at once, or chunks in HTTP/1.0, may be an attack: read, then close.
    let doubtful = chunked && (length.is_some() || protocol == Protocol::Http10);
    let keep_alive = persistent && !doubtful && !matches!(framing, Framing::UntilClose);
    Ok((Head { status, protocol, keep_alive, tells_of_a_cache, sets_cookies, codings }, framing))
}

/// One `content-length` field, which may be a list, after those `before` it: all must agree.
fn read_length(value: &[u8], before: Option<u64>) -> Result<u64, Failure> {
    let mut agreed = before;
    for item in value.split(|&byte| byte == b',') {
        let item = item.trim_ascii();
        // `parse` alone would take "+5".
        if item.is_empty() || !item.iter().all(u8::is_ascii_digit) {
            return Err(Failure::ContentLength);
        }
        let length = str::from_utf8(item).ok().and_then(|digits| digits.parse().ok());
        let length = length.ok_or(Failure::ContentLength)?;
        if agreed.is_some_and(|agreed| agreed != length) {
            return Err(Failure::ConflictingLength);
        }
        agreed = Some(length);
    }
    agreed.ok_or(Failure::ContentLength)
}

/// What the parser disliked, in words that say what the server should change.
#[cold]
fn diagnose(error: httparse::Error, head: &[u8]) -> Failure {
    if error == httparse::Error::TooManyHeaders {
        return Failure::TooManyHeaders { max: HEADERS_MAX };
    }
    if memchr(0, head).is_some() {
        return Failure::NulInHead;
    }
    match error {
        httparse::Error::Version => return Failure::Version,
        httparse::Error::Status | httparse::Error::NewLine => return Failure::StatusLine,
        _ => {}
    }
    let mut lines = head.split(|&byte| byte == b'\n').skip(1);
    if lines.any(|line| matches!(line, [b' ' | b'\t', ..])) {
        return Failure::FoldedHeader;
    }
    Failure::ResponseHeader
}

#[cfg(test)]
mod tests;
#[cfg(any(test, feature = "trial"))]
#[cfg_attr(
    not(feature = "trial"),
    expect(unreachable_pub, reason = "public for `fuzz/`, by the feature alone")
)]
pub mod trial;
