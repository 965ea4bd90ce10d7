//! Does a 95 % interval hold the truth in 95 of 100 runs? Runs of samples of a known distribution, recorded as a worker
//! records them, are held against the true percentile.

use super::random::Random;
use super::*;
use crate::stats::{Ranks, coverage, ranks};

const RUNS: u32 = 4_000;

/// Milliseconds at a share of all samples: the inverse of a distribution.
type Inverse = fn(f64) -> f64;

const EXPONENTIAL: Inverse = |share| -20.0 * (1.0 - share).ln();
const LOG_LOGISTIC: Inverse = |share| 30.0 * (share / (1.0 - share)).powf(0.3);
const PARETO: Inverse = |share| 5.0 * (1.0 - share).powf(-1.0 / 1.5);
const TWO_HUMPS: Inverse =
    |share| if share < 0.98 { 1.0 + 101.0 * share } else { 400.0 + 10_000.0 * (share - 0.98) };
const FLAT: Inverse = |share| 1.0 + 99.0 * share;

/// How often of all runs the interval held the true quantile.
fn share_that_held(inverse: Inverse, samples: u64, q: f64, seed: u64) -> f64 {
    let truth_us = inverse(q) * 1_000.0;
    let mut random = Random(seed);
    let held = (0..RUNS).filter(|_| {
        let mut trend = Trend::new();
        for _ in 0..samples {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time")]
            trend.record_us((inverse(random.share()) * 1_000.0).round() as u64);
        }
        let interval = trend.interval(q).expect("enough samples");
        // Whole microseconds are what is recorded.
        (interval.low.value_us as f64 - 0.5..=interval.high.value_us as f64 + 0.5).contains(&truth_us)
    });
    held.count() as f64 / f64::from(RUNS)
}

#[test]
#[expect(clippy::print_stdout, reason = "the figures of docs/honesty.md")]
fn intervals_hold_the_truth_in_94_to_96_of_100_runs() {
    let cases: [(Inverse, u64, f64); 6] = [
        (EXPONENTIAL, 1_000, 0.99),
        (LOG_LOGISTIC, 200, 0.95),
        (PARETO, 500, 0.95),
        (TWO_HUMPS, 400, 0.9),
        (FLAT, 300, 0.25),
        (EXPONENTIAL, 60, 0.5),
    ];
    let shares: Vec<f64> = std::thread::scope(|scope| {
        let play = |(seed, (inverse, samples, q)): (usize, (Inverse, u64, f64))| {
            scope.spawn(move || share_that_held(inverse, samples, q, 1 + seed as u64))
        };
        let threads: Vec<_> = cases.into_iter().enumerate().map(play).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for ((_, samples, q), share) in cases.into_iter().zip(&shares) {
        let exact = coverage(samples, q, ranks(samples, q).unwrap());
        println!("n={samples} q={q}: {:.2} % of runs, {:.2} % by the binomial", share * 100.0, exact * 100.0);
        assert!((0.94..=0.96).contains(share), "n={samples} q={q}: {share}");
        // What is simulated is what the ranks promise; buckets add nothing that counts.
        let deviation = (exact * (1.0 - exact) / f64::from(RUNS)).sqrt();
        assert!((share - exact).abs() < 4.0 * deviation, "n={samples} q={q}: {share}, not {exact}");
    }
    let mean = shares.iter().sum::<f64>() / shares.len() as f64;
    assert!((0.945..=0.955).contains(&mean), "{mean}");
}

#[test]
fn an_interval_within_one_bucket_is_that_bucket() {
    // Buckets are 64 µs wide there, and the ranks lie within a few µs.
    let mut trend = Trend::new();
    (0..100_000).for_each(|n| trend.record_us(100_000 + n % 1_000));
    let Ranks { low, high } = ranks(100_000, 0.5).unwrap();
    assert!((high - low) / 100 < 64);
    let interval = trend.interval(0.5).unwrap();
    let (low, high) = (interval.low.value_us, interval.high.value_us);
    assert!(low % 64 == 0 && (high + 1) % 64 == 0, "{low} {high}");
    assert!(low <= 100_499 && 100_499 <= high && high - low < 128, "{low} {high}");
}

#[test]
fn an_interval_reaches_as_far_as_requests_without_answer() {
    let mut trend = Trend::new();
    (1..=940).for_each(|n| trend.record_us(n * 10));
    (0..60).for_each(|_| trend.record_at_least_us(30_000_000));
    let unknown = Quantile { value_us: 30_000_000, at_least: true };
    let interval = trend.interval(0.95).unwrap();
    assert_eq!((interval.low.at_least, interval.high), (false, unknown));
    assert_eq!(trend.quantile(0.95), Some(unknown));
    assert_eq!(trend.interval(0.99).unwrap().low, unknown);
    let median = trend.interval(0.5).unwrap();
    assert!(!median.high.at_least && median.low.value_us < median.high.value_us);
    assert_eq!(trend.interval(0.999), None, "1,000 samples are too few");
}
