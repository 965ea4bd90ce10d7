//! The phases of one exchange, in the clock's nanoseconds.
//!
//! Invariant: the phases are disjoint, follow one another, and their sum is `end_ns - start_ns`;
//! what failed half-way is charged to the phase in which it failed.

/// When an exchange began and ended, and how long each of its phases took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// When the request was handed over.
    pub start_ns: u64,
    /// Time without a usable connection: waiting for a slot, or lost on a connection that turned
    /// out to be stale.
    pub blocked_ns: u64,
    /// Resolving the host's name; 0 when it was known.
    pub dns_ns: u64,
    /// Opening the TCP connection; 0 on a reused one.
    pub connecting_ns: u64,
    /// The TLS handshake; 0 without TLS.
    pub tls_ns: u64,
    /// Writing the request.
    pub sending_ns: u64,
    /// From the last byte sent to the first byte received.
    pub waiting_ns: u64,
    /// From the first byte received to the last; 0 when one read brought them all.
    pub receiving_ns: u64,
    /// When the response was complete, or the exchange had failed.
    pub end_ns: u64,
}

impl Timings {
    /// Sending, waiting and receiving: what k6 calls the duration of a request.
    pub fn duration_ns(&self) -> u64 {
        self.sending_ns + self.waiting_ns + self.receiving_ns
    }

    /// Everything from the hand-over to the end.
    pub fn total_ns(&self) -> u64 {
        self.end_ns.saturating_sub(self.start_ns)
    }
}
