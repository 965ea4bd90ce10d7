//! What a run's last second showed, as plain data: all that a page is drawn of. Texts have gone through the mask, and
//! nothing in them can steer a terminal.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::Books;
use crate::metrics::Quantile;

/// A run by the end of a second.
#[derive(Debug, Clone, Default)]
pub(super) struct Moment {
    /// Since the load began, pauses included.
    pub(super) elapsed: Duration,
    /// When the load is over at the latest.
    pub(super) end_max: Duration,
    pub(super) is_warm_up: bool,
    pub(super) vus: u64,
    pub(super) vus_max: u64,
    pub(super) books: Books,
    /// Requests in this second; none where it was no whole one.
    pub(super) rate: Option<f64>,
    /// The p(95) of `http_req_duration` in this second.
    pub(super) p95_us: Option<u64>,
    /// Each scenario's, in the order of declaration.
    pub(super) scenarios: Vec<Books>,
    /// This epoch's number, from 1.
    pub(super) epoch: u64,
    /// How long this epoch has lasted, and the last one did.
    pub(super) lasted: (Duration, Option<Duration>),
    /// Those with most requests, most first.
    pub(super) endpoints: Vec<Endpoint>,
    /// How many endpoints there are besides, and what they have in common.
    pub(super) more: Option<(usize, Figures)>,
    /// Those that did not hold first.
    pub(super) checks: Vec<Check>,
    pub(super) targets: Vec<Target>,
    pub(super) health: Health,
    /// Requests that failed so far, by kind.
    pub(super) failed: Vec<(FailedKind, u64)>,
}

/// An endpoint in this epoch, and in the last one.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    pub(super) name: Arc<str>,
    pub(super) now: Figures,
    pub(super) last: Option<Figures>,
}

/// What requests came to.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Figures {
    pub(super) requests: u64,
    pub(super) per_second: f64,
    /// Of those that were answered: p(50), p(95), p(99), each where there are enough.
    pub(super) percentiles: [Option<Quantile>; 3],
    /// Requests that failed, of so many.
    pub(super) failed: (u64, u64),
}

/// A check in this epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Check {
    pub(super) name: Arc<str>,
    pub(super) held: u64,
    pub(super) total: u64,
}

/// A target, as it would be judged now.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Target {
    pub(super) key: String,
    pub(super) text: String,
    pub(super) standing: Standing,
    pub(super) observed: String,
    /// What of the bound is left, as a share of it; below 0 it is passed. None where that says nothing.
    pub(super) margin: Option<f64>,
}

/// Whether a target holds so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Holds,
    Fails,
    /// There is nothing to judge it on, or too little.
    Open,
}

/// What the generator measured of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Health {
    /// CPU of the busiest worker, as a share of a core.
    pub(super) cpu: Option<f64>,
    /// Waiting of the worker that waited most for a core, as a share of the time.
    pub(super) wait: Option<f64>,
    /// The p(99) of how late the workers' loops ran.
    pub(super) lag_us: Option<u64>,
    /// Seconds in which the generator was the limit, of those that were judged.
    pub(super) slow: (u64, u64),
    /// Whether the last one was.
    pub(super) is_slow: bool,
}

/// What failed: as an example of it has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FailedKind {
    Request {
        /// The tag `name`, unmasked: it is looked up by, and never shown.
        name: String,
        status: u16,
        error_code: u16,
    },
    /// A check, by its name as it is shown.
    Check(Arc<str>),
}
