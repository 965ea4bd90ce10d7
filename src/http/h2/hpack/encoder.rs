//! Our own header blocks: what was sent before goes as one byte.
//!
//! A load test sends the same fields again and again, so almost everything enters the table. Only what changes from
//! request to request would push the rest out: a path enters when it is seen for the second time, a length never.

use super::static_table::{Found, find};
use super::table::{Table, hash};
use super::{TABLE_MAX_BYTES, huffman, integer};

/// How many fields are remembered that came once.
const SEEN_ONCE: usize = 16;
/// A field that takes more than this part of the table doesn't enter it.
const SHARE_MAX: usize = 4;

/// Whether a field enters the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http::h2) enum Indexing {
    /// At once.
    Always,
    /// When it comes again soon.
    Again,
    /// Never, and no one on the way may either: a short secret could be guessed by its compression (RFC 7541 §7.1.3).
    Secret,
    /// Not worth it.
    Never,
}

#[derive(Debug)]
pub(in crate::http::h2) struct Encoder {
    table: Table,
    /// The smallest size that the peer asked for since the last block, if that is yet to be confirmed.
    smallest: Option<usize>,
    seen: [u32; SEEN_ONCE],
    seen_at: usize,
    /// Counts what changed how a block would be written.
    generation: u32,
}

impl Encoder {
    pub(in crate::http::h2) fn new() -> Self {
        let seen = [0; SEEN_ONCE];
        Self { table: Table::new(TABLE_MAX_BYTES), smallest: None, seen, seen_at: 0, generation: 0 }
    }

    /// The peer grants a table of so many bytes.
    pub(in crate::http::h2) fn resize(&mut self, granted: usize) {
        let size = granted.min(TABLE_MAX_BYTES);
        if size == self.table.max() {
            return;
        }
        self.smallest = Some(self.smallest.map_or(size, |smallest| smallest.min(size)));
        self.table.resize(size);
        self.generation = self.generation.wrapping_add(1);
    }

    /// Changes whenever a block that was encoded before would be encoded otherwise.
    pub(in crate::http::h2) fn generation(&self) -> u32 {
        self.generation
    }

    /// Begins a block.
    pub(in crate::http::h2) fn begin(&mut self, out: &mut Vec<u8>) {
        let Some(smallest) = self.smallest.take() else { return };
        if smallest < self.table.max() {
            integer::encode(smallest, 5, 0x20, out);
        }
        integer::encode(self.table.max(), 5, 0x20, out);
    }

    /// Appends a field; `name` is in lower case.
    pub(in crate::http::h2) fn field(
        &mut self,
        name: &[u8],
        value: &[u8],
        indexing: Indexing,
        out: &mut Vec<u8>,
    ) {
        let hash = hash(name, value);
        if let Some(index) = self.table.find(hash, name, value) {
            return integer::encode(index, 7, 0x80, out);
        }
        let name_index = match find(name, value) {
            Found::Field(index) => return integer::encode(index, 7, 0x80, out),
            Found::Name(index) => index,
            Found::Nothing => self.table.find_name(name).unwrap_or(0),
        };
        let enters = match indexing {
            Indexing::Always => true,
            Indexing::Again => self.was_seen(hash),
            Indexing::Secret | Indexing::Never => false,
        } && name.len() + value.len() <= self.table.max() / SHARE_MAX;
        match indexing {
            _ if enters => integer::encode(name_index, 6, 0x40, out),
            Indexing::Secret => integer::encode(name_index, 4, 0x10, out),
            _ => integer::encode(name_index, 4, 0, out),
        }
        if name_index == 0 {
            string(name, out);
        }
        string(value, out);
        if enters {
            self.table.insert(hash, name, value);
        }
        // What stays out of the table is written the same way again.
        if enters || indexing == Indexing::Again {
            self.generation = self.generation.wrapping_add(1);
        }
    }

    fn was_seen(&mut self, hash: u32) -> bool {
        if self.seen.contains(&hash) {
            return true;
        }
        self.seen[self.seen_at] = hash;
        self.seen_at = (self.seen_at + 1) % SEEN_ONCE;
        false
    }
}

fn string(text: &[u8], out: &mut Vec<u8>) {
    let short = huffman::encoded_len(text);
    if short < text.len() {
        integer::encode(short, 7, 0x80, out);
        huffman::encode(text, out);
    } else {
        integer::encode(text.len(), 7, 0, out);
        out.extend_from_slice(text);
    }
}
