//! The monitor: its own registry, the families with their buckets, and the bound on label values.
//!
//! Families and buckets are those of the first target's service, so that its dashboards keep
//! working. Invariant: a label never takes more than [`LABEL_VALUES_MAX`] values; what comes after
//! goes to [`OVERFLOW_LABEL`], with exact totals.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry};

use super::{Active, CacheLayer, Endpoint, MonitorError, Operation, ProviderCalls, TaskCounts};

/// The prefix of every series when none is given.
pub const DEFAULT_PREFIX: &str = "fiml";

/// Values that one label may take: some ten times the routes of a large service, and few enough
/// that a scrape stays small.
pub const LABEL_VALUES_MAX: usize = 200;

/// The label value that stands for all values past [`LABEL_VALUES_MAX`].
pub const OVERFLOW_LABEL: &str = "__other__";

const REQUEST_BUCKETS: &[f64] = &[0.01, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];
const PROVIDER_BUCKETS: &[f64] = &[0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0];
const GENERATION_BUCKETS: &[f64] = &[0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0];

/// The series of one service. Make one when the service starts and take handles from it.
#[derive(Debug)]
pub struct Monitor {
    pub(super) registry: Registry,
    pub(super) requests: IntCounterVec,
    pub(super) request_seconds: HistogramVec,
    pub(super) cache_hit_rate: GaugeVec,
    pub(super) task_completion_rate: GaugeVec,
    cache_operations: IntCounterVec,
    provider_requests: IntCounterVec,
    provider_seconds: HistogramVec,
    narrative_seconds: HistogramVec,
    query_seconds: HistogramVec,
    slow_queries: IntCounterVec,
    active: IntGauge,
    pub(super) tasks: TaskCounts,
    known: Mutex<Known>,
}

/// What was resolved so far; touched when handles are made and when text is read, never by a feed.
#[derive(Debug, Default)]
pub(super) struct Known {
    values: BTreeMap<&'static str, BTreeSet<String>>,
    endpoints: BTreeMap<String, Endpoint>,
    layers: BTreeMap<String, CacheLayer>,
    operations: BTreeMap<String, Operation>,
}

impl Monitor {
    /// A monitor whose series are named `PREFIX_requests_total` and so on.
    pub fn new(prefix: &str) -> Result<Monitor, MonitorError> {
        let legal =
            |(at, c): (usize, char)| c == '_' || c.is_ascii_alphabetic() || (at > 0 && c.is_ascii_digit());
        if prefix.is_empty() || !prefix.chars().enumerate().all(legal) {
            return Err(MonitorError::Prefix { prefix: prefix.to_owned() });
        }
        let registry = Registry::new();
        let families = Families { prefix, registry: &registry };
        let active = IntGauge::with_opts(families.named("active_requests", "Requests being answered now"))?;
        registry.register(Box::new(active.clone()))?;
        Ok(Monitor {
            requests: families.counter(
                "requests_total",
                "Requests answered, by matched route",
                &["method", "endpoint", "status"],
            )?,
            request_seconds: families.histogram(
                "request_duration_seconds",
                "Time to answer a request, by matched route",
                &["method", "endpoint"],
                REQUEST_BUCKETS,
            )?,
            cache_operations: families.counter(
                "cache_operations_total",
                "Look-ups in a cache layer",
                &["layer", "status"],
            )?,
            cache_hit_rate: families.gauge(
                "cache_hit_rate",
                "Share of look-ups that a cache layer answered, since the start",
                &["layer"],
            )?,
            provider_requests: families.counter(
                "provider_requests_total",
                "Calls to an outside provider",
                &["provider", "operation", "status"],
            )?,
            provider_seconds: families.histogram(
                "provider_latency_seconds",
                "Time that an outside provider took",
                &["provider", "operation"],
                PROVIDER_BUCKETS,
            )?,
            task_completion_rate: families.gauge(
                "task_completion_rate",
                "Share of ended tasks that completed, since the start",
                &[],
            )?,
            narrative_seconds: families.histogram(
                "narrative_generation_seconds",
                "Time to write a narrative, model calls included",
                &["style"],
                GENERATION_BUCKETS,
            )?,
            query_seconds: families.histogram(
                "dsl_execution_seconds",
                "Time to execute a query",
                &["query_type"],
                GENERATION_BUCKETS,
            )?,
            slow_queries: families.counter(
                "slow_queries_total",
                "Operations that took longer than their threshold",
                &["operation"],
            )?,
            active,
            registry,
            tasks: TaskCounts::default(),
            known: Mutex::default(),
        })
    }

    /// The series of one matched route, `/api/candles/{symbol}` and never a raw path. The same
    /// route gives the same handle.
    pub fn endpoint(&self, route: &str) -> Endpoint {
        let mut known = self.known();
        let route = known.bounded("endpoint", route);
        let fresh = || Endpoint::new(&route, &self.requests, &self.request_seconds);
        known.endpoints.entry(route.clone()).or_insert_with(fresh).clone()
    }

    /// The series of one cache layer.
    pub fn cache_layer(&self, name: &str) -> CacheLayer {
        let mut known = self.known();
        let name = known.bounded("layer", name);
        let fresh = || CacheLayer::new(&name, &self.cache_operations);
        known.layers.entry(name.clone()).or_insert_with(fresh).clone()
    }

    /// The series of one operation of one provider.
    pub fn provider(&self, provider: &str, operation: &str) -> ProviderCalls {
        let mut known = self.known();
        let provider = known.bounded("provider", provider);
        let operation = known.bounded("provider operation", operation);
        ProviderCalls::new(&provider, &operation, &self.provider_requests, &self.provider_seconds)
    }

    /// The duration of narratives in one style.
    pub fn narrative(&self, style: &str) -> Histogram {
        let style = self.known().bounded("style", style);
        self.narrative_seconds.with_label_values(&[style.as_str()])
    }

    /// The duration of queries of one type.
    pub fn query(&self, query_type: &str) -> Histogram {
        let query_type = self.known().bounded("query_type", query_type);
        self.query_seconds.with_label_values(&[query_type.as_str()])
    }

    /// An operation that is slow when it takes longer than `slow_after`. The same name gives the
    /// same handle, with the threshold of its first caller.
    pub fn operation(&self, name: &str, slow_after: Duration) -> Operation {
        let mut known = self.known();
        let name = known.bounded("operation", name);
        let fresh = || Operation::new(slow_after, self.slow_queries.with_label_values(&[name.as_str()]));
        known.operations.entry(name.clone()).or_insert_with(fresh).clone()
    }

    /// The tasks of this service.
    pub fn tasks(&self) -> TaskCounts {
        self.tasks.clone()
    }

    /// Counts a request as being answered until the returned guard drops, also when the request
    /// is cancelled or panics.
    pub fn active(&self) -> Active {
        Active::new(self.active.clone())
    }

    /// Requests being answered now.
    pub fn active_requests(&self) -> i64 {
        self.active.get()
    }

    /// Every endpoint resolved so far, by route.
    pub fn endpoints(&self) -> Vec<(String, Endpoint)> {
        listed(&self.known().endpoints)
    }

    /// Every cache layer resolved so far, by name.
    pub fn cache_layers(&self) -> Vec<(String, CacheLayer)> {
        listed(&self.known().layers)
    }

    /// Every operation resolved so far, by name.
    pub fn operations(&self) -> Vec<(String, Operation)> {
        listed(&self.known().operations)
    }

    /// A poisoned lock is taken all the same: the maps hold only handles and are never half-written.
    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// `value` if the label may still take it, [`OVERFLOW_LABEL`] otherwise.
    fn bounded(&mut self, label: &'static str, value: &str) -> String {
        let values = self.values.entry(label).or_default();
        if !values.contains(value) {
            if values.len() >= LABEL_VALUES_MAX {
                return OVERFLOW_LABEL.to_owned();
            }
            values.insert(value.to_owned());
        }
        value.to_owned()
    }
}

fn listed<T: Clone>(map: &BTreeMap<String, T>) -> Vec<(String, T)> {
    map.iter().map(|(name, handle)| (name.clone(), handle.clone())).collect()
}

/// Makes families and registers them.
struct Families<'a> {
    prefix: &'a str,
    registry: &'a Registry,
}

impl Families<'_> {
    fn named(&self, name: &str, help: &str) -> Opts {
        Opts::new(format!("{}_{name}", self.prefix), help)
    }

    fn counter(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, MonitorError> {
        self.registered(IntCounterVec::new(self.named(name, help), labels)?)
    }

    fn gauge(&self, name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec, MonitorError> {
        self.registered(GaugeVec::new(self.named(name, help), labels)?)
    }

    fn histogram(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> Result<HistogramVec, MonitorError> {
        let options = HistogramOpts::new(format!("{}_{name}", self.prefix), help).buckets(buckets.to_vec());
        self.registered(HistogramVec::new(options, labels)?)
    }

    fn registered<C: Collector + Clone + 'static>(&self, family: C) -> Result<C, MonitorError> {
        self.registry.register(Box::new(family.clone()))?;
        Ok(family)
    }
}
