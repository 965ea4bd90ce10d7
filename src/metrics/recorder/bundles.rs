//! Requests: the series of a key, found by one look-up, and what becomes of keys past the cap.

use std::sync::Arc;

use super::super::request::{Bundle, CacheSeries};
use super::super::{RequestKey, RequestSample, Symbol, TagSet, Warning};
use super::Recorder;

impl Recorder {
    /// Records a request: one look-up, then indexed adds.
    pub fn request(&mut self, key: &RequestKey, sample: &RequestSample) {
        let bundle = match self.bundles.get(key) {
            Some(bundle) => *bundle,
            None => self.open_bundle(key),
        };
        let [reqs, failed, sent, received, response_time, phases @ ..] = bundle.series;
        self.sum(reqs, 1.0);
        self.share(failed, u64::from(sample.has_failed()), 1);
        self.sum(sent, sample.bytes_sent as f64);
        self.sum(received, sample.bytes_received as f64);
        let [response_us, times @ ..] = sample.times_us();
        if sample.responded {
            self.time(response_time, response_us);
            for (series, us) in phases.into_iter().zip(times) {
                self.time(series, us);
            }
        } else {
            self.time_at_least(response_time, response_us);
        }
        if self.tap.is_some() {
            self.tell_request(&bundle.series, sample);
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
            let key = self.reduced_key(key);
            if let Some(known) = self.overflows.get(&key) {
                return *known;
            }
            let overflow = self.bundle(&self.request_tags(&key));
            self.overflows.insert(key, overflow);
            return overflow;
        }
        let bundle = self.bundle(&self.request_tags(key));
        self.bundles.insert(*key, bundle);
        bundle
    }

    /// What targets ask for of a key: of all that came after the cap there are few.
    fn reduced_key(&mut self, key: &RequestKey) -> RequestKey {
        let known = self.reduced.get(&key.extra).copied();
        let extra = known.unwrap_or_else(|| {
            let extra = self.reduced_tags(&self.symbols.tags(key.extra));
            self.reduced.insert(key.extra, extra);
            extra
        });
        let overflow = &self.overflow;
        let named = |tag: &str, symbol: Symbol| overflow.names(tag, &self.symbols.text(symbol));
        let kept = |tag: &str, symbol: Symbol| if named(tag, symbol) { symbol } else { Symbol::NONE };
        RequestKey {
            scenario: kept("scenario", key.scenario),
            group: kept("group", key.group),
            name: if named("name", key.name) { key.name } else { self.symbols.other() },
            url: kept("url", key.url),
            method: kept("method", key.method),
            proto: kept("proto", key.proto),
            tls_version: kept("tls_version", key.tls_version),
            extra,
            ..*key // few values each
        }
    }

    fn bundle(&mut self, tags: &TagSet) -> Bundle {
        Bundle { series: Bundle::METRICS.map(|name| self.builtin_series(name, tags)), cache: None }
    }

    #[cold]
    fn open_cache(&mut self, key: &RequestKey) -> CacheSeries {
        let key = if self.bundles.contains_key(key) { *key } else { self.reduced_key(key) };
        let tags = self.request_tags(&key);
        let cache = CacheSeries {
            hits: self.builtin_series("cache_requests", &tags.with("verdict", "hit")),
            misses: self.builtin_series("cache_requests", &tags.with("verdict", "miss")),
            rate: self.builtin_series("cache_hit_rate", &tags),
        };
        let bundle = self.bundles.get_mut(&key).or_else(|| self.overflows.get_mut(&key));
        bundle.expect("the request opened its bundle").cache = Some(cache);
        cache
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
}
