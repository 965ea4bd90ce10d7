//! Joins what the workers recorded, second by second, and judges the targets on it.
//!
//! A second is complete once every worker that still plays has handed in its delta. Joined first,
//! then appended to the total: the seconds' sum is the total.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::metrics::{Recorder, Snapshot, TagSet};
use crate::plan::{Judgement, Plan, Target, Verdict, Window, judge};

use super::event::{Books, FAILURES_MAX, Observer, Outcome, ScenarioOutcome, ScriptFailure, Tick};
use super::message::Done;

/// The workers' sums so far.
pub(super) struct Aggregator<'a> {
    plan: &'a Plan,
    total: Snapshot,
    /// `vus` and `vus_max`: a worker sees only its own, and none once it is done.
    users: Recorder,
    /// Seconds that are not complete, by number.
    open: BTreeMap<u64, Second>,
    windows: Vec<Option<Window>>,
    playing: usize,
    /// By worker: books and users at its last tick.
    state: Vec<(Books, u64)>,
    pub(super) scenarios: Vec<ScenarioOutcome>,
    failures: Vec<ScriptFailure>,
    failures_more: u64,
    pub(super) requests_cut: u64,
    pub(super) log_lost: u64,
    pub(super) leaked: u64,
    pub(super) end_ns: u64,
}

#[derive(Debug, Default)]
struct Second {
    delta: Option<Snapshot>,
    workers: usize,
}

impl Second {
    fn join(&mut self, delta: Snapshot) {
        match &mut self.delta {
            None => self.delta = Some(delta),
            Some(own) => own.join(delta),
        }
    }
}

impl<'a> Aggregator<'a> {
    pub(super) fn new(plan: &'a Plan, workers: usize) -> Self {
        Self {
            plan,
            total: Snapshot::default(),
            users: Recorder::new(&[]),
            open: BTreeMap::new(),
            windows: plan.targets.iter().map(Window::new).collect(),
            playing: workers,
            state: vec![(Books::default(), 0); workers],
            scenarios: Vec::new(),
            failures: Vec::new(),
            failures_more: 0,
            requests_cut: 0,
            log_lost: 0,
            leaked: 0,
            end_ns: 0,
        }
    }

    /// Takes a worker's second. Complete seconds go to the observer; the key of a target that ends the
    /// run comes back.
    pub(super) fn tick(
        &mut self,
        worker: usize,
        number: u64,
        delta: Snapshot,
        state: (Books, u64),
        observer: &mut dyn Observer,
    ) -> Option<String> {
        self.state[worker] = state;
        let second = self.open.entry(number).or_default();
        second.join(delta);
        second.workers += 1;
        self.close(observer)
    }

    /// Takes a worker's last words.
    pub(super) fn done(&mut self, worker: usize, done: Done, observer: &mut dyn Observer) -> Option<String> {
        self.playing -= 1;
        self.state[worker].1 = 0;
        self.end_ns = self.end_ns.max(done.end_ns);
        self.requests_cut += done.requests_cut;
        self.log_lost += done.log_lost;
        self.leaked += done.leaked;
        self.failures_more += done.failures_more;
        for failure in done.failures {
            self.note(failure);
        }
        if self.scenarios.is_empty() {
            self.scenarios = done.scenarios;
        } else {
            for (sum, part) in self.scenarios.iter_mut().zip(done.scenarios) {
                sum.books.add(part.books);
                sum.threw += part.threw;
            }
        }
        // The rest of a second joins the worker's last tick that is not complete, or the total.
        match self.open.values_mut().next_back() {
            Some(second) => second.join(done.delta),
            None => self.total.append(done.delta),
        }
        self.close(observer)
    }

    fn note(&mut self, failure: ScriptFailure) {
        let same =
            |known: &&mut ScriptFailure| known.kind == failure.kind && known.diagnostic == failure.diagnostic;
        if let Some(known) = self.failures.iter_mut().find(same) {
            known.count += failure.count;
        } else if self.failures.len() < FAILURES_MAX {
            self.failures.push(failure);
        } else {
            self.failures_more += failure.count;
        }
    }

    /// Whether a worker still plays.
    pub(super) fn is_playing(&self) -> bool {
        self.playing > 0
    }

    fn close(&mut self, observer: &mut dyn Observer) -> Option<String> {
        let mut ending = None;
        while let Some(entry) = self.open.first_entry() {
            if entry.get().workers < self.playing {
                break;
            }
            let (number, second) = entry.remove_entry();
            let mut delta = second.delta.unwrap_or_default();
            let (mut books, mut vus) = (Books::default(), 0);
            for (own, users) in &self.state {
                books.add(*own);
                vus += users;
            }
            let users = self.count_users(vus, delta.tick);
            delta.join(users);
            self.total.append(delta.clone());
            for window in self.windows.iter_mut().flatten() {
                window.push(&delta);
            }
            let elapsed = Duration::from_secs(number);
            ending = ending.or_else(|| self.failed_target(elapsed));
            observer.tick(&Tick {
                number,
                elapsed,
                end_max: self.plan.end_max(),
                delta: &delta,
                total: &self.total,
                vus,
                vus_max: self.plan.vus_max(),
                books,
            });
        }
        ending
    }

    fn count_users(&mut self, vus: u64, tick: u64) -> Snapshot {
        for (name, count) in [("vus", vus), ("vus_max", self.plan.vus_max())] {
            let (metric, _) = self.users.metric(name).expect("a built-in metric");
            let series = self.users.series(metric, &TagSet::default());
            self.users.set(series, count as f64);
        }
        self.users.take(tick)
    }

    /// A target that has failed and ends the run. One without samples doesn't yet.
    fn failed_target(&self, elapsed: Duration) -> Option<String> {
        let mut watched =
            self.plan.targets.iter().zip(&self.windows).filter(|(target, _)| target.abort_on_fail);
        let failed = watched.find(|(target, window)| {
            if elapsed < target.delay_abort_eval {
                return false;
            }
            let value = window.as_ref().map(Window::value);
            match &value {
                Some(None) => false, // the window is not full, or heard nothing
                Some(Some(value)) => {
                    judge(target, &self.total, elapsed, Some(value)).verdict == Verdict::Failed
                }
                None => judge(target, &self.total, elapsed, None).verdict == Verdict::Failed,
            }
        });
        failed.map(|(target, _)| format!("{} {}", target.key, target.text))
    }

    /// Adds what was recorded outside the load: by `teardown`, or by a `setup` without a load.
    pub(super) fn append(&mut self, delta: Snapshot) {
        self.total.append(delta);
    }

    /// The verdicts and the sums. `end`, `errors`, `seed` are the caller's to say.
    pub(super) fn finish(mut self, elapsed: Duration, outcome: Outcome) -> Outcome {
        let verdict = |(target, window): (&Target, &Option<Window>)| -> Judgement {
            judge(target, &self.total, elapsed, window.as_ref().and_then(Window::worst))
        };
        let judgements = self.plan.targets.iter().zip(&self.windows).map(verdict).collect();
        self.failures.sort_by(|a, b| {
            b.count.cmp(&a.count).then_with(|| a.diagnostic.message.cmp(&b.diagnostic.message))
        });
        let scenarios = if self.scenarios.is_empty() {
            let none =
                |name: &str| ScenarioOutcome { name: name.to_owned(), books: Books::default(), threw: 0 };
            self.plan.scenarios.iter().map(|scenario| none(&scenario.name)).collect()
        } else {
            self.scenarios
        };
        Outcome {
            total: self.total,
            elapsed,
            judgements,
            scenarios,
            failures: self.failures,
            failures_more: self.failures_more,
            requests_cut: self.requests_cut,
            log_lost: self.log_lost,
            ..outcome
        }
    }
}
