//! The handshake: rustls over buffers that live as long as it, without I/O.
//!
//! | step | means |
//! |---|---|
//! | `Send` | write [`Handshake::outgoing`], say [`Handshake::sent`], step again |
//! | `Receive` | read, give it to [`Handshake::received`], step again |
//! | `Done` | [`Handshake::finish`] |
//!
//! After an error what is outgoing is the alert that tells the server why. Invariant: it is done only when every byte
//! that came is understood, since the records that follow are no longer rustls's to open.

use rustls::InvalidMessage;
use rustls::client::UnbufferedClientConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, InsufficientSizeError, UnbufferedStatus};

use super::error::TlsError;
use super::session::Session;

/// What a handshake may leave unread: rustls takes messages of 64 KiB, in records.
const INCOMING_MAX_BYTES: usize = 128 << 10;
/// The first byte of TLS's records.
const RECORD_TYPES: std::ops::RangeInclusive<u8> = 20..=23;

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Send,
    Receive,
    Done,
}

/// A handshake under way.
pub(crate) struct Handshake {
    host: Box<str>,
    connection: UnbufferedClientConnection,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    /// Data that came before the client's last word, as HTTP/2's settings may.
    early: Vec<u8>,
    /// Times that it was the server's turn: after two of them an alert is about what the client showed.
    flights: u8,
    has_heard: bool,
}

impl std::fmt::Debug for Handshake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handshake").field("host", &self.host).finish_non_exhaustive()
    }
}

impl Handshake {
    pub(super) fn new(host: &str, connection: UnbufferedClientConnection) -> Self {
        Self {
            host: host.into(),
            connection,
            incoming: Vec::new(),
            outgoing: Vec::new(),
            early: Vec::new(),
            flights: 0,
            has_heard: false,
        }
    }

    /// What is to be written.
    pub(crate) fn outgoing(&self) -> &[u8] {
        &self.outgoing
    }

    /// So many bytes of it are out.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.outgoing.drain(..bytes);
    }

    /// What came.
    pub(crate) fn received(&mut self, bytes: &[u8]) -> Result<(), TlsError> {
        if !self.has_heard
            && let Some(first) = bytes.first()
        {
            self.has_heard = true;
            if !RECORD_TYPES.contains(first) {
                let host = self.host.clone();
                // One read may bring less than the word, hardly less than its first letter.
                let is_http = bytes.iter().zip(b"HTTP/").all(|(found, expected)| found == expected);
                return Err(if is_http { TlsError::PlainHttp { host } } else { TlsError::NotTls { host } });
            }
        }
        self.incoming.extend_from_slice(bytes);
        if self.incoming.len() > INCOMING_MAX_BYTES {
            let reason = "its handshake is too large".into();
            return Err(TlsError::Broken { host: self.host.clone(), reason });
        }
        Ok(())
    }

    /// The server ended the connection.
    pub(crate) fn ended(&self) -> TlsError {
        TlsError::Closed { host: self.host.clone() }
    }

    /// Goes on as far as it can.
    pub(crate) fn step(&mut self) -> Result<Step, TlsError> {
        if !self.outgoing.is_empty() {
            return Ok(Step::Send);
        }
        loop {
            let UnbufferedStatus { discard, state } = self.connection.process_tls_records(&mut self.incoming);
            let mut is_done = false;
            let mut next = None;
            match state {
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    append(&mut self.outgoing, |room| data.encode(room));
                }
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    data.done();
                    self.flights = self.flights.saturating_add(1);
                    if !self.outgoing.is_empty() {
                        next = Some(Step::Send);
                    }
                }
                Ok(ConnectionState::BlockedHandshake) => next = Some(Step::Receive),
                Ok(ConnectionState::WriteTraffic(_)) => is_done = true,
                Ok(ConnectionState::ReadTraffic(mut data)) => {
                    while let Some(Ok(record)) = data.next_record() {
                        self.early.extend_from_slice(record.payload);
                    }
                }
                Ok(_) => return Err(self.ended()),
                Err(error) => {
                    self.incoming.drain(..discard);
                    return Err(self.fail(error));
                }
            }
            self.incoming.drain(..discard);
            if is_done {
                next = Some(if self.incoming.is_empty() { Step::Done } else { Step::Receive });
            }
            if let Some(next) = next {
                return Ok(next);
            }
        }
    }

    /// The session that was agreed on. Only once the handshake is done.
    pub(crate) fn finish(self) -> Result<Session, TlsError> {
        let host = self.host;
        let alpn = self.connection.alpn_protocol().map(Box::from);
        let secrets = self.connection.dangerous_into_kernel_connection();
        let (secrets, kernel) = secrets.map_err(|error| TlsError::new(&host, error, false))?;
        let session = Session::new(host.clone(), secrets, kernel, alpn, self.early);
        session.ok_or(TlsError::NoCommonCipher { host })
    }

    /// The error in our words; the alert that goes with it is outgoing.
    fn fail(&mut self, error: rustls::Error) -> TlsError {
        // With what came before it, since rustls remembers where in it messages lie; and once, since asked again it
        // would read on. What was to be sent before is out: it is given before a further message is read.
        if let UnbufferedStatus { state: Ok(ConnectionState::EncodeTlsData(mut data)), .. } =
            self.connection.process_tls_records(&mut self.incoming)
        {
            append(&mut self.outgoing, |room| data.encode(room));
        }
        let asked = self.flights > 1;
        match error {
            rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
                TlsError::NotTls { host: self.host.clone() }
            }
            error => TlsError::new(&self.host, error, asked),
        }
    }
}

/// Appends what `encode` writes, which says how much room it needs.
fn append(out: &mut Vec<u8>, mut encode: impl FnMut(&mut [u8]) -> Result<usize, EncodeError>) {
    let begin = out.len();
    if let Err(EncodeError::InsufficientSize(InsufficientSizeError { required_size })) = encode(&mut []) {
        out.resize(begin + required_size, 0);
        let written = encode(&mut out[begin..]).unwrap_or(0);
        out.truncate(begin + written);
    }
}
