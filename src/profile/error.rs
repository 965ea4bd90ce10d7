//! Why there is no profile, or not all of it.

use std::io;
use std::path::PathBuf;

/// A profile that could not be taken or kept.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// Stacks can't be walked on this kind of processor or system.
    #[error("native stacks are read on Linux with x86-64 or ARM64 processors alone")]
    Unsupported,
    /// There is one profiler in a process.
    #[error("another profile is being taken")]
    Busy,
    /// pprof's table or its temporary file.
    #[error("the profiler could not keep its samples in the temporary folder: {0}")]
    Prepare(String),
    /// The signal.
    #[error("the signal of the profiler could not be handled: {0}")]
    Handler(io::Error),
    /// The timer.
    #[error("the system refused a timer of processor time: {0}")]
    Timer(io::Error),
    /// The flame graph's own reason.
    #[error("the flame graph could not be drawn: {0}")]
    Draw(io::Error),
    /// Not a folded stack.
    #[error("line {line} is no folded stack")]
    Folded {
        /// From 1.
        line: usize,
    },
    /// A file of the profile.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// The system's answer.
        error: io::Error,
    },
}
