//! A run out of its journal: what it came to by the last second that is there.

use std::io::{Read, Seek};
use std::time::Duration;

use super::{JournalError, Survey, Tail};
use crate::engine::{Connections, End, Examples, Outcome, Vitals, WarmUp};
use crate::plan::{Plan, Target, judge};

use super::super::{Incomplete, Summary};

impl Survey {
    /// The summary of a run that has no end. What is told at a run's end alone is missing.
    pub fn sum_up(&mut self, input: &mut (impl Read + Seek)) -> Result<Summary, JournalError> {
        let total = self.total(input)?;
        let plan = self.head.plan.clone().unwrap_or_default();
        let (elapsed, paused) = self.last.as_ref().map_or_else(Default::default, |s| (s.elapsed, s.paused));
        let warm_up = self.warm_up.take().map(|(recorded, elapsed)| WarmUp {
            length: plan.options.warm_up,
            elapsed,
            is_over: self.is_measured,
            recorded,
        });
        let measured = elapsed.saturating_sub(warm_up.as_ref().map_or(Duration::ZERO, |part| part.elapsed));
        let worst = |index: usize| {
            let mut known = total.worst.iter();
            known.find(|(target, _)| *target as usize == index).map(|(_, value)| value)
        };
        let judged = |(index, target): (usize, &Target)| {
            judge(
                target,
                &total.recorded,
                measured,
                worst(index).filter(|_| target.expression.over.is_some()),
            )
        };
        let judgements = plan.targets.iter().enumerate().map(judged).collect();
        let outcome = Outcome {
            judgements,
            scenarios: self.last.as_ref().map_or_else(Vec::new, |state| state.scenarios(&plan)),
            vitals: Vitals {
                seconds: self.last.as_ref().map_or_else(Default::default, super::record::State::health),
                ..Vitals::default()
            },
            total: total.recorded,
            elapsed,
            paused,
            // The nearest there is: something from outside ended it.
            end: End::Interrupted,
            failures: Vec::new(),
            failures_more: 0,
            errors: Vec::new(),
            imbalances: Vec::new(),
            requests_cut: 0,
            log_lost: 0,
            seed: self.head.seed,
            warm_up,
            seconds: std::mem::take(&mut self.lines),
            interrupted: Vec::new(),
            examples: Examples::default(),
            connections: Connections::default(),
        };
        Ok(self.summary(&plan, &outcome))
    }

    fn summary(&self, plan: &Plan, outcome: &Outcome) -> Summary {
        let mut summary = Summary::new(&self.head.script_name, plan, outcome);
        summary.incomplete = Some(Incomplete {
            seconds: self.seconds,
            elapsed: outcome.elapsed,
            end_unix_ms: self.last.as_ref().map(|state| state.end_unix_ms),
            is_under_way: self.is_under_way,
            damage: match &self.tail {
                Tail::Whole | Tail::Cut(_) => None,
                Tail::Damaged { offset, what } => Some(format!("at byte {offset}: {what}")),
            },
        });
        summary
    }
}
