//! The dynamic table of one direction: the fields that were sent last, the newest first.
//!
//! Invariant: what the entries weigh (name, value and 32 bytes each) is at most the table's size. The text of all
//! lies in one buffer of at most twice that, and a table without entries has none.

use std::collections::VecDeque;
use std::hash::Hasher;

use rustc_hash::FxHasher;

use super::static_table::STATIC;

/// What an entry weighs beside its text (RFC 7541 §4.1).
const ENTRY_BYTES: usize = 32;

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Where its name begins; the value follows.
    at: u32,
    name_len: u32,
    value_len: u32,
    hash: u32,
}

impl Entry {
    fn weight(&self) -> usize {
        self.name_len as usize + self.value_len as usize + ENTRY_BYTES
    }

    fn end(&self) -> usize {
        (self.at + self.name_len + self.value_len) as usize
    }
}

#[derive(Debug)]
pub(super) struct Table {
    text: Vec<u8>,
    /// The newest last.
    entries: VecDeque<Entry>,
    weight: usize,
    max: usize,
}

impl Table {
    pub(super) fn new(max: usize) -> Self {
        Self { text: Vec::new(), entries: VecDeque::new(), weight: 0, max }
    }

    /// The size it may have.
    pub(super) fn max(&self) -> usize {
        self.max
    }

    /// Gives it another size; what no longer fits goes.
    pub(super) fn resize(&mut self, max: usize) {
        self.max = max;
        self.evict(0);
    }

    /// Name and value behind an index, which counts on from the static table.
    pub(super) fn get(&self, index: usize) -> Option<(&[u8], &[u8])> {
        let at = index.checked_sub(1)?;
        if let Some((name, value)) = STATIC.get(at) {
            return Some((name.as_bytes(), value.as_bytes()));
        }
        let age = at - STATIC.len();
        let entry = self.entries.get(self.entries.len().checked_sub(age + 1)?)?;
        Some(self.text_of(entry))
    }

    /// The index of a field, and whether its value agrees, too.
    pub(super) fn find(&self, hash: u32, name: &[u8], value: &[u8]) -> Option<usize> {
        self.newest_first(|entry| entry.hash == hash && self.text_of(entry) == (name, value))
    }

    /// The index of some field of this name.
    pub(super) fn find_name(&self, name: &[u8]) -> Option<usize> {
        self.newest_first(|entry| entry.name_len as usize == name.len() && self.text_of(entry).0 == name)
    }

    /// Adds a field, whose hash matters only to who looks it up; what is larger than the table empties it.
    #[expect(clippy::cast_possible_truncation, reason = "a table is a few kilobytes")]
    pub(super) fn insert(&mut self, hash: u32, name: &[u8], value: &[u8]) {
        let weight = name.len() + value.len() + ENTRY_BYTES;
        self.evict(weight);
        if weight > self.max {
            return;
        }
        if self.text.len() + name.len() + value.len() > 2 * self.max {
            self.compact();
        }
        let at = self.text.len() as u32;
        self.text.extend_from_slice(name);
        self.text.extend_from_slice(value);
        self.entries.push_back(Entry {
            at,
            name_len: name.len() as u32,
            value_len: value.len() as u32,
            hash,
        });
        self.weight += weight;
    }

    fn newest_first(&self, is: impl Fn(&Entry) -> bool) -> Option<usize> {
        let age = self.entries.iter().rev().position(is)?;
        Some(STATIC.len() + 1 + age)
    }

    fn text_of(&self, entry: &Entry) -> (&[u8], &[u8]) {
        self.text[entry.at as usize..entry.end()].split_at(entry.name_len as usize)
    }

    /// Makes room for an entry of that weight, or all the room there is.
    fn evict(&mut self, weight: usize) {
        while self.weight + weight > self.max
            && let Some(oldest) = self.entries.pop_front()
        {
            self.weight -= oldest.weight();
        }
        if self.entries.is_empty() {
            self.text.clear();
        }
    }

    /// Moves what still counts to the buffer's beginning.
    fn compact(&mut self) {
        let Some(oldest) = self.entries.front() else { return self.text.clear() };
        let from = oldest.at;
        self.text.drain(..from as usize);
        for entry in &mut self.entries {
            entry.at -= from;
        }
    }

    #[cfg(test)]
    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    #[cfg(test)]
    pub(super) fn text_capacity(&self) -> usize {
        self.text.capacity()
    }
}

/// A field's hash.
#[expect(clippy::cast_possible_truncation, reason = "32 bits tell some hundred entries apart")]
pub(super) fn hash(name: &[u8], value: &[u8]) -> u32 {
    let mut hasher = FxHasher::default();
    hasher.write(name);
    hasher.write(value);
    hasher.finish() as u32
}
