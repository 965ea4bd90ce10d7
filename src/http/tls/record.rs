//! Records of TLS, sealed and opened in place (RFC 8446 §5, RFC 5246 §6.2, RFC 5288, RFC 7905).
//!
//! rustls shakes hands and makes the keys; from then on a request is one record, and sealing it here costs no
//! allocation and no copy but the one into the buffer that is sent. Invariant: a sequence number is used once for
//! each key, and never beyond the key's limit.

use std::ops::Range;

use ring::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use rustls::ConnectionTrafficSecrets;

/// Type, version, length.
pub(super) const HEADER_BYTES: usize = 5;
/// What a record may hold.
pub(super) const PLAIN_MAX_BYTES: usize = 1 << 14;
/// What encryption may add: 2048 in TLS 1.2, 256 in TLS 1.3.
const EXPANSION_MAX_BYTES: usize = 2048;
/// The largest record.
pub(super) const RECORD_MAX_BYTES: usize = HEADER_BYTES + PLAIN_MAX_BYTES + EXPANSION_MAX_BYTES;
const TAG_BYTES: usize = 16;
const EXPLICIT_NONCE_BYTES: usize = 8;
/// As TLS 1.3 writes on every record, and 1.2 means.
const VERSION: [u8; 2] = [3, 3];
/// Records under one key of AES-GCM: 2²⁴, below RFC 8446 §5.5's 2²⁴·⁵, as rustls has it.
const AES_GCM_RECORDS_MAX: u64 = 1 << 24;

/// What a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    ChangeCipherSpec,
    Alert,
    Handshake,
    Data,
}

impl Kind {
    pub(super) fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            20 => Self::ChangeCipherSpec,
            21 => Self::Alert,
            22 => Self::Handshake,
            23 => Self::Data,
            _ => return None,
        })
    }

    fn byte(self) -> u8 {
        match self {
            Self::ChangeCipherSpec => 20,
            Self::Alert => 21,
            Self::Handshake => 22,
            Self::Data => 23,
        }
    }
}

/// How a record is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// The true type is within; padding may follow it.
    Tls13,
    /// ChaCha20-Poly1305: nothing but the tag is added.
    Tls12,
    /// AES-GCM: half of the nonce goes in front.
    Tls12Explicit,
}

impl Layout {
    pub(super) fn new(is_tls13: bool, secrets: &ConnectionTrafficSecrets) -> Self {
        match secrets {
            _ if is_tls13 => Self::Tls13,
            ConnectionTrafficSecrets::Chacha20Poly1305 { .. } => Self::Tls12,
            _ => Self::Tls12Explicit,
        }
    }

    /// Bytes between the header and what is encrypted.
    fn explicit_bytes(self) -> usize {
        if self == Self::Tls12Explicit { EXPLICIT_NONCE_BYTES } else { 0 }
    }
}

/// Why a record can't be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Longer than a record may be.
    TooLarge,
    /// Not encrypted, or of a type that doesn't exist.
    Type,
    /// Its tag is wrong: changed on the way, or for another key.
    Forged,
}

/// The key of one direction, and how far it was used.
pub(super) struct Key {
    aead: LessSafeKey,
    iv: [u8; 12],
    sequence: u64,
    records_max: u64,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("sequence", &self.sequence).finish_non_exhaustive()
    }
}

impl Key {
    /// `None` for a cipher that none of rustls's suites over ring has.
    pub(super) fn new(secrets: &ConnectionTrafficSecrets, sequence: u64) -> Option<Self> {
        let (algorithm, key, iv, records_max) = match secrets {
            ConnectionTrafficSecrets::Aes128Gcm { key, iv } => {
                (&aead::AES_128_GCM, key, iv, AES_GCM_RECORDS_MAX)
            }
            ConnectionTrafficSecrets::Aes256Gcm { key, iv } => {
                (&aead::AES_256_GCM, key, iv, AES_GCM_RECORDS_MAX)
            }
            ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => {
                (&aead::CHACHA20_POLY1305, key, iv, u64::MAX)
            }
            _ => return None,
        };
        let aead = LessSafeKey::new(UnboundKey::new(algorithm, key.as_ref()).ok()?);
        Some(Self { aead, iv: iv.as_ref().try_into().ok()?, sequence, records_max })
    }

    /// Whether no further record may be sealed with it, but for one that says so.
    pub(super) fn is_worn(&self) -> bool {
        self.sequence >= self.records_max
    }

    #[cfg(test)]
    pub(super) fn wear_after(&mut self, records: u64) {
        self.records_max = self.sequence + records;
    }

    fn nonce(&self) -> [u8; 12] {
        let mut nonce = self.iv;
        for (byte, of_sequence) in nonce[4..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *byte ^= of_sequence;
        }
        nonce
    }

    /// Appends one record with all of `parts`, together at most [`PLAIN_MAX_BYTES`].
    pub(super) fn seal(&mut self, layout: Layout, kind: Kind, parts: [&[u8]; 2], out: &mut Vec<u8>) {
        let length = parts[0].len() + parts[1].len();
        let explicit = layout.explicit_bytes();
        let inner = length + usize::from(layout == Layout::Tls13);
        let wire_length = explicit + inner + TAG_BYTES;
        let begin = out.len();
        let outer = if layout == Layout::Tls13 { Kind::Data } else { kind };
        let [high, low] = short(wire_length);
        out.reserve(HEADER_BYTES + wire_length);
        out.extend_from_slice(&[outer.byte(), VERSION[0], VERSION[1], high, low]);
        let nonce = self.nonce();
        out.extend_from_slice(&nonce[nonce.len() - explicit..]);
        let text = out.len();
        out.extend_from_slice(parts[0]);
        out.extend_from_slice(parts[1]);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = if layout == Layout::Tls13 {
            out.push(kind.byte());
            let header: [u8; HEADER_BYTES] = [outer.byte(), VERSION[0], VERSION[1], high, low];
            debug_assert_eq!(out[begin..begin + HEADER_BYTES], header);
            self.aead.seal_in_place_separate_tag(nonce, Aad::from(header), &mut out[text..])
        } else {
            let data = self.associated(kind.byte(), VERSION, length);
            self.aead.seal_in_place_separate_tag(nonce, Aad::from(data), &mut out[text..])
        };
        let tag = tag.expect("a record is far below what an AEAD takes");
        out.extend_from_slice(tag.as_ref());
        self.sequence += 1;
    }

    /// Opens the record at `record` of `buffer` and writes what it holds down from `at`, which is not behind its
    /// text. Returns its kind and where its text ends.
    pub(super) fn open(
        &mut self,
        layout: Layout,
        buffer: &mut [u8],
        record: Range<usize>,
        at: usize,
    ) -> Result<(Kind, usize), Fault> {
        let header: [u8; HEADER_BYTES] =
            buffer[record.start..record.start + HEADER_BYTES].try_into().map_err(|_| Fault::Type)?;
        let text = record.start + HEADER_BYTES + layout.explicit_bytes();
        let Some(length) = record.end.checked_sub(text + TAG_BYTES) else { return Err(Fault::Forged) };
        let mut nonce = self.nonce();
        if layout == Layout::Tls12Explicit {
            nonce[..4].copy_from_slice(&self.iv[..4]);
            nonce[4..].copy_from_slice(&buffer[text - EXPLICIT_NONCE_BYTES..text]);
        }
        let nonce = Nonce::assume_unique_for_key(nonce);
        let outer = Kind::from_byte(header[0]).ok_or(Fault::Type)?;
        let data = self.associated(header[0], [header[1], header[2]], length);
        let within = &mut buffer[at..record.end];
        let opened = if layout == Layout::Tls13 {
            if outer != Kind::Data {
                return Err(Fault::Type);
            }
            self.aead.open_within(nonce, Aad::from(header), within, text - at..)
        } else {
            self.aead.open_within(nonce, Aad::from(data), within, text - at..)
        };
        let plain = opened.map_err(|_| Fault::Forged)?;
        self.sequence += 1;
        let (kind, length) = if layout == Layout::Tls13 {
            let last = plain.iter().rposition(|byte| *byte != 0).ok_or(Fault::Type)?;
            (Kind::from_byte(plain[last]).ok_or(Fault::Type)?, last)
        } else {
            (outer, plain.len())
        };
        if length > PLAIN_MAX_BYTES { Err(Fault::TooLarge) } else { Ok((kind, at + length)) }
    }

    /// What TLS 1.2 authenticates beside the text.
    fn associated(&self, kind: u8, version: [u8; 2], length: usize) -> [u8; 13] {
        let mut data = [0; 13];
        data[..8].copy_from_slice(&self.sequence.to_be_bytes());
        data[8] = kind;
        data[9..11].copy_from_slice(&version);
        data[11..].copy_from_slice(&short(length));
        data
    }
}

/// The whole record that starts at `from`, or `None` while a part of it is missing.
pub(super) fn whole(buffer: &[u8], from: usize) -> Result<Option<Range<usize>>, Fault> {
    let Some(header) = buffer.get(from..from + HEADER_BYTES) else { return Ok(None) };
    if Kind::from_byte(header[0]).is_none() || header[1] != VERSION[0] {
        return Err(Fault::Type);
    }
    let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
    if length > RECORD_MAX_BYTES - HEADER_BYTES {
        return Err(Fault::TooLarge);
    }
    let end = from + HEADER_BYTES + length;
    Ok((end <= buffer.len()).then_some(from..end))
}

fn short(length: usize) -> [u8; 2] {
    u16::try_from(length).expect("a record's length fits in two bytes").to_be_bytes()
}
