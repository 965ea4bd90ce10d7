//! `runner doctor`: what stands in the way of a load on this machine, and the command that changes it.
//!
//! A check is a file and a line in [`CHECKS`]. It reads text files of the system through [`Machine`] alone, so
//! that it can be tried on made-up ones; a file that is missing makes it [`Verdict::Unknown`], never an error.

mod address_space;
mod backlog;
mod busy;
mod cgroup;
mod clock;
mod conntrack;
mod cores;
mod descriptors;
mod governor;
mod machine;
mod memory;
mod perf;
mod planned;
mod ports;
mod quota;
mod stacks;
mod steal;
#[cfg(test)]
mod tests;
mod time_wait;
mod top_rate;
mod turbo;

use serde::Serialize;

pub use machine::Machine;
pub use planned::Planned;

use crate::units::format_count;

/// All checks, in the order that users see: what can refuse a load first, then what blurs it.
pub const CHECKS: &[Check] = &[
    descriptors::CHECK,
    ports::CHECK,
    time_wait::CHECK,
    conntrack::CHECK,
    backlog::CHECK,
    stacks::CHECK,
    address_space::CHECK,
    memory::CHECK,
    top_rate::CHECK,
    cores::CHECK,
    quota::CHECK,
    busy::CHECK,
    steal::CHECK,
    governor::CHECK,
    turbo::CHECK,
    clock::CHECK,
    perf::CHECK,
];

/// The power of two that a setting is raised to: a round figure with some room.
fn rounded_up(number: u64) -> u64 {
    number.checked_next_power_of_two().unwrap_or(u64::MAX)
}

/// Something of the machine that matters to a load.
pub struct Check {
    /// Its name, a word or two.
    pub name: &'static str,
    /// Why it matters; one sentence without its full stop.
    pub why: &'static str,
    look: fn(&Machine, &Planned) -> Seen,
}

/// What a check says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing to do.
    Good,
    /// Worth a look: it may refuse or blur some loads.
    Look,
    /// The planned load can't be played like this.
    InTheWay,
    /// The system doesn't say.
    Unknown,
}

/// What a check saw.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    verdict: Verdict,
    saw: String,
    change: Option<String>,
}

impl Seen {
    fn good(saw: impl Into<String>) -> Self {
        Self { verdict: Verdict::Good, saw: saw.into(), change: None }
    }

    fn unknown(saw: impl Into<String>) -> Self {
        Self { verdict: Verdict::Unknown, saw: saw.into(), change: None }
    }

    fn look(saw: impl Into<String>, change: impl Into<String>) -> Self {
        Self { verdict: Verdict::Look, saw: saw.into(), change: Some(change.into()) }
    }

    /// By what it means that the machine can take so many users.
    fn enough_for(capacity: u64, planned: &Planned, saw: String, change: impl Into<String>) -> Self {
        match planned.verdict(capacity) {
            Verdict::Good => Self::good(saw),
            verdict => {
                let saw = format!("{saw}: enough for {} users", format_count(capacity));
                Self { verdict, saw, change: Some(change.into()) }
            }
        }
    }

    /// That a file which should hold something can't be read, or holds something else.
    fn unread(path: &str) -> Self {
        Self::unknown(format!("{path} can't be read here"))
    }
}

/// A check and what it found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The check's name.
    pub name: &'static str,
    /// What it comes to.
    pub verdict: Verdict,
    /// What was seen.
    pub saw: String,
    /// Why it matters.
    pub why: &'static str,
    /// The command that changes it; none where nothing needs to be.
    pub change: Option<String>,
}

/// Runs all checks against a planned load.
pub fn examine(machine: &Machine, planned: &Planned) -> Vec<Finding> {
    let find = |check: &Check| {
        let Seen { verdict, saw, change } = (check.look)(machine, planned);
        Finding { name: check.name, verdict, saw, why: check.why, change }
    };
    CHECKS.iter().map(find).collect()
}
