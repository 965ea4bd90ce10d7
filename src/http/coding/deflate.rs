//! `deflate`: zlib's format, or the bare data that some servers send under this name.
//!
//! Which one it is shows in the first two bytes: a zlib header (RFC 1950 §2.2) names method 8 and is a multiple of
//! 31; bare data that begins so would have a stored block with padding that no encoder writes.

use flate2::{Decompress, FlushDecompress, Status};

use super::step::{Fault, Step};

/// miniz's state with its window of 32 KB, rounded up.
pub(super) const HELD_BYTES: u64 = 64 << 10;

/// One step of an inflater, and whether its data ended with it.
pub(super) fn inflate(
    inflater: &mut Decompress,
    input: &[u8],
    output: &mut [u8],
) -> Result<(Step, bool), Fault> {
    let (read, written) = (inflater.total_in(), inflater.total_out());
    let status = inflater.decompress(input, output, FlushDecompress::None).map_err(|_| Fault::Corrupt)?;
    let moved = |before: u64, after: u64| usize::try_from(after - before).unwrap_or(0);
    let step = Step { read: moved(read, inflater.total_in()), written: moved(written, inflater.total_out()) };
    Ok((step, status == Status::StreamEnd))
}

#[derive(Debug)]
enum At {
    /// So many of the first two bytes came, of which the first is kept.
    Start {
        first: Option<u8>,
    },
    /// The first bytes, if the input they came in is gone, then the data.
    Data {
        before: Option<u8>,
        inflater: Decompress,
    },
    Ended,
}

/// A decoder of `deflate`.
#[derive(Debug)]
pub(super) struct Deflate {
    at: At,
}

impl Deflate {
    pub(super) fn new() -> Self {
        Self { at: At::Start { first: None } }
    }

    pub(super) fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Fault> {
        match &mut self.at {
            At::Ended => Ok(Step { read: input.len(), written: 0 }),
            At::Start { first } => {
                let (first, second) = match (*first, input) {
                    (_, []) => return Ok(Step::default()),
                    (None, [byte]) => {
                        *first = Some(*byte);
                        return Ok(Step { read: 1, written: 0 });
                    }
                    (None, [first, second, ..]) => (*first, *second),
                    (Some(first), [second, ..]) => (first, *second),
                };
                let before = match &self.at {
                    At::Start { first } => *first,
                    _ => None,
                };
                let inflater = Decompress::new(is_zlib(first, second));
                self.at = At::Data { before, inflater };
                self.step(input, output)
            }
            At::Data { before, inflater } => {
                if let Some(byte) = before.take() {
                    let (step, ended) = inflate(inflater, &[byte], output)?;
                    debug_assert!(step.read == 1 && !ended, "no data of one byte is complete");
                }
                let (step, ended) = inflate(inflater, input, output)?;
                if ended {
                    self.at = At::Ended;
                }
                Ok(step)
            }
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        matches!(self.at, At::Ended)
    }
}

fn is_zlib(first: u8, second: u8) -> bool {
    first & 0x0f == 8 && u16::from_be_bytes([first, second]).is_multiple_of(31)
}
