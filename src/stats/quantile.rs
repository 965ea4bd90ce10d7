//! How sure a quantile is: between which order statistics the true one lies, and when samples are too few to say.
//!
//! Distribution-free: of `n` independent samples the number at or below the true quantile `q` is binomial(n, q), whatever
//! the samples look like. So the chance that the true value lies between the samples of rank `low` and `high` is
//! P(low ≤ B < high), and nothing but `n` and `q` decides the ranks (David and Nagaraja, *Order Statistics*, 3rd ed., §7.1).
//! Samples that depend on each other (a queue that grows) say less than their number: then the interval is too narrow.

/// The chance that an interval holds the true quantile.
pub const CONFIDENCE: f64 = 0.95;

/// So many samples must lie beyond a quantile, on its thinner side, or it is a matter of luck.
pub const BEYOND_MIN: f64 = 10.0;

/// And neither side misses it with more than this.
const TAIL_MAX: f64 = 0.04;

/// What unequal tails cost beside missing 95 %: of two intervals that are nearly as near the one with equal tails is taken.
const LOPSIDED_COST: f64 = 0.2;

/// Up to this variance the ranks are exact (some 1,800 terms); beyond it the normal approximation is within a rank.
const EXACT_VARIANCE_MAX: f64 = 10_000.0;

/// The standard normal's 97.5 % point.
const Z: f64 = 1.959_963_984_540_054;

/// By so many ranks, times 1 − 2q, the normal approximation is off since the binomial leans to one side: Cornish and
/// Fisher's first term, the same on either side.
const SKEW: f64 = (Z * Z - 1.0) / 6.0;

/// Terms of the binomial below this share of the largest are left out: all of them together are nothing to 95 %.
const TERM_MIN: f64 = 1e-18;

/// Ranks of order statistics, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ranks {
    /// The sample that the true quantile is at least.
    pub low: u64,
    /// The sample that the true quantile is at most.
    pub high: u64,
}

/// How many samples the quantile `q` of 0..=1 needs: n·(1−q) must be 10, below the median n·q. The extremes, which are
/// what was seen and claim nothing of what wasn't, need none.
pub fn samples_needed(q: f64) -> u64 {
    let thin = q.min(1.0 - q);
    if thin <= 0.0 {
        return 0;
    }
    // The least bits of 1 − 0.999 must not ask for one sample more.
    whole((BEYOND_MIN / thin * (1.0 - 1e-9)).ceil())
}

/// The ranks between which the quantile `q` of `samples` lies with a chance of 95 %: of all pairs that miss it with 4 % or
/// less on either side the one nearest to 95 %, and of nearly equal ones that with equal tails. That is never less than
/// 94 %: ranks are whole, so 95 % is met only nearly. None where the samples are too few, and none of the extremes.
pub fn ranks(samples: u64, q: f64) -> Option<Ranks> {
    let needed = samples_needed(q);
    if needed == 0 || samples < needed {
        return None;
    }
    let variance = samples as f64 * q * (1.0 - q);
    Some(if variance <= EXACT_VARIANCE_MAX { exact(samples, q) } else { approximate(samples, q) })
}

/// The chance that the true quantile lies between these ranks, P(low ≤ B < high). Exact, and as slow as √n.
pub fn coverage(samples: u64, q: f64, ranks: Ranks) -> f64 {
    let (first, terms) = binomial(samples, q);
    let term = |(at, term): (usize, &f64)| {
        let successes = first + at as u64;
        if (ranks.low..ranks.high).contains(&successes) { *term } else { 0.0 }
    };
    terms.iter().enumerate().map(term).sum()
}

/// Tries all pairs near the ends of the interval.
fn exact(samples: u64, q: f64) -> Ranks {
    let (first, terms) = binomial(samples, q);
    // The low rank with the chance that the true value lies below it, P(B < low); the high one with P(B ≥ high).
    let lows = tails(terms.iter()).map(|(at, tail)| (first + at, tail));
    let last = first + terms.len() as u64;
    let highs: Vec<(u64, f64)> = tails(terms.iter().rev()).map(|(at, tail)| (last - at, tail)).collect();
    let mut best = (f64::INFINITY, Ranks { low: 1, high: samples });
    for (low, below) in lows.filter(|(low, _)| *low >= 1) {
        for &(high, above) in highs.iter().filter(|(high, _)| *high <= samples) {
            let missed = below + above;
            let cost = (1.0 - CONFIDENCE - missed).abs() + LOPSIDED_COST * (below - above).abs();
            if cost < best.0 {
                best = (cost, Ranks { low, high });
            }
        }
    }
    best.1
}

/// How many terms from an end, and their sum, while it is no more than a side may miss.
fn tails<'a>(terms: impl Iterator<Item = &'a f64>) -> impl Iterator<Item = (u64, f64)> {
    let sums = terms.scan(0.0, |sum, term| {
        *sum += term;
        Some(*sum)
    });
    let all = std::iter::once(0.0).chain(sums).enumerate();
    all.map(|(at, sum)| (at as u64, sum)).take_while(|(_, sum)| *sum <= TAIL_MAX)
}

/// The terms of the binomial that count, from the number of successes that is returned with them. By the ratio of
/// neighbours from about the likeliest term outwards, which neither overflows nor needs a factorial.
fn binomial(samples: u64, q: f64) -> (u64, Vec<f64>) {
    let n = samples as f64;
    let (start, odds) = (whole(n * q).min(samples), q / (1.0 - q));
    let counts = |term: &f64| *term > TERM_MIN;
    let down = (1..=start).rev().scan(1.0, |term, at| {
        *term *= at as f64 / (n - at as f64 + 1.0) / odds;
        Some(*term)
    });
    let up = (start..samples).scan(1.0, |term, at| {
        *term *= (n - at as f64) / (at as f64 + 1.0) * odds;
        Some(*term)
    });
    let mut terms: Vec<f64> = down.take_while(counts).collect();
    let first = start - terms.len() as u64;
    terms.reverse();
    terms.push(1.0);
    terms.extend(up.take_while(counts));
    let sum: f64 = terms.iter().sum();
    for term in &mut terms {
        *term /= sum;
    }
    (first, terms)
}

/// The normal approximation with continuity correction, and Cornish and Fisher's term for the skew.
fn approximate(samples: u64, q: f64) -> Ranks {
    let n = samples as f64;
    let (mean, deviation) = (n * q, (n * q * (1.0 - q)).sqrt());
    let skew = (1.0 - 2.0 * q) * SKEW;
    // P(B < rank) is that of a normal below rank − ½.
    let rank = |z: f64| whole((mean + z * deviation + skew + 0.5).round()).clamp(1, samples);
    Ranks { low: rank(-Z), high: rank(Z) }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
fn whole(number: f64) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P(low ≤ B < high) by logarithms of factorials: another way to the same number.
    fn by_factorials(n: u64, q: f64, ranks: Ranks) -> f64 {
        let mut logs = vec![0.0_f64];
        (1..=n).for_each(|k| logs.push(logs[logs.len() - 1] + (k as f64).ln()));
        let log = |k: u64| logs[usize::try_from(k).unwrap()];
        let term = |k: u64| {
            let chosen = log(n) - log(k) - log(n - k);
            (chosen + k as f64 * q.ln() + (n - k) as f64 * (1.0 - q).ln()).exp()
        };
        (ranks.low..ranks.high).map(term).sum()
    }

    #[test]
    fn a_quantile_needs_ten_samples_on_its_thinner_side() {
        let needed =
            |percents: &[f64]| percents.iter().map(|p| samples_needed(p / 100.0)).collect::<Vec<_>>();
        assert_eq!(needed(&[50.0, 90.0, 95.0, 99.0, 99.9, 99.99]), [20, 100, 200, 1_000, 10_000, 100_000]);
        assert_eq!(needed(&[10.0, 25.0, 75.0, 1.0, 99.9999]), [100, 40, 40, 1_000, 10_000_000]);
        assert_eq!(needed(&[0.0, 100.0]), [0, 0], "the extremes are what was seen");
        assert_eq!((ranks(199, 0.95), ranks(999, 0.99)), (None, None));
        assert_eq!((ranks(1_000, 0.0), ranks(1_000, 1.0)), (None, None));
        assert!(ranks(200, 0.95).is_some() && ranks(1_000, 0.99).is_some());
    }

    #[test]
    fn ranks_known_from_tables_come_out() {
        // Equal tails of 2.1 % each at n = 20: 0.9586, as in Hahn and Meeker's tables.
        assert_eq!(ranks(20, 0.5), Some(Ranks { low: 6, high: 15 }));
        assert!((coverage(20, 0.5, Ranks { low: 6, high: 15 }) - 0.958_610_5).abs() < 1e-6);
    }

    #[test]
    fn no_interval_holds_the_truth_with_less_than_94_percent_and_few_with_more_than_96() {
        for q in [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995] {
            let needed = samples_needed(q);
            let (mut outside, mut all) = (0, 0);
            for samples in (needed..needed * 20).step_by(usize::try_from(needed / 10).unwrap()) {
                let found = ranks(samples, q).unwrap();
                let share = coverage(samples, q, found);
                assert!(share >= 0.94, "{samples} {q}: {share}");
                assert!(share <= 0.966, "{samples} {q}: {share}");
                assert!((share - by_factorials(samples, q, found)).abs() < 1e-9, "{samples} {q}");
                let rank = (q * samples as f64).ceil();
                assert!(found.low as f64 <= rank && rank <= found.high as f64, "{samples} {q} {found:?}");
                outside += u32::from(share > 0.96);
                all += 1;
            }
            assert!(outside * 10 <= all, "{q}: {outside} of {all} above 96 %");
        }
    }

    #[test]
    fn neither_tail_is_forgotten() {
        for (samples, q) in [(200, 0.95), (1_000, 0.99), (1_000, 0.5), (30_000, 0.999)] {
            let found = ranks(samples, q).unwrap();
            let below = coverage(samples, q, Ranks { low: 0, ..found }) - coverage(samples, q, found);
            let above = coverage(samples, q, Ranks { high: u64::MAX, ..found }) - coverage(samples, q, found);
            assert!((0.005..0.04).contains(&below), "{samples} {q}: {below} below");
            assert!((0.005..0.04).contains(&above), "{samples} {q}: {above} above");
        }
    }

    #[test]
    fn the_approximation_agrees_with_the_exact_ranks_where_it_takes_over() {
        for q in [0.001, 0.01, 0.1, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999] {
            for variance in [2_500.0, 5_000.0, EXACT_VARIANCE_MAX] {
                let samples = whole(variance / (q * (1.0 - q)));
                let (exactly, nearly) = (exact(samples, q), approximate(samples, q));
                let chance = coverage(samples, q, nearly);
                assert!((chance - CONFIDENCE).abs() < 0.002, "{samples} {q}: {chance}");
                let apart = exactly.low.abs_diff(nearly.low) + exactly.high.abs_diff(nearly.high);
                // Where a rank more or less makes no difference, the exact way may choose either.
                assert!(apart <= 4, "{samples} {q}: {exactly:?} {nearly:?}");
            }
        }
    }

    #[test]
    fn ranks_are_exact_up_to_a_variance_and_approximate_beyond() {
        for q in [0.1, 0.9, 0.95, 0.99] {
            let per_sample = q * (1.0 - q);
            // Where both ways give the same ranks nobody can tell which one was gone.
            let tells = |shares: [f64; 2]| {
                let [from, to] = shares.map(|share| whole(EXACT_VARIANCE_MAX * share / per_sample));
                let step = usize::try_from((to - from) / 50).unwrap();
                (from..to).step_by(step).find(|samples| exact(*samples, q) != approximate(*samples, q))
            };
            let below = tells([0.96, 1.0]).expect("a size at which both ways differ");
            assert_eq!(ranks(below, q), Some(exact(below, q)), "{below} {q}");
            let beyond = tells([1.001, 1.04]).expect("a size at which both ways differ");
            assert_eq!(ranks(beyond, q), Some(approximate(beyond, q)), "{beyond} {q}");
        }
    }

    #[test]
    fn the_approximation_misses_2_5_percent_on_either_side_to_within_half_a_rank() {
        for q in [0.001, 0.01, 0.9, 0.999] {
            let samples = whole(2.0 * EXACT_VARIANCE_MAX / (q * (1.0 - q)));
            for samples in samples..samples + 20 {
                let found = approximate(samples, q);
                let chance = |low, high| coverage(samples, q, Ranks { low, high });
                let sides = [
                    (chance(0, found.low), chance(found.low, found.low + 1)),
                    (chance(found.high, u64::MAX), chance(found.high, found.high + 1)),
                ];
                for (missed, of_a_rank) in sides {
                    assert!((missed - 0.025).abs() < 0.53 * of_a_rank, "{samples} {q}: {missed} {of_a_rank}");
                }
            }
        }
    }

    #[test]
    fn a_billion_samples_are_no_more_work() {
        let found = ranks(1_000_000_000, 0.5).unwrap();
        assert_eq!((found.low, found.high), (499_969_011, 500_030_990));
        let tail = ranks(u64::MAX, 0.999_999).unwrap();
        assert!(tail.low < tail.high && tail.high < u64::MAX);
    }
}
