//! Trends: nearest rank, order, censoring, and that splits merged equal the whole.

mod coverage;
mod random;

use proptest::prelude::*;

use super::*;

/// One sample, as a worker may record it.
#[derive(Debug, Clone, Copy)]
enum Sample {
    Zero,
    Us(u64),
    AtLeast(u64),
    Custom(f64),
}

fn record(trend: &mut Trend, sample: Sample) {
    match sample {
        Sample::Zero => trend.record_zero(),
        Sample::Us(us) => trend.record_us(us),
        Sample::AtLeast(us) => trend.record_at_least_us(us),
        Sample::Custom(value) => _ = trend.record(value),
    }
}

fn trend(samples: &[Sample]) -> Trend {
    let mut trend = Trend::new();
    for &sample in samples {
        record(&mut trend, sample);
    }
    trend
}

fn samples(max: usize) -> impl Strategy<Value = Vec<Sample>> {
    let sample = prop_oneof![
        1 => Just(Sample::Zero),
        6 => (0_u64..5_000).prop_map(Sample::Us),
        3 => (0_u64..100_000_000).prop_map(Sample::Us),
        1 => any::<u64>().prop_map(Sample::Us),
        1 => (0_u64..60_000_000).prop_map(Sample::AtLeast),
        1 => (-10.0..1e13).prop_map(Sample::Custom),
        1 => Just(Sample::Custom(f64::NAN)),
    ];
    prop::collection::vec(sample, 0..max)
}

fn merged(mut first: Trend, second: &Trend) -> Trend {
    first.merge(second);
    first
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn buckets_hold_each_sample_once_and_in_order(samples in samples(600)) {
        let trend = trend(&samples);
        for buckets in [trend.buckets(), trend.censored_buckets()] {
            prop_assert!(buckets.iter().all(|bucket| bucket.lowest <= bucket.highest && bucket.count > 0));
            prop_assert!(buckets.windows(2).all(|pair| pair[0].highest < pair[1].lowest));
        }
        let count = |buckets: Vec<Bucket>| buckets.iter().map(|bucket| bucket.count).sum::<u64>();
        let answered = trend.count() - trend.censored();
        prop_assert_eq!(trend.zeros() + count(trend.buckets()), answered);
        prop_assert!(count(trend.censored_buckets()) <= trend.censored());
        let ends = trend.answered();
        if let (Some(first), Some(last)) = (trend.buckets().first(), trend.buckets().last()) {
            prop_assert!(last.lowest <= ends.max().unwrap().value_us && ends.max().unwrap().value_us <= last.highest);
            let above_zero = trend.above_zero().min().unwrap().value_us;
            prop_assert!((first.lowest..=first.highest).contains(&above_zero));
        }
    }

    #[test]
    fn splits_merged_equal_the_whole(all in samples(600), cuts in prop::collection::vec(0_usize..600, 0..6)) {
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(all.len())).collect();
        cuts.extend([0, all.len()]);
        cuts.sort_unstable();
        let mut together = Trend::new();
        for pair in cuts.windows(2) {
            together.merge(&trend(&all[pair[0]..pair[1]]));
        }
        prop_assert_eq!(together, trend(&all));
    }

    #[test]
    fn merging_is_commutative_and_associative(a in samples(200), b in samples(200), c in samples(200)) {
        let (a, b, c) = (trend(&a), trend(&b), trend(&c));
        prop_assert_eq!(merged(a.clone(), &b), merged(b.clone(), &a));
        prop_assert_eq!(merged(merged(a.clone(), &b), &c), merged(a, &merged(b, &c)));
    }

    #[test]
    fn postcard_brings_back_the_same_trend(all in samples(400)) {
        let trend = trend(&all);
        let bytes = postcard::to_stdvec(&trend).unwrap();
        prop_assert_eq!(postcard::from_bytes::<Trend>(&bytes).unwrap(), trend);
    }

    #[test]
    fn quantiles_never_step_down_nor_leave_the_extremes(all in samples(400)) {
        let trend = trend(&all);
        let Some(mut before) = trend.min() else { return Ok(()) };
        for step in 0..=200 {
            let now = trend.quantile(f64::from(step) / 200.0).unwrap();
            prop_assert!(before.value_us <= now.value_us && before.at_least <= now.at_least);
            before = now;
        }
        prop_assert_eq!(trend.quantile(1.0), trend.max());
        prop_assert_eq!(trend.quantile(0.0), trend.min());
    }

    #[test]
    fn a_quantile_is_the_sample_of_its_rank(
        mut all in prop::collection::vec(1_u64..100_000_000, 1..400),
        q in 0.0_f64..=1.0,
    ) {
        let samples: Vec<Sample> = all.iter().map(|&us| Sample::Us(us)).collect();
        all.sort_unstable();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below the length")]
        let rank = ((q * all.len() as f64).ceil() as usize).max(1);
        let (exact, found) = (all[rank - 1] as f64, trend(&samples).quantile(q).unwrap().value_us as f64);
        prop_assert!((found - exact).abs() <= exact * 0.0005 + 0.5, "{found} is not {exact}");
    }

    #[test]
    fn any_bytes_are_a_trend_that_works_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(trend) = postcard::from_bytes::<Trend>(&bytes) {
            let again = postcard::to_stdvec(&trend).unwrap();
            prop_assert_eq!(postcard::from_bytes::<Trend>(&again).unwrap(), trend.clone());
            prop_assert_eq!(trend.quantile(0.5).is_some(), trend.count() > 0);
        }
    }
}

#[test]
fn totals_are_exact_where_the_histogram_rounds() {
    let all: Vec<Sample> = (0..1_000).map(|n| Sample::Us(1_000_003 + n * 1_009)).collect();
    let trend = trend(&all);
    assert_eq!(trend.sum_us(), (0..1_000).map(|n| 1_000_003 + n * 1_009).sum::<u128>());
    assert_eq!(trend.min().unwrap().value_us, 1_000_003);
    assert_eq!(trend.max().unwrap().value_us, 1_000_003 + 999 * 1_009);
}

#[test]
fn a_thousand_samples_have_their_p99_9_at_rank_999() {
    let trend = trend(&(1..=1_000).map(Sample::Us).collect::<Vec<_>>());
    assert_eq!(trend.quantile(99.9 / 100.0).unwrap().value_us, 999);
    assert_eq!(trend.quantile(0.5).unwrap().value_us, 500);
    assert_eq!(trend.quantile(0.95).unwrap().value_us, 950);
}

#[test]
fn an_empty_trend_has_no_quantile() {
    let trend = Trend::new();
    assert_eq!((trend.min(), trend.quantile(0.5), trend.max()), (None, None, None));
    assert_eq!(trend.mean_us(), None);
}

#[test]
fn custom_values_keep_their_thousandths() {
    let trend = trend(&[Sample::Custom(0.25)]);
    assert_eq!(trend.max().unwrap().value_us, 250);
    assert!((trend.max().unwrap().value() - 0.25).abs() < f64::EPSILON);
}

#[test]
fn what_is_out_of_range_is_clamped_and_counted() {
    let trend =
        trend(&[Sample::Custom(-3.0), Sample::Custom(1e300), Sample::Custom(f64::NAN), Sample::Us(u64::MAX)]);
    assert_eq!((trend.count(), trend.clamped()), (3, 4));
    assert_eq!(trend.min().unwrap().value_us, 0);
    assert_eq!(trend.max().unwrap().value_us, STORED_MAX);
}

#[test]
fn a_refused_connection_is_slower_than_all_answers() {
    let mut samples = vec![Sample::Us(200_000); 90];
    samples.extend([Sample::AtLeast(1_000); 10]); // refused after a millisecond
    let trend = trend(&samples);
    assert_eq!(trend.quantile(0.9), Some(Quantile { value_us: 200_000, at_least: false }));
    assert_eq!(trend.quantile(0.95), Some(Quantile { value_us: 200_000, at_least: true }));
    assert_eq!(trend.max(), Some(Quantile { value_us: 200_000, at_least: true }));
    assert_eq!((trend.count(), trend.censored()), (100, 10));
}

#[test]
fn a_percentile_among_timeouts_is_at_least_their_bound() {
    let mut samples = vec![Sample::Us(5_000); 90];
    samples.extend([Sample::AtLeast(30_000_000); 10]);
    assert_eq!(trend(&samples).quantile(0.95), Some(Quantile { value_us: 30_000_000, at_least: true }));
}

#[test]
fn a_changed_total_is_refused() {
    let many: Vec<Sample> = (0..300).map(|n| Sample::Us(10 + n * 97)).collect();
    for samples in [&many[..20], &many[..]] {
        let bytes = postcard::to_stdvec(&trend(samples)).unwrap();
        assert!(postcard::from_bytes::<Trend>(&bytes).is_ok());
        let mut refused = 0;
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            match postcard::from_bytes::<Trend>(&changed) {
                Err(_) => refused += 1,
                Ok(trend) => assert!(trend.min() <= trend.quantile(0.5) || trend.count() == 0),
            }
        }
        assert!(refused > bytes.len() / 4, "{refused} of {} changed bytes were noticed", bytes.len());
    }
}

#[test]
fn a_histogram_of_ten_thousand_samples_is_some_kilobytes() {
    let all: Vec<Sample> = (0..10_000_u64).map(|n| Sample::Us(500 + n * n % 9_973)).collect();
    assert!(postcard::to_stdvec(&trend(&all)).unwrap().len() < 16_000);
}

impl PartialOrd for Quantile {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.value_us.cmp(&other.value_us))
    }
}

#[test]
fn counts_up_to_a_value_agree_with_ranks() {
    for samples in [100_u64, 100_000] {
        let mut trend = Trend::new();
        for index in 0..samples {
            trend.record_us(index * 7_919 % 60_013);
        }
        trend.record_at_least_us(5);
        let answered = trend.count() - 1;
        assert_eq!(trend.at_most(u64::MAX), answered);
        assert_eq!(trend.answered().count(), answered);
        assert_eq!(trend.above_zero().count(), answered - trend.zeros());
        for q in [0.01, 0.1, 0.5, 0.9, 0.99] {
            let us = trend.answered().quantile(q).unwrap().value_us;
            // So many lie at or below the quantile, and fewer below it.
            let rank = q * answered as f64;
            assert!(trend.at_most(us) as f64 >= rank - 1e-6, "{q}");
            assert!(us == 0 || (trend.at_most(us - 1) as f64) < rank, "{q}");
        }
    }
    assert_eq!(Trend::new().at_most(5), 0);
}

#[test]
fn custom_values_are_clamped_at_both_ends_and_only_beyond_them() {
    let stored = |value: f64| {
        let mut trend = Trend::new();
        let stored = trend.record(value);
        (stored, trend.count(), trend.clamped(), trend.max().map(|max| max.value_us))
    };
    assert_eq!(stored(0.0), (Some(0), 1, 0, Some(0)));
    assert_eq!(stored(-0.5), (Some(0), 1, 1, Some(0)));
    assert_eq!(stored(1e12), (Some(STORED_MAX), 1, 0, Some(STORED_MAX)));
    assert_eq!(stored(1e13), (Some(STORED_MAX), 1, 1, Some(STORED_MAX)));
    assert_eq!(stored(f64::NAN), (None, 0, 1, None));
}

#[test]
fn measured_values_come_with_how_many_had_them() {
    let mut trend = Trend::new();
    for us in [7, 0, 5, 5] {
        trend.record_us(us);
    }
    trend.record_at_least_us(9);
    assert_eq!(trend.measured(), [(5, 2), (7, 1)], "neither zeros nor what is only known from below");
    // Of many the middles of buckets, of which each percentile is one.
    let mut many = Trend::new();
    for us in 1..=10_000 {
        many.record_us(us * 100);
    }
    let measured = many.measured();
    assert_eq!(measured.iter().map(|(_, count)| count).sum::<u64>(), 10_000);
    assert!(measured.windows(2).all(|pair| pair[0].0 < pair[1].0));
    for q in [0.1, 0.5, 0.99] {
        let value_us = many.quantile(q).unwrap().value_us;
        assert!(measured.iter().any(|(value, _)| *value == value_us), "{q}: {value_us}");
    }
}

#[test]
fn trends_with_the_same_totals_and_other_values_differ() {
    let of = |values: [u64; 4]| {
        let mut trend = Trend::new();
        for us in values {
            trend.record_us(us);
        }
        trend
    };
    assert_eq!(of([1, 5, 6, 10]), of([10, 6, 5, 1]));
    assert_ne!(of([1, 5, 6, 10]), of([1, 4, 7, 10]));
}
