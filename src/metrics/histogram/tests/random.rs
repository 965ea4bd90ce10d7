//! Random histograms by a seeded generator: `COUNT=1000000` plays the full proof (`make prove-histograms`), some thousands
//! are played among the tests. Each number's histogram is the same in every run, on any number of threads.

use super::*;

/// `SplitMix64` (Steele, Lea and Flood, 2014): a few lines, and every seed is as good as any other.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn index(&mut self, end: usize) -> usize {
        usize::try_from(self.below(end as u64)).unwrap()
    }

    /// Above 0 and below 1.
    pub(super) fn share(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Of any size, small ones as often as large ones.
    fn scale_free(&mut self, bits: u64) -> u64 {
        let bits = self.below(bits + 1);
        self.next() & ((1_u64 << bits) - 1)
    }
}

/// A trend of one of several shapes, from nothing to thousands of samples.
fn samples(random: &mut Random) -> Vec<Sample> {
    let count = match random.below(20) {
        0 => random.below(3),
        1 => 126 + random.below(6), // where a list becomes a histogram
        2 => random.below(2_000),
        3..6 => random.below(300),
        _ => random.below(60),
    };
    let shape = random.below(6);
    let (centre, censored_in_100) = (1 + random.scale_free(36), random.below(4) * random.below(30));
    let sample = |random: &mut Random| {
        let us = match shape {
            1 => random.scale_free(20),
            2 => random.scale_free(55),
            3 => centre + random.below(centre / 8 + 2),
            4 if random.below(50) == 0 => centre.saturating_mul(50),
            0 | 4 => centre,
            _ => random.below(5_000),
        };
        match random.below(100) {
            0 => Sample::Zero,
            1 => Sample::Custom((random.share() - 0.1) * 1e6),
            2 if random.below(20) == 0 => Sample::Custom([f64::NAN, 1e300, -1.0][random.index(3)]),
            3 if random.below(20) == 0 => Sample::Us(u64::MAX),
            roll if roll >= 100 - censored_in_100 => Sample::AtLeast(us),
            _ => Sample::Us(us),
        }
    };
    (0..count).map(|_| sample(random)).collect()
}

/// The values as they are stored, sorted, those that are only known to be at least so long behind the others.
fn sorted(samples: &[Sample]) -> (Vec<u64>, Vec<u64>) {
    let (mut answered, mut bounds) = (Vec::new(), Vec::new());
    for sample in samples {
        match *sample {
            Sample::Zero => answered.push(0),
            Sample::Us(us) => answered.push(us.min(STORED_MAX)),
            Sample::AtLeast(us) => bounds.push(us.min(STORED_MAX)),
            Sample::Custom(value) if value.is_nan() => {}
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "saturates, as meant"
            )]
            Sample::Custom(value) => answered.push(((value * 1_000.0).round() as u64).min(STORED_MAX)),
        }
    }
    answered.sort_unstable();
    bounds.sort_unstable();
    (answered, bounds)
}

const QUANTILES: [f64; 11] = [0.0, 0.001, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0];

/// All that must hold of one histogram.
fn prove(number: u64) {
    let mut random = Random(number);
    let samples = samples(&mut random);
    let whole = trend(&samples);

    // Counts and sums are exact.
    let (answered, bounds) = sorted(&samples);
    assert_eq!(whole.count(), (answered.len() + bounds.len()) as u64, "{number}");
    let sum: u128 = answered.iter().chain(&bounds).map(|us| u128::from(*us)).sum();
    assert_eq!((whole.sum_us(), whole.censored()), (sum, bounds.len() as u64), "{number}");

    // Order, and each quantile the sample of its rank, within HDR's ±0.05 %.
    let mut before = whole.min();
    for q in QUANTILES {
        let found = whole.quantile(q);
        assert_eq!(found.is_some(), whole.count() > 0, "{number} {q}");
        let (Some(found), Some(last)) = (found, before) else { continue };
        assert!(last.value_us <= found.value_us && last.at_least <= found.at_least, "{number} {q}");
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below the length")]
        let rank = ((q * whole.count() as f64 * (1.0 - 1e-12)).ceil() as usize).max(1);
        if let Some(&exact) = answered.get(rank - 1) {
            let apart = found.value_us.abs_diff(exact) as f64;
            let most = exact as f64 * 0.0005 + 0.5;
            assert!(!found.at_least && apart <= most, "{number} {q}: {found:?} {exact}");
        } else {
            let bound = bounds[rank - 1 - answered.len()];
            let least = bound as f64 * 0.9995 - 0.5;
            assert!(found.at_least && found.value_us as f64 >= least, "{number} {q}: {found:?} {bound}");
        }
        if let Some(interval) = whole.interval(q) {
            let ends = [whole.min().unwrap(), interval.low, found, interval.high, whole.max().unwrap()];
            assert!(ends.is_sorted_by_key(|end| (end.at_least, end.value_us)), "{number} {q}: {ends:?}");
        }
        before = Some(found);
    }
    assert_eq!((whole.quantile(0.0), whole.quantile(1.0)), (whole.min(), whole.max()), "{number}");

    // Parts merged in any order are the whole.
    let mut parts = vec![Trend::new(); 1 + random.index(5)];
    for sample in &samples {
        let part = random.index(parts.len());
        record(&mut parts[part], *sample);
    }
    let mut together = Trend::new();
    while !parts.is_empty() {
        let next = random.index(parts.len());
        together.merge(&parts.swap_remove(next));
    }
    assert_eq!(together, whole, "{number}");

    // And what is stored comes back.
    let bytes = postcard::to_stdvec(&whole).unwrap();
    assert_eq!(postcard::from_bytes::<Trend>(&bytes).unwrap(), whole, "{number}");
}

#[test]
#[expect(clippy::print_stdout, reason = "the full proof says how much it proved")]
fn random_histograms_keep_order_merge_to_the_whole_and_come_back() {
    let count = std::env::var("COUNT").map_or(3_000, |count| count.parse().expect("COUNT is a number"));
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || (thread as u64..count).step_by(threads).for_each(prove));
        }
    });
    println!("{count} histograms");
}
