//! Why a run could not be played at all. What goes wrong within a run stands in its outcome.

use std::io;

use rustix::io::Errno;

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

impl EngineError {
    /// Whether this machine ran out of descriptors, threads or memory: nobody's bug.
    pub fn is_lack(&self) -> bool {
        let (Self::Start(error) | Self::Timer(error)) = self else { return false };
        let lacks = [Errno::MFILE, Errno::NFILE, Errno::AGAIN, Errno::NOMEM];
        Errno::from_io_error(error).is_some_and(|errno| lacks.contains(&errno))
    }
}
