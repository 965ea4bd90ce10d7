//! Why HTTP/2 failed: what the server said, or which rule of RFC 9113 it broke.
//!
//! What ends one stream leaves the others alone; what ends the connection fails all that are under way.

use std::fmt;

use super::hpack::HpackError;

/// An error code of HTTP/2 (RFC 9113 §7), as the peer sent it or as it is sent to the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reason(pub(super) u32);

impl Reason {
    pub(super) const NO_ERROR: Self = Self(0);
    pub(super) const PROTOCOL_ERROR: Self = Self(1);
    pub(super) const FLOW_CONTROL_ERROR: Self = Self(3);
    pub(super) const STREAM_CLOSED: Self = Self(5);
    pub(super) const FRAME_SIZE_ERROR: Self = Self(6);
    pub(super) const REFUSED_STREAM: Self = Self(7);
    pub(super) const CANCEL: Self = Self(8);
    pub(super) const COMPRESSION_ERROR: Self = Self(9);
    pub(super) const ENHANCE_YOUR_CALM: Self = Self(11);
}

/// By number, from 0.
const NAMES: [&str; 14] = [
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
];

/// The families of HTTP/2's error codes.
const GOAWAY: u16 = 1610;
const STREAM: u16 = 1630;
const CONNECTION: u16 = 1650;

/// The family of such a number and the name of HTTP/2's code in it; nothing for other numbers, and for the
/// families themselves.
pub fn http2_reason(error_code: u16) -> Option<(u16, &'static str)> {
    [GOAWAY, STREAM, CONNECTION].into_iter().find_map(|family| {
        let at = usize::from(error_code.checked_sub(family + 1)?);
        Some((family, *NAMES.get(at)?))
    })
}

impl Reason {
    /// From the family's number to this code's; none for a code that has no name.
    fn offset(self) -> u16 {
        match u16::try_from(self.0) {
            Ok(code) if usize::from(code) < NAMES.len() => 1 + code,
            _ => 0,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A code that has no name could be any number, and the text is a tag.
        f.write_str(NAMES.get(self.0 as usize).unwrap_or(&"an unknown code"))
    }
}

/// What failed an exchange over HTTP/2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Http2Error {
    /// The server answered in another protocol.
    #[error(
        "the server does not speak HTTP/2 there: leave `http_version` at `auto`, or call a port that accepts HTTP/2 by prior knowledge"
    )]
    NotHttp2,
    /// GOAWAY with an error, while the request was under way.
    #[error("the server ended the connection (GOAWAY, {reason})")]
    GoAway {
        /// Its code.
        reason: Reason,
    },
    /// GOAWAY that says that this request was not processed; also a second time, where one was sent again.
    #[error("the server closed the connection before it took the request (GOAWAY, {reason})")]
    Unprocessed {
        /// Its code.
        reason: Reason,
    },
    /// `RST_STREAM` with `REFUSED_STREAM`: not processed.
    #[error("the server refused the stream (REFUSED_STREAM)")]
    Refused,
    /// `RST_STREAM` with another code.
    #[error("the server reset the stream ({reason})")]
    Reset {
        /// Its code.
        reason: Reason,
    },
    /// A response that breaks the rules of HTTP/2's messages.
    #[error("the response is malformed: {0}")]
    Answer(AnswerFault),
    /// The server broke a rule on which the connection depends.
    #[error("the connection was ended, since the server broke HTTP/2: {0}")]
    Connection(Fault),
}

impl Http2Error {
    /// k6's number: 1600 for HTTP/2 in general, 1610 GOAWAY, 1630 a stream's error, 1650 a connection's; with
    /// HTTP/2's own code `n` it is `1 + n` more, so that a refused stream (7) is 1638 and a cancelled one 1639.
    pub fn error_code(&self) -> u16 {
        match self {
            Self::NotHttp2 => 1600,
            Self::GoAway { reason } | Self::Unprocessed { reason } => GOAWAY + reason.offset(),
            Self::Refused => STREAM + Reason::REFUSED_STREAM.offset(),
            Self::Reset { reason } => STREAM + reason.offset(),
            Self::Answer(_) => STREAM,
            Self::Connection(fault) => CONNECTION + fault.reason().offset(),
        }
    }

    /// Whether the server said that it did nothing with the request: it may be sent again, whatever its method.
    pub(in crate::http) fn is_unprocessed(self) -> bool {
        matches!(self, Self::Unprocessed { .. })
    }

    /// Whether it was one request too many at once.
    pub(in crate::http) fn is_refusal(self) -> bool {
        matches!(self, Self::Unprocessed { reason: Reason::REFUSED_STREAM } | Self::Refused)
    }
}

/// What is wrong with a response (RFC 9113 §8.1, §8.2, §8.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum AnswerFault {
    /// No `:status`, several, or one that is no number from 100 to 999.
    #[error("its `:status` is missing, given twice, or not a status")]
    Status,
    /// Another pseudo-header, or one behind a header.
    #[error("it has a pseudo-header that it must not have there")]
    Pseudo,
    /// A header's name with capitals or other characters that no name has.
    #[error("a header's name has capitals, or characters that no name may have")]
    Name,
    /// A value with a line break or a NUL.
    #[error("a header's value has a line break or a NUL")]
    Value,
    /// `connection` and its like, which belong to HTTP/1.
    #[error("it has a header that belongs to HTTP/1 connections")]
    ConnectionHeader,
    /// A `content-length` other than the data's.
    #[error("its content-length is not the length of its data")]
    Length,
    /// Data before any head.
    #[error("its data came before its head")]
    DataFirst,
    /// An interim response that ends the stream, or 101.
    #[error("an interim response ends it, or switches protocols")]
    Interim,
    /// A second head that doesn't end the stream.
    #[error("headers behind its data don't end it")]
    Trailers,
    /// A window enlarged by nothing.
    #[error("the server enlarged its window by nothing")]
    EmptyUpdate,
    /// A window enlarged beyond 2³¹ − 1.
    #[error("the server enlarged its window beyond the maximum")]
    WindowOverflow,
    /// More data than its window allowed.
    #[error("the server sent more data than the stream's window allows")]
    WindowExceeded,
    /// A PRIORITY frame of a wrong size.
    #[error("a frame of it has a wrong size")]
    FrameSize,
}

impl AnswerFault {
    /// What the stream is reset with.
    pub(super) fn reason(self) -> Reason {
        match self {
            Self::WindowOverflow | Self::WindowExceeded => Reason::FLOW_CONTROL_ERROR,
            Self::FrameSize => Reason::FRAME_SIZE_ERROR,
            _ => Reason::PROTOCOL_ERROR,
        }
    }
}

/// Which rule the server broke, so that nothing that follows can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Fault {
    /// The connection did not begin with SETTINGS.
    #[error("its first frame is not SETTINGS")]
    Preface,
    /// A frame larger than allowed, or of a size that its kind can't have.
    #[error("a frame has a wrong size")]
    FrameSize,
    /// A frame of a stream on the connection, or the other way round.
    #[error("a frame came on a stream where it must not")]
    Stream,
    /// A frame for a stream that was never opened.
    #[error("a frame came for a stream that was never opened")]
    IdleStream,
    /// A frame for a stream that the server had ended.
    #[error("a frame came for a stream that had ended")]
    ClosedStream,
    /// A setting's value out of its range.
    #[error("a setting has a value out of its range")]
    Setting,
    /// CONTINUATION without HEADERS, or another frame between the two.
    #[error("a header block is interrupted, or continued without having begun")]
    Continuation,
    /// `PUSH_PROMISE`, though pushes are switched off.
    #[error("it pushed, which was switched off")]
    Push,
    /// More padding than frame.
    #[error("a frame has more padding than it is long")]
    Padding,
    /// A window enlarged by nothing.
    #[error("it enlarged the connection's window by nothing")]
    EmptyUpdate,
    /// A window enlarged beyond 2³¹ − 1.
    #[error("it enlarged a window beyond the maximum")]
    WindowOverflow,
    /// More data than the connection's window allowed.
    #[error("it sent more data than the connection's window allows")]
    WindowExceeded,
    /// A header block that can't be read.
    #[error("{0}")]
    Compression(HpackError),
    /// More than a server has reason to send.
    #[error("it sent too many {0}")]
    Flood(Flood),
}

impl Fault {
    /// What the connection is ended with.
    pub(super) fn reason(self) -> Reason {
        match self {
            Self::FrameSize => Reason::FRAME_SIZE_ERROR,
            Self::WindowOverflow | Self::WindowExceeded => Reason::FLOW_CONTROL_ERROR,
            Self::ClosedStream => Reason::STREAM_CLOSED,
            Self::Compression(_) => Reason::COMPRESSION_ERROR,
            Self::Flood(_) => Reason::ENHANCE_YOUR_CALM,
            _ => Reason::PROTOCOL_ERROR,
        }
    }
}

/// Of what there was too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flood {
    /// SETTINGS, PING and others that bring no response any further.
    Control,
    /// SETTINGS and PING whose answers the server doesn't read.
    Answers,
    /// DATA frames without data.
    EmptyData,
    /// A header block in too many frames, or of too many bytes.
    HeaderBlock,
    /// Frames for streams that we had reset.
    Late,
}

impl fmt::Display for Flood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Control => "frames that bring no response any further",
            Self::Answers => "frames whose answers it does not read",
            Self::EmptyData => "DATA frames without data",
            Self::HeaderBlock => "bytes or frames of one header block",
            Self::Late => "frames for streams that were reset",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_k6s_number_and_a_text_without_figures() {
        let reason = Reason::ENHANCE_YOUR_CALM;
        for (error, code, text) in [
            (
                Http2Error::GoAway { reason },
                1622,
                "the server ended the connection (GOAWAY, ENHANCE_YOUR_CALM)",
            ),
            (Http2Error::Refused, 1638, "the server refused the stream (REFUSED_STREAM)"),
            (Http2Error::Reset { reason: Reason(77) }, 1630, "the server reset the stream (an unknown code)"),
            (
                Http2Error::Connection(Fault::Compression(HpackError::Index)),
                1660,
                "the connection was ended, since the server broke HTTP/2: a header block names an entry that is in no table",
            ),
        ] {
            assert_eq!((error.error_code(), &*error.to_string()), (code, text));
        }
        assert_eq!(Http2Error::Reset { reason: Reason::CANCEL }.error_code(), 1639);
        assert_eq!(Http2Error::Answer(AnswerFault::Length).error_code(), 1630);
    }

    #[test]
    fn a_number_leads_back_to_its_family_and_its_reason() {
        assert_eq!(http2_reason(1611), Some((1610, "NO_ERROR")));
        assert_eq!(http2_reason(1638), Some((1630, "REFUSED_STREAM")));
        assert_eq!(http2_reason(1664), Some((1650, "HTTP_1_1_REQUIRED")));
        for other in [1600, 1610, 1625, 1630, 1645, 1650, 1665, 0] {
            assert_eq!(http2_reason(other), None, "{other}");
        }
    }
}
