//! How the run was measured, as its last section.

use super::super::method;
use super::Page;

impl Page<'_> {
    pub(super) fn method(&self) -> Vec<String> {
        method::lines(self.summary, self.style, 2)
    }
}
