//! Requests by method and name, as Locust counts them: since the start, and in the last seconds.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::metrics::{Snapshot, TagSet, Trend, Value};

/// How many seconds Locust's *current* figures are of.
const WINDOW_SECONDS: usize = 10;

/// How many failures are told apart; later ones of other kinds are not listed, and counted with their requests.
const FAILURES_MAX: usize = 10_000;

/// Requests of one method and name.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Requests {
    pub(super) count: u64,
    pub(super) failed: u64,
    /// All that was waited for; of requests without an answer it is a lower bound.
    pub(super) times: Trend,
    pub(super) received_bytes: f64,
}

impl Requests {
    pub(super) fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.failed += other.failed;
        self.times.merge(&other.times);
        self.received_bytes += other.received_bytes;
    }
}

/// A row of the tables.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// Since the start.
    pub(super) total: Requests,
    /// The last seconds, oldest first.
    latest: VecDeque<Requests>,
}

impl Entry {
    fn push(&mut self, second: Requests) {
        self.total.add(&second);
        if self.latest.len() == WINDOW_SECONDS {
            self.latest.pop_front();
        }
        self.latest.push_back(second);
    }

    /// The last seconds together, and how many they are.
    pub(super) fn current(&self) -> (Requests, usize) {
        let mut all = Requests::default();
        for second in &self.latest {
            all.add(second);
        }
        (all, self.latest.len())
    }
}

/// A kind of failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) occurrences: u64,
    pub(super) first_unix_ms: u64,
    pub(super) last_unix_ms: u64,
}

/// All that the files tell of requests.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// By name and method, as Locust sorts them.
    pub(super) entries: BTreeMap<(String, String), Entry>,
    pub(super) aggregated: Entry,
    /// By name, method and what went wrong.
    pub(super) failures: BTreeMap<(String, String, String), Failure>,
    /// How long was measured.
    pub(super) seconds: f64,
}

impl Tally {
    /// Adds a second; until its end so long was measured.
    pub(super) fn add(&mut self, delta: &Snapshot, measured: Duration, end_unix_ms: u64) {
        let mut second: BTreeMap<(String, String), Requests> = BTreeMap::new();
        for (metric, put) in METRICS {
            for series in delta.of(metric) {
                put(second.entry(key(&series.tags)).or_default(), &series.value);
            }
        }
        for series in delta.of("http_req_failed") {
            if let Value::Rate { hits: 1.., .. } = series.value {
                self.fail(&series.tags, &series.value, end_unix_ms);
            }
        }
        let mut all = Requests::default();
        for requests in second.values() {
            all.add(requests);
        }
        self.aggregated.push(all);
        for key in second.keys() {
            if !self.entries.contains_key(key) {
                self.entries.insert(key.clone(), Entry::default());
            }
        }
        for (key, entry) in &mut self.entries {
            entry.push(second.remove(key).unwrap_or_default());
        }
        self.seconds = measured.as_secs_f64();
    }

    fn fail(&mut self, tags: &TagSet, value: &Value, end_unix_ms: u64) {
        let Value::Rate { hits, .. } = *value else { return };
        let (name, method) = key(tags);
        let status = tags.get("status").unwrap_or("0");
        let error = match tags.get("error_code") {
            Some(code) if status == "0" => format!("error {code}"),
            _ => format!("status {status}"),
        };
        let key = (name, method, error);
        if !self.failures.contains_key(&key) && self.failures.len() >= FAILURES_MAX {
            return;
        }
        let new = Failure { occurrences: 0, first_unix_ms: end_unix_ms, last_unix_ms: end_unix_ms };
        let failure = self.failures.entry(key).or_insert(new);
        failure.occurrences += hits;
        failure.last_unix_ms = end_unix_ms;
    }
}

type Put = fn(&mut Requests, &Value);

/// What the figures come from.
const METRICS: [(&str, Put); 4] = [
    ("http_reqs", |requests, value| {
        if let Value::Counter(count) = value {
            requests.count += whole(*count);
        }
    }),
    ("http_req_failed", |requests, value| {
        if let Value::Rate { hits, .. } = value {
            requests.failed += hits;
        }
    }),
    ("http_req_response_time", |requests, value| {
        if let Value::Trend(times) = value {
            requests.times.merge(times);
        }
    }),
    ("data_received", |requests, value| {
        if let Value::Counter(bytes) = value {
            requests.received_bytes += bytes;
        }
    }),
];

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count; saturates")]
fn whole(count: f64) -> u64 {
    count as u64
}

fn key(tags: &TagSet) -> (String, String) {
    let text = |tag| tags.get(tag).unwrap_or_default().to_owned();
    (text("name"), text("method"))
}
