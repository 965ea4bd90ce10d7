//! Counts, order, shards and seeds of due times.

use super::super::{RateStage, Stripe, WhenBusy};
use super::*;
use proptest::prelude::*;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const SECOND_NS: u64 = 1_000_000_000;

fn arrivals(rate: RateCurve, jitter: Jitter) -> Arrivals {
    Arrivals { rate, jitter, pre_allocated_vus: 0, vus_max: 10, when_busy: WhenBusy::Drop }
}

fn due(rate: RateCurve, jitter: Jitter, seed: u64) -> Vec<u64> {
    let mut schedule = Schedule::new(&arrivals(rate, jitter), seed, "s");
    (0..schedule.count()).map(|index| schedule.due_ns(index)).collect()
}

fn even(rate: RateCurve) -> Vec<u64> {
    due(rate, Jitter::None, 0)
}

fn stage(seconds: u64, target: f64) -> RateStage {
    RateStage { duration: Duration::from_secs(seconds), target }
}

#[test]
fn a_constant_rate_is_exact() {
    let due = even(RateCurve::constant(200.0, SECOND, 60 * SECOND));
    assert_eq!(due.len(), 12_000);
    assert!((0..).zip(&due).all(|(k, due)| *due == k * SECOND_NS / 200));
    assert_eq!(even(RateCurve::constant(1.0, 180 * SECOND, 1800 * SECOND)).len(), 10);
    let third = even(RateCurve::constant(1.0, 3 * SECOND, 10 * SECOND));
    assert_eq!(third, [0, 3 * SECOND_NS, 6 * SECOND_NS, 9 * SECOND_NS], "a part of an arrival is one");
    // Ten minutes at 997 a second: never more than a nanosecond off, so drift does not add up.
    let odd = even(RateCurve::constant(997.0, SECOND, 600 * SECOND));
    assert_eq!(odd.len(), 598_200);
    let exact = |k: u64| k * SECOND_NS / 997;
    assert!((0..).zip(&odd).all(|(k, due)| due.abs_diff(exact(k)) <= 1));
}

#[test]
fn a_ramp_is_the_root_of_its_integral() {
    // 2 a second more in each second: after t seconds t² have come.
    let up = even(RateCurve::ramp(0.0, SECOND, &[stage(10, 20.0)]));
    assert_eq!(up.len(), 100);
    let root = |k: u64| (k as f64).sqrt() * 1e9;
    assert!((0..).zip(&up).all(|(k, due)| (*due as f64 - root(k)).abs() <= 1.0));
    // And down again, mirrored: the first at once, the last before the end.
    let down = even(RateCurve::ramp(20.0, SECOND, &[stage(10, 0.0)]));
    let mirrored = |k: u64| 10e9 - (100.0 - k as f64).sqrt() * 1e9;
    assert_eq!(down.len(), 100);
    assert!((0..).zip(&down).all(|(k, due)| (*due as f64 - mirrored(k)).abs() <= 1.0));
}

#[test]
fn steps_and_silence_shift_nothing() {
    let stages = [stage(0, 10.0), stage(2, 10.0), stage(0, 0.0), stage(5, 0.0), stage(0, 2.0), stage(1, 2.0)];
    let due = even(RateCurve::ramp(0.0, SECOND, &stages));
    assert_eq!(due.len(), 22);
    assert_eq!((due[19], due[20], due[21]), (1_900_000_000, 7 * SECOND_NS, 7_500_000_000));
    assert!(even(RateCurve::ramp(0.0, SECOND, &[stage(5, 0.0)])).is_empty(), "no rate, no arrival");
}

#[test]
fn jitter_is_the_seeds_and_the_scenarios() {
    let rate = RateCurve::constant(500.0, SECOND, 10 * SECOND);
    let first = due(rate.clone(), Jitter::Poisson, 1);
    assert_eq!(first, due(rate.clone(), Jitter::Poisson, 1));
    assert_ne!(first, due(rate.clone(), Jitter::Poisson, 2));
    let mut other = Schedule::new(&arrivals(rate, Jitter::Poisson), 1, "t");
    assert_ne!(first[0], other.due_ns(0));
}

#[test]
fn a_seed_draws_the_same_times_in_every_version() {
    // SplitMix64's first outputs from the seed 0, and FNV-1a's published values of `a` and `foobar`.
    assert_eq!((mix(0), mix(0x9e37_79b9_7f4a_7c15)), (0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4));
    assert_eq!(hash(0, "a"), mix(0xaf63_dc4c_8601_ec8c));
    assert_eq!(hash(5, "foobar"), mix(5 ^ 0x8594_4171_f739_67e8));
    // Of three blocks; a draw that changes makes another run of each recorded seed.
    let due = due(RateCurve::constant(500.0, SECOND, 10 * SECOND), Jitter::Poisson, 1);
    assert_eq!([0, 1_000, 4_999].map(|index| due[index]), [215_308, 2_002_327_378, 9_999_122_901]);
}

#[test]
fn jitter_spreads_as_a_poisson_process_does() {
    // 100,000 arrivals in spans that expect 10: the counts' variance is their mean, but for the blocks' 1 %.
    let due = due(RateCurve::constant(1_000.0, SECOND, 100 * SECOND), Jitter::Poisson, 3);
    let mut counts = vec![0.0; 10_000];
    for at in &due {
        counts[usize::try_from(at / 10_000_000).unwrap()] += 1.0;
    }
    let mean = counts.iter().sum::<f64>() / counts.len() as f64;
    let variance = counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / counts.len() as f64;
    assert!((mean - 10.0).abs() < 1e-9 && (variance / mean - 1.0).abs() < 0.06, "{variance} beside {mean}");
    // And a gap is exponential: as many as e^-1 are longer than the mean.
    let longer = due.windows(2).filter(|pair| pair[1] - pair[0] > 1_000_000).count() as f64;
    assert!((longer / due.len() as f64 - (-1f64).exp()).abs() < 0.01, "{longer}");
}

fn curves() -> impl Strategy<Value = RateCurve> {
    let rate = || prop_oneof![Just(0.0), (0u32..300).prop_map(f64::from), 0.0f64..300.0];
    let stages = prop::collection::vec((0u64..8_000, rate()), 1..8);
    (rate(), 1u64..5_000, stages).prop_map(|(start, unit_ms, stages)| {
        let stages: Vec<RateStage> = (stages.into_iter())
            .map(|(ms, target)| RateStage { duration: Duration::from_millis(ms), target })
            .collect();
        RateCurve::ramp(start, Duration::from_millis(unit_ms), &stages)
    })
}

proptest! {
    #[test]
    fn each_stage_gets_its_integral_within_one(
        curve in curves(), jitter in prop_oneof![Just(Jitter::None), Just(Jitter::Poisson)], seed in any::<u64>(),
    ) {
        let due = due(curve.clone(), jitter, seed);
        prop_assert_eq!(due.len() as u64, curve.arrivals());
        for stretch in curve.stretches() {
            let (start_ns, end_ns) = (stretch.start_ns(), stretch.end_ns());
            let counted = due.iter().filter(|at| (start_ns..end_ns).contains(at)).count() as f64;
            prop_assert!((counted - (stretch.after - stretch.before)).abs() <= 1.0, "{} in {:?}", counted, stretch);
        }
        prop_assert!(due.windows(2).all(|pair| pair[0] <= pair[1]));
        prop_assert!(due.iter().all(|at| *at < curve.duration_ns()));
    }

    #[test]
    fn the_shards_together_are_the_single_machine(
        curve in curves(), weights in prop::collection::vec(1u64..9, 1..6), vus_max in 1u64..30,
        jitter in prop_oneof![Just(Jitter::None), Just(Jitter::Poisson)], seed in any::<u64>(),
    ) {
        let whole = due(curve.clone(), jitter, seed);
        let stripe = Stripe::weighted(&weights).unwrap();
        let mut all = Vec::new();
        for shard in 0..stripe.shards() {
            let mut schedule = Schedule::new(&arrivals(curve.clone(), jitter), seed, "s");
            for rank in 0..stripe.iteration_share(shard, vus_max, schedule.count()) {
                let index = stripe.iteration_nth(shard, vus_max, rank).unwrap();
                all.push((index, schedule.due_ns(index)));
            }
        }
        all.sort_unstable();
        prop_assert_eq!(all, (0..).zip(whole).collect::<Vec<(u64, u64)>>());
    }

    #[test]
    fn the_integral_at_a_due_time_is_its_index(curve in curves()) {
        for (k, due_ns) in (0u32..).zip(even(curve.clone())) {
            // By its definition: no earlier instant has seen more than k.
            let integral: f64 = curve.stretches().map(|stretch| stretch.up_to(due_ns)).sum();
            prop_assert!((integral - f64::from(k)).abs() < 1e-3, "{} at arrival {}", integral, k);
        }
    }

    #[test]
    fn a_steered_schedule_keeps_what_was_due_and_follows_the_new_rate_from_then_on(
        curve in curves(), other in curves(), steers in prop::collection::vec((0u64..30_000, any::<bool>()), 0..5),
        jitter in prop_oneof![Just(Jitter::None), Just(Jitter::Poisson)], seed in any::<u64>(),
    ) {
        let mut schedule = Schedule::new(&arrivals(curve.clone(), jitter), seed, "s");
        let all = |schedule: &mut Schedule| (0..schedule.count()).map(|k| schedule.due_ns(k)).collect::<Vec<_>>();
        let mut steers: Vec<(u64, bool)> = steers.into_iter().map(|(ms, is)| (ms * 1_000_000, is)).collect();
        steers.sort_unstable();
        for (at_ns, is_other) in steers {
            let before = all(&mut schedule);
            let rate = if is_other { &other } else { &curve };
            schedule.steer(at_ns, &arrivals(rate.clone(), jitter), 0);
            let after = all(&mut schedule);
            let kept = before.iter().filter(|due| **due < at_ns).count();
            prop_assert_eq!(&after[..kept], &before[..kept]);
            prop_assert!(after[kept..].iter().all(|due| *due >= at_ns && *due < rate.duration_ns()));
            prop_assert!(after.windows(2).all(|pair| pair[0] <= pair[1]));
            let wanted: f64 = rate.rest(at_ns).stretches().map(|stretch| stretch.up_to(u64::MAX)).sum();
            prop_assert!((after.len() as f64 - kept as f64 - wanted).abs() <= 1.0 + 1e-6);
        }
    }

    #[test]
    fn steering_to_the_same_changes_nothing(curve in curves(), at_ms in prop::collection::vec(0u64..30_000, 1..4)) {
        let mut schedule = Schedule::new(&arrivals(curve.clone(), Jitter::None), 0, "s");
        let mut at_ms = at_ms;
        at_ms.sort_unstable();
        for ms in at_ms {
            schedule.steer(ms * 1_000_000, &arrivals(curve.clone(), Jitter::None), 0);
        }
        let plain = even(curve);
        // An arrival at the very end or instant may fall to the other side by rounding.
        prop_assert!((plain.len() as u64).abs_diff(schedule.count()) <= 1);
        for k in 0..schedule.count().min(plain.len() as u64) {
            let (due, plain) = (schedule.due_ns(k), plain[usize::try_from(k).unwrap()]);
            prop_assert!(due.abs_diff(plain) <= 2_000, "{} beside {}", due, plain);
        }
    }
}
