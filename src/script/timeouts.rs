//! How long a worker's requests may take.

/// Of requests that say nothing of it themselves.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// All in all.
    pub total_ns: u64,
    /// Until the connection stands.
    pub connect_ns: u64,
}
