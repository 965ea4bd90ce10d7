//! A stack as pprof wants it: records of two words, each pointing at the next, at rising addresses.

/// What pprof takes of a stack.
pub(super) const LENGTH_MAX: usize = 128;

/// Of a longer stack the innermost calls are kept, and as many of the outermost as there is room for: a
/// recursion is cut in its middle.
const LEAF_MAX: usize = 96;
const ROOT_MAX: usize = LENGTH_MAX - LEAF_MAX;

/// As a function lays it on the stack: the caller's frame, and where to return to.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub(super) struct Record {
    pub(super) next: usize,
    pub(super) address: usize,
}

/// The addresses of a stack, the innermost first.
pub(super) struct Chain {
    leaf: [usize; LEAF_MAX],
    /// A ring of what came after.
    root: [usize; ROOT_MAX],
    length: usize,
}

impl Default for Chain {
    fn default() -> Self {
        Self { leaf: [0; LEAF_MAX], root: [0; ROOT_MAX], length: 0 }
    }
}

impl Chain {
    /// Adds the next outer one.
    pub(super) fn push(&mut self, address: usize) {
        match self.length.checked_sub(LEAF_MAX) {
            None => self.leaf[self.length] = address,
            Some(beyond) => self.root[beyond % ROOT_MAX] = address,
        }
        self.length += 1;
    }

    /// Lays the chain into `records`, which must stay where they are; the last points nowhere.
    pub(super) fn link(&self, records: &mut [Record; LENGTH_MAX]) {
        let start = records.as_ptr() as usize;
        let beyond = self.length.saturating_sub(LEAF_MAX);
        let kept = self.length.min(LEAF_MAX) + beyond.min(ROOT_MAX);
        for (index, record) in records.iter_mut().enumerate().take(kept) {
            let address = match index.checked_sub(LEAF_MAX) {
                None => self.leaf[index],
                Some(index) => self.root[(beyond.saturating_sub(ROOT_MAX) + index) % ROOT_MAX],
            };
            let next = if index + 1 == kept { 0 } else { start + (index + 1) * size_of::<Record>() };
            *record = Record { next, address };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linked(length: usize) -> Vec<usize> {
        let mut chain = Chain::default();
        (1..=length).for_each(|address| chain.push(address));
        let mut records = [Record::default(); LENGTH_MAX];
        chain.link(&mut records);
        let start = records.as_ptr() as usize;
        let mut found = Vec::new();
        let mut at = start;
        while at != 0 {
            let record = records[(at - start) / size_of::<Record>()];
            if record.address != 0 {
                found.push(record.address);
            }
            assert!(record.next == 0 || record.next > at, "pprof follows rising addresses alone");
            at = record.next;
        }
        found
    }

    #[test]
    fn a_chain_is_linked_in_order() {
        assert_eq!(linked(0), Vec::<usize>::new());
        assert_eq!(linked(3), [1, 2, 3]);
        assert_eq!(linked(LENGTH_MAX), (1..=LENGTH_MAX).collect::<Vec<_>>());
    }

    #[test]
    fn of_a_long_one_both_ends_are_kept() {
        let found = linked(1_000);
        let ends: Vec<usize> = (1..=LEAF_MAX).chain(1_000 - ROOT_MAX + 1..=1_000).collect();
        assert_eq!(found, ends);
        assert_eq!(linked(LENGTH_MAX + 1)[LEAF_MAX], LEAF_MAX + 2);
    }
}
