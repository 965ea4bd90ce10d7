//! A run out of its journal: what it came to by the last second that is there.

use std::io::{Read, Seek};
use std::time::Duration;

use super::record::State;
use super::{JournalError, Survey, Tail};
use crate::engine::{End, Outcome, Vitals, WarmUp};
use crate::plan::{Plan, Target, judge};

use super::super::{Document, Incomplete, NoEnd, Provenance, Summary};

impl Survey {
    /// The summary of the run. Of one without an end it is made of the seconds, says so, and has nothing of what is told at a
    /// run's end alone; `is_under_way`: its process is still there.
    pub fn summary(
        &mut self,
        input: &mut (impl Read + Seek),
        is_under_way: bool,
    ) -> Result<Summary, JournalError> {
        let why = match (&self.end, is_under_way) {
            (Some(end), _) => {
                let read = Document::from_json(end.to_string().as_bytes());
                match read.and_then(Document::into_summary) {
                    Ok(summary) => return Ok(summary),
                    Err(error) => NoEnd::Unreadable(error.to_string()),
                }
            }
            (None, true) => NoEnd::UnderWay,
            (None, false) => NoEnd::Died,
        };
        let plan = self.head.plan.clone().unwrap_or_default();
        let outcome = self.outcome(&plan, input)?;
        let mut summary = Summary::new(&self.head.script_name, &plan, &outcome);
        summary.incomplete = Some(Incomplete {
            seconds: self.seconds,
            elapsed: outcome.elapsed,
            end_unix_ms: self.last.as_ref().map(|state| state.end_unix_ms),
            damage: match &self.tail {
                Tail::Whole | Tail::Cut(_) => None,
                Tail::Damaged { offset, what } => Some(format!("at byte {offset}: {what}")),
            },
            why,
        });
        summary.start_unix_ms = self.last.as_ref().map(State::start_unix_ms);
        summary.method.provenance = Some(Provenance { machine: self.head.machine.clone(), script: None });
        Ok(summary)
    }

    /// What the run came to by its last second.
    fn outcome(&mut self, plan: &Plan, input: &mut (impl Read + Seek)) -> Result<Outcome, JournalError> {
        let total = self.total(input)?;
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
            let window = worst(index).filter(|_| target.expression.over.is_some());
            judge(target, &total.recorded, measured, window)
        };
        Ok(Outcome {
            judgements: plan.targets.iter().enumerate().map(judged).collect(),
            scenarios: self.last.as_ref().map_or_else(Vec::new, |state| state.scenarios(plan)),
            vitals: Vitals {
                seconds: self.last.as_ref().map_or_else(Default::default, State::health),
                ..Vitals::default()
            },
            total: total.recorded,
            elapsed,
            paused,
            warm_up,
            seconds: std::mem::take(&mut self.lines),
            // The nearest there is: something from outside ended it.
            ..Outcome::blank(End::Interrupted, self.head.seed)
        })
    }
}
