//! Reports: the summary of a run laid out for someone. A file each, and a line in [`REPORTS`].
//!
//! A report only lays out: what there is to say was worked out in [`crate::results`]. What a script or a
//! service named is cleaned before it is printed, so that it can't steer a terminal.

mod example;
mod figure;
mod headline;
mod hit;
mod interrupted;
mod k6;
mod method;
mod paint;
mod profile;
mod steady;
mod tally;
mod text;

pub use headline::headline;
pub use hit::Hit;
pub use k6::k6_export;
pub use profile::profile;
pub use tally::{Ending, tally};

use crate::results::Summary;

/// A way to lay out a summary.
pub struct Report {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is for, in one line.
    pub about: &'static str,
    /// Lays a summary out; the text ends in a newline.
    pub render: fn(&Summary, &Style) -> String,
}

/// All reports, in the order of the reference.
pub const REPORTS: &[&Report] = &[&text::REPORT, &text::TARGETS];

/// How a report may look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether colours may be used; they repeat what the words say.
    pub colour: bool,
    /// The columns there are. What a program may read (targets, metrics, the verdict) is never cut to them.
    pub width: usize,
}
