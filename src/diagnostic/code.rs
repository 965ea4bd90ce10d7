//! What kind of a failure a diagnostic tells of, and how bad it is.

use serde::{Deserialize, Serialize};

/// The kind of a failure; `cli` maps each to an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The command line is wrong.
    Usage,
    /// The plan or an option of it is invalid.
    Plan,
    /// The script does not compile, or threw.
    Script,
    /// `setup` threw.
    Setup,
    /// `setup` took longer than it may.
    SetupTimeout,
    /// `teardown` threw.
    Teardown,
    /// `teardown` took longer than it may.
    TeardownTimeout,
    /// A target failed.
    Target,
    /// A host of the plan cannot be reached.
    Preflight,
    /// The script called `abort`.
    Aborted,
    /// The user stopped the run.
    Interrupted,
    /// The generator was the limit, so the run says nothing about the service.
    Inconclusive,
    /// Results could not be written or read.
    Results,
    /// The control interface could not start.
    Control,
    /// A bug of `runner` itself.
    Bug,
    /// Anything else.
    Other,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It can't be run, or failed.
    #[default]
    Error,
    /// It can be run, and is hardly what was meant.
    Warning,
}

impl Severity {
    /// As it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}
