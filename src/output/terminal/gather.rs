//! Copies what is shown of a run, on the control thread and once a second. What it costs is bounded by what it keeps: so
//! many endpoints ([`Stretch`]), so many targets judged a second.

use std::collections::BTreeMap;
use std::time::Duration;

use super::moment::{FailedKind, Figures, Health, Moment, Standing, Target};
use super::stretch::{Stretch, shown};
use crate::diagnostic::Mask;
use crate::engine::{NewEpoch, NewFailures, Tick};
use crate::metrics::{Selector, Snapshot, Trend, Value};
use crate::plan::{self, Judgement, Operator, Plan, Verdict, judge};

/// Targets that are judged in a second, one after another: each joins the histograms of all series that it is on.
const JUDGED_MAX: usize = 8;

/// Kinds of failed requests that are counted apart: more than examples are kept of.
const FAILED_KINDS_MAX: usize = 500;

/// What is kept of a run between two seconds.
#[derive(Debug)]
pub(super) struct Gather {
    mask: Mask,
    targets: Vec<plan::Target>,
    judged: Vec<Target>,
    /// The target that is judged next.
    next: usize,
    warm_up: Duration,
    elapsed: Duration,
    epoch: u64,
    /// The first second that is wholly of this epoch.
    first_second: u64,
    now: Stretch,
    last: BTreeMap<String, Figures>,
    last_lasted: Option<Duration>,
    failed: BTreeMap<FailedKind, u64>,
    slow: u64,
}

impl Gather {
    pub(super) fn new(plan: &Plan, mask: &Mask) -> Self {
        let mut gather = Self {
            mask: mask.clone(),
            targets: Vec::new(),
            judged: Vec::new(),
            next: 0,
            warm_up: Duration::ZERO,
            elapsed: Duration::ZERO,
            epoch: 1,
            first_second: 1,
            now: Stretch::default(),
            last: BTreeMap::new(),
            last_lasted: None,
            failed: BTreeMap::new(),
            slow: 0,
        };
        gather.follow(plan);
        gather
    }

    /// The targets of a plan from now on.
    fn follow(&mut self, plan: &Plan) {
        self.targets.clone_from(&plan.targets);
        let open = |target: &plan::Target| Target {
            key: shown(&target.key, &self.mask).to_string(),
            text: shown(&target.text, &self.mask).to_string(),
            standing: Standing::Open,
            observed: "no samples yet".to_owned(),
            margin: None,
        };
        self.judged = plan.targets.iter().map(open).collect();
        self.next = 0;
    }

    /// Another epoch begins: what was recorded so far is the last one. One without a whole second is none to compare with.
    pub(super) fn epoch(&mut self, new: &NewEpoch<'_>) {
        self.epoch = new.number;
        self.first_second = new.first_second;
        if !self.now.lasted.is_zero() {
            self.last = self.now.figures();
            self.last_lasted = Some(self.now.lasted);
        }
        self.now = Stretch::default();
        if self.targets != new.plan.targets {
            self.follow(new.plan);
        }
    }

    /// The run by the end of a second.
    pub(super) fn tick(&mut self, tick: &Tick<'_>) -> Moment {
        let lasted = tick.elapsed.saturating_sub(self.elapsed);
        self.elapsed = tick.elapsed;
        if tick.is_warm_up {
            self.warm_up = tick.elapsed;
        } else if tick.number >= self.first_second {
            self.now.lasted += lasted;
            self.now.add(tick.delta, &self.mask);
        }
        self.count_failed(tick.delta);
        self.judge(tick);
        let (endpoints, more) = self.now.endpoints(&self.last);
        let requests = match tick.delta.select(&Selector::all("http_reqs")) {
            Some(Value::Counter(requests)) => requests,
            _ => 0.0,
        };
        Moment {
            elapsed: tick.elapsed,
            end_max: tick.end_max,
            is_warm_up: tick.is_warm_up,
            vus: tick.vus,
            vus_max: tick.vus_max,
            books: tick.books,
            rate: tick.so_far.second.map(|_| requests),
            p95_us: quantile_us(tick.delta, "http_req_duration", 0.95),
            scenarios: tick.so_far.scenarios.iter().map(|scenario| scenario.books).collect(),
            epoch: self.epoch,
            lasted: (self.now.lasted, self.last_lasted),
            endpoints,
            more,
            checks: self.now.checks(),
            targets: self.judged.clone(),
            health: self.health(tick),
            failed: self.failed.iter().map(|(kind, count)| (kind.clone(), *count)).collect(),
        }
    }

    /// Failures as they may be shown.
    pub(super) fn hide(&self, new: &NewFailures) -> NewFailures {
        let mut new = new.clone();
        for example in &mut new.examples {
            example.hide(&mut |text| self.mask.apply(text));
        }
        for failure in &mut new.failures {
            self.mask.apply(&mut failure.scenario);
            failure.diagnostic.apply(&self.mask);
        }
        new
    }

    /// Counts what failed, by what examples are told apart by.
    fn count_failed(&mut self, delta: &Snapshot) {
        for series in delta.of("http_req_failed") {
            let Value::Rate { hits: hits @ 1.., .. } = series.value else { continue };
            let number = |tag| series.tags.get(tag).and_then(|text| text.parse().ok()).unwrap_or(0);
            let kind = FailedKind::Request {
                name: series.tags.get("name").unwrap_or_default().to_owned(),
                status: number("status"),
                error_code: number("error_code"),
            };
            self.count(kind, hits);
        }
        for series in delta.of("checks") {
            let Value::Rate { hits, total } = series.value else { continue };
            if total > hits {
                let name = shown(series.tags.get("check").unwrap_or_default(), &self.mask);
                self.count(FailedKind::Check(name), total - hits);
            }
        }
    }

    fn count(&mut self, kind: FailedKind, times: u64) {
        if self.failed.len() < FAILED_KINDS_MAX || self.failed.contains_key(&kind) {
            *self.failed.entry(kind).or_default() += times;
        }
    }

    fn judge(&mut self, tick: &Tick<'_>) {
        let measured = tick.elapsed.saturating_sub(self.warm_up);
        for _ in 0..self.targets.len().min(JUDGED_MAX) {
            let (target, judged) = (&self.targets[self.next], &mut self.judged[self.next]);
            let window = tick.so_far.worst.get(self.next).and_then(|worst| worst.value);
            let judgement = judge(target, tick.total, measured, window);
            judged.standing = standing(&judgement);
            judged.observed = shown(&observed(&judgement), &self.mask).to_string();
            // Of what can't be judged nothing is said to be left.
            let observed = judgement.observed.filter(|_| judged.standing != Standing::Open);
            judged.margin = observed.and_then(|observed| margin(target, observed));
            self.next = (self.next + 1) % self.targets.len();
        }
    }

    fn health(&mut self, tick: &Tick<'_>) -> Health {
        let so_far = tick.so_far.health;
        let slow = so_far.slow.all();
        let is_slow = slow > std::mem::replace(&mut self.slow, slow);
        Health {
            cpu: gauge(tick.delta, "generator_cpu"),
            wait: gauge(tick.delta, "generator_wait"),
            lag_us: quantile_us(tick.delta, "generator_loop_lag", 0.99),
            slow: (slow, so_far.judged),
            is_slow,
        }
    }
}

fn standing(judgement: &Judgement) -> Standing {
    match judgement.verdict {
        Verdict::Passed => Standing::Holds,
        Verdict::Failed => Standing::Fails,
        Verdict::NoSamples | Verdict::TooFew => Standing::Open,
    }
}

/// `p(95)=182ms`, and why that isn't a verdict yet.
fn observed(judgement: &Judgement) -> String {
    match (judgement.verdict, judgement.needed) {
        (Verdict::NoSamples, _) => "no samples yet".to_owned(),
        (Verdict::TooFew, Some(needed)) => {
            format!("{}, {} of {needed} samples", judgement.observed_text, judgement.samples)
        }
        _ => judgement.observed_text.clone(),
    }
}

/// What is left of a target's bound, as a share of it.
fn margin(target: &plan::Target, observed: f64) -> Option<f64> {
    let limit = target.expression.limit;
    let left = match target.expression.operator {
        Operator::Less | Operator::LessOrEqual => limit - observed,
        Operator::Greater | Operator::GreaterOrEqual => observed - limit,
        Operator::Equal | Operator::NotEqual => return None,
    };
    // Of a bound of nothing nothing is left.
    (limit.abs() > 0.0).then(|| left / limit.abs())
}

/// A quantile of all series of a trend, in microseconds.
fn quantile_us(delta: &Snapshot, metric: &str, q: f64) -> Option<u64> {
    let mut all = Trend::new();
    for series in delta.of(metric) {
        if let Value::Trend(trend) = &series.value {
            all.merge(trend);
        }
    }
    all.quantile(q).map(|quantile| quantile.value_us)
}

fn gauge(delta: &Snapshot, metric: &str) -> Option<f64> {
    let values = delta.of(metric).filter_map(|series| match series.value {
        Value::Gauge { max, .. } => Some(max),
        _ => None,
    });
    values.reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Books, EpochCause, SoFar};
    use crate::metrics::{Recorder, TagSet};
    use crate::plan::TargetOptions;

    fn plan() -> Plan {
        let target = |key, text| {
            plan::Target::parse(
                key,
                text,
                &TargetOptions { allow_few: true, ..TargetOptions::default() },
                &[],
                None,
            )
            .unwrap()
        };
        let targets = vec![target("http_req_duration", "p(95) < 10ms"), target("checks", "rate > 50%")];
        Plan { targets, ..Plan::default() }
    }

    fn delta(us: u64, failed: u64) -> Snapshot {
        let mut recorder = Recorder::new(&[]);
        let mut series = |metric, tags: &[(&str, &str)]| {
            let (metric, _) = recorder.metric(metric).unwrap();
            recorder.series(metric, &TagSet::from_pairs(tags.iter().copied()))
        };
        let tags = [("name", "/a"), ("status", "503")];
        let (sent, failures, times) = (
            series("http_reqs", &tags),
            series("http_req_failed", &tags),
            series("http_req_duration", &tags),
        );
        for _ in 0..100 {
            recorder.add(sent, 1.0);
            recorder.trend_us(times, us);
        }
        recorder.rate(failures, failed, 100);
        recorder.take(1)
    }

    /// Shows seconds, from 1 on, and gives the last moment.
    fn shown_after(gather: &mut Gather, seconds: std::ops::RangeInclusive<u64>, us: u64) -> Moment {
        let mut moment = Moment::default();
        for number in seconds {
            let delta = delta(us, 3);
            let so_far = SoFar::default();
            moment = gather.tick(&Tick {
                number,
                elapsed: Duration::from_secs(number),
                end_max: Duration::from_mins(1),
                is_paused: false,
                delta: &delta,
                is_warm_up: false,
                total: &delta,
                vus: 1,
                vus_max: 1,
                books: Books::default(),
                so_far: &so_far,
            });
        }
        moment
    }

    #[test]
    fn a_target_has_its_standing_and_what_is_left_of_its_bound() {
        let moment = shown_after(&mut Gather::new(&plan(), &Mask::default()), 1..=1, 4_000);
        let [duration, checks] = &moment.targets[..] else { panic!("{:?}", moment.targets) };
        assert_eq!((duration.standing, &*duration.observed), (Standing::Holds, "p(95)=4.00ms"));
        assert!((duration.margin.unwrap() - 0.6).abs() < 1e-3);
        assert_eq!(
            (checks.standing, &*checks.observed, checks.margin),
            (Standing::Open, "no samples yet", None)
        );
    }

    #[test]
    fn failures_of_checks_are_the_runs_too() {
        let mut gather = Gather::new(&plan(), &Mask::default());
        let mut recorder = Recorder::new(&[]);
        let (metric, _) = recorder.metric("checks").unwrap();
        for (scenario, hits) in [("a", 90), ("b", 100), ("c", 70)] {
            let tags = TagSet::from_pairs([("check", "found"), ("scenario", scenario)]);
            let series = recorder.series(metric, &tags);
            recorder.rate(series, hits, 100);
        }
        gather.count_failed(&recorder.take(1));
        gather.epoch(&NewEpoch {
            number: 2,
            first_second: 3,
            last_second: 1,
            cause: EpochCause::Reset,
            plan: &plan(),
        });
        assert_eq!(gather.failed, [(FailedKind::Check("found".into()), 40)].into());
    }

    #[test]
    fn a_new_epoch_counts_anew_beside_the_last_one_and_leaves_mixed_seconds_out() {
        let plan = plan();
        let mut gather = Gather::new(&plan, &Mask::default());
        shown_after(&mut gather, 1..=3, 4_000);
        let cause = EpochCause::Reset;
        gather.epoch(&NewEpoch { number: 2, first_second: 5, last_second: 3, cause, plan: &plan });
        let moment = shown_after(&mut gather, 4..=6, 2_000);
        let endpoint = &moment.endpoints[0];
        assert_eq!(
            (endpoint.now.requests, endpoint.last.unwrap().requests),
            (200, 300),
            "the fourth is mixed"
        );
        assert_eq!(moment.lasted, (Duration::from_secs(2), Some(Duration::from_secs(3))));
        assert!((endpoint.now.per_second - 100.0).abs() < 1e-9);
        let kind = FailedKind::Request { name: "/a".to_owned(), status: 503, error_code: 0 };
        assert_eq!(moment.failed, [(kind, 18)], "failures are the run's");
        for number in [3, 4] {
            let cause = EpochCause::Reset;
            gather.epoch(&NewEpoch { number, first_second: 8, last_second: 6, cause, plan: &plan });
        }
        let moment = shown_after(&mut gather, 7..=8, 2_000);
        assert_eq!(moment.endpoints[0].last.unwrap().requests, 200, "the third epoch had no second");
        assert_eq!((moment.epoch, moment.lasted.1), (4, Some(Duration::from_secs(2))));
    }

    #[test]
    fn of_many_targets_each_is_judged_in_its_turn() {
        let mut plan = plan();
        let target = plan.targets[0].clone();
        plan.targets = vec![target; JUDGED_MAX + 3];
        let mut gather = Gather::new(&plan, &Mask::default());
        let open = |moment: &Moment| {
            moment.targets.iter().filter(|target| target.standing == Standing::Open).count()
        };
        assert_eq!(open(&shown_after(&mut gather, 1..=1, 1_000)), 3);
        assert_eq!(open(&shown_after(&mut gather, 2..=2, 1_000)), 0);
    }
}
