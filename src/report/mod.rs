//! Reports: the summary of a run laid out for someone. A file each, and a line in [`REPORTS`].
//!
//! A report only lays out: what there is to say was worked out in [`crate::results`]. What a script or a
//! service named is cleaned before it is printed, so that it can't steer a terminal.

mod evidence;
mod example;
mod figure;
mod github;
mod headline;
mod hit;
mod interrupted;
mod json;
mod junit;
mod k6;
mod method;
mod paint;
mod profile;
mod steady;
mod tally;
mod text;

pub use example::{lines as example_lines, title as example_title};
pub use headline::headline;
pub use hit::Hit;
pub use k6::{group_id, k6_export};
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
    /// Whether people read it; a program's input must stand alone where it is printed.
    pub is_for_people: bool,
    /// Lines for whoever reads what a command prints, whatever else it prints. Paths in them begin with the given folder,
    /// which is empty or ends in `/`.
    pub annotations: Option<fn(&Summary, &str) -> String>,
    /// The environment variable that names a file to which it is added where no other file is named.
    pub file_variable: Option<&'static str>,
}

impl std::fmt::Debug for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// All reports, in the order of the reference.
pub const REPORTS: &[&Report] =
    &[&text::REPORT, &text::TARGETS, &json::REPORT, &junit::REPORT, &github::REPORT];

/// How a report may look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether colours may be used; they repeat what the words say.
    pub colour: bool,
    /// The columns there are. What a program may read (targets, metrics, the verdict) is never cut to them.
    pub width: usize,
}
