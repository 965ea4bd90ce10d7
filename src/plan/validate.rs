//! Checks that need the whole plan. What one option can tell is checked where it is read.

use super::options::VUS_MAX;
use super::{Plan, PlanError, Scenario, Target, TargetError};
use crate::diagnostic::suggest;
use crate::metrics::{Matcher, OVERFLOW_MAX};
use crate::units::format_count;

/// The most scenarios of a plan: each has its own series and its own line in the summary.
const SCENARIOS_MAX: usize = 1_000;

impl Plan {
    /// Adds a scenario; the caller still knows where it was declared.
    pub fn add_scenario(&mut self, scenario: Scenario) -> Result<(), PlanError> {
        if self.scenarios.iter().any(|other| other.name == scenario.name) {
            return Err(PlanError::DuplicateScenario { name: scenario.name });
        }
        if self.scenarios.len() == SCENARIOS_MAX {
            let count = SCENARIOS_MAX + 1;
            return Err(PlanError::TooManyScenarios { count, count_max: SCENARIOS_MAX });
        }
        self.scenarios.push(scenario);
        Ok(())
    }

    /// Whether a target's scenario is there. A plan without scenarios has its targets for another one.
    pub fn check_scenario_of(&self, target: &Target) -> Result<(), PlanError> {
        let is_there = |name: &str| self.scenarios.iter().any(|scenario| scenario.name == name);
        // One that is left out may be there or not: targets are shared by scripts.
        let is_asked_for = |matcher: &&Matcher| matcher.tag == "scenario" && !matcher.negated;
        let mut named = target.selector.matchers.iter().filter(is_asked_for);
        let Some(missing) = named.find(|matcher| !is_there(&matcher.value)) else { return Ok(()) };
        if self.scenarios.is_empty() {
            return Ok(());
        }
        let names = || self.scenarios.iter().map(|scenario| scenario.name.as_str());
        let near = suggest(&missing.value, names()).into_iter().map(String::from).collect();
        let (key, name) = (target.key.clone(), missing.value.clone());
        Err(TargetError::UnknownScenario { key, name, near, known: names().map(String::from).collect() }
            .into())
    }

    /// Whether the plan as a whole can run. A plan without scenarios can, if it has no targets either: it
    /// runs `setup` and `teardown` only.
    pub fn validate(&self) -> Result<(), PlanError> {
        if self.scenarios.is_empty() && !self.targets.is_empty() {
            return Err(PlanError::TargetsWithoutScenario);
        }
        let count = self.overflow().combinations();
        if count > OVERFLOW_MAX {
            return Err(TargetError::TooManyCombinations { count, count_max: OVERFLOW_MAX }.into());
        }
        let vus = self.vus_max();
        if vus > VUS_MAX {
            let allowed = format!("at most {} in all scenarios together", format_count(VUS_MAX));
            return Err(PlanError::OutOfRange { option: "vus".into(), got: format_count(vus), allowed });
        }
        let (warm_up, duration) = (self.options.warm_up, self.duration());
        if !warm_up.is_zero() && !self.scenarios.is_empty() && warm_up >= duration {
            return Err(PlanError::WarmUpTooLong { warm_up, duration });
        }
        Ok(())
    }
}
