//! A run as data: what every report reads, and what `cli` gives an exit code.
//!
//! [`Summary::new`] takes a plan and what came of it and works out the rest once: checks and endpoints
//! added up, what stands out, the verdict. Reports only lay it out, and a [`Document`] keeps it. Beside runs lies what the machine is good for: its [`Calibration`].

mod calibration;
mod crowd;
mod document;
mod environment;
mod epochs;
mod finding;
mod folder;
mod incomplete;
mod journal;
mod kept_run;
mod masked_plan;
mod method;
mod output_line;
mod played_second;
mod private_folder;
mod provenance;
mod pruning;
mod run_id;
mod runs;
mod steadiness;
mod store_error;
mod summary;
mod verdict;
mod warm_up;
mod whole_file;
mod working_file;

pub use calibration::{
    Advice, CALIBRATION_FILE, CALIBRATION_SCHEMA, Calibration, CalibrationError, Fingerprint, Floor, Spread,
    TopRate, advise,
};
pub use document::{DOCUMENT_BYTES_MAX, DOCUMENT_FILE, DOCUMENT_SCHEMA, Document, DocumentError};
pub use environment::{
    ENVIRONMENT_FILE, ENVIRONMENT_SCHEMA, Environment, KeptCommit, KeptScript, RunOutcome,
};
pub use epochs::{EndpointChange, EndpointFigures, Epoch, Epochs, Moved};
pub use finding::{Finding, Severity};
pub use folder::{RESULTS_FOLDER, RUNS_FOLDER, RunFolder};
pub use incomplete::{Incomplete, NoEnd};
#[cfg(feature = "trial")]
pub use journal::trial;
pub use journal::{
    Head, JOURNAL_DRAIN_MAX, Journal, JournalError, KeptSecond, Medium, Survey, TOTAL_EVERY, Tail, Writer,
};
pub use kept_run::{JOURNAL_FILE, KeptRun, LAST, PROFILE_FOLDER, RunCard, RunFile, RunState, SCRIPT_FOLDER};
pub use masked_plan::masked_plan;
pub use method::{Health, Method, Model};
pub use output_line::OutputLine;
pub use played_second::{Labels, PlayedSecond};
pub use private_folder::PrivateFolder;
pub use provenance::{Commit, Provenance, ScriptVersion};
pub use pruning::{Pruned, PrunedRun, Pruning, SparedRun};
pub use run_id::RunId;
pub use runs::Runs;
pub use steadiness::{Steadiness, Stretch, Unknown};
pub use store_error::StoreError;
pub use summary::{Answer, Check, Durations, Endpoint, MetricTotal, ScenarioLine, Summary};
pub use verdict::{Reason, Verdict};
pub use warm_up::{WarmUpLine, WarmUpPart};
pub use whole_file::{append_file, write_whole_file};
pub use working_file::{NameError, check_name, write_below};

// Reports stand on this room alone: what the engine tells passes through it.
pub use crate::engine::{
    Accusation, Books, Connections, Content, End, Example, Examples, Excerpt, FailureKind, Interrupted, Kind,
    Negotiated, Peer, ScriptFailure, Weight,
};
