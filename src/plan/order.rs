//! Which scenario waits for which: `start_after`, and when each can start at the latest.
//!
//! A scenario waits for one other at most, so the waits are chains; declaring refuses a circle. A plan of
//! which only some scenarios are played may name one that isn't there: then nothing is waited for.

use super::{Plan, PlanError, Scenario};
use crate::diagnostic::suggest;
use std::time::Duration;

impl Plan {
    /// The scenario whose end the scenario at `index` waits for.
    pub fn after(&self, index: usize) -> Option<usize> {
        let name = self.scenarios[index].start_after.as_deref()?;
        self.scenarios.iter().position(|other| other.name == name)
    }

    /// Whether each `start_after` names another scenario, and none waits for itself in a circle. The
    /// scenario that is wrong comes with the error: its author knows it by its place.
    pub fn check_order(&self) -> Result<(), (PlanError, &Scenario)> {
        for (index, scenario) in self.scenarios.iter().enumerate() {
            let Some(name) = &scenario.start_after else { continue };
            if self.after(index).is_none() {
                let others: Vec<&str> = (self.scenarios.iter().map(|other| other.name.as_str()))
                    .filter(|other| *other != scenario.name)
                    .collect();
                let near = suggest(name, others.iter().copied()).into_iter().map(String::from).collect();
                let known = others.into_iter().map(String::from).collect();
                return Err((PlanError::UnknownStartAfter { name: name.clone(), near, known }, scenario));
            }
            // Told of one that is in the circle, not of one that leads into it.
            let chain: Vec<usize> = self.chain(index).collect();
            if let Some(length) = chain.iter().position(|other| *other == index) {
                let through =
                    chain[..length].iter().map(|other| self.scenarios[*other].name.clone()).collect();
                return Err((PlanError::StartAfterCircle { name: scenario.name.clone(), through }, scenario));
            }
        }
        Ok(())
    }

    /// The scenarios that must be over before the one at `index`, the nearest first.
    fn chain(&self, index: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(self.after(index), |at| self.after(*at)).take(self.scenarios.len())
    }

    /// When the scenario at `index` starts at the latest; with or without the graceful stops before it.
    pub(super) fn start_max(&self, index: usize, is_graceful: bool) -> Duration {
        self.chain(index).fold(self.scenarios[index].start_time, |start, before| {
            let scenario = &self.scenarios[before];
            let graceful = if is_graceful { scenario.graceful_stop } else { Duration::ZERO };
            [scenario.start_time, scenario.demand.duration(), graceful]
                .into_iter()
                .fold(start, Duration::saturating_add)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{scenario, shown};
    use super::*;
    use serde_json::json;

    /// Scenarios of a second each, with a second of grace: name and what it waits for.
    fn plan(scenarios: &[(&str, &str)]) -> Plan {
        let mut plan = Plan::default();
        for (name, after) in scenarios {
            let mut options =
                json!({"executor": "constant-vus", "duration": "1s", "flow": "f", "graceful_stop": "1s"});
            if !after.is_empty() {
                options["start_after"] = json!(after);
            }
            plan.add_scenario(scenario(name, options)).unwrap();
        }
        plan
    }

    fn complaint(scenarios: &[(&str, &str)]) -> String {
        let plan = plan(scenarios);
        let (error, scenario) = plan.check_order().unwrap_err();
        format!("at {}: {}", scenario.name, shown(&error))
    }

    #[test]
    fn a_chain_may_be_declared_in_any_order_and_adds_up() {
        let mut plan = plan(&[("last", "middle"), ("first", ""), ("middle", "first"), ("beside", "first")]);
        plan.scenarios[2].start_time = Duration::from_secs(5);
        assert!(plan.check_order().is_ok());
        assert_eq!([0, 1, 2, 3].map(|index| plan.after(index)), [Some(2), None, Some(1), Some(1)]);
        assert_eq!(plan.duration(), Duration::from_secs(1 + 5 + 1 + 1));
        assert_eq!(plan.end_max(), Duration::from_secs(2 + 5 + 2 + 2));
    }

    #[test]
    fn a_name_that_is_not_there_finds_its_neighbours() {
        insta::assert_snapshot!(complaint(&[("warmup", ""), ("peak", "warm_up2")]), @r"
        at peak: `start_after`: no scenario is named `warm_up2`
        hint: did you mean `warmup`?
        ");
        insta::assert_snapshot!(complaint(&[("a", ""), ("b", ""), ("peak", "zzzzz")]), @r"
        at peak: `start_after`: no scenario is named `zzzzz`
        hint: there are `a` and `b`
        ");
        insta::assert_snapshot!(complaint(&[("peak", "x")]), @r"
        at peak: `start_after`: no scenario is named `x`
        hint: there is no other one: leave `start_after` out
        ");
    }

    #[test]
    fn nobody_waits_for_itself() {
        insta::assert_snapshot!(complaint(&[("a", "a")]), @r"
        at a: scenario `a` would start after itself
        hint: `start_after` names the scenario that must be over before
        ");
        insta::assert_snapshot!(complaint(&[("in", "a"), ("a", "b"), ("b", "c"), ("c", "a")]), @r"
        at a: scenario `a` would start after itself: it waits for `b`, which waits for `c`, which waits for `a`
        hint: `start_after` names the scenario that must be over before
        ");
    }

    #[test]
    fn a_scenario_that_is_not_played_is_not_waited_for() {
        let mut plan = plan(&[("first", ""), ("second", "first")]);
        plan.scenarios.remove(0);
        assert_eq!((plan.after(0), plan.duration()), (None, Duration::from_secs(1)));
    }
}
