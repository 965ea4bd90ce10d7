//! Two cache layers before a slow source, with one fetch for all who miss the same key at once.
//!
//! L1 is small and short-lived, L2 larger and longer-lived. A hit in L2 is copied into L1 for no
//! longer than it has left. Failures are shared with those who wait, and never stored.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;
use tokio::sync::watch;

use super::lru::Lru;
use super::provider::Failure;
use crate::monitor::CacheLayer;

/// Which layer answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layer {
    L1,
    L2,
}

impl Layer {
    pub(super) fn name(self) -> &'static str {
        match self {
            Layer::L1 => "l1",
            Layer::L2 => "l2",
        }
    }
}

/// A value and where it came from.
#[derive(Debug, Clone)]
pub(super) struct Found<V> {
    pub(super) value: V,
    /// `None` when it was fetched for this request, alone or with others.
    pub(super) layer: Option<Layer>,
    /// How long the answering layer will go on to answer with it.
    pub(super) ttl: Duration,
}

/// Size and life of the two layers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) l1_entries: usize,
    pub(super) l2_entries: usize,
    pub(super) l1_ttl: Duration,
    pub(super) l2_ttl: Duration,
}

/// The counters of both layers; several caches may feed the same ones.
#[derive(Debug, Clone)]
pub(super) struct LayerCounts {
    pub(super) l1: CacheLayer,
    pub(super) l2: CacheLayer,
    /// Look-ups that found a fetch of their key under way and waited for it.
    pub(super) joined: Arc<AtomicU64>,
}

type Outcome<V> = Result<V, Failure>;

/// Where those who wait for a fetch hear its outcome.
type Landing<V> = watch::Receiver<Option<Outcome<V>>>;

/// The two layers. Each lock is held for one map operation, never across a wait.
#[derive(Debug)]
pub(super) struct Cache<V> {
    limits: Limits,
    counts: LayerCounts,
    l1: Mutex<Lru<V>>,
    l2: Mutex<Lru<V>>,
    flights: Mutex<FxHashMap<Arc<str>, Landing<V>>>,
}

impl<V: Clone + Send + Sync + 'static> Cache<V> {
    pub(super) fn new(limits: Limits, counts: LayerCounts) -> Arc<Cache<V>> {
        Arc::new(Cache {
            limits,
            counts,
            l1: Mutex::new(Lru::new(limits.l1_entries)),
            l2: Mutex::new(Lru::new(limits.l2_entries)),
            flights: Mutex::default(),
        })
    }

    /// Entries held by each layer, expired ones that nobody asked for included.
    pub(super) fn entries(&self) -> (usize, usize) {
        (locked(&self.l1).len(), locked(&self.l2).len())
    }

    /// The value of `key`, from a layer or else from `fetch`. The fetch is a task of its own, so
    /// it goes on for the others when the request that began it is cancelled.
    pub(super) async fn get<F>(
        self: &Arc<Self>,
        key: &str,
        fetch: impl FnOnce() -> F,
    ) -> Result<Found<V>, Failure>
    where
        F: Future<Output = Outcome<V>> + Send + 'static,
    {
        if let Some(found) = self.look_up(key) {
            return Ok(found);
        }
        let mut landing = match self.join_or_begin(key) {
            Flight::Landed(found) => return Ok(found),
            Flight::Joined(landing) => {
                self.counts.joined.fetch_add(1, Ordering::Relaxed);
                landing
            }
            Flight::Begun(landing, pilot) => {
                tokio::spawn(pilot.fly(fetch()));
                landing
            }
        };
        match landing.wait_for(Option::is_some).await {
            Ok(outcome) => {
                let outcome = outcome.clone().expect("waited until it was there");
                outcome.map(|value| Found { value, layer: None, ttl: self.limits.l1_ttl })
            }
            // The fetch panicked or its runtime ended.
            Err(_) => Err(Failure::Interrupted),
        }
    }

    /// Looks in both layers and counts it.
    fn look_up(&self, key: &str) -> Option<Found<V>> {
        let now = Instant::now();
        if let Some((value, expires)) = locked(&self.l1).get(key, now) {
            self.counts.l1.hit();
            return Some(Found { value, layer: Some(Layer::L1), ttl: expires - now });
        }
        self.counts.l1.miss();
        let Some((value, expires)) = locked(&self.l2).get(key, now) else {
            self.counts.l2.miss();
            return None;
        };
        self.counts.l2.hit();
        locked(&self.l1).insert(key, value.clone(), expires.min(now + self.limits.l1_ttl));
        Some(Found { value, layer: Some(Layer::L2), ttl: expires - now })
    }

    fn join_or_begin(self: &Arc<Self>, key: &str) -> Flight<V> {
        let mut flights = locked(&self.flights);
        if let Some(landing) = flights.get(key) {
            return Flight::Joined(landing.clone());
        }
        // A fetch may have landed between the look-up and the lock. It was counted as a miss.
        let now = Instant::now();
        if let Some((value, expires)) = locked(&self.l1).get(key, now) {
            return Flight::Landed(Found { value, layer: None, ttl: expires - now });
        }
        let key: Arc<str> = key.into();
        let (sender, landing) = watch::channel(None);
        flights.insert(Arc::clone(&key), landing.clone());
        Flight::Begun(landing, Pilot { cache: Arc::clone(self), key, sender })
    }
}

enum Flight<V> {
    Landed(Found<V>),
    Joined(Landing<V>),
    Begun(Landing<V>, Pilot<V>),
}

/// Carries one fetch to its end, and takes it off the list whatever that end is.
struct Pilot<V> {
    cache: Arc<Cache<V>>,
    key: Arc<str>,
    sender: watch::Sender<Option<Outcome<V>>>,
}

impl<V: Clone> Pilot<V> {
    async fn fly(self, fetch: impl Future<Output = Outcome<V>>) {
        let outcome = fetch.await;
        if let Ok(value) = &outcome {
            let (now, limits) = (Instant::now(), self.cache.limits);
            locked(&self.cache.l2).insert(&self.key, value.clone(), now + limits.l2_ttl);
            locked(&self.cache.l1).insert(&self.key, value.clone(), now + limits.l1_ttl);
        }
        self.sender.send_replace(Some(outcome));
    }
}

impl<V> Drop for Pilot<V> {
    fn drop(&mut self) {
        locked(&self.cache.flights).remove(&self.key);
    }
}

/// A poisoned lock is taken all the same: a panic of another request must not take the demo down.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::{DEFAULT_PREFIX, Monitor};

    fn cache(l1_ttl: Duration, l2_ttl: Duration) -> Arc<Cache<u32>> {
        let monitor = Monitor::new(DEFAULT_PREFIX).unwrap();
        let counts = LayerCounts {
            l1: monitor.cache_layer("l1"),
            l2: monitor.cache_layer("l2"),
            joined: Arc::default(),
        };
        Cache::new(Limits { l1_entries: 2, l2_entries: 8, l1_ttl, l2_ttl }, counts)
    }

    fn on_a_runtime<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    const LONG: Duration = Duration::from_mins(1);
    const SHORT: Duration = Duration::from_millis(20);

    #[test]
    fn a_miss_fetches_and_then_l1_answers() {
        on_a_runtime(async {
            let cache = cache(LONG, LONG);
            let first = cache.get("a", || async { Ok(1) }).await.unwrap();
            let second = cache.get("a", || async { Ok(2) }).await.unwrap();
            assert_eq!((first.value, first.layer), (1, None));
            assert_eq!((second.value, second.layer), (1, Some(Layer::L1)));
            assert_eq!((cache.counts.l1.hits(), cache.counts.l1.misses()), (1, 1));
            assert_eq!((cache.counts.l2.hits(), cache.counts.l2.misses()), (0, 1));
        });
    }

    #[test]
    fn what_left_l1_is_found_in_l2_and_copied_back() {
        on_a_runtime(async {
            let cache = cache(SHORT, LONG);
            cache.get("a", || async { Ok(1) }).await.unwrap();
            tokio::time::sleep(2 * SHORT).await;
            let layers = [cache.get("a", || async { Ok(2) }).await, cache.get("a", || async { Ok(2) }).await]
                .map(|found| found.unwrap().layer);
            assert_eq!(layers, [Some(Layer::L2), Some(Layer::L1)]);
            for key in ["b", "c", "d"] {
                cache.get(key, || async { Ok(3) }).await.unwrap();
            }
            assert_eq!(
                cache.get("a", || async { Ok(2) }).await.unwrap().layer,
                Some(Layer::L2),
                "evicted from L1"
            );
            assert_eq!(cache.entries(), (2, 4));
        });
    }

    #[test]
    fn what_left_both_layers_is_fetched_again() {
        on_a_runtime(async {
            let cache = cache(SHORT, SHORT);
            cache.get("a", || async { Ok(1) }).await.unwrap();
            tokio::time::sleep(2 * SHORT).await;
            let again = cache.get("a", || async { Ok(2) }).await.unwrap();
            assert_eq!((again.value, again.layer), (2, None));
        });
    }

    #[test]
    fn those_who_miss_at_once_share_one_fetch() {
        on_a_runtime(async {
            let cache = cache(LONG, LONG);
            let fetches = Arc::new(AtomicU64::new(0));
            let asks: Vec<_> = (0..50)
                .map(|_| {
                    let (cache, fetches) = (Arc::clone(&cache), Arc::clone(&fetches));
                    tokio::spawn(async move {
                        let fetch = || async move {
                            fetches.fetch_add(1, Ordering::Relaxed);
                            tokio::time::sleep(SHORT).await;
                            Ok(7)
                        };
                        cache.get("a", fetch).await.unwrap()
                    })
                })
                .collect();
            // The one that began the fetch is cancelled; the others must not notice.
            tokio::task::yield_now().await;
            asks[0].abort();
            for ask in asks.into_iter().skip(1) {
                let found = ask.await.unwrap();
                assert_eq!((found.value, found.layer), (7, None));
            }
            assert_eq!(fetches.load(Ordering::Relaxed), 1);
            assert_eq!(cache.counts.joined.load(Ordering::Relaxed), 49);
            assert!(locked(&cache.flights).is_empty());
        });
    }

    #[test]
    fn a_failure_reaches_all_and_is_not_kept() {
        on_a_runtime(async {
            let cache = cache(LONG, LONG);
            let fail = || async { Err(Failure::Interrupted) };
            assert!(cache.get("a", fail).await.is_err());
            assert_eq!(cache.get("a", || async { Ok(1) }).await.unwrap().layer, None);
        });
    }

    #[test]
    fn a_fetch_that_panics_frees_its_key() {
        on_a_runtime(async {
            let cache = cache(LONG, LONG);
            let failed = cache.get("a", || async { std::panic::resume_unwind(Box::new(())) }).await;
            assert!(matches!(failed, Err(Failure::Interrupted)));
            assert_eq!(cache.get("a", || async { Ok(1) }).await.unwrap().value, 1);
        });
    }
}
