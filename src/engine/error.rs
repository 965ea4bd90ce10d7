//! Why a run could not be played at all. What goes wrong within a run stands in its outcome.

use std::io;

use crate::fiber::ArenaError;

/// The engine could not start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A thread or its runtime.
    #[error("failed to start a worker: {0}")]
    Start(io::Error),
    /// The stacks of the virtual users.
    #[error(transparent)]
    Stacks(#[from] ArenaError),
    /// The clock that wakes a worker.
    #[error("a worker's timer failed: {0}")]
    Timer(io::Error),
    /// A worker panicked outside of a script: a bug of ours.
    #[error("worker {worker} panicked: {text}")]
    Panicked {
        /// Which, from 0.
        worker: usize,
        /// What the panic said.
        text: String,
    },
    /// A worker ended without a word: a bug of ours.
    #[error("the workers ended without a word")]
    Lost,
}
