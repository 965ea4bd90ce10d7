//! A run's journal: one append-only file that holds the run second by second, so that a run which dies can still be reported.
//!
//! The file is a line that says what it is, then records ([`frame`]): a head, each second, now and then the total, and
//! at the end the run's document. Each record has a checksum that goes on from the one before, so whatever is cut off or
//! changed, what is read is an exact prefix of what was written. [`Journal`] writes on a thread of its own;
//! [`Survey`] reads.

mod error;
mod frame;
mod medium;
mod queue;
mod reader;
mod record;
mod replay;
mod writer;

#[cfg(any(test, feature = "trial"))]
#[cfg_attr(
    not(feature = "trial"),
    expect(unreachable_pub, reason = "public for `fuzz/`, by the feature alone")
)]
pub mod trial;

pub use error::JournalError;
pub use medium::Medium;
pub use queue::{JOURNAL_DRAIN_MAX, Journal};
pub use reader::{Survey, Tail};
pub use record::{Head, KeptSecond};
pub use writer::Writer;

use super::JOURNAL_FILE;

/// Seconds between two totals: who reads adds up no more seconds than these, however long the run was.
pub const TOTAL_EVERY: u64 = 300;

#[cfg(test)]
mod tests;
