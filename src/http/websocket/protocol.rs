//! A web socket without I/O: bytes in, messages out, and back. Frames, masks and UTF-8 are tungstenite's.
//!
//! Between two messages it keeps the buffers that tungstenite can't do without, a few kilobytes.

use std::io::{self, Read, Write};

use tungstenite::error::{Error, ProtocolError};
use tungstenite::protocol::frame::CloseFrame;
use tungstenite::protocol::{Role, WebSocket, WebSocketConfig};

use super::error::WebSocketError;

/// What tungstenite reads at once: there may be thousands of sockets.
const READ_BYTES: usize = 4 << 10;

/// A message of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A text.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
}

impl Message {
    /// What it carries.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

/// What the bytes that came mean.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Happening {
    Message(Message),
    /// Answered already, once what is pending is written.
    Ping,
    Pong(Vec<u8>),
    /// The server closes, or answers our close.
    Close {
        code: u16,
        reason: String,
    },
    /// The connection ended in order.
    Over,
}

/// No code in the close frame (RFC 6455 §7.4.1).
pub(super) const NO_CODE: u16 = 1005;

/// The client's side of one web socket.
#[derive(Debug)]
pub(super) struct Protocol {
    socket: WebSocket<Pipe>,
    /// A close frame was sent or received.
    closing: bool,
    /// It was sent first.
    closed_by_us: bool,
    message_max_bytes: usize,
}

/// What was read and not taken yet, what is to be written.
#[derive(Debug, Default)]
struct Pipe {
    input: Vec<u8>,
    taken: usize,
    has_ended: bool,
    output: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = &self.input[self.taken..];
        if rest.is_empty() {
            // A socket that is idle keeps nothing.
            (self.input, self.taken) = (Vec::new(), 0);
            return if self.has_ended { Ok(0) } else { Err(io::ErrorKind::WouldBlock.into()) };
        }
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.taken += length;
        Ok(length)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Protocol {
    pub(super) fn new(message_max_bytes: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .write_buffer_size(0)
            .max_message_size(Some(message_max_bytes))
            .max_frame_size(Some(message_max_bytes));
        let socket = WebSocket::from_raw_socket(Pipe::default(), Role::Client, Some(config));
        Self { socket, closing: false, closed_by_us: false, message_max_bytes }
    }

    /// Takes the next bytes of the connection.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.socket.get_mut().input.extend_from_slice(bytes);
    }

    /// The connection gives nothing more.
    pub(super) fn end(&mut self) {
        self.socket.get_mut().has_ended = true;
    }

    /// What is to be written, in order.
    pub(super) fn pending(&self) -> &[u8] {
        &self.socket.get_ref().output
    }

    /// So many bytes of it were written.
    pub(super) fn written(&mut self, length: usize) {
        let output = &mut self.socket.get_mut().output;
        if length == output.len() {
            *output = Vec::new();
        } else {
            output.drain(..length);
        }
    }

    /// Whether messages may still be sent.
    pub(super) fn is_open(&self) -> bool {
        self.socket.can_write() && !self.closing
    }

    /// Whether our close frame was the first.
    pub(super) fn was_closed_by_us(&self) -> bool {
        self.closed_by_us
    }

    pub(super) fn send(&mut self, message: Message) {
        self.put(match message {
            Message::Text(text) => tungstenite::Message::Text(text.into()),
            Message::Binary(bytes) => tungstenite::Message::Binary(bytes.into()),
        });
    }

    /// At most 125 bytes.
    pub(super) fn ping(&mut self, payload: Vec<u8>) {
        self.put(tungstenite::Message::Ping(payload.into()));
    }

    /// Says that we close; without effect where that was said.
    pub(super) fn close(&mut self, code: u16, reason: &str) {
        self.closed_by_us |= !self.closing;
        self.closing = true;
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        // Into memory: nothing that could fail.
        let _ = self.socket.close(Some(frame));
    }

    fn put(&mut self, message: tungstenite::Message) {
        if self.is_open() {
            let _ = self.socket.send(message);
        }
    }

    /// The next thing that happened; none until more bytes come. After an error, or the end, there is no more.
    pub(super) fn next(&mut self) -> Option<Result<Happening, WebSocketError>> {
        loop {
            return Some(match self.socket.read() {
                Ok(tungstenite::Message::Text(text)) => {
                    Ok(Happening::Message(Message::Text(text.as_str().to_owned())))
                }
                Ok(tungstenite::Message::Binary(bytes)) => {
                    Ok(Happening::Message(Message::Binary(bytes.into())))
                }
                Ok(tungstenite::Message::Ping(_)) => Ok(Happening::Ping),
                Ok(tungstenite::Message::Pong(payload)) => Ok(Happening::Pong(payload.into())),
                Ok(tungstenite::Message::Close(frame)) => {
                    let (code, reason) = frame.map_or((NO_CODE, String::new()), |frame| {
                        (frame.code.into(), frame.reason.as_str().to_owned())
                    });
                    // Its answer, if it is one, is written with the next call.
                    let _ = self.socket.flush();
                    self.closing = true;
                    Ok(Happening::Close { code, reason })
                }
                Ok(tungstenite::Message::Frame(_)) => continue,
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(Error::ConnectionClosed | Error::AlreadyClosed) => Ok(Happening::Over),
                Err(error) => Err(self.told(&error)),
            });
        }
    }

    fn told(&self, error: &Error) -> WebSocketError {
        match error {
            Error::Capacity(_) => WebSocketError::TooLarge { max_bytes: self.message_max_bytes },
            Error::Utf8(_) => WebSocketError::Text,
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => WebSocketError::Abnormal,
            Error::Protocol(what) => WebSocketError::Protocol { what: in_words(what) },
            _ => WebSocketError::Protocol { what: "a frame that can't be read" },
        }
    }
}

fn in_words(error: &ProtocolError) -> &'static str {
    match error {
        ProtocolError::NonZeroReservedBits => "a frame with reserved bits",
        ProtocolError::MaskedFrameFromServer => "a masked frame",
        ProtocolError::FragmentedControlFrame => "a control frame in fragments",
        ProtocolError::ControlFrameTooBig => "a control frame of more than 125 bytes",
        ProtocolError::UnknownControlFrameType(_)
        | ProtocolError::UnknownDataFrameType(_)
        | ProtocolError::InvalidOpcode(_) => "a frame of an unknown kind",
        ProtocolError::UnexpectedContinueFrame => "a continuation of nothing",
        ProtocolError::ExpectedFragment(_) => "a new message within another one's fragments",
        ProtocolError::InvalidCloseSequence => "a close frame with half a code",
        ProtocolError::ReceivedAfterClosing => "a frame behind the close frame",
        _ => "a frame that can't be read",
    }
}

#[cfg(test)]
mod tests;
