//! An established session: what goes out sealed, what comes in opened in place.
//!
//! Sans I/O. What the peer sends beside data (tickets, new keys, alerts) is dealt with here. Invariant: between two
//! reads a session holds no buffer but the beginning of a record whose rest is still to come.

use rustls::client::ClientConnectionData;
use rustls::kernel::KernelConnection;
use rustls::{AlertDescription, CipherSuite, ExtractedSecrets, ProtocolVersion};

use super::error::TlsError;
use super::record::{Fault, Key, Kind, Layout, PLAIN_MAX_BYTES, whole};
use crate::plan::TlsVersion;

/// What a message after the handshake may take: a ticket is at most 64 KiB.
const MESSAGE_MAX_BYTES: usize = (64 << 10) + 512;
const HELLO_REQUEST: u8 = 0;
const NEW_SESSION_TICKET: u8 = 4;
const KEY_UPDATE: u8 = 24;
/// `KeyUpdate` that asks for none in return (RFC 8446 §4.6.3).
const KEY_UPDATE_MESSAGE: [u8; 5] = [KEY_UPDATE, 0, 0, 1, 0];
const WARNING: u8 = 1;
const CLOSE_NOTIFY: [u8; 2] = [WARNING, 0];

/// What the handshake agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// The version.
    pub version: TlsVersion,
    /// The cipher suite by IANA's name, as k6 gives it.
    pub cipher_suite: &'static str,
    /// Whether ALPN chose HTTP/2.
    pub is_http2: bool,
}

impl Negotiated {
    /// The version in k6's words: `tls1.3`.
    pub fn version(&self) -> &'static str {
        match self.version {
            TlsVersion::Tls12 => "tls1.2",
            TlsVersion::Tls13 => "tls1.3",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Not yet.
    Open,
    /// By the peer's word.
    Closed,
    /// Without it: what came may be cut short (RFC 9112 §9.8).
    Cut,
}

/// Keys of an open connection, and what is left over between two reads.
pub(crate) struct Session {
    host: Box<str>,
    transmit: Key,
    receive: Key,
    layout: Layout,
    kernel: KernelConnection<ClientConnectionData>,
    negotiated: Negotiated,
    /// The beginning of a record.
    partial: Vec<u8>,
    /// Opened and not taken yet.
    plain: Vec<u8>,
    /// The beginning of a message that goes on in the next record.
    message: Vec<u8>,
    /// What broke behind the data that was still given.
    broken: Option<TlsError>,
    owes_key_update: bool,
    end: End,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("host", &self.host)
            .field("negotiated", &self.negotiated)
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// `None` for a cipher or version that isn't known here, which rustls over ring never agrees on.
    pub(super) fn new(
        host: Box<str>,
        secrets: ExtractedSecrets,
        kernel: KernelConnection<ClientConnectionData>,
        alpn: Option<Box<[u8]>>,
        early: Vec<u8>,
    ) -> Option<Self> {
        let version = match kernel.protocol_version() {
            ProtocolVersion::TLSv1_2 => TlsVersion::Tls12,
            ProtocolVersion::TLSv1_3 => TlsVersion::Tls13,
            _ => return None,
        };
        let is_http2 = alpn.as_deref() == Some(b"h2");
        let cipher_suite = suite_name(kernel.negotiated_cipher_suite().suite());
        Some(Self {
            host,
            transmit: Key::new(&secrets.tx.1, secrets.tx.0)?,
            receive: Key::new(&secrets.rx.1, secrets.rx.0)?,
            layout: Layout::new(version == TlsVersion::Tls13, &secrets.tx.1),
            kernel,
            negotiated: Negotiated { version, cipher_suite, is_http2 },
            partial: Vec::new(),
            plain: early,
            message: Vec::new(),
            broken: None,
            owes_key_update: false,
            end: End::Open,
        })
    }

    pub(crate) fn negotiated(&self) -> Negotiated {
        self.negotiated
    }

    /// Appends the records of `head` and `body`.
    pub(crate) fn seal(&mut self, head: &[u8], body: &[u8], out: &mut Vec<u8>) -> Result<(), TlsError> {
        let (mut head, mut body) = (head, body);
        while !(head.is_empty() && body.is_empty()) {
            if self.owes_key_update || self.transmit.is_worn() {
                self.renew_key(out)?;
            }
            let of_head = head.len().min(PLAIN_MAX_BYTES);
            let of_body = body.len().min(PLAIN_MAX_BYTES - of_head);
            let (first, second) = (&head[..of_head], &body[..of_body]);
            self.transmit.seal(self.layout, Kind::Data, [first, second], out);
            (head, body) = (&head[of_head..], &body[of_body..]);
        }
        Ok(())
    }

    /// Appends the word that nothing more comes.
    pub(crate) fn seal_close(&mut self, out: &mut Vec<u8>) {
        self.transmit.seal(self.layout, Kind::Alert, [&CLOSE_NOTIFY, &[]], out);
    }

    fn renew_key(&mut self, out: &mut Vec<u8>) -> Result<(), TlsError> {
        if self.layout != Layout::Tls13 {
            return Err(TlsError::Worn { host: self.host.clone() });
        }
        self.transmit.seal(self.layout, Kind::Handshake, [&KEY_UPDATE_MESSAGE, &[]], out);
        let (sequence, secrets) = self.kernel.update_tx_secret().map_err(|error| self.told(error))?;
        self.transmit = Key::new(&secrets, sequence).ok_or_else(|| self.broke("its cipher changed"))?;
        self.owes_key_update = false;
        Ok(())
    }

    /// Bytes to put in front of what is read next, by [`restore`](Self::restore).
    pub(super) fn partial_len(&self) -> usize {
        self.partial.len()
    }

    /// Puts the beginning of a record in front of the rest that was read behind it.
    pub(super) fn restore(&mut self, buffer: &mut [u8]) {
        buffer[..self.partial.len()].copy_from_slice(&self.partial);
        self.partial.clear();
    }

    /// Opens the whole records in `buffer[..filled]`; their data is in front then. Returns its length. What broke behind
    /// data is told by the next call.
    pub(super) fn open(&mut self, buffer: &mut [u8], filled: usize) -> Result<usize, TlsError> {
        let (mut from, mut at) = (0, 0);
        let outcome = loop {
            if self.end != End::Open {
                from = filled;
                break Ok(());
            }
            let record = match whole(&buffer[..filled], from) {
                Ok(Some(record)) => record,
                Ok(None) => break Ok(()),
                Err(fault) => break Err(self.faulty(fault)),
            };
            from = record.end;
            match self.open_record(buffer, record, at) {
                Ok(end) => at = end,
                Err(error) => break Err(error),
            }
        };
        match outcome {
            Ok(()) => self.keep(&buffer[from..filled]),
            Err(error) if at == 0 => return Err(error),
            Err(error) => self.broken = Some(error),
        }
        Ok(at)
    }

    /// Opens one record and returns where the data ends that it adds to what is before `at`.
    fn open_record(
        &mut self,
        buffer: &mut [u8],
        record: std::ops::Range<usize>,
        at: usize,
    ) -> Result<usize, TlsError> {
        let opened = self.receive.open(self.layout, buffer, record, at);
        let (kind, end) = opened.map_err(|fault| self.faulty(fault))?;
        if !self.message.is_empty() && kind != Kind::Handshake {
            return Err(self.broke("a message of the handshake is interrupted"));
        }
        match kind {
            Kind::Data => return Ok(end),
            Kind::Handshake => self.messages(&buffer[at..end])?,
            Kind::Alert => self.alert(&buffer[at..end])?,
            Kind::ChangeCipherSpec => return Err(self.broke("a change of the cipher after the handshake")),
        }
        Ok(at)
    }

    fn keep(&mut self, rest: &[u8]) {
        if rest.is_empty() {
            // Freed: thousands of idle connections should cost no buffers.
            self.partial = Vec::new();
        } else {
            self.partial.clear();
            self.partial.extend_from_slice(rest);
        }
    }

    /// Takes what came in a buffer that is too small to open it in; the data is for [`take`](Self::take).
    pub(super) fn absorb(&mut self, chunk: &[u8]) -> Result<(), TlsError> {
        let mut buffer = std::mem::take(&mut self.partial);
        buffer.extend_from_slice(chunk);
        let filled = buffer.len();
        let length = self.open(&mut buffer, filled)?;
        self.plain.extend_from_slice(&buffer[..length]);
        Ok(())
    }

    /// What was opened before, or why nothing more comes.
    pub(super) fn take(&mut self, buffer: &mut [u8]) -> Result<usize, TlsError> {
        if self.plain.is_empty() {
            return self.broken.take().map_or(Ok(0), Err);
        }
        let length = self.plain.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.plain[..length]);
        if length == self.plain.len() {
            self.plain = Vec::new();
        } else {
            self.plain.drain(..length);
        }
        Ok(length)
    }

    /// Whether nothing came that wasn't taken, and more may come.
    pub(super) fn is_quiet(&self) -> bool {
        self.plain.is_empty() && self.partial.is_empty() && self.broken.is_none() && self.end == End::Open
    }

    /// The transport ended.
    pub(super) fn cut(&mut self) {
        if self.end == End::Open {
            self.end = End::Cut;
        }
    }

    /// Whether nothing more comes.
    pub(super) fn has_ended(&self) -> bool {
        self.end != End::Open
    }

    /// Whether it ended without the peer's word for it.
    pub(super) fn is_cut(&self) -> bool {
        self.end == End::Cut
    }

    /// Messages of the handshake that come after it.
    fn messages(&mut self, bytes: &[u8]) -> Result<(), TlsError> {
        let mut carried = std::mem::take(&mut self.message);
        let mut rest = bytes;
        if !carried.is_empty() {
            carried.extend_from_slice(bytes);
            rest = &carried;
        }
        while !rest.is_empty() {
            let Some((&[kind, high, middle, low], behind)) = rest.split_first_chunk() else { break };
            let length = u32::from_be_bytes([0, high, middle, low]) as usize;
            let Some((payload, behind)) = behind.split_at_checked(length) else { break };
            self.message(kind, payload, behind.is_empty())?;
            rest = behind;
        }
        if rest.len() > MESSAGE_MAX_BYTES {
            return Err(self.broke("a message after the handshake is too large"));
        }
        self.message = rest.to_vec();
        Ok(())
    }

    fn message(&mut self, kind: u8, payload: &[u8], is_last: bool) -> Result<(), TlsError> {
        let is_tls13 = self.layout == Layout::Tls13;
        match (kind, payload) {
            (HELLO_REQUEST, []) if !is_tls13 => Err(TlsError::Renegotiation { host: self.host.clone() }),
            (NEW_SESSION_TICKET, ticket) if is_tls13 => {
                self.kernel.handle_new_session_ticket(ticket).map_err(|error| self.told(error))
            }
            // Under the next key: nothing may follow it in this record.
            (KEY_UPDATE, [asks @ (0 | 1)]) if is_tls13 && is_last => {
                let (sequence, secrets) = self.kernel.update_rx_secret().map_err(|error| self.told(error))?;
                self.receive =
                    Key::new(&secrets, sequence).ok_or_else(|| self.broke("its cipher changed"))?;
                self.owes_key_update |= *asks == 1;
                Ok(())
            }
            _ => Err(self.broke("an unexpected message after the handshake")),
        }
    }

    fn alert(&mut self, alert: &[u8]) -> Result<(), TlsError> {
        let &[level, description] = alert else { return Err(self.broke("an alert that is none")) };
        match AlertDescription::from(description) {
            AlertDescription::CloseNotify => self.end = End::Closed,
            AlertDescription::UserCanceled => {}
            _ if level == WARNING && self.layout != Layout::Tls13 => {}
            alert => return Err(TlsError::alert(self.host.clone(), alert, true)),
        }
        Ok(())
    }

    fn told(&self, error: rustls::Error) -> TlsError {
        TlsError::new(&self.host, error, true)
    }

    fn broke(&self, reason: &str) -> TlsError {
        TlsError::Broken { host: self.host.clone(), reason: reason.into() }
    }

    #[cold]
    fn faulty(&self, fault: Fault) -> TlsError {
        self.broke(match fault {
            Fault::TooLarge => "a record is larger than TLS allows",
            Fault::Type => "what came is no record of it",
            Fault::Forged => "a record was changed on the way, or sealed with another key",
        })
    }

    /// Bytes on the heap between two reads, but for rustls's own.
    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.partial.capacity() + self.plain.capacity() + self.message.capacity()
    }

    #[cfg(test)]
    pub(super) fn wear_after(&mut self, records: u64) {
        self.transmit.wear_after(records);
    }
}

/// IANA's name, as k6 and browsers give it; rustls writes those of TLS 1.3 its own way.
fn suite_name(suite: CipherSuite) -> &'static str {
    match suite {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => "TLS_AES_128_GCM_SHA256",
        CipherSuite::TLS13_AES_256_GCM_SHA384 => "TLS_AES_256_GCM_SHA384",
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => "TLS_CHACHA20_POLY1305_SHA256",
        suite => suite.as_str().unwrap_or("unknown"),
    }
}
