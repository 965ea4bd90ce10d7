//! How long a worker's requests may take.

/// Of requests that say nothing of it themselves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeouts {
    /// All in all.
    pub(super) total_ns: u64,
    /// Until the connection stands.
    pub(super) connect_ns: u64,
}
