//! Joins what the workers recorded, second by second, and judges the targets on it.
//!
//! A second is complete once every worker has handed in its delta or is done. Joined first, then
//! appended to the total: the seconds' sum, and the rest after the last whole one, is the total.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::diagnostic::Diagnostic;
use crate::http::{Connections, Examples};
use crate::metrics::{Recorder, Snapshot, TagSet};
use crate::plan::{Judgement, Plan, Standing, Target, Verdict, Window, judge};

use super::books::{Books, ScenarioOutcome};
use super::calendar::{Calendar, Wanted};
use super::event::{FAILURES_MAX, Interrupted, Observer, Outcome, ScriptFailure, Tick};
use super::message::{Done, Recorded};
use super::second::{SECONDS_MAX, Second};
use super::so_far::{self, SoFar};
use super::version::Version;
use super::vitals::{self, Vitals};
use super::warm_up::WarmUp;

/// The workers' sums so far.
pub(super) struct Aggregator {
    /// As it is played; another one once another version of the script is.
    plan: Arc<Plan>,
    /// The version that was taken last, if one was.
    version: Option<Arc<Version>>,
    total: Snapshot,
    /// `vus` and `vus_max`: a worker sees only its own, and none once it is done.
    users: Recorder,
    /// Seconds that are not complete, by number.
    open: BTreeMap<u64, Open>,
    /// The last second that was completed, whole or not.
    closed: u64,
    windows: Vec<Option<Window>>,
    /// Users at the end of the last whole second.
    vus: u64,
    /// The most users that are wanted, as steered.
    pub(super) vus_max: u64,
    /// Whether the load is paused, and how long it has been.
    pub(super) pause: (bool, Duration),
    workers: Vec<Progress>,
    /// From the start of the load to the end of the last worker that is done.
    pub(super) elapsed: Duration,
    pub(super) scenarios: Vec<ScenarioOutcome>,
    failures: Vec<ScriptFailure>,
    failures_more: u64,
    pub(super) requests_cut: u64,
    pub(super) log_lost: u64,
    pub(super) leaked: u64,
    /// Bugs of ours, each with how often it was met.
    pub(super) bugs: Vec<(Diagnostic, u64)>,
    /// What the generator measured of itself; the host's part is the caller's to say.
    vitals: Vitals,
    /// What is left out of the total, where the plan wants that.
    warm_up: Option<WarmUp>,
    /// What the schedule wanted in each second; none outside of a load.
    pub(super) calendar: Option<Calendar>,
    /// Whole seconds, a line each.
    seconds: Vec<Second>,
    /// The load that was wanted in the last second, and the number of its stretch.
    wanted: (Option<Wanted>, u64),
    interrupted: Vec<Interrupted>,
    /// Examples of what failed.
    examples: Examples,
    connections: Connections,
}

/// How far a worker is.
#[derive(Debug, Clone, Default)]
struct Progress {
    /// The last second that it handed in.
    second: u64,
    is_done: bool,
    /// What it came to so far, as it last said.
    books: Books,
    /// The most users at once in its last, partial second.
    vus_rest: u64,
    /// Its last words of the scenarios.
    scenarios: Vec<ScenarioOutcome>,
}

/// What the workers said of one second.
#[derive(Debug, Default)]
struct Open {
    delta: Option<Snapshot>,
    /// Books and users at its end, of the workers that played it to its end. None of them: it is no
    /// whole second, but the rest after the last one.
    states: BTreeMap<usize, (Books, u64)>,
    /// The same scenario by scenario.
    scenarios: BTreeMap<usize, Vec<ScenarioOutcome>>,
}

impl Open {
    fn join(&mut self, delta: Snapshot) {
        match &mut self.delta {
            None => self.delta = Some(delta),
            Some(own) => own.join(delta),
        }
    }
}

impl Aggregator {
    pub(super) fn new(plan: &Plan, workers: usize) -> Self {
        Self {
            version: None,
            total: Snapshot::default(),
            users: Recorder::new(&[]),
            open: BTreeMap::new(),
            closed: 0,
            windows: plan.targets.iter().map(Window::new).collect(),
            vus: 0,
            vus_max: plan.vus_max(),
            pause: (false, Duration::ZERO),
            workers: vec![Progress::default(); workers],
            elapsed: Duration::ZERO,
            scenarios: Vec::new(),
            failures: Vec::new(),
            failures_more: 0,
            requests_cut: 0,
            log_lost: 0,
            leaked: 0,
            bugs: Vec::new(),
            vitals: Vitals::default(),
            warm_up: WarmUp::new(plan.options.warm_up),
            calendar: None,
            seconds: Vec::new(),
            wanted: (None, 0),
            interrupted: Vec::new(),
            examples: Examples::default(),
            connections: Connections::default(),
            plan: Arc::new(plan.clone()),
        }
    }

    /// What is played.
    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Another version of the script is played. Its targets are judged on the whole run too; a window that it
    /// asks for anew begins now.
    pub(super) fn replan(&mut self, version: &Arc<Version>) {
        let plan = &version.plan;
        let mut known: Vec<(Target, Option<Window>)> =
            self.plan.targets.iter().cloned().zip(std::mem::take(&mut self.windows)).collect();
        let window = |target: &Target| {
            let same = |(other, _): &(Target, _)| (&other.key, &other.text) == (&target.key, &target.text);
            known.iter().position(same).map_or_else(|| Window::new(target), |at| known.swap_remove(at).1)
        };
        self.windows = plan.targets.iter().map(window).collect();
        self.plan = Arc::new(plan.clone());
        self.version = Some(Arc::clone(version));
    }

    /// Takes what a worker's scenarios had come to at the end of a second that it is about to hand in.
    pub(super) fn hear(&mut self, worker: usize, number: u64, scenarios: Vec<ScenarioOutcome>) {
        self.open.entry(number).or_default().scenarios.insert(worker, scenarios);
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
        (self.workers[worker].second, self.workers[worker].books) = (number, state.0);
        let second = self.open.entry(number).or_default();
        second.join(delta);
        second.states.insert(worker, state);
        self.close(observer)
    }

    /// Takes a worker's last words; the rest of a second joins what the others record in that second.
    pub(super) fn done(&mut self, worker: usize, done: Done, observer: &mut dyn Observer) -> Option<String> {
        let books = sum(&done.scenarios);
        let own = &mut self.workers[worker];
        (own.is_done, own.books, own.vus_rest) = (true, books, done.vus_rest);
        own.scenarios.clone_from(&done.scenarios);
        self.open.entry(own.second + 1).or_default().join(done.delta);
        self.elapsed = self.elapsed.max(done.elapsed);
        self.requests_cut += done.requests_cut;
        self.log_lost += done.log_lost;
        self.leaked += done.leaked;
        self.failures_more += done.failures_more;
        self.vitals.workers.push(done.used);
        self.examples.merge(done.examples);
        vitals::merge(&mut self.vitals.gaps, done.gaps);
        self.connections.merge(done.connections);
        for (bug, count) in done.bugs {
            match self.bugs.iter_mut().find(|(known, _)| *known == bug) {
                Some((_, known)) => *known += count,
                None => self.bugs.push((bug, count)),
            }
        }
        for failure in done.failures {
            self.note(failure);
        }
        for interrupted in done.interrupted {
            Interrupted::note(&mut self.interrupted, interrupted);
        }
        if self.scenarios.is_empty() {
            self.scenarios = done.scenarios;
        } else {
            for (sum, part) in self.scenarios.iter_mut().zip(done.scenarios) {
                sum.books.add(part.books);
                sum.threw += part.threw;
            }
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

    /// Users that exist, as the workers last said.
    pub(super) fn vus(&self) -> u64 {
        self.vus
    }

    /// Whether a worker still plays.
    pub(super) fn is_playing(&self) -> bool {
        self.workers.iter().any(|worker| !worker.is_done)
    }

    /// Closes the seconds that no worker will add to any more.
    fn close(&mut self, observer: &mut dyn Observer) -> Option<String> {
        let mut ending = None;
        while let Some(entry) = self.open.first_entry() {
            let number = *entry.key();
            if self.workers.iter().any(|worker| !worker.is_done && worker.second < number) {
                break;
            }
            let second = entry.remove();
            let is_whole = !second.states.is_empty();
            let mut delta = second.delta.unwrap_or_default();
            let (mut books, mut vus) = (Books::default(), 0);
            for (worker, progress) in self.workers.iter().enumerate() {
                let (own, users) = second.states.get(&worker).copied().unwrap_or((progress.books, 0));
                books.add(own);
                vus += users;
            }
            // At the end of the rest nobody is left: that says nothing, unless it is all there is.
            let seen = match (is_whole, number) {
                (true, _) => Some(vus),
                (false, 1) => Some(self.workers.iter().map(|worker| worker.vus_rest).sum()),
                (false, _) => None,
            };
            let users = self.count_users(seen, delta.tick);
            delta.join(users);
            self.closed = number;
            let elapsed = if is_whole { Duration::from_secs(number) } else { self.elapsed };
            self.vus = vus;
            let is_warm_up = self.keep(number, &delta, elapsed);
            if is_whole {
                self.note_second(&delta, vus, is_warm_up);
                self.push_windows(number, &delta, is_warm_up);
            }
            if is_whole && !is_warm_up {
                self.vitals.seconds.judge(&delta);
                if self.is_playing() {
                    ending = ending.or_else(|| self.failed_target(elapsed));
                }
            }
            let scenarios = self.scenarios_at(&second.scenarios);
            let line = if is_whole { self.seconds.last().copied() } else { None };
            let so_far = self.so_far(scenarios, line);
            self.tell(observer, elapsed, &delta, (books, vus), is_warm_up, &so_far);
        }
        ending
    }

    /// Adds a second to the total, or to the warm-up that it belongs to; whether it does.
    fn keep(&mut self, number: u64, delta: &Snapshot, elapsed: Duration) -> bool {
        if let Some(warm_up) = &mut self.warm_up
            && warm_up.holds(number, self.calendar.as_ref())
        {
            warm_up.elapsed = elapsed;
            warm_up.recorded.append(delta);
            return true;
        }
        self.total.append(delta);
        false
    }

    /// Keeps a whole second's line.
    fn note_second(&mut self, delta: &Snapshot, vus: u64, is_warm_up: bool) {
        if self.seconds.len() >= SECONDS_MAX {
            return;
        }
        let wanted = self.calendar.as_ref().and_then(|calendar| calendar.wanted(self.closed));
        // Users that had nothing left to do are gone before the schedule says so.
        let wanted = wanted.filter(|wanted| {
            let users: u64 = wanted.iter().filter_map(|(users, _)| *users).sum();
            vus >= users
        });
        if wanted.is_some() && wanted != self.wanted.0 {
            self.wanted.1 += 1;
        }
        let stretch = wanted.is_some().then_some(self.wanted.1);
        self.wanted.0 = wanted;
        self.seconds.push(Second { stretch, is_warm_up, ..Second::of(delta, self.closed, vus) });
    }

    /// Shows a whole second to the windows.
    fn push_windows(&mut self, number: u64, delta: &Snapshot, is_warm_up: bool) {
        for (target, window) in self.plan.targets.iter().zip(&mut self.windows) {
            let Some(window) = window else { continue };
            if is_warm_up {
                window.warm_up(delta);
                continue;
            }
            let part = target.scenario().and_then(|name| self.plan.scenario_index(name));
            let standing = match &self.calendar {
                None => Standing::On,
                Some(calendar) if calendar.has_pause(number) => Standing::Paused,
                Some(calendar) => {
                    let is_on =
                        part.map_or_else(|| calendar.is_any_on(number), |part| calendar.is_on(part, number));
                    if is_on { Standing::On } else { Standing::Off }
                }
            };
            window.push(delta, standing);
        }
    }

    fn tell(
        &self,
        observer: &mut dyn Observer,
        elapsed: Duration,
        delta: &Snapshot,
        state: (Books, u64),
        is_warm_up: bool,
        so_far: &SoFar<'_>,
    ) {
        observer.tick(&Tick {
            number: self.closed,
            elapsed,
            end_max: self.plan.end_max().saturating_add(self.pause.1),
            is_paused: self.pause.0,
            delta,
            is_warm_up,
            total: &self.total,
            vus: state.1,
            vus_max: self.vus_max,
            books: state.0,
            so_far,
        });
    }

    /// What the scenarios had come to at the end of a second, all workers together.
    fn scenarios_at(&self, heard: &BTreeMap<usize, Vec<ScenarioOutcome>>) -> Vec<ScenarioOutcome> {
        let of_workers = self.workers.iter().enumerate();
        so_far::sum(
            &self.plan,
            of_workers.flat_map(|(worker, progress)| heard.get(&worker).unwrap_or(&progress.scenarios)),
        )
    }

    fn so_far(&self, scenarios: Vec<ScenarioOutcome>, second: Option<Second>) -> SoFar<'_> {
        SoFar {
            scenarios,
            second,
            paused: self.pause.1,
            health: self.vitals.seconds,
            worst: so_far::worst(&self.windows),
        }
    }

    fn count_users(&mut self, vus: Option<u64>, tick: u64) -> Snapshot {
        for (name, count) in [("vus", vus), ("vus_max", Some(self.vus_max))] {
            let Some(count) = count else { continue };
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
            let value = window.as_ref().map(Window::current);
            if value == Some(None) {
                return false; // the window is not full, or its newest second doesn't count
            }
            let measured = self.measured(elapsed);
            judge(target, &self.total, measured, value.flatten()).verdict == Verdict::Failed
        });
        failed.map(|(target, _)| format!("{} {}", target.key, target.text))
    }

    /// So much of the load the total is of.
    fn measured(&self, elapsed: Duration) -> Duration {
        elapsed.saturating_sub(self.warm_up.as_ref().map_or(Duration::ZERO, |warm_up| warm_up.elapsed))
    }

    /// Adds what was recorded outside the load: by `teardown`, or by a `setup` without a load. Observers
    /// see it as one more second, so that what they saw is the total.
    pub(super) fn append(&mut self, recorded: Recorded, observer: &mut dyn Observer) {
        let delta = recorded.delta;
        self.requests_cut += recorded.requests_cut;
        self.examples.merge(recorded.examples);
        self.connections.merge(recorded.connections);
        if delta.is_empty() {
            return;
        }
        self.closed += 1;
        self.total.append(&delta);
        let so_far = self.so_far(so_far::sum(&self.plan, &self.scenarios), None);
        self.tell(observer, self.elapsed, &delta, (sum(&self.scenarios), 0), false, &so_far);
    }

    /// Waits no longer for the workers that still play: what they recorded since their last second is lost.
    pub(super) fn give_up(&mut self, elapsed: Duration, observer: &mut dyn Observer) {
        for worker in &mut self.workers {
            worker.is_done = true;
        }
        self.elapsed = elapsed;
        self.close(observer);
    }

    /// The verdicts and the sums. `end`, `errors`, `seed` are the caller's to say.
    pub(super) fn finish(mut self, outcome: Outcome) -> Outcome {
        let verdict = |(target, window): (&Target, &Option<Window>)| -> Judgement {
            let measured = self.measured(self.elapsed);
            judge(target, &self.total, measured, window.as_ref().and_then(Window::worst))
        };
        let judgements = self.plan.targets.iter().zip(&self.windows).map(verdict).collect();
        self.failures.sort_by(|a, b| {
            b.count.cmp(&a.count).then_with(|| a.diagnostic.message.cmp(&b.diagnostic.message))
        });
        self.interrupted
            .sort_by(|a, b| (b.count, &a.scenario, &a.place).cmp(&(a.count, &b.scenario, &b.place)));
        self.examples.sort();
        let scenarios = if self.scenarios.is_empty() {
            let none =
                |name: &str| ScenarioOutcome { name: name.to_owned(), books: Books::default(), threw: 0 };
            self.plan.scenarios.iter().map(|scenario| none(&scenario.name)).collect()
        } else {
            self.scenarios
        };
        Outcome {
            replaced_by: self.version,
            total: self.total,
            elapsed: self.elapsed,
            judgements,
            scenarios,
            failures: self.failures,
            failures_more: self.failures_more,
            requests_cut: self.requests_cut,
            log_lost: self.log_lost,
            paused: self.pause.1,
            vitals: Vitals { host: outcome.vitals.host, ..self.vitals },
            warm_up: self.warm_up,
            seconds: self.seconds,
            interrupted: self.interrupted,
            examples: self.examples,
            connections: self.connections,
            ..outcome
        }
    }
}

fn sum(scenarios: &[ScenarioOutcome]) -> Books {
    scenarios.iter().fold(Books::default(), |mut sum, scenario| {
        sum.add(scenario.books);
        sum
    })
}

#[cfg(test)]
mod tests;
