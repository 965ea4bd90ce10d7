//! What the view knows of the runs, and what of it is looked at.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::act::{Act, Scenario};
use super::mail::Word;
use super::moment::{FailedKind, Moment};
use super::palette::Palette;
use super::stretch::shown;
use crate::diagnostic::Mask;
use crate::engine::{Control, Example, Kind, NewFailures, Progress, ScriptFailure, State};

/// Seconds that graphs go back: the columns of a wide terminal.
const HISTORY_MAX: usize = 240;

/// Different failures that are kept: as many as a run keeps.
const FAILURES_MAX: usize = 50;

/// How long an answer to a key stands.
const ANSWER_SHOWN: Duration = Duration::from_secs(5);

/// All runs at the same time.
#[derive(Debug)]
pub(super) struct Board {
    pub(super) runs: Vec<Run>,
    /// Which of them is shown.
    pub(super) shown: usize,
    /// Which of its scenarios keys are for; all, where none is chosen.
    pub(super) chosen: Option<usize>,
    pub(super) overlay: Overlay,
    /// How far the overlay is scrolled, in lines.
    pub(super) scroll: usize,
    answer: Option<(Answer, Instant)>,
    pub(super) palette: Palette,
    pub(super) mask: Mask,
}

/// What came of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    Done(String),
    Refused(String),
}

/// What stands in front of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overlay {
    None,
    Failures,
    Help,
}

/// A run as it is shown.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) name: String,
    pub(super) control: Control,
    pub(super) scenarios: Vec<Scenario>,
    pub(super) moment: Option<Moment>,
    /// Seconds so far, the last one at the end.
    pub(super) history: VecDeque<Beat>,
    pub(super) failures: Vec<ScriptFailure>,
    /// Of each kind of failed request and check one, those that were met most often first.
    pub(super) examples: Vec<Example>,
    pub(super) phase: Phase,
    /// When scenarios were first seen to run, on the schedule's clock.
    began: Vec<Option<Duration>>,
    /// What was lately asked of scenarios by keys: their status follows within a second.
    pub(super) asked: Vec<Option<(Instant, f64)>>,
}

/// A second of the graphs.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Beat {
    pub(super) rate: f64,
    pub(super) p95_us: Option<u64>,
}

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The script is loaded, `setup` runs.
    Preparing,
    Load,
    /// `teardown` runs.
    Ending,
}

/// A scenario's state, for its line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Course {
    pub(super) progress: Progress,
    /// The share of it that is over, where that is known.
    pub(super) share: Option<f64>,
    /// Users, if it is one of users.
    pub(super) users: Option<u64>,
    /// Iterations a second, if it is one of arrivals.
    pub(super) rate: Option<f64>,
}

impl Board {
    pub(super) fn new(acts: Vec<Act>, mask: &Mask, colour: bool) -> Self {
        Self {
            runs: acts.into_iter().map(|act| Run::new(act, mask)).collect(),
            shown: 0,
            chosen: None,
            overlay: Overlay::None,
            scroll: 0,
            answer: None,
            palette: Palette { colour },
            mask: mask.clone(),
        }
    }

    /// The run that is looked at.
    pub(super) fn run(&self) -> &Run {
        &self.runs[self.shown]
    }

    pub(super) fn answer(&self) -> Option<&Answer> {
        self.answer.as_ref().map(|(answer, _)| answer)
    }

    pub(super) fn set_answer(&mut self, answer: Answer) {
        self.answer = Some((answer, Instant::now()));
    }

    /// Forgets answers that have been read.
    pub(super) fn settle(&mut self) {
        self.answer.take_if(|(_, since)| since.elapsed() >= ANSWER_SHOWN);
    }

    /// Hears of a run; a text comes back, since it is not the board's.
    pub(super) fn hear(&mut self, word: Word) -> Option<String> {
        match word {
            Word::Text(text) => return Some(text),
            Word::Second(run, moment) => self.runs[run].see(*moment),
            Word::Failing(run, new) => self.runs[run].note(*new),
            Word::Begun(run) => self.runs[run].phase = Phase::Load,
            Word::Ended(run) => self.runs[run].phase = Phase::Ending,
            Word::Scenarios(run, scenarios) => self.runs[run].scenarios = scenarios,
        }
        None
    }
}

impl Run {
    fn new(act: Act, mask: &Mask) -> Self {
        let scenarios = Scenario::of(&act.plan, mask);
        Self {
            name: shown(&act.name, mask).to_string(),
            control: act.control,
            began: vec![None; scenarios.len()],
            asked: vec![None; scenarios.len()],
            scenarios,
            moment: None,
            history: VecDeque::new(),
            failures: Vec::new(),
            examples: Vec::new(),
            phase: Phase::Preparing,
        }
    }

    fn see(&mut self, moment: Moment) {
        if let Some(rate) = moment.rate {
            self.history.push_back(Beat { rate, p95_us: moment.p95_us });
            if self.history.len() > HISTORY_MAX {
                self.history.pop_front();
            }
        }
        let status = self.control.status();
        let at = status.elapsed.saturating_sub(status.paused);
        for (began, scenario) in self.began.iter_mut().zip(&status.scenarios) {
            if scenario.progress == Progress::Running {
                began.get_or_insert(at);
            }
        }
        self.moment = Some(moment);
        self.count_examples();
    }

    /// Takes note of what fails in a new way: workers tell of the same one after another.
    fn note(&mut self, new: NewFailures) {
        for example in new.examples {
            let is_same = |known: &Example| known.kind == example.kind && known.name == example.name;
            if self.examples.len() < FAILURES_MAX && !self.examples.iter().any(is_same) {
                self.examples.push(example);
            }
        }
        for failure in new.failures {
            let is_same = |known: &ScriptFailure| {
                known.kind == failure.kind
                    && known.diagnostic.message == failure.diagnostic.message
                    && known.diagnostic.labels == failure.diagnostic.labels
            };
            if self.failures.len() < FAILURES_MAX && !self.failures.iter().any(is_same) {
                self.failures.push(failure);
            }
        }
        self.count_examples();
    }

    /// Counts how often each kind of failure was met by now: most often first.
    fn count_examples(&mut self) {
        let Some(moment) = &self.moment else { return };
        for example in &mut self.examples {
            example.count = example.count.max(count(moment, example));
        }
        self.examples.sort_by_key(|example| std::cmp::Reverse(example.count));
    }

    /// What it is doing.
    pub(super) fn state(&self) -> State {
        self.control.status().state
    }

    /// Where its scenarios are.
    pub(super) fn courses(&self) -> Vec<Course> {
        let status = self.control.status();
        let at = status.elapsed.saturating_sub(status.paused);
        let of = |(index, scenario): (usize, &Scenario)| {
            let Some(now) = status.scenarios.get(index) else {
                return Course { progress: Progress::Waiting, share: None, users: None, rate: None };
            };
            let books = self.moment.as_ref().and_then(|moment| moment.scenarios.get(index));
            let share = match (now.progress, scenario.iterations, books) {
                (Progress::Over, ..) => Some(1.0),
                (Progress::Running, Some(all), Some(books)) if all > 0 => {
                    Some((books.ok + books.failed + books.interrupted) as f64 / all as f64)
                }
                (Progress::Waiting, ..) | (Progress::Running, Some(_), _) => Some(0.0),
                (Progress::Running, None, _) => {
                    let start = scenario.start.or(self.began[index]).unwrap_or(at);
                    let length = scenario.duration.as_secs_f64();
                    (length > 0.0).then(|| at.saturating_sub(start).as_secs_f64() / length)
                }
            };
            let share = share.map(|share| share.clamp(0.0, 1.0));
            Course { progress: now.progress, share, users: now.users, rate: now.rate }
        };
        self.scenarios.iter().enumerate().map(of).collect()
    }
}

/// How often an example's kind was met.
fn count(moment: &Moment, example: &Example) -> u64 {
    let kind = match &example.kind {
        Kind::Request { status, error_code } => {
            FailedKind::Request { name: example.name.clone(), status: *status, error_code: *error_code }
        }
        Kind::Check(name) => FailedKind::Check((&**name).into()),
    };
    moment.failed.iter().find(|(known, _)| *known == kind).map_or(0, |(_, count)| *count)
}
