//! One worker's recorder: series are interned once, then a sample is an indexed add. Single-threaded,
//! no locks; it holds one delta, which [`Recorder::take`] hands over.
//!
//! Invariant: a series' slot has its metric's kind. Past [`SERIES_MAX`] series, samples go to the metric's `__other__`
//! series, told apart by what targets ask for ([`Overflow`]): totals and targets stay exact, the snapshot carries one
//! warning, and what is new costs no memory any more.

mod bundles;
mod slot;
mod told;

use std::collections::BTreeSet;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::request::Bundle;
use super::seconds::Seconds;
use super::symbol::Symbols;
use super::{BUILTINS, Kind, Metric, Overflow, RequestKey, Series, Snapshot, Symbol, TagSet, Warning};
use slot::Slot;
use told::Told;

/// How many series there may be, in a recorder and again in a merged snapshot: what a report can show and
/// a journal can hold, at up to some 100 KB each. (`__other__` series come on top, one a metric.)
pub const SERIES_MAX: usize = 10_000;

/// A metric of one recorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetricId(u32);

/// A series of one recorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId(u32);

impl MetricId {
    fn index(self) -> usize {
        self.0 as usize
    }
}

impl SeriesId {
    /// The series of a metric that isn't recorded: it has no slot.
    const DROPPED: Self = Self(u32::MAX);

    fn index(self) -> usize {
        self.0 as usize
    }
}

/// A worker's metrics since the last [`Recorder::take`].
#[derive(Debug)]
pub struct Recorder {
    metrics: Vec<Metric>,
    metric_index: FxHashMap<Arc<str>, MetricId>,
    /// Beside `slots`: metric and tags of each series.
    series: Vec<(MetricId, TagSet)>,
    slots: Vec<Slot>,
    series_index: FxHashMap<(MetricId, TagSet), SeriesId>,
    /// How many of `series` are `__other__`.
    others: usize,
    /// Series in the snapshot's order, brought up to date when there are new ones.
    order: Vec<u32>,
    symbols: Symbols,
    bundles: FxHashMap<RequestKey, Bundle>,
    /// What series past the cap keep of their tags.
    overflow: Arc<Overflow>,
    /// Where requests go whose key came after the cap, by what targets ask for of it.
    overflows: FxHashMap<RequestKey, Bundle>,
    /// What is left of a script's tags then.
    reduced: FxHashMap<Symbol, Symbol>,
    /// Metrics that are not recorded.
    dropped: Vec<bool>,
    /// Samples refused, by metric.
    refused: Vec<u64>,
    capped: Option<Warning>,
    cap_reported: bool,
    pub(super) seconds: Seconds,
    /// Who wants each sample, if anybody does.
    tap: Option<Box<Told>>,
    /// When that happened which is recorded next, as far as [`Recorder::at`] was told.
    pub(super) at_ns: u64,
}

impl Recorder {
    /// A recorder of the built-in metrics and these; a built-in's name keeps the built-in's kind.
    pub fn new(metrics: &[Metric]) -> Self {
        let builtins = BUILTINS.iter().map(|builtin| Metric {
            name: Arc::from(builtin.name),
            kind: builtin.kind,
            unit: builtin.unit,
        });
        let mut recorder = Self {
            refused: Vec::new(),
            dropped: Vec::new(),
            metrics: Vec::new(),
            metric_index: FxHashMap::default(),
            series: Vec::new(),
            slots: Vec::new(),
            series_index: FxHashMap::default(),
            others: 0,
            order: Vec::new(),
            symbols: Symbols::new(),
            bundles: FxHashMap::default(),
            overflow: Arc::default(),
            overflows: FxHashMap::default(),
            reduced: FxHashMap::default(),
            capped: None,
            cap_reported: false,
            seconds: Seconds::uncounted(),
            tap: None,
            at_ns: 0,
        };
        builtins.chain(metrics.iter().cloned()).for_each(|metric| recorder.learn(&metric));
        recorder
    }

    /// Knows one more metric from now on; what has its name already stays as it is.
    pub fn learn(&mut self, metric: &Metric) {
        if !self.metric_index.contains_key(&metric.name) {
            let id = MetricId(u32::try_from(self.metrics.len()).expect("metrics are declared one by one"));
            self.metric_index.insert(Arc::clone(&metric.name), id);
            self.metrics.push(metric.clone());
            self.refused.push(0);
            self.dropped.push(false);
        }
    }

    /// Records nothing of these metrics; at the start alone.
    #[must_use]
    pub fn without<'a>(mut self, metrics: impl IntoIterator<Item = &'a str>) -> Self {
        for name in metrics {
            if let Some((metric, _)) = self.metric(name) {
                self.dropped[metric.index()] = true;
            }
        }
        self
    }

    /// Tells series past the cap apart by what targets ask for; at the start alone.
    #[must_use]
    pub fn keeping(mut self, overflow: Overflow) -> Self {
        for text in overflow.texts() {
            self.symbols.intern(text);
        }
        self.overflow = Arc::new(overflow);
        self
    }

    /// Whether nothing is recorded of the metric.
    pub fn is_dropped(&self, metric: MetricId) -> bool {
        self.dropped[metric.index()]
    }

    /// The metric of that name, with its kind.
    pub fn metric(&self, name: &str) -> Option<(MetricId, Kind)> {
        let &id = self.metric_index.get(name)?;
        Some((id, self.metrics[id.index()].kind))
    }

    /// The text's symbol, for a [`RequestKey`]; nothing is allocated when it is known, nor when there is no room
    /// for a series of it any more: then it is that of `__other__`.
    pub fn intern(&mut self, text: &str) -> Symbol {
        match self.symbols.known(text) {
            Some(known) => known,
            None if self.is_full() => self.symbols.other(),
            None => self.symbols.intern(text),
        }
    }

    /// The text of a symbol of this recorder.
    pub fn text(&self, symbol: Symbol) -> Arc<str> {
        self.symbols.text(symbol)
    }

    /// The tag set's symbol, for [`RequestKey::extra`]; past the cap that of what targets ask for of it.
    pub fn intern_tags(&mut self, tags: &TagSet) -> Symbol {
        match self.symbols.known_tags(tags) {
            Some(known) => known,
            None if self.is_full() || !self.symbols.takes_tags() => self.reduced_tags(tags),
            None => self.symbols.add_tags(tags),
        }
    }

    fn reduced_tags(&mut self, tags: &TagSet) -> Symbol {
        let reduced = self.overflow.reduce(tags);
        match self.symbols.known_tags(&reduced) {
            Some(known) => known,
            None => self.symbols.add_tags(&reduced),
        }
    }

    /// The series of a metric and tags, made when it is new; past the cap the metric's `__other__`.
    pub fn series(&mut self, metric: MetricId, tags: &TagSet) -> SeriesId {
        if self.dropped[metric.index()] {
            return SeriesId::DROPPED;
        }
        let key = (metric, tags.clone());
        if let Some(&known) = self.series_index.get(&key) {
            return known;
        }
        let name = &self.metrics[metric.index()].name;
        if self.is_full() {
            let collapsed = self.overflow.collapse(name, tags);
            if collapsed != *tags {
                self.capped = Some(Warning::SeriesCap);
                return self.series(metric, &collapsed);
            }
        }
        let is_other = self.overflow.is_collapsed(name, tags);
        let id = SeriesId(u32::try_from(self.series.len()).expect("capped far below u32::MAX"));
        self.others += usize::from(is_other);
        self.slots.push(Slot::empty(self.metrics[metric.index()].kind));
        self.series.push(key.clone());
        self.series_index.insert(key, id);
        id
    }

    /// The same for tags that are interned: those of `tags` and these, where they aren't empty.
    pub fn series_of(&mut self, metric: MetricId, more: &[(&str, Symbol)], tags: Symbol) -> SeriesId {
        let own = self.symbols.tags(tags);
        let more = more.iter().map(|&(key, symbol)| (Arc::from(key), self.symbols.text(symbol)));
        let tags = TagSet::from_pairs(own.pairs().iter().cloned().chain(more));
        self.series(metric, &tags)
    }

    fn is_full(&self) -> bool {
        self.series.len() - self.others >= SERIES_MAX
    }

    /// Adds to a counter. A touched counter is in the next snapshot even if what was added is 0. What
    /// isn't finite is refused and counted.
    pub fn add(&mut self, series: SeriesId, value: f64) {
        if self.sum(series, value) && self.tap.is_some() {
            self.tell(series, value, 1, false);
        }
    }

    /// Sets a gauge. One that the workers share (`vus`) must be set by each worker in every second:
    /// snapshots hold only what was touched, and a sum misses what isn't there.
    pub fn set(&mut self, series: SeriesId, value: f64) {
        match self.slots.get_mut(series.index()) {
            Some(Slot::Gauge(values)) if value.is_finite() => {
                let [_, min, max] = values.unwrap_or([value; 3]);
                *values = Some([value, min.min(value), max.max(value)]);
                if self.tap.is_some() {
                    self.tell(series, value, 1, false);
                }
            }
            Some(_) => self.refuse(series),
            None => {} // a metric that isn't recorded
        }
    }

    /// Adds to a rate: `hits` true ones of `total` samples; more hits than samples are clamped and counted.
    pub fn rate(&mut self, series: SeriesId, hits: u64, total: u64) {
        if self.share(series, hits, total) && self.tap.is_some() {
            self.tell(series, hits.min(total) as f64, total, false);
        }
    }

    /// Adds a time to a trend.
    pub fn trend_us(&mut self, series: SeriesId, us: u64) {
        if self.time(series, us) && self.tap.is_some() {
            self.tell_stored(series, us, false);
        }
    }

    /// Adds a time that is only known to be at least so long.
    pub fn trend_at_least_us(&mut self, series: SeriesId, us: u64) {
        if self.time_at_least(series, us) && self.tap.is_some() {
            self.tell_stored(series, us, true);
        }
    }

    /// Adds to a trend what users give: milliseconds, or a custom metric's own number.
    pub fn trend(&mut self, series: SeriesId, value: f64) {
        match self.slots.get_mut(series.index()) {
            Some(Slot::Trend(trend)) => {
                let stored = trend.record(value);
                if self.tap.is_some()
                    && let Some(us) = stored
                {
                    self.tell_stored(series, us, false);
                }
            }
            Some(_) => self.refuse(series),
            None => {} // a metric that isn't recorded
        }
    }

    /// Adds to a counter and tells nobody; says whether it was taken. So do the three behind.
    fn sum(&mut self, series: SeriesId, value: f64) -> bool {
        match self.slots.get_mut(series.index()) {
            Some(Slot::Counter(sum)) if value.is_finite() => {
                *sum = Some(sum.unwrap_or(0.0) + value);
                return true;
            }
            Some(_) => self.refuse(series),
            None => {} // a metric that isn't recorded
        }
        false
    }

    fn share(&mut self, series: SeriesId, hits: u64, total: u64) -> bool {
        match self.slots.get_mut(series.index()) {
            Some(Slot::Rate { hits: all_hits, total: all }) => {
                *all_hits = all_hits.saturating_add(hits.min(total));
                *all = all.saturating_add(total);
                if hits > total {
                    self.refuse(series);
                }
                return true;
            }
            Some(_) => self.refuse(series),
            None => {} // a metric that isn't recorded
        }
        false
    }

    fn time(&mut self, series: SeriesId, us: u64) -> bool {
        match self.slots.get_mut(series.index()) {
            Some(Slot::Trend(trend)) => {
                trend.record_us(us);
                return true;
            }
            Some(_) => self.refuse(series),
            None => {} // a metric that isn't recorded
        }
        false
    }

    fn time_at_least(&mut self, series: SeriesId, us: u64) -> bool {
        match self.slots.get_mut(series.index()) {
            Some(Slot::Trend(trend)) => {
                trend.record_at_least_us(us);
                return true;
            }
            Some(_) => self.refuse(series),
            None => {} // a metric that isn't recorded
        }
        false
    }

    /// Counts a sample that couldn't be taken as it was; a sample of another kind than the series' is a
    /// bug of the caller.
    #[cold]
    fn refuse(&mut self, series: SeriesId) {
        self.refused[self.series[series.index()].0.index()] += 1;
    }

    fn builtin_series(&mut self, name: &str, tags: &TagSet) -> SeriesId {
        let (metric, _) = self.metric(name).expect("a built-in metric");
        self.series(metric, tags)
    }

    /// Hands over what was recorded since the last take, and counts no seconds any more: touched series only.
    /// Interned keys stay.
    pub fn take(&mut self, tick: u64) -> Snapshot {
        self.seconds.end_ns = u64::MAX;
        let rest = self.touched(tick);
        self.hand_over();
        let Some(mut all) = self.seconds.ended.pop_front() else { return rest };
        for later in self.seconds.ended.drain(..).chain([rest]) {
            all.append(&later);
        }
        all
    }

    pub(super) fn touched(&mut self, tick: u64) -> Snapshot {
        self.report_clamped();
        self.sort_series();
        let mut series = Vec::new();
        for &index in &self.order {
            if let Some(value) = self.slots[index as usize].take() {
                let (metric, tags) = &self.series[index as usize];
                let metric = Arc::clone(&self.metrics[metric.index()].name);
                series.push(Series { metric, tags: tags.clone(), value });
            }
        }
        let mut warnings = BTreeSet::new();
        if !self.cap_reported
            && let Some(capped) = self.capped.clone()
        {
            self.cap_reported = true;
            warnings.insert(capped);
        }
        Snapshot::from_sorted(tick, series, warnings).with_overflow(&self.overflow)
    }

    /// `clamped_values` counts what trends clamped and what was refused, by metric.
    fn report_clamped(&mut self) {
        let mut clamped = std::mem::replace(&mut self.refused, vec![0; self.metrics.len()]);
        for ((metric, _), slot) in self.series.iter().zip(&self.slots) {
            if let Slot::Trend(trend) = slot {
                clamped[metric.index()] += trend.clamped();
            }
        }
        for (index, count) in clamped.into_iter().enumerate().filter(|&(_, count)| count > 0) {
            let tags = TagSet::from_pairs([("metric", Arc::clone(&self.metrics[index].name))]);
            let series = self.builtin_series("clamped_values", &tags);
            self.add(series, count as f64);
        }
    }

    /// Sorts by metric and tags, so that snapshots need no sorting each second.
    fn sort_series(&mut self) {
        let known = self.order.len();
        if known < self.series.len() {
            let new = known..self.series.len();
            self.order.extend(new.map(|index| u32::try_from(index).expect("capped far below u32::MAX")));
            let (metrics, series) = (&self.metrics, &self.series);
            let key = |&index: &u32| {
                let (metric, tags) = &series[index as usize];
                (&metrics[metric.index()].name, tags)
            };
            self.order.sort_by(|a, b| key(a).cmp(&key(b)));
        }
    }
}

#[cfg(test)]
mod tests;
