//! The examples of a worker or of a run: one for each kind of failure and name, as many as a reader looks at.

use super::example::Example;

/// Kinds of failure that have an example: what a reader looks at, some 10 KB each; the rest is counted.
pub const EXAMPLES_MAX: usize = 50;

/// Examples, and how many failures have none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Examples {
    /// At most [`EXAMPLES_MAX`], no two of one kind and name.
    pub list: Vec<Example>,
    /// Failures of further kinds.
    pub more: u64,
}

impl Examples {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.more == 0
    }

    /// Takes those of another worker. Of two of one kind and name the earlier one stands, for both counts.
    pub fn merge(&mut self, other: Self) {
        self.more += other.more;
        for example in other.list {
            self.add(example);
        }
    }

    fn add(&mut self, mut example: Example) {
        let is_alike = |known: &&mut Example| known.kind == example.kind && known.name == example.name;
        let has_room = self.list.len() < EXAMPLES_MAX;
        match self.list.iter_mut().find(is_alike) {
            Some(known) => {
                let count = known.count + example.count;
                if example.begun_ns < known.begun_ns {
                    std::mem::swap(known, &mut example);
                }
                known.count = count;
            }
            None if has_room => self.list.push(example),
            None => self.more += example.count,
        }
    }

    /// The most frequent first, and of equally frequent ones the earlier.
    pub fn sort(&mut self) {
        self.list.sort_by(|a, b| {
            b.count.cmp(&a.count).then(a.begun_ns.cmp(&b.begun_ns)).then_with(|| a.name.cmp(&b.name))
        });
    }
}
