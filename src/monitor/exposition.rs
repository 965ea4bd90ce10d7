//! A monitor as Prometheus text, format 0.0.4.
//!
//! Rates are computed here, from their counters, at the moment of the read. A rate without a single
//! event has no series: a made-up 0 or 1 would pass or fail a target that saw nothing.

use prometheus::TextEncoder;

use super::{Monitor, MonitorError};

/// The media type of [`Monitor::text`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

impl Monitor {
    /// All series as Prometheus text.
    pub fn text(&self) -> Result<String, MonitorError> {
        for (name, layer) in self.cache_layers() {
            if let Some(rate) = layer.hit_rate() {
                self.cache_hit_rate.with_label_values(&[name.as_str()]).set(rate);
            }
        }
        if let Some(rate) = self.tasks.completion_rate() {
            self.task_completion_rate.with_label_values::<&str>(&[]).set(rate);
        }
        Ok(TextEncoder::new().encode_to_string(&self.registry.gather())?)
    }
}
