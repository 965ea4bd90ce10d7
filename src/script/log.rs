//! A line of a script's log, on its way out of the worker.

/// How much a line of a script's log matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Level {
    /// `log::debug`: shown with `-v`.
    Debug,
    /// `log::info` and `print`.
    #[default]
    Info,
    /// `log::warn`.
    Warn,
    /// `log::error`.
    Error,
}

impl Level {
    /// As it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// A line of a script's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How much it matters.
    pub level: Level,
    /// The scenario it came from; empty outside of scenarios.
    pub scenario: String,
    /// The virtual user, from 1; 0 outside of scenarios.
    pub vu: u64,
    /// The text.
    pub text: String,
}
