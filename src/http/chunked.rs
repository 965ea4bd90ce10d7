//! The chunked transfer coding (RFC 9112 §7.1), decoded from input split anywhere.
//!
//! Extensions and trailers are checked, counted against a limit and dropped. Line ends are strictly
//! CRLF here: leniency in framing is how two parties come to disagree about where a message ends.
//!
//! | state | input | next |
//! |---|---|---|
//! | `Size` | hex digit | `Size` |
//! | `Size` | space, tab (after a digit) | `Blank` |
//! | `Size` (after a digit), `Blank` | `;` | `Extension` |
//! | `Size` (after a digit), `Blank`, `Extension` | CR | `SizeEnd` |
//! | `SizeEnd` | LF | `Data`, or `TrailerStart` after size 0 |
//! | `Data` | the chunk's bytes | `DataCr` after the last |
//! | `DataCr` → `DataLf` | CR, LF | `Size` |
//! | `TrailerStart` | CR | `End` |
//! | `TrailerStart`, `TrailerName` | a character of a name | `TrailerName` |
//! | `TrailerName` | `:` | `Trailer` |
//! | `Trailer` | CR | `TrailerEnd` |
//! | `TrailerEnd` | LF | `TrailerStart` |
//! | `End` | LF | done |

use super::error::Failure;
use super::request::is_token;
use super::sink::Sink;

/// Bytes of extensions, trailers and padded sizes a body may carry, all together: as hyper's limit for
/// extensions.
pub(super) const OVERHEAD_MAX_BYTES: usize = 16 << 10;
/// Hex digits of the largest size that fits 64 bits; those beyond are leading zeros, and overhead.
const SIZE_DIGITS_MAX: u8 = 16;
/// From here on, one more digit doesn't fit 64 bits.
const SIZE_SHIFT_LIMIT: u64 = 1 << 60;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size,
    Blank,
    Extension,
    SizeEnd,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    Trailer,
    TrailerEnd,
    End,
}

/// Where in a chunked body the input stands.
#[derive(Debug)]
pub(super) struct Chunked {
    state: State,
    digits: u8,
    /// The size being read, then what is left of the chunk.
    left: u64,
    overhead: usize,
}

impl Chunked {
    pub(super) fn new() -> Self {
        Self { state: State::Size, digits: 0, left: 0, overhead: 0 }
    }

    /// Hands the data in `input` to `sink`. Returns how much of `input` belonged to the body if it ended here,
    /// `None` if it goes on.
    pub(super) fn feed(&mut self, input: &[u8], sink: &mut Sink) -> Result<Option<usize>, Failure> {
        let mut at = 0;
        while at < input.len() {
            if self.state == State::Data {
                let rest = &input[at..];
                let take = usize::try_from(self.left).map_or(rest.len(), |left| left.min(rest.len()));
                sink.push(&rest[..take], sink.room())?;
                at += take;
                self.left -= take as u64;
                if self.left == 0 {
                    self.state = State::DataCr;
                }
                continue;
            }
            let byte = input[at];
            at += 1;
            self.state = match (self.state, byte) {
                (State::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                    self.size_digit(byte)?;
                    State::Size
                }
                (State::Size, b';') if self.digits > 0 => State::Extension,
                (State::Size, b'\r') if self.digits > 0 => State::SizeEnd,
                (State::Size, b' ' | b'\t') if self.digits > 0 => self.counted(State::Blank)?,
                (State::Blank, b' ' | b'\t') => self.counted(State::Blank)?,
                (State::Blank, b';') => State::Extension,
                (State::Blank | State::Extension, b'\r') => State::SizeEnd,
                (State::SizeEnd, b'\n') => {
                    self.digits = 0;
                    // A declared size is refused before its bytes are downloaded.
                    if self.left > sink.room() {
                        return Err(sink.too_large());
                    }
                    if self.left == 0 { State::TrailerStart } else { State::Data }
                }
                (State::DataCr, b'\r') => State::DataLf,
                (State::DataLf, b'\n') => State::Size,
                (State::TrailerStart, b'\r') => State::End,
                (State::Trailer, b'\r') => State::TrailerEnd,
                (State::TrailerEnd, b'\n') => State::TrailerStart,
                (State::End, b'\n') => return Ok(Some(at)),
                (State::Extension, byte) if is_text(byte) => self.counted(State::Extension)?,
                (State::TrailerStart | State::TrailerName, byte) if is_token(byte) => {
                    self.counted(State::TrailerName)?
                }
                (State::TrailerName, b':') => State::Trailer,
                (State::Trailer, byte) if is_text(byte) => self.counted(State::Trailer)?,
                _ => return Err(Failure::Chunk),
            };
        }
        Ok(None)
    }

    fn size_digit(&mut self, byte: u8) -> Result<(), Failure> {
        let digit = char::from(byte).to_digit(16).ok_or(Failure::Chunk)?;
        if self.left >= SIZE_SHIFT_LIMIT {
            return Err(Failure::Chunk);
        }
        if self.digits == SIZE_DIGITS_MAX {
            self.counted(State::Size)?;
        } else {
            self.digits += 1;
        }
        self.left = self.left << 4 | u64::from(digit);
        Ok(())
    }

    /// The next state, at the price of one byte of overhead.
    fn counted(&mut self, next: State) -> Result<State, Failure> {
        self.overhead += 1;
        if self.overhead > OVERHEAD_MAX_BYTES {
            return Err(Failure::ChunkOverhead { max_bytes: OVERHEAD_MAX_BYTES });
        }
        Ok(next)
    }
}

/// Field text: no control character but tab.
fn is_text(byte: u8) -> bool {
    (byte >= b' ' || byte == b'\t') && byte != 0x7f
}

#[cfg(test)]
mod tests {
    use super::super::coding::Codings;
    use super::super::sink::Receive;
    use super::*;

    /// The decoded body and how much of the input was left over.
    fn decode(input: &[u8], step: usize, limit: u64) -> Result<Option<(Vec<u8>, usize)>, Failure> {
        let mut chunked = Chunked::new();
        let receive = Receive { max_bytes: limit, discard: false };
        let mut sink = Sink::new(&[], 0, receive, Codings::default());
        let mut fed = 0;
        for piece in input.chunks(step) {
            if let Some(used) = chunked.feed(piece, &mut sink)? {
                return Ok(Some((sink.into_parts().0, input.len() - fed - used)));
            }
            fed += piece.len();
        }
        Ok(None)
    }

    fn every_step(input: &[u8]) -> Result<Option<(Vec<u8>, usize)>, Failure> {
        let whole = decode(input, input.len().max(1), 1000);
        for step in 1..input.len() {
            assert_eq!(decode(input, step, 1000), whole, "step {step}");
        }
        whole
    }

    #[test]
    fn decodes_chunks_extensions_and_trailers() {
        let input = b"4\r\nWiki\r\n6;name=\"v\"\r\npedia \r\n0A ;x\r\nin\r\n\r\nchun\r\n0;last\r\nX-Sum: 1\r\nY:\r\n\r\n";
        assert_eq!(every_step(input), Ok(Some((b"Wikipedia in\r\n\r\nchun".to_vec(), 0))));
        assert_eq!(every_step(b"0\r\n\r\n"), Ok(Some((vec![], 0))));
        assert_eq!(every_step(b"000\r\n\r\nHTTP"), Ok(Some((vec![], 4))));
        assert_eq!(every_step(b"1 \t \r\nx\r\n0\t;a\r\n\r\n"), Ok(Some((b"x".to_vec(), 0))));
        assert_eq!(every_step(b"00000000000000000001\r\nx\r\n0\r\n\r\n"), Ok(Some((b"x".to_vec(), 0))));
    }

    #[test]
    fn wants_more_until_the_last_byte() {
        let input = b"1;a\r\nx\r\n0\r\nT: u\r\n\r\n";
        for end in 0..input.len() {
            assert_eq!(every_step(&input[..end]), Ok(None), "{end}");
        }
    }

    #[test]
    fn refuses_what_the_grammar_does_not_have() {
        for bad in [
            "g\r\n",
            "\r\n",
            ";x\r\n",
            " 1\r\n",
            "-1\r\n",
            "0x1\r\n",
            "1\nx",
            "1\r\rx",
            "1\r\nxy\r\n",
            "1\r\nx\n",
            "1\r\nx\r\r",
            "1;a\0\r\n",
            "1;a\nb\r\n",
            "0\r\n\n",
            "0\r\nX: y\n\r\n",
            "0\r\n\r\r",
            "10000000000000000\r\n",
            "000fffffffffffffffff\r\n",
            // What follows a blank looks like a size to whoever reads on, and is none.
            "1 2\r\nx\r\n",
            "1 a\r\n",
            "0\r\nno colon\r\n\r\n",
            "0\r\nname : v\r\n\r\n",
            "0\r\n: v\r\n\r\n",
            "0\r\n folded: v\r\n\r\n",
            "0\r\nn\u{e4}me: v\r\n\r\n",
        ] {
            assert_eq!(every_step(bad.as_bytes()), Err(Failure::Chunk), "{bad:?}");
        }
    }

    #[test]
    fn the_size_is_checked_before_the_data() {
        let limit = Failure::BodyTooLarge { max_bytes: 5 };
        assert_eq!(decode(b"6\r\n", 1, 5), Err(limit.clone()));
        assert_eq!(decode(b"ffffffffffffffff\r\n", 1, 5), Err(limit.clone()));
        assert_eq!(decode(b"3\r\nabc\r\n3\r\n", 1, 5), Err(limit));
        assert_eq!(decode(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 20, 5), Ok(Some((b"abcde".to_vec(), 0))));
    }

    #[test]
    fn extensions_and_trailers_are_bounded_together() {
        let limit = Err(Failure::ChunkOverhead { max_bytes: OVERHEAD_MAX_BYTES });
        let many = "1;abcdefgh\r\nx\r\n".repeat(OVERHEAD_MAX_BYTES / 8 + 1);
        assert_eq!(decode(many.as_bytes(), 4096, 1 << 20), limit);
        let trailers = format!("0\r\n{}", "X: yz\r\n".repeat(OVERHEAD_MAX_BYTES / 4 + 1));
        assert_eq!(decode(trailers.as_bytes(), 4096, 1 << 20), limit);
        for endless in ["0", "1 "] {
            let line = endless.to_owned() + &endless[endless.len() - 1..].repeat(OVERHEAD_MAX_BYTES + 20);
            assert_eq!(decode(line.as_bytes(), 4096, 1 << 20), limit, "{endless:?}");
        }
    }
}
