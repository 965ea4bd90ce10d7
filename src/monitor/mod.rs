//! The monitoring library for Rust services: counters, gauges and histograms with bounded labels,
//! and their Prometheus text.
//!
//! A service makes one [`Monitor`] and, when it starts, resolves a handle for every series that it
//! feeds ([`Monitor::endpoint`], [`Monitor::cache_layer`], …). Feeding a handle costs a few atomic
//! additions: no look-up and no lock. Nothing here is global; two monitors in a process share
//! nothing.

mod endpoint;
mod counts;
mod error;
mod exposition;

mod registry;
mod timer;

#[cfg(test)]
mod tests;

pub use counts::{CacheLayer, CallOutcome, ProviderCalls, TaskCounts};
pub use endpoint::{Active, Endpoint};
pub use error::MonitorError;
pub use exposition::CONTENT_TYPE;
pub use registry::{DEFAULT_PREFIX, LABEL_VALUES_MAX, Monitor, OVERFLOW_LABEL};
pub use timer::{Operation, Stopwatch, Timing};
