//! Where the bytes of a body go, whatever framed them: behind the head as they are, through the decoders of their
//! content codings, or nowhere.
//!
//! Invariant: what is kept of a body never exceeds its limit, and [`Sink::room`] never says that more may come than
//! that. HTTP/1.1 and HTTP/2 both end in one of these.

use super::coding::{Chain, Codings, Kept, Stop};
use super::error::Failure;
use super::grow::{append, settle};

/// What a request says about the body that answers it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Receive {
    /// A body beyond is a failure, as it comes and as it is decoded.
    pub(super) max_bytes: u64,
    /// It is counted and forgotten, however large it is.
    pub(super) discard: bool,
}

/// What becomes of the bytes.
#[derive(Debug)]
enum Way {
    Keep,
    Discard,
    /// In a box: rare, and large beside what every request carries along.
    Decode(Box<Chain>),
}

/// A response's bytes in the making.
#[derive(Debug)]
pub(super) struct Sink {
    /// The head, then what is kept of the body.
    bytes: Vec<u8>,
    head_len: usize,
    max_bytes: u64,
    wire_bytes: u64,
    way: Way,
}

impl Sink {
    /// Nothing yet.
    pub(super) fn empty() -> Self {
        Self { bytes: Vec::new(), head_len: 0, max_bytes: 0, wire_bytes: 0, way: Way::Keep }
    }

    /// Begins with a head, and makes room for `expected` bytes of a body in these codings.
    pub(super) fn new(head: &[u8], expected: usize, receive: Receive, codings: Codings) -> Self {
        let (way, max_bytes, expected) = if receive.discard {
            (Way::Discard, u64::MAX, 0)
        } else if codings.is_plain() {
            (Way::Keep, receive.max_bytes, expected)
        } else {
            (Way::Decode(Box::new(Chain::new(codings))), receive.max_bytes, expected)
        };
        let mut bytes = Vec::with_capacity(head.len() + expected);
        bytes.extend_from_slice(head);
        Self { bytes, head_len: head.len(), max_bytes, wire_bytes: 0, way }
    }

    /// How many bytes more may come.
    pub(super) fn room(&self) -> u64 {
        self.max_bytes.saturating_sub(self.wire_bytes)
    }

    /// What comes beyond the [`room`](Self::room).
    pub(super) fn too_large(&self) -> Failure {
        Failure::BodyTooLarge { max_bytes: self.max_bytes }
    }

    /// Takes the next bytes of the body, no more than there is [`room`](Self::room) for; of what may still come,
    /// these included, at most `expected` bytes are made room for.
    #[inline]
    pub(super) fn push(&mut self, data: &[u8], expected: u64) -> Result<(), Failure> {
        self.wire_bytes += data.len() as u64;
        match &mut self.way {
            Way::Keep => append(&mut self.bytes, data, expected),
            Way::Discard => {}
            Way::Decode(chain) => {
                let (head_len, max_bytes) = (self.head_len, self.max_bytes);
                chain.push(data, &mut Kept { bytes: &mut self.bytes, head_len, max_bytes }).map_err(
                    |stop| match stop {
                        Stop::TooLarge => Failure::BodyTooLarge { max_bytes },
                        Stop::Coding(error) => Failure::Coding(error),
                    },
                )?;
            }
        }
        Ok(())
    }

    /// The body is complete as far as its framing goes: an error if its codings are not.
    #[inline]
    pub(super) fn end(&mut self) -> Result<(), Failure> {
        if let Way::Decode(chain) = &self.way {
            chain.end().map_err(Failure::Coding)?;
            settle(&mut self.bytes);
        }
        Ok(())
    }

    /// What its buffer takes.
    #[cfg(any(test, feature = "trial"))]
    pub(super) fn capacity_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// The head and what was kept of the body, where the head ends, and how many bytes the body had on the wire.
    pub(super) fn into_parts(self) -> (Vec<u8>, usize, u64) {
        (self.bytes, self.head_len, self.wire_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::super::coding::{Coding, encode};
    use super::*;

    fn sink(coding: &str, max_bytes: u64, discard: bool) -> Sink {
        let mut codings = Codings::default();
        codings.add(coding.as_bytes()).unwrap();
        Sink::new(b"head", 10, Receive { max_bytes, discard }, codings)
    }

    #[test]
    fn bytes_are_counted_as_they_came_and_kept_decoded() {
        let body = [7; 1000];
        for coding in ["gzip", "deflate", "br", "zstd"] {
            let mut sink = sink(coding, 1000, false);
            let coded = encode(Coding::parse(coding).unwrap(), &body);
            for piece in coded.chunks(3) {
                sink.push(piece, 0).unwrap();
            }
            sink.end().unwrap();
            assert_eq!(sink.into_parts(), ([&b"head"[..], &body].concat(), 4, coded.len() as u64));
        }
    }

    #[test]
    fn what_is_discarded_has_no_limit_and_is_not_decoded() {
        let mut sink = sink("gzip", 5, true);
        for _ in 0..100 {
            assert!(sink.room() >= 1000);
            sink.push(&[7; 1000], 1000).unwrap();
        }
        sink.end().unwrap();
        assert_eq!(sink.into_parts(), (b"head".to_vec(), 4, 100_000));
    }

    #[test]
    fn a_body_is_limited_as_it_comes_and_as_it_is_decoded() {
        let mut plain = sink("", 5, false);
        plain.push(b"abc", 3).unwrap();
        assert_eq!(plain.room(), 2);
        let mut coded = sink("gzip", 50, false);
        let outcome = coded.push(&encode(Coding::Gzip, &[7; 51]), 50);
        assert_eq!(outcome, Err(Failure::BodyTooLarge { max_bytes: 50 }));
    }
}
