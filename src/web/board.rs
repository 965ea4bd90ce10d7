//! What the run has come to, as far as the API shows it: bounded by the metrics, targets and checks, not by the series.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::engine::ScenarioOutcome;
use crate::metrics::{Selector, Snapshot, Unit, Value, builtin};
use crate::plan::{Judgement, Plan, Target, Verdict, judge};

use super::beat::Beat;

/// Groups and checks beyond are left out: names made of data.
const NAMES_MAX: usize = 1_000;

/// A check, by the path of its group and its name.
pub(super) type CheckKey = (String, String);

/// The totals so far.
#[derive(Debug, Default)]
pub(super) struct Board {
    /// Of each metric all series together.
    metrics: BTreeMap<Arc<str>, Value>,
    targets: Vec<Watched>,
    units: BTreeMap<Arc<str>, Unit>,
    pub(super) checks: BTreeMap<CheckKey, (u64, u64)>,
    pub(super) groups: BTreeSet<String>,
    pub(super) scenarios: Vec<ScenarioOutcome>,
    elapsed: Duration,
    /// How much of it was warm-up.
    warm_up: Duration,
    /// The load has come to its end.
    pub(super) is_load_over: bool,
    /// So has the run.
    pub(super) is_over: bool,
}

/// A target, and what it has selected so far.
#[derive(Debug)]
struct Watched {
    target: Target,
    value: Option<Value>,
    /// Its worst window, where it has one.
    worst: Option<Value>,
}

/// A metric, or those of its series that a target is on.
#[derive(Debug)]
pub(super) struct Shown<'a> {
    /// A name, or a selector as it was written.
    pub(super) id: &'a str,
    pub(super) value: &'a Value,
    pub(super) unit: Unit,
    /// Whether a target on it fails now; nothing where there is none.
    pub(super) tainted: Option<bool>,
}

impl Board {
    pub(super) fn new(plan: &Plan) -> Self {
        let mut board = Self::default();
        board.take_plan(plan);
        board
    }

    /// Another plan; what its targets share with the ones before they keep.
    pub(super) fn take_plan(&mut self, plan: &Plan) {
        let before = std::mem::take(&mut self.targets);
        let watched = |target: &Target| {
            let same = before.iter().find(|known| known.target.selector == target.selector);
            let value = same.and_then(|known| known.value.clone());
            // A selector that is new has seen what its metric has, if it selects all of that.
            let value = value.or_else(|| {
                let is_all = target.selector.matchers.is_empty();
                is_all.then(|| self.metrics.get(&*target.selector.metric).cloned()).flatten()
            });
            Watched { target: target.clone(), value, worst: None }
        };
        self.targets = plan.targets.iter().map(watched).collect();
        self.units = plan.metrics.iter().map(|metric| (Arc::clone(&metric.name), metric.unit)).collect();
    }

    /// Adds a second.
    pub(super) fn add(&mut self, beat: &Beat) {
        self.elapsed = beat.elapsed;
        self.scenarios.clone_from(&beat.scenarios);
        if beat.is_warm_up {
            self.warm_up = beat.elapsed;
            return;
        }
        for (watched, worst) in self.targets.iter_mut().zip(&beat.worst) {
            watched.worst.clone_from(worst);
        }
        for watched in &mut self.targets {
            append(&mut watched.value, beat.delta.select(&watched.target.selector));
        }
        let mut last: Option<&Arc<str>> = None;
        for series in &beat.delta {
            if last.is_none_or(|last| *last != series.metric) {
                let value = beat.delta.select(&Selector::all(&series.metric));
                match self.metrics.get_mut(&series.metric) {
                    // A metric that came with two kinds has warned of that.
                    Some(total) => _ = value.map(|value| total.append(&value)),
                    None => _ = value.map(|value| self.metrics.insert(Arc::clone(&series.metric), value)),
                }
            }
            last = Some(&series.metric);
        }
        self.note_checks(&beat.delta);
    }

    fn note_checks(&mut self, delta: &Snapshot) {
        for metric in ["checks", "group_duration"] {
            for group in delta.of(metric).filter_map(|series| series.tags.get("group")) {
                if self.groups.len() < NAMES_MAX && !self.groups.contains(group) {
                    self.groups.insert(group.to_owned());
                }
            }
        }
        for series in delta.of("checks") {
            let (Value::Rate { hits, total }, Some(name)) = (&series.value, series.tags.get("check")) else {
                continue;
            };
            let key = (series.tags.get("group").unwrap_or_default().to_owned(), name.to_owned());
            if self.checks.len() >= NAMES_MAX && !self.checks.contains_key(&key) {
                continue;
            }
            let (passes, fails) = self.checks.entry(key).or_default();
            *passes = passes.saturating_add(*hits);
            *fails = fails.saturating_add(total.saturating_sub(*hits));
        }
    }

    /// How long the figures are of.
    pub(super) fn measured(&self) -> Duration {
        self.elapsed.saturating_sub(self.warm_up)
    }

    /// All metrics, and of targets with conditions what those select; by name.
    pub(super) fn shown(&self) -> Vec<Shown<'_>> {
        let whole = self.metrics.iter().map(|(name, value)| self.show(name, name, value));
        let picked = self.targets.iter().filter(|watched| !watched.target.selector.matchers.is_empty());
        let picked = picked.filter_map(|watched| {
            let value = watched.value.as_ref()?;
            Some(self.show(&watched.target.key, &watched.target.selector.metric, value))
        });
        let mut shown: Vec<Shown<'_>> = whole.chain(picked).collect();
        shown.sort_by(|a, b| a.id.cmp(b.id));
        shown.dedup_by(|a, b| a.id == b.id);
        shown
    }

    fn show<'a>(&'a self, id: &'a str, metric: &str, value: &'a Value) -> Shown<'a> {
        let unit = builtin(metric).map(|builtin| builtin.unit).or_else(|| self.units.get(metric).copied());
        let of_it = self.targets.iter().filter(|watched| {
            watched.target.key == id || (metric == id && is_all_of(&watched.target, metric))
        });
        let tainted = of_it.map(|watched| self.judge(watched).is_some_and(|judgement| is_failed(&judgement)));
        Shown { id, value, unit: unit.unwrap_or(Unit::None), tainted: tainted.reduce(|a, b| a || b) }
    }

    /// The targets, each with its verdict as of now: none where it has seen nothing yet, or no full window.
    pub(super) fn judged(&self) -> impl Iterator<Item = (&Target, Option<Judgement>)> {
        self.targets.iter().map(|watched| (&watched.target, self.judge(watched)))
    }

    fn judge(&self, watched: &Watched) -> Option<Judgement> {
        let target = &watched.target;
        let value = if target.expression.over.is_some() { &watched.worst } else { &watched.value };
        Some(judge(target, &Snapshot::default(), self.measured(), Some(value.as_ref()?)))
    }

    /// Whether a target fails now.
    pub(super) fn is_tainted(&self) -> bool {
        self.judged().any(|(_, judgement)| judgement.is_some_and(|judgement| is_failed(&judgement)))
    }
}

fn is_failed(judgement: &Judgement) -> bool {
    judgement.verdict == Verdict::Failed
}

fn is_all_of(target: &Target, metric: &str) -> bool {
    target.selector.metric == metric && target.selector.matchers.is_empty()
}

fn append(total: &mut Option<Value>, later: Option<Value>) {
    match (total.as_mut(), later) {
        // A metric that came with two kinds has warned of that.
        (Some(total), Some(later)) => _ = total.append(&later),
        (None, later) => *total = later,
        (Some(_), None) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Books;
    use crate::metrics::{Recorder, TagSet};
    use crate::plan::TargetOptions;

    fn target(key: &str, expression: &str) -> Target {
        Target::parse(key, expression, &TargetOptions::default(), &[], None).expect("a target")
    }

    fn plan(targets: &[(&str, &str)]) -> Plan {
        Plan { targets: targets.iter().map(|(key, text)| target(key, text)).collect(), ..Plan::default() }
    }

    /// A second with so many requests of two names, and a check.
    fn beat(number: u64, count: f64, is_warm_up: bool) -> Beat {
        let mut recorder = Recorder::new(&[]);
        let (requests, _) = recorder.metric("http_reqs").expect("a metric");
        for name in ["/a", "/b"] {
            let series = recorder.series(requests, &TagSet::from_pairs([("name", name)]));
            recorder.add(series, count);
        }
        Beat {
            number,
            elapsed: Duration::from_secs(number),
            end_max: Duration::from_secs(9),
            is_paused: false,
            is_warm_up,
            vus: 1,
            vus_max: 1,
            books: Books::default(),
            scenarios: Vec::new(),
            worst: Vec::new(),
            delta: recorder.take(number),
        }
    }

    fn counts(board: &Board) -> Vec<(String, f64, Option<bool>)> {
        let count = |value: &Value| match value {
            Value::Counter(count) => *count,
            other => panic!("{other:?}"),
        };
        board.shown().iter().map(|shown| (shown.id.to_owned(), count(shown.value), shown.tainted)).collect()
    }

    #[test]
    fn totals_are_of_all_seconds_but_the_warm_up() {
        let mut board = Board::new(&plan(&[("http_reqs{name:/a}", "count > 5"), ("http_reqs", "count > 5")]));
        board.add(&beat(1, 100.0, true));
        assert_eq!((counts(&board), board.measured()), (Vec::new(), Duration::ZERO));
        board.add(&beat(2, 2.0, false));
        board.add(&beat(3, 2.0, false));
        let all =
            [("http_reqs".to_owned(), 8.0, Some(false)), ("http_reqs{name:/a}".to_owned(), 4.0, Some(true))];
        assert_eq!((counts(&board), board.measured()), (all.to_vec(), Duration::from_secs(2)));
        assert!(board.is_tainted());
    }

    #[test]
    fn another_plan_keeps_what_its_targets_share() {
        let mut board = Board::new(&plan(&[("http_reqs{name:/a}", "count > 5")]));
        board.add(&beat(1, 3.0, false));
        board.take_plan(&plan(&[("http_reqs{name:/a}", "count > 2"), ("http_reqs{name:/b}", "count > 2")]));
        let verdicts: Vec<Option<Verdict>> =
            board.judged().map(|(_, judgement)| judgement.map(|judgement| judgement.verdict)).collect();
        assert_eq!(verdicts, [Some(Verdict::Passed), None], "of `/b` nobody has looked before");
    }
}
