//! A request as the recorder takes it: what it is keyed by, what was measured, and the bundle of series
//! that one look-up of the key leads to.

use std::hash::{Hash, Hasher};

use super::Symbol;
use super::recorder::SeriesId;

/// What the series of a request are tagged by; all interned, see [`super::Recorder::intern`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RequestKey {
    /// Tag `scenario`.
    pub scenario: Symbol,
    /// Tag `group`: `::outer::inner`, or empty.
    pub group: Symbol,
    /// Tag `name`.
    pub name: Symbol,
    /// Tag `url`.
    pub url: Symbol,
    /// Tag `method`.
    pub method: Symbol,
    /// Tag `proto`: `HTTP/1.1`.
    pub proto: Symbol,
    /// Tag `tls_version`: `tls1.3`; none where TLS wasn't spoken. No part of the hash: the URL says as much.
    pub tls_version: Symbol,
    /// Tag `status`; 0 when no answer came.
    pub status: u16,
    /// Tag `error_code`; 0 (no tag) when there was no error.
    pub error_code: u16,
    /// Tag `expected_response`.
    pub expected: bool,
    /// Further tags, see [`super::Recorder::intern_tags`]; of one key theirs wins.
    pub extra: Symbol,
}

/// Five words instead of ten fields: the hash is a third of the look-up.
impl Hash for RequestKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let pair = |high: Symbol, low: Symbol| u64::from(high.0) << 32 | u64::from(low.0);
        state.write_u64(pair(self.name, self.scenario));
        state.write_u64(pair(self.url, self.group));
        state.write_u64(pair(self.method, self.proto));
        let codes = u64::from(self.status) << 16 | u64::from(self.error_code);
        state.write_u64(u64::from(self.extra.0) << 33 | codes << 1 | u64::from(self.expected));
    }
}

/// Where the time of one request went. The phases are disjoint and follow one another; one that didn't
/// happen is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Phases {
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
}

impl Phases {
    /// Sending, waiting and receiving: what k6 calls the duration of a request.
    pub fn duration_ns(&self) -> u64 {
        self.sending_ns.saturating_add(self.waiting_ns).saturating_add(self.receiving_ns)
    }
}

/// What was measured of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RequestSample {
    /// Where its time went.
    pub phases: Phases,
    /// All that the caller waited for, from the intended start.
    pub response_time_ns: u64,
    /// Whether an answer came. If not, nothing enters `http_req_duration` and the phases, the response
    /// time counts as "at least", and the request has failed.
    pub responded: bool,
    /// Whether it counts in `http_req_failed`.
    pub failed: bool,
    /// Bytes written.
    pub bytes_sent: u64,
    /// Bytes read.
    pub bytes_received: u64,
    /// Whether it was a cache hit, where that is known.
    pub cache: Option<bool>,
}

impl RequestSample {
    /// Whether it counts as failed: one without an answer does.
    pub(super) fn has_failed(&self) -> bool {
        self.failed || !self.responded
    }

    /// The response time and the times of [`Bundle::METRICS`] behind it, rounded to the nearest microsecond. Without an
    /// answer the first alone counts.
    pub(super) fn times_us(&self) -> [u64; 9] {
        let spent = &self.phases;
        let times_ns = [
            self.response_time_ns,
            spent.duration_ns(),
            spent.blocked_ns,
            spent.dns_ns,
            spent.connecting_ns,
            spent.tls_ns,
            spent.sending_ns,
            spent.waiting_ns,
            spent.receiving_ns,
        ];
        times_ns.map(|ns| ns.saturating_add(500) / 1_000)
    }
}

/// The series of one key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bundle {
    /// By the order of [`Bundle::METRICS`].
    pub(super) series: [SeriesId; Bundle::METRICS.len()],
    /// By the order of [`CacheSeries::METRICS`]; made once a cache status is known.
    pub(super) cache: Option<CacheSeries>,
}

impl Bundle {
    pub(super) const METRICS: [&'static str; 13] = [
        "http_reqs",
        "http_req_failed",
        "data_sent",
        "data_received",
        "http_req_response_time",
        "http_req_duration",
        "http_req_blocked",
        "http_req_dns",
        "http_req_connecting",
        "http_req_tls_handshaking",
        "http_req_sending",
        "http_req_waiting",
        "http_req_receiving",
    ];
}

/// The series of a key's cache status.
#[derive(Debug, Clone, Copy)]
pub(super) struct CacheSeries {
    pub(super) hits: SeriesId,
    pub(super) misses: SeriesId,
    pub(super) rate: SeriesId,
}
