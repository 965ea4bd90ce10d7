//! What a run has recorded since its start, series by series, and which of them changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::metrics::{TagSet, Value};
use crate::results::PlayedSecond;

/// A series since the run's start.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) value: Value,
    /// When it was nothing yet: the end of the second before its first.
    pub(super) since_unix_ms: u64,
    /// Whether it changed since it was marked as told.
    pub(super) is_dirty: bool,
    /// Whether its beginning at zero is still to be told.
    pub(super) is_new: bool,
    /// When it was told last.
    pub(super) told_unix_ms: Option<u64>,
}

/// All series, sorted. A second has [`crate::metrics::SERIES_MAX`] at most, and a worker's are the same ones in each: so
/// there are no more than the workers have together.
#[derive(Debug, Default)]
pub(super) struct Total {
    pub(super) entries: BTreeMap<(Arc<str>, TagSet), Entry>,
    /// The end of the last second; each ends later than the one before.
    pub(super) now_unix_ms: u64,
}

impl Total {
    /// The load begins.
    pub(super) fn begin(&mut self, start_unix_ms: u64) {
        self.now_unix_ms = start_unix_ms;
    }

    /// Adds a second; of the warm-up the levels alone, which are no totals.
    pub(super) fn add(&mut self, second: &PlayedSecond) {
        let before = self.now_unix_ms;
        // What `teardown` records may end in the same millisecond, and a series has one value at a time.
        self.now_unix_ms = second.end_unix_ms.max(before + 1);
        for series in &second.delta {
            if second.is_warm_up && !matches!(series.value, Value::Gauge { .. }) {
                continue;
            }
            let key = (Arc::clone(&series.metric), series.tags.clone());
            if let Some(entry) = self.entries.get_mut(&key) {
                // A metric has one kind: the engine has warned of the other, and counts it nowhere.
                entry.is_dirty |= entry.value.append(&series.value).is_ok();
            } else {
                let value = series.value.clone();
                let entry =
                    Entry { value, since_unix_ms: before, is_dirty: true, is_new: true, told_unix_ms: None };
                self.entries.insert(key, entry);
            }
        }
    }
}
