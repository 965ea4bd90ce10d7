//! What a series is found by that a script adds to.

use crate::metrics::{MetricId, Symbol};

/// Series found by key; beyond, they are looked up by their tags each time.
pub(super) const SERIES_KEPT_MAX: usize = 10_000;

/// The key of a series of a check, a group, a custom metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct SeriesKey {
    pub(super) metric: MetricId,
    /// The name of a check; else none.
    pub(super) check: Symbol,
    pub(super) scenario: Symbol,
    pub(super) group: Symbol,
    /// Tags of the scenario, or those and the call's.
    pub(super) tags: Symbol,
}
