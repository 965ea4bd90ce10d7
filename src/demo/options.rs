//! How a demo runs.

use std::ops::Range;
use std::time::Duration;

use crate::monitor::DEFAULT_PREFIX;

/// Options of the demo; the default is the service as the examples expect it.
#[derive(Debug, Clone, PartialEq)]
pub struct DemoOptions {
    /// Port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// Threads that serve, at least one, each with a runtime of its own.
    pub threads: usize,
    /// Seed of prices, latencies and the choice of providers.
    pub seed: u64,
    /// How long the first cache layer answers with a value.
    pub l1_ttl: Duration,
    /// How long the second one does; keep it below five minutes, or prices get stale.
    pub l2_ttl: Duration,
    /// Latency of a provider, milliseconds.
    pub provider_latency_ms: Range<u64>,
    /// Share of provider calls that fail, 0 to 1 (others are clamped).
    pub provider_failure_share: f64,
    /// Latency of one call of the text model, milliseconds.
    pub model_latency_ms: Range<u64>,
    /// Duration of one step of a query, milliseconds.
    pub step_latency_ms: Range<u64>,
    /// Prefix of the metric names.
    pub metrics_prefix: String,
}

impl Default for DemoOptions {
    fn default() -> DemoOptions {
        DemoOptions {
            port: 0,
            threads: 1,
            seed: 1,
            l1_ttl: Duration::from_secs(30),
            l2_ttl: Duration::from_mins(2),
            provider_latency_ms: 100..250,
            provider_failure_share: 0.0,
            model_latency_ms: 50..150,
            step_latency_ms: 100..300,
            metrics_prefix: DEFAULT_PREFIX.to_owned(),
        }
    }
}
