//! What a run has come to by the end of a second, beside what it recorded: who keeps it can sum the run up even if
//! nothing follows, since the process was killed.
//!
//! What workers tell only at their end (failures of the script, examples, connections, their use of the cores) isn't in it.

use std::time::Duration;

use crate::metrics::Value;
use crate::plan::{Plan, Window};

use super::books::{Books, ScenarioOutcome};
use super::second::Second;
use super::vitals::Seconds;

/// What a run has come to.
#[derive(Debug, Default)]
pub struct SoFar<'a> {
    /// Each scenario's, in the order of declaration.
    pub scenarios: Vec<ScenarioOutcome>,
    /// The second's line; none of a rest that is no whole second, nor past a day.
    pub second: Option<Second>,
    /// How long the load has been paused.
    pub paused: Duration,
    /// The seconds so far, by the generator's own delay in them.
    pub health: Seconds,
    /// Of each target, in the order of declaration, the worst full window so far.
    pub worst: Vec<Worst<'a>>,
}

/// The worst full window of a target.
#[derive(Debug, Clone, Copy)]
pub struct Worst<'a> {
    /// How often it has become another.
    pub revision: u64,
    /// Its samples; none where the target has no window, or none was full.
    pub value: Option<&'a Value>,
}

/// The parts of the scenarios, added up in the order of declaration.
pub(super) fn sum<'a>(
    plan: &Plan,
    parts: impl IntoIterator<Item = &'a ScenarioOutcome>,
) -> Vec<ScenarioOutcome> {
    let none = |name: &str| ScenarioOutcome { name: name.to_owned(), books: Books::default(), threw: 0 };
    let mut sums: Vec<_> = plan.scenarios.iter().map(|scenario| none(&scenario.name)).collect();
    for part in parts {
        if let Some(sum) = sums.iter_mut().find(|sum| sum.name == part.name) {
            sum.books.add(part.books);
            sum.threw += part.threw;
        }
    }
    sums
}

/// Of each target the worst window.
pub(super) fn worst(windows: &[Option<Window>]) -> Vec<Worst<'_>> {
    let windows = windows.iter().map(Option::as_ref);
    let of = |window: Option<&Window>| window.map_or(0, Window::revision);
    windows.map(|window| Worst { revision: of(window), value: window.and_then(Window::worst) }).collect()
}
