//! The load that a machine is judged against.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::plan::Plan;
use crate::script::DEMO_URL;

/// A planned load, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Planned {
    /// Virtual users at once.
    pub users: Option<u64>,
    /// Iterations that start in a second.
    pub rate_per_s: Option<f64>,
    /// Connections that a user keeps: one to each host.
    pub connections_per_user: u64,
    /// Whether the service is the embedded one, whose ends of the connections this process holds as well.
    pub is_embedded: bool,
}

impl Planned {
    /// What a script's plan asks for.
    pub fn of(plan: &Plan) -> Self {
        let scenarios = plan.scenarios.iter().map(|scenario| scenario.base_url.as_ref());
        let hosts: BTreeSet<&String> = scenarios
            .map(|url| url.or(plan.base_url.as_ref()))
            .chain([plan.base_url.as_ref()])
            .flatten()
            .collect();
        Self {
            users: Some(plan.vus_max()),
            rate_per_s: None,
            // A user belongs to one scenario, which has one host, unless its flow names others.
            connections_per_user: 1,
            is_embedded: hosts.iter().any(|url| *url == DEMO_URL),
        }
    }

    /// Descriptors that so many users take.
    pub(super) fn descriptors(&self, users: u64) -> u64 {
        /// What a process has open beside its users: streams, files, timers and pollers of the workers.
        const OTHERS: u64 = 64;
        let ends = if self.is_embedded { 2 } else { 1 };
        users.saturating_mul(self.connections()).saturating_mul(ends).saturating_add(OTHERS)
    }

    /// Connections that a user keeps.
    pub(super) fn connections(&self) -> u64 {
        self.connections_per_user.max(1)
    }
}
