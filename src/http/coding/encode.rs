//! Bodies of requests, encoded whole before they go.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

use super::codings::Coding;

/// What services choose for answers made on the spot: beyond it, time grows faster than size shrinks.
const BROTLI_QUALITY: u32 = 5;
/// A window of 4 MB, the usual one.
const BROTLI_WINDOW_LOG: u32 = 22;
/// What the encoder works with beside the window.
const BROTLI_BUFFER_BYTES: usize = 16 << 10;

/// `body` in a coding, at its usual level.
pub fn encode(coding: Coding, body: &[u8]) -> Vec<u8> {
    const INTO_MEMORY: &str = "writing into memory does not fail";
    match coding {
        Coding::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(body).and_then(|()| encoder.finish()).expect(INTO_MEMORY)
        }
        Coding::Deflate => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(body).and_then(|()| encoder.finish()).expect(INTO_MEMORY)
        }
        Coding::Brotli => {
            let mut encoder = brotli::CompressorWriter::new(
                Vec::new(),
                BROTLI_BUFFER_BYTES,
                BROTLI_QUALITY,
                BROTLI_WINDOW_LOG,
            );
            encoder.write_all(body).expect(INTO_MEMORY);
            encoder.into_inner()
        }
        Coding::Zstd => zstd::bulk::compress(body, zstd::DEFAULT_COMPRESSION_LEVEL).expect(INTO_MEMORY),
    }
}
