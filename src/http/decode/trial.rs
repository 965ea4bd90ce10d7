//! One trial of the decoder with arbitrary bytes: however they are cut, the outcome is the same, and
//! memory stays within the caps. `fuzz/` plays it for hours, a test in short.
//!
//! Input: one byte of facts (a HEAD, closed at the end, which cap, which beginning), three that say where to cut,
//! then what the server sends behind that beginning.

use super::{Decoder, HEAD_MAX_BYTES, Progress, RESERVE_MAX_BYTES, Receive};
use crate::http::coding::CodingError;
use crate::http::error::Failure;

/// Caps of a body that are tried: none at all, a few bytes, more than an input has.
const CAPS: [u64; 4] = [0, 5, 1 << 12, 1 << 24];
/// Beginnings that random bytes would hardly find.
const BEGINNINGS: [&[u8]; 8] = [
    b"",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.0 200 OK\r\nContent-Length: ",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08\0\0\0\0\0\0\x03",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: zstd\r\n\r\n\x28\xb5\x2f\xfd",
];
/// Up to here an input is also fed byte by byte.
const BYTEWISE_MAX_BYTES: usize = 4 << 10;

/// What a connection led to, to be compared.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// The response's bytes, the length of its head, its status, and whether the connection may be used again.
    Complete(Vec<u8>, usize, u16, bool),
    Failed(Failure),
    Unfinished,
}

/// Plays one input.
///
/// # Panics
/// If the decoder breaks a promise.
pub fn response(data: &[u8]) {
    let Some(([facts, cuts @ ..], sent)) = data.split_first_chunk::<4>() else { return };
    let (to_head, closed) = (facts & 1 != 0, facts & 2 != 0);
    let cap = CAPS[usize::from(facts >> 2) % CAPS.len()];
    let input = &[BEGINNINGS[usize::from(facts >> 4) % BEGINNINGS.len()], sent].concat()[..];

    let whole = play(input.chunks(input.len().max(1)), to_head, closed, cap);
    let mut places = cuts.map(|cut| input.len() * usize::from(cut) / usize::from(u8::MAX));
    places.sort_unstable();
    let [a, b, c] = places;
    let pieces = [&input[..a], &input[a..b], &input[b..c], &input[c..]];
    let cut = play(pieces.into_iter().filter(|piece| !piece.is_empty()), to_head, closed, cap);
    assert_eq!(cut, whole, "cut at {places:?}");
    if input.len() <= BYTEWISE_MAX_BYTES {
        assert_eq!(play(input.chunks(1), to_head, closed, cap), whole, "byte by byte");
    }
}

fn play<'a>(pieces: impl Iterator<Item = &'a [u8]>, to_head: bool, closed: bool, cap: u64) -> Outcome {
    let mut decoder = Decoder::new(to_head, Receive { max_bytes: cap, discard: false });
    let mut pieces = pieces;
    let mut open = true;
    while open {
        let Some(piece) = pieces.next() else {
            if !closed {
                return Outcome::Unfinished;
            }
            match decoder.end() {
                Ok(()) => open = false,
                Err(failure) => return failed(failure),
            }
            continue;
        };
        let progress = decoder.feed(piece);
        let held = decoder.bytes.capacity() + decoder.sink.capacity_bytes();
        // A vector at most doubles, and holds no more than a head, a piece, and a body within the cap.
        let limit = 2 * (HEAD_MAX_BYTES as u64 + piece.len() as u64 + cap + cap.min(RESERVE_MAX_BYTES));
        assert!(held as u64 <= limit, "{held} bytes held, {limit} allowed");
        match progress {
            Ok(Progress::More) => {}
            Ok(Progress::Complete) => break,
            Err(failure) => return failed(failure),
        }
    }
    let (response, reusable) = decoder.finish();
    assert!(response.body().len() as u64 <= cap, "a body beyond its cap");
    // What scripts read must not trip over anything that passed.
    assert!(response.headers().all(|(name, _)| !name.is_empty()), "a header without a name");
    let _ = (response.reason(), response.cache_status());
    let reusable = reusable && open && pieces.next().is_none();
    Outcome::Complete(response.bytes, response.head_len, response.status, reusable)
}

/// Coded data may be spoilt behind the place where it exceeds the cap: which of the two is found first is the cuts'.
fn failed(failure: Failure) -> Outcome {
    Outcome::Failed(match failure {
        Failure::Coding(CodingError::Corrupt { .. } | CodingError::Window { .. }) => {
            Failure::BodyTooLarge { max_bytes: 0 }
        }
        Failure::BodyTooLarge { .. } => Failure::BodyTooLarge { max_bytes: 0 },
        other => other,
    })
}
