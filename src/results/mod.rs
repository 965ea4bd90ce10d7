//! A run as data: what every report reads, and what `cli` gives an exit code.
//!
//! [`Summary::new`] takes a plan and what came of it and works out the rest once: checks and endpoints
//! added up, what stands out, the verdict. Reports only lay it out, and a [`Document`] keeps it. Beside runs lies what the machine is good for: its [`Calibration`].

mod calibration;
mod crowd;
mod document;
mod finding;
mod folder;
mod incomplete;
mod journal;
mod method;
mod output_line;
mod played_second;
mod provenance;
mod run_id;
mod steadiness;
mod store_error;
mod summary;
mod verdict;
mod warm_up;
mod working_file;

pub use calibration::{
    Advice, CALIBRATION_FILE, CALIBRATION_SCHEMA, Calibration, CalibrationError, Fingerprint, Floor, Spread,
    TopRate, advise,
};
pub use document::{DOCUMENT_BYTES_MAX, DOCUMENT_FILE, DOCUMENT_SCHEMA, Document, DocumentError};
pub use finding::{Finding, Severity};
pub use folder::RunFolder;
pub use incomplete::{Incomplete, NoEnd};
#[cfg(feature = "trial")]
pub use journal::trial;
pub use journal::{
    Head, JOURNAL_DRAIN_MAX, Journal, JournalError, KeptSecond, Medium, Survey, TOTAL_EVERY, Tail, Writer,
};
pub use method::{Health, Method, Model};
pub use output_line::OutputLine;
pub use played_second::{Labels, PlayedSecond};
pub use provenance::{Commit, Provenance, ScriptVersion};
pub use run_id::RunId;
pub use steadiness::{Steadiness, Stretch, Unknown};
pub use store_error::StoreError;
pub use summary::{Answer, Check, Durations, Endpoint, MetricTotal, ScenarioLine, Summary};
pub use verdict::{Reason, Verdict};
pub use warm_up::{WarmUpLine, WarmUpPart};
pub use working_file::{NameError, check_name, write_below};

// Reports stand on this room alone: what the engine tells passes through it.
pub use crate::engine::{
    Accusation, Books, Connections, Content, End, Example, Examples, Excerpt, FailureKind, Interrupted, Kind,
    Negotiated, Peer, ScriptFailure, Weight,
};
