//! What every decoder of a coding does: takes some input, gives some output.

use super::brotli::Brotli;
use super::codings::Coding;
use super::deflate::Deflate;
use super::gzip::Gzip;
use super::zstd::Zstd;

/// How far one step came. No byte either way: it wants more input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    /// Bytes taken from the input.
    pub(super) read: usize,
    /// Bytes written to the output.
    pub(super) written: usize,
}

/// Why a step failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The data breaks the format.
    Corrupt,
    /// It asks for a larger window than its coding has.
    Window,
}

/// The decoder of one coding.
#[derive(Debug)]
pub(super) enum Stage {
    Gzip(Gzip),
    Deflate(Deflate),
    Brotli(Brotli),
    Zstd(Zstd),
}

impl Stage {
    pub(super) fn new(coding: Coding) -> Self {
        match coding {
            Coding::Gzip => Self::Gzip(Gzip::new()),
            Coding::Deflate => Self::Deflate(Deflate::new()),
            Coding::Brotli => Self::Brotli(Brotli::new()),
            Coding::Zstd => Self::Zstd(Zstd::new()),
        }
    }

    /// Goes on with `input`, as far as `output` has room. What follows the coded data is read and dropped, as
    /// browsers do; behind a frame of zstd another one has to follow.
    pub(super) fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Fault> {
        match self {
            Self::Gzip(gzip) => gzip.step(input, output),
            Self::Deflate(deflate) => deflate.step(input, output),
            Self::Brotli(brotli) => brotli.step(input, output),
            Self::Zstd(zstd) => zstd.step(input, output),
        }
    }

    /// Whether the coded data may end here.
    pub(super) fn is_complete(&self) -> bool {
        match self {
            Self::Gzip(gzip) => gzip.is_complete(),
            Self::Deflate(deflate) => deflate.is_complete(),
            Self::Brotli(brotli) => brotli.is_complete(),
            Self::Zstd(zstd) => zstd.is_complete(),
        }
    }

    /// Memory of its own that holds something, after `written` bytes of output: what lies untouched costs nothing.
    pub(super) fn held_bytes(&self, written: u64) -> u64 {
        match self {
            Self::Gzip(_) | Self::Deflate(_) => super::deflate::HELD_BYTES,
            Self::Brotli(brotli) => brotli.held_bytes(),
            Self::Zstd(zstd) => zstd.held_bytes(written),
        }
    }
}
