//! Frames (RFC 9113 §4, §6): nine bytes of head, then the payload.

use super::error::{Fault, Reason};

pub(super) const HEAD_BYTES: usize = 9;
/// What a payload may have unless the receiver allows more, which we don't.
pub(super) const PAYLOAD_MAX_BYTES: usize = 16 << 10;
/// What the client says first.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(super) const END_STREAM: u8 = 0x1;
pub(super) const ACK: u8 = 0x1;
pub(super) const END_HEADERS: u8 = 0x4;
pub(super) const PADDED: u8 = 0x8;
pub(super) const PRIORITY: u8 = 0x20;

pub(super) const SETTING_HEADER_TABLE_SIZE: u16 = 1;
pub(super) const SETTING_ENABLE_PUSH: u16 = 2;
pub(super) const SETTING_MAX_CONCURRENT_STREAMS: u16 = 3;
pub(super) const SETTING_INITIAL_WINDOW_SIZE: u16 = 4;
pub(super) const SETTING_MAX_FRAME_SIZE: u16 = 5;
pub(super) const SETTING_MAX_HEADER_LIST_SIZE: u16 = 6;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Data,
    Headers,
    Priority,
    RstStream,
    Settings,
    PushPromise,
    Ping,
    GoAway,
    WindowUpdate,
    Continuation,
    /// To be ignored (RFC 9113 §5.5).
    Unknown,
}

const KINDS: [Kind; 10] = [
    Kind::Data,
    Kind::Headers,
    Kind::Priority,
    Kind::RstStream,
    Kind::Settings,
    Kind::PushPromise,
    Kind::Ping,
    Kind::GoAway,
    Kind::WindowUpdate,
    Kind::Continuation,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) length: usize,
    pub(super) kind: Kind,
    pub(super) flags: u8,
    pub(super) stream: u32,
}

impl Head {
    pub(super) fn parse(bytes: &[u8; HEAD_BYTES]) -> Self {
        let [a, b, c, kind, flags, stream @ ..] = *bytes;
        Self {
            length: u32::from_be_bytes([0, a, b, c]) as usize,
            kind: KINDS.get(usize::from(kind)).copied().unwrap_or(Kind::Unknown),
            flags,
            stream: u32::from_be_bytes(stream) & 0x7fff_ffff,
        }
    }

    pub(super) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// Appends a frame's head.
#[expect(clippy::cast_possible_truncation, reason = "a payload is 16 MiB at most, a kind one of ten")]
pub(super) fn push_head(out: &mut Vec<u8>, length: usize, kind: Kind, flags: u8, stream: u32) {
    let mut head = [0; HEAD_BYTES];
    head[..3].copy_from_slice(&(length as u32).to_be_bytes()[1..]);
    (head[3], head[4]) = (kind as u8, flags);
    head[5..].copy_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(&head);
}

/// Writes the length of a frame whose payload goes from its head, at `at`, to the end.
#[expect(clippy::cast_possible_truncation, reason = "a payload is 16 MiB at most")]
pub(super) fn seal(out: &mut [u8], at: usize) {
    let length = (out.len() - at - HEAD_BYTES) as u32;
    out[at..at + 3].copy_from_slice(&length.to_be_bytes()[1..]);
}

pub(super) fn push_settings(out: &mut Vec<u8>, settings: &[(u16, u32)]) {
    push_head(out, settings.len() * 6, Kind::Settings, 0, 0);
    for (name, value) in settings {
        out.extend_from_slice(&name.to_be_bytes());
        out.extend_from_slice(&value.to_be_bytes());
    }
}

pub(super) fn push_window_update(out: &mut Vec<u8>, stream: u32, increment: u32) {
    push_head(out, 4, Kind::WindowUpdate, 0, stream);
    out.extend_from_slice(&increment.to_be_bytes());
}

pub(super) fn push_reset(out: &mut Vec<u8>, stream: u32, reason: Reason) {
    push_head(out, 4, Kind::RstStream, 0, stream);
    out.extend_from_slice(&reason.0.to_be_bytes());
}

/// The last stream of the peer's that was taken up is none: it opens no streams.
pub(super) fn push_goaway(out: &mut Vec<u8>, reason: Reason) {
    push_head(out, 8, Kind::GoAway, 0, 0);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&reason.0.to_be_bytes());
}

/// A payload without its padding.
pub(super) fn unpadded(head: Head, payload: &[u8]) -> Result<&[u8], Fault> {
    if !head.has(PADDED) {
        return Ok(payload);
    }
    let (length, rest) = payload.split_first().ok_or(Fault::FrameSize)?;
    let kept = rest.len().checked_sub(usize::from(*length)).ok_or(Fault::Padding)?;
    Ok(&rest[..kept])
}

/// The number that a payload consists of, or begins with.
pub(super) fn number(payload: &[u8]) -> Result<u32, Fault> {
    payload.first_chunk().map(|bytes| u32::from_be_bytes(*bytes)).ok_or(Fault::FrameSize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_as_written() {
        for (number, kind) in KINDS.into_iter().enumerate() {
            let mut out = vec![0xaa];
            push_head(&mut out, 0x01_02_03, kind, 0x25, 0x7654_3210);
            assert_eq!(usize::from(out[4]), number);
            let head = Head::parse(out[1..].first_chunk().unwrap());
            assert_eq!(head, Head { length: 0x01_02_03, kind, flags: 0x25, stream: 0x7654_3210 });
        }
        // The reserved bit is ignored, and so is a kind that nobody knows.
        let head = Head::parse(&[0, 0, 0, 200, 0, 0x80, 0, 0, 1]);
        assert_eq!((head.kind, head.stream), (Kind::Unknown, 1));
    }

    #[test]
    fn padding_is_taken_off() {
        let head = |flags| Head { length: 0, kind: Kind::Data, flags, stream: 1 };
        assert_eq!(unpadded(head(0), b"\x02ab"), Ok(&b"\x02ab"[..]));
        assert_eq!(unpadded(head(PADDED), b"\x02ab\0\0"), Ok(&b"ab"[..]));
        assert_eq!(unpadded(head(PADDED), b"\x02\0\0"), Ok(&b""[..]));
        assert_eq!(unpadded(head(PADDED), b"\x03\0\0"), Err(Fault::Padding));
        assert_eq!(unpadded(head(PADDED), b""), Err(Fault::FrameSize));
    }
}
