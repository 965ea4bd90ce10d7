//! Why a body could not be decoded.

use super::codings::Coding;

/// What is wrong with a body's content coding. Messages hold no measured number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodingError {
    /// The data breaks the coding's format, or its checksum.
    #[error("the response's body is not valid {coding}, though its content-encoding says so")]
    Corrupt {
        /// The coding that was being undone.
        coding: Coding,
    },
    /// The body ended before the coded data did.
    #[error("the response's {coding} data ends before it is complete")]
    Truncated {
        /// The coding that was being undone.
        coding: Coding,
    },
    /// The body, and what its decoders have to remember of it, would take more than a body may.
    #[error(
        "the response's {coding} data needs a larger window than fits: body and window have {max_bytes} bytes, a window of zstd 8 MB"
    )]
    Window {
        /// The coding whose window was too large.
        coding: Coding,
        /// The limit.
        max_bytes: u64,
    },
    /// More codings one upon another than anybody needs.
    #[error("the response's body has more than {max} content codings")]
    TooMany {
        /// The limit.
        max: usize,
    },
}
