//! The slow outside: three simulated providers, chosen by weight, each the fallback of the others.
//!
//! A call waits 100 to 250 ms (by option) without blocking, then answers, fails by a share given in
//! the options, or says that it doesn't know the symbol. Sockets of their own come with issue 11.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use serde_json::{Map, Value, json};

use super::price::{self, round};
use crate::monitor::{CallOutcome, Monitor, ProviderCalls, Stopwatch};

/// Name, weight in the choice, confidence in its data.
const PROVIDERS: [(&str, u32, f64); 3] =
    [("marketwire", 60, 0.98), ("quotestream", 30, 0.95), ("tickerhub", 10, 0.90)];

/// Failures in a row after which a provider counts as unhealthy.
const FAILURES_UNHEALTHY: u32 = 3;

/// Why something could not be fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    #[error("symbol `{symbol}` is unknown to every provider")]
    Unknown { symbol: String },
    #[error("all {tried} providers failed")]
    Unavailable { tried: usize },
    #[error("the fetch was interrupted")]
    Interrupted,
}

/// What a provider can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    Price,
    History,
    News,
    Fundamentals,
}

const QUESTIONS: [(Question, &str); 4] = [
    (Question::Price, "price"),
    (Question::History, "history"),
    (Question::News, "news"),
    (Question::Fundamentals, "fundamentals"),
];

/// Who answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source {
    pub(super) name: &'static str,
    pub(super) confidence: f64,
}

#[derive(Debug)]
struct Provider {
    source: Source,
    weight: u32,
    /// In the order of [`QUESTIONS`].
    calls: [ProviderCalls; QUESTIONS.len()],
    health: Mutex<Health>,
}

#[derive(Debug, Default)]
struct Health {
    failures_in_row: u32,
    down_since: Option<Stopwatch>,
    down_before: Duration,
}

/// All providers.
#[derive(Debug)]
pub(super) struct Providers {
    list: [Provider; PROVIDERS.len()],
    latency_ms: Range<u64>,
    failure_share: f64,
    random: Mutex<Pcg64>,
    started: Stopwatch,
}

impl Providers {
    pub(super) fn new(monitor: &Monitor, seed: u64, latency_ms: Range<u64>, failure_share: f64) -> Providers {
        let list = PROVIDERS.map(|(name, weight, confidence)| Provider {
            source: Source { name, confidence },
            weight,
            calls: QUESTIONS.map(|(_, operation)| monitor.provider(name, operation)),
            health: Mutex::default(),
        });
        let random = Mutex::new(Pcg64::seed_from_u64(seed));
        let failure_share = if failure_share.is_nan() { 0.0 } else { failure_share.clamp(0.0, 1.0) };
        Providers { list, latency_ms, failure_share, random, started: Stopwatch::start() }
    }

    /// The place of a provider in the list, by its name.
    pub(super) fn named(&self, name: &str) -> Option<usize> {
        self.list.iter().position(|provider| provider.source.name == name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.list.iter().map(|provider| provider.source.name)
    }

    /// Asks about `symbol`: first the provider named by `first` (else one chosen by weight), then
    /// the others. One that doesn't know the symbol settles it: they all know the same.
    pub(super) async fn ask(
        &self,
        question: Question,
        symbol: &str,
        first: Option<usize>,
    ) -> Result<(&'static price::Asset, Source), Failure> {
        let first = first.unwrap_or_else(|| self.choose());
        for step in 0..self.list.len() {
            let provider = &self.list[(first + step) % self.list.len()];
            let clock = Stopwatch::start();
            let (latency, fails) = self.draw();
            tokio::time::sleep(latency).await;
            let answer = if fails { None } else { Some(price::find(symbol)) };
            let outcome = match answer {
                None => CallOutcome::Error,
                Some(None) => CallOutcome::NotFound,
                Some(Some(_)) => CallOutcome::Success,
            };
            provider.observe(question, outcome, clock.elapsed());
            match answer {
                Some(Some(asset)) => return Ok((asset, provider.source)),
                Some(None) => return Err(Failure::Unknown { symbol: symbol.to_owned() }),
                None => {}
            }
        }
        Err(Failure::Unavailable { tried: self.list.len() })
    }

    fn choose(&self) -> usize {
        let total: u32 = self.list.iter().map(|provider| provider.weight).sum();
        let mut ticket = self.with_random(|random| random.random_range(0..total));
        for (at, provider) in self.list.iter().enumerate() {
            match ticket.checked_sub(provider.weight) {
                Some(rest) => ticket = rest,
                None => return at,
            }
        }
        unreachable!("the ticket is below the sum of the weights")
    }

    fn draw(&self) -> (Duration, bool) {
        let ms = self.latency_ms.clone();
        self.with_random(|random| {
            let us = if ms.is_empty() {
                ms.start * 1_000
            } else {
                random.random_range(ms.start * 1_000..ms.end * 1_000)
            };
            (Duration::from_micros(us), random.random_bool(self.failure_share))
        })
    }

    fn with_random<T>(&self, draw: impl FnOnce(&mut Pcg64) -> T) -> T {
        draw(&mut self.random.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// All providers' health, as `/health/providers` shows it.
    pub(super) fn health(&self) -> Value {
        let reports: Map<String, Value> =
            self.list.iter().map(|p| (p.source.name.to_owned(), p.report(self.started.elapsed()))).collect();
        let healthy = self.list.iter().filter(|provider| provider.is_healthy()).count();
        let status = match healthy {
            0 => "unhealthy",
            n if n < self.list.len() => "degraded",
            _ => "healthy",
        };
        json!({
            "status": status,
            "total_providers": self.list.len(),
            "healthy_providers": healthy,
            "providers": reports,
        })
    }

    /// One provider's health, or `None` if there is none of that name.
    pub(super) fn health_of(&self, name: &str) -> Option<Value> {
        let provider = &self.list[self.named(name)?];
        let mut report = json!({ "name": name });
        let fields = report.as_object_mut().expect("made as an object");
        if let Value::Object(rest) = provider.report(self.started.elapsed()) {
            fields.extend(rest);
        }
        Some(report)
    }
}

impl Provider {
    fn observe(&self, question: Question, outcome: CallOutcome, elapsed: Duration) {
        let at =
            QUESTIONS.iter().position(|(known, _)| *known == question).expect("QUESTIONS lists them all");
        self.calls[at].observe(outcome, elapsed);
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        if outcome == CallOutcome::Error {
            health.failures_in_row += 1;
            if health.failures_in_row == FAILURES_UNHEALTHY {
                health.down_since = Some(Stopwatch::start());
            }
        } else {
            health.failures_in_row = 0;
            if let Some(since) = health.down_since.take() {
                health.down_before += since.elapsed();
            }
        }
    }

    fn is_healthy(&self) -> bool {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).down_since.is_none()
    }

    /// Figures that no call has fed yet are null, not a made-up 0 or 100.
    fn report(&self, uptime: Duration) -> Value {
        let count = |outcome| self.calls.iter().map(|calls| calls.count(outcome)).sum::<u64>();
        let failed = count(CallOutcome::Error);
        let total = count(CallOutcome::Success) + count(CallOutcome::NotFound) + failed;
        let seconds: f64 = self.calls.iter().map(ProviderCalls::total_seconds).sum();
        let health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let down = health.down_before + health.down_since.map_or(Duration::ZERO, |since| since.elapsed());
        let up_share = 1.0 - down.as_secs_f64() / uptime.as_secs_f64().max(f64::MIN_POSITIVE);
        json!({
            "is_healthy": health.down_since.is_none(),
            "uptime_percent": (up_share * 100.0).clamp(0.0, 100.0),
            "avg_latency_ms": (total > 0).then(|| round(seconds * 1_000.0 / total as f64, 3)),
            "success_rate": (total > 0).then(|| (total - failed) as f64 / total as f64),
            "requests": total,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::DEFAULT_PREFIX;

    fn providers(failure_share: f64) -> Providers {
        Providers::new(&Monitor::new(DEFAULT_PREFIX).unwrap(), 1, 1..2, failure_share)
    }

    fn ask(providers: &Providers, symbol: &str, first: Option<usize>) -> Result<&'static str, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answer = runtime.block_on(providers.ask(Question::Price, symbol, first));
        answer.map(|(_, source)| source.name)
    }

    #[test]
    fn the_choice_follows_the_weights() {
        let providers = providers(0.0);
        let mut chosen = [0_u32; PROVIDERS.len()];
        for _ in 0..10_000 {
            chosen[providers.choose()] += 1;
        }
        for ((name, weight, _), count) in PROVIDERS.into_iter().zip(chosen) {
            assert!((f64::from(count) / 100.0 - f64::from(weight)).abs() < 2.0, "{name}: {count} of 10,000");
        }
    }

    #[test]
    fn a_failure_falls_back_until_all_have_failed() {
        let failing = providers(1.0);
        assert_eq!(ask(&failing, "AAPL", None), Err(Failure::Unavailable { tried: 3 }));
        assert_eq!(failing.health()["status"], "healthy", "one failure each is not yet an outage");
        for _ in 0..2 {
            assert!(ask(&failing, "AAPL", None).is_err());
        }
        assert_eq!(failing.health()["status"], "unhealthy");
        assert_eq!(failing.health()["providers"]["tickerhub"]["success_rate"], 0.0);

        let flaky = providers(0.5);
        let answered =
            (0..64).filter(|_| ask(&flaky, "AAPL", Some(2)).is_ok_and(|name| name != "tickerhub")).count();
        assert!(answered > 10, "{answered} of 64 fell back");
    }

    #[test]
    fn an_unknown_symbol_is_an_answer_and_no_failure() {
        let providers = providers(0.0);
        assert_eq!(ask(&providers, "AAPL", Some(1)), Ok("quotestream"));
        assert_eq!(
            ask(&providers, "TEST1000", Some(1)),
            Err(Failure::Unknown { symbol: "TEST1000".to_owned() })
        );
        let report = providers.health_of("quotestream").unwrap();
        assert_eq!((&report["requests"], &report["success_rate"]), (&json!(2), &json!(1.0)));
        assert!(providers.health_of("marketwire").unwrap()["success_rate"].is_null());
        assert!(providers.health_of("nobody").is_none());
    }
}
