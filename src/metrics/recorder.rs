//! One worker's recorder: series are interned once, then a sample is an indexed add. Single-threaded,
//! no locks; it holds one delta, which [`Recorder::take`] hands over.
//!
//! Invariant: a series' slot has its metric's kind. Past [`SERIES_MAX`] series, samples go to the
//! metric's `__other__` series: totals stay exact, and the snapshot carries one warning.

use std::collections::BTreeSet;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::request::{Bundle, CacheSeries};
use super::symbol::Symbols;
use super::{
    BUILTINS, Kind, Metric, RequestKey, RequestSample, Series, Snapshot, Symbol, TagSet, Trend, Value,
    Warning,
};

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
    fn index(self) -> usize {
        self.0 as usize
    }
}

/// A series' delta since the last take; `None` and empty ones were not touched.
#[derive(Debug)]
enum Slot {
    Counter(Option<f64>),
    Gauge(Option<[f64; 3]>),
    Rate { hits: u64, total: u64 },
    Trend(Trend),
}

impl Slot {
    fn empty(kind: Kind) -> Self {
        match kind {
            Kind::Counter => Self::Counter(None),
            Kind::Gauge => Self::Gauge(None),
            Kind::Rate => Self::Rate { hits: 0, total: 0 },
            Kind::Trend => Self::Trend(Trend::new()),
        }
    }

    /// Swaps the content out; nothing when there is none.
    fn take(&mut self) -> Option<Value> {
        match self {
            Self::Counter(sum) => sum.take().map(Value::Counter),
            Self::Gauge(values) => values.take().map(|[last, min, max]| Value::Gauge { last, min, max }),
            Self::Rate { total: 0, .. } => None,
            Self::Rate { hits, total } => {
                let value = Value::Rate { hits: *hits, total: *total };
                (*hits, *total) = (0, 0);
                Some(value)
            }
            Self::Trend(trend) if trend.is_empty() => None,
            Self::Trend(trend) => Some(Value::Trend(Box::new(std::mem::take(trend)))),
        }
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
    /// Where requests go whose key came after the cap.
    overflow: Option<Bundle>,
    /// Samples refused, by metric.
    refused: Vec<u64>,
    capped: Option<Warning>,
    cap_reported: bool,
}

impl Recorder {
    /// A recorder of the built-in metrics and these; a built-in's name keeps the built-in's kind.
    pub fn new(metrics: &[Metric]) -> Self {
        let builtins = BUILTINS.iter().map(|builtin| Metric {
            name: Arc::from(builtin.name),
            kind: builtin.kind,
            unit: builtin.unit,
        });
        let mut all: Vec<Metric> = Vec::new();
        let mut metric_index = FxHashMap::default();
        for metric in builtins.chain(metrics.iter().cloned()) {
            if !metric_index.contains_key(&metric.name) {
                let id = MetricId(u32::try_from(all.len()).expect("metrics are declared one by one"));
                metric_index.insert(Arc::clone(&metric.name), id);
                all.push(metric);
            }
        }
        Self {
            refused: vec![0; all.len()],
            metrics: all,
            metric_index,
            series: Vec::new(),
            slots: Vec::new(),
            series_index: FxHashMap::default(),
            others: 0,
            order: Vec::new(),
            symbols: Symbols::new(),
            bundles: FxHashMap::default(),
            overflow: None,
            capped: None,
            cap_reported: false,
        }
    }

    /// The metric of that name, with its kind.
    pub fn metric(&self, name: &str) -> Option<(MetricId, Kind)> {
        let &id = self.metric_index.get(name)?;
        Some((id, self.metrics[id.index()].kind))
    }

    /// The text's symbol, for a [`RequestKey`]; nothing is allocated when it is known.
    pub fn intern(&mut self, text: &str) -> Symbol {
        self.symbols.intern(text)
    }

    /// The text of a symbol of this recorder.
    pub fn text(&self, symbol: Symbol) -> Arc<str> {
        self.symbols.text(symbol)
    }

    /// The tag set's symbol, for [`RequestKey::extra`].
    pub fn intern_tags(&mut self, tags: &TagSet) -> Symbol {
        self.symbols.intern_tags(tags)
    }

    /// The series of a metric and tags, made when it is new; past the cap the metric's `__other__`.
    pub fn series(&mut self, metric: MetricId, tags: &TagSet) -> SeriesId {
        let key = (metric, tags.clone());
        if let Some(&known) = self.series_index.get(&key) {
            return known;
        }
        let is_other = tags.is_other();
        if self.is_full() && !is_other {
            self.capped = Some(Warning::SeriesCap);
            return self.series(metric, &TagSet::other());
        }
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
        match &mut self.slots[series.index()] {
            Slot::Counter(sum) if value.is_finite() => *sum = Some(sum.unwrap_or(0.0) + value),
            _ => self.refuse(series),
        }
    }

    /// Sets a gauge. One that the workers share (`vus`) must be set by each worker in every second:
    /// snapshots hold only what was touched, and a sum misses what isn't there.
    pub fn set(&mut self, series: SeriesId, value: f64) {
        match &mut self.slots[series.index()] {
            Slot::Gauge(values) if value.is_finite() => {
                let [_, min, max] = values.unwrap_or([value; 3]);
                *values = Some([value, min.min(value), max.max(value)]);
            }
            _ => self.refuse(series),
        }
    }

    /// Adds to a rate: `hits` true ones of `total` samples; more hits than samples are clamped and counted.
    pub fn rate(&mut self, series: SeriesId, hits: u64, total: u64) {
        match &mut self.slots[series.index()] {
            Slot::Rate { hits: all_hits, total: all } => {
                *all_hits = all_hits.saturating_add(hits.min(total));
                *all = all.saturating_add(total);
                if hits > total {
                    self.refuse(series);
                }
            }
            _ => self.refuse(series),
        }
    }

    /// Adds a time to a trend.
    pub fn trend_us(&mut self, series: SeriesId, us: u64) {
        match &mut self.slots[series.index()] {
            Slot::Trend(trend) => trend.record_us(us),
            _ => self.refuse(series),
        }
    }

    /// Adds a time that is only known to be at least so long.
    pub fn trend_at_least_us(&mut self, series: SeriesId, us: u64) {
        match &mut self.slots[series.index()] {
            Slot::Trend(trend) => trend.record_at_least_us(us),
            _ => self.refuse(series),
        }
    }

    /// Adds to a trend what users give: milliseconds, or a custom metric's own number.
    pub fn trend(&mut self, series: SeriesId, value: f64) {
        match &mut self.slots[series.index()] {
            Slot::Trend(trend) => trend.record(value),
            _ => self.refuse(series),
        }
    }

    /// Counts a sample that couldn't be taken as it was; a sample of another kind than the series' is a
    /// bug of the caller.
    #[cold]
    fn refuse(&mut self, series: SeriesId) {
        self.refused[self.series[series.index()].0.index()] += 1;
    }

    /// Records a request: one look-up, then indexed adds.
    pub fn request(&mut self, key: &RequestKey, sample: &RequestSample) {
        let bundle = match self.bundles.get(key) {
            Some(bundle) => *bundle,
            None => self.open_bundle(key),
        };
        let [reqs, failed, sent, received, response_time, phases @ ..] = bundle.series;
        self.add(reqs, 1.0);
        self.rate(failed, u64::from(sample.failed || !sample.responded), 1);
        self.add(sent, sample.bytes_sent as f64);
        self.add(received, sample.bytes_received as f64);
        if sample.responded {
            self.trend_us(response_time, to_us(sample.response_time_ns));
            let spent = &sample.phases;
            let times = [
                spent.duration_ns(),
                spent.blocked_ns,
                spent.dns_ns,
                spent.connecting_ns,
                spent.tls_ns,
                spent.sending_ns,
                spent.waiting_ns,
                spent.receiving_ns,
            ];
            for (series, ns) in phases.into_iter().zip(times) {
                self.trend_us(series, to_us(ns));
            }
        } else {
            self.trend_at_least_us(response_time, to_us(sample.response_time_ns));
        }
        if let Some(hit) = sample.cache {
            let cache = match bundle.cache {
                Some(cache) => cache,
                None => self.open_cache(key),
            };
            self.add(if hit { cache.hits } else { cache.misses }, 1.0);
            self.rate(cache.rate, u64::from(hit), 1);
        }
    }

    #[cold]
    fn open_bundle(&mut self, key: &RequestKey) -> Bundle {
        if self.is_full() {
            // Not kept under its key: keys past the cap must cost no memory.
            self.capped = Some(Warning::SeriesCap);
            if let Some(overflow) = self.overflow {
                return overflow;
            }
            let overflow = self.bundle(&TagSet::other());
            self.overflow = Some(overflow);
            return overflow;
        }
        let bundle = self.bundle(&self.request_tags(key));
        self.bundles.insert(*key, bundle);
        bundle
    }

    fn bundle(&mut self, tags: &TagSet) -> Bundle {
        Bundle { series: Bundle::METRICS.map(|name| self.builtin_series(name, tags)), cache: None }
    }

    #[cold]
    fn open_cache(&mut self, key: &RequestKey) -> CacheSeries {
        let tags = if self.bundles.contains_key(key) { self.request_tags(key) } else { TagSet::other() };
        let cache = CacheSeries {
            hits: self.builtin_series("cache_requests", &tags.with("verdict", "hit")),
            misses: self.builtin_series("cache_requests", &tags.with("verdict", "miss")),
            rate: self.builtin_series("cache_hit_rate", &tags),
        };
        let bundle = self.bundles.get_mut(key).or(self.overflow.as_mut());
        bundle.expect("the request opened its bundle").cache = Some(cache);
        cache
    }

    fn builtin_series(&mut self, name: &str, tags: &TagSet) -> SeriesId {
        let (metric, _) = self.metric(name).expect("a built-in metric");
        self.series(metric, tags)
    }

    fn request_tags(&self, key: &RequestKey) -> TagSet {
        let text = |symbol| self.symbols.text(symbol);
        let code = if key.error_code == 0 { String::new() } else { key.error_code.to_string() };
        let own: [(Arc<str>, Arc<str>); 10] = [
            ("scenario".into(), text(key.scenario)),
            ("group".into(), text(key.group)),
            ("name".into(), text(key.name)),
            ("url".into(), text(key.url)),
            ("method".into(), text(key.method)),
            ("proto".into(), text(key.proto)),
            ("tls_version".into(), text(key.tls_version)),
            ("status".into(), key.status.to_string().into()),
            ("error_code".into(), code.into()),
            ("expected_response".into(), if key.expected { "true" } else { "false" }.into()),
        ];
        let extra = self.symbols.tags(key.extra);
        TagSet::from_pairs(own.into_iter().chain(extra.pairs().iter().cloned()))
    }

    /// Hands over what was recorded since the last take: touched series only. Interned keys stay.
    pub fn take(&mut self, tick: u64) -> Snapshot {
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
        Snapshot::from_sorted(tick, series, warnings)
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

/// Rounded to the nearest microsecond.
fn to_us(ns: u64) -> u64 {
    ns.saturating_add(500) / 1_000
}

#[cfg(test)]
mod tests;
