//! Header compression (RFC 7541): what both sides have seen before is sent as a number.
//!
//! Invariant: encoder and decoder hold tables of at most [`TABLE_MAX_BYTES`], whatever the peer asks for, and a
//! block that was begun is read to its end, or the connection is closed: the tables would differ from then on.

mod decoder;
mod encoder;
mod huffman;
mod integer;
mod static_table;
mod table;
#[cfg(test)]
mod tests;

pub(super) use decoder::Decoder;
pub(super) use encoder::{Encoder, Indexing};

/// The size of a dynamic table: the protocol's default, which is neither raised nor asked to be.
pub(super) const TABLE_MAX_BYTES: usize = 4096;

/// Why a header block can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum HpackError {
    /// The block ends within a field.
    #[error("a header block ends within a field")]
    Truncated,
    /// A number past 2³² or of too many bytes.
    #[error("a number in a header block is too large")]
    Integer,
    /// An index that neither table has.
    #[error("a header block names an entry that is in no table")]
    Index,
    /// Bits that are no Huffman code, or wrong padding.
    #[error("a string in a header block is not valid Huffman code")]
    Huffman,
    /// A new size of the table that is beyond what was granted, or not at the block's beginning.
    #[error("a header block changes the table's size where it must not, or beyond what it may")]
    TableSize,
}
