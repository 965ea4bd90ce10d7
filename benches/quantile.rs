//! Medians and the interval around them, by order statistics: no assumption on how rounds scatter.
#![allow(dead_code, reason = "each bench uses its part")]

/// The middle of the values; the mean of the two middle ones of an even number.
pub(crate) fn median(values: &[f64]) -> f64 {
    let sorted = sorted(values);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

/// The narrowest pair of order statistics, equally far from both ends, that holds the true median with
/// at least 95 %: of 9 values the 2nd and 8th (96.1 %). `None` below six values, where no pair does.
pub(crate) fn median_interval(values: &[f64]) -> Option<(f64, f64)> {
    const MISSED_MAX: f64 = 0.05;
    let sorted = sorted(values);
    let n = sorted.len();
    // The median lies outside the k-th values with twice the chance of fewer than k heads in n tosses.
    let mut missed = 0.0;
    let mut term = 0.5_f64.powi(i32::try_from(n).ok()?);
    let mut k = 0;
    while k < n / 2 && 2.0 * (missed + term) <= MISSED_MAX {
        missed += term;
        term *= (n - k) as f64 / (k + 1) as f64;
        k += 1;
    }
    (k > 0).then(|| (sorted[k - 1], sorted[n - k]))
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}
