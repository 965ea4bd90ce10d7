//! Why a web socket could not be opened, or broke off.

use super::super::error_code::WEB_SOCKET;

/// A web socket that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebSocketError {
    /// `Sec-WebSocket-Accept` is missing, or isn't the answer to our key: whoever answered knows no web sockets.
    #[error("the server's `Sec-WebSocket-Accept` does not answer the request's key")]
    Accept,
    /// 101 without `Upgrade: websocket` and `Connection: Upgrade`.
    #[error("the server switched protocols (101), but not to `websocket`")]
    Upgrade,
    /// An extension or a subprotocol that nobody asked for.
    #[error("the server chose `{header}: {value}`, which was not offered")]
    NotOffered {
        /// The header.
        header: &'static str,
        /// What it says.
        value: Box<str>,
    },
    /// A frame against the rules; closed with 1002.
    #[error("the server broke the web socket protocol: {what}")]
    Protocol {
        /// In words.
        what: &'static str,
    },
    /// A text that is no UTF-8; closed with 1007.
    #[error("the server sent a text that is no UTF-8")]
    Text,
    /// A message beyond the limit; closed with 1009.
    #[error("the server sent a message larger than {max_bytes} bytes")]
    TooLarge {
        /// The limit.
        max_bytes: usize,
    },
    /// The connection ended without a close frame: code 1006.
    #[error("the server closed the connection without a close frame")]
    Abnormal,
    /// The server closed with a code that tells of an error.
    #[error("the server closed the web socket with code {code}")]
    Closed {
        /// The code, 1002 or 1003, 1007 to 1015.
        code: u16,
    },
}

impl WebSocketError {
    /// The close code that tells the server of it, where one does.
    pub(super) fn close_code(&self) -> Option<u16> {
        match self {
            Self::Protocol { .. } => Some(1002),
            Self::Text => Some(1007),
            Self::TooLarge { .. } => Some(1009),
            Self::Accept | Self::Upgrade | Self::NotOffered { .. } | Self::Abnormal | Self::Closed { .. } => {
                None
            }
        }
    }

    /// The number of this failure.
    pub fn error_code(&self) -> u16 {
        WEB_SOCKET
    }
}
