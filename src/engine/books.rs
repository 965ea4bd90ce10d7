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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_started_and_not_ended_runs() {
        let books = Books { scheduled: 12, started: 10, ok: 4, failed: 2, interrupted: 1, dropped: 2 };
        assert_eq!(books.running(), 3);
        let over = Books { ok: 7, ..books };
        assert_eq!(over.running(), 0);
        let miscounted = Books { ok: 9, ..books };
        assert_eq!(miscounted.running(), 0, "never below nothing");
    }

    #[test]
    fn books_balance_when_both_equations_hold() {
        let good = Books { scheduled: 12, started: 10, ok: 7, failed: 2, interrupted: 1, dropped: 2 };
        assert!(good.balance());
        assert!(!Books { dropped: 1, ..good }.balance());
        assert!(!Books { ok: 6, ..good }.balance(), "one still runs");
    }

    #[test]
    fn parts_add_up_field_by_field() {
        let mut sum = Books { scheduled: 1, started: 2, ok: 3, failed: 4, interrupted: 5, dropped: 6 };
        sum.add(Books { scheduled: 10, started: 20, ok: 30, failed: 40, interrupted: 50, dropped: 60 });
        let all = Books { scheduled: 11, started: 22, ok: 33, failed: 44, interrupted: 55, dropped: 66 };
        assert_eq!(sum, all);
    }
}
