//! What the rules judge: figures of one run, read once from its plan and its outcome.
//!
//! Plain numbers, so that a rule is tried on made-up ones.

use std::time::Duration;

use crate::http::{DESCRIPTORS, Endpoint, MEMORY, PORTS, RESOLVER};
use crate::metrics::{Selector, Snapshot, TagSet, Trend, Value};
use crate::plan::{Demand, Plan, Verdict};

use super::super::books::Books;
use super::super::event::Outcome;
use super::super::vitals::{Gap, HostUse, Seconds};
use super::{DELIVERED_MIN, Weight};

/// Shares of a shorter time than this are one event or none.
const SPAN_MIN: Duration = Duration::from_secs(1);

/// The figures of one run.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    pub(super) elapsed: Duration,
    pub(super) seconds: Seconds,
    pub(super) gaps: Vec<Gap>,
    pub(super) host: HostUse,
    /// The largest share of a core that a worker used in any second.
    pub(super) cpu_max: f64,
    /// The share of the time that the worker waited for a core that waited most, over the whole load.
    pub(super) wait: Option<f64>,
    /// How late the loops ran.
    pub(super) lag: Trend,
    /// How late iterations started, and what they took from when they were due.
    pub(super) lateness: Trend,
    pub(super) iteration: Trend,
    /// Scenarios with a schedule of arrivals: name and books.
    pub(super) arrivals: Vec<(String, Books)>,
    /// Iterations of the others that nobody began.
    pub(super) dropped: u64,
    /// Dropped iterations by scenario and reason, most first.
    pub(super) reasons: Vec<((String, String), u64)>,
    pub(super) requests: u64,
    pub(super) faults: Faults,
    /// Samples out of range, by metric.
    pub(super) clamped: Vec<(String, u64)>,
    /// A target doesn't hold.
    pub(super) target_failed: bool,
    /// The service is on this machine.
    pub(super) is_local: bool,
}

/// Requests that failed for a lack of the generator's own.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Faults {
    pub(super) ports: u64,
    pub(super) descriptors: u64,
    pub(super) memory: u64,
    pub(super) resolver: u64,
}

impl Evidence {
    pub(super) fn of(plan: &Plan, outcome: &Outcome) -> Self {
        let total = &outcome.total;
        let mut arrivals = Vec::new();
        let mut dropped = 0;
        for (scenario, became) in plan.scenarios.iter().zip(&outcome.scenarios) {
            let mut books = became.books;
            if let Some(warm_up) = &outcome.warm_up {
                leave_out(&mut books, &warm_up.recorded, &scenario.name);
            }
            if matches!(scenario.demand, Demand::Users(_)) {
                dropped += books.dropped;
            } else {
                if scenario.rps.or(plan.options.rps).is_some() {
                    // They waited for a slot of the cap until they were cut: that is no load.
                    books.started -= books.interrupted;
                }
                arrivals.push((scenario.name.clone(), books));
            }
        }
        let waits = outcome.vitals.workers.iter().filter_map(|worker| {
            let wait = worker.wait.filter(|_| worker.elapsed >= SPAN_MIN)?;
            Some(wait.as_secs_f64() / worker.elapsed.as_secs_f64())
        });
        Self {
            elapsed: outcome.elapsed,
            seconds: outcome.vitals.seconds,
            gaps: outcome.vitals.gaps.clone(),
            host: outcome.vitals.host.clone(),
            cpu_max: gauge_max(total, "generator_cpu"),
            wait: waits.reduce(f64::max),
            lag: trend(total, "generator_loop_lag"),
            lateness: trend(total, "iteration_lateness"),
            iteration: trend(total, "iteration_response_time"),
            arrivals,
            dropped,
            reasons: dropped_by_reason(total),
            requests: counts(total, "http_reqs", "").iter().map(|(_, count)| count).sum(),
            faults: Faults::of(total),
            clamped: counts(total, "clamped_values", "metric"),
            target_failed: outcome.judgements.iter().any(|judgement| judgement.verdict != Verdict::Passed),
            is_local: is_local(plan),
        }
    }

    /// How much weighs what held back a part of the load: from one in a hundred on, and whenever a target
    /// failed, since a fault of ours must not decide against the service.
    pub(super) fn weight_of_faults(&self, count: u64) -> Weight {
        let share = count as f64 / self.requests.max(1) as f64;
        if share > 1.0 - DELIVERED_MIN || self.target_failed { Weight::Inconclusive } else { Weight::Warning }
    }
}

impl Faults {
    pub(super) fn of(total: &Snapshot) -> Self {
        let mut faults = Self::default();
        for series in total.of("http_req_failed") {
            let Value::Rate { hits, .. } = series.value else { continue };
            let code = series.tags.get("error_code").and_then(|code| code.parse::<u16>().ok());
            let sum = match code {
                Some(PORTS) => &mut faults.ports,
                Some(DESCRIPTORS) => &mut faults.descriptors,
                Some(MEMORY) => &mut faults.memory,
                Some(RESOLVER) => &mut faults.resolver,
                _ => continue,
            };
            *sum = sum.saturating_add(hits);
        }
        faults
    }
}

fn gauge_max(total: &Snapshot, metric: &str) -> f64 {
    match total.select(&Selector::all(metric)) {
        Some(Value::Gauge { max, .. }) => max,
        _ => 0.0,
    }
}

fn trend(total: &Snapshot, metric: &str) -> Trend {
    match total.select(&Selector::all(metric)) {
        Some(Value::Trend(trend)) => *trend,
        _ => Trend::default(),
    }
}

/// Dropped iterations by their scenario and reason, most first.
fn dropped_by_reason(total: &Snapshot) -> Vec<((String, String), u64)> {
    counts_by(total, "dropped_iterations", |tags| {
        let of = |tag| tags.get(tag).unwrap_or_default().to_owned();
        (of("scenario"), of("reason"))
    })
}

/// A counter by the value of one tag, largest first; series without the tag are counted under no name.
fn counts(total: &Snapshot, metric: &str, tag: &str) -> Vec<(String, u64)> {
    counts_by(total, metric, |tags| tags.get(tag).unwrap_or_default().to_owned())
}

/// A counter by what its series' tags say, largest first.
fn counts_by<K: PartialEq>(total: &Snapshot, metric: &str, key: impl Fn(&TagSet) -> K) -> Vec<(K, u64)> {
    let mut counts: Vec<(K, u64)> = Vec::new();
    for series in total.of(metric) {
        let Value::Counter(sum) = series.value else { continue };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count; saturates")]
        let sum = sum as u64;
        let key = key(&series.tags);
        match counts.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) => *known += sum,
            None => counts.push((key, sum)),
        }
    }
    counts.retain(|(_, count)| *count > 0);
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count)); // stable: equal ones by name
    counts
}

/// Takes out of a scenario's books what ended or was dropped in the warm-up: what a cold service held back is in none
/// of the figures.
fn leave_out(books: &mut Books, warm_up: &Snapshot, scenario: &str) {
    let of = |metric: &str| {
        let counts = counts(warm_up, metric, "scenario");
        counts.iter().find(|(name, _)| name == scenario).map_or(0, |(_, count)| *count)
    };
    let (ended, dropped) = (of("iterations"), of("dropped_iterations"));
    books.started = books.started.saturating_sub(ended);
    books.dropped = books.dropped.saturating_sub(dropped);
    books.scheduled = books.scheduled.saturating_sub(ended + dropped);
}

/// Whether a host of the plan is this machine, by its name or address.
fn is_local(plan: &Plan) -> bool {
    let urls = plan.scenarios.iter().filter_map(|scenario| scenario.base_url.as_deref());
    urls.chain(plan.base_url.as_deref()).any(|url| {
        let host = Endpoint::parse(None, url).map(|endpoint| endpoint.host().to_owned()).unwrap_or_default();
        let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    })
}
