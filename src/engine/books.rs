//! The books: iterations by what became of them. [`super::ledger`] holds them against what was recorded.

/// Iterations by what became of them: scheduled = started + dropped, started = ok + failed +
/// interrupted (+ those still running, until the end).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Books {
    /// Iterations that the demand asked for.
    pub scheduled: u64,
    /// Iterations that began.
    pub started: u64,
    /// Those that ran to their end.
    pub ok: u64,
    /// Those that threw, or that an `assert` or `fail` ended.
    pub failed: u64,
    /// Those that the stop cut.
    pub interrupted: u64,
    /// Iterations that could not begin.
    pub dropped: u64,
}

impl Books {
    /// Adds another part's books.
    pub fn add(&mut self, other: Books) {
        self.scheduled += other.scheduled;
        self.started += other.started;
        self.ok += other.ok;
        self.failed += other.failed;
        self.interrupted += other.interrupted;
        self.dropped += other.dropped;
    }

    /// Iterations that run now.
    pub fn running(&self) -> u64 {
        self.started.saturating_sub(self.ok + self.failed + self.interrupted)
    }

    /// Whether both equations hold, once nothing runs any more.
    pub fn balance(&self) -> bool {
        self.scheduled == self.started + self.dropped && self.running() == 0
    }
}

/// What became of one scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioOutcome {
    /// Its name.
    pub name: String,
    /// Its iterations.
    pub books: Books,
    /// How many of the failed ones threw, rather than an `assert` or `fail` ended them.
    pub threw: u64,
}
