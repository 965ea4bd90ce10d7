//! A run in epochs: what was recorded since the script last changed, beside what was before. An observer feeds it; the
//! live view and the plain lines of `runner watch` draw what it compares.
//!
//! A second that two versions share is of neither epoch. Which those are is told once the new one is played
//! everywhere, when some of them may have been told already; so the newest seconds are held back for a while. Kept are
//! two epochs, however many there were.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::engine::{EpochCause, NewEpoch, Tick};
use crate::metrics::{Quantile, Snapshot, Trend};

use super::summary::{Endpoint, endpoints};

/// Seconds that are not yet counted for good: a version is played everywhere long before.
const HELD_MAX: usize = 5;

/// What was recorded under one version of the script.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Epoch {
    /// Which one; the load begins with 1.
    pub number: u64,
    /// Which version of the script was played; the run begins with 1.
    pub version: u64,
    /// How many whole seconds it has, without pauses and warm-up.
    pub seconds: u64,
    /// What those recorded.
    pub total: Snapshot,
}

/// The epochs of a load.
#[derive(Debug, Default)]
pub struct Epochs {
    now: Epoch,
    /// The last one before that has a whole second.
    before: Option<Epoch>,
    /// The first second that is wholly of the present one.
    first_second: u64,
    /// The newest seconds, oldest first: what they recorded is not in a total yet.
    held: VecDeque<(u64, Snapshot)>,
}

/// The requests of one name, in this epoch and in the one before.
#[derive(Debug, Clone, PartialEq)]
pub struct EndpointChange {
    /// The tag `name`.
    pub name: String,
    /// Since the last change; none where nothing was asked.
    pub now: Option<EndpointFigures>,
    /// Before it; none where nothing was asked, or nothing was before.
    pub before: Option<EndpointFigures>,
    /// Whether the 95 % intervals of the 95th percentiles lie apart.
    pub p95: Moved,
}

/// What is compared of an endpoint in one epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EndpointFigures {
    /// How many requests were sent.
    pub requests: u64,
    /// The same a second.
    pub per_second: f64,
    /// The median of `http_req_duration`; none where no answer came.
    pub p50: Option<Quantile>,
    /// Its 95th percentile.
    pub p95: Option<Quantile>,
    /// The share of requests that failed, 0 to 1.
    pub failed: f64,
}

/// Whether a percentile is another one now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Moved {
    /// There is nothing to compare, or too little.
    #[default]
    Unknown,
    /// What differs may be chance.
    No,
    /// It is higher.
    Up,
    /// It is lower.
    Down,
}

impl Epochs {
    /// Of a load that begins with the first epoch.
    pub fn new() -> Self {
        Self { now: Epoch { number: 1, version: 1, ..Epoch::default() }, first_second: 1, ..Self::default() }
    }

    /// The present epoch, its newest seconds included.
    pub fn now(&self) -> Epoch {
        let mut now = self.now.clone();
        for (_, delta) in self.held.iter().filter(|(number, _)| *number >= self.first_second) {
            now.add(delta);
        }
        now
    }

    /// The last epoch before this one that has a whole second.
    pub fn before(&self) -> Option<&Epoch> {
        self.before.as_ref()
    }

    /// Each endpoint's figures in both epochs; those with most requests now come first.
    pub fn compare(&self) -> Vec<EndpointChange> {
        let now = self.now();
        let mut both: BTreeMap<String, (Option<Endpoint>, Option<Endpoint>)> = BTreeMap::new();
        for endpoint in endpoints(&now.total) {
            let name = endpoint.name.clone();
            both.entry(name).or_default().0 = Some(endpoint);
        }
        for endpoint in self.before.iter().flat_map(|before| endpoints(&before.total)) {
            let name = endpoint.name.clone();
            both.entry(name).or_default().1 = Some(endpoint);
        }
        let seconds_before = self.before.as_ref().map_or(0, |before| before.seconds);
        let change = |(name, (one, other)): (String, (Option<Endpoint>, Option<Endpoint>))| EndpointChange {
            name,
            p95: match (&one, &other) {
                (Some(one), Some(other)) => Moved::of(&other.duration, &one.duration, 0.95),
                _ => Moved::Unknown,
            },
            now: one.map(|endpoint| EndpointFigures::of(&endpoint, now.seconds)),
            before: other.map(|endpoint| EndpointFigures::of(&endpoint, seconds_before)),
        };
        let mut changes: Vec<EndpointChange> = both.into_iter().map(change).collect();
        let requests = |figures: Option<EndpointFigures>| figures.map_or(0, |figures| figures.requests);
        changes.sort_by_key(|change| std::cmp::Reverse((requests(change.now), requests(change.before))));
        changes
    }

    /// An observer was told of a second.
    pub fn tick(&mut self, tick: &Tick<'_>) {
        // The load's rest, and what `teardown` records, are no seconds.
        let is_whole = tick.elapsed >= Duration::from_secs(tick.number);
        if tick.is_warm_up || tick.is_paused || !is_whole {
            return;
        }
        self.held.push_back((tick.number, tick.delta.clone()));
        if self.held.len() > HELD_MAX
            && let Some((number, delta)) = self.held.pop_front()
            && number >= self.first_second
        {
            self.now.add(&delta);
        }
    }

    /// An observer was told of a new epoch.
    pub fn epoch(&mut self, new: &NewEpoch<'_>) {
        let mut ended = std::mem::take(&mut self.now);
        for (number, delta) in &self.held {
            if (self.first_second..=new.last_second).contains(number) {
                ended.add(delta);
            }
        }
        self.held.retain(|(number, _)| *number >= new.first_second);
        let version = match new.cause {
            EpochCause::Reload { version, .. } => version,
            EpochCause::Reset => ended.version,
        };
        // Saves faster than seconds leave nothing to compare with.
        if ended.seconds > 0 {
            self.before = Some(ended);
        }
        self.now = Epoch { number: new.number, version, ..Epoch::default() };
        self.first_second = new.first_second;
    }
}

impl Epoch {
    fn add(&mut self, delta: &Snapshot) {
        self.seconds += 1;
        self.total.append(delta);
    }
}

impl EndpointFigures {
    fn of(endpoint: &Endpoint, seconds: u64) -> Self {
        let requests = endpoint.requests as f64;
        Self {
            requests: endpoint.requests,
            per_second: if seconds == 0 { 0.0 } else { requests / seconds as f64 },
            p50: endpoint.duration.quantile(0.5),
            p95: endpoint.duration.quantile(0.95),
            failed: if endpoint.requests == 0 { 0.0 } else { endpoint.failed as f64 / requests },
        }
    }
}

impl Moved {
    /// Whether a quantile's intervals lie apart.
    fn of(before: &Trend, now: &Trend, q: f64) -> Self {
        let (Some(before), Some(now)) = (before.interval(q), now.interval(q)) else { return Self::Unknown };
        if now.low.value_us > before.high.value_us && !before.high.at_least {
            Self::Up
        } else if now.high.value_us < before.low.value_us && !now.high.at_least {
            Self::Down
        } else {
            Self::No
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Books, SoFar};
    use crate::metrics::{Phases, Recorder, RequestKey, RequestSample};
    use crate::plan::Plan;

    const SERVICE_MS: u64 = 1_000_000;

    /// A second in which an endpoint answered so many requests, each after so many milliseconds.
    fn second(answers: &[(&str, u64, u64)]) -> Snapshot {
        let mut recorder = Recorder::new(&[]);
        for (name, requests, ms) in answers {
            let key = RequestKey {
                name: recorder.intern(name),
                scenario: recorder.intern("s"),
                method: recorder.intern("GET"),
                status: 200,
                expected: true,
                ..RequestKey::default()
            };
            let phases = Phases { waiting_ns: ms * SERVICE_MS, ..Phases::default() };
            for _ in 0..*requests {
                let sample = RequestSample { phases, responded: true, ..RequestSample::default() };
                recorder.request(&key, &sample);
            }
        }
        recorder.take(1)
    }

    fn tick(epochs: &mut Epochs, number: u64, delta: &Snapshot) {
        told(epochs, number, delta, |_| {});
    }

    fn told(epochs: &mut Epochs, number: u64, delta: &Snapshot, but: impl FnOnce(&mut Tick<'_>)) {
        let so_far = SoFar::default();
        let mut tick = Tick {
            number,
            elapsed: Duration::from_secs(number),
            end_max: Duration::from_secs(99),
            is_paused: false,
            delta,
            is_warm_up: false,
            total: delta,
            vus: 1,
            vus_max: 1,
            books: Books::default(),
            so_far: &so_far,
        };
        but(&mut tick);
        epochs.tick(&tick);
    }

    fn reload(epochs: &mut Epochs, number: u64, last_second: u64, first_second: u64) {
        let cause = EpochCause::Reload { version: number, took: Duration::from_millis(9) };
        epochs.epoch(&NewEpoch { number, first_second, last_second, cause, plan: &Plan::default() });
    }

    #[test]
    fn each_endpoint_is_compared_with_the_epoch_before() {
        let mut epochs = Epochs::new();
        for number in 1..=20 {
            tick(&mut epochs, number, &second(&[("/a", 10, 5), ("/gone", 1, 1)]));
        }
        reload(&mut epochs, 2, 20, 22);
        tick(&mut epochs, 21, &second(&[("/a", 1_000, 900)]));
        for number in 22..=41 {
            tick(&mut epochs, number, &second(&[("/a", 20, 50), ("/new", 2, 1)]));
        }
        assert_eq!((epochs.now().seconds, epochs.now().version), (20, 2));
        let changes = epochs.compare();
        let names: Vec<&str> = changes.iter().map(|change| &*change.name).collect();
        assert_eq!(names, ["/a", "/new", "/gone"]);
        let (now, before) = (changes[0].now.unwrap(), changes[0].before.unwrap());
        assert_eq!(
            (now.requests, now.per_second, before.requests, before.per_second),
            (400, 20.0, 200, 10.0)
        );
        assert!(
            now.p95.unwrap().value_us.abs_diff(50_000) < 50
                && before.p50.unwrap().value_us.abs_diff(5_000) < 5
        );
        assert_eq!((changes[0].p95, changes[1].p95), (Moved::Up, Moved::Unknown));
        assert_eq!((changes[1].before, changes[2].now), (None, None));
    }

    #[test]
    fn a_second_that_two_versions_share_is_of_neither_also_when_it_was_told_before() {
        let mut epochs = Epochs::new();
        for number in 1..=4 {
            tick(&mut epochs, number, &second(&[("/a", number, 1)]));
        }
        // Told late: seconds 3 and 4 were mixed.
        reload(&mut epochs, 2, 2, 5);
        assert_eq!(epochs.before().map(|before| before.seconds), Some(2));
        tick(&mut epochs, 5, &second(&[("/a", 100, 1)]));
        let changes = epochs.compare();
        assert_eq!((changes[0].before.unwrap().requests, changes[0].now.unwrap().requests), (3, 100));
    }

    #[test]
    fn seconds_of_the_new_version_that_were_told_already_are_not_lost() {
        let mut epochs = Epochs::new();
        (1..=4).for_each(|number| tick(&mut epochs, number, &second(&[("/a", number, 1)])));
        reload(&mut epochs, 2, 2, 4);
        assert_eq!((epochs.now().seconds, epochs.before().unwrap().seconds), (1, 2));
    }

    #[test]
    fn saves_faster_than_seconds_are_compared_with_the_last_epoch_that_has_some() {
        let mut epochs = Epochs::new();
        (1..=3).for_each(|number| tick(&mut epochs, number, &second(&[("/a", 7, 1)])));
        reload(&mut epochs, 2, 3, 5);
        reload(&mut epochs, 3, 3, 5);
        assert_eq!((epochs.before().unwrap().number, epochs.now().number), (1, 3));
        assert_eq!(epochs.compare()[0].before.unwrap().requests, 21);
    }

    #[test]
    fn a_reset_counts_anew_under_the_same_version() {
        let mut epochs = Epochs::new();
        tick(&mut epochs, 1, &second(&[("/a", 7, 1)]));
        let cause = EpochCause::Reset;
        epochs.epoch(&NewEpoch { number: 2, first_second: 2, last_second: 1, cause, plan: &Plan::default() });
        assert_eq!((epochs.now().version, epochs.now().seconds), (1, 0));
    }

    #[test]
    fn pauses_warm_up_and_the_rest_of_a_load_are_no_seconds() {
        let mut epochs = Epochs::new();
        let delta = second(&[("/a", 1, 1)]);
        told(&mut epochs, 1, &delta, |tick| tick.is_warm_up = true);
        told(&mut epochs, 2, &delta, |tick| tick.is_paused = true);
        told(&mut epochs, 3, &delta, |tick| tick.elapsed = Duration::from_millis(2_400));
        assert_eq!(epochs.now().seconds, 0);
        tick(&mut epochs, 4, &delta);
        assert_eq!(epochs.now().seconds, 1);
    }

    #[test]
    fn a_difference_within_the_intervals_may_be_chance() {
        let trend = |values: std::ops::Range<u64>| {
            let mut trend = Trend::new();
            values.for_each(|us| trend.record_us(us));
            trend
        };
        assert_eq!(Moved::of(&trend(1..1_000), &trend(5..1_005), 0.95), Moved::No);
        assert_eq!(Moved::of(&trend(1_000..2_000), &trend(1..1_000), 0.95), Moved::Down);
        assert_eq!(Moved::of(&trend(1..4), &trend(100..104), 0.95), Moved::Unknown);
    }

    #[test]
    fn memory_is_that_of_two_epochs_however_many_there_were() {
        let mut epochs = Epochs::new();
        for round in 1..=1_000 {
            tick(&mut epochs, round, &second(&[(&format!("/{round}"), 1, 1)]));
            reload(&mut epochs, round + 1, round, round + 1);
        }
        assert_eq!((epochs.now().total.len(), epochs.held.len()), (0, 0));
        assert_eq!(epochs.compare().len(), 1);
    }
}
