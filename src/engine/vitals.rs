//! What the generator measured of itself in a run, as plain data: the evidence that
//! [`super::generator`] judges.
//!
//! The worker's part comes from `pulse.rs`, the machine's from `host.rs`; the seconds are judged here,
//! since a mean over an hour hides the ten minutes in which the generator was the limit.

use std::time::Duration;

use crate::metrics::{Snapshot, Value};

/// A worker that uses so much of a core has none left: what is ready waits.
pub(super) const CPU_FULL: f64 = 0.9;

/// Waiting for a core for so much of the time is others' doing: on cores of its own a worker waits for
/// less than 1 % of it.
pub(super) const WAIT_HIGH: f64 = 0.1;

/// The share of the latency from which on a number says more of the generator than of the service.
pub(super) const SHARE_MAX: f64 = 0.5;

/// A request meets the loop twice: when it is due, and when its response comes. Each time it waits for as
/// long as the loop is late.
const VISITS: f64 = 2.0;

/// So large a part of a second's probes must be late. The lag is sampled by time: one stall of 50 ms makes a
/// mean of 1.25 ms, while of 12,000 requests by 64 closed users 64 have met it.
const LATE_SHARE: f64 = 0.1;

/// Below this mean lag a loop that has a core to itself and CPU to spare is left alone: to wake a thread on an idle core takes
/// 30 to 200 µs on any machine, and is part of any measurement.
pub(super) const LAG_FLOOR_US: f64 = 500.0;

/// What the generator measured of itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Vitals {
    /// The seconds of the load, by whose delay was measured in them.
    pub seconds: Seconds,
    /// What each worker had of the cores.
    pub workers: Vec<ThreadUse>,
    /// When workers stood still: merged where they overlap, in order.
    pub gaps: Vec<Gap>,
    /// The process and its machine.
    pub host: HostUse,
}

/// What a thread had of the cores over the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ThreadUse {
    /// For how long.
    pub elapsed: Duration,
    /// CPU that it used.
    pub cpu: Duration,
    /// Time that it was ready to run and waited for a core; none where the kernel doesn't say.
    pub wait: Option<Duration>,
}

/// A time in which a worker neither ran nor waited for a core, though it had something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// Since the start of the load.
    pub start: Duration,
    /// How long.
    pub length: Duration,
}

impl Gap {
    fn end(self) -> Duration {
        self.start.saturating_add(self.length)
    }
}

/// The process and its machine, from the start of the load to its end.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HostUse {
    /// Share of the machine's time that its hypervisor gave to others.
    pub steal: Option<f64>,
    /// Share of the machine's time in which its cores did something.
    pub busy: Option<f64>,
    /// Share of the time for which the container's CPU quota held the process back; all cores together.
    pub throttled: Option<f64>,
    /// How long the machine was suspended.
    pub suspended: Duration,
    /// Steps of the wall clock, and the largest, in nanoseconds; back is negative.
    pub clock_steps: (u64, i64),
    /// The most descriptors that were open, and how many may be.
    pub descriptors: (u64, Option<u64>),
    /// The most local ports in use towards one address, and how many there are.
    pub ports: (u64, Option<u64>),
}

/// Whole seconds of the load by whose delay was measured in them.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Seconds {
    /// Those with requests.
    pub judged: u64,
    /// Those in which the generator's own delay was half of the latency or more, by cause.
    pub slow: Slow,
    /// The generator's mean delay of a request in the slow ones, summed, in microseconds.
    pub delay_us: f64,
    /// The mean latency in the slow ones, summed, in microseconds.
    pub latency_us: f64,
    /// Response times of all seconds so far: their sum, in microseconds, and their count.
    pub all: (f64, u64),
}

/// Slow seconds by what the generator lacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Slow {
    /// Its own work took all of a core.
    pub cpu: u64,
    /// Others had the core.
    pub wait: u64,
    /// Neither: it was blocked, or its machine was.
    pub other: u64,
}

impl Slow {
    /// All of them.
    pub fn all(self) -> u64 {
        self.cpu + self.wait + self.other
    }
}

impl Seconds {
    /// Judges one whole second. The latency is the response time, which counts from the intended start: there
    /// the generator's delay shows wherever it struck, before a request or after its response.
    pub(super) fn judge(&mut self, delta: &Snapshot) {
        let (total_us, count) = sum_us(delta, "http_req_response_time");
        let (late_us, probes) = sum_us(delta, "generator_loop_lag");
        if count == 0 || probes == 0 {
            return;
        }
        self.judged += 1;
        self.all = (self.all.0 + total_us, self.all.1 + count);
        let (latency_us, lag_us) = (total_us / count as f64, late_us / probes as f64);
        // A second that happens to have only fast requests would be slow by a lag that matters to nobody.
        let usual_us = self.all.0 / self.all.1 as f64;
        let delay_us = VISITS * lag_us;
        let (cpu, wait) = (gauge(delta, "generator_cpu"), gauge(delta, "generator_wait"));
        let (is_full, is_waiting) = (cpu >= CPU_FULL, wait >= WAIT_HIGH);
        let limit_us = SHARE_MAX * latency_us.max(usual_us);
        let is_much = delay_us >= limit_us && VISITS * often_us(delta) >= limit_us;
        if !is_much || !(is_full || is_waiting || lag_us >= LAG_FLOOR_US) {
            return;
        }
        self.delay_us += delay_us;
        self.latency_us += latency_us;
        let cause = match () {
            () if is_full => &mut self.slow.cpu,
            () if is_waiting => &mut self.slow.wait,
            () => &mut self.slow.other,
        };
        *cause += 1;
    }

    /// The generator's part of the latency in the slow seconds.
    pub fn share(&self) -> f64 {
        // The lag is sampled by time, the latency by request: their quotient can pass 1.
        if self.latency_us > 0.0 { (self.delay_us / self.latency_us).min(1.0) } else { 0.0 }
    }
}

/// Sum and count of all series of a trend; nothing is copied.
fn sum_us(delta: &Snapshot, metric: &str) -> (f64, u64) {
    let (mut sum, mut count) = (0.0, 0);
    for series in delta.of(metric) {
        if let Value::Trend(trend) = &series.value {
            sum += trend.sum_us() as f64;
            count += trend.count();
        }
    }
    (sum, count)
}

/// The lag that [`LATE_SHARE`] of the probes reached; workers' probes are one series.
fn often_us(delta: &Snapshot) -> f64 {
    let lags = delta.of("generator_loop_lag").filter_map(|series| match &series.value {
        Value::Trend(trend) => trend.quantile(1.0 - LATE_SHARE),
        _ => None,
    });
    lags.map(|lag| lag.value_us as f64).fold(0.0, f64::max)
}

fn gauge(delta: &Snapshot, metric: &str) -> f64 {
    let values = delta.of(metric).map(|series| match series.value {
        Value::Gauge { max, .. } => max,
        _ => 0.0,
    });
    values.fold(0.0, f64::max)
}

/// Adds a worker's gaps; those that overlap are one.
pub(super) fn merge(gaps: &mut Vec<Gap>, more: Vec<Gap>) {
    gaps.extend(more);
    gaps.sort_by_key(|gap| gap.start);
    gaps.dedup_by(|next, gap| {
        let overlaps = next.start <= gap.end();
        if overlaps {
            gap.length = gap.end().max(next.end()).saturating_sub(gap.start);
        }
        overlaps
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Recorder, TagSet};

    fn second(latency_us: u64, lag_us: u64, cpu: f64, wait: f64) -> Snapshot {
        let mut recorder = Recorder::new(&[]);
        let series = |recorder: &mut Recorder, name: &str| {
            let (metric, _) = recorder.metric(name).unwrap();
            recorder.series(metric, &TagSet::default())
        };
        for (name, us) in [("http_req_response_time", latency_us), ("generator_loop_lag", lag_us)] {
            let trend = series(&mut recorder, name);
            recorder.trend_us(trend, us);
        }
        for (name, share) in [("generator_cpu", cpu), ("generator_wait", wait)] {
            let gauge = series(&mut recorder, name);
            recorder.set(gauge, share);
        }
        recorder.take(1)
    }

    fn judged(seconds: &[Snapshot]) -> Seconds {
        let mut sum = Seconds::default();
        for second in seconds {
            sum.judge(second);
        }
        sum
    }

    #[test]
    fn a_second_is_slow_when_half_of_its_latency_is_the_generators() {
        let seconds = judged(&[second(4_000, 900, 0.1, 0.5), second(4_000, 1_000, 0.1, 0.5)]);
        assert_eq!((seconds.judged, seconds.slow), (2, Slow { wait: 1, ..Slow::default() }));
        assert!((seconds.share() - 0.5).abs() < 1e-9);
    }

    #[test]
    fn the_wake_up_of_an_idle_core_is_no_accusation_and_a_full_core_is_whatever_its_lag() {
        assert_eq!(judged(&[second(150, 120, 0.2, 0.0)]).slow, Slow::default());
        assert_eq!(judged(&[second(150, 120, 0.95, 0.0)]).slow, Slow { cpu: 1, ..Slow::default() });
        assert_eq!(judged(&[second(150, 120, 0.3, 0.2)]).slow, Slow { wait: 1, ..Slow::default() });
        assert_eq!(judged(&[second(1_000, 600, 0.2, 0.0)]).slow, Slow { other: 1, ..Slow::default() });
    }

    #[test]
    fn a_second_of_fast_requests_only_is_held_against_what_is_usual() {
        let usual = judged(&[second(9_000, 700, 0.1, 0.5), second(1_000, 700, 0.1, 0.5)]);
        assert_eq!((usual.judged, usual.slow), (2, Slow::default()));
        let slower = judged(&[second(1_000, 100, 0.1, 0.5), second(9_000, 2_300, 0.1, 0.5)]);
        assert_eq!(slower.slow, Slow { wait: 1, ..Slow::default() });
    }

    #[test]
    fn one_stall_in_a_second_is_not_the_latency_of_all_its_requests() {
        let with_late = |late: u64| {
            let mut recorder = Recorder::new(&[]);
            let mut series = |name: &str| {
                let (metric, _) = recorder.metric(name).unwrap();
                recorder.series(metric, &TagSet::default())
            };
            let (time, lag) = (series("http_req_response_time"), series("generator_loop_lag"));
            (0..12_000).for_each(|_| recorder.trend_us(time, 340));
            (0..100 - late).for_each(|_| recorder.trend_us(lag, 50));
            (1..=late).for_each(|probe| recorder.trend_us(lag, probe * 10_000));
            recorder.take(1)
        };
        assert_eq!(judged(&[with_late(5)]).slow, Slow::default(), "a stall of 50 ms");
        assert_eq!(judged(&[with_late(20)]).slow, Slow { other: 1, ..Slow::default() }, "one of 200 ms");
    }

    #[test]
    fn a_second_without_answers_is_not_judged() {
        assert_eq!(judged(&[Snapshot::default()]), Seconds::default());
    }

    #[test]
    fn gaps_that_overlap_are_one() {
        let gap =
            |start, length| Gap { start: Duration::from_secs(start), length: Duration::from_secs(length) };
        let mut gaps = Vec::new();
        merge(&mut gaps, vec![gap(2, 5), gap(20, 1)]);
        merge(&mut gaps, vec![gap(3, 5)]);
        assert_eq!(gaps, [gap(2, 6), gap(20, 1)]);
    }
}
