//! How a run was measured: what a reader must know before believing its numbers.
//!
//! Worked out of the plan and the outcome, as all of a [`Summary`](super::Summary); only its
//! [`Provenance`] comes from outside.

use std::collections::BTreeMap;

use crate::engine::{Connections, Outcome, ThreadUse, Weight};
use crate::metrics::{Selector, Snapshot, Trend, Value};
use crate::plan::Demand;

use super::{Finding, Provenance};

/// Whether load waits for answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Model {
    /// Users loop: who waits for an answer sends nothing meanwhile.
    Closed,
    /// Iterations start when they are due, however long others take.
    Open,
}

impl Model {
    /// The model of a demand.
    pub fn of(demand: &Demand) -> Self {
        match demand {
            Demand::Users(_) => Self::Closed,
            Demand::Arrivals(_) => Self::Open,
        }
    }
}

/// How a run was measured.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Method {
    /// All requests that a metric saw.
    pub requests: u64,
    /// Those that failed.
    pub failed: u64,
    /// The connections they went over.
    pub connections: Connections,
    /// Answers by the protocol that they came by, most first.
    pub protocols: Vec<(String, u64)>,
    /// What the generator measured of itself.
    pub health: Health,
    /// What it was played with, where somebody looked.
    pub provenance: Option<Provenance>,
}

/// What the generator measured of itself, in a few figures.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Health {
    /// CPU of the busiest worker over the whole load, as a share of a core; none where the kernel doesn't say.
    pub cpu: Option<f64>,
    /// The same in its busiest second.
    pub cpu_max: Option<f64>,
    /// How late the workers' loops ran.
    pub lag: Option<Trend>,
    /// How late iterations began.
    pub lateness: Option<Trend>,
    /// How much what it says against itself weighs; none where it says nothing.
    pub weight: Option<Weight>,
    /// The rules that speak, gravest first.
    pub codes: Vec<&'static str>,
}

impl Method {
    pub(super) fn of(outcome: &Outcome, findings: &[Finding]) -> Self {
        let total = &outcome.total;
        let (failed, requests) = match total.select(&Selector::all("http_req_failed")) {
            Some(Value::Rate { hits, total }) => (hits, total),
            _ => (0, 0),
        };
        Self {
            requests,
            failed,
            connections: outcome.connections.clone(),
            protocols: protocols(total),
            health: Health::of(outcome, findings),
            provenance: None,
        }
    }
}

impl Health {
    fn of(outcome: &Outcome, findings: &[Finding]) -> Self {
        let trend = |metric| match outcome.total.select(&Selector::all(metric)) {
            Some(Value::Trend(trend)) if trend.count() > 0 => Some(*trend),
            _ => None,
        };
        let share = |used: &ThreadUse| {
            (!used.elapsed.is_zero()).then(|| used.cpu.as_secs_f64() / used.elapsed.as_secs_f64())
        };
        let accusations = findings.iter().filter_map(|finding| match finding {
            Finding::Accused(accusation) => Some(accusation),
            _ => None,
        });
        let codes: Vec<_> = accusations.clone().map(|accusation| accusation.code).collect();
        Self {
            cpu: outcome.vitals.workers.iter().filter_map(share).reduce(f64::max),
            cpu_max: match outcome.total.select(&Selector::all("generator_cpu")) {
                Some(Value::Gauge { max, .. }) => Some(max),
                _ => None,
            },
            lag: trend("generator_loop_lag"),
            lateness: trend("iteration_lateness"),
            weight: accusations.map(|accusation| accusation.weight).min(),
            codes,
        }
    }
}

/// Answers by their tag `proto`.
fn protocols(total: &Snapshot) -> Vec<(String, u64)> {
    let mut sums: BTreeMap<&str, f64> = BTreeMap::new();
    for series in total.of("http_reqs") {
        if let (Value::Counter(requests), Some(protocol)) = (&series.value, series.tags.get("proto")) {
            *sums.entry(protocol).or_default() += requests;
        }
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count; saturates")]
    let mut protocols: Vec<(String, u64)> =
        sums.into_iter().map(|(protocol, requests)| (protocol.to_owned(), requests as u64)).collect();
    protocols.sort_by_key(|(_, requests)| std::cmp::Reverse(*requests)); // stable: equal ones by name
    protocols
}
