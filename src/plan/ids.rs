//! Which number a user has over the whole run. Users that the plan asks for are numbered scenario by
//! scenario, from 1. A run that is steered may want more of them; those follow behind all planned ones, the
//! scenarios taking turns, so that a number says who somebody is, whenever and wherever it began.

use super::Plan;

/// The numbers of one scenario's users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ids {
    /// The id of its first user.
    first: u64,
    /// How many of its users the plan asks for.
    planned: u64,
    /// The id of its first user beyond those.
    beyond: u64,
    /// From one of those to the next.
    step: u64,
}

/// Those of a scenario that is alone, and of which nothing is known.
impl Default for Ids {
    fn default() -> Self {
        Self { first: 1, planned: u64::MAX - 1, beyond: u64::MAX, step: 1 }
    }
}

impl Ids {
    /// Those of the scenario at `index`.
    pub fn of(plan: &Plan, index: usize) -> Ids {
        let before = plan.scenarios[..index].iter().map(|scenario| scenario.demand.peak());
        Ids {
            first: 1 + before.sum::<u64>(),
            planned: plan.scenarios[index].demand.peak(),
            beyond: 1 + plan.vus_max() + index as u64,
            step: plan.scenarios.len() as u64,
        }
    }

    /// The id of the scenario's user `number`, both counted from 1.
    pub fn id(self, number: u64) -> u64 {
        match number.checked_sub(self.planned + 1) {
            None => self.first + number - 1,
            Some(extra) => self.beyond + extra * self.step,
        }
    }

    /// The number in the scenario of the user with an id of it, both counted from 1.
    pub fn number(self, id: u64) -> u64 {
        match id.checked_sub(self.beyond) {
            None => (id + 1).saturating_sub(self.first),
            Some(extra) => self.planned + 1 + extra / self.step,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::scenario;
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    proptest! {
        #[test]
        fn ids_are_unique_and_lead_back(users in prop::collection::vec(1u64..6, 1..5), most in 1u64..20) {
            let mut plan = Plan::default();
            for (index, vus) in users.iter().enumerate() {
                let options = json!({"executor": "constant-vus", "duration": "1s", "flow": "f", "vus": vus});
                plan.add_scenario(scenario(&format!("s{index}"), options)).unwrap();
            }
            let mut all = Vec::new();
            let mut planned = Vec::new();
            for (index, vus) in users.iter().enumerate() {
                let ids = Ids::of(&plan, index);
                for number in 1..=most {
                    prop_assert_eq!(ids.number(ids.id(number)), number);
                    all.push(ids.id(number));
                }
                planned.extend((1..=*vus).map(|number| ids.id(number)));
            }
            prop_assert_eq!(planned, (1..=plan.vus_max()).collect::<Vec<_>>());
            let count = all.len();
            all.sort_unstable();
            all.dedup();
            prop_assert_eq!(all.len(), count);
        }
    }
}
