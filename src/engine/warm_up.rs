//! The first seconds of a load, which are played as all others and left out of all figures.
//!
//! A sample belongs to the second in which it falls: of an iteration that begins in the warm-up and ends after it,
//! what happened before the end of the warm-up is left out and the rest counts. So the warm-up and what follows
//! make the whole, and the books of the run, which know no seconds, balance against both together.

use std::time::Duration;

use crate::metrics::Snapshot;

use super::calendar::Calendar;

/// What was recorded in the warm-up.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WarmUp {
    /// How long it was to be, in whole seconds of a load that isn't paused.
    pub length: Duration,
    /// How long it was: longer by pauses in it, shorter if the load was over before its end.
    pub elapsed: Duration,
    /// Whether something was measured behind it.
    pub is_over: bool,
    /// All that is left out of the run's total.
    pub recorded: Snapshot,
}

impl WarmUp {
    /// A warm-up that begins with the load; none of no length.
    pub(super) fn new(length: Duration) -> Option<Self> {
        (!length.is_zero()).then(|| Self { length, ..Self::default() })
    }

    /// Whether a second of the load, whole or not, belongs to it. Asked in order; time in which the load stands warms
    /// nothing up.
    pub(super) fn holds(&mut self, number: u64, calendar: Option<&Calendar>) -> bool {
        let before = Duration::from_secs(number.saturating_sub(1));
        let paused = calendar.map_or(Duration::ZERO, |calendar| calendar.paused_by(number.saturating_sub(1)));
        self.is_over |= before.saturating_sub(paused) >= self.length;
        !self.is_over
    }
}
