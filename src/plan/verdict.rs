//! Judges a target on what was recorded. Nothing passes without evidence: no samples is a verdict of its
//! own, a percentile of too few samples another, an "at least" is never below a limit, and what isn't a number never passes.
//!
//! A windowed target (`… over 30s`) must hold in every full window of the run: a [`Window`] watches them
//! and keeps the worst. A run too short for one is judged as a whole, and its text says so.

use std::cmp::Ordering;
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::WrittenAt;
use super::target::{Aggregate, Operator, Quantity, Target};
use crate::diagnostic::suggest;
use crate::metrics::{self, Kind, Selector, Snapshot, TagSet, Trend, Value};
use crate::stats::samples_needed;
use crate::units::{
    format_count, format_duration, format_latency_us, format_percent, format_range, format_rate,
    format_significant, format_size,
};

/// How many existing values of a tag are listed when none is near.
const NEAR_MAX: usize = 3;

/// Whether a target holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It holds.
    Passed,
    /// It doesn't.
    Failed,
    /// Nothing was recorded that it could be judged on: a failure.
    NoSamples,
    /// It is on a percentile that has fewer samples than it needs, and the target doesn't allow that: a failure, whatever
    /// the value is.
    TooFew,
}

/// Between which values a percentile lies with a chance of 95 %, in the unit of the target's quantity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    /// It is at least this.
    pub low: f64,
    /// It is at most this.
    pub high: f64,
    /// Nothing is known above `high`: it falls among requests that got no answer.
    pub high_at_least: bool,
    /// For people: `184–191ms`, `12.1ms – > 30.0s`; `…, around the limit` where another run may be judged otherwise.
    pub text: String,
}

/// A target's verdict, with what it rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The target's selector as it was written.
    pub key: String,
    /// Its expression as it was written.
    pub text: String,
    /// Whether it holds.
    pub verdict: Verdict,
    /// What was observed, in the unit of the target's quantity: ms, share, bytes, count, per second.
    pub observed: Option<f64>,
    /// For people: `p(95)=12.3ms`, `p(95)>30.0s`, `rate=99.93%`, or what was not found.
    pub observed_text: String,
    /// For people: the same of the response time where the target is on the service time, and the other way
    /// round: `response time 14.1ms`.
    pub beside: Option<String>,
    /// How many samples it rests on: of a counter its sum, of a gauge 1.
    pub samples: u64,
    /// Selectors near to one that matched nothing.
    pub near: Vec<String>,
    /// Of a percentile with enough samples.
    pub interval: Option<Bounds>,
    /// How many samples its percentile needs, where it has fewer.
    pub needed: Option<u64>,
    /// Where the target was written, where that is known.
    #[serde(default)]
    pub written_at: Option<WrittenAt>,
}

/// A number computed of samples.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Observed {
    value: f64,
    /// The true number is this or more.
    at_least: bool,
    /// It is a percentile that needs so many samples, and has fewer.
    needed: Option<u64>,
}

/// Judges a target on the run's total after `elapsed`; a windowed one on `window` instead, which is
/// [`Window::worst`] at the end of a run and [`Window::current`] during it.
pub fn judge(target: &Target, total: &Snapshot, elapsed: Duration, window: Option<&Value>) -> Judgement {
    let over = target.expression.over;
    let selected = if window.is_none() { total.select(&target.selector) } else { None };
    let seconds = over.filter(|_| window.is_some()).unwrap_or(elapsed).as_secs_f64();
    let value = window.or(selected.as_ref());
    let samples = value.map_or(0, samples);
    let observed = value.and_then(|value| observe(target.expression.aggregate, value, seconds));
    let judgement = |verdict, observed: Option<f64>, observed_text, near| Judgement {
        key: target.key.clone(),
        text: target.text.clone(),
        verdict,
        observed,
        observed_text,
        beside: None,
        samples,
        near,
        interval: None,
        needed: None,
        written_at: target.position.map(|position| WrittenAt { file: target.file.clone(), position }),
    };
    let Some(observed) = observed else {
        let (text, near) = nothing_found(&target.selector, total);
        return judgement(Verdict::NoSamples, None, text, near);
    };
    let text = observed_text(target, observed);
    let text = match over.map(format_duration) {
        Some(over) if window.is_some() => format!("{text} over {over}"),
        Some(over) => format!("{text} (whole run: no full window of {over})"),
        None => text,
    };
    let beside = if window.is_none() { beside(target, total) } else { None };
    Judgement {
        beside,
        interval: value.and_then(|value| bounds(target, value)),
        needed: observed.needed,
        ..judgement(verdict(target, observed), Some(observed.value), text, Vec::new())
    }
}

/// What becomes of a target with that number.
fn verdict(target: &Target, observed: Observed) -> Verdict {
    match observed.needed {
        Some(_) if !target.allow_few => Verdict::TooFew,
        _ if holds(target, observed) => Verdict::Passed,
        _ => Verdict::Failed,
    }
}

/// The interval of a target's percentile.
fn bounds(target: &Target, value: &Value) -> Option<Bounds> {
    let (Value::Trend(trend), q) = (value, target.expression.aggregate.quantile()?) else { return None };
    let interval = trend.interval(q)?;
    let [low, high] = [interval.low, interval.high].map(|end| end.value());
    let high_at_least = interval.high.at_least;
    let [low_text, high_text] = [low, high].map(|end| format_quantity(target.quantity, end));
    let mut text = format_range(&low_text, &high_text, high_at_least);
    let limit = target.expression.limit;
    if low <= limit && (limit <= high || high_at_least) {
        text.push_str(", around the limit");
    }
    Some(Bounds { low, high, high_at_least, text })
}

/// How many samples a percentile of a trend needs, where it has fewer.
fn lacks(aggregate: Aggregate, trend: &Trend) -> Option<u64> {
    let needed = samples_needed(aggregate.quantile()?);
    (trend.count() < needed).then_some(needed)
}

/// What the target's aggregate is of the metric that stands beside its own; nothing of a count, which is the same.
fn beside(target: &Target, total: &Snapshot) -> Option<String> {
    if target.quantity != Quantity::Time {
        return None;
    }
    let metric = metrics::beside(&target.selector.metric)?;
    let selector = Selector { metric: metric.into(), ..target.selector.clone() };
    let observed = observe(target.expression.aggregate, &total.select(&selector)?, 0.0)?;
    let noun = if metrics::is_service_time(metric) { "service time" } else { "response time" };
    let sign = if observed.at_least { "> " } else { "" };
    Some(format!("{noun} {sign}{}", format_quantity(target.quantity, observed.value)))
}

fn samples(value: &Value) -> u64 {
    match value {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
        Value::Counter(sum) => *sum as u64,
        Value::Gauge { .. } => 1,
        Value::Rate { total, .. } => *total,
        Value::Trend(trend) => trend.count(),
    }
}

/// The aggregate of a value; nothing when there are no samples or it would be no number.
fn observe(aggregate: Aggregate, value: &Value, seconds: f64) -> Option<Observed> {
    let exact = |value: f64| Some(Observed { value, at_least: false, needed: None });
    let observed = match (aggregate, value) {
        (Aggregate::Count, Value::Counter(sum)) => exact(*sum),
        (Aggregate::PerSecond, Value::Counter(sum)) => exact(sum / seconds),
        (Aggregate::Value, Value::Gauge { last, .. }) => exact(*last),
        (Aggregate::Min, Value::Gauge { min, .. }) => exact(*min),
        (Aggregate::Max, Value::Gauge { max, .. }) => exact(*max),
        (_, Value::Rate { total: 0, .. }) => None,
        (Aggregate::Share, Value::Rate { hits, total }) => exact(*hits as f64 / *total as f64),
        (Aggregate::Count, Value::Rate { total, .. }) => exact(*total as f64),
        (Aggregate::Fails, Value::Rate { hits, total }) => exact(total.saturating_sub(*hits) as f64),
        (_, Value::Trend(trend)) => {
            let quantile = match aggregate {
                Aggregate::Average => {
                    let mean_us = trend.mean_us()?;
                    let at_least = trend.censored() > 0;
                    return Some(Observed { value: mean_us / 1_000.0, at_least, needed: None });
                }
                Aggregate::Count if trend.count() > 0 => return exact(trend.count() as f64),
                Aggregate::Min => trend.min(),
                Aggregate::Max => trend.max(),
                _ => aggregate.quantile().and_then(|q| trend.quantile(q)),
            };
            quantile.map(|quantile| Observed {
                value: quantile.value(),
                at_least: quantile.at_least,
                needed: lacks(aggregate, trend),
            })
        }
        _ => None, // another kind under the metric's name
    };
    observed.filter(|observed| observed.value.is_finite())
}

/// Equal but for the last bits: 9,993 of 10,000 is 99.93 %, whichever way it was divided.
fn compare(observed: f64, limit: f64) -> Option<Ordering> {
    let tolerance = 4.0 * f64::EPSILON * observed.abs().max(limit.abs());
    if (observed - limit).abs() <= tolerance { Some(Ordering::Equal) } else { observed.partial_cmp(&limit) }
}

/// Whether the expression certainly holds: of an "at least" only what is above the limit is certain.
fn holds(target: &Target, observed: Observed) -> bool {
    let Some(order) = compare(observed.value, target.expression.limit) else { return false };
    let operator = target.expression.operator;
    if observed.at_least {
        return match operator {
            Operator::Greater | Operator::NotEqual => order.is_gt(),
            Operator::GreaterOrEqual => order.is_ge(),
            Operator::Less | Operator::LessOrEqual | Operator::Equal => false,
        };
    }
    match operator {
        Operator::Less => order.is_lt(),
        Operator::LessOrEqual => order.is_le(),
        Operator::Greater => order.is_gt(),
        Operator::GreaterOrEqual => order.is_ge(),
        Operator::Equal => order.is_eq(),
        Operator::NotEqual => order.is_ne(),
    }
}

fn observed_text(target: &Target, observed: Observed) -> String {
    let quantity = target.quantity;
    let mut shown = format_quantity(quantity, observed.value);
    let limit = target.expression.limit;
    // `p(95)=200ms` fails `p(95) < 200ms` without sense where it is 200.4: then all digits are shown.
    let differs = compare(observed.value, limit).is_some_and(Ordering::is_ne);
    if differs && shown == format_quantity(quantity, limit) {
        shown = format_exactly(quantity, observed.value);
    }
    let aggregate = target.expression.aggregate;
    match (observed.at_least, shown.starts_with(['<', '>'])) {
        (true, _) => format!("{aggregate}>{shown}"),
        (false, true) => format!("{aggregate}{shown}"), // `rate>99.99%`
        (false, false) => format!("{aggregate}={shown}"),
    }
}

fn format_quantity(quantity: Quantity, value: f64) -> String {
    match quantity {
        Quantity::Time => format_latency_us(value * 1_000.0),
        Quantity::Share => format_percent(value),
        Quantity::Bytes => format_size(value),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and in range")]
        Quantity::Number if value.fract() == 0.0 && (0.0..9e15).contains(&value) => {
            format_count(value as u64)
        }
        Quantity::Number => format_significant(value),
        Quantity::PerSecond => format_rate(value),
        Quantity::BytesPerSecond => format!("{}/s", format_size(value)),
    }
}

fn format_exactly(quantity: Quantity, value: f64) -> String {
    match quantity {
        Quantity::Time => format!("{value}ms"),
        Quantity::Share => format!("{}%", value * 100.0),
        Quantity::Bytes => format!("{value} B"),
        Quantity::Number => value.to_string(),
        Quantity::PerSecond => format!("{value}/s"),
        Quantity::BytesPerSecond => format!("{value} B/s"),
    }
}

/// Why a selector found no samples, and which selectors would.
fn nothing_found(selector: &Selector, total: &Snapshot) -> (String, Vec<String>) {
    let metric = &selector.metric;
    let all: Vec<&TagSet> = total.of(metric).map(|series| &series.tags).collect();
    if all.is_empty() {
        return (format!("no samples: nothing was recorded for `{metric}`"), Vec::new());
    }
    let missed = selector.matchers.iter().find(|matcher| !all.iter().any(|tags| matcher.matches(tags)));
    let Some(missed) = missed else {
        return if all.iter().any(|tags| selector.matches_tags(tags)) {
            (format!("no samples: what was recorded for `{metric}` can't be judged"), Vec::new())
        } else {
            (format!("no samples: no series of `{metric}` has all of these tags"), Vec::new())
        };
    };
    let text = format!("no samples: no series of `{metric}` has {missed}");
    let existing: BTreeSet<&str> = all.iter().filter_map(|tags| tags.get(&missed.tag)).collect();
    let mut values = suggest(&missed.value, existing.iter().copied());
    if values.is_empty() {
        values = existing.into_iter().take(NEAR_MAX).collect();
    }
    let near = values.into_iter().map(|value| {
        let mut near = selector.clone();
        let matcher = near.matchers.iter_mut().find(|matcher| *matcher == missed);
        value.clone_into(&mut matcher.expect("found in this selector above").value);
        near.to_string()
    });
    (text, near.collect())
}

/// How a second stands to the load that a target looks at: its scenario's, or that of any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The load was on for the whole second.
    On,
    /// It had not begun, was over, or began or ended within the second.
    Off,
    /// The run stood for a part of it.
    Paused,
}

/// What a fraction of a second means to a windowed target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    /// A share, a time or a level: a fraction is as good as a whole second, and silence says nothing.
    Share,
    /// An amount that must stay below a limit: a fraction has less of it, so what fails with one fails.
    Ceiling,
    /// An amount that must reach a limit, or meet it: a fraction would fail it without reason.
    Floor,
}

impl Measure {
    fn of(target: &Target) -> Self {
        let is_amount =
            matches!(target.expression.aggregate, Aggregate::Count | Aggregate::PerSecond | Aggregate::Fails);
        match target.expression.operator {
            _ if !is_amount => Self::Share,
            Operator::Less | Operator::LessOrEqual => Self::Ceiling,
            Operator::Equal if target.expression.limit <= 0.0 => Self::Ceiling, // none is no more than none
            Operator::Greater | Operator::GreaterOrEqual | Operator::Equal | Operator::NotEqual => {
                Self::Floor
            }
        }
    }
}

/// The last seconds of one windowed target: push every whole second's delta.
///
/// | measure | its clock starts | left out | counts in a full window |
/// |---|---|---|---|
/// | share | with the first second that has samples | silence while the run stands | when the newest second has samples |
/// | ceiling | with the load | silence while the run stands | when the newest second has samples |
/// | floor | behind the first second that has samples, which may be a fraction | seconds that are not [`Standing::On`] | when the newest second has samples; of a whole metric or scenario always |
///
/// So silence within a window counts as nothing, the time before and after a target's load isn't held against it,
/// and a service that falls silent under load fails what asks for a rate.
#[derive(Debug, Clone)]
pub struct Window {
    target: Target,
    measure: Measure,
    /// Whether it looks at all of a metric, or of a scenario: then it is silent only when the service is.
    is_whole: bool,
    seconds: usize,
    started: bool,
    ring: VecDeque<Option<Value>>,
    /// The window that ends with the newest second, if it counts.
    current: Option<Value>,
    worst: Option<(Observed, Value)>,
    /// How often the worst changed.
    revision: u64,
}

impl Window {
    /// A window for a target; none for one that is judged on the whole run.
    pub fn new(target: &Target) -> Option<Self> {
        let seconds = usize::try_from(target.expression.over?.as_secs()).ok()?.max(1);
        Some(Self {
            measure: Measure::of(target),
            is_whole: target.selector.matchers.iter().all(|matcher| matcher.tag == "scenario"),
            target: target.clone(),
            seconds,
            started: false,
            ring: VecDeque::new(),
            current: None,
            worst: None,
            revision: 0,
        })
    }

    /// Takes a second of the warm-up: all that it shows is that the load has begun.
    pub fn warm_up(&mut self, delta: &Snapshot) {
        self.started |= self.measure == Measure::Floor && delta.select(&self.target.selector).is_some();
    }

    /// Takes the next second, workers joined; an empty one too.
    pub fn push(&mut self, delta: &Snapshot, standing: Standing) {
        self.current = None;
        let value = delta.select(&self.target.selector);
        let heard = value.is_some();
        let had_started = self.started;
        self.started |= heard;
        let is_left_out = match self.measure {
            Measure::Share => !self.started || (!heard && standing == Standing::Paused),
            Measure::Ceiling => !heard && standing == Standing::Paused,
            Measure::Floor => !had_started || standing != Standing::On,
        };
        if is_left_out {
            return;
        }
        if self.ring.len() == self.seconds {
            self.ring.pop_front();
        }
        self.ring.push_back(value);
        let silence_counts = self.measure == Measure::Floor && self.is_whole;
        if !heard && !silence_counts {
            return;
        }
        let Some(value) = self.value() else { return };
        let Some(observed) = observe(self.target.expression.aggregate, &value, self.seconds as f64) else {
            return;
        };
        if self.worst.as_ref().is_none_or(|(worst, _)| self.is_worse(observed, *worst)) {
            self.worst = Some((observed, value.clone()));
            self.revision += 1;
        }
        self.current = Some(value);
    }

    /// The window that ends with the newest second; none where that doesn't count.
    pub fn current(&self) -> Option<&Value> {
        self.current.as_ref()
    }

    /// The last seconds as one value; none before the window is full, or when nothing was heard in it that silence
    /// can't stand for.
    fn value(&self) -> Option<Value> {
        if self.ring.len() < self.seconds {
            return None;
        }
        let mut heard = self.ring.iter().flatten();
        let Some(first) = heard.next() else {
            return (self.target.kind == Kind::Counter).then_some(Value::Counter(0.0));
        };
        let mut all = first.clone();
        for later in heard {
            all.append(later).ok()?; // a metric has one kind in a run
        }
        Some(all)
    }

    /// The full window that was furthest from holding; none when there was no full one.
    pub fn worst(&self) -> Option<&Value> {
        self.worst.as_ref().map(|(_, value)| value)
    }

    /// How often that has become another: who stores it needs to only then.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Failing is worse than having too few samples (a stall leaves few), and that is worse than holding; then what lies
    /// further on the wrong side, "at least" furthest.
    fn is_worse(&self, new: Observed, old: Observed) -> bool {
        let weight = |observed| match verdict(&self.target, observed) {
            Verdict::Passed => 0,
            Verdict::TooFew | Verdict::NoSamples => 1,
            Verdict::Failed => 2,
        };
        if weight(new) != weight(old) {
            return weight(new) > weight(old);
        }
        let distance = |observed: Observed| (observed.value - self.target.expression.limit).abs();
        match self.target.expression.operator {
            Operator::Less | Operator::LessOrEqual => (new.at_least, new.value) > (old.at_least, old.value),
            Operator::Greater | Operator::GreaterOrEqual => new.value < old.value,
            Operator::Equal => distance(new) > distance(old),
            Operator::NotEqual => distance(new) < distance(old),
        }
    }
}

#[cfg(test)]
mod tests;
