//! What a user runs in an iteration: a function, a closure, one of several by weight, or, without a script, a request.

use super::{Options, PlanError, Request, Value};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The largest weight; sums of them stay far from overflow.
pub const WEIGHT_MAX: u64 = 1_000_000_000;

/// What a user runs in an iteration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flow {
    /// The script's function of that name.
    Named(String),
    /// A closure of the scenario, named by its place: Rhai's own names change with any edit above them.
    Closure {
        /// Which of the scenario's closures, in the order of declaration.
        ordinal: u32,
    },
    /// One of several, chosen anew for each iteration.
    Weighted(Weighted),
    /// One request, and no script.
    Request(Request),
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flow::Named(name) => f.write_str(name),
            Flow::Closure { ordinal } => write!(f, "closure {}", ordinal + 1),
            Flow::Request(request) => request.fmt(f),
            Flow::Weighted(weighted) => {
                for (index, choice) in weighted.choices.iter().enumerate() {
                    write!(f, "{}{} {}", if index > 0 { ", " } else { "" }, choice.flow, choice.weight)?;
                }
                Ok(())
            }
        }
    }
}

/// A flow and how often it is chosen, in proportion to the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// A function or a closure.
    pub flow: Flow,
    /// From 1 to [`WEIGHT_MAX`].
    pub weight: u64,
}

/// Flows with weights; at least one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Weighted {
    choices: Vec<Choice>,
}

impl Weighted {
    /// Checks the weights; the order of the flows is kept.
    pub fn new(choices: Vec<(Flow, u64)>) -> Result<Weighted, PlanError> {
        if choices.is_empty() {
            return Err(PlanError::NoChoice);
        }
        for (flow, weight) in &choices {
            if !(1..=WEIGHT_MAX).contains(weight) {
                return Err(weight_error(&flow.to_string(), weight.to_string()));
            }
            if matches!(flow, Flow::Weighted(_)) {
                return Err(PlanError::NestedWeights);
            }
        }
        Ok(Weighted { choices: choices.into_iter().map(|(flow, weight)| Choice { flow, weight }).collect() })
    }

    /// Reads `weighted(#{ price: 80, analysis: 20 })`: functions by name, in the map's order.
    pub fn from_options(map: &Options) -> Result<Weighted, PlanError> {
        let choice = |(name, value): (&String, &Value)| match value {
            Value::Int(weight) if *weight > 0 => Ok((Flow::Named(name.clone()), weight.unsigned_abs())),
            Value::Int(weight) => Err(weight_error(name, weight.to_string())),
            other => Err(weight_error(name, other.describe())),
        };
        Weighted::new(map.iter().map(choice).collect::<Result<_, _>>()?)
    }

    /// The flows with their weights, in the order given.
    pub fn choices(&self) -> &[Choice] {
        &self.choices
    }

    /// The sum of the weights, positive.
    pub fn total(&self) -> u64 {
        self.choices.iter().map(|choice| choice.weight).sum()
    }

    /// The flow for a random number drawn from all of `u64`.
    pub fn pick(&self, draw: u64) -> &Flow {
        &self.choices[self.pick_index(draw)].flow
    }

    /// The index of the choice for a random number drawn from all of `u64`.
    pub fn pick_index(&self, draw: u64) -> usize {
        // The high half of the product is uniform below `total`; a remainder would favour low numbers.
        let product = u128::from(draw) * u128::from(self.total());
        let mut left = u64::try_from(product >> 64).expect("below the total");
        for (index, choice) in self.choices.iter().enumerate() {
            if left < choice.weight {
                return index;
            }
            left -= choice.weight;
        }
        unreachable!("what is left is below the sum of the weights")
    }
}

fn weight_error(flow: &str, got: String) -> PlanError {
    PlanError::Weight { flow: flow.to_string(), got, weight_max: WEIGHT_MAX }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn named(name: &str) -> Flow {
        Flow::Named(name.to_string())
    }

    #[test]
    fn the_range_of_draws_is_divided_by_weight() {
        let weighted = Weighted::new(vec![(named("a"), 1), (named("b"), 2), (named("c"), 1)]).unwrap();
        let quarter = 1u64 << 62;
        for (draw, flow) in [
            (0, "a"),
            (quarter - 1, "a"),
            (quarter, "b"),
            (3 * quarter - 1, "b"),
            (3 * quarter, "c"),
            (u64::MAX, "c"),
        ] {
            assert_eq!(weighted.pick(draw), &named(flow), "{draw}");
        }
    }

    #[test]
    fn useless_weights_are_refused() {
        assert_eq!(Weighted::new(Vec::new()), Err(PlanError::NoChoice));
        assert!(Weighted::new(vec![(named("a"), 0)]).is_err());
        assert!(Weighted::new(vec![(named("a"), WEIGHT_MAX + 1)]).is_err());
        let inner = Flow::Weighted(Weighted::new(vec![(named("a"), 1)]).unwrap());
        assert_eq!(Weighted::new(vec![(inner, 1)]), Err(PlanError::NestedWeights));
    }

    #[test]
    fn a_scripts_map_names_functions() {
        let map = |value| Options::from([("price".to_string(), Value::Int(80)), ("dsl".to_string(), value)]);
        let weighted = Weighted::from_options(&map(Value::Int(5))).unwrap();
        assert_eq!(Flow::Weighted(weighted).to_string(), "dsl 5, price 80");
        insta::assert_snapshot!(Weighted::from_options(&map(Value::Int(-5))).unwrap_err(), @"the weight of `dsl` is -5, but must be an integer from 1 to 1,000,000,000");
        insta::assert_snapshot!(Weighted::from_options(&map(Value::Float(0.5))).unwrap_err(), @"the weight of `dsl` is the number 0.5, but must be an integer from 1 to 1,000,000,000");
    }

    proptest! {
        #[test]
        fn evenly_spaced_draws_meet_the_weights(weights in prop::collection::vec(1u64..50, 1..8)) {
            let weighted = Weighted::new(weights.iter().map(|w| (named("x"), *w)).collect()).unwrap();
            let total = weighted.total();
            let mut counts = vec![0; weights.len()];
            for step in 0..total {
                // The middle of each of `total` equal parts of the range.
                let draw = (u128::from(2 * step + 1) << 63) / u128::from(total);
                counts[weighted.pick_index(u64::try_from(draw).unwrap())] += 1;
            }
            prop_assert_eq!(counts, weights);
        }
    }
}
