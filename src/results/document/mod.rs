//! A summary as it is kept and sent to other programs: `summary.json`, the journal's last record, the report `json`.
//!
//! [`Document`] is a form of its own, apart from [`Summary`](super::Summary), so that a change inside of `runner` changes no
//! file. Its shape is published as `docs/summary.schema.json`, which describes every property; a file here
//! for each part of it. Times are whole microseconds in keys that end in `_us`, and nothing is rounded.

mod diagnostic;
mod distribution;
mod example;
mod finding;
mod form;
mod incomplete;
mod iteration;
mod lines;
mod machine;
mod measured;
mod method;
mod own;
mod steadiness;
mod sum;
mod target;
#[cfg(test)]
mod tests;

pub use form::{DOCUMENT_BYTES_MAX, DOCUMENT_FILE, DOCUMENT_SCHEMA, Document, DocumentError};
