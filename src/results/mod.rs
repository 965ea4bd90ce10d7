//! A run as data: what every report reads, and what `cli` gives an exit code.
//!
//! [`Summary::new`] takes a plan and what came of it and works out the rest once: checks and endpoints
//! added up, what stands out, the verdict. Reports only lay it out. Beside runs lies what the machine is good for: its [`Calibration`].

mod calibration;
mod finding;
mod method;
mod provenance;
mod summary;
mod verdict;

pub use calibration::{
    Advice, CALIBRATION_FILE, CALIBRATION_SCHEMA, Calibration, CalibrationError, Fingerprint, Floor, Spread,
    TopRate, advise,
};
pub use finding::{Finding, Severity};
pub use method::{Health, Method, Model};
pub use provenance::{Commit, Provenance, ScriptVersion};
pub use summary::{Answer, Check, Endpoint, MetricTotal, ScenarioLine, Summary};
pub use verdict::{Reason, Verdict};

// Reports stand on this room alone: what the engine tells passes through it.
pub use crate::engine::{
    Accusation, Books, Connections, End, FailureKind, Negotiated, Peer, ScriptFailure, Weight,
};
