//! A run that is shown: its name, what it plays, and the handle by which keys steer it.

use std::time::Duration;

use crate::diagnostic::Mask;
use crate::engine::Control;
use crate::plan::{Demand, Plan};

use super::stretch::shown;

/// A run that is to be shown.
#[derive(Debug)]
pub struct Act {
    /// The script's name.
    pub name: String,
    /// What it plays.
    pub plan: Plan,
    /// What steers it.
    pub control: Control,
}

/// A scenario, as far as it is shown.
#[derive(Debug, Clone)]
pub(super) struct Scenario {
    pub(super) shown: String,
    pub(super) demand: String,
    /// When it starts; none where that depends on the end of another.
    pub(super) start: Option<Duration>,
    pub(super) start_after: Option<String>,
    pub(super) duration: Duration,
    /// Iterations after which it is over.
    pub(super) iterations: Option<u64>,
}

impl Scenario {
    pub(super) fn of(plan: &Plan, mask: &Mask) -> Vec<Self> {
        let scenario = |scenario: &crate::plan::Scenario| Self {
            shown: shown(&scenario.name, mask).to_string(),
            demand: shown(&scenario.demand.describe(), mask).to_string(),
            start: scenario.start_after.is_none().then_some(scenario.start_time),
            start_after: scenario.start_after.as_deref().map(|name| shown(name, mask).to_string()),
            duration: scenario.demand.duration(),
            iterations: match &scenario.demand {
                Demand::Users(users) if users.bound.is_some() => scenario.demand.iterations(),
                _ => None,
            },
        };
        plan.scenarios.iter().map(scenario).collect()
    }
}
