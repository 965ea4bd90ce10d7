//! Header blocks of the peer, read field by field.

use super::table::Table;
use super::{HpackError, TABLE_MAX_BYTES, huffman, integer};

/// What the decoder keeps for the text of fields between two blocks; a longer field's buffer is given back.
const SCRATCH_KEPT_BYTES: usize = 1 << 10;

#[derive(Debug)]
pub(in crate::http::h2) struct Decoder {
    table: Table,
    /// The text of the field at hand.
    scratch: Vec<u8>,
}

impl Decoder {
    pub(in crate::http::h2) fn new() -> Self {
        Self { table: Table::new(TABLE_MAX_BYTES), scratch: Vec::new() }
    }

    /// Reads a whole block and gives each name and value to `field`.
    pub(in crate::http::h2) fn decode(
        &mut self,
        mut block: &[u8],
        mut field: impl FnMut(&[u8], &[u8]),
    ) -> Result<(), HpackError> {
        let mut at_start = true;
        while let Some(&first) = block.first() {
            match first {
                0x80.. => {
                    let index = integer::decode(&mut block, 7)?;
                    let (name, value) = self.table.get(index).ok_or(HpackError::Index)?;
                    field(name, value);
                }
                0x40.. => {
                    let name_len = self.literal(&mut block, 6)?;
                    let (name, value) = self.scratch.split_at(name_len);
                    field(name, value);
                    self.table.insert(0, name, value);
                }
                0x20.. => {
                    let size = integer::decode(&mut block, 5)?;
                    if !at_start || size > TABLE_MAX_BYTES {
                        return Err(HpackError::TableSize);
                    }
                    self.table.resize(size);
                    continue;
                }
                // Without indexing, and never indexed: what we keep is the same.
                _ => {
                    let name_len = self.literal(&mut block, 4)?;
                    let (name, value) = self.scratch.split_at(name_len);
                    field(name, value);
                }
            }
            at_start = false;
        }
        if self.scratch.capacity() > SCRATCH_KEPT_BYTES {
            self.scratch = Vec::new();
        }
        Ok(())
    }

    /// Reads a literal field into the scratch, and returns how long its name is.
    fn literal(&mut self, block: &mut &[u8], bits: u32) -> Result<usize, HpackError> {
        self.scratch.clear();
        match integer::decode(block, bits)? {
            0 => self.string(block)?,
            index => {
                let (name, _) = self.table.get(index).ok_or(HpackError::Index)?;
                self.scratch.extend_from_slice(name);
            }
        }
        let name_len = self.scratch.len();
        self.string(block)?;
        Ok(name_len)
    }

    fn string(&mut self, block: &mut &[u8]) -> Result<(), HpackError> {
        let is_huffman = block.first().ok_or(HpackError::Truncated)? & 0x80 != 0;
        let length = integer::decode(block, 7)?;
        let (text, rest) = block.split_at_checked(length).ok_or(HpackError::Truncated)?;
        *block = rest;
        if is_huffman {
            return huffman::decode(text, &mut self.scratch);
        }
        self.scratch.extend_from_slice(text);
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn table(&self) -> &Table {
        &self.table
    }
}
