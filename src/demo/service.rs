//! What all endpoints share: caches, providers, tasks, sessions and the monitor that they feed.

use std::fmt::Write as _;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use serde::Serialize;
use serde_json::{Value, json};

use super::DemoOptions;
use super::cache::{Cache, Found, LayerCounts, Limits};
use super::clock::{self, Clock};
use super::price::{Asset, Market};
use super::provider::{Failure, Providers, Question, Source};
use super::reply::OpenObject;
use super::session::Sessions;
use super::task::Tasks;
use crate::monitor::{Monitor, MonitorError, Operation};

/// Entries of L1: every price and a few hundred documents.
const L1_ENTRIES: usize = 512;
/// Entries of L2.
const L2_ENTRIES: usize = 8_192;
/// An operation is slow past this, as in the suite that the demo imitates.
const SLOW_AFTER: Duration = Duration::from_secs(1);

/// A price as a provider gave it.
#[derive(Debug)]
pub(super) struct Quote {
    pub(super) asset: &'static Asset,
    pub(super) price: f64,
    pub(super) change: f64,
    pub(super) source: Source,
    pub(super) body: OpenObject,
}

/// Any other cached answer.
pub(super) type Document = Arc<OpenObject>;

/// The service behind the router.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) clock: Clock,
    pub(super) market: Market,
    pub(super) monitor: Monitor,
    pub(super) providers: Providers,
    pub(super) tasks: Arc<Tasks>,
    pub(super) sessions: Sessions,
    pub(super) layers: LayerCounts,
    quotes: Arc<Cache<Arc<Quote>>>,
    documents: Arc<Cache<Document>>,
    fetches: Operation,
    /// Latencies of the simulated model and of query steps; the providers draw their own.
    random: Mutex<Pcg64>,
    options: DemoOptions,
}

impl Service {
    pub(super) fn new(options: &DemoOptions) -> Result<Arc<Service>, MonitorError> {
        let clock = Clock::start();
        let monitor = Monitor::new(&options.metrics_prefix)?;
        let layers = LayerCounts {
            l1: monitor.cache_layer("l1"),
            l2: monitor.cache_layer("l2"),
            joined: Arc::new(AtomicU64::new(0)),
        };
        let limits = Limits {
            l1_entries: L1_ENTRIES,
            l2_entries: L2_ENTRIES,
            l1_ttl: options.l1_ttl,
            l2_ttl: options.l2_ttl,
        };
        let providers = Providers::new(
            &monitor,
            options.seed,
            options.provider_latency_ms.clone(),
            options.provider_failure_share,
        );
        Ok(Arc::new(Service {
            clock,
            market: Market::new(options.seed),
            providers,
            tasks: Tasks::new(clock, monitor.tasks()),
            sessions: Sessions::default(),
            quotes: Cache::new(limits, layers.clone()),
            documents: Cache::new(limits, layers.clone()),
            layers,
            fetches: monitor.operation("provider_fetch", SLOW_AFTER),
            monitor,
            random: Mutex::new(Pcg64::seed_from_u64(options.seed ^ 1)),
            options: options.clone(),
        }))
    }

    /// The price of `symbol`, from the caches or else from a provider (`first` names which).
    pub(super) async fn quote(
        self: &Arc<Self>,
        symbol: &str,
        first: Option<usize>,
    ) -> Result<Found<Arc<Quote>>, Failure> {
        let mut key = String::with_capacity(symbol.len() + 2);
        key.push_str(symbol);
        if let Some(first) = first {
            // Writing to a string can't fail.
            let _ = write!(key, "@{first}");
        }
        let fetch = || {
            let (service, symbol) = (Arc::clone(self), symbol.to_owned());
            async move { service.fetch_quote(&symbol, first).await.map(Arc::new) }
        };
        self.quotes.get(&key, fetch).await
    }

    async fn fetch_quote(&self, symbol: &str, first: Option<usize>) -> Result<Quote, Failure> {
        #[derive(Serialize)]
        struct Fields<'a> {
            symbol: &'a str,
            price: f64,
            change: f64,
            source: &'a str,
            timestamp: String,
            confidence: f64,
        }
        let (asset, source) = self.ask(Question::Price, symbol, first).await?;
        let now = self.clock.now();
        let (price, change) = self.price_and_change(asset);
        let fields = Fields {
            symbol: asset.symbol,
            price,
            change,
            source: source.name,
            timestamp: clock::text(now),
            confidence: source.confidence,
        };
        Ok(Quote { asset, price, change, source, body: OpenObject::new(&fields) })
    }

    /// Price now and change over the last day in per cent.
    pub(super) fn price_and_change(&self, asset: &Asset) -> (f64, f64) {
        let now = self.seconds();
        (self.market.price(asset, now), self.market.change_percent(asset, now))
    }

    /// Asks the providers and counts the operation.
    pub(super) async fn ask(
        &self,
        question: Question,
        symbol: &str,
        first: Option<usize>,
    ) -> Result<(&'static Asset, Source), Failure> {
        let timing = self.fetches.start();
        let answer = self.providers.ask(question, symbol, first).await;
        timing.stop();
        answer
    }

    /// The document of `key`, from the caches or else from `make`.
    pub(super) async fn document<F>(
        self: &Arc<Self>,
        key: &str,
        make: impl FnOnce(Arc<Service>) -> F,
    ) -> Result<Found<Document>, Failure>
    where
        F: Future<Output = Result<Value, Failure>> + Send + 'static,
    {
        let fetch = || {
            let made = make(Arc::clone(self));
            async move { made.await.map(|value| Arc::new(OpenObject::new(&value))) }
        };
        self.documents.get(key, fetch).await
    }

    /// Seconds since the Unix epoch.
    pub(super) fn seconds(&self) -> f64 {
        self.clock.now().as_millisecond() as f64 / 1_000.0
    }

    /// Waits as one call of the text model takes.
    pub(super) async fn model_call(&self) {
        self.wait(self.options.model_latency_ms.clone()).await;
    }

    /// Waits as one step of a query takes.
    pub(super) async fn query_step(&self) {
        self.wait(self.options.step_latency_ms.clone()).await;
    }

    async fn wait(&self, ms: std::ops::Range<u64>) {
        let us = if ms.is_empty() {
            ms.start * 1_000
        } else {
            let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
            random.random_range(ms.start * 1_000..ms.end * 1_000)
        };
        tokio::time::sleep(Duration::from_micros(us)).await;
    }

    /// An operation of the demo, slow past the usual threshold.
    pub(super) fn operation(&self, name: &str) -> Operation {
        self.monitor.operation(name, SLOW_AFTER)
    }

    /// Both layers, as `/api/metrics/cache` shows them. The overall hit rate is of look-ups: one
    /// that L2 answered is a miss of L1 and still a hit. Rates are not rounded: 0.999999 is not 1.
    pub(super) fn cache_summary(&self) -> Value {
        let (l1, l2) = (&self.layers.l1, &self.layers.l2);
        let (hits, lookups) = (l1.hits() + l2.hits(), l1.hits() + l1.misses());
        let (quotes, documents) = (self.quotes.entries(), self.documents.entries());
        let layer = |counts: &crate::monitor::CacheLayer, entries: usize, ttl: Duration| {
            json!({
                "hits": counts.hits(),
                "misses": counts.misses(),
                "hit_rate": counts.hit_rate(),
                "entries": entries,
                "ttl_seconds": ttl.as_secs_f64(),
            })
        };
        json!({
            "hits": hits,
            "misses": lookups.saturating_sub(hits),
            "lookups": lookups,
            "hit_rate": (lookups > 0).then(|| hits as f64 / lookups as f64),
            "coalesced": self.layers.joined.load(Ordering::Relaxed),
            "layers": {
                "l1": layer(l1, quotes.0 + documents.0, self.options.l1_ttl),
                "l2": layer(l2, quotes.1 + documents.1, self.options.l2_ttl),
            },
        })
    }
}
