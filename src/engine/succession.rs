//! Which scenarios are over, on all workers, and which may start because of it (`start_after`).
//!
//! A worker says that its users of a scenario have ended; that holds unless it was told of a change to the
//! scenario meanwhile, by which it may have got new ones: then it will say so again.
//!
//! | state   | event                                         | next    |
//! |---------|-----------------------------------------------|---------|
//! | waiting | the scenario before it is over                | playing |
//! | playing | every worker said so, knowing the last change | over    |
//! | playing | told of a change                              | playing, and nobody has said so |

use crate::plan::Plan;

/// The scenarios of a load.
#[derive(Debug)]
pub(super) struct Succession(Vec<Turn>);

/// A scenario's turn.
#[derive(Debug)]
struct Turn {
    /// The scenario that it waits for.
    after: Option<usize>,
    has_begun: bool,
    /// The last change that workers were told of it, from 1; 0 where there was none.
    change: u64,
    /// Which workers have no user of it left.
    over: Vec<bool>,
}

impl Turn {
    fn is_over(&self) -> bool {
        self.has_begun && self.over.iter().all(|over| *over)
    }
}

impl Succession {
    /// At the start of the load: those that wait for nothing have begun.
    pub(super) fn new(plan: &Plan, workers: usize) -> Self {
        let turn = |index| {
            let after = plan.after(index);
            Turn { after, has_begun: after.is_none(), change: 0, over: vec![false; workers] }
        };
        Self((0..plan.scenarios.len()).map(turn).collect())
    }

    pub(super) fn has_begun(&self, scenario: usize) -> bool {
        self.0[scenario].has_begun
    }

    pub(super) fn is_over(&self, scenario: usize) -> bool {
        self.0[scenario].is_over()
    }

    pub(super) fn all_over(&self) -> bool {
        self.0.iter().all(Turn::is_over)
    }

    /// The workers are told of a change, so what they said before doesn't count.
    pub(super) fn change(&mut self, scenario: usize, number: u64) {
        let turn = &mut self.0[scenario];
        turn.change = number;
        turn.over.fill(false);
    }

    /// A worker, which knows changes up to `change`, has no user of a scenario left. Gives the scenarios that
    /// may start now.
    pub(super) fn over(&mut self, worker: usize, scenario: usize, change: u64) -> Vec<usize> {
        let turn = &mut self.0[scenario];
        if turn.change != change {
            return Vec::new();
        }
        turn.over[worker] = true;
        if !turn.is_over() {
            return Vec::new();
        }
        let mut begin = Vec::new();
        for (index, turn) in self.0.iter_mut().enumerate() {
            if turn.after == Some(scenario) && !turn.has_begun {
                turn.has_begun = true;
                begin.push(index);
            }
        }
        begin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenarios 1 and 2 wait for 0, and 3 for 2; two workers.
    fn succession() -> Succession {
        let turn = |after: Option<usize>| Turn {
            after,
            has_begun: after.is_none(),
            change: 0,
            over: vec![false; 2],
        };
        Succession([None, Some(0), Some(0), Some(2)].map(turn).into())
    }

    #[test]
    fn a_scenario_is_over_once_it_is_on_all_workers() {
        let mut scenarios = succession();
        assert!(scenarios.over(1, 0, 0).is_empty() && !scenarios.is_over(0));
        assert_eq!(scenarios.over(0, 0, 0), [1, 2]);
        assert!(scenarios.over(0, 0, 0).is_empty(), "they begin once");
        scenarios.change(2, 1);
        assert!(scenarios.over(0, 2, 1).is_empty());
        assert_eq!(scenarios.over(1, 2, 1), [3]);
        for (worker, scenario) in [(0, 1), (1, 1), (0, 3), (1, 3)] {
            assert!(!scenarios.all_over());
            scenarios.over(worker, scenario, 0);
        }
        assert!(scenarios.all_over());
    }

    #[test]
    fn what_was_said_before_a_change_does_not_count() {
        let mut scenarios = succession();
        scenarios.over(0, 0, 0);
        scenarios.change(0, 1);
        assert!(scenarios.over(1, 0, 0).is_empty() && !scenarios.is_over(0), "it didn't know of it yet");
        assert!(scenarios.over(1, 0, 1).is_empty());
        assert_eq!(scenarios.over(0, 0, 1), [1, 2]);
    }

    #[test]
    fn who_never_began_is_not_over() {
        let mut scenarios = succession();
        scenarios.over(0, 3, 0);
        scenarios.over(1, 3, 0);
        assert!(!scenarios.is_over(3) && !scenarios.all_over());
    }
}
