//! Spans: what a tracing backend shows of a run, and their way off the workers.
//!
//! Plain data, handed over in batches ([`Tap`]) that nobody waits for.

use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::diagnostic::Mask;
use crate::metrics::{Outlet, Outlets, Phases, TagSet, Tap};

/// Something that took time.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Of the iteration and all its requests; a request outside of iterations has its own.
    pub trace_id: u128,
    /// Its own; what the service was told in `traceparent`, of a request.
    pub span_id: u64,
    /// Of the iteration that a request is part of.
    pub parent_id: Option<u64>,
    /// Nanoseconds since 1970, UTC.
    pub start_unix_ns: u64,
    /// The same.
    pub end_unix_ns: u64,
    /// Empty in `setup` and `teardown`.
    pub scenario: Arc<str>,
    /// The user's number from 1; 0 in `setup` and `teardown`.
    pub vu: u64,
    /// The iteration's number in its scenario, from 0.
    pub iteration: Option<u64>,
    /// The user's tags.
    pub tags: TagSet,
    /// What took the time.
    pub work: Work,
}

/// What a span is of.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    /// An iteration of a flow.
    Iteration(Ended),
    /// A request, or one hop of it.
    Request(Box<RequestWork>),
}

/// How an iteration ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Well.
    Ok,
    /// It threw, or an `assert` or `fail` ended it.
    Failed,
    /// The stop, a deadline or `abort` cut it.
    Cut,
}

/// A request, as its span tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestWork {
    /// The tag `name`.
    pub name: Arc<str>,
    /// The tag `group`; empty outside of groups.
    pub group: Arc<str>,
    /// `GET`.
    pub method: String,
    /// Without user and password, and without the values of parameters that tell of secrets by their names.
    pub url: String,
    /// A name or an address.
    pub host: String,
    /// Also where the URL leaves it out.
    pub port: u16,
    /// What came of it; none where its iteration was cut meanwhile.
    pub outcome: Option<RequestOutcome>,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestOutcome {
    /// 0 without an answer.
    pub status: u16,
    /// 0 without an error.
    pub error_code: u16,
    /// In words.
    pub error: Option<String>,
    /// Whether the answer was one that is expected.
    pub is_expected: bool,
    /// `1.1`, `2`; none without an answer.
    pub protocol: Option<&'static str>,
    /// Where its time went.
    pub phases: Phases,
    /// Over all attempts.
    pub bytes_sent: u64,
    /// The same.
    pub bytes_received: u64,
    /// Whether the connection had served another before.
    pub reused: bool,
    /// The peer, where a connection was made.
    pub remote: Option<SocketAddr>,
}

impl Span {
    /// Hides secrets in its texts.
    pub fn apply(&mut self, mask: &Mask) {
        let hide = |text: &mut Arc<str>| {
            if let std::borrow::Cow::Owned(masked) = mask.mask(text) {
                *text = masked.into();
            }
        };
        hide(&mut self.scenario);
        if self.tags.iter().any(|(key, value)| [key, value].iter().any(|text| !mask.find(text).is_empty())) {
            let masked = |text: &str| mask.mask(text).into_owned();
            self.tags = TagSet::from_pairs(self.tags.iter().map(|(key, value)| (masked(key), masked(value))));
        }
        if let Work::Request(request) = &mut self.work {
            hide(&mut request.name);
            hide(&mut request.group);
            mask.apply(&mut request.method);
            mask.apply(&mut request.url);
            mask.apply(&mut request.host);
            if let Some(error) = request.outcome.as_mut().and_then(|outcome| outcome.error.as_mut()) {
                mask.apply(error);
            }
        }
    }
}

/// A share of all traces. Whether a trace is in it follows from its id, as in OpenTelemetry's `TraceIdRatioBased`: who
/// asks for more gets all that others get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u64);

impl Share {
    /// From 0 to 1.
    pub fn new(share: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "within 0..=2⁶³, and the cast saturates"
        )]
        let below = (share.clamp(0.0, 1.0) * (1_u64 << 63) as f64) as u64;
        Self(below)
    }

    /// Whether the trace is in it.
    pub fn holds(self, trace_id: u128) -> bool {
        #[expect(clippy::cast_possible_truncation, reason = "the lower half, as the specification has it")]
        let lower = trace_id as u64;
        lower >> 1 < self.0
    }
}

/// Who takes a run's spans; the same for all workers.
#[derive(Debug, Clone)]
pub struct Tracing {
    /// The largest that anybody asks for.
    share: Share,
    outlets: Outlets<Span>,
    /// Of this run alone: ids of other runs go to the same backend.
    key: [u64; 2],
    workers: Arc<AtomicU64>,
}

impl Tracing {
    /// For those who take spans, each with the share that it asks for; none where nobody does. Outlets may be offered
    /// more than they asked for.
    pub fn new(takers: Vec<(Share, Arc<dyn Outlet<Span>>)>) -> Option<Self> {
        let share = takers.iter().map(|(share, _)| *share).max()?;
        // Keyed by the system's randomness.
        let random = || RandomState::new().hash_one(std::process::id());
        let outlets = takers.into_iter().map(|(_, outlet)| outlet).collect();
        Some(Self { share, outlets, key: [random(), random()], workers: Arc::default() })
    }

    /// Random numbers for one worker's ids, which no other worker has.
    pub(super) fn seed(&self) -> ([u64; 2], u64) {
        (self.key, self.workers.fetch_add(1, Ordering::Relaxed))
    }

    /// Which traces anybody takes.
    pub(super) fn share(&self) -> Share {
        self.share
    }

    /// One worker's end.
    pub(super) fn tap(&self) -> Tap<Span> {
        Tap::new(&self.outlets).expect("somebody takes spans")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(trace_id: u128) -> Span {
        Span {
            trace_id,
            span_id: 1,
            parent_id: None,
            start_unix_ns: 1,
            end_unix_ns: 2,
            scenario: "shop".into(),
            vu: 1,
            iteration: Some(0),
            tags: TagSet::from_pairs([("team", "hunter2")]),
            work: Work::Iteration(Ended::Ok),
        }
    }

    #[test]
    fn who_asks_for_more_gets_what_others_get() {
        let [none, few, many, all] = [0.0, 0.1, 0.5, 1.0].map(Share::new);
        let ids: Vec<u128> = (0..1_000).map(|n: u128| (2 * n + 1) * (u128::from(u64::MAX) / 2_000)).collect();
        let taken = |share: Share| ids.iter().filter(|id| share.holds(**id)).count();
        assert_eq!([none, few, many, all].map(taken), [0, 100, 500, 1_000]);
        assert!(ids.iter().all(|id| !few.holds(*id) || many.holds(*id)));
        assert!(all.holds(u128::MAX) && !none.holds(0));
        assert!(Tracing::new(Vec::new()).is_none());
    }

    #[test]
    fn secrets_are_hidden_in_all_texts() {
        let mask = Mask::default();
        mask.hide("hunter2");
        let text = || "a hunter2".to_owned();
        let outcome = RequestOutcome {
            status: 0,
            error_code: 1_000,
            error: Some(text()),
            is_expected: false,
            protocol: None,
            phases: Phases::default(),
            bytes_sent: 0,
            bytes_received: 0,
            reused: false,
            remote: None,
        };
        let request = RequestWork {
            name: text().into(),
            group: text().into(),
            method: text(),
            url: text(),
            host: text(),
            port: 1,
            outcome: Some(outcome),
        };
        let mut span = Span { work: Work::Request(Box::new(request)), scenario: text().into(), ..span(1) };
        assert_eq!(format!("{span:?}").matches("hunter2").count(), 8);
        span.apply(&mask);
        let shown = format!("{span:?}");
        assert!(!shown.contains("hunter2") && shown.matches("***").count() == 8, "{shown}");
    }
}
