//! A run's seconds, a compact line each: enough to see later whether the service kept one level.
//!
//! Medians of seconds can't be merged, and histograms of all seconds would not stay small; 64 bytes a second do:
//! 5.5 MB a day.

use crate::metrics::{Snapshot, Trend, Value};

/// Lines that are kept: a day's. What a service does from then on is not looked at.
pub(super) const SECONDS_MAX: usize = 86_400;

/// Shares of a second's requests whose times make its level. All of them and not the median alone: of two endpoints
/// that take turns, the median jumps between both.
const DECILES: [f64; 9] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

/// A whole second of the load, all workers together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Second {
    /// Which one, from 1.
    pub number: u64,
    /// Requests that ended in it.
    pub requests: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// The median of their response times, in microseconds; a lower bound where half of them had no answer.
    pub median_us: Option<u64>,
    /// The mean of their response times, in microseconds.
    pub mean_us: Option<f64>,
    /// The mean of the logarithms of the deciles of their response times: what a typical request took.
    pub level: Option<f64>,
    /// Users at its end.
    pub vus: u64,
    /// Which stretch under one planned load it belongs to, from 1; none where the load changed in it, stood, or was
    /// over.
    pub stretch: Option<u64>,
    /// Whether it was part of the warm-up.
    pub is_warm_up: bool,
}

impl Second {
    /// What a second recorded.
    pub(super) fn of(delta: &Snapshot, number: u64, vus: u64) -> Self {
        let (mut requests, mut failed, mut times) = (0, 0, Trend::new());
        for series in delta.of("http_req_failed") {
            if let Value::Rate { hits, total } = series.value {
                (requests, failed) = (requests + total, failed + hits);
            }
        }
        for series in delta.of("http_req_response_time") {
            if let Value::Trend(trend) = &series.value {
                times.merge(trend);
            }
        }
        Self {
            number,
            requests,
            failed,
            median_us: times.quantile(0.5).map(|median| median.value_us),
            mean_us: times.mean_us(),
            level: level(&times),
            vus,
            stretch: None,
            is_warm_up: false,
        }
    }
}

fn level(times: &Trend) -> Option<f64> {
    let mut sum = 0.0;
    for share in DECILES {
        // Half a microsecond stands for what is less than one.
        sum += (times.quantile(share)?.value_us as f64).max(0.5).ln();
    }
    Some(sum / DECILES.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Recorder, TagSet};

    fn second(times_us: &[u64]) -> Second {
        let mut recorder = Recorder::new(&[]);
        let (metric, _) = recorder.metric("http_req_response_time").unwrap();
        // Two series, as of two endpoints.
        for (at, us) in times_us.iter().enumerate() {
            let tags = TagSet::from_pairs([("name", if at % 2 == 0 { "a" } else { "b" })]);
            let series = recorder.series(metric, &tags);
            recorder.trend_us(series, *us);
        }
        Second::of(&recorder.take(1), 1, 3)
    }

    #[test]
    fn a_second_is_summed_up_over_all_series() {
        let line = second(&[1_000, 3_000, 2_000]);
        assert_eq!((line.median_us, line.mean_us, line.vus), (Some(2_000), Some(2_000.0), 3));
        assert_eq!(second(&[]).level, None);
    }

    #[test]
    fn the_level_moves_little_where_the_median_jumps() {
        let mixed = |fast: usize| {
            let times: Vec<u64> = (0..100).map(|at| if at < fast { 1_000 } else { 100_000 }).collect();
            second(&times)
        };
        let (one, other) = (mixed(49), mixed(51));
        assert_eq!((one.median_us, other.median_us), (Some(100_000), Some(1_000)));
        let moved = (one.level.unwrap() - other.level.unwrap()).abs();
        assert!(moved < 100.0_f64.ln() / 8.0, "{moved}");
        let slower = second(&[1_100; 50]).level.unwrap() - second(&[1_000; 50]).level.unwrap();
        assert!((slower - 1.1_f64.ln()).abs() < 0.002, "ten percent: {slower}");
    }
}
