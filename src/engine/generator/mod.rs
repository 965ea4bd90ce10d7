//! The generator accuses itself: one list of rules, a file each, over one body of evidence.
//!
//! A rule has a code that stays, a threshold with its reason, and says what to do; `runner explain CODE`
//! shows it. It is *inconclusive* when the generator was the limit or less than 99 % of the load was
//! delivered: then the run says nothing of the service, and its exit code is 111. All else is a warning.
//! A rule that accuses a quiet machine once is worth less than none, so each names its noise.

mod clamped_values;
mod clock_jump;
mod descriptors;
mod dropped;
mod evidence;
mod generator_cpu;
mod generator_lag;
mod generator_wait;
mod late_starts;
mod local_ports;
mod not_delivered;
mod quota;
mod resolver;
mod shared_machine;
mod socket_memory;
mod steal;
mod stopped;

use crate::metrics::Trend;
use crate::plan::Plan;

use super::event::Outcome;
use evidence::Evidence;

/// A rule's name, what it looks for and why.
#[derive(Clone, Copy)]
pub struct Rule {
    /// Its name, which stays: `generator-cpu`.
    pub code: &'static str,
    /// What it means, in half a sentence.
    pub about: &'static str,
    /// From where on it speaks, with the figures that it uses.
    pub threshold: fn() -> String,
    /// Why there.
    pub reason: &'static str,
    /// What to do.
    pub advice: &'static str,
    look: fn(&Evidence) -> Option<(Weight, String)>,
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rule").field("code", &self.code).finish_non_exhaustive()
    }
}

/// How much an accusation weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// The run says nothing of the service.
    Inconclusive,
    /// A reader of the numbers should know it.
    Warning,
}

/// What the generator says against itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accusation {
    /// The rule's code.
    pub code: &'static str,
    /// How much it weighs.
    pub weight: Weight,
    /// What was found, with figures; fits behind a colon.
    pub text: String,
}

/// All rules: what decides first, then what explains.
pub const RULES: &[Rule] = &[
    stopped::RULE,
    not_delivered::RULE,
    local_ports::RULE,
    descriptors::RULE,
    socket_memory::RULE,
    resolver::RULE,
    generator_cpu::RULE,
    generator_wait::RULE,
    generator_lag::RULE,
    late_starts::RULE,
    quota::RULE,
    steal::RULE,
    shared_machine::RULE,
    clock_jump::RULE,
    dropped::RULE,
    clamped_values::RULE,
];

/// The share of the load that must have been delivered: DESIGN's 99 %. What a p(99) stands on is not
/// moved by less than the last hundredth.
const DELIVERED_MIN: f64 = 0.99;

/// A p(99) of fewer samples is one or two of them, and no report of ours prints it.
const SAMPLES_P99: u64 = 1_000;

/// The p(99) of a trend that has enough samples for one, in microseconds.
fn p99_us(trend: &Trend) -> Option<u64> {
    let late = trend.quantile(0.99).filter(|_| trend.count() >= SAMPLES_P99)?;
    Some(late.value_us)
}

/// What the generator has to say against a run, gravest first.
pub fn accuse(plan: &Plan, outcome: &Outcome) -> Vec<Accusation> {
    judge(&Evidence::of(plan, outcome))
}

fn judge(evidence: &Evidence) -> Vec<Accusation> {
    let found = RULES.iter().filter_map(|rule| {
        let (weight, text) = (rule.look)(evidence)?;
        Some(Accusation { code: rule.code, weight, text })
    });
    let mut found: Vec<Accusation> = found.collect();
    found.sort_by_key(|accusation| accusation.weight); // stable: the rules' order within
    found
}

#[cfg(test)]
mod tests;
