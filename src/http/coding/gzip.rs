//! `gzip` (RFC 1952): a header, deflated data, its checksum and length; then perhaps another such member.
//!
//! | at | goes to | when |
//! |---|---|---|
//! | `Fixed` | `ExtraLength`, `Extra`, `Name`, `Comment`, `HeaderSum`, `Data` | its ten bytes came; what the flags leave out is skipped |
//! | `Data` | `Trailer` | the deflated data ended |
//! | `Trailer` | `Fixed` | checksum and length agree |
//! | `Fixed` | `Ended` | what follows a member is no other one: it is dropped, as browsers do |

use flate2::{Crc, Decompress};

use super::deflate::inflate;
use super::step::{Fault, Step};

const MAGIC: [u8; 2] = [0x1f, 0x8b];
const METHOD: u8 = 8;
const FLAG_HEADER_SUM: u8 = 1 << 1;
const FLAG_EXTRA: u8 = 1 << 2;
const FLAG_NAME: u8 = 1 << 3;
const FLAG_COMMENT: u8 = 1 << 4;
const FLAGS_RESERVED: u8 = 0b1110_0000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Fixed,
    ExtraLength,
    Extra,
    Name,
    Comment,
    HeaderSum,
    Data,
    Trailer,
    Ended,
}

/// A decoder of `gzip`.
#[derive(Debug)]
pub(super) struct Gzip {
    at: At,
    /// Bytes of a field of fixed size that came so far.
    field: [u8; 10],
    have: usize,
    flags: u8,
    /// Bytes of the extra field that are still to come.
    extra: u16,
    inflater: Decompress,
    sum: Crc,
    /// Whether a member came to its end.
    has_member: bool,
}

impl Gzip {
    pub(super) fn new() -> Self {
        Self {
            at: At::Fixed,
            field: [0; 10],
            have: 0,
            flags: 0,
            extra: 0,
            inflater: Decompress::new(false),
            sum: Crc::new(),
            has_member: false,
        }
    }

    pub(super) fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Fault> {
        let mut read = 0;
        loop {
            let rest = &input[read..];
            match self.at {
                At::Data => {
                    let (step, ended) = inflate(&mut self.inflater, rest, output)?;
                    self.sum.update(&output[..step.written]);
                    if ended {
                        self.at = At::Trailer;
                    }
                    return Ok(Step { read: read + step.read, written: step.written });
                }
                At::Ended => return Ok(Step { read: input.len(), written: 0 }),
                _ => {}
            }
            let Some(&byte) = rest.first() else { return Ok(Step { read, written: 0 }) };
            read += 1;
            self.byte(byte)?;
        }
    }

    /// Takes one byte of what stands around the data.
    fn byte(&mut self, byte: u8) -> Result<(), Fault> {
        match self.at {
            At::Fixed => {
                if MAGIC.get(self.have).is_some_and(|magic| *magic != byte) {
                    if !self.has_member {
                        return Err(Fault::Corrupt);
                    }
                    self.at = At::Ended;
                } else if let Some([.., method, flags, _, _, _, _, _, _]) = self.collect::<10>(byte) {
                    if method != METHOD || flags & FLAGS_RESERVED != 0 {
                        return Err(Fault::Corrupt);
                    }
                    self.flags = flags;
                    self.behind(At::Fixed);
                }
            }
            At::ExtraLength => {
                if let Some(length) = self.collect::<2>(byte) {
                    self.extra = u16::from_le_bytes(length);
                    if self.extra == 0 { self.behind(At::Extra) } else { self.at = At::Extra }
                }
            }
            At::Extra => {
                self.extra -= 1;
                if self.extra == 0 {
                    self.behind(At::Extra);
                }
            }
            At::Name | At::Comment => {
                if byte == 0 {
                    self.behind(self.at);
                }
            }
            At::HeaderSum => {
                if self.collect::<2>(byte).is_some() {
                    self.behind(At::HeaderSum);
                }
            }
            At::Trailer => {
                if let Some([a, b, c, d, length @ ..]) = self.collect::<8>(byte) {
                    let sum = u32::from_le_bytes([a, b, c, d]);
                    if sum != self.sum.sum() || u32::from_le_bytes(length) != self.sum.amount() {
                        return Err(Fault::Corrupt);
                    }
                    self.has_member = true;
                    self.inflater.reset(false);
                    self.sum.reset();
                    self.at = At::Fixed;
                }
            }
            At::Data | At::Ended => {}
        }
        Ok(())
    }

    /// The whole field, once its last byte is there.
    fn collect<const N: usize>(&mut self, byte: u8) -> Option<[u8; N]> {
        self.field[self.have] = byte;
        self.have += 1;
        if self.have < N {
            return None;
        }
        self.have = 0;
        self.field.first_chunk().copied()
    }

    /// Goes on with the next part of the header that is there, behind the one given.
    fn behind(&mut self, part: At) {
        const ORDER: [(u8, At); 4] = [
            (FLAG_EXTRA, At::ExtraLength),
            (FLAG_NAME, At::Name),
            (FLAG_COMMENT, At::Comment),
            (FLAG_HEADER_SUM, At::HeaderSum),
        ];
        let done = match part {
            At::Fixed => 0,
            At::Extra => 1,
            At::Name => 2,
            At::Comment => 3,
            _ => 4,
        };
        let next = ORDER[done..].iter().find(|(flag, _)| self.flags & flag != 0);
        self.at = next.map_or(At::Data, |(_, at)| *at);
    }

    /// Between members; a piece that looks like the beginning of another and ends is what follows the last.
    pub(super) fn is_complete(&self) -> bool {
        match self.at {
            At::Ended => true,
            At::Fixed => self.has_member && self.have < MAGIC.len(),
            _ => false,
        }
    }
}
