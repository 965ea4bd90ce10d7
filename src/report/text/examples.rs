//! How requests failed: the first of each kind.

use super::super::example;
use super::Page;

impl Page<'_> {
    pub(super) fn examples(&self) -> Vec<String> {
        example::lines(&self.summary.examples, self.style)
    }
}
