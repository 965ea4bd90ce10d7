//! What can go wrong when a monitor is made. Feeding one never fails.

/// Why a [`Monitor`](super::Monitor) or its text could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MonitorError {
    /// The prefix is no legal start of a Prometheus metric name.
    #[error("metric prefix `{prefix}` must be letters, digits and `_`, and not start with a digit")]
    Prefix {
        /// The prefix as it was given.
        prefix: String,
    },
    /// The registry refused a series.
    #[error("metrics registry: {0}")]
    Registry(#[from] prometheus::Error),
}
