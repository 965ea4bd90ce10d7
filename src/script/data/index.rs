//! Where the rows of a text begin, in at most a sixteenth of the text's size.
//!
//! Short rows share an entry: the index halves itself when it is full, and a reader then skips a few
//! rows from the entry before. What is skipped is never longer than some hundred bytes on average.

/// Bytes of text for each entry of four bytes.
const BYTES_PER_ENTRY: usize = 64;
/// Entries that a short text may have all the same.
const ENTRIES_MIN: usize = 256;

/// Offsets of rows, in order.
#[derive(Debug)]
pub(super) struct Index {
    starts: Vec<u32>,
    entries_max: usize,
    /// Rows for each entry, a power of two.
    stride: usize,
    rows: usize,
}

impl Index {
    /// An index for a text of so many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        let entries_max = (bytes / BYTES_PER_ENTRY).max(ENTRIES_MIN);
        // Reserved at once: growth by doubling would need room for three copies.
        Self { starts: Vec::with_capacity(entries_max), entries_max, stride: 1, rows: 0 }
    }

    /// Adds the row that begins at `start`, behind all others.
    pub(super) fn push(&mut self, start: usize) {
        if self.rows.is_multiple_of(self.stride) && self.starts.len() == self.entries_max {
            let mut place = 0;
            self.starts.retain(|_| {
                place += 1;
                place % 2 == 1
            });
            self.stride *= 2;
        }
        if self.rows.is_multiple_of(self.stride) {
            self.starts.push(u32::try_from(start).expect("data files are far below 4 GiB"));
        }
        self.rows += 1;
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.rows
    }

    /// A row at or before the wanted one: where it begins, and how many rows to skip from there.
    pub(super) fn near(&self, row: usize) -> Option<(usize, usize)> {
        let start = *self.starts.get(row / self.stride).filter(|_| row < self.rows)?;
        Some((start as usize, row % self.stride))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_from_the_entry_before() {
        let bytes = 64 * 1_000;
        for length in [1, 3, 10, 63, 64, 65, 200] {
            let mut index = Index::new(bytes);
            let rows = bytes / length;
            (0..rows).for_each(|row| index.push(row * length));
            assert_eq!(index.len(), rows);
            assert!(index.starts.len() <= 1_000, "{length}: {} entries", index.starts.len());
            for row in 0..rows {
                let (start, skip) = index.near(row).unwrap();
                assert_eq!(start + skip * length, row * length);
                assert!(skip * length < 128 + length, "{length}: skips {skip} rows");
            }
            assert_eq!(index.near(rows), None);
        }
    }
}
